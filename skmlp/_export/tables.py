"""The inputs that tabular and wide & deep estimators make of columns for their networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skmlp._data.columns import NUMBER
from skmlp._data.hashed_crosses import PRIME, hashes_of_column
from skmlp._data.sparse_tables import SparseEncoder, not_exported
from skmlp._data.table_columns import NUMBERS
from skmlp._data.table_inputs import CLIP, FURTHEST, CategoryInputs, NumberInputs, Scale
from skmlp._data.tables import TableEncoder
from skmlp._export.categories import looked_up
from skmlp._export.columns import Column, Tensor, numbers, ops, side_by_side

Make = Callable[[], Tensor]


def encoded_table(
    encoder: TableEncoder | SparseEncoder, columns: Sequence[Column], step: str
) -> Make:
    """A function that makes the inputs of the tabular networks, as `TableEncoder.encode`."""
    if isinstance(encoder, SparseEncoder):
        raise ValueError(not_exported(encoder))
    scaled: list[tuple[Column, Scale]] = []
    indicators: list[Make] = []
    codes: list[Make] = []
    for i, (inputs, column) in enumerate(zip(encoder.columns, columns, strict=True)):
        place = f"column {i} of {step}"
        if isinstance(inputs, NumberInputs):
            scaled.append((column, _scale(inputs, place)))
            indicators += _missing(inputs, column, place)
            indicators += _others(inputs, column, place)
            codes += _amounts(inputs, column, place)
        elif inputs.n_codes:
            values = range(1, len(inputs.categories) + 1)
            codes.append(looked_up(column, inputs.categories, values, place, unknown=0))
        elif inputs.n_indicators:
            indicators += _categories(inputs, column, place)
    make_numbers = numbers([column for column, _ in scaled], step) if scaled else None

    def make() -> Tensor:
        parts = [each() for each in indicators + codes]
        if make_numbers:
            parts.insert(0, _scaled(make_numbers(), [scale for _, scale in scaled]))
        return side_by_side(parts)

    return make


def _scale(inputs: NumberInputs, place: str) -> Scale:
    if inputs.kind != NUMBERS:
        raise ValueError(
            "'estimator' must take numbers, texts and booleans; got "
            f"{inputs.kind} in {place}; turn them into numbers before fit."
        )
    return inputs.scales["value"]


def _scaled(x: Tensor, scales: Sequence[Scale]) -> Tensor:
    """Each column as `Scale.scaled` makes it.

    Near the limit CLIP, bins of piecewise linear embeddings may be so narrow that the last bit
    counts. There z / sqrt(1 + q) with q = (z / CLIP)² is CLIP minus a small term, CLIP / (r
    (r + 1) q) with r = sqrt(1 + 1 / q), of which all bits of the difference are right.
    """
    median = np.array([2 * scale.half_median for scale in scales])
    spread = np.array([2 * scale.half_spread for scale in scales])
    z = (x - median.astype(np.float32)) * (1 / spread).astype(np.float32)
    z = ops.clip(ops.where(ops.isnan(x), 0.0, z), -FURTHEST, FURTHEST)
    q = ops.square(z / CLIP)
    root = ops.sqrt(1 + 1 / ops.maximum(q, 1))
    far = CLIP - CLIP / (root * (root + 1) * ops.maximum(q, 1))
    return ops.where(q > 1, ops.sign(z) * far, z / ops.sqrt(1 + q))


def _missing(inputs: NumberInputs, column: Column, place: str) -> list[Make]:
    if not inputs.has_indicator:
        return []
    make = numbers([column], place)
    return [lambda: ops.cast(ops.isnan(make()), "float32")]


def _others(inputs: NumberInputs, column: Column, place: str) -> list[Make]:
    if not inputs.marks_others:
        return []
    return [looked_up(column, (inputs.median,), [0], place, unknown=1, missing=0)]


def _amounts(inputs: NumberInputs, column: Column, place: str) -> list[Make]:
    if not inputs.amounts:
        return []
    values = range(1, len(inputs.amounts) + 1)
    return [looked_up(column, inputs.amounts, values, place, unknown=0)]


def _categories(inputs: CategoryInputs, column: Column, place: str) -> list[Make]:
    n = len(inputs.categories)
    if n == 1:
        return [looked_up(column, inputs.categories, [1], place, unknown=0, missing=-1)]
    if n == 2:
        return [looked_up(column, inputs.categories, [-1, 1], place, unknown=0)]
    position = looked_up(column, inputs.categories, range(1, n + 1), place, unknown=0)
    known = np.arange(1, n + 1, dtype=np.float32)
    return [lambda: ops.cast(ops.equal(position(), known), "float32")]


def wide_and_deep_inputs(estimator: Any, columns: Sequence[Column], step: str) -> Make:
    """A function that makes wide inputs, crosses, buckets of crosses and deep inputs."""
    names = list(getattr(estimator, "feature_names_in_", range(len(columns))))
    makers = []
    for column, name in zip(columns, names, strict=True):
        known = estimator.categories_.get(name)
        if known is None:
            makers.append(numbers([column], step))
        else:
            makers.append(looked_up(column, known, range(len(known)), step, unknown=-1))

    def make() -> Tensor:
        rows = side_by_side([each() for each in makers])
        left, right = estimator.cross_inputs_.transpose(1, 0, 2)
        parts = [_values(rows, estimator.wide_inputs_)] if len(estimator.wide_inputs_) else []
        if len(left):
            parts.append(_values(rows, left) * _values(rows, right))
        parts += [_buckets(rows, hashed, estimator) for hashed in estimator.hashed_crosses_]
        if len(estimator.deep_inputs_):
            parts.append(_values(rows, estimator.deep_inputs_))
        return side_by_side(parts)

    return make


def _values(rows: Tensor, terms: np.ndarray) -> Tensor:
    """Values of terms, as `skmlp._data.columns.values`."""
    columns, codes = terms.T
    found = ops.take(rows, columns.astype(np.int32), axis=1)
    is_number = codes == NUMBER
    if is_number.all():
        return found
    indicators = ops.cast(ops.equal(found, codes.astype(np.float32)), "float32")
    return ops.where(is_number, found, indicators)


def _buckets(rows: Tensor, factors: np.ndarray, estimator: Any) -> Tensor:
    """Values of a hashed cross, as `skmlp._data.hashed_crosses.bucket_entries`."""
    key, number = np.ones((1, 1), np.int64), np.float32(1)
    for side, (column, n_buckets) in enumerate(factors):
        value = rows[:, column : column + 1]
        if n_buckets == NUMBER:
            number = value
        else:
            table = hashes_of_column(estimator, column, side)
            hashes = ops.take(table, ops.cast(value + 1, "int32"), axis=0)
            key = ops.mod(hashes * key, np.int64(PRIME))
    count = int(factors[:, 1].max())
    bucket = ops.where(key > 0, ops.mod(key, np.int64(count)), np.int64(-1))
    return ops.cast(ops.equal(bucket, np.arange(count)), "float32") * number
