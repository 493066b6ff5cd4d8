"""A user's Keras network as ONNX nodes: known layers one by one, others by Keras's exporter.

Values of several axes are flat, (rows, numbers), as the rows of the estimators are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skmlp._kinds.base import Kind
from skmlp._network.keras_network import KerasNetwork, finalize
from skmlp._network.spec import Layer, flow
from skmlp.onnx._exported import exported_outputs
from skmlp.onnx._graph import FLOAT, INT64, NotInONNXError, Value
from skmlp.onnx._layers import Arrays, layer_output

SEVERAL_AXES = ("Embedding", "Flatten", "Reshape")  # layers that may have them


@dataclass(frozen=True)
class Embedding(Kind):
    """Keras's: a row of a table for each whole number."""


@layer_output.register
def _embedding(kind: Embedding, arrays: Arrays, x: Value) -> Value:
    vectors = x.graph.constant(arrays[0], x.dtype).op("Gather", x.cast(INT64), axis=0)
    return vectors.op("Flatten", axis=1)


@layer_output.register
def _keras_network(kind: KerasNetwork, arrays: Arrays, *inputs: Value) -> Value:
    """The outputs of the network side by side."""
    network = kind.model.made()
    network.set_weights(list(arrays))
    finalize(network)
    names = [entry.name for entry in kind.entries]
    try:
        layers, arrays_of, outputs = _parts(network, names)
    except NotInONNXError as error:
        return _by_keras(kind, network, inputs, str(error))

    def run(layer: Layer, *values: Value) -> Value:
        return layer_output(layer.kind, arrays_of[layer.name], *values)

    typed = [
        x if entry.dtype == "float32" else x.cast(np.dtype(entry.dtype)).cast(FLOAT)
        for x, entry in zip(inputs, kind.entries, strict=True)
    ]
    values = flow(layers, dict(zip(names, typed, strict=True)), run)
    return inputs[0].graph.joined([values[name] for name in outputs])


def _by_keras(kind: KerasNetwork, network: Any, inputs: Sequence[Value], reason: str) -> Value:
    """The same by Keras's exporter, for a network with a layer that is not known."""
    try:
        return inputs[0].graph.joined(exported_outputs(network, kind.entries, inputs))
    except ImportError as error:
        raise NotInONNXError(f"{reason}; install tf2onnx, by which Keras exports it") from error
    except NotInONNXError as error:
        raise NotInONNXError(f"{reason}, of which Keras's exporter makes {error}") from error
    except Exception as error:  # of tf2onnx, for an operation that it does not know
        raise NotInONNXError(f"{reason}, and Keras's exporter failed: {error}") from error


def _parts(network: Any, inputs: list[str]) -> tuple[list[Layer], dict[str, Arrays], list[str]]:
    """Layers of known kinds, their arrays, and names of the layers that give the outputs."""
    from skmlp._keras.tensorflow import keras

    name_of = {id(t): name for t, name in zip(network.inputs, inputs, strict=True)}
    layers: list[Layer] = []
    arrays_of: dict[str, Arrays] = {}
    name = inputs[0]
    for layer in network.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        _check(layer)
        sources: tuple[str, ...] = (name,)
        if not isinstance(network, keras.Sequential):
            sources = _names(name_of, keras.tree.flatten(layer.input), layer)
        arrays = [variable.value.numpy() for variable in layer.weights]
        for name, kind in _kinds(layer):
            layers.append(Layer(name, kind, sources))
            arrays_of[name], arrays = arrays, []
            sources = (name,)
        name_of[id(layer.output)] = name
    if isinstance(network, keras.Sequential):
        return layers, arrays_of, [name]
    return layers, arrays_of, list(_names(name_of, network.outputs, layer))


def _names(name_of: dict[int, str], tensors: Sequence[Any], layer: Any) -> tuple[str, ...]:
    """Names of the layers that make these tensors, inputs of a layer or outputs after it."""
    if not name_of.keys() >= set(map(id, tensors)):
        raise NotInONNXError(f"a layer used more than once before {_described(layer)}")
    return tuple(name_of[id(tensor)] for tensor in tensors)


def _kinds(layer: Any) -> Iterator[tuple[str, Kind]]:
    from skmlp._network.keras_conversion import UnknownLayerError, layer_kinds

    if type(layer).__name__ == "Embedding":
        yield layer.name, Embedding()
        return
    try:
        yield from layer_kinds(layer, is_last=False)
    except UnknownLayerError as error:
        raise NotInONNXError(_described(layer)) from error


def _check(layer: Any) -> None:
    """Refuse layers of several uses, of other dtypes, or with axes beside the units."""
    from skmlp._keras.tensorflow import keras

    try:
        tensors = keras.tree.flatten([layer.input, layer.output])
    except (AttributeError, ValueError) as error:
        raise NotInONNXError(f"{_described(layer)}, which is used more than once") from error
    if layer.dtype_policy.name != "float32":
        raise NotInONNXError(f"{_described(layer)} of dtype {layer.dtype_policy.name}")
    may_have_axes = type(layer).__name__ in SEVERAL_AXES
    if not may_have_axes and any(len(tensor.shape) != 2 for tensor in tensors):
        raise NotInONNXError(f"{_described(layer)} with axes beside the units")


def _described(layer: Any) -> str:
    return f"the layer {layer.name!r} of the class {type(layer).__name__}"
