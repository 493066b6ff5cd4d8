"""Random layers: what training does to their inputs, at rates known at run time only.

Random bits are what dropout costs on a CPU: a draw of TensorFlow's in every step takes longer
than the step. Here the bits of a unit are a hash of where and when it is, a few integer
operations that XLA fuses into the layer's own loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skmlp._keras.tensorflow import tf

# (inputs, rate, bits of shape like inputs) -> outputs
Noise = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

# Klambauer et al. 2017, section 2: selu's value far below zero, -scale * alpha.
SELU_FLOOR = -1.7580993408473766


def random_bits(x: tf.Tensor, counters: Sequence[tf.Tensor]) -> tf.Tensor:
    """A uint32 for every unit of a layer like x, told apart by `counters`.

    Counters are scalars, or (n, 1, 1) for n networks, whose inputs x is then: (n, rows, units).
    """
    shape = tf.shape(x)[-2:]
    low, high = tf.constant(0, tf.uint32), tf.constant(0x9E3779B9, tf.uint32)
    for counter in counters:
        counter = tf.cast(counter, tf.uint32)
        low, high = mixed(tf.bitwise.bitwise_xor(low, counter)), mixed(high + counter)
    units = tf.cast(tf.reshape(tf.range(tf.reduce_prod(shape)), shape), tf.uint32)
    return mixed(tf.bitwise.bitwise_xor(mixed(units + low), high))


def mixed(x: tf.Tensor) -> tf.Tensor:
    """A bijective hash of uint32: each bit of x turns each bit of the hash half of the times.

    It is "lowbias32" of https://github.com/skeeto/hash-prospector.
    """
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = _folded(x, shift) * tf.constant(factor, tf.uint32)
    return _folded(x, 16)


def _folded(x: tf.Tensor, shift: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32)))


def uniform(bits: tf.Tensor) -> tf.Tensor:
    """Numbers in [0, 1) with the 24 bits that float32 holds."""
    top = tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32))
    return tf.cast(tf.bitcast(top, tf.int32), tf.float32) * 2.0**-24


def dropped_out(x: tf.Tensor, rate: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Inverted dropout (Srivastava et al. 2014)."""
    return tf.where(uniform(bits) >= rate, x / (1 - rate), 0.0)


def alpha_dropped_out(x: tf.Tensor, rate: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Dropout that keeps mean and variance of selu units (Klambauer et al. 2017)."""
    scale = tf.math.rsqrt((1 - rate) * (1 + rate * SELU_FLOOR**2))
    shift = -scale * SELU_FLOOR * rate
    return scale * tf.where(uniform(bits) >= rate, x, SELU_FLOOR) + shift


def random_leaks(low: float, high: float) -> Noise:
    """Leaky rectifier with slopes uniform in [low, high) (Xu et al. 2015); has no rate."""

    def leak(x: tf.Tensor, _: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
        return tf.where(x >= 0, x, x * (low + (high - low) * uniform(bits)))

    return leak
