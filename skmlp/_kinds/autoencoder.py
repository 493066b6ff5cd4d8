"""Kinds of layer of autoencoders: corrupted inputs, sparse codes and tied kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skmlp._kinds.base import Dense, Dropout, Kind
from skmlp._kinds.layer_values import Array, Batch, Shape, TrainingOutput

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


@dataclass(frozen=True)
class GaussianNoise(Kind):
    """Normal noise added to the input; the rate is its standard deviation."""

    rate: float
    takes_bits: ClassVar[bool] = True
    has_rate: ClassVar[bool] = True

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers
        from skmlp._keras.tensorflow import keras

        # Keras's own, up to 1, loads where this package is not installed.
        made_by = keras.layers if self.rate <= 1 else skmlp.layers
        return made_by.GaussianNoise(self.rate, seed=0, **name_and_dtype)

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        from skmlp._kinds.noise import normal

        return TrainingOutput(inputs[0] + batch.rate * normal(batch.bits(inputs[0])))


@dataclass(frozen=True)
class MaskingNoise(Dropout):
    """Random features set to 0; the others keep their values (Vincent et al. 2010)."""

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers

        return skmlp.layers.MaskingNoise(self.rate, seed=0, **name_and_dtype)

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        from skmlp._kinds.noise import masked, noisy

        return TrainingOutput(noisy(inputs[0], batch.rate, batch.bits, masked))


@dataclass(frozen=True)
class ActivityPenalty(Kind):
    """A penalty of the units' absolute values, summed over a row; the rate is its weight."""

    rate: float
    has_rate: ClassVar[bool] = True

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.ActivityRegularization(l1=self.rate, **name_and_dtype)

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        from skmlp._keras.tensorflow import tf

        assert batch.rate is not None
        of_rows = tf.reduce_sum(tf.abs(inputs[0]), axis=-1)
        total = tf.reduce_sum(of_rows * batch.share, axis=-1)
        return TrainingOutput(inputs[0], loss=batch.rate[..., 0, 0] * total)


@dataclass(frozen=True)
class TiedDense(Dense):
    """A product whose kernel a later layer uses too; it also holds that layer's bias."""

    def shapes(self, width: int) -> list[Shape]:
        return [*super().shapes(width), (width,)]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers

        return skmlp.layers.TiedDense(
            self.n_units,
            kernel_initializer="zeros",
            kernel_regularizer=regularizer,
            **name_and_dtype,
        )

    def arrays(self, width: int) -> list[Array]:
        kernel, bias, transposed_bias = super().arrays(width)
        return [kernel, bias, transposed_bias._replace(name="transposed_bias")]


@dataclass(frozen=True)
class Transposed(Kind):
    """The product with the transposed kernel of a `TiedDense`, whose arrays it uses."""

    n_units: int
    returns_input: ClassVar[bool] = False

    def units(self, width: int) -> int:
        return self.n_units

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        kernel, _, bias = arrays
        return inputs[0] @ kernel.swapaxes(-1, -2) + bias[..., None, :]

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import tf

        kernel, _, bias = arrays
        return tf.matmul(inputs[0], kernel, transpose_b=True) + bias[..., None, :]
