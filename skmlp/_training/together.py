"""Fits that have met, trained as stacks: in threads here, or by a backend's workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from joblib import Parallel, delayed, parallel_config

from skmlp._engine import Run, Watcher
from skmlp._training.alone import Fit, Result, train_alone
from skmlp._training.calls import Task
from skmlp._training.meeting import Arrival
from skmlp._training.preparation import set_up
from skmlp._training.stacks import (
    Stack,
    outcome,
    reason_not_to_stack,
    reason_to_train_alone,
    split,
    stack_key,
    train_fits,
    with_shared_rows,
)
from skmlp._training.watchers import ProgressBar, SearchBar


@dataclass(frozen=True, eq=False)
class ReadyFit:
    """A fit of a search that has come to where training begins."""

    task: Task
    fit: Fit
    watchers: Sequence[Watcher]
    key: Hashable  # fits of equal keys can be stacked
    reason: str | None  # to train it alone


def ready_fit(task: Task, fit: Fit, watchers: Sequence[Watcher]) -> ReadyFit:
    """Find out whether the fit can be stacked, and with which others."""
    setup = set_up(fit.job, fit.data)
    reason = _reason_of(watchers) if watchers else reason_to_train_alone(setup)
    return ReadyFit(task, fit, watchers, stack_key(fit, setup), reason)


class StackTrainer:
    """Trains fits in `n_workers` threads, or by as many workers of a joblib backend."""

    def __init__(self, n_workers: int, backend: Any, bar: SearchBar | None) -> None:
        self._n_workers = n_workers
        self._backend = backend  # None: threads
        self._bar = bar
        self.n_trained = 0
        self.alone: Counter[str] = Counter()  # fits trained one by one, by reason

    def train(self, arrivals: Sequence[Arrival[ReadyFit]], goes_on: Callable[[], bool]) -> None:
        """Train the fewest stacks that fit the limits, and set the result of each fit.

        Only fits without watchers leave this process.
        """
        fits = with_shared_rows([arrival.item.fit for arrival in arrivals])
        arrival_of = dict(zip(fits, arrivals, strict=True))
        watched = [fit for fit in fits if arrival_of[fit].item.watchers]
        here = fits if self._backend is None else watched
        there = [fit for fit in fits if fit not in here]
        if there:
            self._train_there(self._stacks(there, arrival_of), arrival_of)
        with parallel_config(backend="threading", n_jobs=self._n_workers):
            Parallel()(
                delayed(self._train_here)(
                    stack, [arrival_of[fit] for fit in stack.fits], goes_on
                )
                for stack in self._stacks(here, arrival_of)
            )

    def _stacks(
        self, fits: Sequence[Fit], arrival_of: Mapping[Fit, Arrival[ReadyFit]]
    ) -> list[Stack]:
        """Split fits into stacks, and count the fits that are left alone."""
        groups: dict[Hashable, list[Fit]] = {}
        for fit in fits:
            ready = arrival_of[fit].item
            groups.setdefault(ready if ready.reason else ready.key, []).append(fit)
        stacks = []
        for group in groups.values():
            several = split(group, self._n_workers)
            if several[0].n_members == 1:
                reason = arrival_of[group[0]].item.reason or reason_not_to_stack(len(group))
                self.alone[reason] += len(group)
            stacks += several
        self.n_trained += len(fits)
        return stacks

    def _train_here(
        self,
        stack: Stack,
        arrivals: Sequence[Arrival[ReadyFit]],
        goes_on: Callable[[], bool],
    ) -> None:
        watchers = arrivals[0].item.watchers
        try:
            if not goes_on():
                return
            if watchers:
                results = [train_alone(stack.fits[0], watchers)]
            else:
                results = train_fits(stack, partial(self._after_epoch, arrivals, goes_on))
        except BaseException as error:
            _settle(arrivals, error)
        else:
            _settle(arrivals, results)

    def _train_there(
        self, stacks: Sequence[Stack], arrival_of: Mapping[Fit, Arrival[ReadyFit]]
    ) -> None:
        try:
            with parallel_config(backend=self._backend, n_jobs=self._n_workers):
                outcomes = Parallel()(delayed(outcome)(stack) for stack in stacks)
        except BaseException as error:  # a worker was lost
            outcomes = [error] * len(stacks)
        for stack, results in zip(stacks, outcomes, strict=True):
            _settle([arrival_of[fit] for fit in stack.fits], results)

    def _after_epoch(
        self,
        arrivals: Sequence[Arrival[ReadyFit]],
        goes_on: Callable[[], bool],
        runs: Sequence[Run],
    ) -> bool:
        if self._bar:
            ready = [arrival.item for arrival in arrivals]
            self._bar.trained(
                {
                    one.task: run.epochs / one.fit.job.epochs
                    for one, run in zip(ready, runs, strict=True)
                }
            )
        return goes_on()


def _settle(
    arrivals: Sequence[Arrival[ReadyFit]], results: Sequence[Result] | BaseException
) -> None:
    if isinstance(results, BaseException):
        for arrival in arrivals:
            arrival.set_exception(results)
    else:
        for arrival, result in zip(arrivals, results, strict=True):
            arrival.set_result(result)


def _reason_of(watchers: Sequence[Watcher]) -> str:
    if all(isinstance(watcher, ProgressBar) for watcher in watchers):
        return "'verbose' of the estimator shows one network"
    return "callbacks watch one network"
