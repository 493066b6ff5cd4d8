"""Dropout and random slopes in training, with rates passed at run time.

Drawing random bits is the main cost of dropout on a CPU: with TensorFlow's generator it takes
longer than the step itself. Here the bits of a unit are a hash of its place and step, a few
integer operations that XLA fuses into the layer's own loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from skmlp._keras.tensorflow import tf
from skmlp._kinds.sparse_inputs import Entries, SparseInputs

# (inputs, rate, bits in the inputs' shape) -> outputs
Noise = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

# Klambauer et al. 2017, section 2: selu's value far below zero, -scale * alpha.
SELU_FLOOR = -1.7580993408473766


def random_bits(
    x: tf.Tensor | Entries, counters: Sequence[tf.Tensor], width: tf.Tensor | None = None
) -> tf.Tensor:
    """A random uint32 for each row and unit of x; `counters` tell layers and steps apart.

    Counters are scalars, or (n,) for n networks with x of shape (n, rows, units). Entries of
    sparse rows get those of their places in dense rows. `width`, (..., 1, 1), is the number of
    real units; they get the bits that they would have without units of padding.
    """
    units = _places(x, width)
    low, high = tf.constant(0, tf.uint32), tf.constant(0x9E3779B9, tf.uint32)
    for counter in counters:
        counter = tf.cast(counter, tf.uint32)
        if isinstance(x, Entries):
            counter = x.of_network(counter)
        elif counter.shape.rank:
            counter = counter[:, None, None]
        low, high = mixed(tf.bitwise.bitwise_xor(low, counter)), mixed(high + counter)
    return mixed(units + low, high)


def _places(x: tf.Tensor | Entries, width: tf.Tensor | None) -> tf.Tensor:
    """The place of each value among those of a network's rows, uint32."""
    if isinstance(x, Entries):
        return x.units
    shape = tf.shape(x)[-2:]
    if width is None:
        places = tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    else:
        places = tf.range(shape[0])[:, None] * tf.cast(width, tf.int32) + tf.range(shape[1])
    return tf.cast(places, tf.uint32)


def mixed(x: tf.Tensor, key: tf.Tensor | int = 0) -> tf.Tensor:
    """A bijective hash of uint32: flipping a bit of x flips each bit of the hash half the time.

    This is "lowbias32" from https://github.com/skeeto/hash-prospector, with a key that enters
    halfway: hashing twice would take most of the time of dropout.
    """
    x = _folded(x, 16) * tf.constant(0x7FEB352D, tf.uint32)
    x = tf.bitwise.bitwise_xor(_folded(x, 15), key) * tf.constant(0x846CA68B, tf.uint32)
    return _folded(x, 16)


def _folded(x: tf.Tensor, shift: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32)))


def uniform(bits: tf.Tensor) -> tf.Tensor:
    """Numbers in [0, 1) with the 24 bits that float32 holds."""
    return tf.cast(_top_bits(bits), tf.float32) * 2.0**-24


def _top_bits(bits: tf.Tensor) -> tf.Tensor:
    """The upper 24 of 32 bits, as int32."""
    return tf.bitcast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.int32)


def is_kept(rate: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Whether dropout keeps a unit: `uniform(bits) >= rate`, compared as integers."""
    return _top_bits(bits) >= tf.cast(tf.math.ceil(rate * 2.0**24), tf.int32)


def dropped_out(x: tf.Tensor, rate: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Inverted dropout (Srivastava et al. 2014)."""
    return tf.where(is_kept(rate, bits), x * (1 / (1 - rate)), 0.0)


def noisy(
    x: tf.Tensor | SparseInputs, rate: tf.Tensor, bits: Callable[[Any], tf.Tensor], noise: Noise
) -> tf.Tensor | SparseInputs:
    """Inputs with a noise that keeps zeros; the same values in dense and in sparse rows."""
    if isinstance(x, SparseInputs):
        return x.mapped(
            lambda entries: noise(entries.values, entries.of_network(rate), bits(entries))
        )
    return noise(x, rate, bits(x))


def masked(x: tf.Tensor, rate: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Masking noise (Vincent et al. 2010, "Stacked denoising autoencoders", section 3.3)."""
    return tf.where(uniform(bits) >= rate, x, 0.0)


def normal(bits: tf.Tensor) -> tf.Tensor:
    """Numbers from a standard normal distribution, by the inverse of its distribution."""
    between = 2.0 * uniform(bits) - (1 - 2.0**-24)  # in (-1, 1), symmetric about 0
    return math.sqrt(2) * tf.math.erfinv(between)


def alpha_dropped_out(x: tf.Tensor, rate: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Dropout that keeps mean and variance of selu units (Klambauer et al. 2017)."""
    scale = tf.math.rsqrt((1 - rate) * (1 + rate * SELU_FLOOR**2))
    shift = -scale * SELU_FLOOR * rate
    return scale * tf.where(is_kept(rate, bits), x, SELU_FLOOR) + shift


def random_leaks(low: float, high: float) -> Noise:
    """Leaky rectifier with slopes uniform in [low, high) (Xu et al. 2015); ignores the rate."""

    def leak(x: tf.Tensor, _: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
        return tf.where(x >= 0, x, x * (low + (high - low) * uniform(bits)))

    return leak
