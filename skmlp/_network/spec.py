"""What a network is: the frozen description that a fitted estimator keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np


@dataclass(frozen=True)
class KerasLayer:
    """A Keras layer without its weights, as text; of a user's own class, the class too."""

    kind: str | type  # the name in keras.layers, or a class that is not Keras's
    config: str  # JSON, without name and dtype

    @property
    def settings(self) -> dict[str, Any]:
        return json.loads(self.config)


# A canonical name, the user's own function, or a layer.
Activation = str | Callable | KerasLayer


class Layer(NamedTuple):
    """One layer of a network: what it is, its name in the Keras model, what it takes."""

    # "dense", "normalization", "activation", "dropout", "alpha_dropout", "concatenate" or
    # "prediction", the activation or the scaling of an output
    kind: str
    name: str
    value: Any  # (units, whether it adds a bias), layer, activation, scaling or rate
    sources: tuple[str, ...]  # names of layers or inputs


def flow(
    layers: Iterable[Layer], inputs: Mapping[str, Any], run: Callable[..., Any]
) -> dict[str, Any]:
    """What comes out of every input and layer, by name; `run(layer, *values)` is a layer's.

    Keras's symbols, the engine's tensors and NumPy's arrays all flow so.
    """
    values = dict(inputs)
    for layer in layers:
        values[layer.name] = run(layer, *(values[source] for source in layer.sources))
    return values


@dataclass(frozen=True)
class TargetScaling:
    """How standardised targets, which the network is trained on, become those of the user."""

    mean: tuple[float, ...]  # (n_outputs,)
    scale: tuple[float, ...]  # (n_outputs,)

    def standardised(self, y: np.ndarray) -> np.ndarray:
        return (y - np.array(self.mean)) / np.array(self.scale)

    def restored(self, y: np.ndarray) -> np.ndarray:
        """Targets or predictions in the user's units, of the dtype of y."""
        return y * np.array(self.scale, y.dtype) + np.array(self.mean, y.dtype)


