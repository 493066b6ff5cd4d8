"""The base class of kinds, and the common ones: dense layers, sums, dropout, standardisation.

A kind knows the shapes of its arrays, its Keras layer, its output in NumPy, and its output on
tensors, during and after training. Tensors may have a leading axis of networks that are trained
together, so axes are counted from the last. TensorFlow is imported inside the methods that need
it, because fitted estimators predict without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skmlp._data.sparse_rows import Joined, is_sparse
from skmlp._kinds.layer_values import Array, Batch, Shape, TrainingOutput

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

SMALLEST_DEVIATION = 1e-7  # Keras's `epsilon()`
Weights = tuple[tuple[np.ndarray, ...], ...]  # the arrays of each layer, in Keras's order


@dataclass(frozen=True)
class Kind:
    """The base class: a layer without arrays that returns its input."""

    takes_bits: ClassVar[bool] = False  # random bits, in training
    has_rate: ClassVar[bool] = False  # has a number `rate`, passed at run time
    in_stacks: ClassVar[bool] = True  # whether tensors may have a leading axis of networks
    takes_sparse: ClassVar[bool] = False  # inputs, to return dense outputs
    keeps_sparse: ClassVar[bool] = False  # returns sparse outputs of sparse inputs
    # Whether the output in NumPy may have the input's memory, or overwrite it.
    returns_input: ClassVar[bool] = True
    # Whether each output unit depends on its own input unit only, or on all by a kernel.
    is_unitwise: ClassVar[bool] = False

    @property
    def layers_not_for_xla(self) -> tuple[str, ...]:
        """Classes of layers that keep training from being compiled by XLA."""
        return ()

    @property
    def is_repeatable(self) -> bool:
        """Whether a fit's seed decides all random numbers."""
        return True

    @property
    def is_random(self) -> bool:
        """Whether the output in training may differ for the same rows."""
        return self.takes_bits

    def units(self, width: int) -> int:
        """Number of output units, for an input of this width."""
        return width

    def values_of_row(self, width: int) -> int:
        """Numbers that a row becomes on the way to the output, at most."""
        return self.units(width)

    def shapes(self, width: int) -> list[Shape] | None:
        """Shapes of the arrays; None if only Keras knows them."""
        return []

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        """The layer of the Keras model; `regularizer` is for its kernel."""
        raise NotImplementedError

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        """The output after training; may overwrite the input."""
        return inputs[0]

    def prepared(self, arrays: Sequence[np.ndarray]) -> Callable[..., np.ndarray]:
        """`numpy` with these arrays, for many calls."""
        return partial(self.numpy, arrays)

    def built(self, width: int) -> Kind:
        """The kind, ready to run on tensors."""
        return self

    def reset(self, seed: int, epoch: int) -> None:
        """Set all state outside the arrays to that at the beginning of an epoch."""

    def arrays(self, width: int) -> list[Array]:
        """Arrays as they are built; kernels and biases are drawn later."""
        return [Array(np.zeros(shape, np.float32)) for shape in self.shapes(width) or []]

    def first_arrays(self, width: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Arrays to begin training with, for kinds that draw their own."""
        return [array.initial for array in self.arrays(width)]

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        """The output after training."""
        return inputs[0]

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        """The output in training."""
        return TrainingOutput(self.tensor(arrays, *inputs))


@dataclass(frozen=True)
class Dense(Kind):
    """A product with a kernel, plus a bias if any."""

    n_units: int
    use_bias: bool = True
    returns_input: ClassVar[bool] = False
    takes_sparse: ClassVar[bool] = True
    is_unitwise: ClassVar[bool] = True

    def units(self, width: int) -> int:
        return self.n_units

    def shapes(self, width: int) -> list[Shape]:
        return [(width, self.n_units), (self.n_units,)][: 1 + self.use_bias]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.Dense(
            self.n_units,
            use_bias=self.use_bias,
            kernel_initializer=keras.initializers.Zeros(),
            kernel_regularizer=regularizer,
            **name_and_dtype,
        )

    def arrays(self, width: int) -> list[Array]:
        kernel, *bias = super().arrays(width)
        kernel = kernel._replace(is_penalised=True, name="kernel")
        return [kernel, *(array._replace(name="bias") for array in bias)]

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return self.tensor(arrays, *inputs)

    def tensor(self, arrays: Sequence[Any], *inputs: Any) -> Any:
        output = inputs[0] @ arrays[0]
        if self.use_bias:
            bias = arrays[1]
            output += bias if len(bias.shape) == 1 else bias[..., None, :]
        return output


@dataclass(frozen=True)
class Concatenate(Kind):
    """Inputs side by side."""

    returns_input: ClassVar[bool] = False
    keeps_sparse: ClassVar[bool] = True
    is_unitwise: ClassVar[bool] = True

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.Concatenate(**name_and_dtype)

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: Any) -> Any:
        return Joined(inputs) if any(map(is_sparse, inputs)) else np.hstack(inputs)

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: Any) -> Any:
        from skmlp._keras.tensorflow import tf
        from skmlp._kinds.sparse_inputs import SparseInputs

        if any(isinstance(rows, (SparseInputs, Joined)) for rows in inputs):
            return Joined(inputs)
        return tf.concat(inputs, axis=-1)


@dataclass(frozen=True)
class Add(Kind):
    """The sum of inputs of equal widths."""

    n_inputs: int
    returns_input: ClassVar[bool] = False

    def units(self, width: int) -> int:
        return width // self.n_inputs

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return self.tensor(arrays, *inputs)

    def tensor(self, arrays: Sequence[Any], *inputs: Any) -> Any:
        return sum(inputs[1:], inputs[0])


@dataclass(frozen=True)
class Standardization(Kind):
    """Inputs brought to mean 0 and variance 1 by the moments of the training rows.

    The third array counts rows in Keras, and has no effect.
    """

    returns_input: ClassVar[bool] = False

    def shapes(self, width: int) -> list[Shape]:
        return [(width,), (width,), ()]

    def arrays(self, width: int) -> list[Array]:
        return [array._replace(is_trained=False) for array in super().arrays(width)]

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        mean, variance, _ = arrays
        return (inputs[0] - mean) / np.maximum(np.sqrt(variance), SMALLEST_DEVIATION)

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import tf

        mean, variance = (array[..., None, :] for array in arrays[:2])
        return (inputs[0] - mean) / tf.maximum(tf.sqrt(variance), SMALLEST_DEVIATION)


@dataclass(frozen=True)
class Dropout(Kind):
    """Inverted dropout (Srivastava et al. 2014)."""

    rate: float
    takes_bits: ClassVar[bool] = True
    has_rate: ClassVar[bool] = True
    keeps_sparse: ClassVar[bool] = True
    is_unitwise: ClassVar[bool] = True

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.Dropout(self.rate, seed=0, **name_and_dtype)

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[Any], batch: Batch
    ) -> TrainingOutput:
        from skmlp._kinds.noise import dropped_out, noisy

        return TrainingOutput(noisy(inputs[0], batch.rate, batch.bits, dropped_out))


@dataclass(frozen=True)
class AlphaDropout(Dropout):
    """Dropout that keeps mean and variance of selu units (Klambauer et al. 2017)."""

    keeps_sparse: ClassVar[bool] = False

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.AlphaDropout(self.rate, seed=0, **name_and_dtype)

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        from skmlp._kinds.noise import alpha_dropped_out

        return TrainingOutput(alpha_dropped_out(inputs[0], batch.rate, batch.bits(inputs[0])))


@dataclass(frozen=True)
class Rescaling(Kind):
    """Units times a number, plus a number: of one for all, or of each its own."""

    scale: tuple[float, ...]
    mean: tuple[float, ...]
    returns_input: ClassVar[bool] = False

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.tensorflow import keras

        return keras.layers.Rescaling(list(self.scale), list(self.mean), **name_and_dtype)

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        dtype = inputs[0].dtype
        return inputs[0] * np.array(self.scale, dtype) + np.array(self.mean, dtype)

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        return inputs[0] * self.scale + self.mean
