"""Rows on the device: dense ones, or the entries of sparse ones and where each row's are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_rows import Joined
from skmlp._keras.tensorflow import tf
from skmlp._kinds.sparse_inputs import SparseInputs


class Rows(NamedTuple):
    """Rows of all networks on the device, padded by rows of weight zero."""

    X: tf.Tensor  # (capacity, n_features) float32; of sparse ones, int32: see `row_arrays`
    y: tf.Tensor  # (capacity, n_outputs) float32 or (capacity,) int32; of an autoencoder, X
    weight: tf.Tensor  # (capacity,) float32
    offsets: list[int]  # where each network's rows begin
    n_rows: list[int]  # of each network
    n_sets: int  # distinct ones
    entries: tuple[tf.Tensor, ...]  # of sparse rows: columns and values


def placed(
    sets: Sequence[EncodedData],
    rows: Sequence[EncodedData],
    capacity: int,
    weight_tensor: Callable[[np.ndarray], tf.Tensor],
) -> Rows:
    """The rows of each network, which are all among the distinct `sets`.

    Weights rarely change between calls, so the program keeps their tensor.
    """
    ends = np.cumsum([data.n_rows for data in sets]).tolist()
    starts = dict(zip(sets, [0, *ends], strict=False))
    row_of_X, row_of_y, no_weight = padding_of(sets[0])
    X = tf.constant(padded(row_arrays(sets), row_of_X, capacity))
    y = X  # an autoencoder's targets are its rows
    if any(data.y is not data.X for data in sets):
        y = tf.constant(padded([data.y for data in sets], row_of_y, capacity))
    weight = [data.unit_weight() for data in sets]
    return Rows(
        X,
        y,
        weight_tensor(padded(weight, no_weight, capacity)),
        [starts[data] for data in rows],
        [data.n_rows for data in rows],
        len(sets),
        entries_of(sets),
    )


def row_arrays(sets: Sequence[EncodedData]) -> list[np.ndarray]:
    """An array of each set with a row for each of its rows.

    This is X; or of sparse rows the spans of their entries, which lie behind those of the sets
    before, (n_samples, 2) int32. The bits of a dense part follow as further columns.
    """
    if not sets[0].is_sparse:
        return [data.X for data in sets]
    n_before = np.cumsum([0, *(_sparse_part(data).nnz for data in sets)])
    return [
        np.hstack([_spans(_sparse_part(data), n), *_dense_bits(data)])
        for data, n in zip(sets, n_before, strict=False)
    ]


def _spans(rows: Any, n_before: int) -> np.ndarray:
    """Where each CSR row's entries begin and end, behind others."""
    ends = rows.indptr + n_before
    return np.column_stack([ends[:-1], ends[1:]]).astype(np.int32)


def _sparse_part(data: EncodedData) -> Any:
    return data.X.parts[0] if isinstance(data.X, Joined) else data.X


def _dense_bits(data: EncodedData) -> list[np.ndarray]:
    return [data.X.parts[1].view(np.int32)] if isinstance(data.X, Joined) else []


def inputs_of(
    X: tf.Tensor, entries: Sequence[tf.Tensor], n_columns: int, n_typical: int
) -> tf.Tensor | SparseInputs | Joined:
    """A network's inputs out of rows like those of `row_arrays`, with `n_typical` entries."""
    if not entries:
        return X
    n_dense = X.shape[-1] - 2
    spans, bits = tf.split(X, [2, n_dense], axis=-1)
    columns, values = entries
    inputs = SparseInputs(spans, columns, values, n_columns - n_dense, n_typical)
    return Joined([inputs, tf.bitcast(bits, tf.float32)]) if n_dense else inputs


def targets_of(y: tf.Tensor, X: tf.Tensor | SparseInputs | Joined) -> tf.Tensor:
    """A batch's targets; an autoencoder's are its inputs, which become dense here."""
    if not isinstance(X, SparseInputs):
        return y
    are_spans = y.dtype == tf.int32 and y.shape.rank == X.spans.shape.rank  # no class indices
    return X.dense() if are_spans else y


def entries_of(sets: Sequence[EncodedData]) -> tuple[tf.Tensor, ...]:
    """Columns and values of the entries of sparse rows, (n,) each; () for dense rows.

    n is rounded up to a power of 2, so that data sets of many sizes share a trace.
    """
    if not sets[0].is_sparse:
        return ()
    parts = [_sparse_part(data) for data in sets]
    capacity = 1 << sum(part.nnz for part in parts).bit_length()
    columns = [part.indices.astype(np.int32, copy=False) for part in parts]
    values = [part.data for part in parts]
    return (
        tf.constant(padded(columns, np.int32(0), capacity)),
        tf.constant(padded(values, np.float32(0), capacity)),
    )


def padding_of(data: EncodedData) -> tuple[Any, Any, Any]:
    """X, y and weight of a row of padding, which is kept out of all sums by weight 0: the first
    row, without entries if it is sparse.
    """
    row = row_arrays([data.rows(np.arange(1))])[0][0]
    if data.is_sparse:
        row[:2] = 0
    return row, row if data.y is data.X else data.y[0], np.float32(0)


def padded(sets: Sequence[np.ndarray], row: Any, n_rows: int) -> np.ndarray:
    """Rows, one set after the other, and copies of `row` up to `n_rows`."""
    rows = np.empty((n_rows, *np.shape(row)), sets[0].dtype)
    end = 0
    for part in sets:
        start, end = end, end + len(part)
        rows[start:end] = part
    rows[end:] = row
    return rows
