"""`SimpleImputer`: values in the place of missing ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.impute import SimpleImputer

from skmlp._data.table_columns import is_missing
from skmlp._export.columns import TEXT, Block, Column, Tensor, numbers, ops


def imputed(imputer: SimpleImputer, columns: Sequence[Column], step: str) -> list[Column]:
    """The columns that are not empty, and indicators of missing values."""
    fillers = imputer.statistics_.tolist()
    texts = {
        i: _with_text(imputer, columns[i], filler, step)
        for i, filler in enumerate(fillers)
        if isinstance(filler, str)
    }
    is_text = [isinstance(filler, str) for filler in fillers]
    kept = [i for i, one in enumerate(fillers) if not is_text[i] and not is_missing(one)]
    where_missing = _where_missing(imputer)
    imputed_numbers: list[Column] = []
    if kept:
        make = numbers([columns[i] for i in kept], step)
        values = np.array([fillers[i] for i in kept], dtype=np.float32)

        def output() -> Tensor:
            x = make()
            return ops.where(where_missing(x), values, x)

        imputed_numbers = Block(len(kept), output).columns()
    found = texts | dict(zip(kept, imputed_numbers, strict=True))
    return [found[i] for i in sorted(found)] + _indicators(imputer, columns, step)


def _indicators(imputer: SimpleImputer, columns: Sequence[Column], step: str) -> list[Column]:
    if not imputer.add_indicator or not imputer.indicator_.features_.size:
        return []
    flagged = imputer.indicator_.features_.tolist()
    make, where_missing = numbers([columns[i] for i in flagged], step), _where_missing(imputer)
    return Block(len(flagged), lambda: ops.cast(where_missing(make()), "float32")).columns()


def _where_missing(imputer: SimpleImputer) -> Callable[[Tensor], Tensor]:
    value = imputer.missing_values
    return ops.isnan if is_missing(value) else lambda x: ops.equal(x, value)


def _with_text(imputer: SimpleImputer, column: Column, filler: str, step: str) -> Column:
    column.use(TEXT, step)
    if not is_missing(imputer.missing_values):
        raise ValueError(
            "'estimator' must impute texts that are None or NaN, which are empty strings in "
            f"Keras; got missing_values={imputer.missing_values!r} in {step}; replace them "
            "before the pipeline."
        )
    return column if column.filler is not None else column._replace(filler=filler)
