"""Sparse rows in one form, and when they are made dense for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

# A product with a sparse row takes a hundred times as long for each of its values as one with a
# dense row. So fuller rows are made dense, as long as the copy is small.
MAX_DENSITY = 0.02
MAX_BYTES_OF_DENSE = 2**28  # float32
MAX_ENTRIES = 2**31 - 1  # the engine counts them by int32


def canonical(rows: Any) -> sparse.csr_array:
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


def dense_if_full(rows: Any) -> np.ndarray | sparse.csr_array:
    """The rows, made dense where training on dense rows is faster."""
    makes_dense = sparse.issparse(rows) and is_full(rows.nnz, rows.shape)
    return rows.toarray() if makes_dense else rows


def is_full(n_entries: int, shape: tuple[int, int]) -> bool:
    """Whether rows with this many non-zero entries are made dense for training."""
    n_numbers = shape[0] * shape[1]
    return n_entries >= MAX_DENSITY * n_numbers and 4 * n_numbers <= MAX_BYTES_OF_DENSE


@dataclass(frozen=True, eq=False)
class Joined:
    """Columns side by side, of which some are sparse: arrays, or tensors and `SparseInputs`."""

    parts: Sequence[Any]  # (..., rows, columns)

    @property
    def shape(self) -> tuple[Any, ...]:
        return *self.parts[0].shape[:-1], sum(part.shape[-1] for part in self.parts)

    def __getitem__(self, key: Any) -> Any:
        """Some rows by an index, or columns by `[..., start:end]`, as of an array or tensor."""
        if isinstance(key, tuple):
            assert key[0] is ...
            return self.columns(key[1].start, key[1].stop)
        return self.rows(key)

    def rows(self, index: Any) -> Joined:
        return Joined([part[index] for part in self.parts])

    def columns(self, start: int, end: int) -> Any:
        """Columns of a single part, in the form of that part."""
        first = 0
        for part in self.parts:
            last = first + part.shape[-1]
            if first <= start and end <= last:
                is_whole = (start, end) == (first, last)
                return part if is_whole else part[..., start - first : end - first]
            first = last
        raise AssertionError(f"columns {start} to {end} are not of one part")

    def __matmul__(self, kernel: Any) -> Any:
        """The product with a kernel, (..., columns, units)."""
        start, products = 0, []
        for part in self.parts:
            end = start + part.shape[-1]
            products.append(part @ kernel[..., start:end, :])
            start = end
        return sum(products[1:], products[0])

    def astype(self, dtype: DTypeLike, copy: bool = True) -> Joined:
        return Joined([part.astype(dtype, copy=copy) for part in self.parts])


# A dense array, a CSR array, or a CSR part and a dense one that are `Joined`.
Matrix: TypeAlias = Any


def is_sparse(rows: Any) -> bool:
    """Whether an array is CSR, or has CSR parts."""
    return sparse.issparse(rows) or isinstance(rows, Joined)


def side_by_side(wide: Any, deep: Any) -> Matrix:
    """Columns to train on, each side dense or sparse."""
    if sparse.issparse(wide):
        wide = canonical(wide)
    if not deep.shape[1]:
        return wide
    if sparse.issparse(deep):
        return canonical(sparse.hstack([wide, deep], format="csr"))
    return Joined([wide, deep]) if sparse.issparse(wide) else np.hstack([wide, deep])


def dense(rows: Any) -> np.ndarray:
    if isinstance(rows, Joined):
        return np.hstack([dense(part) for part in rows.parts])
    return rows.toarray() if sparse.issparse(rows) else rows


def arrays_of(rows: Any) -> tuple[np.ndarray, ...]:
    """The arrays that hold rows, to be compared or hashed."""
    if isinstance(rows, Joined):
        return tuple(array for part in rows.parts for array in arrays_of(part))
    if sparse.issparse(rows):
        return rows.data, rows.indices, rows.indptr, np.array(rows.shape)
    return (rows,)


def bytes_of_rows(rows: Any) -> list[bytes]:
    """The same bytes for equal rows; entries must be in order."""
    if isinstance(rows, Joined):
        return [b"".join(parts) for parts in zip(*map(bytes_of_rows, rows.parts), strict=True)]
    if not sparse.issparse(rows):
        return [row.tobytes() for row in rows]
    return [
        rows.indices[start:end].tobytes() + rows.data[start:end].tobytes()
        for start, end in pairwise(rows.indptr)
    ]
