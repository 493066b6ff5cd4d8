"""Rows in the form that the engine takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from skmlp._data.sparse_rows import Matrix, arrays_of, bytes_of_rows, is_sparse


@dataclass(frozen=True, eq=False)
class EncodedData:
    """Rows that the engine can train on or measure."""

    X: Matrix  # (n_samples, n_features) float32
    # (n_samples, n_outputs) float32, or (n_samples,) int32 class indices; of an autoencoder, X
    y: Matrix
    weight: np.ndarray  # (n_samples,) float64, not negative, at least one positive

    @property
    def n_rows(self) -> int:
        return self.X.shape[0]

    @property
    def is_sparse(self) -> bool:
        return is_sparse(self.X)

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays, to be compared or hashed."""
        return *arrays_of(self.X), *arrays_of(self.y), self.weight

    def unit_weight(self) -> np.ndarray:
        """Weights of mean 1, (n_samples,) float32.

        The loss of a batch is its weighted sum over its number of rows, as in Keras. With
        mean 1, the loss over all rows is their weighted mean: a weight of 2 equals repeating
        the row, a weight of 0 removing it.
        """
        return (self.weight / self.weight.mean()).astype(np.float32)

    def rows(self, index: np.ndarray) -> EncodedData:
        X = self.X[index]
        y = X if self.y is self.X else self.y[index]
        return EncodedData(X, y, self.weight[index])

    def merged(self) -> EncodedData:
        """Merge equal rows and add their weights.

        For full batches this changes only rounding. Repeated rows and weights then agree to
        the last bit, in any order of rows.
        """
        order, is_first = self._grouped()
        summed = np.add.reduceat(self.weight[order], np.flatnonzero(is_first))
        return replace(self.rows(order[is_first]), weight=summed)

    def in_order(self) -> EncodedData:
        """The rows in an order that does not depend on the present one."""
        by_weight = self.rows(np.argsort(self.weight, kind="stable"))
        order, _ = by_weight._grouped()
        return by_weight.rows(order)

    def _grouped(self) -> tuple[np.ndarray, np.ndarray]:
        """An order in which equal rows follow each other, and where the first of each is."""
        if self.is_sparse:
            keys = bytes_of_rows(self.X)
            if self.y is not self.X:
                rows = zip(keys, bytes_of_rows(self.y), strict=True)
                keys = [b"".join(parts) for parts in rows]
            order = np.array(sorted(range(len(keys)), key=keys.__getitem__))
            is_new = [keys[i] != keys[j] for i, j in pairwise(order)]
            return order, np.array([True, *is_new])
        columns = np.hstack([self.X, self.y.reshape(self.n_rows, -1)])
        # np.unique(axis=0) does the same and takes three times as long for few rows.
        order = np.lexsort(columns.T[::-1])
        ordered = columns[order]
        return order, np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1))
