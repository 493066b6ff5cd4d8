"""The bar over the fits of a search."""

from __future__ import annotations

import math
import threading
from collections.abc import Hashable, Mapping
from numbers import Real
from typing import Any

from skmlp._training.bars import bar_class, move_end


class SearchBar:
    """One tqdm bar over the fits of a search, with the best mean score so far.

    A fit that is being trained counts by the share of its epochs that are behind it.
    """

    def __init__(self, name: str, metric: str | None) -> None:
        self._name = name
        self._metric = metric  # of several, the one that refits
        self._lock = threading.Lock()
        self._n_finished = 0
        self._shares: dict[tuple, float] = {}  # by task: candidate and fold
        self._scores: dict[Hashable, list[float]] = {}
        self._bar: Any = None

    def expect(self, n_fits: int, n_folds: int) -> None:
        """Begin a round; only scores of one round are compared."""
        if self._bar is None:
            self._bar = bar_class()(
                total=n_fits,
                desc=self._name,
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total} fits "
                "[{elapsed}<{remaining}{postfix}]",
            )
        else:
            move_end(self._bar, self._bar.total + n_fits)
        self._n_folds = n_folds
        self._scores.clear()

    def trained(self, shares: Mapping[tuple, float]) -> None:
        """Show by task which share of its epochs each fit has run."""
        with self._lock:
            self._shares |= shares
            self._show()

    def finished(self, task: tuple, result: Mapping[str, Any]) -> None:
        """Count a fit, of which scikit-learn returns test scores among others."""
        score = result.get("test_scores")
        if isinstance(score, Mapping):
            score = score.get(self._metric)
        with self._lock:
            self._shares.pop(task, None)
            self._n_finished += 1
            if isinstance(score, Real) and math.isfinite(score):
                self._scores.setdefault(task[0], []).append(float(score))
            means = [
                sum(scores) / len(scores)
                for scores in self._scores.values()
                if len(scores) == self._n_folds
            ]
            if means:
                self._bar.set_postfix({"best score": max(means)}, refresh=False)
            self._show()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _show(self) -> None:
        reached = self._n_finished + sum(self._shares.values())
        self._bar.update(max(reached - self._bar.n, 0))
