"""Sparse rows in one form, and when they are made dense for training."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

# A product with a sparse row takes a hundred times as long for each of its values as one with a
# dense row. So fuller rows are made dense, as long as the copy is small.
MAX_DENSITY = 0.02
MAX_BYTES_OF_DENSE = 2**28  # float32


def in_order(rows: Any) -> sparse.csr_array:
    """CSR without duplicates, without zeros and in order, so that equal rows have equal arrays.

    It may share the arrays of `rows`, which are left as they are.
    """
    # This picks int32 for indices that fit.
    rows = sparse.csr_array((rows.data, rows.indices, rows.indptr), rows.shape)
    if not rows.has_canonical_format or (rows.data == 0).any():
        rows = rows.copy()
        rows.sum_duplicates()
        rows.eliminate_zeros()
    return rows


def dense_if_full(rows: sparse.csr_array) -> np.ndarray | sparse.csr_array:
    """The rows in the form in which they are trained on faster."""
    n_numbers = rows.shape[0] * rows.shape[1]
    is_full = rows.nnz > MAX_DENSITY * n_numbers and 4 * n_numbers <= MAX_BYTES_OF_DENSE
    return rows.toarray() if is_full else rows


def dense(rows: Any) -> np.ndarray:
    return rows.toarray() if sparse.issparse(rows) else rows


def arrays_of(rows: Any) -> tuple[np.ndarray, ...]:
    """The arrays that hold dense or CSR rows, to be compared or hashed."""
    if sparse.issparse(rows):
        return rows.data, rows.indices, rows.indptr, np.array(rows.shape)
    return (rows,)
