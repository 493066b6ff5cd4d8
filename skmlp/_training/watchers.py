"""Bars over epochs and fits, and scikit-learn's callbacks."""

from __future__ import annotations

import math
import sys
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from numbers import Real
from typing import Any


class EpochWatcher:
    """A watcher of the training loop that does nothing; subclasses override what they need."""

    needs_model = False
    wants_batches = False

    def on_begin(self, training: Any) -> int:
        """Called before training, once for each network; returns the first epoch to run."""
        return 0

    def on_epoch_begin(self, epoch: int) -> None:
        """An epoch is about to begin."""

    def on_batch_begin(self, batch: int) -> None:
        """A batch is about to begin; called only with `wants_batches`."""

    def on_batch_end(self, batch: int, loss: float) -> bool:
        """A batch has ended; true asks to stop. Called only with `wants_batches`."""
        return False

    def on_test_begin(self) -> None:
        """Validation rows are about to be measured."""

    def on_test_batch_begin(self, batch: int) -> None:
        """A batch of validation rows is about to be measured, with `wants_batches`."""

    def on_test_batch_end(self, batch: int, loss: float) -> None:
        """A batch of validation rows has been measured, with `wants_batches`."""

    def on_test_end(self, loss: float) -> None:
        """Validation rows have been measured."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        """An epoch has ended; true asks to stop."""
        return False

    def on_end(self, logs: dict[str, float]) -> None:
        """Training has ended."""


class EnsembleWatcher(EpochWatcher):
    """Watches all networks of an ensemble, and tells others of each epoch once.

    Any of the networks may be the first to end; if a watcher asks to stop, all of them do.
    """

    def __init__(self, watchers: Sequence[EpochWatcher], n_networks: int) -> None:
        self._watchers, self._n_going = watchers, n_networks
        self._begun = self._ended = -1  # the last epoch that watchers were told of
        self._asked = False

    def on_begin(self, training: Any) -> int:
        return max(watcher.on_begin(training) for watcher in self._watchers)

    def on_epoch_begin(self, epoch: int) -> None:
        if epoch == self._begun:
            return
        self._begun = epoch
        for watcher in self._watchers:
            watcher.on_epoch_begin(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        if epoch != self._ended:
            self._ended = epoch
            asked = [watcher.on_epoch_end(epoch, logs) for watcher in self._watchers]
            self._asked = any(asked)
        return self._asked

    def on_end(self, logs: dict[str, float]) -> None:
        self._n_going -= 1
        if not self._n_going:
            for watcher in self._watchers:
                watcher.on_end(logs)


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
        self._fit: Any = None

    def on_begin(self, training: Any) -> int:
        self._fit = training.fit
        return 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        if self._fit is not None and self._fit.epochs != self._bar.total:
            move_end(self._bar, self._fit.epochs)
        losses = {name: logs[name] for name in ("loss", "val_loss") if name in logs}
        self._bar.set_postfix(losses, refresh=False)
        self._bar.update(epoch + 1 - self._bar.n)  # a resumed fit begins later
        return False

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._bar.write(sentence, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()


@contextmanager
def progress(name: str, epochs: int, *, shown: bool) -> Iterator[list[ProgressBar]]:
    """The bar of a fit, closed at the end; none unless it is shown."""
    bars = [ProgressBar(name, epochs)] if shown else []
    try:
        yield bars
    finally:
        for bar in bars:
            bar.close()


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


def move_end(bar: Any, total: int) -> None:
    """Change the total of a bar, which `reset` alone does in a notebook too."""
    reached, begun = bar.n, bar.start_t
    bar.reset(total)
    bar.n = bar.last_print_n = reached
    bar.start_t = begun
    bar.refresh()


class ScikitLearnCallbacks(EpochWatcher):
    """The callbacks of `set_callbacks` (scikit-learn 1.9): each epoch is a task of the fit.

    A callback that asks for a fitted estimator gets one with the weights of the moment:
    `attributes` gives what an estimator keeps of its networks.
    """

    def __init__(
        self,
        estimator: Any,
        epochs: int,
        data: dict[str, Any],
        attributes: Callable[..., dict[str, Any]],
    ) -> None:
        self._trainings: list[Any] = []
        self._attributes = attributes
        self._arguments = {"estimator": estimator, **data}
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(**self._arguments)

    @classmethod
    def of(cls, estimator: Any, *arguments: Any) -> list[ScikitLearnCallbacks]:
        """Those of an estimator, if it has any; the arguments are the constructor's."""
        has_any = getattr(estimator, "_skl_callbacks", None)
        return [cls(estimator, *arguments)] if has_any else []

    def on_begin(self, training: Any) -> int:
        self._trainings.append(training)
        self._arguments["reconstruction_attributes"] = self._reconstructed
        return 0

    def _reconstructed(self) -> dict[str, Any]:
        networks = (each.fitted(each.current()).at_rest() for each in self._trainings)
        return self._attributes(*networks)

    def on_epoch_begin(self, epoch: int) -> None:
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        return self._epoch.call_on_fit_task_end(**self._arguments)

    def on_end(self, logs: dict[str, float]) -> None:
        self._fit.call_on_fit_task_end(**self._arguments)
