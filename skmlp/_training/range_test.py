"""The learning-rate range test: the rate grows with each step, and the loss shows its limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from skmlp._engine.fit import Fit, Training
from skmlp._engine.stopping import StopReason
from skmlp._engine.watcher import Watcher
from skmlp._training.job import Job
from skmlp._training.preparation import prepare
from skmlp._training.train import train_alone, trained_by

DIVERGED = 4.0  # the smoothed loss at the end of a test, in units of its lowest value


class RateRange(NamedTuple):
    """Rates to try, each a constant multiple of the one before."""

    lowest: float
    highest: float
    n_steps: int

    @property
    def factor(self) -> float:
        return (self.highest / self.lowest) ** (1 / (self.n_steps - 1))

    @property
    def memory(self) -> float:
        """The share that a running mean keeps of its last value; it spans 1/20 of the steps."""
        return self.n_steps / (self.n_steps + 20)


class _TestedError(Exception):
    """The test has been made, so the fit that led to it is over."""


def losses_by_rate(fit: Callable[[], Any], rates: RateRange) -> tuple[np.ndarray, np.ndarray]:
    """Loss and smoothed loss of each step of the network that `fit` would train.

    There are fewer of them than rates if the loss diverges.
    """
    steps = _Steps(rates)

    def test(job: Job, _: Fit) -> Any:
        tested = prepare(_job_of_test(job, rates), [steps])
        tested.epochs = -(-rates.n_steps // tested.n_batches)
        train_alone(job, tested)
        if tested.state.reason is StopReason.INTERRUPTED:
            raise KeyboardInterrupt
        raise _TestedError

    with trained_by(test), suppress(_TestedError):
        fit()
    return np.array(steps.losses), np.array(steps.smoothed)


def _job_of_test(job: Job, rates: RateRange) -> Job:
    optimizer = job.optimizer
    if not isinstance(optimizer, str):  # an object may have a schedule of its own
        config = optimizer.get_config() | {"learning_rate": rates.lowest}
        optimizer = type(optimizer).from_config(config)
    return replace(
        job,
        optimizer=optimizer,
        learning_rate=rates.lowest,
        learning_rate_schedule="exponential",
        decay_rate=rates.factor,
        decay_steps=1,
        warmup_steps=None,
        n_iter_no_change=math.inf,
        validation=None,
        callbacks=[],
        metrics={},
        checkpoint=None,
    )


class _Steps(Watcher):
    """Keeps the loss of each step, and asks to stop when it has diverged."""

    wants_batches = True

    def __init__(self, rates: RateRange) -> None:
        self._rates = rates
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._mean = 0.0
        self._is_over = False

    def on_begin(self, training: Training) -> int:
        self._fit = training.fit
        return 0

    def on_epoch_begin(self, epoch: int) -> None:
        self._n_seen, self._sum = 0, 0.0

    def on_batch_end(self, batch: int, loss: float) -> bool:
        """Add the batch's loss; `loss` is the mean since the epoch began."""
        n_seen = min(self._n_seen + self._fit.recipe.batch_size, self._fit.n_rows)
        own = (loss * n_seen - self._sum) / (n_seen - self._n_seen)
        self._n_seen, self._sum = n_seen, loss * n_seen
        if math.isfinite(own):
            self._add(own)
        lowest = min(self.smoothed, default=math.inf)
        self._is_over = (
            not math.isfinite(own)
            or len(self.losses) == self._rates.n_steps
            or self.smoothed[-1] > DIVERGED * abs(lowest)
        )
        return self._is_over

    def _add(self, loss: float) -> None:
        memory = self._rates.memory
        self._mean = memory * self._mean + (1 - memory) * loss
        self.losses.append(loss)
        self.smoothed.append(self._mean / (1 - memory ** len(self.losses)))

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        return self._is_over
