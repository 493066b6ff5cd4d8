"""A job turned into a `Fit`, which the engine trains: a recipe, numbers and a state."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from skmlp._engine.capacity import rounded_up
from skmlp._engine.fit import Fit
from skmlp._engine.state import TrainingState
from skmlp._engine.stopping import Patience
from skmlp._engine.unfreezing import refrozen
from skmlp._engine.watcher import Watcher
from skmlp._keras.losses import check_row_loss, row_loss
from skmlp._keras.optimizers import (
    CLIPPING_NAMES,
    DEFAULT_LEARNING_RATE,
    ELEMENTWISE,
    OptimizerRecipe,
    clipping,
    optimizer_recipe,
)
from skmlp._kinds.base import Weights
from skmlp._program.recipe import Numbers, Recipe, WidePath
from skmlp._training.job import Job
from skmlp._training.reuse import behind, cut_for, with_reused
from skmlp._training.schedules import RateSchedule, by_keras, rate_schedule

# Rows of a batch for batch_size="auto". Early stopping counts epochs, so with it an epoch
# should have at least 25 steps. Without it, more steps on few rows would overfit more.
AUTO_BATCH_SIZE = 200
STEPS_TO_STOP_BY = 25
SMALLEST_AUTO_BATCH = 32
# A score of few held-out rows is mostly luck, and after fewer steps than these a network
# predicts almost the same for all rows: earlier epochs cannot be the best.
STEPS_TO_START_FROM = 100
KERAS_BATCH_SIZE = 32  # where None is given
# A batch may be compiled larger than the data: up to here that costs next to nothing, and
# small data sets of all sizes share a program.
SMALL_BATCH = 256
SMALL_BATCHES = (32, 64, 128)  # of batch_size="auto", for parts of a few rows


def prepare(job: Job, watchers: Sequence[Watcher] = ()) -> Fit:
    """Check the job's parameters against each other and the rows, and make a fit of it."""
    optimizer, wide = _optimizers(job)
    rows = job.data.merged() if is_small_full_batch(job) else job.data
    batch_size = compiled_batch_size(job, rows.n_rows)
    n_distinct = rows.n_rows if job.index is None else len(job.index)
    n_rows = job.rows_of_epoch or n_distinct
    n_steps = -(-n_rows // batch_size)
    schedule = rate_schedule(job, optimizer, n_steps=n_steps)
    limit_name, limit = _clipping(job, optimizer, wide)
    cut = cut_for(job, watchers)
    recipe = _recipe(job, optimizer, wide, schedule, batch_size, limit_name, cut)
    state = _state(job, _name_of(optimizer, wide), schedule, recipe.optimizer)
    first_step = int(state.optimizer[0]) if state.optimizer else 0
    return Fit(
        spec=job.spec,
        recipe=recipe,
        numbers=_numbers(job, optimizer, wide, schedule, limit, first_step),
        rows=behind(rows, job, cut),
        validation=job.validation and behind(job.validation, job, cut),
        state=state,
        first_weights=partial(_first_weights, job),
        epochs=job.epochs,
        shuffle=job.shuffle,
        learning_rate=optimizer.learning_rate or 0.0,
        epoch_rate=schedule.by_epoch,
        start_from_epoch=_start_from_epoch(job, n_steps, state.epochs_before),
        score=job.score,
        joint_loss=job.joint_loss,
        metrics=job.metrics,
        metric_rows=job.data,
        index=job.index,
        rows_of_epoch=job.rows_of_epoch,
        watchers=watchers,
        checkpoint=job.checkpoint,
    )


def _first_weights(job: Job, built: Weights) -> Weights:
    """Weights of the fit that a job resumes; otherwise first ones, with reused layers."""
    if job.start is not None:
        return job.start.weights
    assert job.first is not None
    return with_reused(job.first(job.spec, job.seed, built), job.spec, job.reused)


def _optimizers(job: Job) -> tuple[OptimizerRecipe, OptimizerRecipe | None]:
    """The optimizer, and the wide path's own if it has one.

    Given by name, the wide path's optimizer has the learning rate of the first; an object keeps
    its own.
    """
    clips = _limits(job)[0] is not None
    optimizer = optimizer_recipe(
        job.optimizer,
        job.learning_rate,
        clips=clips,
        averages=job.ema_decay is not None,
        momentum=job.momentum,
        nesterov=job.nesterov,
        weight_decay=job.weight_decay,
    )
    if job.wide_optimizer is None or not job.spec.n_wide:
        return optimizer, None
    wide = optimizer_recipe(
        job.wide_optimizer, DEFAULT_LEARNING_RATE, "wide_optimizer", clips=clips
    )
    for name, recipe in (("optimizer", optimizer), ("wide_optimizer", wide)):
        if recipe.config["use_ema"]:
            raise ValueError(
                f"'{name}' must not average weights itself beside an optimizer of the wide "
                "path; got use_ema=True; set 'ema_decay', which averages all weights."
            )
    return optimizer, wide


def _name_of(optimizer: OptimizerRecipe, wide: OptimizerRecipe | None) -> str:
    return f"{optimizer.name} {wide.name}" if wide else optimizer.name


def _limits(job: Job) -> tuple[str | None, float]:
    return clipping(**{name: getattr(job, name) for name in CLIPPING_NAMES})


def _clipping(
    job: Job, optimizer: OptimizerRecipe, wide: OptimizerRecipe | None
) -> tuple[str | None, float]:
    """How the engine clips gradients: as the job says, or as the optimizer object does."""
    name, limit = _limits(job)
    if name is None and wide is None and optimizer.without_clipping().is_elementwise:
        return optimizer.clipping
    return name, limit


def _recipe(
    job: Job,
    optimizer: OptimizerRecipe,
    wide: OptimizerRecipe | None,
    schedule: RateSchedule,
    batch_size: int,
    clipping: str | None,
    cut: str | None,
) -> Recipe:
    spec, structure = job.spec, job.spec.structure()
    loss = row_loss(job.loss, spec.output_activation, spec.n_outputs, job.label_smoothing)
    y = job.data.y
    check_row_loss(loss, spec.n_outputs, y.shape[1] if y.ndim > 1 else None)
    own = optimizer.without_clipping() if clipping else optimizer
    return Recipe(
        key=(structure, loss.key, optimizer.key, wide and wide.key, schedule.key),
        network=structure,
        optimizer=own,
        schedule=schedule.by_step,
        has_l1=job.l1 > 0,
        has_l2=job.l2 > 0,
        wide=_wide_path(job, wide),
        reused=_reused_layers(job, own),
        loss_on_raw=loss.on_raw,
        loss_on_predictions=loss.on_predictions,
        build_live_optimizer=optimizer.build_as_given,
        batch_size=batch_size,
        clipping=clipping,
        has_ema=job.ema_decay is not None,
        fades=job.fades,
        cut=cut,
    )


def _reused_layers(job: Job, optimizer: OptimizerRecipe) -> frozenset[str]:
    """The layers that are reused and not frozen, if they have a factor of the learning rate."""
    if job.reused_rate_factor == 1 or job.spec.n_reused <= job.spec.n_frozen:
        return frozenset()
    if not optimizer.is_elementwise:
        raise ValueError(
            "'reused_rate_factor' must be 1 with an optimizer that does not treat all weights "
            f"alike; got {job.reused_rate_factor} with {optimizer.cls.__name__}; choose one of "
            f"{', '.join(ELEMENTWISE)}."
        )
    blocks = job.spec.blocks()[job.spec.n_frozen : job.spec.n_reused]
    return frozenset(layer.name for block in blocks for layer in block)


def _wide_path(job: Job, wide: OptimizerRecipe | None) -> WidePath | None:
    if not (job.spec.n_wide and (job.wide_l1 or job.wide_l2 or wide)):
        return None
    return WidePath(
        n_rows=job.spec.n_wide,
        has_l1=job.wide_l1 > 0,
        has_l2=job.wide_l2 > 0,
        optimizer=wide,
        schedule=by_keras(wide.schedule()) if wide else None,
        has_own_rate=wide is not None and not isinstance(job.wide_optimizer, str),
    )


def _numbers(
    job: Job,
    optimizer: OptimizerRecipe,
    wide: OptimizerRecipe | None,
    schedule: RateSchedule,
    limit: float,
    first_step: int,
) -> Numbers:
    """The job's numbers; `first_step` is where a schedule that spans the fit begins."""
    return Numbers(
        layer_numbers=job.spec.layer_numbers(),
        loss_weights=job.loss_weights,
        l1=job.l1,
        l2=job.l2,
        wide_l1=job.wide_l1,
        wide_l2=job.wide_l2,
        wide_rate=(wide and wide.learning_rate) or 0.0,
        reused_rate_factor=job.reused_rate_factor,
        clip=limit,
        ema_decay=job.ema_decay or 0.0,
        learning_rate=optimizer.learning_rate or 0.0,
        first_step=first_step if schedule.spans_fit and not job.is_part else 0,
        decay_rate=schedule.decay_rate,
        decay_steps=schedule.decay_steps,
        warmup_steps=schedule.warmup_steps,
    )


def _state(
    job: Job, optimizer_name: str, schedule: RateSchedule, optimizer: OptimizerRecipe
) -> TrainingState:
    """Where training begins; the optimizer's state is resumed if it is of the same kind.

    scikit-learn's rule: without validation data the training loss is watched.
    """
    before = job.start.training if job.start else TrainingState(job.seed)
    if job.start and job.start.spec.n_frozen != job.spec.n_frozen:
        before = refrozen(job.start, job.spec, optimizer)
    watches = job.early_stopping or job.validation is None
    plateau = schedule.plateau
    if plateau and before.plateau_before:
        plateau = plateau.resumed(before.plateau_before)
    return replace(
        before,
        optimizer_name=optimizer_name,
        optimizer=before.optimizer if before.optimizer_name == optimizer_name else (),
        plateau=plateau,
        patience=Patience(job.n_iter_no_change if watches else math.inf, job.tol),
        history={"loss": []},
        scores=[],
    )


def _start_from_epoch(job: Job, n_steps: int, epochs_before: int) -> int:
    """The first epoch whose held-out score counts, at most `n_iter_no_change`."""
    if not job.holds_out:
        return 0
    epoch = (STEPS_TO_START_FROM - 1) // n_steps
    return max(int(min(epoch, job.n_iter_no_change)) - epochs_before, 0)


def compiled_batch_size(job: Job, n_rows: int) -> int:
    """Rows of a batch as compiled; the last batch, or the only one, may fill less of it."""
    if job.batch_size == "auto":
        size = automatic_batch_size(n_rows, stops_early=job.early_stopping)
        return next((small for small in SMALL_BATCHES if n_rows <= small < size), size)
    size = KERAS_BATCH_SIZE if job.batch_size is None else int(job.batch_size)
    return min(size, max(SMALL_BATCH, rounded_up(n_rows)))


def automatic_batch_size(n_rows: int, *, stops_early: bool) -> int:
    size = AUTO_BATCH_SIZE
    while stops_early and size > SMALLEST_AUTO_BATCH and n_rows < STEPS_TO_STOP_BY * size:
        size = max(size // 2, SMALLEST_AUTO_BATCH)
    return size


def is_small_full_batch(job: Job) -> bool:
    """Whether equal rows may be merged: all rows make one batch, and all see one network."""
    n_rows = job.data.n_rows
    if job.index is not None:
        return False
    is_full_batch = n_rows <= min(compiled_batch_size(job, n_rows), SMALL_BATCH)
    return is_full_batch and not job.spec.is_random()
