"""The lock under which Keras layers are built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Lock

from skmlp._network.keras_network import KerasNetwork
from skmlp._network.model_text import SEEDING
from skmlp._network.spec import NetworkSpec

# Building Keras layers is not promised to be safe in two threads at once.
_BUILDING = Lock()


@contextmanager
def building(spec: NetworkSpec) -> Iterator[None]:
    """For the building of a network's Keras layers, which no two threads do at once.

    A whole model seeds Python's generator. The lock for this comes first: who holds it may fit
    an estimator, and wait for the other one.
    """
    has_model = any(isinstance(layer.kind, KerasNetwork) for layer in spec.layers())
    with SEEDING if has_model else nullcontext(), _BUILDING:
        yield
