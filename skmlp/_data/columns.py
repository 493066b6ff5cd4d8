"""Columns of X as the inputs of a network: numbers, indicators of categories, products.

An input is a term: (column, -1) is the column's value; (column, k) is 1 where the column has
category k, otherwise 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from skmlp._data.sparse_rows import is_full
from skmlp._sklearn import column_indices

TERM = np.int32
NUMBER = -1  # code of a term that takes the column's value
NOWHERE = -1  # column of an entry that is left out
Entries = tuple[np.ndarray, np.ndarray]  # columns, int32, and values, float32


def chosen(parameter: str, selection: Any, X: Any) -> np.ndarray:
    """Positions of the columns that a selection picks; None picks all.

    Raises ValueError for columns that X does not have or that are picked twice, and for a
    selector that picks none.
    """
    if selection is None:
        return np.arange(X.shape[1])
    positions = column_positions(parameter, selection, X)
    if callable(selection) and not len(positions):
        raise ValueError(
            f"'{parameter}' must pick at least one column; the selector {selection!r} picks "
            "none; give it another rule, or the columns themselves."
        )
    _check_distinct(parameter, "column", selection, positions, _names(X))
    return positions


def chosen_pairs(parameter: str, pairs: Any, X: Any) -> list[np.ndarray]:
    """Column positions of each pair; None means no pairs.

    Raises ValueError for entries that are not pairs of columns of X or that are picked twice.
    """
    positions = []
    for pair in [] if pairs is None else pairs:
        is_sequence = isinstance(pair, (tuple, list, np.ndarray))
        if not is_sequence or len(pair) != 2 or any(map(np.ndim, pair)):
            raise ValueError(
                f"'{parameter}' must hold pairs of columns of X; got {pair!r} among them; "
                "write each as (name, name)."
            )
        positions.append(column_positions(parameter, list(pair), X))
    _check_distinct(parameter, "pair", pairs, positions, _names(X))
    return positions


def column_positions(parameter: str, selection: Any, X: Any) -> np.ndarray:
    """Positions of the columns that a parameter selects, as `ColumnTransformer` would.

    Raises ValueError for a selection that does not name columns of X.
    """
    try:
        key = selection(X) if callable(selection) else selection
        positions = column_indices(X, list(key) if isinstance(key, tuple) else key)
    except (ValueError, IndexError, TypeError, NotImplementedError) as error:
        raise ValueError(
            f"'{parameter}' must pick columns of X, which has {X.shape[1]}; got "
            f"{selection!r} ({error}); give names or positions from 0 to {X.shape[1] - 1}."
        ) from error
    return np.asarray(positions, dtype=int) % X.shape[1]


def _names(X: Any) -> Sequence:
    return list(X.columns) if hasattr(X, "columns") else range(X.shape[1])


def _check_distinct(
    parameter: str, noun: str, selection: Any, picked: Iterable[np.ndarray], names: Sequence
) -> None:
    """Refuse equal picks, which the sparse form of inputs cannot tell apart."""
    counts = Counter(tuple(np.atleast_1d(positions).tolist()) for positions in picked)
    repeated = [[names[i] for i in pick] for pick, count in counts.items() if count > 1]
    if repeated:
        shown = [repr(tuple(one) if len(one) > 1 else one[0]) for one in repeated]
        raise ValueError(
            f"'{parameter}' must pick each {noun} once; got {selection!r}, which repeats "
            f"{', '.join(shown)}; drop the repeats."
        )


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
    return np.array(pairs, dtype=TERM).reshape(-1, 2)


def narrow(terms: np.ndarray) -> np.ndarray:
    """The same in the smallest integers, since crosses take more memory than their weights."""
    return terms.astype(np.min_scalar_type(-1 - int(terms.max(initial=0))))


def crossed_terms(rows: Any, pair: np.ndarray, n_categories: dict[int, int]) -> np.ndarray:
    """Inputs that are products of two columns, (n_inputs, 2, 2): two terms each.

    Two categories are crossed only if some row has both; otherwise the weight of their cross
    would never be trained.
    """
    left, right = pair
    if left in n_categories and right in n_categories:
        a, b = rows[:, left].astype(int), rows[:, right].astype(int)
        keys = np.unique((a * n_categories[right] + b)[(a >= 0) & (b >= 0)])
        codes = np.column_stack(np.divmod(keys, max(n_categories[right], 1)))
        return np.stack([np.broadcast_to(pair, codes.shape), codes], axis=2, dtype=TERM)
    a, b = terms([left], n_categories), terms([right], n_categories)
    return np.stack([np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1))], axis=1)


def column_pairs(crosses: np.ndarray) -> np.ndarray:
    """Distinct pairs of columns that these crosses multiply, sorted, (n_pairs, 2)."""
    return np.unique(crosses[:, :, 0], axis=0)


def values(rows: Any, inputs: np.ndarray) -> np.ndarray | sparse.csr_array:
    """Values of inputs for rows of numbers and codes, (n_samples, n_inputs) float32.

    `inputs` are terms, (n_inputs, 2), or products of terms, (n_inputs, n_factors, 2). The
    values are sparse for sparse rows, and where most of them are zero.
    """
    factors = _factors(inputs)
    if sparse.issparse(rows):
        columns = factors[:, :, 0].T
        return reduce(lambda a, b: a.multiply(b), (rows[:, column] for column in columns))
    if is_full(n_entries(inputs) * len(rows), (len(rows), len(inputs))):
        return reduce(np.multiply, (_dense_values(rows, of) for of in factors.swapaxes(0, 1)))
    return as_csr([entries(rows, inputs)], len(inputs))


def n_entries(inputs: np.ndarray) -> int:
    """Inputs that are not zero in a row, at most: one of each column or product of columns."""
    return len(_of_equal_columns(_factors(inputs)))


def _factors(inputs: np.ndarray) -> np.ndarray:
    return inputs if inputs.ndim == 3 else inputs[:, None]


def _of_equal_columns(factors: np.ndarray) -> list[slice]:
    """Inputs in a row that are products of the same columns."""
    columns = factors[:, :, 0]
    is_new = (columns[1:] != columns[:-1]).any(axis=1)
    bounds = [0, *(np.flatnonzero(is_new) + 1).tolist(), len(factors)]
    return [slice(*pair) for pair in pairwise(bounds)] if len(factors) else []


def _dense_values(rows: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Values of terms, (n_samples, n_inputs)."""
    columns, codes = inputs.T
    found = rows[:, columns]
    return np.equal(found, codes, out=found, where=codes != NUMBER, casting="unsafe")


