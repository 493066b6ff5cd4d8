"""Kinds of layer of the tabular network that follow Holzmüller et al. 2024.

"Better by default: strong pre-tuned MLPs and boosted trees on tabular data",
https://arxiv.org/abs/2407.04491.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skmlp._kinds.activation_functions import (
    MISH_LIMIT,
    SELU_ALPHA,
    SELU_SCALE,
    numpy_activation,
)
from skmlp._kinds.base import Dense, Kind
from skmlp._kinds.layer_values import Array, Shape

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


@dataclass(frozen=True)
class Drawn(Kind):
    """The base class of kinds that know all of their arrays and draw their first values."""

    returns_input: ClassVar[bool] = False

    def shapes(self, width: int) -> list[Shape]:
        return [array.initial.shape for array in self.arrays(width)]


@dataclass(frozen=True)
class Scaling(Drawn):
    """Each feature times a learned factor."""

    def arrays(self, width: int) -> list[Array]:
        return [Array(np.ones(width, np.float32), name="scale", rate_factor=6.0)]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers

        return skmlp.layers.Scaling(**name_and_dtype)

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return self.tensor(arrays, *inputs)

    def tensor(self, arrays: Sequence[Any], *inputs: Any) -> Any:
        return inputs[0] * _beside_rows(arrays[0])


@dataclass(frozen=True)
class NTKDense(Dense, Drawn):
    """A product divided by the root of its input's width, so that kernels start at size 1.

    Jacot et al. 2018, "Neural tangent kernel", https://arxiv.org/abs/1806.07572. An output
    layer starts without bias, and for regression, with outputs of 0.
    """

    is_output: bool = False
    starts_at_zero: bool = False  # the kernel

    def arrays(self, width: int) -> list[Array]:
        kernel, *bias = super().arrays(width)
        return [kernel, *(one._replace(rate_factor=0.1, decays=False) for one in bias)]

    def first_arrays(self, width: int, rng: np.random.Generator) -> list[np.ndarray]:
        starts_at_zero = (self.starts_at_zero, self.is_output)
        return [
            np.zeros(shape, np.float32) if is_zero else rng.standard_normal(shape, np.float32)
            for shape, is_zero in zip(self.shapes(width), starts_at_zero, strict=False)
        ]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers

        return skmlp.layers.NTKDense(
            self.n_units,
            use_bias=self.use_bias,
            kernel_initializer="zeros",
            bias_initializer="zeros",
            kernel_regularizer=regularizer,
            **name_and_dtype,
        )

    def prepared(self, arrays: Sequence[np.ndarray]) -> Callable[..., np.ndarray]:
        kernel, *biases = arrays
        divided = kernel * kernel.dtype.type(1 / math.sqrt(kernel.shape[-2]))
        return partial(super().tensor, (divided, *biases))

    def tensor(self, arrays: Sequence[Any], *inputs: Any) -> Any:
        kernel, *biases = arrays
        output = inputs[0] @ kernel
        output *= 1 / math.sqrt(kernel.shape[-2])
        for bias in biases:
            output += _beside_rows(bias)
        return output


@dataclass(frozen=True)
class ParametricActivation(Drawn):
    """An activation of learned strength: x + strength * (f(x) - x)."""

    function: str  # one of Keras's, by name

    def arrays(self, width: int) -> list[Array]:
        return [Array(np.ones(width, np.float32), name="strength", rate_factor=0.1)]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers

        return skmlp.layers.ParametricActivation(self.function, **name_and_dtype)

    def values_of_row(self, width: int) -> int:
        return 2 * width  # the input is kept

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        x, strength = inputs[0], arrays[0]
        if self.function == "selu":
            return _selu_of_strength(x, strength)
        if self.function == "mish":
            change = _change_by_mish(x)
        else:
            change = numpy_activation(self.function)(x.copy())
            change -= x
        change *= strength
        change += x
        return change

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import keras, tf

        x, strength = inputs[0], _beside_rows(arrays[0])
        # Keras's mish takes four times as long in training, its selu twice.
        if self.function == "mish":  # see `_change_by_mish`
            root = tf.exp(tf.minimum(x, MISH_LIMIT)) + 1
            return x * (1 - 2 * strength / (root * root + 1))
        if self.function == "selu":
            below = SELU_ALPHA * (tf.exp(tf.minimum(x, 0.0)) - 1)
            activated = SELU_SCALE * (tf.nn.relu(x) + below)
        else:
            activated = keras.activations.get(self.function)(x)
        return x + strength * (activated - x)


def _change_by_mish(x: np.ndarray) -> np.ndarray:
    """mish(x) - x, which is -2x / ((exp(x) + 1)² + 1).

    NumPy's exp in float32 takes twice as long as its expm1.
    """
    with np.errstate(over="ignore"):  # the change is 0 there, as it should be
        change = np.expm1(x)
        change += 2
        change *= change
    change += 1
    np.divide(x, change, out=change)
    change *= -2
    return change


def _selu_of_strength(x: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """The same for selu: a factor each for x, min(x, 0) and its exponential."""
    scaled = SELU_SCALE * strength
    below = np.clip(x, -np.inf, 0)  # takes half the time of np.minimum
    output = x * (1 - strength + scaled)
    output -= below * scaled
    output += np.expm1(below, out=below) * (SELU_ALPHA * scaled)
    return output


@dataclass(frozen=True)
class LevelEmbedding(Drawn):
    """A learned vector for each category of each column.

    A column holds codes 0, 1, ..., up to its number of levels, as float32, which is exact up to
    2**24; 0 is for unknown and missing categories. All columns share one table: a table for
    each would make compilation longer with every column. A vector is trained only by the rows
    of its category, so its learning rate is not lowered. It starts at a length of about 1, as a
    one-hot encoded category has.
    """

    n_levels: tuple[int, ...]  # of each column
    n_outputs: int  # of each column

    def units(self, width: int) -> int:
        return width * self.n_outputs

    def arrays(self, width: int) -> list[Array]:
        shape = (sum(self.n_levels), self.n_outputs)
        return [Array(np.zeros(shape, np.float32), name="table")]

    def first_arrays(self, width: int, rng: np.random.Generator) -> list[np.ndarray]:
        (shape,) = self.shapes(width)
        table = rng.standard_normal(shape, np.float32)
        table[self._starts()] = 0  # of unknown categories, which no row may train
        return [table / np.float32(math.sqrt(self.n_outputs))]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers

        return skmlp.layers.LevelEmbedding(
            self.n_levels, self.n_outputs, seed=0, **name_and_dtype
        )

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        rows = inputs[0].astype(np.intp) + self._starts()
        return np.take(arrays[0], rows, axis=0).reshape(len(rows), -1)

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import tf

        # Through a reshaping, a gradient becomes dense, as optimizers and clipping need it.
        table = tf.reshape(arrays[0], arrays[0].shape)
        rows = tf.cast(inputs[0], tf.int32) + self._starts()
        vectors = tf.gather(table, rows, axis=-2, batch_dims=rows.shape.rank - 2)
        lead, n_units = tf.shape(vectors)[:-2], self.units(len(self.n_levels))
        return tf.reshape(vectors, tf.concat([lead, [n_units]], axis=0))

    def _starts(self) -> np.ndarray:
        """Row of the table where each column's vectors begin."""
        return np.cumsum([0, *self.n_levels[:-1]], dtype=np.int32)


def _beside_rows(vector: Any) -> Any:
    """A vector, or one for each network with an axis for rows."""
    return vector if len(vector.shape) == 1 else vector[..., None, :]
