"""Nodes of an ONNX graph, written with Python's operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx.helper import (
    get_attribute_value,
    np_dtype_to_tensor_dtype,
    tensor_dtype_to_np_dtype,
)
from onnx.numpy_helper import from_array, to_array

FLOAT, DOUBLE, INT64 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
STRING = np.dtype(object)
MIN_OPSET = 13  # of which `ReduceSum` takes its axes as an input


class NotInONNXError(ValueError):
    """Raised for a layer or a column that cannot be written."""


def dtype_of(variable: Any) -> np.dtype:
    """Dtype of a variable of skl2onnx; object for text."""
    return tensor_dtype_to_np_dtype(variable.type.to_onnx_type().tensor_type.elem_type)


class Graph:
    """The graph that skl2onnx is writing."""

    def __init__(self, scope: Any, container: Any) -> None:
        self.opset = container.target_opset_any_domain("")
        if self.opset < MIN_OPSET:
            raise ValueError(
                f"'target_opset' must be at least {MIN_OPSET}, to convert estimators of skmlp; "
                f"got {self.opset}; raise it."
            )
        self._scope, self._container = scope, container
        self._constants: dict[tuple, Value] = {}

    def node(
        self,
        op_type: str,
        *inputs: Any,
        dtype: np.dtype | None = None,
        domain: str = "",
        output: str = "",
        **attributes: Any,
    ) -> Value:
        """Add a node; its result has the dtype of the first input, unless another is given.

        Inputs that are numbers or arrays become constants of the dtype of the first input that
        is a value. `output` names an output of the converted estimator.
        """
        first = next(one for one in inputs if isinstance(one, Value))
        values = [
            one if isinstance(one, Value) else self.constant(one, first.dtype) for one in inputs
        ]
        name = output or self._scope.get_unique_variable_name(op_type.lower())
        self._add(op_type, [value.name for value in values], [name], domain, attributes)
        return Value(self, name, dtype or first.dtype)

    def ordered(self, x: Value, *, descending: bool = False) -> Value:
        """The units of each row in order."""
        names = [self._scope.get_unique_variable_name(name) for name in ("ordered", "order")]
        attributes = {"axis": -1, "largest": int(descending)}
        self._add("TopK", [x.name, x.n_units().name], names, "", attributes)
        return Value(self, names[0], x.dtype)

    def variable(self, variable: Any) -> Value:
        """An input of the converted estimator."""
        return Value(self, variable.full_name, dtype_of(variable))

    def constant(self, array: Any, dtype: np.dtype) -> Value:
        """An array that is stored in the file, once for equal ones."""
        array = np.asarray(array, dtype)
        is_text = dtype == STRING
        content = tuple(array.ravel()) if is_text else array.tobytes()
        key = (dtype.str, array.shape, content)
        if key not in self._constants:
            name = self._scope.get_unique_variable_name("constant")
            proto = np_dtype_to_tensor_dtype(dtype)
            content = [text.encode() for text in content] if is_text else from_array(array)
            self._container.add_initializer(name, proto, list(array.shape), content)
            self._constants[key] = Value(self, name, dtype)
        return self._constants[key]

    def joined(self, values: list[Value], axis: int = 1) -> Value:
        """Values side by side; one alone as it is."""
        if len(values) == 1:
            return values[0]
        return self.node("Concat", *values, axis=axis)

    def add(self, part: Any) -> None:
        """Take over the nodes and constants of a graph whose names are free here."""
        for constant in part.initializer:
            array = to_array(constant)
            self._container.add_initializer(
                constant.name, constant.data_type, list(array.shape), from_array(array)
            )
        for node in part.node:
            attributes = {one.name: get_attribute_value(one) for one in node.attribute}
            self._add(node.op_type, [*node.input], [*node.output], node.domain, attributes)

    def unique_name(self, seed: str) -> str:
        """A name that no other value has."""
        return self._scope.get_unique_variable_name(seed)

    def _add(
        self, op_type: str, inputs: list[str], outputs: list[str], domain: str, attributes: dict
    ) -> None:
        name = self._scope.get_unique_operator_name(op_type)
        self._container.add_node(
            op_type, inputs, outputs, op_domain=domain, name=name, **attributes
        )


@dataclass(frozen=True)
class Value:
    """A tensor of the graph, mostly (rows, units)."""

    graph: Graph
    name: str
    dtype: np.dtype

    __array_ufunc__ = None  # an array on the left leaves the operation to the value

    def op(
        self, op_type: str, *others: Any, dtype: np.dtype | None = None, **more: Any
    ) -> Value:
        """The result of a node whose first input is this value."""
        return self.graph.node(op_type, self, *others, dtype=dtype, **more)

    def cast(self, dtype: np.dtype) -> Value:
        if dtype == self.dtype:
            return self
        return self.op("Cast", dtype=dtype, to=np_dtype_to_tensor_dtype(dtype))

    def columns(self, index: Any) -> Value:
        """Units at these positions."""
        return self.op("Gather", self.graph.constant(index, INT64), axis=1)

    def clip(self, low: float, high: float) -> Value:
        return self.op("Clip", low, high)

    def sum(self) -> Value:
        """Sum of each row, (rows, 1)."""
        return self.op("ReduceSum", self.graph.constant([1], INT64), keepdims=1)

    def mean(self) -> Value:
        """Mean of each row, (rows, 1)."""
        return self.sum() / self.n_units().cast(self.dtype)

    def n_units(self) -> Value:
        """Size of the last axis, (1,) int64."""
        shape = self.op("Shape", dtype=INT64)
        return shape.op("Gather", self.graph.constant([-1], INT64))

    def reshaped(self, *shape: int) -> Value:
        """0 keeps a size, -1 is what is left."""
        return self.op("Reshape", self.graph.constant(shape, INT64))

    def where(self, yes: Any, no: Any) -> Value:
        """Of a condition: one value or the other, of which one at least is no constant."""
        kind = next(one.dtype for one in (yes, no) if isinstance(one, Value))
        sides = [
            one if isinstance(one, Value) else self.graph.constant(one, kind)
            for one in (yes, no)
        ]
        return self.op("Where", *sides, dtype=kind)

    def named(self, variable: Any) -> None:
        """Make this value an output of the converted estimator, of its declared type."""
        dtype = dtype_of(variable)
        if dtype == self.dtype:
            self.op("Identity", output=variable.full_name)
        else:
            proto = np_dtype_to_tensor_dtype(dtype)
            self.op("Cast", output=variable.full_name, to=proto)

    def __getitem__(self, index: tuple[Any, slice]) -> Value:
        """`x[..., start:end]`, some of the units."""
        _, units = index
        start, stop, axis = (
            self.graph.constant([one], INT64) for one in (units.start, units.stop, 1)
        )
        return self.op("Slice", start, stop, axis)

    def __add__(self, other: Any) -> Value:
        return self.op("Add", other)

    def __radd__(self, other: Any) -> Value:
        return self.graph.node("Add", other, self)

    def __sub__(self, other: Any) -> Value:
        return self.op("Sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self.graph.node("Sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return self.op("Mul", other)

    def __rmul__(self, other: Any) -> Value:
        return self.graph.node("Mul", other, self)

    def __truediv__(self, other: Any) -> Value:
        return self.op("Div", other)

    def __matmul__(self, other: Any) -> Value:
        return self.op("MatMul", other)

    def __rmatmul__(self, other: Any) -> Value:
        return self.graph.node("MatMul", other, self)

    def __neg__(self) -> Value:
        return self.op("Neg")

    def __gt__(self, other: Any) -> Value:
        return self.op("Greater", other, dtype=np.dtype(bool))

    def __lt__(self, other: Any) -> Value:
        return self.op("Less", other, dtype=np.dtype(bool))

    def equals(self, other: Any) -> Value:
        return self.op("Equal", other, dtype=np.dtype(bool))
