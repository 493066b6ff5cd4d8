"""Sparse rows of many columns as inputs of the tabular networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

from skmlp._data.sparse_rows import Matrix, canonical, dense_if_full, side_by_side
from skmlp._data.table_inputs import FURTHEST, squashed
from skmlp._data.tables import TableEncoder

MAX_COLUMNS = 100  # a sparse X of no more is a table like a dense one
FULL = 0.5  # share of values that are not zero


@dataclass(frozen=True)
class SparseEncoder:
    """How sparse columns become the inputs of a network, learned in fit.

    A column that is mostly zero is divided by the median size of its other values, and clipped
    smoothly as numbers of a table are. It is not centred, since its median is zero; a missing
    value counts as zero. The spread of the values among themselves would tell nothing of their
    distance from zero, and one large value as the divisor would make all others small. A column
    without values has no input. Fuller columns are treated as in a table.
    """

    columns: np.ndarray  # (n_sparse,) positions of the columns that are mostly zero
    spreads: np.ndarray  # (n_sparse,) float64
    full: np.ndarray  # (n_full,) positions of the fuller columns
    table: TableEncoder  # of the fuller columns

    @classmethod
    def learn(cls, X: Any, categorical_features: Any, weight: np.ndarray) -> SparseEncoder:
        """Learn from CSR rows of a fit, with values or NaN; see `TableEncoder.learn`."""
        is_default = isinstance(categorical_features, str) or categorical_features is None
        if not is_default and np.size(categorical_features):
            raise ValueError(
                f"'categorical_features' must be 'from_dtype' or None for a sparse X of more "
                f"than {MAX_COLUMNS} columns; got {categorical_features!r}; encode categories "
                "by a OneHotEncoder."
            )
        X = _checked(X)
        share = np.bincount(X.indices, weight[_row_of_entry(X)], X.shape[1]) / weight.sum()
        full = np.flatnonzero(share > FULL)
        spreads = _medians_of_sizes(_without_nan(X), weight)
        columns = np.flatnonzero((spreads > 0) & (share <= FULL))
        if not len(columns) + len(full):
            raise ValueError(
                f"'X' must have a value that is not zero; got {X.shape[1]} columns without one."
            )
        table = TableEncoder.learn(X[:, full].toarray(), None, weight)
        return cls(columns, spreads[columns], full, table)

    @property
    def n_sparse(self) -> int:
        """Number of sparse inputs, which come first."""
        return len(self.columns)

    @property
    def n_numeric(self) -> int:
        return self.table.n_numeric

    @property
    def n_indicators(self) -> int:
        return self.table.n_indicators

    @property
    def n_levels(self) -> tuple[int, ...]:
        return self.table.n_levels

    @property
    def n_inputs(self) -> int:
        return self.n_sparse + self.table.n_inputs

    def encode(self, X: Any) -> Matrix:
        """Inputs of CSR rows, (n_samples, n_inputs) float32.

        The sparse ones stay sparse, unless many of their values are not zero.
        """
        X = _checked(X)
        table = self.table.encode(X[:, self.full].toarray())
        return side_by_side(dense_if_full(self._sparse_values(X)), table)

    def _sparse_values(self, X: Any) -> sparse.csr_array:
        values = _without_nan(X)[:, self.columns].astype(np.float64)
        with np.errstate(over="ignore"):
            values.data /= self.spreads[values.indices]
        values.data = squashed(values.data.clip(-FURTHEST, FURTHEST))
        return values.astype(np.float32)


def not_exported(encoder: SparseEncoder) -> str:
    """The error of an export of an estimator with this encoder."""
    return (
        "'estimator' must be fitted on a dense table or a sparse X of at most "
        f"{MAX_COLUMNS} columns; got one with {encoder.n_sparse} sparse columns; export an MLP "
        "estimator, whose exports take the same rows as dense ones."
    )


def _checked(X: Any) -> sparse.csr_array:
    X = canonical(X)
    assert_all_finite(X.data, allow_nan=True, input_name="X")  # sums of duplicates
    return X


def _row_of_entry(X: Any) -> np.ndarray:
    return np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))


def _without_nan(X: Any) -> sparse.csr_array:
    missing = np.isnan(X.data)
    if not missing.any():
        return X
    X = X.copy()
    X.data[missing] = 0
    X.eliminate_zeros()
    return X


def _medians_of_sizes(X: Any, weight: np.ndarray) -> np.ndarray:
    """The weighted median of the absolute values of each column's entries; 0 without any.

    It is the least with half of the weight at or below it, as `quantiles` has it.
    """
    sizes = np.abs(X.data)
    order = np.lexsort((sizes, X.indices))
    total = np.cumsum(weight[_row_of_entry(X)[order]])
    n_entries = np.bincount(X.indices, minlength=X.shape[1])
    ends = np.cumsum(n_entries)
    total_before = np.append(0, total)
    starts = ends - n_entries
    low, high = total_before[starts], total_before[ends]
    # A tiny weight may not change the running sum; stay within the column's own entries.
    place = np.searchsorted(total, (low + high) / 2)
    place = np.clip(place, starts, np.maximum(ends - 1, 0))
    medians = np.zeros(X.shape[1])
    has_entries = n_entries > 0
    medians[has_entries] = sizes[order][place[has_entries]]
    return medians
