"""Any table as the inputs of a network, without preparation by the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp._data.column_types import MAX_NAMED
from skmlp._data.table_columns import as_table, columns_of
from skmlp._data.table_inputs import CategoryInputs, NumberInputs, learn_inputs


@dataclass(frozen=True)
class TableEncoder:
    """How the columns of a table become the inputs of a network, learned in fit.

    Numbers, dates and durations are standardised; a date also becomes those of its parts that
    vary (month, day, weekday, hour). Text, booleans and categories become indicators, or a code
    if there are many. Missing values are taken everywhere. A column may end in no input (of
    a single category); a column of numbers always has one, zero for a constant.
    """

    columns: tuple[NumberInputs | CategoryInputs, ...]

    n_sparse = 0  # the interface of SparseEncoder

    @classmethod
    def learn(
        cls, X: Any, categorical_features: Any = "from_dtype", weight: np.ndarray | None = None
    ) -> TableEncoder:
        """Learn from the rows of a fit.

        Parameters
        ----------
        X : DataFrame of pandas or polars, array or list, shape (n_samples, n_features)
            Rows, at least one.
        categorical_features : "from_dtype", None, or list of names, positions or bool
            Columns that are categories even if they hold numbers or dates; "from_dtype" means
            those of a categorical dtype. Text is categories anyway.
        weight : array of shape (n_samples,), default=None
            Weights of the rows, positive. A weight of 2 equals repeating the row.
        """
        X = as_table(X)
        columns = list(columns_of(X))
        if isinstance(categorical_features, str) and categorical_features == "from_dtype":
            categorical = {i for i, column in enumerate(columns) if column.is_categorical}
        else:
            categorical = chosen_categorical(categorical_features, X)
        weight = np.ones(X.shape[0]) if weight is None else weight
        inputs = (
            learn_inputs(each, i in categorical, weight) for i, each in enumerate(columns)
        )
        return cls(tuple(inputs))

    @property
    def n_numeric(self) -> int:
        """Number of standardised inputs, which come first."""
        return sum(column.n_numeric for column in self.columns)

    @property
    def n_indicators(self) -> int:
        """Number of inputs that are 0 or 1, or -1, 0 or 1, which come next."""
        return sum(column.n_indicators for column in self.columns)

    @property
    def n_levels(self) -> tuple[int, ...]:
        """Number of codes of each column of codes, which come last; 0 is one of them."""
        return tuple(column.n_codes for column in self.columns if column.n_codes)

    @property
    def n_inputs(self) -> int:
        return self.n_numeric + self.n_indicators + len(self.n_levels)

    def encode(self, X: Any) -> np.ndarray:
        """Inputs for rows of the columns seen in fit, (n_samples, n_inputs) float32."""
        X = as_table(X)
        rows = np.zeros((X.shape[0], self.n_inputs), dtype=np.float32)
        ends = self.n_numeric, self.n_numeric + self.n_indicators
        numeric, indicators, codes = np.split(rows, ends, axis=1)  # views
        for learned, column in zip(self.columns, columns_of(X), strict=True):
            learned.write(column, numeric, indicators, codes)
            numeric = numeric[:, learned.n_numeric :]
            indicators = indicators[:, learned.n_indicators :]
            codes = codes[:, bool(learned.n_codes) :]
        return rows


def chosen_categorical(selection: Any, X: Any) -> set[int]:
    """Positions of the columns that 'categorical_features' names; none for None."""
    if selection is None:
        return set()
    n_columns = X.shape[1]
    names = list(getattr(X, "columns", ()))
    chosen = np.asarray(selection)
    if chosen.ndim == 1:
        if not chosen.size:
            return set()
        if chosen.dtype.kind == "b" and chosen.size == n_columns:
            return set(np.flatnonzero(chosen).tolist())
        if chosen.dtype.kind in "iu" and chosen.min() >= 0 and chosen.max() < n_columns:
            return set(chosen.tolist())
        if all(isinstance(name, str) and name in names for name in chosen.tolist()):
            return {i for i, name in enumerate(names) if name in chosen.tolist()}
    more = ", ..." if len(names) > MAX_NAMED else ""
    shown = ", ".join(map(repr, names[:MAX_NAMED])) + more
    remedy = f"the names are {shown}" if names else "X has no names, so give positions"
    raise ValueError(
        "'categorical_features' must be 'from_dtype', None, or a list of names, positions or "
        f"one bool for each of the {n_columns} columns of X; got {selection!r}; {remedy}."
    )
