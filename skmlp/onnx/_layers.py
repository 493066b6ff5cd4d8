"""Kinds of layer as ONNX nodes.

`layer_output` gives a kind's output after training, from its arrays and inputs. Kinds whose
output on tensors is plain arithmetic run as they are; the others are a table here, so that the
networks need not know of ONNX.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from skmlp._kinds.activations import Activation, LeakyReLU, PReLU
from skmlp._kinds.autoencoder import ActivityPenalty, GaussianNoise, Transposed
from skmlp._kinds.base import (
    SMALLEST_DEVIATION,
    Add,
    Concatenate,
    Dense,
    Dropout,
    Kind,
    Rescaling,
    Standardization,
)
from skmlp._kinds.embeddings import PeriodicEmbedding, PiecewiseLinearEmbedding
from skmlp._kinds.keras_layers import (
    BatchNormalization,
    KerasLayer,
    LayerNormalization,
    Normalization,
)
from skmlp._kinds.tabular import LevelEmbedding, ParametricActivation, Scaling
from skmlp.onnx._activations import ACTIVATIONS, leaky_relu
from skmlp.onnx._graph import INT64, NotInONNXError, Value

# Their output on tensors uses operators alone, or is the input.
PLAIN = (Dense, Add, Dropout, GaussianNoise, ActivityPenalty, Rescaling, Scaling)

Arrays = Sequence[np.ndarray]


@singledispatch
def layer_output(kind: Kind, arrays: Arrays, *inputs: Value) -> Value:
    """The output of a kind of layer after training."""
    if type(kind) is Kind:
        return inputs[0]
    raise NotInONNXError(f"a layer of kind {type(kind).__name__}")


def _as_on_tensors(kind: Any, arrays: Arrays, *inputs: Value) -> Value:
    return kind.tensor(arrays, *inputs)


for _each in PLAIN:
    layer_output.register(_each, _as_on_tensors)


@layer_output.register
def _concatenate(kind: Concatenate, arrays: Arrays, *inputs: Value) -> Value:
    return inputs[0].graph.joined(list(inputs))


@layer_output.register
def _standardization(kind: Standardization, arrays: Arrays, x: Value) -> Value:
    mean, variance, _ = arrays
    return (x - mean) / np.maximum(np.sqrt(variance), SMALLEST_DEVIATION)


@layer_output.register
def _transposed(kind: Transposed, arrays: Arrays, x: Value) -> Value:
    kernel, _, bias = arrays
    return x @ kernel.T + bias


@layer_output.register
def _activation(kind: Activation, arrays: Arrays, x: Value) -> Value:
    function = kind.function
    if not isinstance(function, str):
        name = getattr(function, "__name__", repr(function))
        raise NotInONNXError(f"the function {name} as an activation; choose one by name")
    return ACTIVATIONS[function](x)


@layer_output.register
def _leaky_relu(kind: LeakyReLU, arrays: Arrays, x: Value) -> Value:
    return leaky_relu(x, kind.slope)


@layer_output.register
def _prelu(kind: PReLU, arrays: Arrays, x: Value) -> Value:
    return x.op("PRelu", arrays[0])


@layer_output.register
def _parametric_activation(kind: ParametricActivation, arrays: Arrays, x: Value) -> Value:
    return x + arrays[0] * (ACTIVATIONS[kind.function](x) - x)


# Normalisation


@layer_output.register
def _batch_normalization(kind: BatchNormalization, arrays: Arrays, x: Value) -> Value:
    gamma, beta, (mean, variance) = _learned(kind, arrays)
    factor = gamma / np.sqrt(variance + kind.settings["epsilon"])
    return x * factor + (beta - mean * factor)


@layer_output.register
def _layer_normalization(kind: LayerNormalization, arrays: Arrays, x: Value) -> Value:
    gamma, beta, _ = _learned(kind, arrays)
    x = x - x.mean()
    deviation = ((x * x).mean() + kind.settings["epsilon"]).op("Sqrt")
    return x / deviation * gamma + beta


def _learned(kind: Normalization, arrays: Arrays) -> tuple[Any, Any, list[np.ndarray]]:
    """Factor and term of a normalisation, and its other arrays."""
    left = list(arrays)
    gamma = left.pop(0) if kind.settings["scale"] else 1.0
    beta = left.pop(0) if kind.settings["center"] else 0.0
    return gamma, beta, left


# Embeddings. Their values are laid out as (features, functions, rows).


@layer_output.register
def _periodic(kind: PeriodicEmbedding, arrays: Arrays, x: Value) -> Value:
    frequencies, phases, kernel, bias = arrays
    angles = _columns(x) * (2 * math.pi * frequencies)[..., None] + phases[..., None]
    return _combined(kernel, angles.op("Cos"), bias)


@layer_output.register
def _piecewise_linear(kind: PiecewiseLinearEmbedding, arrays: Arrays, x: Value) -> Value:
    kernel, bias, edges = arrays
    widths = np.diff(edges)
    is_active = widths > 0
    shares = (_columns(x) - edges[:, :-1, None]) / np.where(is_active, widths, 1)[..., None]
    least, most = np.zeros((kind.n_bins, 1)), np.ones((kind.n_bins, 1))
    least[0], most[-1] = -np.inf, np.inf
    shares = shares.op("Max", least).op("Min", most)
    kernel = kernel * is_active[..., None]
    # The half that is taken off each share, here from the bias
    return _combined(kernel, shares, bias - kernel.sum(axis=-2) / 2)


@layer_output.register
def _levels(kind: LevelEmbedding, arrays: Arrays, x: Value) -> Value:
    starts = np.cumsum([0, *kind.n_levels[:-1]])
    rows = x.cast(INT64) + starts
    vectors = x.graph.constant(arrays[0], x.dtype).op("Gather", rows, axis=0)
    return vectors.reshaped(0, len(kind.n_levels) * kind.n_outputs)


def _columns(x: Value) -> Value:
    """(rows, features) as (features, 1, rows)."""
    return x.op("Transpose", perm=[1, 0]).op("Unsqueeze", x.graph.constant([1], INT64))


def _combined(kernel: np.ndarray, values: Value, bias: np.ndarray) -> Value:
    """Values (features, n, rows) by each feature's kernel, (rows, units)."""
    output = kernel.swapaxes(-1, -2) @ values + bias[..., None]
    return output.reshaped(bias.size, -1).op("Transpose", perm=[1, 0])


# Layers that only Keras knows


@layer_output.register
def _keras_layer(kind: KerasLayer, arrays: Arrays, x: Value) -> Value:
    settings = kind.settings
    if kind.layer_class == "LeakyReLU":
        return leaky_relu(x, settings.get("negative_slope", 0.3))
    if kind.layer_class == "ELU":
        return x.op("Elu", alpha=settings.get("alpha", 1.0))
    if kind.layer_class == "PReLU" and not settings.get("shared_axes"):
        return x.op("PRelu", arrays[0])
    if kind.layer_class == "ReLU":
        return _relu(
            x, **{k: settings.get(k) for k in ("max_value", "negative_slope", "threshold")}
        )
    if kind.layer_class == "Softmax" and settings.get("axis", -1) in (-1, 1):
        return x.op("Softmax", axis=1)
    name = kind.class_name
    raise NotInONNXError(f"a layer of the class {name}")


def _relu(x: Value, max_value: Any, negative_slope: Any, threshold: Any) -> Value:
    """Keras's ReLU: `negative_slope * (x - threshold)` below the threshold."""
    threshold, slope = threshold or 0.0, negative_slope or 0.0
    output = (x < threshold).where(slope * (x - threshold), x)
    return output if max_value is None else output.op("Min", max_value)
