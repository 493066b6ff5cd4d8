"""Decisions between epochs as pure values, tested with lists of floats."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum


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
        """The fewest further epochs until it can run out, at the end of the last of them."""
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