def entries(rows: np.ndarray, inputs: np.ndarray, first: int = 0) -> Entries:
    """The inputs that are not zero, (n_samples, `n_entries`), from column `first` on.

    Inputs of equal columns must be in the order of their codes.
    """
    factors = _factors(inputs)
    products = _of_equal_columns(factors)
    found = np.empty((len(rows), len(products)), np.int32)
    value = np.empty(found.shape, np.float32)
    for i, of in enumerate(products):
        columns, codes = factors[of.start, :, 0], factors[of, :, 1]
        is_number = codes[0] == NUMBER
        value[:, i] = rows[:, columns[is_number]].prod(axis=1)
        keys, wanted = _keys(
            codes[:, ~is_number], rows[:, columns[~is_number]].astype(np.int64)
        )
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        found[:, i] = np.where(keys[places] == wanted, first + of.start + places, NOWHERE)
    return found, value


def as_csr(sets: Sequence[Entries], width: int) -> sparse.csr_array:
    """Sparse rows of entries whose columns increase along a row."""
    columns, values = map(np.hstack, zip(*sets, strict=True))
    is_entry = (columns != NOWHERE) & (values != 0)
    ends = np.concatenate([[0], is_entry.sum(axis=1).cumsum()])
    arrays = values[is_entry], columns[is_entry], ends
    return sparse.csr_array(arrays, (len(columns), width))


def _keys(*sets: np.ndarray) -> list[np.ndarray]:
    """A number for each combination of codes, (n,), for sets of them, (n, n_codes)."""
    bases = np.max([of.max(axis=0, initial=NUMBER) for of in sets], axis=0) + 2
    keys = [np.zeros(len(of), np.int64) for of in sets]
    for i, base in enumerate(bases):
        keys = [key * base + of[:, i] + 1 for key, of in zip(keys, sets, strict=True)]
    return keys
