"""The frozen description of a network that a fitted estimator keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from skmlp._network.activation_kinds import activation_kind
from skmlp._network.keras_kinds import BatchNormalization, KerasLayer, normalization_kind
from skmlp._network.kinds import (
    AlphaDropout,
    Concatenate,
    Dense,
    Dropout,
    Kind,
    Rescaling,
    Shape,
)

# A canonical name, the user's own function, or a Keras layer.
Activation = str | Callable | KerasLayer


class Layer(NamedTuple):
    """One layer of a network."""

    name: str  # in the Keras model
    kind: Kind
    sources: tuple[str, ...]  # names of its input layers, or of the network's inputs


def flow(
    layers: Iterable[Layer], inputs: Mapping[str, Any], run: Callable[..., Any]
) -> dict[str, Any]:
    """Outputs of all inputs and layers, by name; `run(layer, *values)` computes a layer's.

    Values may be Keras's symbols, the engine's tensors or NumPy's arrays.
    """
    values = dict(inputs)
    for layer in layers:
        values[layer.name] = run(layer, *(values[source] for source in layer.sources))
    return values


@dataclass(frozen=True)
class TargetScaling:
    """Converts between the user's targets and the standardised ones that the network learns."""

    mean: tuple[float, ...]  # (n_outputs,)
    scale: tuple[float, ...]  # (n_outputs,)

    def standardised(self, y: np.ndarray) -> np.ndarray:
        return (y - np.array(self.mean)) / np.array(self.scale)

    def layer(self) -> Rescaling:
        """The layer that restores outputs."""
        return Rescaling(self.scale, self.mean)

    def restored(self, y: np.ndarray) -> np.ndarray:
        """Targets or predictions in the user's units, of the dtype of y."""
        return self.layer().numpy((), y)


@dataclass(frozen=True)
class NetworkSpec:
    """A multilayer perceptron without its weights, perhaps with a wide path beside it.

    A hidden layer is a product, `normalization` if any, its activation, and dropout. The
    output layer is linear, and its `n_outputs` values are the raw outputs. Predictions are made
    from them by `output_activation`, or by `target_scaling` if there is one. Wide inputs go
    straight to the output layer; an auxiliary output sees only the last hidden layer.
    """

    n_features: int  # of the hidden layers; 0 with wide inputs and no hidden layer
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
        """Units of all layers, from the features to the raw outputs."""
        wide = (self.n_wide,) if self.n_wide else ()
        return (*wide, self.n_features, *self.hidden_units, self.n_outputs)

    def weighted(self) -> tuple[Any, ...]:
        """Layers with weights, and their shapes; these must be equal for a warm start."""
        shapes = [(la, la.kind.shapes(width)) for la, width in self.layers_and_widths()]
        return tuple(
            (layer.name, layer.kind if isinstance(layer.kind, KerasLayer) else of_layer)
            for layer, of_layer in shapes
            if of_layer != []
        )

    def input_widths(self) -> dict[str, int]:
        """Number of columns of each input, by name, in the order of the columns in a row."""
        if not self.n_wide:
            return {"features": self.n_features}
        widths = {"wide_input": self.n_wide, "deep_input": self.n_features}
        return {name: width for name, width in widths.items() if width}

    def inputs(self, X: Any) -> dict[str, Any]:
        """Each input's columns of X, an array or tensor, by name."""
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
        return tuple(layer.sources[0] for layer in self.layers() if layer.name in self.outputs)

    def layers(self) -> tuple[Layer, ...]:
        """All layers, each after its sources."""
        return _layers(self)

    def _made_layers(self) -> Iterator[Layer]:
        *_, name = self.input_widths()
        if self.n_features:
            for layer, kind in self._hidden_layers():
                yield Layer(layer, kind, (name,))
                name = layer
        deep = name
        if self.n_wide and self.n_features:
            yield Layer("joined", Concatenate(), ("wide_input", deep))
            name = "joined"
        main, *auxiliary = self.outputs
        scaling = self.target_scaling
        final = scaling.layer() if scaling else activation_kind(self.output_activation)
        yield Layer("output", Dense(self.n_outputs), (name,))
        yield Layer(main, final, ("output",))
        for aux in auxiliary:
            yield Layer("auxiliary", Dense(self.n_outputs), (deep,))
            yield Layer(aux, final, ("auxiliary",))

    def _hidden_layers(self) -> Iterator[tuple[str, Kind]]:
        """Name and kind of each layer from the features to the last hidden one."""
        if self.input_dropout:
            yield "input_dropout", Dropout(self.input_dropout)
        normalization = self.normalization and normalization_kind(self.normalization)
        # Batch normalisation would cancel a bias.
        use_bias = not isinstance(normalization, BatchNormalization)
        settings = zip(self.hidden_units, self.activations, self.dropout, strict=True)
        for i, (units, activation, rate) in enumerate(settings, 1):
            yield f"hidden_{i}", Dense(units, use_bias)
            if normalization:
                yield f"normalization_{i}", normalization
            yield f"activation_{i}", activation_kind(activation)
            if rate:
                drop = AlphaDropout if activation == "selu" else Dropout
                yield f"dropout_{i}", drop(rate)

    def n_weights(self) -> int:
        """Number of weights in all kernels."""
        widths = [self.n_features, *self.hidden_units]
        hidden = sum(n_in * n_out for n_in, n_out in pairwise(widths))
        n_outputs = self.n_outputs * (1 + self.has_auxiliary)
        return hidden + n_outputs * (self.n_wide + widths[-1])

    def layers_and_widths(self) -> list[tuple[Layer, int]]:
        """All layers, each with the total width of its inputs."""
        found = []

        def run(layer: Layer, *widths: int) -> int:
            found.append((layer, sum(widths)))
            return layer.kind.units(sum(widths))

        flow(self.layers(), self.input_widths(), run)
        return found

    def weight_shapes(self) -> list[list[Shape] | None]:
        """Shapes of the arrays, layer by layer; None where only Keras knows them."""
        return [layer.kind.shapes(width) for layer, width in self.layers_and_widths()]

    def dropout_rates(self) -> list[float]:
        """Rates of the dropout layers, in order."""
        return [layer.kind.rate for layer in self.layers() if isinstance(layer.kind, Dropout)]

    def is_random(self) -> bool:
        """Whether training draws random numbers besides the order of the rows."""
        return any(layer.kind.is_random for layer in self.layers())

    def structure(self) -> NetworkSpec:
        """The same with all positive dropout rates set to 0.5, and no target scaling.

        A compiled program depends only on where there is dropout, since rates are passed at
        run time. Targets are scaled before it sees them.
        """
        return replace(
            self,
            dropout=tuple(0.5 * (rate > 0) for rate in self.dropout),
            input_dropout=0.5 * (self.input_dropout > 0),
            target_scaling=None,
        )


@lru_cache(maxsize=128)
def _layers(spec: NetworkSpec) -> tuple[Layer, ...]:
    """Made once for a network: for one row, making them takes as long as running them."""
    return tuple(spec._made_layers())
