"""Bars over epochs and fits, and scikit-learn's callbacks."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Hashable, Mapping
from functools import cache
from numbers import Real
from typing import Any


class EpochWatcher:
    """A watcher of the training loop that minds epochs only; it sees nothing by itself."""

    needs_model = False
    wants_batches = False

    def on_begin(self, training: Any) -> int:
        """Training is about to begin; the first epoch to run."""
        return 0

    def on_epoch_begin(self, epoch: int) -> None:
        """An epoch is about to begin."""

    def on_batch_begin(self, batch: int) -> None:
        """Never called, since `wants_batches` is false."""

    def on_batch_end(self, batch: int, loss: float) -> bool:
        """Never called, since `wants_batches` is false."""
        return False

    def on_test_begin(self) -> None:
        """Validation rows are about to be measured."""

    def on_test_batch_begin(self, batch: int) -> None:
        """Never called, since `wants_batches` is false."""

    def on_test_batch_end(self, batch: int, loss: float) -> None:
        """Never called, since `wants_batches` is false."""

    def on_test_end(self, loss: float) -> None:
        """Validation rows have been measured."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        """An epoch has ended; true asks to stop."""
        return False

    def on_end(self, logs: dict[str, float]) -> None:
        """Training has ended."""


@cache
def _bar_class() -> Any:
    """The bar of tqdm: a widget in a notebook that has them, and else text on stderr."""
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # that a notebook has no widgets
        from tqdm.auto import tqdm
    return tqdm


class ProgressBar(EpochWatcher):
    """One tqdm bar over the epochs, with the losses and the time left."""

    def __init__(self, name: str, epochs: int) -> None:
        self._bar = _bar_class()(total=epochs, desc=name, unit="epoch")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        losses = {name: logs[name] for name in ("loss", "val_loss") if name in logs}
        self._bar.set_postfix(losses, refresh=False)
        self._bar.update(epoch + 1 - self._bar.n)  # a resumed fit begins later
        return False

    def close(self) -> None:
        self._bar.close()


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
            self._bar = _bar_class()(
                total=n_fits,
                desc=self._name,
                bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total} fits "
                "[{elapsed}<{remaining}{postfix}]",
            )
        else:
            self._lengthen(n_fits)
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
            if isinstance(score, Real):
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

    def _lengthen(self, n_fits: int) -> None:
        """Move the bar's end, which `reset` alone does in a notebook too."""
        bar = self._bar
        reached, begun = bar.n, bar.start_t
        bar.reset(bar.total + n_fits)
        bar.n = bar.last_print_n = reached
        bar.start_t = begun
        bar.refresh()

    def _show(self) -> None:
        reached = self._n_finished + sum(self._shares.values())
        self._bar.update(max(reached - self._bar.n, 0))


class ScikitLearnCallbacks(EpochWatcher):
    """The callbacks of `set_callbacks` (scikit-learn 1.9): each epoch is a task of the fit.

    A callback that asks for a fitted estimator gets one with the weights of the moment.
    """

    def __init__(self, estimator: Any, job: Any, data: dict[str, Any]) -> None:
        self._job = job
        self._arguments = {"estimator": estimator, **data}
        self._fit = estimator._init_callback_context(max_subtasks=job.epochs)
        self._fit.call_on_fit_task_begin(**self._arguments)

    def on_begin(self, training: Any) -> int:
        self._arguments["reconstruction_attributes"] = lambda: {
            "_state": training.fitted(training.now()).at_rest()
        }
        return 0

    def on_epoch_begin(self, epoch: int) -> None:
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        return self._epoch.call_on_fit_task_end(**self._arguments)

    def on_end(self, logs: dict[str, float]) -> None:
        self._fit.call_on_fit_task_end(**self._arguments)
