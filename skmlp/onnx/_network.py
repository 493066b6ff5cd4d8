"""A fitted network as ONNX nodes."""

from __future__ import annotations

import numpy as np

from skmlp._kinds.base import Weights
from skmlp._network.spec import Layer, NetworkSpec, flow, needed_layers
from skmlp.onnx._activations import ACTIVATIONS
from skmlp.onnx._graph import Value
from skmlp.onnx._layers import layer_output


def network_output(spec: NetworkSpec, weights: Weights, X: Value, name: str = "") -> Value:
    """Outputs of the layer of this name, or raw outputs, for rows of float32."""
    name = name or spec.raw_outputs[0]
    layers = spec.layers()
    arrays = dict(zip((layer.name for layer in layers), weights, strict=True))

    def run(layer: Layer, *inputs: Value) -> Value:
        return layer_output(layer.kind, arrays[layer.arrays_of], *inputs)

    return flow(needed_layers(layers, name), spec.inputs(X), run)[name]


def predictions(spec: NetworkSpec, raw: Value, dtype: np.dtype) -> Value:
    """Predictions in the user's units, of the given dtype, from raw outputs."""
    if spec.target_scaling:
        return layer_output(spec.target_scaling.layer(), (), raw.cast(dtype))
    return ACTIVATIONS[spec.output_activation](raw).cast(dtype)
