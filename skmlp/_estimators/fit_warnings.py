"""Warnings about fits that went wrong without an error."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._kinds.activation_functions import numpy_activation
from skmlp._network.inference import raw_outputs
from skmlp._warnings import warn

MAX_ROWS = 2_000  # compared at most


def warn_of_other_units(y: np.ndarray, y_val: np.ndarray) -> None:
    """Warn if most validation targets lie outside the training range by more than its width.

    A TransformedTargetRegressor passes on `y_val` without transforming it.
    """
    low, high = y.min(axis=0), y.max(axis=0)
    spread = high - low
    is_far = (y_val < low - spread) | (y_val > high + spread)
    if (is_far.mean(axis=0) > 0.5).any():
        warn(
            f"'y_val' must be in the units of y; got values from {y_val.min():.4g} to "
            f"{y_val.max():.4g} beside {y.min():.4g} to {y.max():.4g} of y; a "
            "TransformedTargetRegressor does not transform y_val: use normalize_y=True "
            "instead.",
        )


def warn_of_unseeded(name: str) -> None:
    """Warn that fits of the same `random_state` will differ."""
    warn(
        f"'model' of {name} draws random numbers that 'random_state' does not seed, so equal "
        "fits differ; let the layer draw them with a keras.random.SeedGenerator of its own.",
    )


def warn_if_worse_than_mean(
    name: str, loss: Any, state: FittedNetwork, data: EncodedData, remedy: str
) -> None:
    """Warn if the training loss is above that of predicting the mean of y.

    Squared errors are compared first, since computing the loss takes longer than a small fit.
    """
    rows = data.rows(np.arange(0, data.n_rows, -(-data.n_rows // MAX_ROWS)))
    if not rows.weight.any() or not np.ptp(rows.y, axis=0).any():
        return
    mean = np.average(rows.y, axis=0, weights=rows.weight).astype(np.float32)
    raw = raw_outputs(state.spec, state.weights, rows.X, np.float32)
    predicted = numpy_activation(state.spec.output_activation)(raw)
    squares, squares_of_mean = (
        np.average(np.square(rows.y - one).sum(axis=1), weights=rows.weight)
        for one in (predicted, mean)
    )
    if squares <= squares_of_mean:
        return
    from skmlp._keras.losses import mean_loss  # imports TensorFlow

    ours, of_mean = (
        mean_loss(loss, rows.y, one, rows.weight)
        for one in (predicted, np.broadcast_to(mean, rows.y.shape))
    )
    if ours > of_mean:
        warn(
            f"{name} predicts its training rows worse than the mean of y does: its loss is "
            f"{ours:.4g}, that of the mean {of_mean:.4g}; {remedy}, or train for more "
            "'epochs'.",
            ConvergenceWarning,
        )
