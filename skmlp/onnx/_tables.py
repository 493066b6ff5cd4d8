"""The inputs that tabular estimators make of a table, as ONNX nodes; see `_data/tables.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._data.table_columns import NUMBERS
from skmlp._data.table_inputs import CLIP, CategoryInputs, NumberInputs, Scale
from skmlp._data.tables import TableEncoder
from skmlp.onnx._graph import DOUBLE, FLOAT, STRING, Graph, Value
from skmlp.onnx._inputs import codes, columns
from skmlp.onnx._layers import NotInONNXError

# Missing values as onnxruntime hands them over in text: of None, NaN and pandas's NA, and none
MISSING = ("None", "nan", "<NA>", "")


def encoded_rows(encoder: TableEncoder, operator: Any, graph: Graph) -> Value:
    """Inputs of the networks, (rows, inputs) float32."""
    numeric: list[Value] = []
    indicators: list[Value] = []
    levels: list[Value] = []
    for learned, (name, value) in zip(encoder.columns, columns(operator, graph), strict=True):
        if isinstance(learned, NumberInputs):
            _write_numbers(learned, value, name, numeric, indicators, levels)
        else:
            _write_categories(learned, value, name, indicators, levels)
    return graph.joined([*numeric, *indicators, *levels])


def _write_numbers(
    learned: NumberInputs,
    value: Value,
    name: str,
    numeric: list[Value],
    indicators: list[Value],
    levels: list[Value],
) -> None:
    if learned.kind != NUMBERS:
        raise NotInONNXError(
            f"'X' must hold numbers, booleans or text to be converted, since ONNX has no type "
            f"for other columns; got {learned.kind} in {name}; turn them into numbers before "
            "fit, for example days since the first."
        )
    if value.dtype == STRING:
        raise NotInONNXError(f"'X' must hold numbers in {name}, as in fit; got text.")
    value = value.cast(DOUBLE)
    numeric.append(_scaled(learned.scales["value"], value).cast(FLOAT))
    if learned.has_indicator:
        indicators.append(value.op("IsNaN", dtype=np.dtype(bool)).cast(FLOAT))
    if learned.n_codes:
        levels.append(codes(value.cast(FLOAT).cast(DOUBLE), learned.amounts, name, first=1))


def _scaled(scale: Scale, value: Value) -> Value:
    """See `Scale.scaled`."""
    z = value / 2 - scale.half_median
    z = z.op("IsNaN", dtype=np.dtype(bool)).where(0, z)
    limit = min(1e9 * scale.half_spread, np.finfo(np.float64).max)
    z = z.op("Max", -limit).op("Min", limit) / scale.half_spread
    root = z / CLIP
    return z / (root * root + 1).op("Sqrt")


def _write_categories(
    learned: CategoryInputs,
    value: Value,
    name: str,
    indicators: list[Value],
    levels: list[Value],
) -> None:
    if not (learned.n_indicators or learned.n_codes):
        return
    known = learned.categories
    code = codes(value, known, name, first=1)
    if len(known) == 1:
        is_missing = _is_missing(value, known)
        indicators.append(is_missing.where(-1, code))
    elif len(known) == 2:
        signs = value.graph.constant([0, -1, 1], FLOAT)
        indicators.append(signs.op("Gather", code.cast(np.dtype(np.int64)), axis=0))
    elif learned.n_indicators:
        numbers = np.arange(1, len(known) + 1, dtype=np.float32)[None]
        indicators.append(code.equals(numbers).cast(FLOAT))
    else:
        levels.append(code)


def _is_missing(value: Value, known: tuple) -> Value:
    if value.dtype.kind == "f":
        return value.op("IsNaN", dtype=np.dtype(bool))
    if value.dtype != STRING:
        return value.cast(FLOAT).equals(np.inf)  # never
    missing = [text for text in MISSING if text not in known]
    return codes(value, missing, "", first=1) > 0
