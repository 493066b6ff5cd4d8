"""Errors that name the columns without numbers; scikit-learn's name only a value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skmlp._data.table_columns import is_categorical, is_missing

# prefixes of dtype names in pandas, polars and Arrow, in lower case
DATES = ("date", "time", "duration", "period", "interval")
TEXT = ("object", "str", "utf8", "<u", "|s", "large_string")
OF_DATES = "turn dates into numbers, for example days since the first"
OF_OTHERS = (
    "encode text and categories, for example by a OneHotEncoder in a ColumnTransformer, or "
    "use a tabular estimator, which takes them as they are, or a wide & deep one, which takes "
    "columns of a categorical dtype"
)
MAX_NAMED = 5


@contextmanager
def named_columns(X: Any) -> Iterator[None]:
    """Refuse dates before the block, and name the columns at fault if the block fails.

    scikit-learn would convert a frame of dates alone to nanoseconds without an error.
    """
    _refuse({name: kind for name, kind, _ in _suspects(X) if kind == "dates"})
    try:
        yield
    except (ValueError, TypeError) as error:
        rows = np.asarray(X, dtype=object) if isinstance(X, (list, tuple)) else X
        suspects = _suspects(rows)
        _refuse({name: kind for name, kind, i in suspects if _is_text(rows, i)}, error)
        raise


def _suspects(X: Any) -> Iterator[tuple[str, str, int]]:
    """(name, kind, position) of each column that, by its dtype, may hold no numbers."""
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        columns = [(repr(name), each) for name, each in zip(X.columns, X.dtypes, strict=True)]
    elif isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind in "OUSMm":
        columns = [(f"column {i}", X.dtype) for i in range(X.shape[1])]
    else:
        return
    for i, (name, dtype) in enumerate(columns):
        dtype_name = str(dtype).lower()
        if dtype_name.startswith(DATES):
            yield name, "dates", i
        elif is_categorical(dtype):
            yield name, "categories", i
        elif dtype_name.startswith(TEXT):
            yield name, "text", i


def _is_text(X: Any, i: int) -> bool:
    """Whether a column holds text that does not spell numbers."""
    column = X.iloc[:, i] if hasattr(X, "iloc") else X[:, i]
    values = np.asarray(column, dtype=object)
    try:
        values[[not is_missing(value) for value in values]].astype(float)
    except ValueError:
        return True
    except TypeError:  # neither text nor numbers; scikit-learn's error names the value
        return False
    return False


def _refuse(kinds: dict[str, str], cause: Exception | None = None) -> None:
    """Raise ValueError that names these columns and their kinds; do nothing without any."""
    if not kinds:
        return
    parts = []
    for kind in dict.fromkeys(kinds.values()):
        names = [name for name, its_kind in kinds.items() if its_kind == kind]
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        parts.append(f"{kind} in {', '.join(names[:MAX_NAMED])}{more}")
    remedy = OF_DATES if "dates" in kinds.values() else OF_OTHERS
    raise ValueError(f"'X' must hold numbers; got {' and '.join(parts)}; {remedy}.") from cause
