"""Training: alone, or with the other fits of a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from skmlp._engine.callbacks import KerasCallbacks
from skmlp._engine.fit import Fit
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.watcher import Watcher
from skmlp._training.job import Job
from skmlp._training.preparation import prepare
from skmlp._training.stacks import rehearse_stack, train_fits
from skmlp._training.watchers import EnsembleWatcher


def train_network(job: Job, watchers: Sequence[Watcher]) -> FittedNetwork:
    """Train the network of a job."""
    if job.callbacks:
        callbacks = KerasCallbacks(job.callbacks, job.epochs, job.loss_weights)
        watchers = [*watchers, callbacks]
    return TRAIN.get()(job, prepare(job, watchers))


def train_ensemble(
    jobs: Sequence[Job], watchers: Sequence[Watcher], *, compiles_first: bool = False
) -> list[FittedNetwork]:
    """Train the networks of jobs that differ in seeds and rows as one stack.

    `watchers` are told of each epoch once. With `compiles_first` no epoch takes the time of
    compilation.
    """
    of_all = [EnsembleWatcher(watchers, len(jobs))] if watchers else []
    fits = [prepare(job, of_all) for job in jobs]
    if compiles_first:
        rehearse_stack(fits)
    return train_fits(fits, len(fits))


def train_alone(job: Job, fit: Fit) -> FittedNetwork:
    return train_fits([fit])[0]


Train = Callable[[Job, Fit], FittedNetwork]

# How the fits of this thread are trained: a search lets them wait for each other.
TRAIN: ContextVar[Train] = ContextVar("TRAIN", default=train_alone)


@contextmanager
def trained_by(train: Train) -> Iterator[None]:
    """The fits of this thread are trained by this function meanwhile."""
    token = TRAIN.set(train)
    try:
        yield
    finally:
        TRAIN.reset(token)