@dataclass(frozen=True)
class NetworkSpec:
    """A multilayer perceptron without its weights, perhaps with a wide path beside it.

    A hidden layer is a product, `normalization` if any, its activation, and dropout; the
    output layer is linear and its `n_outputs` values are the raw outputs;
    `output_activation` makes predictions of them, or, where it is linear, `target_scaling`.
    Wide inputs go straight to the output layer; an auxiliary output sees the last hidden
    layer alone.
    """

    n_features: int  # of the hidden layers; with wide inputs and no hidden layer 0
    hidden_units: tuple[int, ...]
    activations: tuple[Activation, ...]  # one per hidden layer
    dropout: tuple[float, ...]  # one rate per hidden layer
    n_outputs: int
    output_activation: str  # canonical name
    normalization: KerasLayer | None = None
    input_dropout: float = 0.0
    n_wide: int = 0
    has_auxiliary: bool = False
    target_scaling: TargetScaling | None = None

    def shape(self) -> tuple[int, ...]:
        """Units of every layer, from the features to the raw outputs."""
        wide = (self.n_wide,) if self.n_wide else ()
        return (*wide, self.n_features, *self.hidden_units, self.n_outputs)

    def weighted(self) -> tuple[Any, ...]:
        """What decides the shapes of the weights."""
        learned = [a if isinstance(a, KerasLayer) else a == "prelu" for a in self.activations]
        return self.shape(), self.normalization, tuple(learned), self.has_auxiliary

    def input_widths(self) -> dict[str, int]:
        """Columns of each input, by name, in the order in which rows hold them."""
        if not self.n_wide:
            return {"features": self.n_features}
        widths = {"wide_input": self.n_wide, "deep_input": self.n_features}
        return {name: width for name, width in widths.items() if width}

    def inputs(self, X: Any) -> dict[str, Any]:
        """The columns of rows, an array or tensor, that belong to each input."""
        if not self.n_wide:
            return {"features": X}
        starts = [0, *accumulate(self.input_widths().values())]
        columns = zip(self.input_widths(), pairwise(starts), strict=True)
        return {name: X[..., start:end] for name, (start, end) in columns}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the prediction layers, the main one first."""
        if not self.n_wide:
            return ("prediction",)
        return ("main_output", "aux_output") if self.has_auxiliary else ("main_output",)

    @property
    def raw_outputs(self) -> tuple[str, ...]:
        """Names of the layers whose outputs the prediction layers activate."""
        return tuple(la.sources[0] for la in self.layers() if la.kind == "prediction")

    def layers(self) -> Iterator[Layer]:
        """All layers, each after those that it takes."""
        *_, name = self.input_widths()
        if self.n_features:
            for kind, layer, value in self._hidden_layers():
                yield Layer(kind, layer, value, (name,))
                name = layer
        deep = name
        if self.n_wide and self.n_features:
            yield Layer("concatenate", "joined", None, ("wide_input", deep))
            name = "joined"
        main, *auxiliary = self.outputs
        final = self.target_scaling or self.output_activation
        yield Layer("dense", "output", (self.n_outputs, True), (name,))
        yield Layer("prediction", main, final, ("output",))
        for aux in auxiliary:
            yield Layer("dense", "auxiliary", (self.n_outputs, True), (deep,))
            yield Layer("prediction", aux, final, ("auxiliary",))

    def _hidden_layers(self) -> Iterator[tuple[str, str, Any]]:
        """(kind, name, value) of each layer from the features to the last hidden one."""
        if self.input_dropout:
            yield "dropout", "input_dropout", self.input_dropout
        # Batch normalisation would take a bias out again.
        is_batch = self.normalization and self.normalization.kind == "BatchNormalization"
        settings = zip(self.hidden_units, self.activations, self.dropout, strict=True)
        for i, (units, activation, rate) in enumerate(settings, 1):
            yield "dense", f"hidden_{i}", (units, not is_batch)
            if self.normalization:
                yield "normalization", f"normalization_{i}", self.normalization
            yield "activation", f"activation_{i}", activation
            if rate:
                kind = "alpha_dropout" if activation == "selu" else "dropout"
                yield kind, f"dropout_{i}", rate

    def n_weights(self) -> int:
        """Numbers in all kernels."""
        widths = [self.n_features, *self.hidden_units]
        hidden = sum(one * other for one, other in pairwise(widths))
        n_outputs = self.n_outputs * (1 + self.has_auxiliary)
        return hidden + n_outputs * (self.n_wide + widths[-1])

    def weight_shapes(self) -> list[list[tuple[int, ...]] | None]:
        """Of every layer the shapes of its arrays; None where only Keras knows them."""
        shapes: list[list[tuple[int, ...]] | None] = []

        def run(layer: Layer, *widths: int) -> int:
            width, value = sum(widths), layer.value
            if layer.kind == "dense":
                units, use_bias = value
                shapes.append([(width, units), (units,)][: 1 + use_bias])
                return units
            if isinstance(value, KerasLayer):
                n = _n_arrays(value)
                shapes.append(None if n is None else [(width,)] * n)
            else:
                shapes.append([(width,)] if value == "prelu" else [])
            return width

        flow(self.layers(), self.input_widths(), run)
        return shapes

    def is_random(self) -> bool:
        """Whether training draws anything but the order of the rows."""
        return bool(
            self.input_dropout
            or any(self.dropout)
            or any(isinstance(a, KerasLayer) or a == "rrelu" for a in self.activations)
        )

    def structure(self) -> NetworkSpec:
        """The same with every positive dropout rate replaced by 0.5, and no target scaling.

        Rates are run-time values of a compiled program: only their places shape it. Targets
        are scaled before it sees them.
        """
        return replace(
            self,
            dropout=tuple(0.5 * (rate > 0) for rate in self.dropout),
            input_dropout=0.5 * (self.input_dropout > 0),
            target_scaling=None,
        )


def _n_arrays(layer: KerasLayer) -> int | None:
    """Arrays of a layer of normalisation as long as it is wide; None for another layer."""
    settings = {"center": True, "scale": True, **layer.settings}
    is_batch = layer.kind == "BatchNormalization"
    if settings.get("rms_scaling") or not (is_batch or layer.kind == "LayerNormalization"):
        return None
    return settings["center"] + settings["scale"] + 2 * is_batch
