"""Noise, shifts of quantiles and temperature, learned from held-out rows after training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from skmlp._data.distributions import quantiles as weighted_quantiles
from skmlp._data.encoded import EncodedData

# Held-out rows that are all predicted rightly would ask for a temperature of 0.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.5, 8


def noise_variance(errors: np.ndarray, variance: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Mean squared error less the networks' mean variance, at least 0, (n_outputs,).

    Errors, and variances of the networks, are (n_rows, n_outputs).
    """
    return np.average(errors**2 - variance, axis=0, weights=weight).clip(min=0)


def quantile_shifts(
    residuals: np.ndarray, weight: np.ndarray, quantiles: Sequence[float]
) -> np.ndarray:
    """Terms that bring the share of targets at or below each quantile to where it should be.

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


def temperature(raw: Mapping[EncodedData, np.ndarray]) -> float:
    """The divisor of raw outputs that minimises the weighted log loss (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599).

    Raw outputs of each set of rows are those of the networks whose probabilities are averaged,
    (n_networks, n_rows, n_units).
    """
    weight = np.concatenate([rows.weight for rows in raw])

    def log_loss(log_temperature: float) -> float:
        losses = log_losses(raw, math.exp(log_temperature))
        return float(np.average(losses, weights=weight))

    bounds = math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE)
    best = minimize_scalar(log_loss, bounds=bounds, method="bounded", options={"xatol": 0.01})
    return math.exp(best.x)


def log_losses(raw: Mapping[EncodedData, np.ndarray], temperature: float) -> np.ndarray:
    """Log losses of all rows at a temperature, (n_rows,)."""
    return np.concatenate(
        [_row_log_loss(outputs / temperature, rows.y) for rows, outputs in raw.items()]
    )


def _row_log_loss(raw: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Log loss of each row's mean probability, averaged over labels if there are several.

    Targets are (n_rows, n_labels) of 0 and 1, or (n_rows,) class indices.
    """
    if y.ndim == 1:
        of_networks = log_softmax(raw, axis=-1)[:, np.arange(len(y)), y, None]
    else:
        of_networks = log_expit(np.where(y > 0, raw, -raw))
    return math.log(len(raw)) - np.logaddexp.reduce(of_networks, axis=0).mean(axis=-1)


def median_weights(quantiles: Sequence[float]) -> np.ndarray:
    """Weights of the quantiles in their linear interpolation at 0.5, (n_quantiles,)."""
    units = np.eye(len(quantiles))
    return np.array([np.interp(0.5, quantiles, unit) for unit in units])
