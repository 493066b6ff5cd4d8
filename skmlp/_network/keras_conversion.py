"""From a user's `keras.Model` to the frozen description of its network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from skmlp._keras.tensorflow import keras
from skmlp._keras.text import is_of_keras, overrides
from skmlp._kinds.activation_functions import ACTIVATIONS
from skmlp._kinds.activations import LeakyReLU, PReLU, activation_kind, canonical
from skmlp._kinds.base import (
    Add,
    AlphaDropout,
    Concatenate,
    Dense,
    Dropout,
    Kind,
    Rescaling,
    Standardization,
)
from skmlp._kinds.keras_layers import KerasLayer, normalization_kind
from skmlp._network.keras_network import Entry, Head, KerasSpec, layers_in
from skmlp._network.keras_text import model_text, output_names, output_widths
from skmlp._network.keras_whole import output_of, whole
from skmlp._network.model_text import ModelText
from skmlp._network.spec import Layer

# Keras's own names of inputs, whose numbers differ from one model to the next
KERAS_NAME = re.compile(r"(input_layer|keras_tensor)(_\d+)?")


class UnknownLayerError(Exception):
    """Raised for a layer that no known kind stands for."""


def keras_spec(model: keras.Model, link: str | None) -> KerasSpec:
    """The description of a built model; `link` is the activation that its loss applies itself.

    Raises ValueError for a model that cannot be made again from its configuration.
    """
    spec, is_trained = _spec_of(model_text(model), link)
    pairs = zip(model.weights, is_trained, strict=False)
    frozen = [one.path for one, trained_anew in pairs if trained_anew and not one.trainable]
    if frozen and len(model.weights) == len(is_trained):
        raise ValueError(
            "'model' must freeze whole layers, since its configuration does not hold single "
            f"weights; got {', '.join(frozen)}; set trainable=False on the layer."
        )
    return spec


@lru_cache(maxsize=32)
def _spec_of(text: ModelText, link: str | None) -> tuple[KerasSpec, tuple[bool, ...]]:
    """The spec, and which weights are trained in a model made anew.

    Made once for equal models: making one anew takes as long as training it for a while.
    """
    model = text.made()
    for layer in layers_in(model):
        if getattr(layer, "stateful", False) is True:
            raise ValueError(
                "'model' must not carry states from one batch to the next; got a stateful "
                f"{type(layer).__name__}; set stateful=False."
            )
        if layer.compute_dtype == "float64":
            raise ValueError(
                f"'model' must compute in float32; got a {type(layer).__name__} layer in "
                "float64; leave out its dtype."
            )
    entries = _entries(model)
    activation = output_activation(model)
    if link == activation:
        link = None  # as in Keras, which applies it once
    elif link:
        activation = None
    try:
        parts = tuple(_parts(model, entries, activation is not None))
    except UnknownLayerError:
        raw = _without_activation(text, model) if activation else None
        activation = activation if raw else None
        parts = (whole(model, raw or text, entries),)
    dense = [part.kind.n_units for part in parts if isinstance(part.kind, Dense)]
    spec = KerasSpec(
        model=text,
        entries=entries,
        parts=parts,
        hidden_units=tuple(dense[:-1]),
        n_outputs=sum(output_widths(model)),
        output_activation=link or activation or "linear",
        link=link,
        heads=_heads(model),
    )
    return spec, tuple(variable.trainable for variable in model.weights)


def _heads(model: keras.Model) -> tuple[Head, ...]:
    """The outputs, if there are several; a layer of several gives them all its name."""
    names, widths = output_names(model), output_widths(model)
    if len(widths) == 1:
        return ()
    if len(set(names)) < len(names):
        names = [f"output_{i}" for i in range(len(names))]
    return tuple(map(Head, names, widths))


def _entries(model: keras.Model) -> tuple[Entry, ...]:
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.InputLayer)]
    names = {id(layer.output): layer.name for layer in layers}
    found = []
    for i, tensor in enumerate(model.inputs):
        shape = tuple(tensor.shape[1:])
        if tensor.shape[0] is not None:
            raise ValueError(
                "'model' must have inputs for batches of any size; got an input of shape "
                f"{tensor.shape}; give 'shape' instead of 'batch_shape'."
            )
        if None in shape:
            raise ValueError(
                "'model' must have inputs of a known shape; got an input of shape "
                f"{tensor.shape}; give all sizes but that of the batch."
            )
        own = f"input_{i}" if KERAS_NAME.fullmatch(tensor.name) else tensor.name
        name = names.get(id(tensor), own)
        counts = [e.input_dim for e in layers_in(model) if _takes(e, tensor)]
        n_positions = min(counts, default=None)
        found.append(Entry(name, shape, str(tensor.dtype), n_positions=n_positions))
    return tuple(found)


def _takes(layer: keras.layers.Layer, tensor: Any) -> bool:
    """Whether an embedding takes an input of the model as it is."""
    try:
        return isinstance(layer, keras.layers.Embedding) and layer.input is tensor
    except (AttributeError, ValueError):  # it is used more than once
        return False


def _output_layer(model: keras.Model) -> keras.layers.Layer | None:
    """The layer that makes the only output."""
    if isinstance(model, keras.Sequential):
        return model.layers[-1]
    made = [layer for layer in model.layers if output_of(layer) is model.outputs[0]]
    return made[-1] if made and len(model.outputs) == 1 else None


def output_activation(model: keras.Model) -> str | None:
    """The activation of the output, which can be taken off; None if it cannot."""
    layer: Any = _output_layer(model)
    is_known = type(layer) in (keras.layers.Dense, keras.layers.Activation)
    if not is_known or len(model.outputs[0].shape) != 2 or overrides(type(model), "call"):
        return None
    name = canonical(layer.activation)
    return name if isinstance(name, str) and name in ACTIVATIONS else None


def _parts(model: keras.Model, entries: tuple[Entry, ...], takes_off: bool) -> Iterator[Layer]:
    """All layers as known kinds; `takes_off` says that the last one ends in raw outputs.

    Raises UnknownLayerError where that is impossible.
    """
    if len(model.outputs) > 1 or any(entry.dtype != "float32" for entry in entries):
        raise UnknownLayerError
    if overrides(type(model), "call"):  # it may do more than run the layers
        raise UnknownLayerError
    tensors = {id(tensor): e.name for tensor, e in zip(model.inputs, entries, strict=True)}
    name = entries[0].name  # of the layer before
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        _check_is_plain(layer)
        sources: tuple[str, ...] = (name,)
        if not isinstance(model, keras.Sequential):
            inputs = [id(tensor) for tensor in keras.tree.flatten(layer.input)]
            if not tensors.keys() >= set(inputs):
                raise UnknownLayerError  # a layer before it is used more than once
            sources = tuple(tensors[tensor] for tensor in inputs)
        for name, kind in layer_kinds(layer, takes_off and layer is _output_layer(model)):
            yield Layer(name, kind, sources)
            sources = (name,)
        tensors[id(layer.output)] = name
    if layer is not _output_layer(model):
        raise UnknownLayerError  # one without effect comes last


def _check_is_plain(layer: keras.layers.Layer) -> None:
    """Refuse frozen and shared layers, other dtypes, penalties, and axes beside the units."""
    config = layer.get_config()
    has_extras = any(
        value and re.search("_regularizer$|_constraint$|^lora|^quantization|^noise_shape", key)
        for key, value in config.items()
    )
    output = output_of(layer)
    if (
        has_extras
        or not hasattr(output, "shape")
        or not layer.trainable
        or layer.dtype_policy.name != "float32"
        or len(output.shape) != 2
        or (
            type(layer) not in (keras.layers.Flatten, keras.layers.Reshape)
            and any(len(tensor.shape) != 2 for tensor in keras.tree.flatten(layer.input))
        )
    ):
        raise UnknownLayerError


def layer_kinds(layer: keras.layers.Layer, is_last: bool) -> Iterator[tuple[str, Kind]]:
    """Names and kinds that do what a layer does; without its activation if it is the last."""
    name, cls = layer.name, type(layer).__name__
    config = {k: v for k, v in layer.get_config().items() if k not in ("name", "dtype")}
    if not is_of_keras(type(layer)):
        raise UnknownLayerError
    if cls == "Dense":
        yield name, Dense(layer.units, layer.use_bias)
        if not is_last and canonical(layer.activation) != "linear":
            yield f"{name}/activation", activation_kind(canonical(layer.activation))
    elif cls == "Activation":
        yield name, Kind() if is_last else activation_kind(canonical(layer.activation))
    elif cls in ("Dropout", "AlphaDropout"):
        kind = AlphaDropout if cls == "AlphaDropout" else Dropout
        yield name, kind(layer.rate) if layer.rate else Kind()
    elif cls in ("BatchNormalization", "LayerNormalization"):
        if config["axis"] not in (-1, 1, [-1], [1]):
            raise UnknownLayerError
        yield name, normalization_kind(KerasLayer(cls, json.dumps(config, sort_keys=True)))
    elif cls == "Concatenate" and layer.axis in (-1, 1):
        yield name, Concatenate()
    elif cls in ("Flatten", "Reshape", "Identity") and not _moves_channels(layer):
        yield name, Kind()
    elif cls == "Add" and len({tensor.shape for tensor in layer.input}) == 1:
        yield name, Add(len(layer.input))
    elif cls == "Rescaling":
        numbers = (tuple(np.ravel(one).tolist()) for one in (layer.scale, layer.offset))
        yield name, Rescaling(*numbers)
    elif cls == "Normalization" and layer.input_mean is None and not layer.invert:
        if config["axis"] not in (-1, 1, [-1], [1], (-1,), (1,)):
            raise UnknownLayerError
        yield name, Standardization()
    else:
        yield name, _activation_layer(cls, config)


def _moves_channels(layer: keras.layers.Layer) -> bool:
    """Whether it is a Flatten layer that takes the first axis of units for the last."""
    is_first = getattr(layer, "data_format", None) == "channels_first"
    return is_first and len(layer.input.shape) > 2


def _activation_layer(cls: str, config: dict[str, Any]) -> Kind:
    settings = {k: v for k, v in config.items() if k != "trainable"}
    if cls == "LeakyReLU":
        return LeakyReLU(settings["negative_slope"])
    plain: dict[str, tuple[Kind, dict[str, Any]]] = {
        "ReLU": (
            activation_kind("relu"),
            {"max_value": None, "negative_slope": 0.0, "threshold": 0.0},
        ),
        "ELU": (activation_kind("elu"), {"alpha": 1.0}),
        "Softmax": (activation_kind("softmax"), {"axis": -1}),
    }
    if cls in plain and settings == plain[cls][1]:
        return plain[cls][0]
    if cls == "PReLU" and not settings.get("shared_axes"):
        return PReLU()
    raise UnknownLayerError


def _without_activation(text: ModelText, model: keras.Model) -> ModelText | None:
    """The model with raw outputs; None if its configuration does not list its layers."""
    linear, last = json.loads(text.text), _output_layer(model)
    for layer in linear["config"].get("layers", ()):  # models inside may have equal names
        if last is not None and layer["config"].get("name") == last.name:
            layer["config"]["activation"] = "linear"
            return replace(text, text=json.dumps(linear, sort_keys=True))
    return None
