"""Categories as numbers: a value for each, and the two encoders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from skmlp._data.table_columns import is_missing
from skmlp._export.columns import NUMBERS, TEXT, Block, Column, Tensor, ops
from skmlp._keras.tensorflow import keras

ZEROS = -1  # code of a category that is 0 in all indicators


def looked_up(
    column: Column,
    categories: Sequence[Any],
    values: Sequence[float],
    step: str,
    *,
    unknown: float,
    missing: float | None = None,
) -> Callable[[], Tensor]:
    """A function that makes the value of each row's category, (n_samples, 1).

    A missing category may be one of the categories; otherwise it has the value `missing`, or
    else that of an unknown one.
    """
    value_of = {
        each: v for each, v in zip(categories, values, strict=True) if not is_missing(each)
    }
    of_missing = [v for each, v in zip(categories, values, strict=True) if is_missing(each)]
    missing_value = of_missing[0] if of_missing else unknown if missing is None else missing
    if all(isinstance(each, str) for each in value_of) and value_of:
        return _of_texts(column, value_of, step, unknown, missing_value)
    return _of_numbers(column, value_of, step, unknown, missing_value)


def _of_texts(
    column: Column, value_of: dict[str, float], step: str, unknown: float, missing: float
) -> Callable[[], Tensor]:
    column.use(TEXT, step)
    if "" in value_of:
        raise ValueError(
            "'estimator' must not have the empty text as a category, which stands for a "
            f"missing one in Keras; got it in {step}; replace it before the pipeline."
        )
    if column.filler is not None:
        missing = value_of.get(column.filler, unknown)
    table = _table([unknown, *value_of.values(), missing])

    unknown_text = "[UNK]"  # Keras's default; it must be none of the categories
    while unknown_text in value_of:
        unknown_text = f"[{unknown_text}]"

    def make() -> Tensor:
        lookup = keras.layers.StringLookup(vocabulary=[*value_of, ""], oov_token=unknown_text)
        return ops.take(table, lookup(column.tensor), axis=0)

    return make


def _of_numbers(
    column: Column, value_of: dict[Any, float], step: str, unknown: float, missing: float
) -> Callable[[], Tensor]:
    column.use(NUMBERS, step)
    try:
        known = np.array(list(value_of), dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "'estimator' must have categories that are all texts, or all numbers; got others "
            f"in {step}, such as {next(iter(value_of))!r}; convert the column to text."
        ) from error
    if len(np.unique(known)) < len(known):
        raise ValueError(
            "'estimator' must have categories that differ in single precision; got numbers "
            f"in {step} that do not; convert the column to text."
        )
    table = _table([unknown, *value_of.values(), missing])
    codes = np.arange(1, len(known) + 1, dtype=np.int32)

    def make() -> Tensor:
        x = column.tensor
        code = ops.sum(ops.where(ops.equal(x, known), codes, 0), axis=1, keepdims=True)
        code = ops.where(ops.isnan(x), len(known) + 1, code)
        return ops.take(table, code, axis=0)

    return make


def _table(values: Sequence[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def one_hot(encoder: OneHotEncoder, columns: Sequence[Column], step: str) -> list[Column]:
    """Indicators of categories; NaN where the encoder refuses an unknown one."""
    dropped = encoder.drop_idx_
    found: list[Column] = []
    for i, (column, categories, codes) in enumerate(
        zip(columns, encoder.categories_, _codes(encoder), strict=True)
    ):
        n_codes = 1 + max(codes, default=-1)
        unknown = float(ZEROS)
        if encoder.handle_unknown == "error":
            unknown = np.nan
        elif encoder.handle_unknown != "ignore" and _infrequent(encoder, i):
            unknown = n_codes - 1
        kept = list(range(n_codes))
        if dropped is not None and dropped[i] is not None:
            kept.remove(codes[dropped[i]])
        make = looked_up(column, categories.tolist(), codes, step, unknown=unknown)
        if kept:
            found += Block(
                len(kept), partial(_indicators, make, np.array(kept, np.float32))
            ).columns()
    return found


def _indicators(make: Callable[[], Tensor], codes: np.ndarray) -> Tensor:
    code = make()
    indicators = ops.cast(ops.equal(code, codes), "float32")
    return ops.where(ops.isnan(code), np.float32(np.nan), indicators)


def ordinal(encoder: OrdinalEncoder, columns: Sequence[Column], step: str) -> list[Column]:
    """Codes of categories; NaN where the encoder refuses an unknown one."""
    unknown = encoder.unknown_value if encoder.handle_unknown == "use_encoded_value" else np.nan
    found: list[Column] = []
    for column, categories, codes in zip(
        columns, encoder.categories_, _codes(encoder), strict=True
    ):
        values = [
            encoder.encoded_missing_value if _is_nan(category) else code
            for category, code in zip(categories.tolist(), codes, strict=True)
        ]
        make = looked_up(column, categories.tolist(), values, step, unknown=unknown)
        found += Block(1, make).columns()
    return found


def _codes(encoder: Any) -> Iterator[list[int]]:
    """The code of each category of each column: infrequent ones share the last one.

    NaN has no code in an OrdinalEncoder, which gives it a value; None has a code.
    """
    for i, categories in enumerate(encoder.categories_):
        others = _infrequent(encoder, i)
        is_ordinal = isinstance(encoder, OrdinalEncoder)
        has_own = [
            not (_is_among(each, others) or (is_ordinal and _is_nan(each)))
            for each in categories.tolist()
        ]
        yield np.where(has_own, np.cumsum(has_own) - 1, sum(has_own)).tolist()


def _is_nan(category: Any) -> bool:
    return isinstance(category, float) and category != category  # NaN equals nothing


def _infrequent(encoder: Any, i: int) -> list[Any]:
    found = getattr(encoder, "infrequent_categories_", None)
    return [] if found is None or found[i] is None else found[i].tolist()


def _is_among(category: Any, others: Sequence[Any]) -> bool:
    return any(
        each == category or (is_missing(each) and is_missing(category)) for each in others
    )
