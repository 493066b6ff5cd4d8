"""Trained layers put into a network, from the bottom, as far as they fit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, zip_longest

import numpy as np

from skmlp._kinds.activations import activation_kind
from skmlp._kinds.base import Dense, Kind
from skmlp._kinds.keras_layers import Normalization
from skmlp._network.keras_network import KerasSpec
from skmlp._network.layer_chain import (
    Arrays,
    ChainLayer,
    LayerChain,
    has_effect,
    main_blocks,
    names_of,
    rescaled,
)
from skmlp._network.spec import Layer, NetworkSpec


class _OtherShapeError(Exception):
    """Raised for a kernel of another shape."""


def reused_arrays(
    chain: LayerChain, spec: NetworkSpec, n_reused: int | str | None
) -> tuple[int, dict[str, Arrays]]:
    """Number of reused layers, and the arrays to begin training with, by layer of the network.

    `n_reused` counts from the bottom; "all" is all layers with the output layer; None takes
    hidden layers up to the first one of another shape, at least one. Raises ValueError for
    layers that do not fit.
    """
    blocks = main_blocks(spec)
    n_hidden = len(blocks) - 1
    wanted = _wanted(n_reused, n_hidden, chain)
    found: dict[str, Arrays] = {}
    for i in range(wanted):
        layer, is_output = chain.layers[i], i == n_hidden
        try:
            found |= _placed(layer, blocks[i], spec, i, is_output=is_output)
        except _OtherShapeError:
            if n_reused is None and i > 0:
                return i, found
            raise _shapes_differ(layer, blocks[i], spec, i) from None
    return wanted, found


def whole_arrays(spec: KerasSpec, weights: Sequence[np.ndarray]) -> dict[str, Arrays]:
    """All weights of a network like this one, in its order, by layer.

    Raises ValueError for weights of other shapes.
    """
    shapes = spec.known_shapes()
    flat = [tuple(shape) for of_layer in shapes for shape in of_layer]
    theirs = [weight.shape for weight in weights]
    if flat != theirs:
        differing = next(pair for pair in zip_longest(theirs, flat) if pair[0] != pair[1])
        raise ValueError(
            "'pretrained' must have the weights of the network, which is not a chain of dense "
            f"layers; got an array of shape {differing[0]} for one of shape {differing[1]}; "
            "give a model of the same structure."
        )
    left = iter(weights)
    return {
        layer.name: tuple(islice(left, len(of_layer)))
        for layer, of_layer in zip(spec.layers(), shapes, strict=True)
        if of_layer
    }


def _wanted(n_reused: int | str | None, n_hidden: int, chain: LayerChain) -> int:
    """Layers to take, if all of them fit."""
    if n_reused is None:
        return min(n_hidden, chain.n_hidden)
    n_trained = len(chain.layers)
    n_layers = n_hidden + 1 if n_reused == "all" else int(n_reused)
    if n_layers > min(n_hidden + 1, n_trained):
        raise ValueError(
            "'n_reused_layers' must be at most the layers of both networks, output layers "
            f"included; got {n_reused!r} for {n_trained} pretrained layers and "
            f"{n_hidden + 1} of the network."
        )
    return n_layers


def _placed(
    layer: ChainLayer, block: Sequence[Layer], spec: NetworkSpec, i: int, *, is_output: bool
) -> dict[str, Arrays]:
    """The arrays of a trained layer under the names of the layers in its new place."""
    places = [(target.name, target.kind) for target in block if has_effect(target.kind)]
    if layer.shape != _kernel_shape(block, spec):
        raise _OtherShapeError
    if is_output and spec.target_scaling:
        if names_of(layer.kinds) != "identity":
            raise _activations_differ(layer.kinds, [], i)
        layer = rescaled(layer, spec.target_scaling)
    elif is_output:
        final = activation_kind(spec.output_activation)
        places += [("", final)] if has_effect(final) else []
    kinds = [kind for _, kind in places]
    if not layer.knows_activation:
        if any(kind.shapes(1) != [] for kind in kinds if not isinstance(kind, Dense)):
            raise _activations_differ(layer.kinds, kinds, i)
        places = [place for place in places if isinstance(place[1], Dense)]
    elif len(kinds) != len(layer.kinds) or not all(map(_are_alike, layer.kinds, kinds)):
        raise _activations_differ(layer.kinds, kinds, i)
    pairs = zip(places, layer.parts, strict=True)
    return {
        name: _fitted_arrays(kind, arrays, i) if isinstance(kind, Dense) else arrays
        for (name, kind), (_, arrays) in pairs
        if arrays
    }


def _kernel_shape(block: Sequence[Layer], spec: NetworkSpec) -> tuple[int, int]:
    (dense,) = (layer for layer in block if isinstance(layer.kind, Dense))
    (width,) = (width for layer, width in spec.layers_and_widths() if layer is dense)
    return width, dense.kind.units(width)


def _are_alike(one: Kind, other: Kind) -> bool:
    """Whether two kinds compute the same after training, from equal arrays."""
    if isinstance(one, Dense) and isinstance(other, Dense):
        return one.n_units == other.n_units
    if isinstance(one, Normalization) and isinstance(other, Normalization):
        names = ("epsilon", "center", "scale")
        settings = [[of.settings[name] for name in names] for of in (one, other)]
        return type(one) is type(other) and settings[0] == settings[1]
    return one == other


def _fitted_arrays(kind: Dense, arrays: Arrays, i: int) -> Arrays:
    """Kernel and bias for the layer's new place: adds a bias of zeros, or drops one, as `kind`
    requires.
    """
    kernel, *bias = arrays
    if kind.use_bias:
        return kernel, *(bias or [np.zeros(kind.n_units, np.float32)])
    if bias and bias[0].any():
        raise ValueError(
            f"'pretrained' must have no bias in layer {i + 1}, where the network has none "
            f"because of batch normalisation; got one; set n_reused_layers={i}."
        )
    return (kernel,)


def _shapes_differ(
    layer: ChainLayer, block: Sequence[Layer], spec: NetworkSpec, i: int
) -> ValueError:
    shape = _kernel_shape(block, spec)
    if i == 0 and shape[0] != layer.shape[0]:
        return ValueError(
            "'pretrained' must have been trained on as many features as there are; got a "
            f"first kernel of shape {layer.shape} for one of shape {shape}; give the same "
            "columns."
        )
    remedy = "change the units of the layer" + (f", or set n_reused_layers={i}" if i else "")
    return ValueError(
        f"'pretrained' must fit into the network; got a kernel of shape {layer.shape} for "
        f"layer {i + 1}, which has one of shape {shape}; {remedy}."
    )


def _activations_differ(theirs: Sequence[Kind], ours: Sequence[Kind], i: int) -> ValueError:
    return ValueError(
        f"'pretrained' must have the activation and normalisation of the network; got "
        f"{names_of(theirs)} in layer {i + 1}, which has {names_of(ours)}; set 'activation' "
        f"and 'normalization' alike, or n_reused_layers={i}."
    )
