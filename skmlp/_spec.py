"""What a network is: the frozen description that a fitted estimator keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class NetworkSpec:
    """A multilayer perceptron without its weights.

    The hidden layers apply `activation` and then drop units out; the output layer is linear
    and its `n_outputs` values are the raw outputs; `output_activation` makes predictions
    of them.
    """

    n_features: int
    hidden_units: tuple[int, ...]
    activation: str | Callable  # canonical name, or the user's own function
    dropout: tuple[float, ...]  # one rate per hidden layer
    n_outputs: int
    output_activation: str  # canonical name

    def shape(self) -> tuple[int, ...]:
        """Units of every layer, from the features to the raw outputs."""
        return (self.n_features, *self.hidden_units, self.n_outputs)

    def structure(self) -> NetworkSpec:
        """The same with every positive dropout rate replaced by 0.5.

        Rates are run-time values of a compiled program: only their places shape it.
        """
        return replace(self, dropout=tuple(0.5 * (rate > 0) for rate in self.dropout))
