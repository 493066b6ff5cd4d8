"""Multilayer perceptrons, also with a wide path beside them, as frozen descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from skmlp._kinds.activations import activation_kind
from skmlp._kinds.base import AlphaDropout, Concatenate, Dense, Dropout, Kind
from skmlp._kinds.keras_layers import BatchNormalization, KerasLayer, normalization_kind
from skmlp._network.spec import ActivationLike, Layer, NetworkSpec, TargetScaling, with_arrows


@dataclass(frozen=True)
class MLPSpec(NetworkSpec):
    """A multilayer perceptron without its weights, perhaps with a wide path beside it.

    A hidden layer is a product, `normalization` if any, its activation, and dropout. The
    output layer is linear, and its `n_outputs` values are the raw outputs. Predictions are made
    from them by `output_activation`, or by `target_scaling` if there is one. Wide inputs go
    straight to the output layer; an auxiliary output sees only the last hidden layer.
    """

    n_features: int  # of the hidden layers; 0 with wide inputs and no hidden layer
    hidden_units: tuple[int, ...]
    activations: tuple[ActivationLike, ...]  # one per hidden layer
    dropout: tuple[float, ...]  # one rate per hidden layer
    n_outputs: int
    output_activation: str  # canonical name
    normalization: KerasLayer | None = None
    input_dropout: float = 0.0
    n_wide: int = 0
    has_auxiliary: bool = False
    target_scaling: TargetScaling | None = None
    n_reused: int = 0
    n_frozen: int = 0

    def shape(self) -> tuple[int, ...]:
        """Units of all layers, from the features to the raw outputs."""
        wide = (self.n_wide,) if self.n_wide else ()
        return (*wide, self.n_features, *self.hidden_units, self.n_outputs)

    def outline(self) -> str:
        if not self.n_wide:
            return super().outline()
        wide, *deep = self.shape()
        if not self.n_features:
            return with_arrows((wide, self.n_outputs))
        return f"{with_arrows(deep)}, and {wide} → {self.n_outputs}"

    def input_widths(self) -> dict[str, int]:
        """Number of columns of each input, by name, in the order of the columns in a row."""
        if not self.n_wide:
            return {"features": self.n_features}
        widths = {"wide_input": self.n_wide, "deep_input": self.n_features}
        return {name: width for name, width in widths.items() if width}

    @property
    def is_sequential(self) -> bool:
        return not self.n_wide

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the prediction layers, the main one first."""
        if not self.n_wide:
            return ("prediction",)
        return ("main_output", "aux_output") if self.has_auxiliary else ("main_output",)

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
        final = self.final_layer()
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

    def structure(self) -> NetworkSpec:
        return replace(
            self,
            dropout=tuple(0.5 * (rate > 0) for rate in self.dropout),
            input_dropout=0.5 * (self.input_dropout > 0),
            target_scaling=None,
            n_reused=0,
        )
