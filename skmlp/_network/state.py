"""What training leaves behind: plain values and NumPy arrays, nothing of TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from skmlp._network.spec import NetworkSpec

Weights = tuple[tuple[np.ndarray, ...], ...]  # of every layer its arrays, in Keras's order


@dataclass(frozen=True)
class Progress:
    """All that training needs to go on as if it had never ended."""

    seed: int  # every random number of this network's training derives from it
    epochs: int = 0  # trained so far, over all calls
    optimizer: tuple[np.ndarray, ...] = ()  # the optimizer's variables, if it has made steps
    optimizer_name: str = ""  # which optimizer they belong to
    # The weights that training goes on with, where predictions use their moving average.
    raw_weights: Weights | None = None
    # Of schedule "plateau": factor of the learning rate, best value, and epochs waited.
    plateau: tuple[float, float, int] | None = None


@dataclass(frozen=True)
class FittedState:
    """All that prediction needs, and how far training came."""

    spec: NetworkSpec
    weights: Weights  # float32
    progress: Progress = field(default_factory=lambda: Progress(seed=0))

    @property
    def arrays(self) -> list[np.ndarray]:
        """All weights, layer by layer."""
        return [array for arrays in self.weights for array in arrays]

    @property
    def kernels(self) -> list[np.ndarray]:
        """Weight matrices up to the main output, each of shape (units in, units out)."""
        return [arrays[0] for arrays in self._dense()]

    @property
    def biases(self) -> list[np.ndarray]:
        """Bias vectors, each of shape (units,); zeros where a layer has none."""
        return [
            arrays[1] if len(arrays) > 1 else np.zeros(arrays[0].shape[1], dtype=np.float32)
            for arrays in self._dense()
        ]

    def _dense(self) -> list[tuple[np.ndarray, ...]]:
        layers = zip(self.spec.layers(), self.weights, strict=True)
        return [
            arrays
            for layer, arrays in layers
            if layer.kind == "dense" and layer.name != "auxiliary"
        ]
