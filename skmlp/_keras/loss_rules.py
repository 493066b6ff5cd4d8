"""Checks that refuse losses by which the engine would train otherwise than Keras."""

from __future__ import annotations

from typing import Any

from skmlp._keras.tensorflow import keras
from skmlp._keras.text import overrides

# Losses of each number by itself, by their class or function
BY_NUMBER = {
    *("meansquarederror", "meanabsoluteerror", "meanabsolutepercentageerror"),
    *("meansquaredlogarithmicerror", "huber", "logcosh", "poisson"),
    *("binarycrossentropy", "binaryfocalcrossentropy"),
    *("mse", "mae", "mape", "msle", "bce"),
    *("squarederror", "absoluteerror"),  # scikit-learn's names
}


def check_is_by_number(loss: Any) -> None:
    """Refuse losses that depend on the axes of an output, which the engine has in one row."""
    is_name = isinstance(loss, str)
    name = loss if is_name else getattr(loss, "__name__", type(loss).__name__)
    if name.replace("_", "").lower() not in BY_NUMBER:
        raise ValueError(
            "'loss' must be a mean over single numbers for an output of several axes; got "
            f"{name}; use one of Keras's, such as 'mse', or let the network end in one axis."
        )


def check_is_mean(loss: Any) -> None:
    """Refuse objects whose loss is no mean over all rows."""
    if isinstance(loss, keras.losses.Loss) and overrides(type(loss), "__call__"):
        raise ValueError(
            "'loss' must leave the mean over rows to Keras; got "
            f"{type(loss).__name__}, which overrides '__call__'; override 'call' instead."
        )
    reduction, ignored = getattr(loss, "reduction", "mean"), getattr(loss, "ignore_class", None)
    if reduction in (None, "none", "sum"):
        raise ValueError(
            "'loss' must be a mean over rows, as Keras's losses are by default; got "
            f"reduction={reduction!r} in {type(loss).__name__}; leave 'reduction' out."
        )
    if ignored is not None:
        raise ValueError(
            f"'loss' must count all rows; got ignore_class={ignored} in {type(loss).__name__}; "
            "give rows of that class a sample weight of 0."
        )
