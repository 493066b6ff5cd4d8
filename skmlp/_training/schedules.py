"""The parameter `learning_rate_schedule` and its numbers as the engine runs them."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from skmlp._engine.stopping import Plateau
from skmlp._keras.objects import config_key
from skmlp._keras.optimizers import DEFAULT_LEARNING_RATE, OptimizerRecipe
from skmlp._keras.tensorflow import keras, tf
from skmlp._program.recipe import Numbers, Schedule
from skmlp._program.schedules import SCHEDULES
from skmlp._training.job import Job

# Defaults of the schedules; see the documentation of the parameters.
DECAY_RATE = {"exponential": 0.96, "inverse_time": 0.1, "plateau": 0.2}
WARMUP_SHARE = {"warmup_cosine": 0.1, "one_cycle": 0.3}
DECAYS_PER_EPOCH = ("exponential", "inverse_time")


@dataclass(frozen=True)
class RateSchedule:
    """Learning rates by step, by epoch, or by the loss; or constant."""

    key: Hashable = None
    by_step: Schedule | None = None
    by_epoch: Callable[[int, float], float] | None = None
    plateau: Plateau | None = None
    decay_rate: float = 1.0
    decay_steps: float = 1.0
    warmup_steps: float = 0.0
    spans_fit: bool = False  # as long as the fit, so it begins with the fit


def rate_schedule(job: Job, optimizer: OptimizerRecipe, *, n_steps: int) -> RateSchedule:
    """The schedule of a fit whose epochs have `n_steps` steps."""
    schedule = job.learning_rate_schedule
    name = schedule if isinstance(schedule, str) else None
    _check_numbers(job, name)
    if schedule is None or name == "constant":
        return RateSchedule(by_step=by_keras(optimizer.schedule()))
    rate = optimizer.learning_rate
    if rate is None:
        raise ValueError(
            "'learning_rate_schedule' must be None where the optimizer object brings a "
            f"schedule of its own; got {schedule!r}; drop one of the two."
        )
    if name == "plateau":
        return RateSchedule(by_epoch=lambda epoch, factor: rate * factor, plateau=_plateau(job))
    if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
        if job.learning_rate != DEFAULT_LEARNING_RATE:
            raise ValueError(
                "'learning_rate' must be left at its default where 'learning_rate_schedule' "
                f"is a Keras schedule with a rate of its own; got {job.learning_rate}; leave "
                f"it at {DEFAULT_LEARNING_RATE}."
            )
        return RateSchedule(config_key(schedule), by_step=by_keras(schedule))
    if name is None:
        return RateSchedule(by_epoch=lambda epoch, factor: _rate_of_epoch(schedule, epoch))

    total = job.horizon * n_steps
    warmup = _given_or(job.warmup_steps, round(WARMUP_SHARE.get(name, 0.0) * total))
    decay_steps = n_steps if name in DECAYS_PER_EPOCH else max(total - warmup, 1)
    return RateSchedule(
        key=name,
        by_step=_by_step(name),
        decay_rate=_given_or(job.decay_rate, DECAY_RATE.get(name, 1.0)),
        decay_steps=_given_or(job.decay_steps, decay_steps),
        warmup_steps=warmup,
        spans_fit=job.decay_steps is None and name not in DECAYS_PER_EPOCH,
    )


def by_keras(
    schedule: keras.optimizers.schedules.LearningRateSchedule | None,
) -> Schedule | None:
    """A schedule of Keras's, which takes the steps of one network."""
    if schedule is None:
        return None

    def rate(steps: tf.Tensor, numbers: Numbers) -> tf.Tensor:
        if steps.shape.rank == 0:
            return tf.cast(schedule(steps), tf.float32)
        return tf.cast(tf.stack([schedule(one) for one in tf.unstack(steps)]), tf.float32)

    return rate


def _by_step(name: str) -> Schedule:
    factor = SCHEDULES[name]

    def rate(steps: tf.Tensor, numbers: Numbers) -> tf.Tensor:
        steps = tf.cast(steps, tf.float32) - numbers.first_step
        how = numbers.decay_rate, numbers.decay_steps, numbers.warmup_steps
        return numbers.learning_rate * factor(steps, *how)

    return rate


def _plateau(job: Job) -> Plateau:
    if math.isinf(job.n_iter_no_change):
        raise ValueError(
            "'learning_rate_schedule'='plateau' must have a finite 'n_iter_no_change', half of "
            f"which it waits; got {job.n_iter_no_change}; choose another schedule."
        )
    return Plateau(
        patience=max(int(job.n_iter_no_change) // 2, 1),
        tol=job.tol,
        decay=_given_or(job.decay_rate, DECAY_RATE["plateau"]),
    )


def _rate_of_epoch(schedule: Callable[[int], float], epoch: int) -> float:
    rate = schedule(epoch)
    try:
        if math.isfinite(rate) and rate >= 0:
            return float(rate)
    except TypeError:  # no number
        pass
    raise ValueError(
        "'learning_rate_schedule' must give a finite, non-negative rate for every epoch; "
        f"got {rate!r} for epoch {epoch}; return a number, 0 or more."
    )


def _check_numbers(job: Job, name: str | None) -> None:
    """Refuse numbers that the schedule would not look at."""
    takes = {
        "decay_rate": name in DECAY_RATE,
        "decay_steps": name in SCHEDULES,
        "warmup_steps": name in WARMUP_SHARE,
    }
    for parameter, is_taken in takes.items():
        value = getattr(job, parameter)
        if value is not None and not is_taken:
            raise ValueError(
                f"'{parameter}' must be None for learning_rate_schedule="
                f"{job.learning_rate_schedule!r}, which does not use it; got {value}; set "
                "it to None."
            )


def _given_or(value: float | None, default: float) -> float:
    return float(default if value is None else value)
