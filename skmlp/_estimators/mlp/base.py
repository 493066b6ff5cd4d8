"""Shared by the estimators whose parameters describe a multilayer perceptron."""

from __future__ import annotations

from abc import ABC

from skmlp._estimators.base import BaseNetwork
from skmlp._network.mlp import MLPSpec
from skmlp._parameters.rules import activations, dropout_rates, hidden_units, normalization


class BaseMLP(BaseNetwork, ABC):
    """The network, from the parameters of its layers."""

    _of_shapes = (
        "'hidden_layer_sizes', 'n_hidden', 'n_neurons', 'normalization' and activations with "
        "weights"
    )

    def _hidden_units(self) -> tuple[int, ...]:
        return hidden_units(self.hidden_layer_sizes, self.n_hidden, self.n_neurons)

    def _spec(self) -> MLPSpec:
        """The network that the parameters describe, for the learned targets."""
        units = self._hidden_units()
        n_outputs, output_activation = self._output_layer()
        return MLPSpec(
            n_features=self.n_features_in_,
            hidden_units=units,
            activations=activations(self.activation, len(units)),
            dropout=dropout_rates(self.dropout, len(units)),
            n_outputs=n_outputs,
            output_activation=output_activation,
            normalization=normalization(self.normalization),
            input_dropout=float(self.input_dropout),
            target_scaling=self._target_scaling(),
        )
