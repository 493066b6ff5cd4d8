"""scikit-learn's `TransformedTargetRegressor`, which skl2onnx does not know, as ONNX nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from skl2onnx import get_model_alias
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from skmlp.onnx._graph import Graph, NotInONNXError, Value
from skmlp.onnx._outputs import set_numbers

# The inverse of a transformer, by its class
INVERSES: dict[type, Callable[[Any, Value], Value]] = {
    StandardScaler: lambda scaler, y: _restored(y, scaler.scale_, scaler.mean_),
    RobustScaler: lambda scaler, y: _restored(y, scaler.scale_, scaler.center_),
    MaxAbsScaler: lambda scaler, y: y * scaler.scale_,
    MinMaxScaler: lambda scaler, y: (y - scaler.min_) / scaler.scale_,
}
FUNCTIONS: dict[Any, Callable[[Value], Value]] = {
    None: lambda y: y,
    np.exp: lambda y: y.op("Exp"),
    np.expm1: lambda y: y.op("Exp") - 1,
    np.log: lambda y: y.op("Log"),
    np.log1p: lambda y: (y + 1).op("Log"),
    np.sqrt: lambda y: y.op("Sqrt"),
    np.square: lambda y: y * y,
}


def transformed_target_shapes(operator: Any) -> None:
    n_rows = operator.inputs[0].get_first_dimension()
    n_targets = operator.raw_operator.transformer_.n_features_in_
    set_numbers(operator.outputs[0], n_rows, n_targets)


def convert_transformed_target(scope: Any, operator: Any, container: Any) -> None:
    model, (output,) = operator.raw_operator, operator.outputs
    regressor = scope.declare_local_operator(
        get_model_alias(type(model.regressor_)), model.regressor_
    )
    regressor.inputs = operator.inputs
    predicted = scope.declare_local_variable("transformed_target", type(output.type)())
    regressor.outputs.append(predicted)
    _inverse(model.transformer_, Graph(scope, container).variable(predicted)).named(output)


def _inverse(transformer: Any, y: Value) -> Value:
    if isinstance(transformer, Pipeline):
        for _, step in reversed(transformer.steps):
            y = _inverse(step, y)
        return y
    if type(transformer) in INVERSES:
        return INVERSES[type(transformer)](transformer, y)
    if type(transformer) is FunctionTransformer and transformer.inverse_func in FUNCTIONS:
        return FUNCTIONS[transformer.inverse_func](y)
    known = ", ".join(sorted(cls.__name__ for cls in INVERSES))
    functions = ", ".join(f"np.{one.__name__}" for one in FUNCTIONS if one)
    inverse = getattr(transformer, "inverse_func", None) or transformer
    raise NotInONNXError(
        f"'transformer' of TransformedTargetRegressor must be one of {known}, or a function "
        f"with an inverse among {functions}, to be converted; got {inverse!r}."
    )


def _restored(y: Value, scale: np.ndarray | None, mean: np.ndarray | None) -> Value:
    y = y if scale is None else y * scale
    return y if mean is None else y + mean
