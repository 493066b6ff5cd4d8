"""Autoencoders as frozen descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from skmlp._kinds.activations import activation_kind
from skmlp._kinds.autoencoder import (
    ActivityPenalty,
    GaussianNoise,
    MaskingNoise,
    TiedDense,
    Transposed,
)
from skmlp._kinds.base import Dense, Weights
from skmlp._network.spec import ActivationLike, Layer, NetworkSpec, TargetScaling


@dataclass(frozen=True)
class AutoencoderSpec(NetworkSpec):
    """An encoder, whose last layer is the code, and a decoder.

    Hidden layers are products and their activations, numbered through both parts. The output
    layer is linear, and its values are the raw outputs. Where there is one more activation
    than hidden layers, it belongs to the output layer, and the raw outputs are activated.
    """

    n_features: int
    encoder_units: tuple[int, ...]  # the last one is the code's
    decoder_units: tuple[int, ...]  # between the code and the output layer
    activations: tuple[ActivationLike, ...]
    output_activation: str  # canonical name
    is_tied: bool = False  # whether the decoder's kernels are the encoder's, transposed
    noise_std: float = 0.0
    masking: float = 0.0
    activity_l1: float = 0.0
    target_scaling: TargetScaling | None = None

    @property
    def n_outputs(self) -> int:  # type: ignore[override]
        return self.n_features

    @property
    def hidden_units(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.encoder_units + self.decoder_units

    @property
    def n_reusable(self) -> int:
        return len(self.encoder_units)

    @property
    def code(self) -> str:
        """Name of the layer whose outputs are the codes."""
        return f"activation_{len(self.encoder_units)}"

    def shape(self) -> tuple[int, ...]:
        return (self.n_features, *self.hidden_units, self.n_features)

    def input_widths(self) -> dict[str, int]:
        return {"features": self.n_features}

    @property
    def is_sequential(self) -> bool:
        return not self.is_tied

    def _made_layers(self) -> Iterator[Layer]:
        name = "features"
        for layer in self._layers_in_order():
            yield layer._replace(sources=(name,))
            name = layer.name

    def _layers_in_order(self) -> Iterator[Layer]:
        if self.noise_std:
            yield Layer("noise", GaussianNoise(self.noise_std), ())
        if self.masking:
            yield Layer("masking", MaskingNoise(self.masking), ())
        n_hidden, n_encoder = len(self.hidden_units), len(self.encoder_units)
        for i, units in enumerate((*self.hidden_units, self.n_features), 1):
            name = f"hidden_{i}" if i <= n_hidden else "output"
            if not self.is_tied:
                yield Layer(name, Dense(units), ())
            elif i <= n_encoder:
                yield Layer(name, TiedDense(units), ())
            else:
                yield Layer(name, Transposed(units), (), shares=f"hidden_{n_hidden + 2 - i}")
            if i <= len(self.activations):
                yield Layer(f"activation_{i}", activation_kind(self.activations[i - 1]), ())
            if i == n_encoder and self.activity_l1:
                yield Layer("sparsity", ActivityPenalty(self.activity_l1), ())
        yield Layer("prediction", self.final_layer(), ())

    def structure(self) -> NetworkSpec:
        return replace(
            self,
            noise_std=0.5 * (self.noise_std > 0),
            masking=0.5 * (self.masking > 0),
            activity_l1=0.5 * (self.activity_l1 > 0),
            target_scaling=None,
        )

    # Layer by layer

    def of_layer(self, i: int) -> AutoencoderSpec:
        """The autoencoder of the codes that enter the i-th layer of the encoder, from 1.

        The first one reconstructs the features. The decoder must mirror the encoder.
        """
        units = (self.n_features, *self.encoder_units)
        activations = self.activations[i - 1 : i]
        if i > 1:  # the reconstruction is activated as in the decoder
            activations += (self.activations[2 * len(self.encoder_units) - i],)
        return replace(
            self,
            n_features=units[i - 1],
            encoder_units=(units[i],),
            decoder_units=(),
            activations=activations,
            output_activation=self.output_activation if i == 1 else "linear",
        )

    def joined(self, of_layers: list[Weights]) -> Weights:
        """The weights of the whole, from those of `of_layer(1)`, `of_layer(2)` and so on."""
        n = len(self.encoder_units)
        found = {}
        for i, weights in enumerate(of_layers, 1):
            last = 2 * n + 1 - i
            names = {
                "hidden_1": f"hidden_{i}",
                "activation_1": f"activation_{i}",
                "output": f"hidden_{last}" if i > 1 else "output",
                "activation_2": f"activation_{last}",
            }
            for layer, arrays in zip(self.of_layer(i).layers(), weights, strict=True):
                found[names.get(layer.name, "")] = arrays
        return tuple(found.get(layer.name, ()) for layer in self.layers())
