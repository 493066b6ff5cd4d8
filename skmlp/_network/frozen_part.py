"""Frozen layers whose outputs never change, so that they are computed once for all epochs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skmlp._kinds.base import Weights
from skmlp._network.inference import layer_outputs
from skmlp._network.spec import Layer, NetworkSpec


def cut_of(spec: NetworkSpec, weights: Weights) -> str | None:
    """The last layer of the frozen part; None if there is none.

    The frozen part is a chain of layers from an input, without trained arrays and without
    noise; all others see only its output. `weights` need only hold the arrays of frozen layers.
    """
    layers, found, has_frozen = spec.layers(), None, False
    seen_inside = set(layers[0].sources)
    for i, layer in enumerate(_chain(spec)):
        is_frozen = layer.is_frozen and len(weights[i]) > 0
        if not (is_frozen or _is_constant(layer)):
            break
        has_frozen |= is_frozen
        seen_outside = {source for other in layers[i + 1 :] for source in other.sources}
        if has_frozen and seen_inside.isdisjoint(seen_outside):
            found = layer.name
        seen_inside.add(layer.name)
    return found


def _chain(spec: NetworkSpec) -> Iterator[Layer]:
    """The first layers, as long as each has the one before as its only input."""
    sources = spec.layers()[0].sources[:1]
    for layer in spec.layers():
        if layer.sources != sources or layer.name in spec.outputs:
            return
        yield layer
        sources = (layer.name,)


def _is_constant(layer: Layer) -> bool:
    """Whether a layer has no arrays, and the same output in training as afterwards."""
    return layer.kind.shapes(1) == [] and not layer.kind.is_random


def n_layers_up_to(spec: NetworkSpec, cut: str | None) -> int:
    """Number of layers up to the cut, that one included."""
    return [None, *(layer.name for layer in spec.layers())].index(cut)


def widths_behind(spec: NetworkSpec, cut: str | None) -> dict[str, int]:
    """Inputs of the layers behind the cut, and their numbers of columns."""
    widths = spec.input_widths()
    if cut is None:
        return widths
    (units,) = (
        layer.kind.units(width)
        for layer, width in spec.layers_and_widths()
        if layer.name == cut
    )
    (replaced,) = spec.layers()[0].sources
    return dict(
        (cut, units) if name == replaced else (name, width) for name, width in widths.items()
    )


def rows_behind(spec: NetworkSpec, weights: Weights, X: np.ndarray, cut: str) -> np.ndarray:
    """The inputs of the layers behind the cut side by side, (n_samples, columns) float32."""
    values = {**spec.inputs(X), cut: layer_outputs(spec, weights, X, np.float32, cut)}
    columns = [values[name] for name in widths_behind(spec, cut)]
    return columns[0] if len(columns) == 1 else np.hstack(columns)
