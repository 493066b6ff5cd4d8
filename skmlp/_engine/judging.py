"""The epoch that is kept where networks are judged together, by held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from skmlp._data.encoded import EncodedData


@dataclass(frozen=True, eq=False)
class JointMeasure:
    """The loss by which all fits that share this object choose one epoch."""

    # raw outputs of the networks that share rows, (networks, rows, outputs) -> losses of rows
    losses: Callable[[Mapping[EncodedData, np.ndarray]], np.ndarray]
    tolerance: float  # see JointLoss

    def __call__(self, raw: Mapping[EncodedData, np.ndarray]) -> JointLoss:
        weight = np.concatenate([rows.weight for rows in raw])
        return JointLoss(self.losses(raw), weight, self.tolerance)


@dataclass(frozen=True, eq=False)
class JointLoss:
    """Losses of held-out rows, each predicted by the mean of several networks."""

    losses: np.ndarray  # (n_rows,)
    weight: np.ndarray  # (n_rows,)
    # A later epoch is preferred if its loss is at most this many standard errors above the
    # lowest.
    tolerance: float = 0.0

    @cached_property
    def mean(self) -> float:
        return float(np.average(self.losses, weights=self.weight))

    def is_close(self, lowest: JointLoss) -> bool:
        """Whether the mean is at most `tolerance` standard errors above the lowest.

        The standard error is that of the difference, row by row, as in the rule for pruning
        trees of Breiman et al. 1984 ("Classification and Regression Trees", section 3.4.3).
        """
        excess = self.mean - lowest.mean
        if excess <= 0 or not self.tolerance:
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

    best: Any = None  # snapshot of the best epoch that has a successor
    lowest: JointLoss | None = None  # the lowest average of such epochs
    last: Any = None  # snapshot of the last epoch
    recent: tuple[JointLoss, ...] = ()  # of the last epochs, at most three

    def after(self, loss: JointLoss, reached: Any) -> JointBest:
        """With one more epoch, whose snapshot is `reached`.

        If the rows have changed, because all networks that held some of them out have diverged,
        the search begins anew.
        """
        if not self.recent or len(loss.losses) != len(self.recent[-1].losses):
            return JointBest(self.best, None, reached, (loss,))
        recent = (*self.recent, loss)[-3:]
        # The first epoch counts as its own predecessor.
        average = _average((recent[0], *recent)[-3:])
        lowest = self.lowest
        if lowest is None or average.mean < lowest.mean:
            lowest = average
        return JointBest(self._better(average), lowest, reached, recent)

    def to_keep(self) -> Any:
        """The best snapshot so far; the last epoch counts as its own successor."""
        return self._better(_average((*self.recent[-2:], self.recent[-1])))

    def _better(self, average: JointLoss) -> Any:
        """The last epoch, whose average is given, or the best one before."""
        is_last = self.lowest is None or average.is_close(self.lowest)
        return self.last if is_last else self.best


def _average(several: Sequence[JointLoss]) -> JointLoss:
    return replace(several[-1], losses=np.mean([one.losses for one in several], axis=0))
