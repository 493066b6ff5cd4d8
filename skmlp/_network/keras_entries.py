"""Inputs and outputs of a user's Keras network, as columns of rows and of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from skmlp._kinds.layer_values import Shape

LARGEST = 2**24  # below, float32 holds all whole numbers


@dataclass(frozen=True)
class Entry:
    """An input of a Keras network: some columns of the rows."""

    name: str
    shape: Shape  # of a row
    dtype: str
    start: int = 0  # its first column
    n_positions: int | None = None  # of the smallest embedding that takes it, if one does

    @property
    def width(self) -> int:
        return prod(self.shape)

    def check(self, X: Any) -> None:
        """Refuse rows with positions that an embedding does not have, and whole numbers that
        float32 rounds.

        On a processor Keras refuses such positions too, but in training XLA would take the
        nearest one.
        """
        is_whole = self.dtype.startswith(("int", "uint"))
        if self.n_positions is None and not is_whole:
            return
        own = X[:, self.start : self.start + self.width]
        if is_whole and abs(own).max() >= LARGEST:
            raise ValueError(
                f"'X' must hold numbers below 2**24 for the {self.dtype} input {self.name!r}, "
                f"since rows are float32; got {abs(own).max():.0f}; map them to small ones."
            )
        if self.n_positions is None:
            return
        low, high = np.trunc(own.min()), np.trunc(own.max())
        outside = low if low < 0 else high
        if not 0 <= outside < self.n_positions:
            raise ValueError(
                f"'X' must hold positions below {self.n_positions} and none below 0 for the "
                f"Embedding of input {self.name!r}; got {outside:.0f}; raise its "
                "'input_dim', or map unknown values to a position of their own."
            )


class Head(NamedTuple):
    """An output of a Keras network: some columns of its predictions."""

    name: str
    width: int
    activation: str = "linear"  # that its loss applies to it, which makes predictions
