"""From encoded data and a spec to a fitted state: the engine, set up and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.utils import gen_batches

from skmlp._encoding import EncodedData
from skmlp._engine import (
    STORE,
    KerasCallbacks,
    Program,
    Run,
    Validation,
    Watcher,
    place,
    train,
)
from skmlp._inference import raw_outputs
from skmlp._job import Job
from skmlp._setup import Setup, is_small_full_batch, rounded_up, set_up
from skmlp._stacking import GATHERING, Fit, is_stackable
from skmlp._state import FittedState, Weights

VALIDATION_CHUNK = 8192  # rows measured at once, to bound the memory of wide layers


def train_network(
    job: Job,
    data: EncodedData,
    validation_data: EncodedData | None,
    watchers: Sequence[Watcher],
) -> tuple[FittedState, Run]:
    """Train a network; its weights and its optimizer's state come out as NumPy arrays."""
    metrics = _training_metrics(job, data) if job.metrics else None
    if is_small_full_batch(job, data.n_rows):
        data = data.merged()
    setup = set_up(job, data)
    watchers = [*watchers, *_keras_callbacks(job)]
    alone = partial(_train_alone, setup, data, validation_data, watchers, metrics)
    gathering = GATHERING.get()
    if gathering is None:
        return alone()
    can_be_stacked = not watchers and is_stackable(setup)
    return gathering.train(Fit(setup, data, validation_data, can_be_stacked, alone))


def _train_alone(
    setup: Setup,
    data: EncodedData,
    validation_data: EncodedData | None,
    watchers: Sequence[Watcher],
    metrics: Callable[[Weights], dict[str, float]] | None,
) -> tuple[FittedState, Run]:
    job = setup.job
    with STORE.lend(setup.recipe, data.n_rows) as program:
        start = setup.start(program.built_weights)
        _load(program, setup, start)
        plan = replace(
            setup.plan(start.progress, has_validation=validation_data is not None),
            metrics=metrics,
            save=partial(job.checkpoint.save, program) if job.checkpoint else None,
        )
        # A schedule begins where this fit began, not where its checkpoint stands.
        knobs = setup.knobs(program.steps())
        run = train(
            program,
            place(data.X, data.y, data.unit_weight(), program.capacity),
            _validation(setup, validation_data, watchers) if validation_data else None,
            plan,
            knobs,
            watchers,
            job.checkpoint.resume(program, plan) if job.checkpoint else None,
        )
        with program.averaged():
            weights = program.weights()
        raw, optimizer = program.weights(), program.optimizer_state()
    return setup.fitted_state(start.progress, run, weights, raw, optimizer), run


def _load(program: Program, setup: Setup, start: FittedState) -> None:
    progress, wide = start.progress, setup.optimizer.wide
    program.load(
        progress.raw_weights or start.weights,
        averages=start.weights,
        optimizer=setup.optimizer_state(progress),
        learning_rate=setup.optimizer.learning_rate,
        wide_learning_rate=wide.learning_rate if wide else None,
    )


def _training_metrics(job: Job, data: EncodedData) -> Callable[[Weights], dict[str, float]]:
    def metrics(weights: Weights) -> dict[str, float]:
        return job.measured(
            data, raw_outputs(FittedState(job.spec, weights), data.X, np.float32)
        )

    return metrics


def _validation(setup: Setup, data: EncodedData, watchers: Sequence[Watcher]) -> Validation:
    """Validation rows in chunks: batches, where a watcher wants to hear of each."""
    size = VALIDATION_CHUNK
    if any(watcher.wants_batches for watcher in watchers):
        size = setup.recipe.batch_size
    weight = data.unit_weight()
    capacity = min(size, rounded_up(data.n_rows))
    chunks = [
        place(data.X[rows], data.y[rows], weight[rows], capacity)
        for rows in gen_batches(data.n_rows, size)
    ]
    score = setup.job.score
    return Validation(
        rows=chunks,
        score=None if score is None else lambda raw: score(data, raw),
        metrics=lambda raw: setup.job.measured(data, raw),
    )


def _keras_callbacks(job: Job) -> list[Watcher]:
    if not job.callbacks:
        return []
    return [KerasCallbacks(job.callbacks, job.epochs, job.loss_weights)]
