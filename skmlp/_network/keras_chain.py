"""The layers of a Keras model as a chain of plain values."""

from __future__ import annotations

import json
import zipfile
from os import PathLike, fspath

import numpy as np

from skmlp._keras.tensorflow import keras
from skmlp._keras.text import refuse_strange
from skmlp._kinds.base import Dense, Kind
from skmlp._network.keras_conversion import UnknownLayerError, layer_kinds
from skmlp._network.layer_chain import (
    Arrays,
    ChainLayer,
    LayerChain,
    NotAChainError,
    chain_layer,
    float32,
)


def keras_chain(model: keras.Model) -> LayerChain:
    """The dense layers of a model in which each layer follows the one before.

    Penalties, constraints and frozen layers make no difference here. Raises NotAChainError for
    other models.
    """
    blocks: list[list[tuple[Kind, Arrays]]] = [[]]
    restored, in_order = None, _in_order(model)
    for layer in in_order:
        if isinstance(layer, keras.layers.Rescaling) and layer is in_order[-1]:
            restored = np.array(layer.scale), np.array(layer.offset)
            continue
        try:
            kinds = [kind for _, kind in layer_kinds(layer, False)]
        except UnknownLayerError:
            raise NotAChainError from None
        arrays = tuple(float32(variable.value.numpy()) for variable in layer.weights)
        for i, kind in enumerate(kinds):
            of_kind = () if i else arrays  # an activation follows
            is_next = isinstance(kind, Dense) and _has_dense(blocks[-1])
            blocks += [[]] if is_next else []
            blocks[-1].append((kind, of_kind))
    if not _has_dense(blocks[-1]):
        raise NotAChainError
    layers = [chain_layer(block) for block in blocks]
    if restored is not None:
        layers[-1] = _with_outputs(layers[-1], *restored)
    return LayerChain(tuple(layers), max(len(layers) - 1, 1))


def _has_dense(block: list[tuple[Kind, Arrays]]) -> bool:
    return any(isinstance(kind, Dense) for kind, _ in block)


def _with_outputs(layer: ChainLayer, scale: np.ndarray, mean: np.ndarray) -> ChainLayer:
    if not isinstance(layer.kinds[-1], Dense):
        raise NotAChainError
    return layer.with_outputs(scale, mean)


def _in_order(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers behind the only input; refuses those that do not follow each other."""
    inputs: list = list(getattr(model, "inputs", None) or ())
    layers = [one for one in model.layers if not isinstance(one, keras.layers.InputLayer)]
    if len(inputs) != 1 or len(inputs[0].shape) != 2:
        raise NotAChainError
    if not isinstance(model, keras.Sequential):
        before = inputs[0]
        for layer in layers:
            try:
                follows = layer.input is before
                before = layer.output
            except (AttributeError, ValueError):  # it is used more than once
                follows = False
            if not follows:
                raise NotAChainError
    return layers


def loaded_model(path: str | PathLike) -> keras.Model:
    """The model in a `.keras` file, loaded in Keras's safe mode, without its compilation.

    Raises ValueError for a file that is not a `.keras` archive, or that names classes neither
    Keras's nor registered, which earlier releases of Keras would import.
    """
    name = fspath(path)
    try:
        with zipfile.ZipFile(name) as archive:
            refuse_strange(json.loads(archive.read("config.json")))
        return keras.saving.load_model(name, compile=False, safe_mode=True)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"'pretrained' must name a file that model.save wrote as .keras; got {name!r}, "
            f"which cannot be read ({error}); check the path, or save the model anew."
        ) from error
