"""Keras layers that embed the inputs of the tabular network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from skmlp._keras.tensorflow import keras

ops = keras.ops


@keras.saving.register_keras_serializable(package="skmlp")
class PeriodicEmbedding(keras.layers.Layer):
    """Cosines of each feature, combined by a kernel of its own.

    For each feature x, the output is cos(2 pi x frequencies + phases) @ kernel + bias [1]_.

    Parameters
    ----------
    n_frequencies : int, default=16
        Number of cosines of each feature.
    n_outputs : int, default=3
        Number of output units of each feature.
    frequency_scale : float, default=1.0
        Standard deviation of the initial frequencies; 1 is for features of size 1 on which the
        target depends smoothly, more for jagged ones.
    seed : int, default=None
        For the initial weights; None for new ones each time.
    **kwargs
        As in `keras.layers.Layer`, such as `name` and `dtype`.

    Attributes
    ----------
    frequencies : variable of shape (n_features, n_frequencies)
        Drawn from a normal distribution of mean 0.
    phases : variable of shape (n_features, n_frequencies)
        Drawn uniformly from -pi to pi.
    kernel : variable of shape (n_features, n_frequencies, n_outputs)
        Drawn uniformly within 1 / sqrt(n_frequencies) of 0.
    bias : variable of shape (n_features, n_outputs)
        As the kernel.

    Notes
    -----
    The input has shape (n_samples, n_features), the output (n_samples, n_features * n_outputs)
    with the units of a feature side by side.

    References
    ----------
    .. [1] D. Holzmüller et al., "Better by default: strong pre-tuned MLPs and boosted trees on
       tabular data", 2024, https://arxiv.org/abs/2407.04491.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.layers import PeriodicEmbedding
    >>> PeriodicEmbedding(n_frequencies=8, n_outputs=4)(np.zeros((5, 2))).shape
    TensorShape([5, 8])
    """

    def __init__(
        self,
        n_frequencies: int = 16,
        n_outputs: int = 3,
        *,
        frequency_scale: float = 1.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.n_frequencies = n_frequencies
        self.n_outputs = n_outputs
        self.frequency_scale = frequency_scale
        self.seed = seed

    def build(self, input_shape: tuple) -> None:
        waves = (input_shape[-1], self.n_frequencies)
        seeds = keras.random.SeedGenerator(self.seed)
        weight = _uniform(1 / math.sqrt(self.n_frequencies), seeds)
        normal = keras.initializers.RandomNormal(stddev=self.frequency_scale, seed=seeds)
        phase = _uniform(math.pi, seeds)
        self.frequencies = self.add_weight(name="frequencies", shape=waves, initializer=normal)
        self.phases = self.add_weight(name="phases", shape=waves, initializer=phase)
        of_kernel, of_bias = (*waves, self.n_outputs), (input_shape[-1], self.n_outputs)
        self.kernel = self.add_weight(name="kernel", shape=of_kernel, initializer=weight)
        self.bias = self.add_weight(name="bias", shape=of_bias, initializer=weight)

    def call(self, inputs: Any) -> Any:
        angles = 2 * math.pi * inputs[:, :, None] * self.frequencies + self.phases
        return _combined(ops.cos(angles), self.kernel, self.bias)

    def get_config(self) -> dict[str, Any]:
        own = {
            "n_frequencies": self.n_frequencies,
            "n_outputs": self.n_outputs,
            "frequency_scale": self.frequency_scale,
            "seed": self.seed,
        }
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="skmlp")
class PiecewiseLinearEmbedding(keras.layers.Layer):
    """Shares of bins that each feature has passed, combined by a kernel of its own.

    A bin from `low` to `high` encodes x as (x - low) / (high - low), clipped to [0, 1], minus
    one half [1]_. The first bin is not clipped below, and the last one not above. A bin of zero
    width is encoded as 0. The output is encoding @ kernel + bias.

    Parameters
    ----------
    n_bins : int, default=32
        Number of bins of each feature.
    n_outputs : int, default=3
        Number of output units of each feature.
    seed : int, default=None
        For the initial weights; None for new ones each time.
    **kwargs
        As in `keras.layers.Layer`, such as `name` and `dtype`.

    Attributes
    ----------
    kernel : variable of shape (n_features, n_bins, n_outputs)
        Drawn uniformly within 1 / sqrt(n_bins) of 0.
    bias : variable of shape (n_features, n_outputs)
        As the kernel.
    edges : variable of shape (n_features, n_bins + 1)
        Edges of the bins, in ascending order. They are not trained, and 0 until you assign
        them, for instance the quantiles of the training data.

    Notes
    -----
    The input has shape (n_samples, n_features), the output (n_samples, n_features * n_outputs)
    with the units of a feature side by side.

    References
    ----------
    .. [1] Y. Gorishniy et al., "On embeddings for numerical features in tabular deep learning",
       2022, https://arxiv.org/abs/2203.05556.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.layers import PiecewiseLinearEmbedding
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> layer = PiecewiseLinearEmbedding(n_bins=8, n_outputs=3)
    >>> layer.build(X.shape)
    >>> edges = np.quantile(X, np.linspace(0, 1, 9), axis=0).T
    >>> _ = layer.edges.assign(edges)
    >>> layer(X).shape
    TensorShape([100, 6])
    """

    def __init__(
        self,
        n_bins: int = 32,
        n_outputs: int = 3,
        *,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.n_bins = n_bins
        self.n_outputs = n_outputs
        self.seed = seed

    def build(self, input_shape: tuple) -> None:
        width = input_shape[-1]
        weight = _uniform(1 / math.sqrt(self.n_bins), keras.random.SeedGenerator(self.seed))
        of_kernel, of_bias = (width, self.n_bins, self.n_outputs), (width, self.n_outputs)
        self.kernel = self.add_weight(name="kernel", shape=of_kernel, initializer=weight)
        self.bias = self.add_weight(name="bias", shape=of_bias, initializer=weight)
        self.edges = self.add_weight(
            name="edges", shape=(width, self.n_bins + 1), initializer="zeros", trainable=False
        )

    def call(self, inputs: Any) -> Any:
        lows, highs = self.edges[:, :-1], self.edges[:, 1:]
        is_active = highs > lows
        shares = (inputs[:, :, None] - lows) / ops.where(is_active, highs - lows, 1)
        place = ops.arange(self.n_bins)
        shares = ops.where((shares < 0) & (place > 0), 0, shares)
        shares = ops.where((shares > 1) & (place < self.n_bins - 1), 1, shares)
        return _combined(ops.where(is_active, shares - 0.5, 0), self.kernel, self.bias)

    def get_config(self) -> dict[str, Any]:
        own = {"n_bins": self.n_bins, "n_outputs": self.n_outputs, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="skmlp")
class LevelEmbedding(keras.layers.Layer):
    """A learned vector for each category of each column of codes.

    Parameters
    ----------
    n_levels : int or sequence of int
        Number of categories of each column.
    n_outputs : int
        Number of output units for each column.
    seed : int, default=None
        For the initial weights; None for new ones each time.
    **kwargs
        As in `keras.layers.Layer`, such as `name` and `dtype`.

    Attributes
    ----------
    table : variable of shape (sum of n_levels, n_outputs)
        A vector for each category, column after column, drawn from a normal distribution with
        standard deviation 1 / sqrt(n_outputs), so that their lengths are about 1.

    Notes
    -----
    The input has shape (n_samples, n_columns) and holds codes from 0 to the column's number of
    levels - 1, as integers or floats. The output has shape
    (n_samples, n_columns * n_outputs).

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.layers import LevelEmbedding
    >>> layer = LevelEmbedding(n_levels=3, n_outputs=2)
    >>> layer.build((None, 1))
    >>> layer.set_weights([np.array([[0, 1], [2, 3], [4, 5]])])
    >>> np.asarray(layer(np.array([[2.0], [0.0]])))
    array([[4., 5.],
           [0., 1.]], dtype=float32)
    """

    def __init__(
        self,
        n_levels: int | Sequence[int],
        n_outputs: int,
        *,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Codes in half precision would be exact up to 2048 only.
        super().__init__(autocast=False, **kwargs)
        self.n_levels = np.atleast_1d(n_levels).tolist()
        self.n_outputs = n_outputs
        self.seed = seed

    def build(self, input_shape: tuple) -> None:
        stddev = 1 / math.sqrt(self.n_outputs)
        seeds = keras.random.SeedGenerator(self.seed)
        normal = keras.initializers.RandomNormal(stddev=stddev, seed=seeds)
        shape = (sum(self.n_levels), self.n_outputs)
        self.table = self.add_weight(name="table", shape=shape, initializer=normal)

    def call(self, inputs: Any) -> Any:
        starts = np.cumsum([0, *self.n_levels[:-1]], dtype="int32")
        vectors = ops.take(self.table, ops.cast(inputs, "int32") + starts, axis=0)
        n_units = len(self.n_levels) * self.n_outputs
        return ops.cast(ops.reshape(vectors, (-1, n_units)), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        own = {"n_levels": self.n_levels, "n_outputs": self.n_outputs, "seed": self.seed}
        return {**super().get_config(), **own}


def _combined(values: Any, kernel: Any, bias: Any) -> Any:
    """Values (rows, features, n) by each feature's kernel, units side by side."""
    outputs = ops.einsum("rfn,fno->rfo", values, kernel) + bias
    return ops.reshape(outputs, (-1, outputs.shape[1] * outputs.shape[2]))


def _uniform(bound: float, seed: Any) -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-bound, bound, seed=seed)
