"""From a frozen spec to a `keras.Model`, and the initial values of its weights."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from skmlp._data.sparse_rows import dense
from skmlp._keras.objects import find_class
from skmlp._keras.tensorflow import keras
from skmlp._kinds.base import Dense, Weights
from skmlp._network.keras_entries import Entry
from skmlp._network.keras_network import WHOLE, KerasSpec, finalize, layers_in
from skmlp._network.spec import ActivationLike, Layer, NetworkSpec, flow

# Output activations without a gradient below zero: an output that starts there stays there, so
# a small bias starts it above (Goodfellow et al. 2016, "Deep Learning", section 8.4).
DEAD_BELOW_ZERO = ("relu", "relu6")
ALIVE = 0.1
MAX_KEPT = 2**14  # numbers of a kernel that is kept once it is drawn


def build_model(
    spec: NetworkSpec, regularizer: keras.regularizers.L1L2 | None = None
) -> keras.Model:
    """The network as a Keras model, with kernels of zero under this regularizer.

    A user's own network is made as it is, with weights of any values; its kernels keep their
    own penalties beside this one. Any other is a
    `keras.Sequential` if each layer follows the one before, otherwise a functional model.
    Layers are named, so that building does not advance Keras's name counters, and seeded or
    zero, since an unseeded Keras layer draws from Python's global generator. The dtype is
    explicit, so that a global dtype policy has no effect.
    """
    if isinstance(spec, KerasSpec):
        assert spec.model is not None
        model = spec.model.made()
        frozen = {layer.name for layer in spec.layers() if layer.is_frozen}
        for layer in model.layers:
            layer.trainable = layer.trainable and layer.name not in frozen
        if regularizer is not None:
            _penalise(model, regularizer)
        return model

    def keras_layer(layer: Layer) -> keras.layers.Layer:
        made = layer.kind.keras_layer(regularizer, name=layer.name, dtype="float32")
        made.trainable = not layer.is_frozen
        return made

    inputs = {name: keras.Input((n,), name=name) for name, n in spec.input_widths().items()}
    if spec.is_sequential:
        layers = [keras_layer(layer) for layer in spec.layers()]
        return keras.Sequential([*inputs.values(), *layers], name="skmlp")

    made: dict[str, keras.layers.Layer] = {}

    def call_new(layer: Layer, *inputs: Any) -> Any:
        if layer.shares:
            return made[layer.shares](inputs[0], transposed=True)
        made[layer.name] = keras_layer(layer)
        return made[layer.name](inputs if len(inputs) > 1 else inputs[0])

    built = flow(spec.layers(), inputs, call_new)
    outputs = [built[name] for name in spec.outputs]
    outputs = outputs if len(outputs) > 1 else outputs[0]
    return keras.Model(list(inputs.values()), outputs, name="skmlp")


def variables(model: keras.Model, spec: NetworkSpec) -> list[list[keras.Variable]]:
    """The variables of the model of a spec, layer by layer."""
    if not isinstance(spec, KerasSpec):
        return [
            [] if layer.shares else list(model.get_layer(layer.name).weights)
            for layer in spec.layers()
        ]
    layers = {layer.name: layer for layer in model.layers} | {WHOLE: model}
    return [list(layers[la.name].weights) if la.name in layers else [] for la in spec.layers()]


def set_weights(model: keras.Model, spec: NetworkSpec, weights: Weights) -> None:
    """Give the model of a spec these weights."""
    for of_layer, arrays in zip(variables(model, spec), weights, strict=True):
        for variable, array in zip(of_layer, arrays, strict=True):
            variable.assign(array)
    finalize(model)


def model_with_weights(
    spec: NetworkSpec,
    weights: Weights,
    regularizer: keras.regularizers.L1L2 | None = None,
) -> keras.Model:
    """The network as a Keras model with these weights; see `build_model`."""
    model = build_model(spec, regularizer)
    set_weights(model, spec, weights)
    return model


def adapted_weights(model: keras.Model, spec: KerasSpec, X: Any) -> Sequence[np.ndarray]:
    """Arrays of a Keras network in order.

    `keras.layers.Normalization` right after an input adapts to the training rows, dense or CSR,
    unless it was given statistics or has adapted before. The model is not changed.
    """
    inputs = spec.inputs(X)
    values = {id(variable): variable.value for variable in model.weights}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization) and not _has_statistics(layer):
            entry = _entry_before(layer, model, spec)
            fresh = type(layer).from_config(layer.get_config())
            fresh.adapt(dense(inputs[entry.name]).reshape(-1, *entry.shape))
            adapted = zip(layer.weights, fresh.weights, strict=True)
            values |= {id(variable): new.value for variable, new in adapted}
    return [values[id(one)].numpy().astype(np.float32) for one in model.weights]


def _has_statistics(layer: keras.layers.Normalization) -> bool:
    if layer.input_mean is not None:
        return True
    mean, variance, *_ = layer.get_weights()
    return bool(mean.any() or (variance != 1).any())


def _penalise(model: keras.Model, regularizer: keras.regularizers.L1L2) -> None:
    """Add a penalty to those that the model's kernels have.

    Variables have it at once, and layers so that a saved model keeps it, but for the kernels
    inside attention layers, whose configuration holds one penalty for all.
    """
    for variable in model.trainable_variables:
        if variable.name == "kernel":
            variable.regularizer = _sum(variable.regularizer, regularizer)
    for layer in _holders(model):
        if hasattr(layer, "kernel_regularizer") and hasattr(layer, "kernel"):
            layer.kernel_regularizer = layer.kernel.regularizer


def _holders(model: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """A layer or model, and the layers inside it, also inside recurrent ones."""
    for layer in layers_in(model):
        yield layer
        names = ("forward_layer", "backward_layer", "cell")
        parts = (*(getattr(layer, name, None) for name in names), *getattr(layer, "cells", ()))
        for part in parts:
            if isinstance(part, keras.layers.Layer):
                yield from _holders(part)


def _sum(own: Any, added: keras.regularizers.L1L2) -> Any:
    """Both penalties as one; a penalty of another kind stays alone."""
    if own is None:
        return added
    kinds = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    if type(own) not in kinds:
        return own
    weights = {"l1": 0.0, "l2": 0.0} | own.get_config()
    return keras.regularizers.L1L2(weights["l1"] + added.l1, weights["l2"] + added.l2)


def _entry_before(layer: keras.layers.Layer, model: keras.Model, spec: KerasSpec) -> Entry:
    """The input that a layer follows."""
    if isinstance(model, keras.Sequential):
        followed = [layer is model.layers[0]]
    else:
        followed = [tensor is layer.input for tensor in model.inputs]
    if not any(followed):
        raise ValueError(
            "'model' must have a Normalization layer right after an input, where it adapts to "
            f"the rows; got {layer.name!r} after other layers; give it its mean and variance."
        )
    return spec.entries[followed.index(True)]


def initial_weights(built: Weights, spec: NetworkSpec, initializer: Any, seed: int) -> Weights:
    """Kernels drawn by the initializer, and biases too with "auto", each from its own seed;
    other arrays as Keras built them.
    """
    layers = list(spec.layers())
    n_kernels = sum(isinstance(layer.kind, Dense) for layer in layers)
    seeds = (np.random.SeedSequence(seed).generate_state(2 * n_kernels) >> 1).tolist()
    activations = [*spec.activations, *[None] * (n_kernels - len(spec.activations))]
    weights = []
    for layer, arrays in zip(layers, built, strict=True):
        if isinstance(layer.kind, Dense):
            kernel, *biases = arrays
            is_kept = isinstance(initializer, str) and kernel.size <= MAX_KEPT
            drawn = (_kept if is_kept else _drawn)(
                initializer,
                kernel.shape,
                _named(activations.pop(0)),
                spec.output_activation,
                (seeds.pop(0), seeds.pop()),
            )
            arrays = (*drawn[: 1 + len(biases)], *biases[1:])
        weights.append(arrays)
    return tuple(weights)


def _drawn(
    initializer: Any,
    shape: tuple[int, ...],
    activation: str | None,
    output_activation: str,
    seeds: tuple[int, int],
) -> list[np.ndarray]:
    """Kernel and bias of a dense layer, from their own seeds."""
    of_both = _initializers(initializer, shape, activation, output_activation, seeds)
    drawn = [
        np.array(draw(of, dtype="float32"))
        for draw, of in zip(of_both, (shape, shape[1:]), strict=True)
    ]
    for array in drawn:
        array.setflags(write=False)  # others may get the same one
    return drawn


# In a search most candidates have one seed, and Keras takes long to draw a few numbers.
_kept = lru_cache(maxsize=64)(_drawn)


def _initializers(
    initializer: Any,
    shape: tuple[int, ...],
    activation: str | None,  # None for an output layer
    output_activation: str,
    seeds: tuple[int, int],
) -> tuple[keras.initializers.Initializer, keras.initializers.Initializer]:
    """Initializers of a layer's kernel, of this shape, and of its bias."""
    kernel_seed, bias_seed = seeds
    zeros = keras.initializers.Zeros()
    if initializer != "auto":
        return seeded_initializer(initializer, kernel_seed), zeros
    if activation == "selu":  # LeCun et al. 1998, as Klambauer et al. 2017 assume
        return keras.initializers.LecunNormal(kernel_seed), zeros
    if activation is None and output_activation in DEAD_BELOW_ZERO:
        small = keras.initializers.VarianceScaling(0.01, "fan_avg", "uniform", kernel_seed)
        return small, keras.initializers.Constant(ALIVE)
    glorot = keras.initializers.GlorotUniform(kernel_seed)  # Glorot and Bengio 2010
    if activation is None:
        return glorot, zeros
    # The kernel's range, so that the kinks of a rectifier layer do not all lie at zero.
    bound = math.sqrt(6 / sum(shape))
    return glorot, keras.initializers.RandomUniform(-bound, bound, bias_seed)


def _named(activation: ActivationLike | None) -> str | None:
    return activation if activation is None or isinstance(activation, str) else "other"


def check_initializer(initializer: Any) -> None:
    """Raise ValueError for a name that Keras does not know."""
    if initializer != "auto":
        seeded_initializer(initializer, seed=0)


def seeded_initializer(initializer: Any, seed: int) -> keras.initializers.Initializer:
    """A new initializer, with this seed if it takes one.

    Raises ValueError for a name that Keras does not know.
    """
    if isinstance(initializer, str):
        base = keras.initializers.Initializer
        cls = find_class(keras.initializers, base, initializer, "kernel_initializer")
        config: dict[str, Any] = {}
    else:
        cls, config = type(initializer), initializer.get_config()
    if "seed" in inspect.signature(cls).parameters:
        config["seed"] = seed
    return cls(**config)
