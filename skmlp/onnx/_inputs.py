"""Columns of X as skl2onnx hands them over: one input for all, or one for each column."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from skmlp.onnx._graph import (
    DOUBLE,
    FLOAT,
    INT64,
    STRING,
    Graph,
    NotInONNXError,
    Value,
    dtype_of,
)


def number_rows(operator: Any, graph: Graph) -> Value:
    """All columns side by side, (rows, columns) float32."""
    return graph.joined([_numbers(graph, each) for each in _in_order(operator)])


def columns(operator: Any, graph: Graph) -> list[tuple[str, Value]]:
    """Each column's name, for errors, and its values, (rows, 1)."""
    found = []
    for variable in _in_order(operator):
        value, width = graph.variable(variable), _width(variable, operator)
        if width == 1:
            found.append((f"column {variable.raw_name!r}", value))
        else:
            start = len(found)
            found += [(f"column {start + i}", value.columns([i])) for i in range(width)]
    return found


def codes(value: Value, categories: Sequence[Any], name: str, first: int) -> Value:
    """Positions of values among the categories, counted from `first`; one less for others.

    The result is (rows, 1) float32. Text stands for the category that Python writes so.
    """
    strange = [one for one in categories if not isinstance(one, (str, numbers.Real, np.bool_))]
    if strange:
        raise NotInONNXError(
            "'X' must hold categories that are text, numbers or booleans, to be an input of "
            f"ONNX; got {type(strange[0]).__name__} in {name}; turn it into text."
        )
    if value.dtype == STRING:
        return _codes_of_text(value, list(map(str, categories)), name, first)
    position_of = {one: i for i, one in enumerate(categories, 1) if not isinstance(one, str)}
    if categories and not position_of:
        raise NotInONNXError(
            f"'X' must hold text in {name}, as in fit; got an input of {value.dtype.name}; "
            "declare it as StringTensorType."
        )
    kind = _kind_to_compare(value, np.array([*position_of], dtype=float))
    known = value.graph.constant([list(position_of)], kind)
    positions = np.array([*position_of.values()], np.float32)[:, None]
    return value.cast(kind).equals(known).cast(FLOAT) @ positions + (first - 1.0)


def _kind_to_compare(value: Value, categories: np.ndarray) -> np.dtype:
    """The type in which values equal categories; fractional ones do in any precision."""
    if (categories % 1 == 0).all():
        return INT64 if value.dtype.kind in "iub" else DOUBLE
    singles = np.float32(categories)
    tells_apart = len(np.unique(singles)) == len(categories)
    return FLOAT if tells_apart and abs(singles).max() < 2**24 else DOUBLE


def _codes_of_text(value: Value, categories: list[str], name: str, first: int) -> Value:
    if len(set(categories)) < len(categories):
        raise NotInONNXError(
            f"'X' must hold categories that differ as text, to be an input of ONNX; got equal "
            f"ones in {name}; rename one of them before fit."
        )
    return value.op(
        "LabelEncoder",
        dtype=FLOAT,
        domain="ai.onnx.ml",
        op_version=2,  # the newest that skl2onnx takes
        keys_strings=categories,
        values_floats=[float(first + i) for i in range(len(categories))],
        default_float=float(first - 1),
    )


def _in_order(operator: Any) -> list[Any]:
    """The inputs in the order of the columns in fit, by name if they have these names."""
    estimator, inputs = operator.raw_operator, list(operator.inputs)
    in_fit = getattr(estimator, "input_blocks_", ()) or getattr(
        estimator, "feature_names_in_", ()
    )
    by_name = {variable.raw_name: variable for variable in inputs}
    if len(by_name) == len(inputs) and by_name.keys() == set(in_fit):
        inputs = [by_name[name] for name in in_fit]
    width = sum(_width(variable, operator) for variable in inputs)
    if width != estimator.n_features_in_:
        raise NotInONNXError(
            f"'X' must have {estimator.n_features_in_} columns, as in the fit of "
            f"{type(estimator).__name__}; got {width} in the inputs of the conversion; declare "
            "one input per column of the fit."
        )
    return inputs


def _width(variable: Any, operator: Any) -> int:
    """Numbers of a row of an input; those of the fit where skl2onnx does not know."""
    sizes = variable.type.shape[1:]
    is_known = sizes and None not in sizes
    return prod(sizes) if is_known else operator.raw_operator.n_features_in_


def _numbers(graph: Graph, variable: Any) -> Value:
    """An input as (rows, numbers) float32."""
    if dtype_of(variable) == STRING:
        raise NotInONNXError(
            f"'X' must hold numbers; got text in the input {variable.raw_name!r} of the "
            "conversion; encode it, for example by a OneHotEncoder in a ColumnTransformer."
        )
    value = graph.variable(variable).cast(FLOAT)
    return value.op("Flatten", axis=1) if len(variable.type.shape) > 2 else value
