"""Keras layers of autoencoders."""

from __future__ import annotations

from typing import Any

from skmlp._keras.tensorflow import keras

ops = keras.ops


@keras.saving.register_keras_serializable(package="skmlp")
class TiedDense(keras.layers.Layer):
    """A dense layer that a decoder calls again with its kernel transposed.

    The output is inputs @ kernel + bias; with `transposed=True`, it is
    inputs @ kernel.T + transposed_bias, a row of as many features as the first input had.

    Parameters
    ----------
    units : int
        Number of output units.
    kernel_initializer : str or Keras initializer, default="glorot_uniform"
        Initial values of the kernel. Biases start at zero.
    kernel_regularizer : str or Keras regularizer, default=None
        Penalty of the kernel, which counts once.
    **kwargs
        As in `keras.layers.Layer`, such as `name` and `dtype`.

    Attributes
    ----------
    kernel : variable of shape (n_features, units)
        Shared by both directions.
    bias : variable of shape (units,)
        Of the encoder.
    transposed_bias : variable of shape (n_features,)
        Of the decoder.

    Notes
    -----
    The input has shape (n_samples, n_features), the output (n_samples, units); with
    `transposed=True` the other way round. The first call must not be the transposed one.

    Examples
    --------
    >>> import keras
    >>> from skmlp.layers import TiedDense
    >>> layer = TiedDense(2)
    >>> inputs = keras.Input((8,))
    >>> autoencoder = keras.Model(inputs, layer(layer(inputs), transposed=True))
    >>> autoencoder.output_shape, autoencoder.count_params()
    ((None, 8), 26)
    """

    def __init__(
        self,
        units: int,
        *,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape: tuple) -> None:
        width = input_shape[-1]
        self.kernel = self.add_weight(
            name="kernel",
            shape=(width, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.transposed_bias = self.add_weight(
            name="transposed_bias", shape=(width,), initializer="zeros"
        )

    def call(self, inputs: Any, transposed: bool = False) -> Any:
        if transposed:
            return inputs @ ops.transpose(self.kernel) + self.transposed_bias
        return inputs @ self.kernel + self.bias

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


@keras.saving.register_keras_serializable(package="skmlp")
class GaussianNoise(keras.layers.Layer):
    """Adds normal noise to each value in training.

    Unlike in `keras.layers.GaussianNoise`, it may be larger than 1.

    Parameters
    ----------
    stddev : float
        Standard deviation, not negative.
    seed : int, default=None
        For the random draws; None for new ones each time.
    **kwargs
        As in `keras.layers.Layer`, such as `name` and `dtype`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.layers import GaussianNoise
    >>> noise = GaussianNoise(5.0, seed=0)(np.zeros((1, 1000)), training=True)
    >>> bool(4.5 < np.std(noise) < 5.5)
    True
    """

    def __init__(self, stddev: float, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = stddev
        self.seed = seed
        self._seeds = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        shape = ops.shape(inputs)
        return inputs + keras.random.normal(shape, stddev=self.stddev, seed=self._seeds)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


@keras.saving.register_keras_serializable(package="skmlp")
class MaskingNoise(keras.layers.Layer):
    """Sets a random share of the features of each row to 0 in training.

    Unlike in dropout, the other features keep their values [1]_.

    Parameters
    ----------
    rate : float
        Share of features, in [0, 1).
    seed : int, default=None
        For the random draws; None for new ones each time.
    **kwargs
        As in `keras.layers.Layer`, such as `name` and `dtype`.

    References
    ----------
    .. [1] P. Vincent et al., "Stacked denoising autoencoders", 2010,
       https://jmlr.org/papers/v11/vincent10a.html.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.layers import MaskingNoise
    >>> masked = MaskingNoise(0.5, seed=0)(np.ones((1, 100)), training=True)
    >>> np.unique(masked)
    array([0., 1.], dtype=float32)
    """

    def __init__(self, rate: float, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self._seeds = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        drawn = keras.random.uniform(ops.shape(inputs), seed=self._seeds)
        return ops.where(drawn >= self.rate, inputs, ops.zeros_like(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
