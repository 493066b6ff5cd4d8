"""A limit of time, into which the schedule of training is fitted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from skmlp._engine.stopping import StopReason
from skmlp._engine.watcher import Watcher

# The last epoch may end late by this share of an epoch: durations are estimates, and stopping
# an epoch early would leave the schedule unfinished.
MAX_LATE = 0.1


class TimeLimit(Watcher):
    """Lays training out anew after an epoch, so that it ends in time.

    The limit, in seconds, counts from here on. After each epoch, the number of epochs that
    still fit is estimated from the mean duration of those that were trained. The number of
    epochs may always fall, to those trained if time has run out. It may rise again, up to that
    of the fit, in the first half of the time only, so that later epochs have falling learning
    rates.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._seconds, self._clock = seconds, clock
        self._began = clock()
        self._fits: list[Any] = []

    def on_begin(self, training: Any) -> int:
        self._fits.append(training.fit)
        self._most = training.fit.epochs
        return 0

    def on_epoch_begin(self, epoch: int) -> None:
        if epoch == 0:
            self._began_training = self._clock()

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        now, n_trained = self._clock(), epoch + 1
        passed = now - self._began
        duration = (now - self._began_training) / n_trained
        n_more = (self._seconds - passed) / duration + MAX_LATE
        epochs = n_trained + int(min(max(n_more, 0), self._most - n_trained))
        planned = self._fits[0].epochs
        if epochs < planned or (epochs > planned and passed < self._seconds / 2):
            is_cut = epochs < self._most
            reason = StopReason.TIME_LIMIT if is_cut else StopReason.EPOCHS
            for fit in self._fits:
                fit.lay_out(epochs, reason)
        return False
