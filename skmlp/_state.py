"""What training leaves behind: plain values and NumPy arrays, nothing of TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skmlp._spec import NetworkSpec


@dataclass(frozen=True)
class FittedState:
    """All that prediction needs, and all that training needs to go on."""

    spec: NetworkSpec
    weights: tuple[np.ndarray, ...]  # kernel, bias, kernel, bias, ...; float32
    seed: int  # every random number of this network's training derives from it
    optimizer: tuple[np.ndarray, ...] = ()  # the optimizer's variables, if it has made steps
    optimizer_name: str = ""  # which optimizer they belong to
    epochs: int = 0  # epochs trained so far, over all calls

    @property
    def kernels(self) -> list[np.ndarray]:
        """Weight matrices, each of shape (units in, units out)."""
        return list(self.weights[0::2])

    @property
    def biases(self) -> list[np.ndarray]:
        """Bias vectors, each of shape (units,)."""
        return list(self.weights[1::2])
