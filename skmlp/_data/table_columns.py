"""One column of a table, whoever made the table: what it holds, as plain arrays.

Columns of pandas and polars are known by their methods, so neither package is imported.
"""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Any

import numpy as np

# what a column may hold, in the words of errors
NUMBERS = "numbers"
BOOLEANS = "booleans"
DATES = "dates"
DURATIONS = "durations"
CATEGORIES = "text or categories"

OF_DTYPE_KINDS = {  # NumPy's letters, which pandas's dtypes have too
    "b": BOOLEANS,
    "i": NUMBERS,
    "u": NUMBERS,
    "f": NUMBERS,
    "M": DATES,
    "m": DURATIONS,
}
OF_POLARS_DTYPES = {
    "Boolean": BOOLEANS,
    "Date": DATES,
    "Datetime": DATES,
    "Duration": DURATIONS,
}
# In this order: NumPy's durations are integers by their type, booleans are Python's integers.
OF_TYPES = {
    DURATIONS: (datetime.timedelta, np.timedelta64, datetime.time),
    BOOLEANS: (bool, np.bool_),
    NUMBERS: (numbers.Real, decimal.Decimal, np.bool_),
    DATES: (datetime.date, np.datetime64),
}
PLAIN = {str, int, float, bool}  # of these only NaN is missing
EPOCH = np.datetime64(0, "s")
SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True)
class Column:
    """A column of n_samples values."""

    values: Any  # a Series of pandas or polars, or (n_samples,) array
    name: str  # in errors

    @property
    def is_categorical(self) -> bool:
        """Whether the dtype is one of categories."""
        return is_categorical(self.values.dtype)

    @cached_property
    def kind(self) -> str:
        """The kind of the values; text or categories if all are missing and the dtype does
        not say.
        """
        return self._kind_of_dtype or _kind_of_values(self.distinct[0])

    @property
    def _kind_of_dtype(self) -> str | None:
        dtype = self.values.dtype
        if hasattr(dtype, "is_numeric"):  # polars
            name = str(dtype).partition("(")[0]
            return NUMBERS if dtype.is_numeric() else OF_POLARS_DTYPES.get(name)
        if dtype.kind == "c":
            raise ValueError(
                f"'X' must hold real numbers; got complex ones in {self.name}; give their real "
                "and imaginary parts as columns of their own."
            )
        return DATES if is_period(dtype) else OF_DTYPE_KINDS.get(dtype.kind)

    @cached_property
    def distinct(self) -> tuple[list, np.ndarray]:
        """Distinct values, without missing ones, and each row's position among them, or -1."""
        try:
            if hasattr(self.values, "factorize"):  # pandas
                positions, found = self.values.factorize()
                return found.tolist(), positions
            return _distinct(self._list())
        except (TypeError, NotImplementedError) as error:  # values without a hash
            nested = {type(v).__name__ for v in self._list() if type(v).__hash__ is None}
            # a TypeError in these words is what scikit-learn's estimator checks ask for
            raise TypeError(
                "Each value of the 'X' argument must be plain: a string, a number, a date and "
                f"the like; got {' and '.join(sorted(nested)) or 'nested values'} in "
                f"{self.name}; spread them over columns of their own."
            ) from error

    def _list(self) -> list:
        values = self.values
        return values.to_list() if hasattr(values, "to_list") else values.tolist()

    @property
    def is_missing(self) -> bool:
        """Whether all values are missing."""
        return not self.distinct[0]

    def numbers(self) -> np.ndarray:
        """Values of a column of numbers or booleans, finite; float64, NaN where missing."""
        if self._kind_of_dtype:
            found = _floats(self.values)
        else:
            values, positions = self.distinct
            found = np.array([*map(float, values), np.nan])[positions]
        infinite = found[np.isinf(found)]
        if infinite.size:
            raise ValueError(
                f"'X' must be finite; got infinity ({infinite[0]}) in {self.name}; replace it "
                "by a missing value or by a number."
            )
        return found

    def seconds(self) -> np.ndarray:
        """Values of a column of durations; float64, NaN where missing.

        A time of day is the duration since midnight.
        """
        return self._times("timedelta64[us]") / SECOND

    def date_parts(self) -> dict[str, np.ndarray]:
        """Values of a column of dates as numbers; float64, NaN where missing.

        A date with a time zone is what a clock on the wall shows there.
        """
        times = self._times("datetime64[us]")
        days, months = times.astype("datetime64[D]"), times.astype("datetime64[M]")
        day, hour = np.timedelta64(1, "D"), np.timedelta64(1, "h")
        return {
            "seconds": (times - EPOCH) / SECOND,
            "month": (months - np.datetime64(0, "M")) / np.timedelta64(1, "M") % 12 + 1,
            "day": (days - months.astype("datetime64[D]")) / day + 1,
            "weekday": ((days - EPOCH) / day + 3) % 7,  # Monday is 0; the epoch was a Thursday
            "hour": np.floor((times - days) / hour),
        }

    def _times(self, dtype: str) -> np.ndarray:
        """Values as NumPy's dates or durations, (n_samples,); NaT where missing."""
        if self._kind_of_dtype:
            local = self.values
            local = local.dt.to_timestamp() if is_period(local.dtype) else local
            local = _without_time_zone(local)
            return np.asarray(local.astype(dtype) if hasattr(local, "astype") else local, dtype)
        values, positions = self.distinct
        naive = [v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v for v in values]
        naive = [_since_midnight(v) if isinstance(v, datetime.time) else v for v in naive]
        return np.array([*naive, "NaT"], dtype=dtype)[positions]


