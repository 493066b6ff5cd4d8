"""The inputs that tabular estimators make of a table, as ONNX nodes; see `_data/tables.py`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from skmlp._data.sparse_tables import SparseEncoder, not_exported
from skmlp._data.table_columns import DATES
from skmlp._data.table_inputs import CLIP, FURTHEST, CategoryInputs, NumberInputs, Scale
from skmlp._data.tables import TableEncoder
from skmlp.onnx._graph import DOUBLE, FLOAT, STRING, Graph, NotInONNXError, Value
from skmlp.onnx._inputs import codes, columns

# Missing values as onnxruntime hands them over in text: of None, NaN and pandas's NA, and none
MISSING = ("None", "nan", "<NA>", "")


def encoded_rows(encoder: TableEncoder | SparseEncoder, operator: Any, graph: Graph) -> Value:
    """Inputs of the networks, (rows, inputs) float32."""
    if isinstance(encoder, SparseEncoder):
        raise NotInONNXError(not_exported(encoder))
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
    if value.dtype == STRING:
        raise NotInONNXError(
            f"'X' must hold numbers in {name}, for dates seconds since 1970 and for durations "
            "seconds; got text; declare the input as FloatTensorType or DoubleTensorType."
        )
    value = value.cast(DOUBLE)
    parts = _date_parts(value, learned.scales) if learned.kind == DATES else {"value": value}
    for part, scale in learned.scales.items():
        numeric.append(_scaled(scale, parts[part]).cast(FLOAT))
    if learned.has_indicator:
        indicators.append(value.op("IsNaN", dtype=np.dtype(bool)).cast(FLOAT))
    if learned.marks_others:
        is_median = value.cast(FLOAT).equals(learned.median)
        is_other = 1 - is_median.cast(FLOAT)
        indicators.append(value.op("IsNaN", dtype=np.dtype(bool)).where(0, is_other))
    if learned.n_codes:
        levels.append(codes(value.cast(FLOAT).cast(DOUBLE), learned.amounts, name, first=1))


def _date_parts(seconds: Value, wanted: Collection[str]) -> dict[str, Value]:
    """The numbers that `Column.date_parts` makes, of seconds since the beginning of 1970."""
    days = (seconds / 86400).op("Floor")
    parts = {
        "seconds": lambda: seconds,
        "weekday": lambda: _remainder(days + 3, 7),
        "hour": lambda: (_remainder(seconds, 86400) / 3600).op("Floor"),
        "month": lambda: _month_and_day(days)[0],
        "day": lambda: _month_and_day(days)[1],
    }
    return {part: parts[part]() for part in wanted}


def _month_and_day(days: Value) -> tuple[Value, Value]:
    """Of days since the beginning of 1970, in the Gregorian calendar.

    The algorithm is `civil_from_days` of https://howardhinnant.github.io/date_algorithms.html:
    years begin in March, and 400 of them have 146,097 days.
    """

    def whole(x: Value) -> Value:
        return x.op("Floor")

    day_of_era = _remainder(days + 719_468, 146_097)
    leap_days = whole(day_of_era / 1460) - whole(day_of_era / 36_524)
    year = whole((day_of_era - leap_days - whole(day_of_era / 146_096)) / 365)
    day_of_year = day_of_era - (year * 365 + whole(year / 4) - whole(year / 100))
    month = whole((day_of_year * 5 + 2) / 153)  # 0 is March
    day = day_of_year - whole((month * 153 + 2) / 5) + 1
    return _remainder(month + 2, 12) + 1, day


def _remainder(x: Value, divisor: float) -> Value:
    return x - (x / divisor).op("Floor") * divisor


def _scaled(scale: Scale, value: Value) -> Value:
    """See `Scale.scaled`."""
    z = value / 2 - scale.half_median
    z = z.op("IsNaN", dtype=np.dtype(bool)).where(0, z)
    limit = min(FURTHEST * scale.half_spread, np.finfo(np.float64).max)
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
