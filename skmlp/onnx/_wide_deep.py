"""Inputs of wide & deep networks as ONNX nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._data.columns import NUMBER
from skmlp._data.hashed_crosses import PRIME, hashes_of_column
from skmlp.onnx._graph import FLOAT, INT64, STRING, Graph, NotInONNXError, Value
from skmlp.onnx._inputs import codes, columns, number_rows


def wide_deep_rows(operator: Any, graph: Graph) -> Value:
    """Wide inputs, crosses, buckets of crosses and deep inputs side by side."""
    estimator, rows = operator.raw_operator, _rows_of_codes(operator, graph)
    wide, crosses = estimator.wide_inputs_, estimator.cross_inputs_
    deep = estimator.deep_inputs_
    parts = [_values(rows, wide)] if len(wide) else []
    if len(crosses):
        parts.append(_values(rows, crosses[:, 0]) * _values(rows, crosses[:, 1]))
    parts += [_buckets(rows, hashed, estimator) for hashed in estimator.hashed_crosses_]
    parts += [_values(rows, deep)] if len(deep) else []
    return graph.joined(parts)


def _rows_of_codes(operator: Any, graph: Graph) -> Value:
    """Numbers, and codes from 0 where a column has categories; -1 for others."""
    estimator = operator.raw_operator
    if not estimator.categories_:
        return number_rows(operator, graph)
    found = []
    for name, (shown, value) in zip(
        estimator.feature_names_in_, columns(operator, graph), strict=True
    ):
        if name in estimator.categories_:
            value = codes(value, estimator.categories_[name], shown, first=0)
        elif value.dtype == STRING:
            raise NotInONNXError(
                f"'X' must hold numbers in {shown}, as in fit; got text; declare the input as "
                "FloatTensorType."
            )
        found.append(value.cast(FLOAT))
    return graph.joined(found)


def _values(rows: Value, terms: np.ndarray) -> Value:
    """Values of terms: see `_data/columns.py`."""
    positions, code = terms.T
    found = rows.columns(positions)
    is_number = code == NUMBER
    if is_number.all():
        return found
    indicators = found.equals(code[None].astype(np.float32)).cast(FLOAT)
    if not is_number.any():
        return indicators
    return rows.graph.constant(is_number[None], np.dtype(bool)).where(found, indicators)


def _buckets(rows: Value, factors: np.ndarray, estimator: Any) -> Value:
    """Values of a hashed cross: see `_data/hashed_crosses.py`."""
    number, keys = None, []
    for side, (column, n_buckets) in enumerate(factors):
        value = rows.columns([column])
        if n_buckets == NUMBER:
            number = value
        else:
            table = hashes_of_column(estimator, column, side)
            known = rows.graph.constant(table, INT64)
            code = (value + 1.0).cast(INT64)
            keys.append(known.op("Gather", code))
    key = keys[0] if len(keys) == 1 else (keys[0] * keys[1]).op("Mod", PRIME)
    count = factors[:, 1].max()
    none = rows.graph.constant([[-1]], INT64)
    bucket = key.equals(0).where(none, key.op("Mod", count))
    indicators = bucket.equals(np.arange(count)[None]).cast(FLOAT)
    return indicators if number is None else indicators * number
