"""Columns of X as the inputs of a network: numbers, indicators of categories, products.

An input is a term: (column, -1) is the column's value; (column, k) is 1 where the column has
category k, otherwise 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from skmlp._sklearn import column_indices

NUMBER = -1  # code of a term that takes the column's value
Categories = dict[str, list]  # column name -> its categories in fit, sorted


def chosen(parameter: str, selection: Any, X: Any) -> np.ndarray:
    """Positions of the columns that a selection picks; None picks all.

    Raises ValueError for columns that X does not have, and for a selector that picks none.
    """
    if selection is None:
        return np.arange(X.shape[1])
    try:
        key = selection(X) if callable(selection) else selection
        positions = column_indices(X, list(key) if isinstance(key, tuple) else key)
    except (ValueError, IndexError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f"'{parameter}' must pick columns of X, which has {X.shape[1]}; got "
            f"{selection!r} ({error})"
        ) from error
    if callable(selection) and not len(positions):
        raise ValueError(
            f"'{parameter}' must pick at least one column; the selector {selection!r} picks "
            "none; give it another rule, or the columns themselves."
        )
    return np.asarray(positions, dtype=int) % X.shape[1]


def chosen_pairs(parameter: str, pairs: Any, X: Any) -> list[np.ndarray]:
    """Column positions of each pair; None means no pairs."""
    positions = []
    for pair in [] if pairs is None else pairs:
        if isinstance(pair, str) or np.shape(pair) != (2,):
            raise ValueError(
                f"'{parameter}' must hold pairs of columns of X; got {pair!r} among them."
            )
        positions.append(chosen(parameter, list(pair), X))
    return positions


def categories_of(X: Any) -> Categories:
    """Categories of a frame's categorical columns; empty where X is not a frame."""
    if not hasattr(X, "columns"):
        return {}
    categorical = ("category", "Categorical", "Enum")  # pandas's name and polars's two
    dtypes = zip(X.columns, X.dtypes, strict=True)
    names = [name for name, dtype in dtypes if str(dtype).startswith(categorical)]
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
    return {name: in_order(_known(X[name]).tolist()) for name in names}


def with_codes(X: Any, categories: Categories) -> Any:
    """The frame with categories replaced by codes; -1 where missing or unknown."""
    if not categories:
        return X
    if not hasattr(X, "columns") or not set(categories) <= set(X.columns):
        raise ValueError(
            f"'X' must be a DataFrame with the columns of categories {list(categories)}, as in "
            f"fit; got {type(X).__name__}."
        )
    codes = {name: _codes(X[name], known) for name, known in categories.items()}
    return X.assign(**codes) if hasattr(X, "assign") else X.with_columns(**codes)


def _codes(column: Any, categories: list) -> np.ndarray:
    codes = np.full(len(column), -1.0)
    code_of = {category: code for code, category in enumerate(categories)}
    known = _known(column).tolist()
    codes[~_is_missing(column)] = [code_of.get(category, -1) for category in known]
    return codes


def in_order(values: Iterable) -> list:
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


def terms(columns: Sequence[int] | np.ndarray, n_categories: dict[int, int]) -> np.ndarray:
    """Inputs made of these columns, (n_inputs, 2): one for a numeric column, one per category
    for a categorical column.
    """
    codes = [
        range(n_categories[column]) if column in n_categories else [NUMBER]
        for column in columns
    ]
    pairs = [
        (column, code) for column, each in zip(columns, codes, strict=True) for code in each
    ]
    return np.array(pairs, dtype=int).reshape(-1, 2)


def crossed_terms(
    rows: np.ndarray, pairs: Sequence[np.ndarray], n_categories: dict[int, int]
) -> np.ndarray:
    """Inputs that are products of two columns, (n_inputs, 2, 2): two terms each.

    Two categories are crossed only if some row has both; otherwise the weight of their cross
    would never be trained.
    """
    found = []
    for left, right in pairs:
        if left in n_categories and right in n_categories:
            met = np.unique(rows[:, [left, right]], axis=0).astype(int)
            met = met[(met >= 0).all(axis=1)]
            found += [((left, a), (right, b)) for a, b in met]
        else:
            sides = terms([left], n_categories), terms([right], n_categories)
            found += [(a, b) for a in sides[0] for b in sides[1]]
    return np.array(found, dtype=int).reshape(-1, 2, 2)


def column_pairs(crosses: np.ndarray) -> np.ndarray:
    """Distinct pairs of columns that these crosses multiply, sorted, (n_pairs, 2)."""
    return np.unique(crosses[:, :, 0], axis=0)


def values(rows: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Values of terms for rows of numbers and codes, (n_samples, n_inputs) of their dtype."""
    columns, codes = inputs.T
    found = rows[:, columns]
    indicators = codes != NUMBER
    if indicators.any():
        found[:, indicators] = found[:, indicators] == codes[indicators]
    return found
