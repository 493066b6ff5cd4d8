"""Checks that scikit-learn's rules cannot express, and conversion of parameters' values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

from skmlp._keras.text import is_of_keras
from skmlp._kinds.activations import canonical, known_names
from skmlp._kinds.keras_layers import KerasLayer
from skmlp._network.spec import ActivationLike
from skmlp._parameters.architecture import NORMALIZATIONS
from skmlp._parameters.parameter import parameters_of


def check_objects(estimator: Any) -> None:
    """Refuse a class where a parameter takes a Keras object."""
    for name, parameter in parameters_of(type(estimator)).items():
        value = getattr(estimator, name, None) if parameter.takes_keras else None
        for item in value if isinstance(value, (list, tuple)) else [value]:
            check_is_no_class(name, item)


def check_rate(estimator: Any) -> None:
    """Refuse a schedule as learning rate: scikit-learn's MLP has its name there."""
    rate = getattr(estimator, "learning_rate", None)
    remedies = {
        "constant": "set the step size, and leave 'learning_rate_schedule' at its default",
        "invscaling": "set learning_rate_schedule='inverse_time'",
        "adaptive": "set learning_rate_schedule='plateau'",
    }
    is_schedule = callable(rate) or (isinstance(rate, str) and rate in remedies)
    if is_schedule and "learning_rate_schedule" in parameters_of(type(estimator)):
        remedy = (
            remedies[rate] if isinstance(rate, str) else "give it as 'learning_rate_schedule'"
        )
        raise ValueError(f"'learning_rate' must be a number above 0; got {rate!r}; {remedy}.")


def check_is_no_class(parameter: str, value: Any) -> None:
    """Refuse a class, which passes for an object because it has the same methods."""
    if isinstance(value, type):
        raise ValueError(
            f"'{parameter}' must be an object where it is not a name; got the class "
            f"{value.__name__}; call it: {value.__name__}()."
        )


def hidden_units(
    hidden_layer_sizes: Any, n_hidden: int | None, n_neurons: int | None
) -> tuple[int, ...]:
    """Units of each hidden layer.

    `n_neurons` replaces all widths. `n_hidden` replaces the depth: layers beyond those of
    `hidden_layer_sizes` are as wide as its last one.
    """
    units = list(layer_units("hidden_layer_sizes", hidden_layer_sizes))
    depth = len(units) if n_hidden is None else n_hidden
    if n_neurons is not None:
        return (int(n_neurons),) * depth
    if depth and not units:
        raise ValueError(
            "'n_hidden' must be 0 or None where 'hidden_layer_sizes' is () and 'n_neurons' is "
            f"None; got {n_hidden}; set 'n_neurons' too."
        )
    units += units[-1:] * (depth - len(units))
    return tuple(units[:depth])


def layer_units(
    parameter: str, sizes: Any, remedy: str = "use () for no hidden layer"
) -> tuple[int, ...]:
    """Whole numbers of units, one for each layer."""
    units = np.atleast_1d(np.asarray(sizes, dtype=object)).tolist()
    if not all(isinstance(size, Integral) and int(size) >= 1 for size in units):
        raise ValueError(
            f"'{parameter}' must hold one whole number of units, at least 1, for each "
            f"hidden layer; got {sizes!r}; {remedy}."
        )
    return tuple(int(size) for size in units)


def activations(
    activation: Any, n_layers: int, parameter: str = "activation"
) -> tuple[ActivationLike, ...]:
    """One canonical activation for each hidden layer."""
    if not isinstance(activation, (list, tuple)):
        return (_activation(parameter, activation),) * n_layers
    _check_one_per_layer(parameter, activation, n_layers)
    return tuple(_activation(parameter, one) for one in activation)


def dropout_rates(dropout: Any, n_layers: int) -> tuple[float, ...]:
    """One rate in [0, 1) for each hidden layer."""
    if np.ndim(dropout) == 0:
        return (float(dropout),) * n_layers
    rates = tuple(float(rate) for rate in dropout)
    _check_one_per_layer("dropout", rates, n_layers)
    if not all(0 <= rate < 1 for rate in rates):
        raise ValueError(
            f"'dropout' must hold numbers in [0, 1); got {dropout!r}; for example 0.2."
        )
    return rates


def increasing_quantiles(quantiles: Any) -> tuple[float, ...]:
    """Quantiles as shares of the targets, at least one."""
    values = np.asarray(quantiles)
    if (
        values.ndim != 1
        or not values.size
        or values.dtype.kind not in "fiu"
        or not np.all((values > 0) & (values < 1))
        or not np.all(np.diff(values) > 0)
    ):
        raise ValueError(
            "'quantiles' must be numbers in (0, 1) in increasing order; got "
            f"{quantiles!r}; for example (0.05, 0.5, 0.95)."
        )
    return tuple(values.tolist())


def normalization(value: Any) -> KerasLayer | None:
    """The layer before each hidden activation, from its name or a Keras layer."""
    if value is None or isinstance(value, str):
        return KerasLayer(NORMALIZATIONS[value], "{}") if value else None
    layer = keras_layer("normalization", value)
    if layer.layer_class not in NORMALIZATIONS.values() or layer.settings.get("renorm"):
        raise ValueError(
            "'normalization' must be 'batch', 'layer' or a Keras layer BatchNormalization "
            f"(without renorm) or LayerNormalization; got {value!r}."
        )
    return layer


def keras_layer(parameter: str, layer: Any) -> KerasLayer:
    """A Keras layer as text; its random draws, if any, get a fixed seed."""
    cls = type(layer)
    config = {k: v for k, v in layer.get_config().items() if k not in ("name", "dtype")}
    kind = cls.__name__ if is_of_keras(cls) else cls
    text = json.dumps(_seeded(config), sort_keys=True)
    if "__lambda__" in text:
        raise ValueError(
            f"'{parameter}' must not hold a Keras layer of a lambda, which Keras cannot "
            f"restore from text; got {cls.__name__}; give the function itself."
        )
    return KerasLayer(kind, text)


def _seeded(config: Any) -> Any:
    if isinstance(config, dict):
        return {k: 0 if k == "seed" else _seeded(v) for k, v in config.items()}
    return config


def _activation(parameter: str, activation: Any) -> ActivationLike:
    if isinstance(activation, str) and activation not in known_names():
        raise ValueError(
            f"'{parameter}' must hold names out of {', '.join(known_names())}, functions or "
            f"Keras layers; got {activation!r}."
        )
    is_layer = hasattr(activation, "get_config") and hasattr(activation, "build")
    return keras_layer(parameter, activation) if is_layer else canonical(activation)


def _check_one_per_layer(name: str, values: Sequence[Any], n_layers: int) -> None:
    if len(values) != n_layers:
        raise ValueError(
            f"'{name}' must be one value or one for each hidden layer; got {len(values)} "
            f"values for {n_layers} hidden layers; give one for each."
        )
