"""One network, trained by itself: the engine, set up and run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sklearn.utils import gen_batches

from skmlp._data.arrays import EncodedData
from skmlp._engine import (
    STORE,
    Plan,
    Program,
    Run,
    StopReason,
    Validation,
    Watcher,
    place,
    train,
)
from skmlp._network.state import FittedState, Progress, Weights
from skmlp._training.job import Job
from skmlp._training.preparation import Setup, rounded_up, set_up

VALIDATION_CHUNK = 8192  # rows measured at once, to bound the memory of wide layers

Result = tuple[FittedState, Run]


@dataclass(frozen=True, eq=False)
class Fit:
    """A fit that is ready to train, here or in another process: arrays, a spec, parameters."""

    job: Job
    data: EncodedData
    validation: EncodedData | None
    metrics: Callable[[Weights], dict[str, float]] | None = None  # on the training rows
    earlier: Result | None = None  # what a fit of fewer epochs came to; this one goes on

    def is_done(self) -> bool:
        """Whether there is nothing left to train."""
        return self.earlier is not None and self.earlier[1].reason is not None


def train_alone(fit: Fit, watchers: Sequence[Watcher] = ()) -> Result:
    """Train a network; its weights and its optimizer's state come out as NumPy arrays."""
    job, data = fit.job, fit.data
    setup = set_up(job, data)
    with STORE.lend(setup.recipe, data.n_rows) as program:
        start = setup.start(program.built_weights)
        _load(program, setup, start)
        reached = partial(_reached, program, setup, start.progress)
        plan = replace(
            setup.plan(start.progress, has_validation=fit.validation is not None),
            metrics=fit.metrics,
            save=partial(job.checkpoint.after_epoch, reached) if job.checkpoint else None,
        )
        # A schedule begins where this fit began, not where its checkpoint stands.
        knobs = setup.knobs(program.steps())
        run = train(
            program,
            place(data.X, data.y, data.unit_weight(), program.capacity),
            _validation(setup, fit.validation, watchers) if fit.validation else None,
            plan,
            knobs,
            watchers,
            _resumed(program, fit, plan),
        )
        state = reached(run)
    # One that was interrupted can be resumed from where it was saved last.
    if job.checkpoint and run.reason is not StopReason.INTERRUPTED:
        job.checkpoint.save(state, run)
    return state, run


def _reached(program: Program, setup: Setup, before: Progress, run: Run) -> FittedState:
    """The state of training that began at `before`, out of the program."""
    with program.averaged():
        weights = program.weights()
    raw, optimizer = program.weights(), program.optimizer_state()
    return setup.fitted_state(before, run, weights, raw, optimizer)


def _load(program: Program, setup: Setup, start: FittedState) -> None:
    progress, wide = start.progress, setup.optimizer.wide
    program.load(
        progress.raw_weights or start.weights,
        averages=start.weights,
        optimizer=setup.optimizer_state(progress),
        learning_rate=setup.optimizer.learning_rate,
        wide_learning_rate=wide.learning_rate if wide else None,
    )


def _resumed(program: Program, fit: Fit, plan: Plan) -> Run | None:
    """The run to go on with, and the optimizer's state in place; None for a new one."""
    if fit.job.checkpoint:
        return fit.job.checkpoint.resume(program, plan)
    if fit.earlier is None:
        return None
    state, run = fit.earlier
    program.restore_optimizer(state.progress.optimizer)
    return run


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
