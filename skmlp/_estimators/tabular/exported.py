"""The Keras models of the tabular estimators: from encoded rows to predictions of the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skmlp._engine.fitted import FittedNetwork
from skmlp._keras.tensorflow import keras
from skmlp._network.keras_model import model_with_weights

ops = keras.ops


def regressor_model(
    members: Sequence[FittedNetwork],
    low: np.ndarray,
    high: np.ndarray,
    shifts: np.ndarray | None,
) -> keras.Model:
    """A model of the means or, with `shifts`, (n_outputs, n_quantiles), of the quantiles.

    Targets stay between `low` and `high`, both (n_outputs,).
    """
    inputs, raw = _raw_outputs(members)
    scaling = members[0].spec.target_scaling
    assert scaling is not None
    offset = np.array(scaling.mean)
    if shifts is not None:
        offset += shifts.ravel()
    # float32 has more digits before targets are in the user's units
    output = keras.layers.Rescaling(list(scaling.scale), offset.tolist(), dtype="float32")(
        _mean(raw)
    )
    if shifts is not None:
        if len(shifts) > 1:
            output = keras.layers.Reshape(shifts.shape)(output)
            low, high = low[:, None], high[:, None]
        output = ops.sort(output, axis=-1)
    output = ops.clip(output, low.tolist(), high.tolist())  # lists, which Keras can save
    return keras.Model(inputs, output, name="skmlp")


def classifier_model(members: Sequence[FittedNetwork], temperature: float) -> keras.Model:
    """A model of the mean probabilities."""
    inputs, raw = _raw_outputs(members)
    activation = members[0].spec.output_activation
    tempered = keras.layers.Rescaling(1 / temperature, dtype="float32", name="temperature")
    activate = keras.layers.Activation(activation, dtype="float32", name="probabilities")
    return keras.Model(inputs, _mean([activate(tempered(one)) for one in raw]), name="skmlp")


def _raw_outputs(members: Sequence[FittedNetwork]) -> tuple[Any, list[Any]]:
    """The input, encoded rows, and the raw outputs of each network."""
    spec = members[0].spec
    encoded = keras.Input((sum(spec.input_widths().values()),), name="encoded")
    inputs = list(spec.inputs(encoded).values())
    networks = [_network(member, f"network_{i}") for i, member in enumerate(members, 1)]
    return encoded, [network(inputs) for network in networks]


def _network(member: FittedNetwork, name: str) -> keras.Model:
    """A network up to its raw outputs."""
    model = model_with_weights(member.spec, member.weights)
    (output,) = member.spec.raw_outputs
    return keras.Model(model.inputs, model.get_layer(output).output, name=name)


def _mean(values: Sequence[Any]) -> Any:
    if len(values) == 1:
        return values[0]
    return keras.layers.Average(dtype="float32", name="mean")(values)
