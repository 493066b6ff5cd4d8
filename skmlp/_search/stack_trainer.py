"""Fits that have met, trained as stacks: in threads here, or by a backend's workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from joblib import Parallel, delayed, parallel_config

from skmlp._engine.fit import Fit
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.state import TrainingState
from skmlp._search.bar import SearchBar
from skmlp._search.calls import Task
from skmlp._search.meeting import Arrival
from skmlp._search.threads import n_threads
from skmlp._search.widths import joined_widths, seconds_together
from skmlp._training.durations import parts_of
from skmlp._training.job import Job
from skmlp._training.padding import Units
from skmlp._training.preparation import prepare
from skmlp._training.stacks import (
    TOO_FEW,
    Stack,
    reason_to_train_alone,
    share_rows,
    sharing,
    split,
    stack_key,
    train_fits,
    train_stack,
)


@dataclass(frozen=True, eq=False)
class ReadyFit:
    """A fit of a search that has come to where training begins."""

    task: Task
    job: Job
    fit: Fit

    def group(self) -> Hashable:
        """Fits of equal groups can be stacked; one with a reason to be alone has its own."""
        return self if reason_to_train_alone(self.fit) else stack_key(self.fit)


class StackTrainer:
    """Trains fits in all threads, or by `n_workers` workers of a joblib backend."""

    def __init__(self, n_workers: int, backend: Any, bar: SearchBar | None) -> None:
        self._n_workers = n_workers
        self._backend = backend  # None: threads
        self._bar = bar
        self.n_trained = 0
        self.alone: Counter[str] = Counter()  # fits trained one by one, by reason

    def train(self, arrivals: Sequence[Arrival[ReadyFit]], is_open: Callable[[], bool]) -> None:
        """Train the fewest stacks that fit the limits, and set the result of each fit.

        Only fits without watchers leave this process.
        """
        fits = [arrival.item.fit for arrival in arrivals]
        arrival_of = dict(zip(fits, arrivals, strict=True))
        here = fits if self._backend is None else [fit for fit in fits if fit.watchers]
        there = [fit for fit in fits if fit not in here]
        share_rows(here)
        if there:
            turns = self._turns(there, arrival_of, self._n_workers)
            self._train_there([stack for turn in turns for stack in turn], arrival_of)
        n_at_once = n_threads(self._n_workers)
        with parallel_config(backend="threading", n_jobs=n_at_once):
            Parallel()(
                delayed(self._train_here)(turn, arrival_of, is_open)
                for turn in self._turns(here, arrival_of, n_at_once)
            )

    def _turns(
        self,
        fits: Sequence[Fit],
        arrival_of: Mapping[Fit, Arrival[ReadyFit]],
        n_at_once: int,
    ) -> list[list[Stack]]:
        """Split fits into stacks. Each inner list is trained in turn with one program.

        The longest come first, so that all threads end at about the same time.
        """
        groups: dict[Hashable, list[Fit]] = {}
        for fit in fits:
            groups.setdefault(arrival_of[fit].item.group(), []).append(fit)
        joined = joined_widths(groups.values())
        seconds = [seconds_together(*group) for group in joined]
        seconds_of_thread = sum(seconds) / n_at_once
        turns: list[tuple[float, list[Stack]]] = []
        for (group, units), of_group in zip(joined, seconds, strict=True):
            n_turns = max(self._n_workers, parts_of(of_group, seconds_of_thread))
            stacks = split(group, n_turns, units)
            self._count(group, stacks)
            turns += [(of_group / n_turns, stacks[i::n_turns]) for i in range(n_turns)]
        turns.sort(key=lambda turn: turn[0], reverse=True)
        return [stacks for _, stacks in turns if stacks]

    def _count(self, group: Sequence[Fit], stacks: Sequence[Stack]) -> None:
        self.n_trained += len(group)
        if stacks[0].n_members == 1:
            self.alone[reason_to_train_alone(group[0]) or TOO_FEW] += len(group)

    def _train_here(
        self,
        turn: Sequence[Stack],
        arrival_of: Mapping[Fit, Arrival[ReadyFit]],
        is_open: Callable[[], bool],
    ) -> None:
        for stack in turn:
            arrivals = [arrival_of[fit] for fit in stack.fits]
            try:
                if not is_open():
                    return
                should_continue = partial(self._after_epoch, arrivals, is_open)
                for k, network in train_stack(stack, should_continue):
                    arrivals[k].set_result(network)
            except BaseException as error:
                _settle([arrival for arrival in arrivals if not arrival.done()], error)

    def _train_there(
        self, stacks: Sequence[Stack], arrival_of: Mapping[Fit, Arrival[ReadyFit]]
    ) -> None:
        try:
            with parallel_config(backend=self._backend, n_jobs=self._n_workers):
                outcomes = Parallel()(
                    delayed(outcome)(
                        with_shared_rows([arrival_of[fit].item.job for fit in stack.fits]),
                        [fit.state for fit in stack.fits],
                        stack.n_members,
                        stack.units,
                    )
                    for stack in stacks
                )
        except BaseException as error:  # a worker was lost
            outcomes = [error] * len(stacks)
        for stack, results in zip(stacks, outcomes, strict=True):
            _settle([arrival_of[fit] for fit in stack.fits], results)

    def _after_epoch(
        self,
        arrivals: Sequence[Arrival[ReadyFit]],
        is_open: Callable[[], bool],
    ) -> bool:
        if self._bar:
            ready = [arrival.item for arrival in arrivals if not arrival.done()]
            self._bar.trained(
                {one.task: one.fit.state.epochs / one.fit.epochs for one in ready}
            )
        return is_open()


def _settle(
    arrivals: Sequence[Arrival[ReadyFit]], results: Sequence[FittedNetwork] | BaseException
) -> None:
    if isinstance(results, BaseException):
        for arrival in arrivals:
            arrival.set_exception(results)
    else:
        for arrival, result in zip(arrivals, results, strict=True):
            arrival.set_result(result)


def with_shared_rows(jobs: Sequence[Job]) -> list[Job]:
    """The jobs, with the same object for rows that are equal: they are sent once."""
    shared = sharing()
    return [
        replace(
            job, data=shared(job.data), validation=job.validation and shared(job.validation)
        )
        for job in jobs
    ]


def outcome(
    jobs: Sequence[Job], states: Sequence[TrainingState], n_members: int, units: Units | None
) -> list[FittedNetwork] | Exception:
    """The results of a stack in another process, or the reason why there are none."""
    try:
        fits = [prepare(job) for job in jobs]
        for fit, state in zip(fits, states, strict=True):
            fit.state = state
        share_rows(fits)
        return train_fits(fits, n_members, units=units)
    except Exception as error:
        return error
