"""scikit-learn's `TransformedTargetRegressor`, which skl2onnx does not know, as ONNX nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from skl2onnx import get_model_alias
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from skmlp._export.invertible import SCALERS, is_invertible, linear_terms
from skmlp.onnx._graph import Graph, NotInONNXError, Value
from skmlp.onnx._outputs import set_numbers

FUNCTIONS: dict[Any, Callable[[Value], Value]] = {
    None: lambda y: y,
    np.abs: lambda y: y.op("Abs"),
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
    if not is_invertible(transformer):
        known = ", ".join(sorted(cls.__name__ for cls in SCALERS))
        functions = ", ".join(f"np.{one.__name__}" for one in FUNCTIONS if one)
        inverse = getattr(transformer, "inverse_func", None) or transformer
        settings = getattr(transformer, "inv_kw_args", None)
        raise NotInONNXError(
            f"'transformer' of TransformedTargetRegressor must be one of {known}, or have "
            f"an inverse function among {functions} and no 'inv_kw_args', to be converted; got "
            f"{inverse!r}{f' with {settings}' if settings else ''}; transform y before fit."
        )
    if type(transformer) is FunctionTransformer:
        return FUNCTIONS[transformer.inverse_func](y)
    center, scale, term = linear_terms(transformer)
    y = y - term if term else y
    y = y if scale is None else y * scale
    return y if center is None else y + center
