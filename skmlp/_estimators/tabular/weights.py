"""Sample weights: rows without weight are left out, and few rows may be repeated instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._data.arrays import check_total_weight
from skmlp._data.distributions import repetitions
from skmlp._sklearn import safe_indexing

# Rows, counted with repetitions, up to which weights are repetitions. All make one batch.
SMALL = 64


def weighted(
    X: Any, rows: np.ndarray, weight: np.ndarray
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Rows of positive weight, of which there must be one, and weights of at most 1.

    `rows` are their positions in the table.
    """
    check_total_weight(weight)
    weight = weight / weight.max()
    if weight.all():
        return X, rows, weight
    kept = np.flatnonzero(weight)
    return safe_indexing(X, kept), rows[kept], weight[kept]


def repeated(
    X: Any, rows: np.ndarray, weight: np.ndarray
) -> tuple[Any, np.ndarray, np.ndarray]:
    """Few rows, each as often as its weight says, if weights are multiples of the least.

    Otherwise, weights and repeated rows would differ in which rows are held out.
    """
    n_times = np.rint(repetitions(weight))
    if n_times.max() == 1 or n_times.sum() > SMALL:
        return X, rows, weight
    index = np.repeat(np.arange(len(rows)), n_times.astype(int))
    return safe_indexing(X, index), rows[index], (weight / n_times)[index]
