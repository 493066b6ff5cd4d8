"""Columns of categories as codes: positions among the categories that they have in fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from skmlp._data.table_columns import is_categorical

Categories = dict[str, list]  # column name -> its categories in fit, sorted


def categories_of(X: Any) -> Categories:
    """Categories of a frame's categorical columns; empty where X is not a frame."""
    if not hasattr(X, "columns"):
        return {}
    dtypes = zip(X.columns, X.dtypes, strict=True)
    names = [name for name, dtype in dtypes if is_categorical(dtype)]
    for name in names:
        if not isinstance(name, str):
            raise ValueError(
                "'X' must name its columns by strings where some hold categories; got "
                f"{name!r}; rename them."
            )
        if list(X.columns).count(name) > 1:
            raise ValueError(
                "'X' must give each column of categories a name of its own; got "
                f"{list(X.columns).count(name)} columns {name!r}; rename them."
            )
    return {name: sorted_distinct(_seen(X[name])) for name in names}


def with_codes(X: Any, categories: Categories) -> Any:
    """The frame with categories replaced by codes; -1 where missing or unknown."""
    if not categories:
        return X
    lacking = [name for name in categories if name not in getattr(X, "columns", ())]
    if lacking:
        raise ValueError(
            f"'X' must be a DataFrame with the columns of categories {list(categories)}, as in "
            f"fit; got {type(X).__name__} without {lacking}; add these columns."
        )
    codes = {
        name: _codes(X[name], known, f"column {name!r}") for name, known in categories.items()
    }
    if not hasattr(X, "assign"):  # polars
        return X.with_columns([type(X[name])(name, codes[name]) for name in codes])
    coded = X.copy(deep=False)  # `assign` takes no column named "self"
    for name, of_column in codes.items():
        coded[name] = of_column
    return coded


def _seen(column: Any) -> list:
    """Categories of a column that some row has."""
    if not _is_coded(column):
        return _known(column).tolist()
    codes = np.unique(column.cat.codes)
    own = _own_categories(column)
    return [own[code] for code in codes[codes >= 0]]


def _codes(column: Any, categories: list, name: str) -> np.ndarray:
    if _is_coded(column):
        check_types(_seen(column), categories, name)
        of_own = codes_of(_own_categories(column), categories)
        return np.array([*of_own, -1.0])[column.cat.codes]
    codes = np.full(len(column), -1.0)
    known = _known(column).tolist()
    check_types(known, categories, name)
    codes[~_is_missing(column)] = codes_of(known, categories)
    return codes


def codes_of(values: Sequence, categories: Sequence) -> list[int]:
    """Position of each value among the categories, or -1.

    A fractional number is also found by its value in single precision, which it has if other
    rows are of another precision than those of fit.
    """
    code_of = {category: code for code, category in enumerate(categories)}
    codes = [code_of.get(one, -1) for one in values]
    if -1 not in codes:
        return codes
    singles = list(map(_in_single, categories))
    counts = Counter(singles)
    code_of_single = {one: code for code, one in enumerate(singles) if counts[one] == 1}
    return [
        code_of_single.get(_in_single(one), -1) if code < 0 else code
        for one, code in zip(values, codes, strict=True)
    ]


def check_types(values: Sequence, categories: Sequence, name: str) -> None:
    """Refuse values none of which is known, though some would be as text: a file was read in
    another way.
    """
    if not set(values).isdisjoint(categories):
        return
    of_text = {_as_text(category): category for category in categories}
    for value in values:
        known = of_text.get(_as_text(value))
        if known is not None:
            raise ValueError(
                f"'X' must hold in {name} what it held in fit; got {value!r} for {known!r}; "
                "convert the column to the dtype that it had in fit."
            )


def _as_text(value: Any) -> str:
    is_whole = isinstance(value, (float, np.floating)) and value.is_integer()
    return str(int(value) if is_whole else value)


def _in_single(value: Any) -> Any:
    """A fractional number rounded to single precision; anything else as it is."""
    is_fractional = isinstance(value, (float, np.floating)) and not value.is_integer()
    return float(np.float32(value)) if is_fractional else value


def _is_coded(column: Any) -> bool:
    """Whether pandas holds the column as codes of its categories, -1 where it is missing."""
    return hasattr(getattr(column, "cat", None), "codes")


def _own_categories(column: Any) -> list:
    return np.asarray(column.cat.categories, dtype=object).tolist()


def sorted_distinct(values: Iterable) -> list:
    """Distinct values, sorted; values that cannot be compared, by type name, then as text."""
    distinct = list(dict.fromkeys(values))
    try:
        return sorted(distinct)
    except TypeError:
        return sorted(distinct, key=lambda value: (type(value).__name__, str(value)))


def _known(column: Any) -> np.ndarray:
    return np.asarray(column, dtype=object)[~_is_missing(column)]


def _is_missing(column: Any) -> np.ndarray:
    missing = column.isna() if hasattr(column, "isna") else column.is_null()
    return np.asarray(missing, dtype=bool)
