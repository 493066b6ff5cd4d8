"""Steps that change each number by itself or each row: scalers and functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer, Normalizer

from skmlp._export.columns import Block, Column, Tensor, numbers, ops
from skmlp._export.invertible import linear_terms
from skmlp._keras.tensorflow import keras

FUNCTIONS: dict[Any, Callable[[Tensor], Tensor]] = {
    None: lambda x: x,
    np.abs: ops.abs,
    np.exp: ops.exp,
    np.expm1: ops.expm1,
    np.log: ops.log,
    np.log1p: ops.log1p,
    np.sqrt: ops.sqrt,
    np.square: ops.square,
}
NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "l1": lambda x: ops.sum(ops.abs(x), axis=1, keepdims=True),
    "l2": lambda x: ops.sqrt(ops.sum(ops.square(x), axis=1, keepdims=True)),
    "max": lambda x: ops.max(ops.abs(x), axis=1, keepdims=True),
}
SMALLEST = 1e-6  # deviation; below 1e-7, keras.layers.Normalization takes 1e-7
LARGEST = 1e18  # whose square, which Normalization holds, fits float32


def scaled(scaler: Any, columns: Sequence[Column], step: str) -> list[Column]:
    """A scaler's output, (x - center) / scale + term."""
    make, (center, scale, term) = numbers(columns, step), linear_terms(scaler)

    def output() -> Tensor:
        y = standardised(make(), center, scale)
        if term:
            y = y + term
        if getattr(scaler, "clip", False):
            low, high = scaler.feature_range
            y = ops.clip(y, low, high)
        return y

    return Block(len(columns), output).columns()


def standardised(x: Tensor, center: Any, scale: Any) -> Tensor:
    """(x - center) / scale, where None has no effect."""
    is_usual = scale is not None and np.min(scale) > SMALLEST and np.max(scale) < LARGEST
    if center is not None and is_usual:
        variance = np.square(scale).tolist()
        return keras.layers.Normalization(mean=np.array(center).tolist(), variance=variance)(x)
    if center is not None:
        x = keras.layers.Rescaling(1.0, (-np.array(center)).tolist())(x)
    return x if scale is None else keras.layers.Rescaling((1 / np.array(scale)).tolist())(x)


def restored(scaler: Any, y: Tensor) -> Tensor:
    """Predictions after `inverse_transform` of a scaler or function."""
    if isinstance(scaler, FunctionTransformer):
        return FUNCTIONS[scaler.inverse_func](y)
    center, scale, term = linear_terms(scaler)
    if term:
        y = y - term
    if center is None and scale is None:
        return y
    scale = 1.0 if scale is None else scale.tolist()
    center = 0.0 if center is None else np.array(center).tolist()
    return keras.layers.Rescaling(scale, center)(y)


def normalized(normalizer: Normalizer, columns: Sequence[Column], step: str) -> list[Column]:
    make = numbers(columns, step)

    def output() -> Tensor:
        x = make()
        norm = NORMS[normalizer.norm](x)
        return x / ops.where(ops.equal(norm, 0), 1.0, norm)

    return Block(len(columns), output).columns()


def computed(
    transformer: FunctionTransformer, columns: Sequence[Column], step: str
) -> list[Column]:
    """The output of a function that Keras has too."""
    if transformer.func not in FUNCTIONS or transformer.kw_args:
        raise ValueError(
            "'estimator' must apply no functions but NumPy's exp, expm1, log, log1p, sqrt, "
            f"square and abs; got {transformer.func!r} in {step}; apply it before the "
            "pipeline, or to the inputs of a Keras model that calls this one."
        )
    if transformer.func is None:
        return list(columns)
    make, function = numbers(columns, step), FUNCTIONS[transformer.func]
    return Block(len(columns), lambda: function(make())).columns()
