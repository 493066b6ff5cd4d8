"""Numeric targets in the precision and the units that a network takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from sklearn.preprocessing import StandardScaler

from skmlp._data.encoded import EncodedData
from skmlp._network.spec import TargetScaling


def standard_scaling(data: EncodedData) -> TargetScaling:
    """Weighted mean and standard deviation of each target."""
    with np.errstate(over="ignore", invalid="ignore"):
        # It takes the sum of weights for the number of rows, to tell what is constant.
        scaler = StandardScaler().fit(data.y, sample_weight=data.weight / data.weight.max())
    if not np.isfinite(scaler.var_).all():
        raise ValueError(
            f"'y' must have a finite variance; got values up to {np.abs(data.y).max():.3g}; "
            "divide it by a constant."
        )
    return TargetScaling(tuple(scaler.mean_.tolist()), tuple(scaler.scale_.tolist()))


def scaled(rows: EncodedData, scaling: TargetScaling) -> EncodedData:
    """The rows with standardised targets, float32."""
    return replace(rows, y=as_float32(scaling.standardised(rows.y)))


def as_float64(target: np.ndarray) -> np.ndarray:
    with of_numbers():
        return target.astype(np.float64)


@contextmanager
def of_numbers() -> Iterator[None]:
    """Say of a failed conversion that a regressor's targets are numbers."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith("could not convert"):  # "... string to float: 'a'"
            raise
        raise ValueError(
            f"'y' must hold numbers for a regressor; {error}; use a classifier for labels."
        ) from None


def as_float32(target: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        small = target.astype(np.float32)
    if not np.isfinite(small).all():
        raise ValueError(
            f"'y' must fit into float32; got values up to {np.abs(target).max():.3g}; set "
            "normalize_y=True, or scale it."
        )
    return small