def is_period(dtype: Any) -> bool:
    """Whether a dtype is pandas's of months, quarters and the like, which count from their
    first moment.
    """
    return str(dtype).startswith("period")


def is_categorical(dtype: Any) -> bool:
    """Whether a dtype is one of categories in pandas, Arrow (a dictionary) or polars."""
    return str(dtype).startswith(("category", "dictionary", "Categorical", "Enum"))


def columns_of(X: Any) -> Iterator[Column]:
    """Columns of a frame or of a 2-D array, by position, since names may repeat."""
    if hasattr(X, "iloc"):  # pandas
        for i, name in enumerate(X.columns):
            yield Column(X.iloc[:, i], f"column {name!r}")
    elif hasattr(X, "to_series"):  # polars
        for i, name in enumerate(X.columns):
            yield Column(X.to_series(i), f"column {name!r}")
    else:
        for i in range(X.shape[1]):
            yield Column(X[:, i], f"column {i}")


def frame_of(X: Any) -> Any:
    """A table of Arrow as a frame of pandas, anything else as it is."""
    if hasattr(X, "iloc"):  # pandas, whose columns are attributes too
        return X
    if hasattr(X, "collect"):
        raise ValueError(
            f"'X' must be a table in memory; got a {type(X).__name__}; pass X.collect()."
        )
    if hasattr(X, "to_pandas") and not hasattr(X, "to_series"):
        return X.to_pandas()
    return X


def as_table(X: Any) -> Any:
    """A frame of pandas or polars, anything else as an array."""
    X = frame_of(X)
    if hasattr(X, "iloc") or hasattr(X, "to_series") or isinstance(X, np.ndarray):
        return X
    rows = np.asarray(X)
    # beside text, numbers in lists would become text
    return np.asarray(X, dtype=object) if rows.dtype.kind in "US" else rows


def _kind_of_values(values: list) -> str:
    types = set(map(type, values))
    for kind, known in OF_TYPES.items():
        if types and all(issubclass(each, known) for each in types):
            return kind
    return CATEGORIES


def _distinct(values: list) -> tuple[list, np.ndarray]:
    """What `Series.factorize` of pandas returns."""
    found = list(dict.fromkeys(values))
    position_of = dict(zip(found, range(len(found)), strict=True))
    positions = np.fromiter(map(position_of.__getitem__, values), np.intp, len(values))
    is_present = [v == v if type(v) in PLAIN else not is_missing(v) for v in found]
    if all(is_present):
        return found, positions
    renumbered = np.where(is_present, np.cumsum(is_present) - 1, -1)
    return list(compress(found, is_present)), renumbered[positions]


def is_missing(value: Any) -> bool:
    # pandas's NA has no truth value; NaN and NaT differ from themselves
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _floats(column: Any) -> np.ndarray:
    """Numbers or booleans of a fitting dtype as float64, NaN where missing."""
    if hasattr(column, "iloc"):  # pandas
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(column.cast(float) if hasattr(column, "cast") else column, np.float64)


def _since_midnight(time: datetime.time) -> datetime.timedelta:
    return datetime.datetime.combine(datetime.date.min, time) - datetime.datetime.min


def _without_time_zone(column: Any) -> Any:
    dtype = column.dtype
    if getattr(dtype, "time_zone", None):  # polars
        return column.dt.replace_time_zone(None)
    if getattr(getattr(dtype, "pyarrow_dtype", dtype), "tz", None):  # Arrow in pandas, pandas
        return column.dt.tz_localize(None)
    return column
