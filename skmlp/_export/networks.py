"""The networks of fitted estimators, and predictions from their outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.autoencoder.mlp import MLPAutoencoder
from skmlp._estimators.keras.base import BaseKeras
from skmlp._estimators.keras.classifier import KerasClassifier
from skmlp._estimators.keras.regressor import KerasRegressor
from skmlp._estimators.mlp.classifier import MLPClassifier
from skmlp._estimators.mlp.regressor import MLPRegressor
from skmlp._estimators.tabular.calibration import median_weights
from skmlp._estimators.tabular.classifier import TabularClassifier
from skmlp._estimators.tabular.regressor import TabularRegressor
from skmlp._estimators.wide_deep.classifier import WideDeepClassifier
from skmlp._estimators.wide_deep.regressor import WideDeepRegressor
from skmlp._export.columns import Block, Column, Tensor, numbers, ops
from skmlp._export.tables import encoded_table, wide_and_deep_inputs
from skmlp._keras.tensorflow import keras
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.keras_model import model_with_weights
from skmlp._network.keras_network import KerasSpec
from skmlp._targets.class_targets import ClassTargets
from skmlp._targets.target_types import SingleClass, TwoClasses

Outputs = Callable[[], Any]


def network_of(fitted: FittedNetwork) -> keras.Model:
    """The Keras model of a network, with its weights."""
    return model_with_weights(fitted.spec, fitted.weights)


def called(network: keras.Model, inputs: list[Tensor]) -> Any:
    return network(inputs if len(inputs) > 1 else inputs[0])


def of_mlp(estimator: Any, columns: Sequence[Column], step: str) -> Outputs:
    make = numbers(columns, step)
    return lambda: _of_rows(estimator, make())


def of_wide_deep(estimator: Any, columns: Sequence[Column], step: str) -> Outputs:
    make = wide_and_deep_inputs(estimator, columns, step)
    return lambda: _of_rows(estimator, make())


def _of_rows(estimator: Any, rows: Tensor) -> Tensor:
    """Predictions for the rows of numbers that the network takes."""
    fitted = estimator._state
    made = called(network_of(fitted), list(fitted.spec.inputs(rows).values()))
    main = made[0] if isinstance(made, (list, tuple)) else made
    return without_missing(rows, as_predictions(estimator, main))


def of_tabular(estimator: Any, columns: Sequence[Column], step: str) -> Outputs:
    make = encoded_table(estimator._encoder, columns, step)
    return lambda: as_predictions(estimator, estimator.model_(make()))


def of_keras(estimator: BaseKeras, columns: Sequence[Column], step: str) -> Outputs:
    make = numbers(columns, step)
    chosen = estimator._chosen_columns
    spec = estimator._state.spec
    assert isinstance(spec, KerasSpec)

    def output() -> Any:
        rows = make()
        parts = spec.inputs(ops.take(rows, chosen, axis=1) if chosen else rows)
        inputs = [
            ops.cast(ops.reshape(parts[entry.name], (-1, *entry.shape)), entry.dtype)
            for entry in spec.entries
        ]
        network = network_of(estimator._state)
        made = _of_keras_network(estimator, called(network, inputs))
        return without_missing(rows, made)

    return output


def hidden(estimator: Any, columns: Sequence[Column], step: str) -> list[Column]:
    """The columns that `transform` makes: codes, or outputs of the last hidden layer."""
    make, fitted = numbers(columns, step), estimator._state
    spec = fitted.spec
    if not spec.hidden_units:
        raise ValueError(
            f"'estimator' must have a hidden layer to transform rows; got {step} without one; "
            "set hidden_layer_sizes, or drop the step."
        )
    name = spec.code if isinstance(spec, AutoencoderSpec) else spec.hidden_outputs[-1]

    def output() -> Tensor:
        network, rows = network_of(fitted), make()
        up_to = keras.Model(network.inputs, network.get_layer(name).output)
        return without_missing(rows, up_to(rows))

    return Block(estimator._n_features_out, output).columns()


def takes_own_inputs(estimator: Any) -> bool:
    """Whether rows are no matrix of numbers: several inputs or axes of a user's network."""
    if not isinstance(estimator, BaseKeras):
        return False
    return bool(estimator.input_blocks_) or len(estimator.X_shape_) > 2


def own_inputs_and_outputs(estimator: BaseKeras) -> tuple[Any, Any]:
    """Inputs as the user's network has them, and predictions."""
    network = network_of(estimator._state)
    return network.inputs, _of_keras_network(estimator, network.outputs)


def _of_keras_network(estimator: BaseKeras, made: Any) -> Any:
    """Predictions from what a user's network returns, which may be raw outputs."""
    spec = estimator._state.spec
    assert isinstance(spec, KerasSpec)
    outputs = list(made) if isinstance(made, (list, tuple)) else [made]
    if spec.heads:
        heads = zip(outputs, getattr(estimator, "_heads", spec.heads), strict=True)
        return as_predictions(estimator, [_activated(one, of.activation) for one, of in heads])
    (output,) = outputs
    output = ops.reshape(output, (-1, spec.n_outputs))
    if spec.link:
        output = _activated(output, spec.link)
    return as_predictions(estimator, output)


def _activated(output: Tensor, activation: str) -> Tensor:
    return output if activation == "linear" else keras.layers.Activation(activation)(output)


def without_missing(rows: Tensor, made: Any) -> Any:
    """Outputs that are NaN where a number of the row is; a ReLU may turn NaN into 0."""
    is_missing = ops.any(ops.isnan(rows), axis=1, keepdims=True)
    if isinstance(made, (list, tuple)):
        return [without_missing(rows, one) for one in made]
    return ops.where(is_missing, np.float32(np.nan), made)


def as_predictions(estimator: Any, output: Any) -> Any:
    """The output as `predict_proba` of a classifier or `predict` of others returns it."""
    if isinstance(estimator, TabularRegressor):
        return _median(estimator, output)
    if not isinstance(estimator, ClassTargets):
        return output
    if isinstance(output, list):
        return [_of_two_classes(one) if one.shape[1] == 1 else one for one in output]
    if isinstance(estimator._target_type, SingleClass):
        return ops.ones_like(output)
    has_single_output = isinstance(estimator._target_type, TwoClasses)
    return _of_two_classes(output) if has_single_output else output


def _of_two_classes(second: Tensor) -> Tensor:
    return ops.concatenate([1 - second, second], axis=1)


def _median(estimator: TabularRegressor, output: Tensor) -> Tensor:
    """Medians of quantiles, (n_samples, n_outputs); means as they are."""
    if estimator._quantiles is None:
        return output
    shape = (-1, estimator.n_outputs_, len(estimator._quantiles))
    weights = median_weights(estimator._quantiles).astype(np.float32)
    return ops.sum(ops.reshape(output, shape) * weights, axis=-1)


NETWORKS: dict[type, Callable[..., Outputs]] = {
    KerasClassifier: of_keras,
    KerasRegressor: of_keras,
    MLPAutoencoder: of_mlp,
    MLPClassifier: of_mlp,
    MLPRegressor: of_mlp,
    TabularClassifier: of_tabular,
    TabularRegressor: of_tabular,
    WideDeepClassifier: of_wide_deep,
    WideDeepRegressor: of_wide_deep,
}
