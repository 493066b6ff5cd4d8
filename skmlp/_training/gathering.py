"""Fits that wait for each other and are trained together.

A search runs its fits in threads. Each comes as far as training by itself, through whatever
stands in front of it, and waits there; when all have come, those of one network shape are
trained as a stack, and each goes on with its own result. Nothing of a search has to be written
a second time, and a fit that fails fails alone.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from joblib import Parallel, cpu_count, delayed, parallel_config

from skmlp._engine import Run, Watcher
from skmlp._training.alone import Fit, Result, train_alone
from skmlp._training.halving import PausedFits, key_of
from skmlp._training.preparation import set_up
from skmlp._training.stacks import (
    SearchEndedError,
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

TRAIN: ContextVar[Callable[[Fit, Sequence[Watcher]], Result]] = ContextVar(
    "TRAIN", default=train_alone
)


class Task(NamedTuple):
    """One of the fits of a search."""

    candidate: Hashable  # what its parameters are, but for the number of epochs
    fold: int


@dataclass(eq=False)
class Waiting:
    """A fit that has come to where training begins."""

    task: Task
    fit: Fit
    key: Hashable  # fits of equal keys can be stacked
    watchers: Sequence[Watcher]
    reason: str | None  # to train it alone
    result: Result | None = field(default=None, init=False)
    error: BaseException | None = field(default=None, init=False)

    def is_done(self) -> bool:
        return self.result is not None or self.error is not None


class Gathering:
    """Where the fits of a search meet; at most `width` of them are under way at once.

    They are trained in `n_workers` threads, or by as many workers of a joblib backend. No more
    threads than there are processors do anything but wait.
    """

    def __init__(
        self,
        width: int,
        n_workers: int,
        *,
        backend: Any = None,
        paused: PausedFits | None = None,
        bar: SearchBar | None = None,
    ) -> None:
        self.width = width
        self._n_workers = n_workers
        self._backend = backend
        self._paused = paused
        self._bar = bar
        self._working = threading.Semaphore(min(n_workers, cpu_count()))
        self._changed = threading.Condition()
        self._tasks: deque[Task] = deque()
        self._waiting: list[Waiting] = []
        self.n_trained = 0
        self.alone: Counter[str] = Counter()  # fits trained one by one, by reason
        self._unfinished = 0
        self._active = 0
        self._is_training = False
        self._is_closed = False

    def expect(self, tasks: Sequence[Task]) -> None:
        """These will be run from now on, in this order."""
        with self._changed:
            self._tasks.extend(tasks)
            self._unfinished += len(tasks)
        if self._paused:
            self._paused.next_round()
        if self._bar:
            self._bar.expect(len(tasks), len({task.fold for task in tasks}))

    def has_sent_all(self) -> bool:
        """Whether no task is left to ask for, for the time being."""
        with self._changed:
            return not self._tasks

    def next_task(self) -> Task:
        """The first of the expected tasks that has not been asked for."""
        with self._changed:
            return self._tasks.popleft()

    def run(self, task: Task, function: Callable[[], list]) -> list:
        """Run one of the expected fits, in this thread; joblib's calls come as lists."""
        with self._changed:
            if self._is_closed:
                raise SearchEndedError
            self._active += 1
        token = TRAIN.set(partial(self._train, task))
        try:
            with self._working:
                result = function()
            if self._bar:
                self._bar.finished(task, result[0])
            return result
        finally:
            TRAIN.reset(token)
            with self._changed:
                self._unfinished -= 1
                self._active -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Cancel the waiting fits of a failed search, and wait until all have ended."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._active)
        if self._bar:
            self._bar.close()

    def _train(self, task: Task, fit: Fit, watchers: Sequence[Watcher]) -> Result:
        """Wait until no other fit is on its way, then train all that have come."""
        paused, key = self._paused, None
        if paused and not watchers:
            key = key_of(task, fit)
            fit = paused.resumed(key, fit)
        setup = set_up(fit.job, fit.data)
        reason = _reason_of(watchers) if watchers else reason_to_train_alone(setup)
        waiting = Waiting(task, fit, stack_key(fit, setup), watchers, reason)
        if fit.is_done():
            waiting.result = fit.earlier
        else:
            self._working.release()
            try:
                self._wait_or_lead(waiting)
            finally:
                self._working.acquire()
        if waiting.error is not None:
            raise waiting.error
        if waiting.result is None:
            raise SearchEndedError
        if paused and key is not None:
            with self._changed:
                paused.keep(key, waiting.result)
        return waiting.result

    def _wait_or_lead(self, own: Waiting) -> None:
        with self._changed:
            self._waiting.append(own)
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: own.is_done() or self._is_closed or self._is_complete()
            )
            leads = not (own.is_done() or self._is_closed)
            if leads:
                gathered, self._waiting = self._waiting, []
                self._is_training = True
        if leads:
            try:
                self._train_together(gathered)
            finally:
                with self._changed:
                    self._is_training = False
                    self._changed.notify_all()

    def _is_complete(self) -> bool:
        on_their_way = min(self.width, self._unfinished) - len(self._waiting)
        return not self._is_training and on_their_way <= 0

    def _train_together(self, gathered: Sequence[Waiting]) -> None:
        """Train all, as few stacks as the limits allow, and set their results or errors."""
        for one, fit in zip(
            gathered, with_shared_rows([one.fit for one in gathered]), strict=True
        ):
            one.fit = fit
        of_fit = {one.fit: one for one in gathered}
        here = [one for one in gathered if one.watchers or self._backend is None]
        there = [one for one in gathered if not (one.watchers or self._backend is None)]
        if there:
            self._train_there(self._stacks(there), of_fit)
        stacks = self._stacks(here)
        with parallel_config(backend="threading", n_jobs=self._n_workers):
            Parallel()(delayed(self._train_here)(stack, of_fit) for stack in stacks)

    def _train_here(self, stack: Stack, of_fit: dict[Fit, Waiting]) -> None:
        own = [of_fit[fit] for fit in stack.fits]
        try:
            if self._is_closed:
                raise SearchEndedError
            if own[0].watchers:
                results = [train_alone(own[0].fit, own[0].watchers)]
            else:
                results = train_fits(stack, partial(self._goes_on, own))
        except BaseException as error:
            self._settle(own, error)
        else:
            self._settle(own, results)

    def _train_there(self, stacks: Sequence[Stack], of_fit: dict[Fit, Waiting]) -> None:
        try:
            with parallel_config(backend=self._backend, n_jobs=self._n_workers):
                outcomes = Parallel()(delayed(outcome)(stack) for stack in stacks)
        except BaseException as error:  # a worker was lost
            outcomes = [error] * len(stacks)
        for stack, results in zip(stacks, outcomes, strict=True):
            self._settle([of_fit[fit] for fit in stack.fits], results)

    def _goes_on(self, own: Sequence[Waiting], runs: Sequence[Run]) -> bool:
        if self._bar:
            self._bar.trained(
                {
                    one.task: run.epochs / one.fit.job.epochs
                    for one, run in zip(own, runs, strict=True)
                }
            )
        return not self._is_closed

    def _settle(
        self, own: Sequence[Waiting], results: Sequence[Result] | BaseException
    ) -> None:
        with self._changed:
            if isinstance(results, BaseException):
                for one in own:
                    one.error = results
            else:
                for one, result in zip(own, results, strict=True):
                    one.result = result
            self._changed.notify_all()

    def _stacks(self, waiting: Sequence[Waiting]) -> list[Stack]:
        """Split fits into stacks, and count those that are left alone."""
        groups: dict[Hashable, list[Waiting]] = {}
        for one in waiting:
            groups.setdefault(one if one.reason else one.key, []).append(one)
        stacks = []
        for group in groups.values():
            several = split([one.fit for one in group], self._n_workers)
            if several[0].n_members == 1:
                reason = group[0].reason or reason_not_to_stack(len(group))
                self.alone[reason] += len(group)
            stacks += several
        self.n_trained += len(waiting)
        return stacks


def _reason_of(watchers: Sequence[Watcher]) -> str:
    if all(isinstance(watcher, ProgressBar) for watcher in watchers):
        return "'verbose' of the estimator shows one network"
    return "callbacks watch one network"
