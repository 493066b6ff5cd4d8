"""Kinds of layer that embed each numerical feature in several units.

A feature goes through functions of its own, then through a small kernel of its own.
Values of these functions are laid out as (features, functions, rows): the long axis of rows is
the last one, along which NumPy and XLA are fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._kinds.layer_values import Array
from skmlp._kinds.tabular import Drawn

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# sin(2 pi u) / u in powers of u^2, for u from -1/4 to 1/4: a weighted least-squares fit that
# makes the largest error of the sine 4e-9.
SINE_OF_TURNS = (6.28318516, -41.341655, 81.601004, -76.549781, 39.536693)

SMALLEST = np.finfo(np.float32).tiny  # positive normal number


@dataclass(frozen=True)
class PeriodicEmbedding(Drawn):
    """Waves of each feature with learned frequencies and phases, then a kernel of its own.

    Holzmüller et al. 2024, https://arxiv.org/abs/2407.04491, section 3.
    """

    n_frequencies: int = 16
    n_outputs: int = 3
    frequency_scale: float = 1.0  # standard deviation of the first frequencies

    def units(self, width: int) -> int:
        return width * self.n_outputs

    def values_of_row(self, width: int) -> int:
        return width * max(self.n_frequencies, self.n_outputs)

    def arrays(self, width: int) -> list[Array]:
        waves = (width, self.n_frequencies)
        return [
            _slow("frequencies", waves),
            _slow("phases", waves, decays=False),
            _slow("kernel", (*waves, self.n_outputs)),
            _slow("bias", (width, self.n_outputs), decays=False),
        ]

    def first_arrays(self, width: int, rng: np.random.Generator) -> list[np.ndarray]:
        waves, _, kernel, bias = self.shapes(width)
        bound = 1 / math.sqrt(self.n_frequencies)
        return [
            rng.standard_normal(waves, np.float32) * np.float32(self.frequency_scale),
            _uniform(rng, math.pi, waves),
            _uniform(rng, bound, kernel),
            _uniform(rng, bound, bias),
        ]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers

        return skmlp.layers.PeriodicEmbedding(
            self.n_frequencies,
            self.n_outputs,
            frequency_scale=self.frequency_scale,
            seed=0,
            **name_and_dtype,
        )

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return self.prepared(arrays)(*inputs)

    def prepared(self, arrays: Sequence[np.ndarray]) -> Callable[..., np.ndarray]:
        frequencies, phases, kernel, bias = arrays
        angles = _lines(2 * math.pi * frequencies, phases)

        def output(x: np.ndarray) -> np.ndarray:
            waves = angles @ _columns_and_ones(x)
            np.cos(waves, out=waves)
            return _combined(kernel, waves, bias)

        return output

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import tf

        frequencies, phases, kernel, bias = arrays
        x = tf.linalg.matrix_transpose(inputs[0])[..., None, :]
        turns = frequencies[..., None] * x + (phases / (2 * math.pi))[..., None]
        return _combined_tensors(kernel, cosine_of_turns(turns), bias)


@dataclass(frozen=True)
class PiecewiseLinearEmbedding(Drawn):
    """The share of each bin that a feature has passed, then a kernel of its own.

    Gorishniy et al. 2022, "On embeddings for numerical features in tabular deep learning",
    https://arxiv.org/abs/2203.05556, section 3.2. The first bin is open below and the last
    one above; bins without width have no effect. Edges are computed from the data.
    """

    n_bins: int = 32
    n_outputs: int = 3

    def units(self, width: int) -> int:
        return width * self.n_outputs

    def values_of_row(self, width: int) -> int:
        return width * max(self.n_bins, self.n_outputs)

    def arrays(self, width: int) -> list[Array]:
        edges = np.zeros((width, self.n_bins + 1), np.float32)
        return [
            _slow("kernel", (width, self.n_bins, self.n_outputs)),
            _slow("bias", (width, self.n_outputs), decays=False),
            # Last, since Keras lists the weights that are not trained after the others.
            Array(edges, is_trained=False, name="edges", decays=False),
        ]

    def first_arrays(self, width: int, rng: np.random.Generator) -> list[np.ndarray]:
        kernel, bias, edges = self.shapes(width)
        bound = 1 / math.sqrt(self.n_bins)
        return [
            _uniform(rng, bound, kernel),
            _uniform(rng, bound, bias),
            np.zeros(edges, np.float32),
        ]

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        import skmlp.layers

        return skmlp.layers.PiecewiseLinearEmbedding(
            self.n_bins, self.n_outputs, seed=0, **name_and_dtype
        )

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        return self.prepared(arrays)(*inputs)

    def prepared(self, arrays: Sequence[np.ndarray]) -> Callable[..., np.ndarray]:
        """A value lies in one bin, where each output is a line: start + slope * (x - edge)."""
        kernel, bias, edges = arrays
        low, inner = edges[..., :-1], edges[..., 1:-1]
        widths = edges[..., 1:] - low
        is_active = widths >= SMALLEST  # TensorFlow takes smaller ones for 0
        kernel = np.multiply(kernel.swapaxes(-1, -2), is_active[..., None, :], order="C")
        slopes = kernel / np.maximum(widths, SMALLEST)[..., None, :]
        passed = kernel.cumsum(axis=-1)
        starts = passed - kernel
        starts += bias[..., None] - passed[..., -1:] / 2
        above_inner = _lines(1, -inner)
        # positions of the first bins in flat arrays
        n_bins = self.n_bins
        first_low = np.arange(0, low.size, n_bins).reshape(*low.shape[:-1], 1)
        first = np.arange(0, kernel.size, n_bins).reshape(*bias.shape, 1)
        low, slopes, starts = low.ravel(), slopes.ravel(), starts.ravel()

        def output(x: np.ndarray) -> np.ndarray:
            columns = _columns_and_ones(x)
            is_passed = above_inner @ columns >= 0
            bins = is_passed.sum(axis=-2, dtype=np.min_scalar_type(n_bins))
            within = columns[..., 0, :] - low[first_low + bins]
            index = first + bins[..., None, :]
            output = slopes[index]
            output *= within[..., None, :]
            output += starts[index]
            return _rows(output)

        return output

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        from skmlp._keras.tensorflow import tf

        kernel, bias, edges = arrays
        widths = edges[..., 1:] - edges[..., :-1]
        is_active = widths > 0
        x = tf.linalg.matrix_transpose(inputs[0])[..., None, :]
        shares = (x - edges[..., :-1, None]) / tf.where(is_active, widths, 1.0)[..., None]
        least, most = np.zeros((self.n_bins, 1)), np.ones((self.n_bins, 1))
        least[0], most[-1] = -np.inf, np.inf
        shares = tf.clip_by_value(shares, least.astype(np.float32), most.astype(np.float32))
        kernel = tf.where(is_active[..., None], kernel, 0.0)
        # The half that is taken off each share, here from the bias
        return _combined_tensors(kernel, shares, bias - tf.reduce_sum(kernel, axis=-2) / 2)


def cosine_of_turns(turns: tf.Tensor) -> tf.Tensor:
    """cos(2 pi turns) to 3e-7; with XLA's own, the embedding takes five times as long.

    Up to whole turns, cos(2 pi t) is sin(2 pi (1/4 - |t|)).
    """
    from skmlp._keras.tensorflow import tf

    u = 0.25 - tf.abs(turns - tf.round(turns))
    square = u * u
    first, *others = reversed(SINE_OF_TURNS)
    result = first
    for coefficient in others:
        result = result * square + coefficient
    return result * u


def _slow(name: str, shape: tuple[int, ...], *, decays: bool = True) -> Array:
    """An array with a tenth of the learning rate."""
    return Array(np.zeros(shape, np.float32), name=name, rate_factor=0.1, decays=decays)


def _uniform(rng: np.random.Generator, bound: float, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def _lines(slopes: np.ndarray | float, terms: np.ndarray) -> np.ndarray:
    """Coefficients by which columns and ones are multiplied, (..., features, n, 2).

    A product of small matrices takes a third of the time of broadcast operations.
    """
    lines = np.empty((*terms.shape, 2), terms.dtype)
    lines[..., 0] = slopes
    lines[..., 1] = terms
    return lines


def _columns_and_ones(x: np.ndarray) -> np.ndarray:
    """(..., rows, features) as (..., features, 2, rows)."""
    *lead, n_rows, n_features = x.shape
    columns = np.empty((*lead, n_features, 2, n_rows), x.dtype)
    columns[..., 0, :] = x.swapaxes(-1, -2)
    columns[..., 1, :] = 1
    return columns


def _combined(kernel: np.ndarray, values: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Values (..., features, n, rows) by each feature's kernel, (..., rows, units)."""
    output = kernel.swapaxes(-1, -2) @ values
    output += bias[..., None]
    return _rows(output)


def _rows(output: np.ndarray) -> np.ndarray:
    """(..., features, outputs, rows) as (..., rows, units)."""
    *lead, n_features, n_outputs, n_rows = output.shape
    return output.reshape(*lead, n_features * n_outputs, n_rows).swapaxes(-1, -2)


def _combined_tensors(kernel: tf.Tensor, values: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """The same of tensors."""
    from skmlp._keras.tensorflow import tf

    output = tf.matmul(kernel, values, transpose_a=True) + bias[..., None]
    *lead, n_features, n_outputs, _ = output.shape
    return tf.linalg.matrix_transpose(tf.reshape(output, [*lead, n_features * n_outputs, -1]))
