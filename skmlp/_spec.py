"""What a network is: the frozen description that a fitted estimator keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple


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
    """One layer of a network: what it is, and its name in the Keras model."""

    kind: str  # "dense", "normalization", "activation", "dropout" or "alpha_dropout"
    name: str
    value: Any  # (units, whether it adds a bias), layer, activation or rate


@dataclass(frozen=True)
class NetworkSpec:
    """A multilayer perceptron without its weights.

    A hidden layer is a product, `normalization` if any, its activation, and dropout; the
    output layer is linear and its `n_outputs` values are the raw outputs;
    `output_activation` makes predictions of them.
    """

    n_features: int
    hidden_units: tuple[int, ...]
    activations: tuple[Activation, ...]  # one per hidden layer
    dropout: tuple[float, ...]  # one rate per hidden layer
    n_outputs: int
    output_activation: str  # canonical name
    normalization: KerasLayer | None = None
    input_dropout: float = 0.0

    def shape(self) -> tuple[int, ...]:
        """Units of every layer, from the features to the raw outputs."""
        return (self.n_features, *self.hidden_units, self.n_outputs)

    def weighted(self) -> tuple[Any, ...]:
        """What decides the shapes of the weights."""
        learned = [a if isinstance(a, KerasLayer) else a == "prelu" for a in self.activations]
        return self.shape(), self.normalization, tuple(learned)

    def layers(self) -> Iterator[Layer]:
        """All layers in order; the last one is the output activation."""
        if self.input_dropout:
            yield Layer("dropout", "input_dropout", self.input_dropout)
        # Batch normalisation would take a bias out again.
        is_batch = self.normalization and self.normalization.kind == "BatchNormalization"
        settings = zip(self.hidden_units, self.activations, self.dropout, strict=True)
        for i, (units, activation, rate) in enumerate(settings, 1):
            yield Layer("dense", f"hidden_{i}", (units, not is_batch))
            if self.normalization:
                yield Layer("normalization", f"normalization_{i}", self.normalization)
            yield Layer("activation", f"activation_{i}", activation)
            if rate:
                kind = "alpha_dropout" if activation == "selu" else "dropout"
                yield Layer(kind, f"dropout_{i}", rate)
        yield Layer("dense", "output", (self.n_outputs, True))
        yield Layer("activation", "prediction", self.output_activation)

    def is_random(self) -> bool:
        """Whether training draws anything but the order of the rows."""
        return bool(
            self.input_dropout
            or any(self.dropout)
            or any(isinstance(a, KerasLayer) or a == "rrelu" for a in self.activations)
        )

    def structure(self) -> NetworkSpec:
        """The same with every positive dropout rate replaced by 0.5.

        Rates are run-time values of a compiled program: only their places shape it.
        """
        return replace(
            self,
            dropout=tuple(0.5 * (rate > 0) for rate in self.dropout),
            input_dropout=0.5 * (self.input_dropout > 0),
        )
