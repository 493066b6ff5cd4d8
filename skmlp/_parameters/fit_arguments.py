"""Checks of the arguments of `fit`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from typing import Any

from skmlp._parameters.rules import check_is_no_class


def one_validation_set(
    X_val: Any, y_val: Any, sample_weight_val: Any, validation_data: Any
) -> tuple[Any, Any, Any] | None:
    """(X, y, sample_weight) from scikit-learn's names or from Keras's, or None."""
    if validation_data is not None:
        if X_val is not None or y_val is not None or sample_weight_val is not None:
            raise ValueError(
                "'validation_data' must not be given beside X_val, y_val or "
                "sample_weight_val; got both; drop one of the two."
            )
        if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
            n_items = (
                f" of {len(validation_data)}" if hasattr(validation_data, "__len__") else ""
            )
            raise ValueError(
                "'validation_data' must be a tuple (X, y) or (X, y, sample_weight); got a "
                f"{type(validation_data).__name__}{n_items}; pass such a tuple."
            )
        X_val, y_val, sample_weight_val = (*validation_data, None)[:3]
    if (X_val is None) != (y_val is None) or (X_val is None and sample_weight_val is not None):
        raise ValueError(
            "'X_val' and 'y_val' must be given together; got only one of them, or weights "
            "without rows; pass both."
        )
    return None if X_val is None else (X_val, y_val, sample_weight_val)


def checked_count(name: str, value: Any) -> int:
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(
            f"'{name}' must be a whole number, at least 1; got {value!r}; for example 10."
        )
    return int(value)


def checked_batch(batch_size: Any) -> int | str | None:
    if batch_size is None or batch_size == "auto":
        return batch_size
    return checked_count("batch_size", batch_size)


def checked_verbose(verbose: Any) -> int:
    if not isinstance(verbose, Integral) or verbose < 0:
        raise ValueError(
            f"'verbose' must be a whole number, not negative; got {verbose!r}; 0 shows nothing."
        )
    return int(verbose)


# A quoted X or y may also be the user's label or column, which stays.
ARGUMENT = re.compile(
    r"(?<![\w'])(X|y|sample_weight)(?![\w'])"
    r"|(?<=')(X|y|sample_weight)(?=' (must|argument|and 'y'|and 'X'))"
)


@contextmanager
def named_as_validation() -> Iterator[None]:
    """In errors raised by the block, X, y and sample_weight become X_val, y_val and so on."""
    try:
        yield
    except (ValueError, TypeError) as error:
        text = ARGUMENT.sub(r"\g<0>_val", str(error))
        raise (ValueError if isinstance(error, ValueError) else TypeError)(text) from error


def as_list(callbacks: Any) -> list[Any]:
    """Keras callbacks as a list, from None, a callback, or a list or tuple."""
    if callbacks is None:
        return []
    several = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
    for callback in several:
        check_is_no_class("callbacks", callback)
        if not (hasattr(callback, "on_epoch_end") and hasattr(callback, "set_model")):
            raise ValueError(
                f"'callbacks' must hold objects of keras.callbacks.Callback; got {callback!r}; "
                "wrap functions in a keras.callbacks.LambdaCallback."
            )
    return several
