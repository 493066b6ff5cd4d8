"""From encoded data and a spec to a fitted state: the engine, set up and run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.utils import gen_batches

from skmlp._activations import RRELU_RANGE
from skmlp._checkpoint import Checkpoint
from skmlp._encoding import EncodedData
from skmlp._engine import (
    STORE,
    KerasCallbacks,
    Knobs,
    Noise,
    Patience,
    Plan,
    Program,
    Recipe,
    Run,
    StopReason,
    Validation,
    Watcher,
    alpha_dropped_out,
    dropped_out,
    place,
    random_leaks,
    train,
)
from skmlp._inference import raw_outputs
from skmlp._losses import RowLoss, check_row_loss, row_loss
from skmlp._metrics import Measure
from skmlp._network import build_model, check_initializer, initial_weights
from skmlp._optimizers import CLIPPINGS, OptimizerRecipe, clipping, optimizer_recipe
from skmlp._schedules import RateSchedule, rate_schedule
from skmlp._spec import NetworkSpec
from skmlp._state import FittedState, Progress, Weights

AUTO_BATCH_SIZE = 200
# A batch may be compiled larger than the data: up to here that costs next to nothing, and
# small data sets of all sizes share a program.
SMALL_BATCH = 256
VALIDATION_CHUNK = 8192  # rows measured at once, to bound the memory of wide layers


@dataclass(frozen=True)
class Job:
    """One fit, without its data."""

    params: Any  # the estimator, which is only read
    spec: NetworkSpec
    start: FittedState | None  # where training goes on from; None starts afresh
    seed: int
    epochs: int
    callbacks: Sequence[keras.callbacks.Callback]
    score: Measure | None  # of validation rows; None: their loss, with its sign turned
    metrics: Mapping[str, Measure]
    checkpoint: Checkpoint | None = None
    is_part: bool = False  # one call of partial_fit, and more may come

    @property
    def horizon(self) -> int:
        """Epochs that a learning-rate schedule is laid out for."""
        return self.params.epochs if self.is_part else self.epochs

    def measured(self, data: EncodedData, raw: np.ndarray) -> dict[str, float]:
        """The metrics of rows whose raw outputs these are."""
        return {name: measure(data, raw) for name, measure in self.metrics.items()}


def train_network(
    job: Job,
    data: EncodedData,
    validation_data: EncodedData | None,
    watchers: Sequence[Watcher],
) -> tuple[FittedState, Run]:
    """Train a network; its weights and its optimizer's state come out as NumPy arrays."""
    params = job.params
    loss = row_loss(
        params.loss, job.spec.output_activation, job.spec.n_outputs, params.label_smoothing
    )
    check_row_loss(loss, data.y, job.spec.n_outputs)
    optimizer = _optimizer(params)
    check_initializer(params.kernel_initializer)
    metrics = _training_metrics(job, data) if job.metrics else None
    if is_small_full_batch(job, data.n_rows):
        data = data.merged()
    n_steps = -(-data.n_rows // compiled_batch_size(params.batch_size, data.n_rows))
    schedule = rate_schedule(params, optimizer, epochs=job.horizon, n_steps=n_steps)
    recipe = _recipe(job, loss, optimizer, schedule, data.n_rows)
    watchers = [*watchers, *_keras_callbacks(job)]

    with STORE.lend(recipe, data.n_rows) as program:
        start = job.start or _fresh_state(job, program)
        _load(program, start, optimizer)
        plan = replace(
            _plan(job, start.progress, schedule, has_validation=validation_data is not None),
            metrics=metrics,
            save=partial(job.checkpoint.save, program) if job.checkpoint else None,
        )
        # A schedule begins where this fit began, not where its checkpoint stands.
        knobs = _knobs(job, schedule, optimizer, program)
        run = train(
            program,
            place(data.X, data.y, data.unit_weight(), program.capacity),
            _validation(job, validation_data, recipe, watchers) if validation_data else None,
            plan,
            knobs,
            watchers,
            job.checkpoint.resume(program, plan) if job.checkpoint else None,
        )
        state = _fitted_state(job, program, run, start.progress, optimizer.name)
    return state, run


def _recipe(
    job: Job, loss: RowLoss, optimizer: OptimizerRecipe, schedule: RateSchedule, n_rows: int
) -> Recipe:
    structure = job.spec.structure()
    return Recipe(
        key=(structure, loss.key, optimizer.key, schedule.key),
        build_model=lambda: build_model(structure),
        build_optimizer=optimizer.build,
        loss_on_raw=loss.on_raw,
        loss_on_predictions=loss.on_predictions,
        noise=noise(structure),
        schedule=schedule.by_step,
        batch_size=compiled_batch_size(job.params.batch_size, n_rows),
        has_l1=job.params.l1 > 0,
        has_l2=job.params.l2 > 0,
        clipping=_clipping(job.params)[0],
        has_ema=job.params.ema_decay is not None,
    )


def noise(spec: NetworkSpec) -> dict[str, Noise]:
    """The layers of a network that are random in training, by name and in order."""
    kinds = {"dropout": dropped_out, "alpha_dropout": alpha_dropped_out}
    leaks = random_leaks(*RRELU_RANGE)
    return {
        layer.name: leaks if layer.value == "rrelu" else kinds[layer.kind]
        for layer in spec.layers()
        if layer.value == "rrelu" or layer.kind in kinds
    }


def compiled_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Rows of a batch as compiled; the last batch, or the only one, may fill less of it."""
    size = AUTO_BATCH_SIZE if batch_size == "auto" else int(batch_size)
    return min(size, max(SMALL_BATCH, rounded_up(n_rows)))


def is_small_full_batch(job: Job, n_rows: int) -> bool:
    """Whether equal rows may be merged: all rows make one batch, and all see one network."""
    is_full_batch = n_rows <= compiled_batch_size(job.params.batch_size, n_rows)
    return is_full_batch and n_rows <= SMALL_BATCH and not job.spec.is_random()


def rounded_up(n_rows: int) -> int:
    """The next number of at most four binary digits and zeros: at most an eighth more.

    Shapes are rounded so that data sets of nearly one size share what is compiled for them,
    and by the number of rows alone, so that results never depend on what ran before.
    """
    step = 1 << max(n_rows.bit_length() - 4, 0)
    return -(-n_rows // step) * step


def _optimizer(params: Any) -> OptimizerRecipe:
    return optimizer_recipe(
        params.optimizer,
        params.learning_rate,
        clips=_clipping(params)[0] is not None,
        averages=params.ema_decay is not None,
        momentum=params.momentum,
        nesterov=params.nesterov,
        weight_decay=params.weight_decay,
    )


def _clipping(params: Any) -> tuple[str | None, float]:
    return clipping(**{name: getattr(params, name) for name in CLIPPINGS})


def _fresh_state(job: Job, program: Program) -> FittedState:
    initializer = job.params.kernel_initializer
    weights = initial_weights(program.built_weights, job.spec, initializer, job.seed)
    return FittedState(job.spec, weights, Progress(job.seed))


def _load(program: Program, start: FittedState, optimizer: OptimizerRecipe) -> None:
    progress = start.progress
    goes_on = progress.optimizer_name == optimizer.name
    program.load(
        progress.raw_weights or start.weights,
        averages=start.weights,
        optimizer=progress.optimizer if goes_on else (),
        learning_rate=optimizer.learning_rate,
    )


def _fitted_state(
    job: Job, program: Program, run: Run, before: Progress, optimizer_name: str
) -> FittedState:
    with program.averaged():
        weights = program.weights()
    # After a loss that was not finite the optimizer's averages are not finite either.
    usable = run.reason is not StopReason.NOT_FINITE
    progress = Progress(
        seed=job.seed,
        epochs=before.epochs + run.epochs,
        optimizer=program.optimizer_state() if usable else (),
        optimizer_name=optimizer_name if usable else "",
        raw_weights=program.weights() if program.recipe.has_ema else None,
        plateau=run.plateau.state() if run.plateau else None,
    )
    return FittedState(job.spec, weights, progress)


def _knobs(
    job: Job, schedule: RateSchedule, optimizer: OptimizerRecipe, program: Program
) -> Knobs:
    def number(value: float) -> tf.Tensor:
        return tf.constant(value, tf.float32)

    random = [layer for layer in job.spec.layers() if layer.name in program.recipe.noise]
    rates = [0.0 if layer.value == "rrelu" else layer.value for layer in random]
    return Knobs(
        seed=tf.constant(job.seed, tf.int32),
        rates=tf.constant(rates, tf.float32),
        l1=number(job.params.l1),
        l2=number(job.params.l2),
        clip=number(_clipping(job.params)[1]),
        ema_decay=number(job.params.ema_decay or 0.0),
        learning_rate=number(optimizer.learning_rate or 0.0),
        first_step=number(program.steps() if schedule.spans_fit and not job.is_part else 0),
        decay_rate=number(schedule.decay_rate),
        decay_steps=number(schedule.decay_steps),
        warmup_steps=number(schedule.warmup_steps),
    )


def _plan(
    job: Job,
    before: Progress,
    schedule: RateSchedule,
    *,
    has_validation: bool,
) -> Plan:
    """scikit-learn's rule: without validation data the training loss is watched."""
    watches = job.params.early_stopping or not has_validation
    plateau = schedule.plateau
    if plateau and before.plateau:
        plateau = plateau.at(before.plateau)
    return Plan(
        epochs=job.epochs,
        shuffle=job.params.shuffle,
        seed=job.seed,
        first_epoch=before.epochs,
        patience=Patience(
            limit=job.params.n_iter_no_change if watches else math.inf, tol=job.params.tol
        ),
        plateau=plateau,
        epoch_rate=schedule.by_epoch,
    )


def _training_metrics(job: Job, data: EncodedData) -> Callable[[Weights], dict[str, float]]:
    def metrics(weights: Weights) -> dict[str, float]:
        return job.measured(
            data, raw_outputs(FittedState(job.spec, weights), data.X, np.float32)
        )

    return metrics


def _validation(
    job: Job, data: EncodedData, recipe: Recipe, watchers: Sequence[Watcher]
) -> Validation:
    """Validation rows in chunks: batches, where a watcher wants to hear of each."""
    size = VALIDATION_CHUNK
    if any(watcher.wants_batches for watcher in watchers):
        size = recipe.batch_size
    weight = data.unit_weight()
    capacity = min(size, rounded_up(data.n_rows))
    chunks = [
        place(data.X[rows], data.y[rows], weight[rows], capacity)
        for rows in gen_batches(data.n_rows, size)
    ]
    score = job.score
    return Validation(
        rows=chunks,
        score=None if score is None else lambda raw: score(data, raw),
        metrics=lambda raw: job.measured(data, raw),
    )


def _keras_callbacks(job: Job) -> list[Watcher]:
    return [KerasCallbacks(job.callbacks, job.epochs)] if job.callbacks else []
