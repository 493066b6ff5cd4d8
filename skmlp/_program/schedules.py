"""Learning rates as functions of the steps made, computed inside the compiled epoch.

All numbers are run-time values: a search over them compiles nothing new. A schedule gives the
factor of the learning rate after `step` steps; where Keras has the same one, they agree.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from skmlp._keras.tensorflow import tf

# (steps made, decay rate, decay steps, warm-up steps) -> factor of the learning rate; ()
Factor = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

# Smith and Topin 2017, https://arxiv.org/abs/1708.07120, as PyTorch sets it: from 1/25 of the
# rate up to the rate, then down to 1/10,000 of where it began.
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = ONE_CYCLE_START / 1e4


def exponential(step: tf.Tensor, rate: tf.Tensor, steps: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    return rate ** (step / steps)


def inverse_time(step: tf.Tensor, rate: tf.Tensor, steps: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    return 1 / (1 + rate * step / steps)


def cosine(step: tf.Tensor, rate: tf.Tensor, steps: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Loshchilov and Hutter 2016, https://arxiv.org/abs/1608.03983, without restarts."""
    return _half_wave(step / steps)


def warmup_cosine(
    step: tf.Tensor, rate: tf.Tensor, steps: tf.Tensor, warmup: tf.Tensor
) -> tf.Tensor:
    """From zero up in a straight line, then down as `cosine`."""
    rising = step / tf.maximum(warmup, 1.0)
    return tf.where(step < warmup, rising, _half_wave((step - warmup) / steps))


def one_cycle(
    step: tf.Tensor, rate: tf.Tensor, steps: tf.Tensor, warmup: tf.Tensor
) -> tf.Tensor:
    """Up and then down, each time along half a cosine wave."""
    up = _half_wave(1 - step / tf.maximum(warmup, 1.0))
    down = _half_wave((step - warmup) / steps)
    return tf.where(
        step < warmup,
        ONE_CYCLE_START + (1 - ONE_CYCLE_START) * up,
        ONE_CYCLE_END + (1 - ONE_CYCLE_END) * down,
    )


def coslog4(step: tf.Tensor, rate: tf.Tensor, steps: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """Four waves of growing length (Holzmüller et al. 2024, https://arxiv.org/abs/2407.04491).

    Rates are those of the middle of a step, so that a single step has one.
    """
    share = tf.clip_by_value((step + 0.5) / steps, 0.0, 1.0)
    n_waves = tf.math.log(1 + 15 * share) / math.log(2)
    return 0.5 * (1 - tf.cos(2 * math.pi * n_waves))


def flat_cosine(step: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """1 for half of the steps, then down as `cosine`."""
    return _half_wave(2 * step / steps - 1)


def _half_wave(progress: tf.Tensor) -> tf.Tensor:
    """From 1 at no progress to 0 at 1 and after."""
    return 0.5 * (1 + tf.cos(math.pi * tf.clip_by_value(progress, 0.0, 1.0)))


SCHEDULES: dict[str, Factor] = {
    "exponential": exponential,
    "inverse_time": inverse_time,
    "cosine": cosine,
    "warmup_cosine": warmup_cosine,
    "one_cycle": one_cycle,
    "coslog4": coslog4,
}
