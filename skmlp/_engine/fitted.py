"""A fitted network: plain values and NumPy arrays, nothing of TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from skmlp._engine.state import TrainingState
from skmlp._kinds.base import Dense, Weights
from skmlp._network.spec import NetworkSpec


@dataclass(frozen=True)
class FittedNetwork:
    """All that prediction needs, and how far training has come."""

    spec: NetworkSpec
    weights: Weights  # float32
    training: TrainingState = field(default_factory=lambda: TrainingState(seed=0))

    def at_rest(self) -> FittedNetwork:
        """The part that an estimator keeps: to predict, and for the next call to resume."""
        n_numbers = sum(array.size for array in self.arrays)
        return replace(self, training=self.training.at_rest(n_numbers))

    def to_predict(self) -> FittedNetwork:
        """The part that prediction needs; without Adam's moments, a third of the numbers."""
        return replace(self, training=TrainingState(self.training.seed))

    @property
    def arrays(self) -> list[np.ndarray]:
        """All weights, layer by layer."""
        return [array for arrays in self.weights for array in arrays]

    @property
    def kernels(self) -> list[np.ndarray]:
        """Copies of the kernels up to the main output, each of shape (units in, units out)."""
        return [kernel.copy() for kernel, *_ in self._dense()]

    @property
    def biases(self) -> list[np.ndarray]:
        """Copies of the bias vectors, each of shape (units,); zeros where a layer has none."""
        return [
            bias[0].copy() if bias else np.zeros(kernel.shape[1], dtype=np.float32)
            for kernel, *bias in self._dense()
        ]

    def _dense(self) -> list[tuple[np.ndarray, ...]]:
        layers = zip(self.spec.layers(), self.weights, strict=True)
        return [
            arrays
            for layer, arrays in layers
            if isinstance(layer.kind, Dense) and layer.name != "auxiliary"
        ]
