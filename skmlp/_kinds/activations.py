"""Kinds of layer that activate the units of a hidden layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, overload

import numpy as np

from skmlp._keras.text import is_of_keras
from skmlp._kinds.activation_functions import (
    ACTIVATIONS,
    LEAKY_SLOPE,
    SYNONYMS,
    leaky_relu,
    numpy_activation,
)
from skmlp._kinds.base import Kind
from skmlp._kinds.layer_values import Batch, Shape, TrainingOutput

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# Xu et al. 2015, https://arxiv.org/abs/1505.00853: slopes 1/a, with a uniform in [3, 8]
# during training. Here, as in PyTorch, the slope itself is uniform over the same range.
RRELU_RANGE = (1 / 8, 1 / 3)

# Functions of all units of a row; a user's own function counts as one, since it may be.
OVER_UNITS = ("log_softmax", "softmax", "sparsemax")


@dataclass(frozen=True)
class Activation(Kind):
    """One of Keras's functions by name, or the user's own function."""

    function: str | Callable

    @property
    def is_unitwise(self) -> bool:  # type: ignore[override]
        return isinstance(self.function, str) and self.function not in OVER_UNITS

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.Activation(self.function, **name_and_dtype)

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return numpy_activation(self.function)(inputs[0])

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import keras, tf

        x = inputs[0]
        function = keras.activations.get(self.function)
        if x.shape.rank == 2:
            return function(x)
        # The user's own function may count axes from the front.
        return tf.reshape(function(tf.reshape(x, [-1, x.shape[-1]])), tf.shape(x))


@dataclass(frozen=True)
class LeakyReLU(Kind):
    """A rectifier with a slope below zero (Maas et al. 2013)."""

    slope: float = LEAKY_SLOPE
    is_unitwise: ClassVar[bool] = True

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.LeakyReLU(negative_slope=self.slope, **name_and_dtype)

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return leaky_relu(inputs[0], self.slope)

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import keras

        return keras.activations.leaky_relu(inputs[0], self.slope)


@dataclass(frozen=True)
class RandomReLU(LeakyReLU):
    """A leaky rectifier with random slopes in training (Xu et al. 2015)."""

    slope: float = sum(RRELU_RANGE) / 2
    takes_bits: ClassVar[bool] = True

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        from skmlp._kinds.noise import random_leaks

        leaks = random_leaks(*RRELU_RANGE)
        return TrainingOutput(leaks(inputs[0], None, batch.bits(inputs[0])))


@dataclass(frozen=True)
class PReLU(Kind):
    """A rectifier with a learned slope for each unit (He et al. 2015)."""

    returns_input: ClassVar[bool] = False
    is_unitwise: ClassVar[bool] = True

    def shapes(self, width: int) -> list[Shape]:
        return [(width,)]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.PReLU(**name_and_dtype)

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        z, slopes = inputs[0], arrays[0]
        return np.where(z > 0, z, slopes * z)

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import tf

        x = inputs[0]
        return tf.nn.relu(x) - arrays[0][..., None, :] * tf.nn.relu(-x)


# Activations that are layers in Keras: for hidden units only.
ACTIVATION_LAYERS: dict[str, Kind] = {
    "leaky_relu": LeakyReLU(),
    "prelu": PReLU(),
    "rrelu": RandomReLU(),
}


def activation_kind(activation: str | Callable | Kind) -> Kind:
    """The kind of an activation: a kind as it is, a name, or the user's own function."""
    if isinstance(activation, Kind):
        return activation
    if isinstance(activation, str) and activation in ACTIVATION_LAYERS:
        return ACTIVATION_LAYERS[activation]
    return Activation(activation)


def known_names() -> list[str]:
    """All names that `activation` takes, sorted."""
    return sorted({*ACTIVATIONS, *SYNONYMS, *ACTIVATION_LAYERS})


def output_names() -> list[str]:
    """All names that `output_activation` takes, sorted."""
    return sorted({*ACTIVATIONS, *SYNONYMS} - ACTIVATION_LAYERS.keys())


@overload
def canonical(activation: str) -> str: ...
@overload
def canonical(activation: Callable) -> str | Callable: ...
def canonical(activation: str | Callable) -> str | Callable:
    """Keras's main name for an activation; the user's own function stays as it is.

    One of Keras's own functions is replaced by its name where that means the same here, so
    that it pickles without Keras.
    """
    if not isinstance(activation, str):
        name = getattr(activation, "__name__", "")
        is_ours = name in ACTIVATIONS and name not in ACTIVATION_LAYERS
        return name if is_of_keras(activation) and is_ours else activation
    return SYNONYMS.get(activation, activation)
