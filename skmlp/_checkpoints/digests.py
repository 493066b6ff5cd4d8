"""Hashes of arrays, by which a checkpoint tells data and weights apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from skmlp._engine.fitted import FittedNetwork


def digest_of_start(start: FittedNetwork | None) -> str:
    """A hash of all that a warm start resumes."""
    if start is None:
        return digest(())
    state = start.training
    now = () if state.now is None else (state.now,)
    arrays = [*start.arrays, *now, *state.optimizer]
    return f"{digest(arrays)} {state.epochs_before} {state.plateau_before}"


def digest_of_layers(layers: Mapping[str, Iterable[np.ndarray]]) -> str:
    """A hash of arrays by layer."""
    return f"{', '.join(layers)} {digest(array for of in layers.values() for array in of)}"


def digest(arrays: Iterable[np.ndarray]) -> str:
    """A hash of arrays' shapes, dtypes and bytes."""
    hashed = hashlib.blake2b(digest_size=16)
    for array in arrays:
        hashed.update(f"{array.dtype} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()
