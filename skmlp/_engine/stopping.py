"""Decisions between epochs as pure values, tested with lists of floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np


class StopReason(Enum):
    """Why training ended: users read the value, and where there is little room, `in_short`."""

    in_short: str

    EPOCHS = "All epochs were run; raise 'epochs' if the loss was still falling.", "all run"
    NO_IMPROVEMENT = (
        "The monitored value did not improve by 'tol' for more than 'n_iter_no_change' "
        "epochs; raise 'n_iter_no_change' or lower 'tol' to train longer.",
        "no improvement",
    )
    TIME_LIMIT = "As many epochs were run as 'max_time' allows.", "time limit"
    CALLBACK = "A callback asked to stop.", "stopped by a callback"
    NOT_FINITE = (
        "The loss became NaN or infinite; lower 'learning_rate', scale X (and y), or set "
        "'clipnorm'.",
        "loss not finite",
    )
    INTERRUPTED = "Training was interrupted by the keyboard.", "interrupted"

    def __new__(cls, value: str, in_short: str) -> StopReason:
        reason = object.__new__(cls)
        reason._value_ = value
        reason.in_short = in_short
        return reason

    @property
    def is_mishap(self) -> bool:
        """Whether training broke off, so that the best weights are kept, not the last."""
        return self in (StopReason.NOT_FINITE, StopReason.INTERRUPTED)


@dataclass(frozen=True, eq=False)
class JointLoss:
    """Losses of held-out rows, each predicted by the mean of several networks."""

    losses: np.ndarray  # (n_rows,)
    weight: np.ndarray  # (n_rows,)
    # A later epoch is preferred up to so many standard errors above the lowest loss.
    tolerance: float = 0.0

    @cached_property
    def mean(self) -> float:
        return float(np.average(self.losses, weights=self.weight))

    def is_close(self, lowest: JointLoss) -> bool:
        """Whether the mean is not above the lowest by more than the tolerance.

        The standard error is that of the difference, row by row, as in the rule for pruning
        trees of Breiman et al. 1984 ("Classification and Regression Trees", section 3.4.3).
        """
        excess = self.mean - lowest.mean
        if not self.tolerance:
            return excess <= 0
        deviations = self.losses - lowest.losses - excess
        error = np.linalg.norm(self.weight * deviations) / self.weight.sum()
        return bool(excess <= self.tolerance * error)


@dataclass(frozen=True)
class JointBest:
    """The best epoch by joint losses, each averaged with those of the epochs before and after.

    Networks change little in an epoch, but the loss of a few held-out rows rises and falls by
    chance, so the lowest single loss is low by chance too.
    """

    best: Any = None  # a snapshot, of epochs that have a successor
    lowest: JointLoss | None = None  # average of these epochs
    last: Any = None  # the snapshot of the last epoch
    recent: tuple[JointLoss, ...] = ()  # of the last epochs, at most three

    def after(self, loss: JointLoss, reached: Any) -> JointBest:
        """With one more epoch, whose snapshot is `reached`.

        Losses of other rows, some of whose networks have diverged, begin anew.
        """
        if not self.recent or len(loss.losses) != len(self.recent[-1].losses):
            return JointBest(self.best, None, reached, (loss,))
        recent = (*self.recent, loss)[-3:]
        # The first epoch counts as its own predecessor.
        best, average = self._better((recent[0], *recent)[-3:])
        lowest = self.lowest
        if lowest is None or average.mean < lowest.mean:
            lowest = average
        return JointBest(best, lowest, reached, recent)

    def to_keep(self) -> tuple[Any, float]:
        """The best snapshot so far and its mean; the last epoch counts as its own successor."""
        best, average = self._better((*self.recent[-2:], self.recent[-1]))
        return best, average.mean

    def _better(self, around: Sequence[JointLoss]) -> tuple[Any, JointLoss]:
        """The last epoch or the best one, given losses around the last one; and its average."""
        losses = np.mean([loss.losses for loss in around], axis=0)
        average = replace(around[-1], losses=losses)
        if self.lowest is None or average.is_close(self.lowest):
            return self.last, average
        return self.best, self.lowest


@dataclass(frozen=True)
class Patience:
    """Counts epochs without improvement, by scikit-learn's rule.

    An epoch that is not better than the best so far by at least `tol` counts; one that is
    sets the count to zero; training ends when the count is above `limit`. Values are better
    when lower (a score is watched with its sign turned). `limit=math.inf` never ends it.
    """

    limit: float
    tol: float
    best: float = math.inf
    waited: int = 0

    def after(self, value: float) -> Patience:
        improved = value < math.inf and value <= self.best - self.tol
        waited = 0 if improved else self.waited + 1
        return Patience(self.limit, self.tol, min(self.best, value), waited)

    @property
    def exhausted(self) -> bool:
        return self.waited > self.limit

    @property
    def left(self) -> float:
        """Epochs that it lasts at least; the last of them may exhaust it."""
        return self.limit - self.waited + 1


@dataclass(frozen=True)
class Plateau:
    """Lowers the learning rate where the watched value stops falling.

    The rule of Keras's `ReduceLROnPlateau`: after `patience` epochs in a row without an
    improvement by more than `tol`, the rate is multiplied by `decay`.
    """

    patience: int
    tol: float
    decay: float
    factor: float = 1.0  # of the learning rate, so far
    best: float = math.inf
    waited: int = 0

    def state(self) -> tuple[float, float, int]:
        """The numbers that change from epoch to epoch."""
        return self.factor, self.best, self.waited

    def resumed(self, state: tuple[float, float, int]) -> Plateau:
        factor, best, waited = state
        return replace(self, factor=factor, best=best, waited=waited)

    def after(self, value: float) -> Plateau:
        if value < self.best - self.tol:
            return replace(self, best=value, waited=0)
        if self.waited + 1 < self.patience:
            return replace(self, waited=self.waited + 1)
        return replace(self, waited=0, factor=self.factor * self.decay)
