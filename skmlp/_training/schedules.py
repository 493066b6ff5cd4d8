"""From `learning_rate_schedule` and its numbers to what the engine runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from skmlp._engine import SCHEDULES, Knobs, Plateau
from skmlp._keras.objects import config_key
from skmlp._keras.optimizers import DEFAULT_LEARNING_RATE, OptimizerRecipe
from skmlp._keras.tensorflow import keras, tf

# What a schedule takes where nothing is given; see the documentation of the parameters.
DECAY_RATE = {"exponential": 0.96, "inverse_time": 0.1, "plateau": 0.2}
WARMUP_SHARE = {"warmup_cosine": 0.1, "one_cycle": 0.3}
DECAYS_PER_EPOCH = ("exponential", "inverse_time")


@dataclass(frozen=True)
class RateSchedule:
    """Learning rates by step, by epoch, or by what training comes to; or constant."""

    key: Hashable = None
    by_step: Callable[[tf.Tensor, Knobs], tf.Tensor] | None = None
    by_epoch: Callable[[int, float], float] | None = None
    plateau: Plateau | None = None
    decay_rate: float = 1.0
    decay_steps: float = 1.0
    warmup_steps: float = 0.0
    spans_fit: bool = False  # its length is that of the fit, so it begins with the fit


def rate_schedule(
    params: Any, optimizer: OptimizerRecipe, *, epochs: int, n_steps: int
) -> RateSchedule:
    """The schedule of at most `epochs` epochs with `n_steps` steps each."""
    schedule = params.learning_rate_schedule
    name = schedule if isinstance(schedule, str) else None
    _check_numbers(params, name)
    if schedule is None or name == "constant":
        return RateSchedule()
    rate = optimizer.learning_rate
    if rate is None:
        raise ValueError(
            "'learning_rate_schedule' must be None where the optimizer object brings a "
            f"schedule of its own; got {schedule!r}; drop one of the two."
        )
    if name == "plateau":
        return RateSchedule(
            by_epoch=lambda epoch, factor: rate * factor, plateau=_plateau(params)
        )
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        if params.learning_rate != DEFAULT_LEARNING_RATE:
            raise ValueError(
                "'learning_rate' must be left at its default where 'learning_rate_schedule' "
                f"is a Keras schedule with a rate of its own; got {params.learning_rate}."
            )
        return RateSchedule(config_key(schedule), by_step=lambda step, knobs: schedule(step))
    if name is None:
        return RateSchedule(by_epoch=lambda epoch, factor: _rate_of_epoch(schedule, epoch))

    total = epochs * n_steps
    warmup = _given_or(params.warmup_steps, round(WARMUP_SHARE.get(name, 0.0) * total))
    decay_steps = n_steps if name in DECAYS_PER_EPOCH else max(total - warmup, 1)
    return RateSchedule(
        key=name,
        by_step=_by_step(name),
        decay_rate=_given_or(params.decay_rate, DECAY_RATE.get(name, 1.0)),
        decay_steps=_given_or(params.decay_steps, decay_steps),
        warmup_steps=warmup,
        spans_fit=params.decay_steps is None and name not in DECAYS_PER_EPOCH,
    )


def _by_step(name: str) -> Callable[[tf.Tensor, Knobs], tf.Tensor]:
    factor = SCHEDULES[name]

    def rate(step: tf.Tensor, knobs: Knobs) -> tf.Tensor:
        step = tf.cast(step, tf.float32) - knobs.first_step
        numbers = knobs.decay_rate, knobs.decay_steps, knobs.warmup_steps
        return knobs.learning_rate * factor(step, *numbers)

    return rate


def _plateau(params: Any) -> Plateau:
    if math.isinf(params.n_iter_no_change):
        raise ValueError(
            "'learning_rate_schedule'='plateau' must have a finite 'n_iter_no_change', half of "
            f"which it waits; got {params.n_iter_no_change}; choose another schedule."
        )
    return Plateau(
        patience=max(int(params.n_iter_no_change) // 2, 1),
        tol=params.tol,
        decay=_given_or(params.decay_rate, DECAY_RATE["plateau"]),
    )


def _rate_of_epoch(schedule: Callable[[int], float], epoch: int) -> float:
    rate = float(schedule(epoch))
    if not (math.isfinite(rate) and rate >= 0):
        raise ValueError(
            "'learning_rate_schedule' must give a finite rate, not negative, for every epoch; "
            f"got {rate} for epoch {epoch}."
        )
    return rate


def _check_numbers(params: Any, name: str | None) -> None:
    """Refuse numbers that the schedule would not look at."""
    takes = {
        "decay_rate": name in DECAY_RATE,
        "decay_steps": name in SCHEDULES,
        "warmup_steps": name in WARMUP_SHARE,
    }
    for parameter, is_taken in takes.items():
        value = getattr(params, parameter)
        if value is not None and not is_taken:
            raise ValueError(
                f"'{parameter}' must be None for learning_rate_schedule="
                f"{params.learning_rate_schedule!r}, which does not use it; got {value}."
            )


def _given_or(value: float | None, default: float) -> float:
    return float(default if value is None else value)
