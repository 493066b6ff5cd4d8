"""Weights that training begins with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from skmlp._kinds.base import Weights
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.keras_model import check_initializer, initial_weights
from skmlp._network.mlp import MLPSpec
from skmlp._network.spec import NetworkSpec
from skmlp._network.tabular import TabularSpec, first_tabular_weights

# (network, seed, weights of its layers as they are built) -> weights
First = Callable[[NetworkSpec, int, Weights], Weights]


@dataclass(frozen=True)
class DrawnKernels:
    """Kernels of dense layers drawn by an initializer.

    Raises ValueError for the name of an initializer that Keras does not know.
    """

    initializer: Any = "auto"

    def __post_init__(self) -> None:
        check_initializer(self.initializer)

    def __call__(self, spec: NetworkSpec, seed: int, built: Weights) -> Weights:
        assert isinstance(spec, (MLPSpec, AutoencoderSpec))
        return initial_weights(built, spec, self.initializer, seed)


@dataclass(frozen=True, eq=False)
class DrawnTabular:
    """Weights of a tabular network, drawn beside the bins of its numeric inputs."""

    bin_edges: np.ndarray  # (n_numeric, n_bins + 1)

    def __call__(self, spec: NetworkSpec, seed: int, built: Weights) -> Weights:
        assert isinstance(spec, TabularSpec)
        return first_tabular_weights(spec, self.bin_edges, seed)


@dataclass(frozen=True, eq=False)
class AsBuilt:
    """The arrays of a user's network, in its order."""

    arrays: Sequence[np.ndarray]

    def __call__(self, spec: NetworkSpec, seed: int, built: Weights) -> Weights:
        left = iter(self.arrays)
        return tuple(tuple(islice(left, len(of_layer))) for of_layer in built)


@dataclass(frozen=True, eq=False)
class Given:
    """Weights that were trained before."""

    weights: Weights

    def __call__(self, spec: NetworkSpec, seed: int, built: Weights) -> Weights:
        return self.weights
