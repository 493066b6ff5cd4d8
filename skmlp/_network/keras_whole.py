"""A Keras network as one layer, which Keras runs as a whole, and whether XLA can compile it."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from skmlp._keras.tensorflow import keras
from skmlp._keras.text import is_of_keras
from skmlp._kinds.keras_layers import IN_XLA
from skmlp._network.keras_entries import Entry
from skmlp._network.keras_network import WHOLE, KerasNetwork, layers_in
from skmlp._network.keras_text import output_widths
from skmlp._network.model_text import ModelText
from skmlp._network.spec import Layer

# Operations on tensors that keep rows apart; others may run over the rows that fill a batch.
OPS_IN_XLA = {
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Negative", "Absolute", "Power"),
    *("Square", "Sqrt", "Rsqrt", "Exp", "Log", "Log1p", "Maximum", "Minimum", "Clip"),
    *("Tanh", "Sigmoid", "Relu", "Softplus", "Sin", "Cos"),
}


def output_of(layer: keras.layers.Layer) -> Any:
    """The output of a layer that is used once."""
    try:
        return layer.output
    except (AttributeError, ValueError):
        return None


def whole(model: keras.Model, text: ModelText, entries: tuple[Entry, ...]) -> Layer:
    """The network as one layer, which the text describes."""
    layers = list(layers_in(model))
    sizes = [
        prod(size or 1 for size in tensor.shape[1:])
        for layer in layers
        for tensor in keras.tree.flatten(output_of(layer))
        if tensor is not None
    ]
    not_for_xla = {type(layer).__name__ for layer in layers if not _suits_xla(layer)}
    operations = [one for layer in layers for one in getattr(layer, "operations", ())]
    not_for_xla |= {
        type(one).__name__
        for one in operations
        if not isinstance(one, keras.layers.Layer) and type(one).__name__ not in OPS_IN_XLA
    }
    kind = KerasNetwork(
        text, entries, sum(output_widths(model)), max(sizes), tuple(sorted(not_for_xla))
    )
    if text.objects:  # the user's own layers may draw random numbers by themselves
        kind = replace(kind, draws_unseeded=kind.of(model).differs_when_repeated())
    return Layer(WHOLE, kind, tuple(entry.name for entry in entries))


def _suits_xla(layer: keras.layers.Layer) -> bool:
    is_known = is_of_keras(type(layer)) and IN_XLA.fullmatch(type(layer).__name__)
    return bool(is_known) and layer.activity_regularizer is None
