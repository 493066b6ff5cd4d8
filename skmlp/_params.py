"""The rules of the constructor parameters, as a table, and what they say together."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from skmlp._activations import RECTIFIERS, canonical, known_names
from skmlp._sklearn import HasMethods, Interval, Options, StrOptions

COMMON_CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "n_hidden": [Interval(Integral, 0, None, closed="left"), None],
    "n_neurons": [Interval(Integral, 1, None, closed="left"), None],
    "activation": [StrOptions(set(known_names())), callable],
    "kernel_initializer": [str, HasMethods("get_config")],
    "dropout": ["array-like", Interval(Real, 0, 1, closed="left")],
    "loss": [str, callable],
    "l1": [Interval(Real, 0, None, closed="left")],
    "l2": [Interval(Real, 0, None, closed="left")],
    "optimizer": [str, HasMethods(["get_config", "apply"])],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "momentum": [Interval(Real, 0, 1, closed="left"), None],
    "nesterov": ["boolean", None],
    "weight_decay": [Interval(Real, 0, None, closed="left"), None],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "epochs": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "tol": [Interval(Real, 0, None, closed="left")],
    "warm_start": ["boolean"],
    "callbacks": [list, tuple, HasMethods(["on_epoch_end", "set_model"]), None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def hidden_units(
    hidden_layer_sizes: Any, n_hidden: int | None, n_neurons: int | None
) -> tuple[int, ...]:
    """Units of each hidden layer, after `n_hidden` and `n_neurons` had their say.

    `n_neurons` replaces every width. `n_hidden` replaces the depth: layers beyond those of
    `hidden_layer_sizes` are as wide as its last one.
    """
    units = np.atleast_1d(np.asarray(hidden_layer_sizes, dtype=object)).tolist()
    if not all(isinstance(size, Integral) and int(size) >= 1 for size in units):
        raise ValueError(
            "'hidden_layer_sizes' must hold one whole number of units, at least 1, for each "
            f"hidden layer; got {hidden_layer_sizes!r}; use () for no hidden layer."
        )
    depth = len(units) if n_hidden is None else n_hidden
    if n_neurons is not None:
        return (int(n_neurons),) * depth
    if depth and not units:
        raise ValueError(
            f"'n_hidden' cannot tell the width of its layers: got {n_hidden} with "
            "hidden_layer_sizes=(); set 'n_neurons' too."
        )
    units += units[-1:] * (depth - len(units))
    return tuple(int(size) for size in units[:depth])


def dropout_rates(dropout: Any, n_layers: int) -> tuple[float, ...]:
    """One rate in [0, 1) for each hidden layer."""
    if np.ndim(dropout) == 0:
        return (float(dropout),) * n_layers
    rates = tuple(float(rate) for rate in dropout)
    if len(rates) != n_layers:
        raise ValueError(
            f"'dropout' must be a number or one number for each hidden layer; got "
            f"{len(rates)} numbers for {n_layers} hidden layers."
        )
    if not all(0 <= rate < 1 for rate in rates):
        raise ValueError(f"'dropout' must hold numbers in [0, 1); got {dropout!r}.")
    return rates


def automatic_scaling(activation: str | Callable | None) -> dict[str, Any]:
    """How kernel_initializer="auto" spreads the kernel before an activation.

    The arguments of `keras.initializers.VarianceScaling`: He et al. 2015 for rectifiers,
    over the mean of inputs and outputs, LeCun et al. 1998 as Klambauer et al. 2017 use it
    for selu, Glorot and Bengio 2010 for others. The output layer (None) starts at a tenth
    of Glorot's spread, so that first predictions are near zero.
    """
    if activation is None:
        return {"scale": 0.01, "mode": "fan_avg", "distribution": "uniform"}
    name = canonical(activation)
    if name == "selu":
        return {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"}
    scale = 2.0 if name in RECTIFIERS else 1.0
    return {"scale": scale, "mode": "fan_avg", "distribution": "uniform"}
