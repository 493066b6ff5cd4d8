"""A Keras network of any layers inside the graph, as Keras's own exporter writes it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.compose
import onnx.version_converter
from onnx.helper import tensor_dtype_to_np_dtype

from skmlp._network.keras_entries import Entry
from skmlp._network.keras_network import layers_in
from skmlp.onnx._graph import NotInONNXError, Value

NEWEST_OPSET = 18  # of tf2onnx


def exported_outputs(
    network: Any, entries: Sequence[Entry], inputs: Sequence[Value]
) -> list[Value]:
    """Outputs of a network, (rows, numbers) each; raises ImportError without tf2onnx."""
    import tf2onnx  # noqa: F401

    graph = inputs[0].graph
    part = _prefixed(_exported(network, entries, graph.opset), graph.unique_name("keras"))
    if any("" in node.input for node in part.node):
        kinds = sorted({node.op_type for node in part.node if "" in node.input})
        raise NotInONNXError(
            f"nodes of the types {', '.join(kinds)}, whose optional inputs skl2onnx does not "
            "leave out"
        )
    if len(part.input) != len(entries):
        raise NotInONNXError(f"a graph of {len(part.input)} inputs instead of {len(entries)}")
    for value, entry, variable in zip(inputs, entries, _inputs(network, part), strict=True):
        typed = value.cast(_dtype(variable)).reshaped(-1, *entry.shape)
        typed.op("Identity", output=variable.name)
    graph.add(part)
    found = [Value(graph, variable.name, _dtype(variable)) for variable in part.output]
    return [value.op("Flatten", axis=1) for value in found]


def _exported(network: Any, entries: Sequence[Entry], opset: int) -> onnx.ModelProto:
    from skmlp._keras.tensorflow import keras

    rows = [np.zeros((1, *entry.shape), entry.dtype) for entry in entries]
    for layer in layers_in(network):
        if isinstance(layer, keras.layers.Normalization):
            # Tensors would become further inputs of the graph.
            layer.mean, layer.variance = np.asarray(layer.mean), np.asarray(layer.variance)
    network(rows[0] if len(rows) == 1 else rows)  # Keras exports what has been called
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tf2onnx about NumPy
        path = Path(folder, "network.onnx")
        network.export(
            path, format="onnx", verbose=False, opset_version=min(opset, NEWEST_OPSET)
        )
        model = onnx.load(path)
    return onnx.version_converter.convert_version(model, opset)


def _prefixed(model: onnx.ModelProto, prefix: str) -> onnx.GraphProto:
    return onnx.compose.add_prefix(model, f"{prefix}_").graph


def _inputs(network: Any, part: onnx.GraphProto) -> list[Any]:
    """The inputs in the network's order, which their names tell."""
    found = list(part.input)
    names = [tensor.name for tensor in network.inputs]
    by_end = [[one for one in found if one.name.endswith(f"_{name}")] for name in names]
    return [ends[0] for ends in by_end] if all(len(ends) == 1 for ends in by_end) else found


def _dtype(variable: Any) -> np.dtype:
    return tensor_dtype_to_np_dtype(variable.type.tensor_type.elem_type)
