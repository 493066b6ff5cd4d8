"""From a frozen spec to a `keras.Model`, and the first values of its weights."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from skmlp._keras_objects import find_class
from skmlp._params import automatic_scaling
from skmlp._spec import NetworkSpec


def build_model(spec: NetworkSpec) -> keras.Sequential:
    """The network in Keras's layers, its weights all zero.

    Layers are named, so that building moves none of Keras's name counters, and seeded or
    zero at first, since an unseeded Keras layer draws from Python's global generator. The
    dtype is fixed against a global dtype policy.
    """
    layers: list[Any] = [keras.Input((spec.n_features,), name="features")]
    for i, (units, rate) in enumerate(zip(spec.hidden_units, spec.dropout, strict=True), 1):
        layers.append(_dense(units, f"hidden_{i}"))
        layers.append(_activation(spec.activation, f"activation_{i}"))
        if rate > 0:
            layers.append(
                keras.layers.Dropout(rate, seed=0, dtype="float32", name=f"dropout_{i}")
            )
    layers.append(_dense(spec.n_outputs, "output"))
    layers.append(_activation(spec.output_activation, "prediction"))
    return keras.Sequential(layers, name="skmlp")


def initial_weights(
    shapes: Sequence[tuple[int, ...]], spec: NetworkSpec, initializer: Any, seed: int
) -> tuple[np.ndarray, ...]:
    """Kernels drawn by the initializer with seeds of their own, biases zero; float32.

    `shapes` are those of the model's variables: kernel, bias, kernel, ...
    """
    seeds = np.random.SeedSequence(seed).generate_state(len(shapes) // 2) >> 1
    activations = [spec.activation] * len(spec.hidden_units) + [None]
    weights: list[np.ndarray] = []
    for kernel, bias, activation, layer_seed in zip(
        shapes[0::2], shapes[1::2], activations, seeds.tolist(), strict=True
    ):
        if initializer == "auto":
            scaling = automatic_scaling(activation)
            draw = keras.initializers.VarianceScaling(**scaling, seed=layer_seed)
        else:
            draw = seeded_initializer(initializer, layer_seed)
        weights.append(np.asarray(draw(kernel, dtype="float32")))
        weights.append(np.zeros(bias, dtype=np.float32))
    return tuple(weights)


def check_initializer(initializer: Any) -> None:
    """Raise ValueError for a name that Keras does not know."""
    if initializer != "auto":
        seeded_initializer(initializer, seed=0)


def _dense(units: int, name: str) -> keras.layers.Dense:
    return keras.layers.Dense(units, kernel_initializer="zeros", dtype="float32", name=name)


def _activation(activation: Any, name: str) -> keras.layers.Activation:
    return keras.layers.Activation(activation, dtype="float32", name=name)


def seeded_initializer(initializer: Any, seed: int) -> keras.initializers.Initializer:
    """A new initializer with this seed, if it is one that draws.

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
