"""From encoded data and a spec to a fitted state: the engine, set up and run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skmlp._activations import numpy_activation
from skmlp._encoding import EncodedData
from skmlp._engine import (
    STORE,
    KerasCallbacks,
    Knobs,
    Patience,
    Plan,
    Program,
    Recipe,
    Rows,
    Run,
    StopReason,
    Validation,
    Watcher,
    place,
    train,
)
from skmlp._losses import RowLoss, check_row_loss, row_loss
from skmlp._network import build_model, check_initializer, initial_weights
from skmlp._optimizers import OptimizerRecipe, optimizer_recipe
from skmlp._spec import NetworkSpec
from skmlp._state import FittedState

AUTO_BATCH_SIZE = 200
# A batch may be compiled larger than the data: up to here that costs next to nothing, and
# small data sets of all sizes share a program.
SMALL_BATCH = 256
VALIDATION_CHUNK = 8192  # rows measured at once, to bound the memory of wide layers

Score = Callable[[EncodedData, np.ndarray], float]


@dataclass(frozen=True)
class Job:
    """One fit, without its data."""

    params: Any  # the estimator, which is only read
    spec: NetworkSpec
    start: FittedState | None  # where training goes on from; None starts afresh
    seed: int
    epochs: int
    callbacks: Sequence[keras.callbacks.Callback]


def train_network(
    job: Job,
    data: EncodedData,
    validation_data: EncodedData | None,
    score: Score,
    watchers: Sequence[Watcher],
) -> tuple[FittedState, Run]:
    """Train a network; its weights and its optimizer's state come out as NumPy arrays."""
    loss = row_loss(job.params.loss, job.spec.output_activation, job.spec.n_outputs)
    check_row_loss(loss, data.y, job.spec.n_outputs)
    optimizer = _optimizer(job.params)
    check_initializer(job.params.kernel_initializer)
    if is_small_full_batch(job, data.n_rows):
        data = data.merged()

    with STORE.lend(_recipe(job, loss, optimizer, data.n_rows), data.n_rows) as program:
        start = job.start or _fresh_state(job, program)
        goes_on = start.optimizer_name == optimizer.name
        program.load(start.weights, start.optimizer if goes_on else (), optimizer.learning_rate)
        run = train(
            program,
            place(data.X, data.y, data.unit_weight(), program.capacity),
            _validation(validation_data, job.spec, score) if validation_data else None,
            _plan(job, start.epochs, validation_data is not None),
            _knobs(job),
            [*watchers, *_keras_callbacks(job)],
        )
        # After a loss that was not finite the optimizer's averages are not finite either.
        usable = run.reason is not StopReason.NOT_FINITE
        state = FittedState(
            spec=job.spec,
            weights=program.weights(),
            seed=job.seed,
            optimizer=program.optimizer_state() if usable else (),
            optimizer_name=optimizer.name if usable else "",
            epochs=start.epochs + len(run.history["loss"]),
        )
    return state, run


def _recipe(job: Job, loss: RowLoss, optimizer: OptimizerRecipe, n_rows: int) -> Recipe:
    structure = job.spec.structure()
    return Recipe(
        key=(structure, loss.key, optimizer.key),
        build_model=lambda: build_model(structure),
        build_optimizer=optimizer.build,
        loss_on_raw=loss.on_raw,
        loss_on_predictions=loss.on_predictions,
        batch_size=compiled_batch_size(job.params.batch_size, n_rows),
        has_l1=job.params.l1 > 0,
        has_l2=job.params.l2 > 0,
    )


def compiled_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Rows of a batch as compiled; the last batch, or the only one, may fill less of it."""
    size = AUTO_BATCH_SIZE if batch_size == "auto" else int(batch_size)
    return min(size, max(SMALL_BATCH, rounded_up(n_rows)))


def is_small_full_batch(job: Job, n_rows: int) -> bool:
    """Whether equal rows may be merged: all rows make one batch, and all see one network."""
    is_full_batch = n_rows <= compiled_batch_size(job.params.batch_size, n_rows)
    return is_full_batch and n_rows <= SMALL_BATCH and not any(job.spec.dropout)


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
        momentum=params.momentum,
        nesterov=params.nesterov,
        weight_decay=params.weight_decay,
    )


def _fresh_state(job: Job, program: Program) -> FittedState:
    shapes = [tuple(variable.shape) for variable in program.model.trainable_variables]
    weights = initial_weights(shapes, job.spec, job.params.kernel_initializer, job.seed)
    return FittedState(job.spec, weights, job.seed)


def _knobs(job: Job) -> Knobs:
    rates = [rate for rate in job.spec.dropout if rate > 0]
    return Knobs(
        l1=tf.constant(job.params.l1, tf.float32),
        l2=tf.constant(job.params.l2, tf.float32),
        dropout=tf.constant(rates, tf.float32),
        seed=tf.constant(job.seed, tf.int32),
    )


def _plan(job: Job, first_epoch: int, has_validation: bool) -> Plan:
    """scikit-learn's rule: without validation data the training loss is watched."""
    watches = job.params.early_stopping or not has_validation
    return Plan(
        epochs=job.epochs,
        shuffle=job.params.shuffle,
        seed=job.seed,
        first_epoch=first_epoch,
        patience=Patience(
            limit=job.params.n_iter_no_change if watches else math.inf, tol=job.params.tol
        ),
    )


def _validation(data: EncodedData, spec: NetworkSpec, score: Score) -> Validation:
    activate = numpy_activation(spec.output_activation)
    chunks: list[Rows] = []
    for first in range(0, data.n_rows, VALIDATION_CHUNK):
        X, y, weight = (
            values[first : first + VALIDATION_CHUNK]
            for values in (data.X, data.y, data.unit_weight())
        )
        capacity = min(VALIDATION_CHUNK, rounded_up(data.n_rows))
        chunks.append(place(X, y, weight, capacity))
    return Validation(chunks, lambda raw: score(data, activate(raw)))


def _keras_callbacks(job: Job) -> list[Watcher]:
    return [KerasCallbacks(job.callbacks, job.epochs)] if job.callbacks else []
