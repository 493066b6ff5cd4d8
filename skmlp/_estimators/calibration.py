"""What is learned from held-out rows after training: noise, shifts of quantiles, temperature.

Raw outputs are those of the network that held a row out. A row that several networks held out
counts once for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from skmlp._data.table_inputs import quantiles as weighted_quantiles

MAX_TEMPERATURE = 8


def noise_variance(errors: np.ndarray, variance: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean squared error less the networks' mean variance, at least 0, (n_outputs,).

    Errors, and variances of the networks, are (n_rows, n_outputs).
    """
    return np.average(errors**2 - variance, axis=0, weights=weight).clip(min=0)


def quantile_shifts(
    residuals: np.ndarray, weight: np.ndarray, quantiles: Sequence[float]
) -> np.ndarray:
    """What to add to each quantile so that its share of the targets is at or below it.

    Residuals are targets less quantiles, (n_rows, n_outputs, n_quantiles); the shifts are
    (n_outputs, n_quantiles). Each is a quantile of the residuals, as in conformalized quantile
    regression (Romano et al. 2019, https://arxiv.org/abs/1905.03222), whose asymmetric form
    shifts each end of an interval by itself.
    """
    return np.array(
        [
            [
                weighted_quantiles(column, weight, np.array([share]))[0]
                for column, share in zip(of_target.T, quantiles, strict=True)
            ]
            for of_target in residuals.swapaxes(0, 1)
        ]
    )


def best_temperature(raw: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """The divisor of raw outputs that minimises the weighted log loss (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599).

    Targets are (n_rows, n_outputs) of 0 and 1, or (n_rows,) class indices.
    """

    def log_loss(log_temperature: float) -> float:
        scaled = raw / math.exp(log_temperature)
        return float(np.average(_row_log_loss(scaled, y), weights=weight))

    limit = math.log(MAX_TEMPERATURE)
    found = minimize_scalar(log_loss, bounds=(-limit, limit), method="bounded")
    return math.exp(found.x)


def _row_log_loss(raw: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Log loss of each row, (n_rows,)."""
    if y.ndim == 1:
        return -log_softmax(raw, axis=1)[np.arange(len(y)), y]
    return -(y * log_expit(raw) + (1 - y) * log_expit(-raw)).mean(axis=1)
