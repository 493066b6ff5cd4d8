"""Labels and categories to JSON and back, for a fixed list of types."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

ATOMS = (bool, int, float, str, type(None))
DTYPE_KINDS = "biufcmMSU"  # of arrays without Python objects


def to_json(value: Any) -> Any:
    """The value as JSON; raises TypeError for a type that is not in the list."""
    if type(value) in ATOMS:
        return value
    if type(value) is list:
        return [to_json(item) for item in value]
    if type(value) is tuple:
        return {"tuple": to_json(list(value))}
    if type(value) is dict:
        return {"dict": [to_json(list(value)), to_json(list(value.values()))]}
    if isinstance(value, (np.ndarray, np.generic)):
        return _array_to_json(value)
    cls = type(value)
    kind = f"{cls.__module__.partition('.')[0]}.{cls.__name__}"
    if kind in KINDS:
        with suppress(Exception):  # a time zone without a name, for one
            encoded = {kind: to_json(KINDS[kind][0](value))}
            if from_json(encoded) == value:
                return encoded
    raise TypeError(f"{value!r} of type {cls.__name__}")


def from_json(encoded: Any) -> Any:
    """The value that `to_json` encoded; raises an error of any type for anything else."""
    if type(encoded) in ATOMS:
        return encoded
    if type(encoded) is list:
        return [from_json(item) for item in encoded]
    ((kind, parts),) = encoded.items()
    if kind == "tuple":
        return tuple(from_json(parts))
    if kind == "dict":
        return dict(zip(*from_json(parts), strict=True))
    if kind == "objects":
        return np.fromiter(from_json(parts), dtype=object)
    if kind == "array":
        dtype, shape, contents = parts
        return np.frombuffer(bytes.fromhex(contents), _plain(dtype)).reshape(shape).copy()
    if kind == "scalar":
        return from_json({"array": parts})[()]
    return KINDS[kind][1](from_json(parts))


def _array_to_json(value: Any) -> Any:
    if value.dtype == object and value.ndim == 1:
        return {"objects": to_json(value.tolist())}
    if value.dtype.kind not in DTYPE_KINDS:
        raise TypeError(f"an array of {value.dtype}")
    kind = "array" if isinstance(value, np.ndarray) else "scalar"
    return {kind: [value.dtype.str, list(value.shape), value.tobytes().hex()]}


def _plain(name: str) -> np.dtype:
    dtype = np.dtype(name)
    if dtype.kind not in DTYPE_KINDS:
        raise ValueError(f"arrays of {name} are not known here")
    return dtype


def _pandas() -> Any:
    import pandas  # optional; its values exist only where it is installed

    return pandas


def _timestamp(parts: list) -> Any:
    moment, zone = _pandas().Timestamp(parts[0]), parts[1]
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


# Type: how to take a value apart, and how to put it together.
KINDS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "builtins.bytes": (bytes.hex, bytes.fromhex),
    "decimal.Decimal": (str, decimal.Decimal),
    "datetime.date": (datetime.date.isoformat, datetime.date.fromisoformat),
    "datetime.datetime": (datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    "datetime.time": (datetime.time.isoformat, datetime.time.fromisoformat),
    "datetime.timedelta": (
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: datetime.timedelta(*parts),
    ),
    "pandas.Interval": (
        lambda value: [value.left, value.right, value.closed],
        lambda parts: _pandas().Interval(*parts),
    ),
    "pandas.Period": (
        lambda value: [value.ordinal, value.freqstr],
        lambda parts: _pandas().Period(ordinal=parts[0], freq=parts[1]),
    ),
    "pandas.Timedelta": (
        lambda value: value.asm8,
        lambda moment: _pandas().Timedelta(moment),
    ),
    "pandas.Timestamp": (
        lambda value: [value.asm8, None if value.tz is None else str(value.tz)],
        _timestamp,
    ),
}
