"""Inputs of a network made of one column of a table, as learned in fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skmlp._data.categories import check_types, codes_of, sorted_distinct
from skmlp._data.distributions import (
    FEW_VALUES,
    amounts_of,
    in_single_precision,
    is_mostly_one,
    quantiles,
    repetitions,
    weights_of_values,
)
from skmlp._data.table_columns import BOOLEANS, DATES, DURATIONS, NUMBERS, Column

# A column of more categories becomes a column of codes: at 40, an indicator each takes 160
# bytes a row and most are zero; a code takes 4, and a row of an embedding says as much.
MAX_ONE_HOT = FEW_VALUES
# Text is free text from this mean number of words, if most rows differ. Codes and names have
# fewer (the passengers of the Titanic 4, with their titles), sentences more.
MIN_WORDS = 6
CLIP = 3  # scaled numbers lie between -3 and 3
FURTHEST = 1e9  # scaled numbers before that; squares of others might overflow
QUARTILES = np.array([0.25, 0.5, 0.75])


@dataclass(frozen=True)
class Scale:
    """How a number is standardised: (x - median) / interquartile range, clipped smoothly.

    Where half of the values are equal, the interquartile range is that of the others, or else
    half the range. The scaled z becomes z / sqrt(1 + (z / 3)²), so that outliers stay between
    -3 and 3 (Holzmüller et al. 2024, "Better by Default", https://arxiv.org/abs/2407.04491).
    """

    half_median: float  # of halved values, whose differences do not overflow
    half_spread: float  # infinite for a constant, which becomes 0

    @classmethod
    def learn(cls, values: np.ndarray, weight: np.ndarray) -> Scale:
        is_present = ~np.isnan(values)
        halves = values[is_present] / 2
        if not halves.size:
            return cls(0.0, np.inf)
        weight = weight[is_present]
        low, median, high = quantiles(halves, weight, QUARTILES)
        if low == high:
            is_other = halves != median
            if is_other.any():
                low, _, high = quantiles(halves[is_other], weight[is_other], QUARTILES)
        spread = high - low or np.ptp(halves) / 2
        return cls(float(median), float(spread) or np.inf)

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Standardised values, float64; a missing one counts as the median."""
        z = values / 2
        z -= self.half_median
        z[np.isnan(z)] = 0
        limit = FURTHEST * self.half_spread
        np.clip(z, -limit, limit, out=z)
        z /= self.half_spread
        return squashed(z)


def squashed(z: np.ndarray) -> np.ndarray:
    """Numbers clipped smoothly, z / sqrt(1 + (z / 3)²), in the memory of z."""
    root = z / CLIP
    root *= root
    root += 1
    z /= np.sqrt(root, out=root)
    return z


@dataclass(frozen=True)
class NumberInputs:
    """Inputs of a column of numbers, dates or durations, and indicators of single values.

    One indicator is 1 where the value is missing, if some are in fit, and some are not.
    Another is 1 where the value is not the median, if that is most values in fit and the others
    are many, such as frequencies of a word, which are mostly 0. A column of amounts has codes
    too. Parts of dates that are constant in fit are left out.
    """

    kind: str
    scales: dict[str, Scale]  # by part: "value", or those of a date
    has_indicator: bool  # of missing values
    marks_others: bool  # than the median
    amounts: tuple[float, ...]  # in single precision, ascending; their codes start at 1

    @property
    def n_codes(self) -> int:
        return len(self.amounts) + 1 if self.amounts else 0

    @property
    def n_numeric(self) -> int:
        return len(self.scales)

    @property
    def n_indicators(self) -> int:
        return self.has_indicator + self.marks_others

    @classmethod
    def learn(cls, column: Column, weight: np.ndarray) -> NumberInputs:
        parts = _parts(column)
        first, *others = parts
        varying = [name for name in others if _varies(parts[name])]
        scales = {name: Scale.learn(parts[name], weight) for name in [first, *varying]}
        missing = np.isnan(parts[first])
        has_indicator = bool(missing.any() and not missing.all())
        if column.kind != NUMBERS:
            return cls(column.kind, scales, has_indicator, False, ())
        amounts = amounts_of(parts[first], repetitions(weight))
        _, weights = weights_of_values(parts[first], weight)
        return cls(column.kind, scales, has_indicator, is_mostly_one(weights), amounts)

    def write(
        self, column: Column, numeric: np.ndarray, indicators: np.ndarray, codes: np.ndarray
    ) -> None:
        """Fill this column's inputs, the first columns of each array."""
        parts = self._parts_as_in_fit(column)
        for i, (name, scale) in enumerate(self.scales.items()):
            numeric[:, i] = scale.scaled(parts[name])
        if self.has_indicator:
            indicators[:, 0] = np.isnan(parts[next(iter(self.scales))])
        if not (self.marks_others or self.n_codes):
            return
        values = in_single_precision(parts["value"])
        if self.marks_others:
            is_other = (values != self.median) & ~np.isnan(values)
            indicators[:, int(self.has_indicator)] = is_other
        if self.n_codes:
            amounts = np.array([*self.amounts, np.nan], np.float32)
            position = np.searchsorted(amounts, values)
            codes[:, 0] = np.where(amounts[position] == values, position + 1, 0)

    @property
    def median(self) -> float:
        """The median in single precision, in which rows of either precision have it."""
        return float(in_single_precision(np.array(2 * self.scales["value"].half_median)))

    def _parts_as_in_fit(self, column: Column) -> dict[str, np.ndarray]:
        if column.kind == self.kind or (column.kind, self.kind) == (BOOLEANS, NUMBERS):
            return _parts(column)
        if column.is_missing:  # of any dtype
            return dict.fromkeys(self.scales, np.full(len(column.values), np.nan))
        raise ValueError(
            f"'X' must hold {self.kind} in {column.name}, as in fit; got {column.kind}; "
            f"convert the column to {self.kind}, and replace other values by missing ones."
        )


@dataclass(frozen=True)
class CategoryInputs:
    """Inputs of a column of categories, those that it has in fit.

    None for a single category; -1 or 1 for two; an indicator each up to MAX_ONE_HOT; a code
    for more, from 1. An unknown or missing category is 0 in all of them. A single category
    beside missing values is 1 where it is, -1 where the value is missing.
    """

    categories: tuple  # sorted
    has_missing: bool

    n_numeric = 0

    @property
    def n_indicators(self) -> int:
        n = len(self.categories)
        if n <= 2:
            return int(n == 2 or (n == 1 and self.has_missing))
        return n if n <= MAX_ONE_HOT else 0

    @property
    def n_codes(self) -> int:
        n = len(self.categories)
        return n + 1 if n > MAX_ONE_HOT else 0

    @classmethod
    def learn(cls, column: Column) -> CategoryInputs:
        found, positions = column.distinct
        return cls(tuple(sorted_distinct(found)), bool((positions < 0).any()))

    def write(
        self, column: Column, numeric: np.ndarray, indicators: np.ndarray, codes: np.ndarray
    ) -> None:
        """Fill this column's inputs, the first columns of each array; they hold zeros."""
        n = len(self.categories)
        if not self.n_indicators and not self.n_codes:
            return
        found, positions = column.distinct
        # 0 for unknown ones; the last is for missing ones, whose position is -1
        check_types(found, self.categories, column.name)
        code = np.array([*codes_of(found, self.categories), -1])[positions] + 1
        if n == 1:
            indicators[:, 0] = np.where(positions < 0, -1, code)
        elif n == 2:
            indicators[:, 0] = np.array([0, -1, 1])[code]
        elif self.n_indicators:
            rows = np.flatnonzero(code)
            indicators[rows, code[rows] - 1] = 1
        else:
            codes[:, 0] = code


def learn_inputs(
    column: Column, is_categorical: bool, weight: np.ndarray
) -> NumberInputs | CategoryInputs:
    """The inputs of a column; its values tell their kind where they are not categorical.

    Weights of the rows are (n_samples,), positive.
    """
    if is_categorical:
        return CategoryInputs.learn(column)
    if column.kind in (NUMBERS, DATES, DURATIONS):
        return NumberInputs.learn(column, weight)
    _check_is_no_free_text(column)
    return CategoryInputs.learn(column)


def _check_is_no_free_text(column: Column) -> None:
    texts, positions = column.distinct
    many = len(texts) > max(MAX_ONE_HOT, np.count_nonzero(positions >= 0) / 2)
    if not many or not all(isinstance(text, str) for text in texts):
        return
    n_words = sum(len(text.split()) for text in texts) / len(texts)
    if n_words >= MIN_WORDS:
        raise ValueError(
            f"'X' must not contain free text; got {len(texts)} different texts of "
            f"{n_words:.0f} words on average in {column.name}; drop the column, name it in "
            "'categorical_features', or turn it into numbers by TfidfVectorizer of "
            "scikit-learn or TableVectorizer of skrub."
        )


def _parts(column: Column) -> dict[str, np.ndarray]:
    """The numbers that a column becomes, float64, NaN where missing; the first says it all."""
    if column.kind == DATES:
        return column.date_parts()
    return {"value": column.seconds() if column.kind == DURATIONS else column.numbers()}


def _varies(values: np.ndarray) -> bool:
    present = values[~np.isnan(values)]
    return bool(present.size and np.ptp(present) > 0)
