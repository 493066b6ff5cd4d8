"""The Keras model of a fitted estimator, compiled with its loss, penalties and optimizer."""

from __future__ import annotations

from typing import Any

from skmlp._engine.fitted import FittedNetwork
from skmlp._keras.losses import keras_loss, loss_of_output, row_loss
from skmlp._keras.optimizers import OF_OPTIMIZERS, optimizer_recipe
from skmlp._keras.tensorflow import keras
from skmlp._network.keras_model import model_with_weights
from skmlp._network.keras_network import KerasSpec
from skmlp._network.model_text import ModelText
from skmlp._network.spec import NetworkSpec
from skmlp._training.metrics import keras_metrics, takes_indices


def compiled_model(
    state: FittedNetwork, params: Any, *, has_class_indices: bool
) -> keras.Model:
    """A model with the fitted weights, compiled from the estimator's parameters.

    All its parts are Keras's own, so that a saved model loads where skmlp is not installed.
    """
    spec = state.spec
    model = _penalised_model(state, params)
    optimizer = _optimizer(params)
    optimizer.build(model.trainable_variables)  # or Keras warns when a saved model is loaded
    if isinstance(spec, KerasSpec) and spec.heads:
        model.compile(optimizer, _losses(params, spec, has_class_indices))
        return model
    loss = _loss(params, spec, has_class_indices)
    metrics = keras_metrics(params.metrics, spec)
    if has_class_indices:
        wanted = takes_indices(loss)
        metrics = [metric for metric in metrics if takes_indices(metric) == wanted]
    if not spec.has_auxiliary:
        model.compile(optimizer=optimizer, loss=loss, metrics=metrics or None)
        return model
    auxiliary = params.aux_loss_weight
    model.compile(
        optimizer=optimizer,
        loss=[loss, loss],
        loss_weights=[1 - auxiliary, auxiliary],
        metrics=[metrics, []],
    )
    return model


def fitted_model(
    state: FittedNetwork, params: Any, compiled: ModelText | None, *, has_class_indices: bool
) -> keras.Model:
    """A user's model with the fitted weights, compiled as it was, or from the parameters."""
    if compiled is None:
        return compiled_model(state, params, has_class_indices=has_class_indices)
    model = _penalised_model(state, params)
    compiled.compile(model)
    return model


def _penalised_model(state: FittedNetwork, params: Any) -> keras.Model:
    has_penalty = params.l1 or params.l2
    penalty = keras.regularizers.L1L2(params.l1, params.l2) if has_penalty else None
    return model_with_weights(state.spec, state.weights, penalty)


def _loss(params: Any, spec: NetworkSpec, has_class_indices: bool) -> Any:
    """The loss of what the model returns."""
    returns_raw = isinstance(spec, KerasSpec) and spec.link is not None
    return keras_loss(
        params.loss,
        spec.n_outputs,
        "linear" if returns_raw else spec.output_activation,
        has_class_indices,
        params.label_smoothing,
    )


def _losses(params: Any, spec: KerasSpec, has_class_indices: bool) -> list[Any]:
    """The loss of each of several outputs."""
    losses = [loss_of_output(params.loss, one.width, has_class_indices) for one in spec.heads]
    return [
        row_loss(loss, "linear", one.width).on_predictions
        for loss, one in zip(losses, spec.heads, strict=True)
    ]


def _optimizer(params: Any) -> keras.optimizers.Optimizer:
    """A new optimizer; only a schedule that is a Keras object is applied."""
    settings = {name: getattr(params, name) for name in OF_OPTIMIZERS}
    optimizer = optimizer_recipe(params.optimizer, params.learning_rate, **settings).build()
    schedule = params.learning_rate_schedule
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        return type(optimizer).from_config(
            {**optimizer.get_config(), "learning_rate": schedule}
        )
    return optimizer
