"""A user's Keras model, and how it is compiled, as text that does not depend on names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from types import FunctionType
from typing import Any, NamedTuple

from skmlp._keras.layer_names import with_names_of_its_own
from skmlp._keras.loss_rules import check_is_by_number
from skmlp._keras.losses import SumOfLosses, loss_of_output, row_loss
from skmlp._keras.tensorflow import keras
from skmlp._keras.text import KerasText, is_of_keras, overrides, to_save
from skmlp._network.keras_network import layers_in
from skmlp._network.model_text import ModelText


class OutputMetric(NamedTuple):
    """A metric of one of several outputs."""

    output: int  # its number
    metric: Any  # a name or an object


def model_text(model: keras.Model) -> ModelText:
    """The model as text, with names that do not depend on what Keras has named before."""
    own = _own_objects(model)
    if "<lambda>" in own:
        raise ValueError(
            "'model' must not contain a lambda, which Keras cannot restore from text; got one; "
            "write a layer class, or give the function a name."
        )
    try:
        serialized = keras.saving.serialize_keras_object(model)
        serialized.pop("compile_config", None)
        text = json.dumps(with_names_of_its_own(serialized), sort_keys=True)
    except TypeError as error:
        raise ValueError(
            f"'model' must have a configuration of plain values; got one where {error}; give "
            "your own layers a get_config method."
        ) from error
    return ModelText(text, tuple(sorted(own.items())))


def compile_text(model: keras.Model, optimizer: Any, objects: dict[str, Any]) -> ModelText:
    """The arguments with which a model is compiled, but for its optimizer, as text.

    `objects` are functions and classes of the user's own, by name.
    """
    config = model.get_compile_config()
    config["optimizer"] = keras.saving.serialize_keras_object(optimizer)
    config["loss"] = keras.tree.map_structure(_serialized_loss, model.loss)
    text = json.dumps(config, default=_plain)
    used = {name: value for name, value in objects.items() if name in text}
    for value in (optimizer, *keras.tree.flatten(model.loss)):
        own = value if isinstance(value, FunctionType) else type(value)
        if value is not None and not isinstance(value, str) and not is_of_keras(own):
            used[own.__name__] = own
    return ModelText(text, tuple(sorted(used.items())))


def _plain(value: Any) -> Any:
    """A dict that Keras has wrapped, or a number of NumPy's, as JSON takes it."""
    return dict(value) if isinstance(value, Mapping) else float(value)


def _serialized_loss(loss: Any) -> Any:
    """A loss as Keras's configurations hold it, with settings that they leave out."""
    saved = to_save(loss)
    if isinstance(saved, KerasText):
        return json.loads(saved.config)
    return loss if loss is None or isinstance(loss, str) else keras.losses.serialize(loss)


OF_TRAINING = ("fit", "train_step", "test_step", "predict_step", "compute_loss")


def refuse_own_training(model: keras.Model) -> None:
    """Refuse a class of the user's own that says how it is trained: the engine trains it."""
    for name in OF_TRAINING:
        if overrides(type(model), name):
            raise ValueError(
                "'model' must leave its training to the estimator; got the class "
                f"{type(model).__name__}, which overrides '{name}'; write a loss or a layer "
                "instead."
            )


def output_widths(model: keras.Model) -> list[int]:
    """Numbers that each output of a model predicts for a row; none if it has no inputs."""
    return [prod(output.shape[1:]) for output in getattr(model, "outputs", None) or ()]


def output_names(model: keras.Model) -> list[str]:
    """Names of the outputs of a model that has inputs."""
    return [model.name] if isinstance(model, keras.Sequential) else model.output_names


def loss_of_outputs(model: keras.Model, loss: Any, weights: Any = None) -> Any:
    """The loss of a model's outputs side by side, from compile arguments."""
    widths = output_widths(model)
    if any(len(output.shape) > 2 for output in getattr(model, "outputs", None) or ()):
        for one in keras.tree.flatten(loss):
            check_is_by_number(one)
    if len(widths) < 2:
        losses = keras.tree.flatten(loss)
        if len(losses) != 1:
            raise ValueError(
                f"'model' must be compiled with one loss for its one output; got {losses}; "
                "pass a single loss to compile."
            )
        weight = keras.tree.flatten(weights)
        if any(one not in (None, 1) for one in weight):
            raise ValueError(
                "'model' must be compiled without 'loss_weights' for its one output; got "
                f"{weights}; put the factor into the loss."
            )
        return losses[0]
    losses = zip(_of_outputs(loss, "loss", model.output_names), widths, strict=True)
    return SumOfLosses(
        tuple(row_loss(loss_of_output(one, width), "linear", width) for one, width in losses),
        tuple(widths),
        tuple(map(float, _of_outputs(weights or 1.0, "loss_weights", model.output_names))),
    )


def _of_outputs(values: Any, argument: str, names: list[str]) -> list[Any]:
    """A compile argument as a list with a value for each output."""
    if isinstance(values, dict) and values.keys() == set(names):
        return [values[name] for name in names]
    if isinstance(values, (list, tuple)) and len(values) == len(names):
        return list(values)
    if isinstance(values, (dict, list, tuple)):
        raise ValueError(
            f"'model' must be compiled with a value of '{argument}' for each output, "
            f"{', '.join(names)}; got {len(values)}: {', '.join(map(str, values))}; give a "
            "list in this order, or a dict with these names."
        )
    return [values] * len(names)


def compiled_metrics(
    model: keras.Model, names: list[str], objects: dict[str, Any]
) -> list[Any]:
    """The metrics with which a model is compiled, by name or as objects.

    Those of a model of several outputs, of these names, are `OutputMetric`s. `objects` are
    functions and classes of the user's own, by name.
    """
    config = model.get_compile_config()
    given = [config.get(name) for name in ("metrics", "weighted_metrics")]
    if "__lambda__" in json.dumps(given, default=str):
        raise ValueError(
            "'model' must be compiled with metrics that have a name, by which Keras restores "
            "them from text; got a lambda; give the function a name."
        )
    with keras.saving.custom_object_scope(objects):
        if len(names) == 1:
            return _made_metrics(given)
        return [
            OutputMetric(i, metric)
            for several in given
            for i, of_output in enumerate(_metrics_of_outputs(several, names))
            for metric in _made_metrics(of_output)
        ]


def _metrics_of_outputs(metrics: Any, names: list[str]) -> list[Any]:
    if isinstance(metrics, dict):
        return [metrics.get(name) for name in names]
    return metrics or []


def _made_metrics(configs: Any) -> list[Any]:
    return [
        one if isinstance(one, str) else keras.saving.deserialize_keras_object(one)
        for one in _flattened(configs)
    ]


def _flattened(metrics: Any) -> list[Any]:
    """Names and configurations in a compile argument."""
    if isinstance(metrics, (list, tuple)):
        return [one for several in metrics for one in _flattened(several)]
    is_one = isinstance(metrics, str) or (isinstance(metrics, dict) and "class_name" in metrics)
    if is_one:
        return [metrics]
    return _flattened(list(metrics.values())) if isinstance(metrics, dict) else []


def _own_objects(model: keras.Model) -> dict[str, Any]:
    """The user's own classes and functions in a model, by name."""
    found: dict[str, Any] = {}
    for layer in layers_in(model):
        for value in (layer, *vars(layer).values()):
            if hasattr(value, "__wrapped__"):
                continue  # a method that Keras has wrapped anew
            if isinstance(value, FunctionType) and not is_of_keras(value):
                found[value.__name__] = value
            elif hasattr(value, "get_config") and not is_of_keras(type(value)):
                found[type(value).__name__] = type(value)
    return found
