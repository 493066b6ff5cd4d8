"""Fits that wait for each other and are trained as one.

A search runs its fits in threads. Each comes as far as training by itself, through whatever
stands in front of it, and waits there; when all have come, those of one network shape are
trained as a stack, and each goes on with its own result. Nothing of a search has to be written
a second time, and a fit that fails fails alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skmlp._checkpoint import digest
from skmlp._encoding import EncodedData
from skmlp._engine import ELEMENTWISE, STACKS, Member, RowSet, Run, train_stack
from skmlp._optimizers import CLIPPINGS
from skmlp._setup import Setup
from skmlp._spec import KerasLayer
from skmlp._state import FittedState

Result = tuple[FittedState, Run]

MIN_MEMBERS = 6  # of a stack: fewer gain less than compiling one more program costs
MAX_MEMBERS = 32  # of a stack: more gain nothing, and their weights leave the processor's cache
MAX_BYTES = 2**28  # of the validation rows that a stack measures at once
MAX_WEIGHTS = 50_000  # of a network: a larger one's step is arithmetic, not overhead


@dataclass(eq=False)
class Fit:
    """A fit that is ready to train."""

    setup: Setup
    data: EncodedData
    validation: EncodedData | None
    can_be_stacked: bool
    alone: Callable[[], Result]  # trains it by itself
    result: Result | None = field(default=None, init=False)
    error: BaseException | None = field(default=None, init=False)

    @property
    def stack_key(self) -> Hashable:
        """Fits of equal keys can be trained as one."""
        n_batches = -(-self.data.n_rows // self.setup.recipe.batch_size)
        return self.setup.recipe, n_batches, self.validation is None


class SearchEndedError(Exception):
    """The search that this fit was part of broke off."""


class Stack(NamedTuple):
    """Fits to train as one, in a program that may have room for more."""

    fits: list[Fit]
    n_members: int


def is_stackable(setup: Setup) -> bool:
    """Whether a stack can do all that this fit without watchers asks for, and is faster."""
    job, optimizer = setup.job, setup.optimizer
    config = optimizer.config
    clips_or_averages = ("use_ema", *CLIPPINGS)
    is_elementwise = (
        optimizer.cls.__module__.startswith("keras.")
        and optimizer.cls.__name__ in ELEMENTWISE
        and not any(config.get(name) for name in clips_or_averages)
        and config.get("gradient_accumulation_steps") is None
        and config.get("loss_scale_factor") is None
    )
    return (
        is_elementwise
        and optimizer.learning_rate is not None
        and optimizer.wide is None
        and (setup.schedule.by_step is None or isinstance(setup.schedule.key, str))
        and not (job.metrics or job.checkpoint)
        and not any(isinstance(a, KerasLayer) for a in job.spec.activations)
        and job.spec.n_weights() <= MAX_WEIGHTS
    )


class Gathering:
    """Where the fits of a search meet; at most `width` of them are under way at once.

    At most `n_threads` of them do anything but wait, or that many stacks are trained.
    """

    def __init__(self, width: int, n_threads: int) -> None:
        self.width = width
        self._n_threads = n_threads
        self._working = threading.Semaphore(n_threads)
        self._changed = threading.Condition()
        self._waiting: list[Fit] = []
        self._unfinished = 0
        self._active = 0
        self._is_training = False
        self._is_closed = False

    def expect(self, n_fits: int) -> None:
        """So many fits will be run from now on."""
        with self._changed:
            self._unfinished += n_fits

    def run(self, task: Any) -> Any:
        """Run one of the expected fits, in this thread."""
        with self._changed:
            if self._is_closed:
                raise SearchEndedError
            self._active += 1
        token = GATHERING.set(self)
        try:
            with self._working:
                return task()
        finally:
            GATHERING.reset(token)
            with self._changed:
                self._unfinished -= 1
                self._active -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Send home the fits of a search that broke off, and wait until they are."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._active)

    def train(self, fit: Fit) -> Result:
        """Wait until no other fit is on its way, then train all that have come."""
        self._working.release()
        try:
            self._wait_or_lead(fit)
        finally:
            self._working.acquire()
        if fit.error is not None:
            raise fit.error
        if fit.result is None:
            raise SearchEndedError
        return fit.result

    def _wait_or_lead(self, fit: Fit) -> None:
        with self._changed:
            self._waiting.append(fit)
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: is_done(fit) or self._is_closed or self._is_complete()
            )
            leads = not (is_done(fit) or self._is_closed)
            if leads:
                fits, self._waiting = self._waiting, []
                self._is_training = True
        if leads:
            try:
                train_together(fits, self._n_threads, lambda: self._is_closed)
            finally:
                with self._changed:
                    self._is_training = False
                    self._changed.notify_all()

    def _is_complete(self) -> bool:
        on_their_way = min(self.width, self._unfinished) - len(self._waiting)
        return not self._is_training and on_their_way <= 0


GATHERING: ContextVar[Gathering | None] = ContextVar("GATHERING", default=None)


def is_done(fit: Fit) -> bool:
    return fit.result is not None or fit.error is not None


def train_together(
    fits: Sequence[Fit], n_threads: int, is_cancelled: Callable[[], bool]
) -> None:
    """Train all, as few stacks as the limits allow, and set their results or errors."""
    groups: dict[Hashable, list[Fit]] = {}
    for fit in fits:
        groups.setdefault(fit.stack_key if fit.can_be_stacked else fit, []).append(fit)
    stacks = [stack for group in groups.values() for stack in _split(group, n_threads)]
    sets: dict[str, RowSet] = {}
    with ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(partial(_train_or_fail, sets, is_cancelled), stacks))


def _split(group: list[Fit], n_threads: int) -> list[Stack]:
    """Stacks that are as equal in size as can be."""
    if len(group) < MIN_MEMBERS:
        return [Stack([fit], 1) for fit in group]
    held = max((fit.validation.X.nbytes for fit in group if fit.validation), default=1)
    limit = max(min(MAX_MEMBERS, MAX_BYTES // max(held, 1)), 1)
    n_stacks = -(-len(group) // limit)
    for_all_threads = -(-n_stacks // n_threads) * n_threads
    n_stacks = max(n_stacks, min(for_all_threads, len(group) // MIN_MEMBERS))
    size = -(-len(group) // n_stacks)
    return [Stack(group[i : i + size], size) for i in range(0, len(group), size)]


def _train_or_fail(
    sets: dict[str, RowSet], is_cancelled: Callable[[], bool], stack: Stack
) -> None:
    try:
        if is_cancelled():
            raise SearchEndedError
        if stack.n_members == 1:
            stack.fits[0].result = stack.fits[0].alone()
        else:
            _train(stack, sets, is_cancelled)
    except BaseException as error:
        for fit in stack.fits:
            fit.error = error


def _train(stack: Stack, sets: dict[str, RowSet], is_cancelled: Callable[[], bool]) -> None:
    fits, recipe = stack.fits, stack.fits[0].setup.recipe
    rows = [_shared(fit.data, sets) for fit in fits]
    n_rows = sum(len(one.X) for one in {id(one): one for one in rows}.values())
    with STACKS.lend((recipe, stack.n_members), n_rows) as program:
        starts = [fit.setup.start(program.built_weights) for fit in fits]
        members = [
            _member(fit, start, one, sets)
            for fit, start, one in zip(fits, starts, rows, strict=True)
        ]
        trained = train_stack(program, members, is_cancelled)
    if len(trained) < len(members):
        raise SearchEndedError
    for fit, start, one in zip(fits, starts, trained, strict=True):
        state = fit.setup.fitted_state(
            start.progress, one.run, one.weights, one.raw_weights, one.optimizer
        )
        fit.result = state, one.run


def _member(fit: Fit, start: FittedState, rows: RowSet, sets: dict[str, RowSet]) -> Member:
    setup, progress, validation = fit.setup, start.progress, fit.validation
    optimizer = setup.optimizer_state(progress)
    score = partial(setup.job.score, validation) if setup.job.score and validation else None
    first_step = int(optimizer[0]) if optimizer else 0
    assert setup.optimizer.learning_rate is not None
    return Member(
        rows=rows,
        held=_shared(validation, sets) if validation else None,
        score=score,
        plan=setup.plan(progress, has_validation=validation is not None),
        knobs=setup.knobs(first_step),
        weights=progress.raw_weights or start.weights,
        averages=start.weights,
        optimizer=optimizer,
        learning_rate=setup.optimizer.learning_rate,
    )


def _shared(data: EncodedData, sets: dict[str, RowSet]) -> RowSet:
    """The rows; the same object for equal ones."""
    rows = RowSet(data.X, data.y, data.unit_weight())
    return sets.setdefault(digest([*map(np.asarray, rows)]), rows)
