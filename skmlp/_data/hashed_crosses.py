"""Crosses of two columns whose combinations of categories share buckets.

A hashed cross is two factors like a cross's terms, (2, 2): (column, -1) is the column's value;
(column, k) hashes the column's categories, where k is the number of buckets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import murmurhash3_32

from skmlp._data.columns import (
    NOWHERE,
    NUMBER,
    TERM,
    Entries,
    as_csr,
    crossed_terms,
    entries,
    n_entries,
    values,
)
from skmlp._data.sparse_rows import dense, is_full

PRIME = 2**31 - 1  # products of two numbers below it fit into int64


def crossed_inputs(
    rows: Any,
    pairs: Sequence[np.ndarray],
    n_categories: dict[int, int],
    n_buckets: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Crosses, (n_crosses, 2, 2), and hashed crosses, (n_hashed, 2, 2), of pairs of columns.

    A pair of more crosses than `n_buckets` is hashed; None hashes none.
    """
    none = np.empty((0, 2, 2), dtype=TERM)
    exact, hashed = [none], [none]
    for pair in pairs:
        crosses = crossed_terms(rows, pair, n_categories)
        if n_buckets is None or len(crosses) <= n_buckets:
            exact.append(crosses)
        else:
            buckets = [n_buckets if column in n_categories else NUMBER for column in pair]
            hashed.append(np.array([pair, buckets]).T[None])
    return np.concatenate(exact), np.concatenate(hashed)


def bucket_counts(crosses: np.ndarray) -> np.ndarray:
    """Buckets of each hashed cross, (n_crosses,)."""
    return crosses[:, :, 1].max(axis=1)


def hashes(codes: np.ndarray, side: int) -> np.ndarray:
    """Numbers in [1, `PRIME`) for the codes of categories; 0 where the code is -1.

    They differ between the left factor of a cross, side 0, and the right one, side 1, so that
    (a, b) and (b, a) mostly have different buckets.
    """
    codes = codes.astype(np.int32)
    numbers = murmurhash3_32(codes, seed=side, positive=True).astype(np.int64)
    return np.where(codes < 0, 0, numbers % (PRIME - 1) + 1)


def hashes_of_column(estimator: Any, column: int, side: int) -> np.ndarray:
    """`hashes` of the codes from -1 on that a column of a fitted estimator may have."""
    categories = estimator.categories_[estimator.feature_names_in_[column]]
    return hashes(np.arange(-1, len(categories)), side)


def bucket_entries(rows: np.ndarray, crosses: np.ndarray, first: int = 0) -> Entries:
    """The buckets of rows of numbers and codes, (n_samples, n_crosses), from column `first` on.

    A row whose category is missing or unknown has no bucket.
    """
    counts = bucket_counts(crosses)
    starts = first + np.cumsum(counts) - counts
    columns = np.empty((len(rows), len(crosses)), np.int32)
    value = np.ones(columns.shape, np.float32)
    for i, factors in enumerate(crosses):
        key = np.ones(len(rows), np.int64)
        for side, (column, n_buckets) in enumerate(factors):
            if n_buckets == NUMBER:
                value[:, i] *= rows[:, column]
            else:
                key = key * hashes(rows[:, column], side) % PRIME
        # no product of hashes is 0
        columns[:, i] = np.where(key > 0, starts[i] + key % counts[i], NOWHERE)
    return columns, value


def wide_values(
    rows: Any, inputs: np.ndarray, crosses: np.ndarray, hashed: np.ndarray
) -> np.ndarray | sparse.csr_array:
    """Values of the terms `inputs`, crosses and buckets side by side, (n_samples, n) float32.

    They are sparse for sparse rows, and where most of them are zero.
    """
    first = len(inputs) + len(crosses)
    width = first + int(bucket_counts(hashed).sum())
    n_of_row = n_entries(inputs) + n_entries(crosses) + len(hashed)
    shape = rows.shape[0], width
    if sparse.issparse(rows):
        return sparse.hstack([values(rows, inputs), values(rows, crosses)], format="csr")
    if is_full(n_of_row * len(rows), shape):
        parts = [values(rows, inputs), values(rows, crosses)]
        if len(hashed):
            parts.append(as_csr([bucket_entries(rows, hashed)], width - first))
        return np.hstack([dense(part) for part in parts])
    sets = [
        entries(rows, inputs),
        entries(rows, crosses, len(inputs)),
        bucket_entries(rows, hashed, first),
    ]
    return as_csr(sets, width)
