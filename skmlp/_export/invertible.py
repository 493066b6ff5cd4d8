"""Transformers whose output and inverse the exports to Keras and to ONNX know."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
# of a FunctionTransformer; None leaves numbers as they are
FUNCTIONS = (None, np.abs, np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.square)


def is_invertible(transformer: Any) -> bool:
    if type(transformer) is FunctionTransformer:
        return transformer.inverse_func in FUNCTIONS and not transformer.inv_kw_args
    return type(transformer) in SCALERS


def linear_terms(scaler: Any) -> tuple[Any, Any, float]:
    """Center and scale of each column, None for 0 and for 1, and the term added at last.

    The output is (x - center) / scale + term.
    """
    if isinstance(scaler, MinMaxScaler):
        return scaler.data_min_, 1 / scaler.scale_, scaler.feature_range[0]
    if isinstance(scaler, MaxAbsScaler):
        return None, scaler.scale_, 0
    if isinstance(scaler, RobustScaler):
        return scaler.center_, scaler.scale_, 0
    return scaler.mean_ if scaler.with_mean else None, scaler.scale_, 0
