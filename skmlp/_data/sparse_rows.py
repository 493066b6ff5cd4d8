"""Sparse rows in one form, and when they are made dense for training."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

# A product with a sparse row takes a hundred times as long for each of its values as one with a
# dense row. So fuller rows are made dense, as long as the copy is small.
MAX_DENSITY = 0.02
MAX_BYTES_OF_DENSE = 2**28  # float32


def as_trained(rows: Any) -> np.ndarray | sparse.csr_array:
    """Rows to train on: dense, or CSR without duplicates, without zeros and in order.

    Equal rows have equal arrays in either form. Raises ValueError where duplicates add up to
    more than float32 holds.
    """
    if not sparse.issparse(rows):
        return rows
    rows = in_order(rows)
    n_numbers = rows.shape[0] * rows.shape[1]
    is_full = rows.nnz > MAX_DENSITY * n_numbers and 4 * n_numbers <= MAX_BYTES_OF_DENSE
    return rows.toarray() if is_full else rows


def in_order(rows: Any) -> sparse.csr_array:
    """CSR without duplicates, without zeros and in order; may share the arrays of `rows`."""
    # This picks int32 for indices that fit.
    rows = sparse.csr_array((rows.data, rows.indices, rows.indptr), rows.shape)
    if not rows.has_canonical_format or (rows.data == 0).any():
        rows = rows.copy()  # these are the user's arrays
        rows.sum_duplicates()
        rows.eliminate_zeros()
        assert_all_finite(rows.data, input_name="X")
    return rows


def dense(rows: Any) -> np.ndarray:
    return rows.toarray() if sparse.issparse(rows) else rows


def arrays_of(rows: Any) -> tuple[np.ndarray, ...]:
    """The arrays that hold dense or CSR rows, to be compared or hashed."""
    if sparse.issparse(rows):
        return rows.data, rows.indices, rows.indptr, np.array(rows.shape)
    return (rows,)
