"""From a job to what the engine runs: a recipe, run-time numbers and a plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from skmlp._data.arrays import EncodedData
from skmlp._engine import (
    Knobs,
    Noise,
    Patience,
    Plan,
    Recipe,
    Run,
    StopReason,
    WidePath,
    alpha_dropped_out,
    dropped_out,
    random_leaks,
)
from skmlp._keras.losses import RowLoss, check_row_loss, row_loss
from skmlp._keras.optimizers import (
    CLIPPINGS,
    DEFAULT_LEARNING_RATE,
    OptimizerRecipe,
    clipping,
    optimizer_recipe,
)
from skmlp._keras.tensorflow import tf
from skmlp._network.activations import RRELU_RANGE
from skmlp._network.keras_model import build_model, check_initializer, initial_weights
from skmlp._network.spec import NetworkSpec, flow
from skmlp._network.state import FittedState, Progress, Weights
from skmlp._training.job import Job
from skmlp._training.schedules import RateSchedule, rate_schedule

# batch_size="auto", and how it is with early stopping: that counts epochs, so an epoch should
# have some steps. Without it, more steps on few rows are more overfitting.
AUTO_BATCH_SIZE = 200
STEPS_TO_STOP_BY = 25
SMALLEST_AUTO_BATCH = 32
# One score of few held-out rows is mostly luck, and a network that has made fewer steps than
# these predicts almost the same for all rows: the best epoch is sought from there.
STEPS_TO_START_FROM = 100
KERAS_BATCH_SIZE = 32  # where None is given
# A batch may be compiled larger than the data: up to here that costs next to nothing, and
# small data sets of all sizes share a program.
SMALL_BATCH = 256


@dataclass(frozen=True)
class Setup:
    """A job and what the engine needs for it; jobs of equal recipes share a program."""

    job: Job
    recipe: Recipe
    optimizer: OptimizerRecipe
    schedule: RateSchedule
    n_steps: int  # of an epoch

    def start(self, built_weights: Weights) -> FittedState:
        """Where training begins, in a model that was built with these weights."""
        job = self.job
        if job.start is not None:
            return job.start
        initializer = job.params.kernel_initializer
        weights = initial_weights(built_weights, job.spec, initializer, job.seed)
        return FittedState(job.spec, weights, Progress(job.seed))

    def optimizer_state(self, progress: Progress) -> tuple[np.ndarray, ...]:
        """The state that the optimizer goes on with; () if there is none of its kind."""
        return progress.optimizer if progress.optimizer_name == self.optimizer.name else ()

    def knobs(self, first_step: int) -> Knobs:
        """The job's numbers; `first_step` is where a schedule that spans the fit begins."""
        random = [layer for layer in self.job.spec.layers() if layer.name in self.recipe.noise]
        rates = [0.0 if layer.value == "rrelu" else layer.value for layer in random]
        wide_l1, wide_l2 = self.job.wide_penalties
        return Knobs(
            rates=rates,
            loss_weights=self.job.loss_weights,
            l1=self.job.params.l1,
            l2=self.job.params.l2,
            wide_l1=wide_l1,
            wide_l2=wide_l2,
            clip=_clipping(self.job.params)[1],
            ema_decay=self.job.params.ema_decay or 0.0,
            learning_rate=self.optimizer.learning_rate or 0.0,
            first_step=first_step if self.schedule.spans_fit and not self.job.is_part else 0,
            decay_rate=self.schedule.decay_rate,
            decay_steps=self.schedule.decay_steps,
            warmup_steps=self.schedule.warmup_steps,
        )

    def plan(self, before: Progress, *, has_validation: bool) -> Plan:
        """How to train on from what was trained before.

        scikit-learn's rule: without validation data the training loss is watched.
        """
        watches = self.job.params.early_stopping or not has_validation
        plateau = self.schedule.plateau
        if plateau and before.plateau:
            plateau = plateau.at(before.plateau)
        return Plan(
            epochs=self.job.epochs,
            shuffle=self.job.params.shuffle,
            seed=self.job.seed,
            first_epoch=before.epochs,
            patience=Patience(
                limit=self.job.params.n_iter_no_change if watches else math.inf,
                tol=self.job.params.tol,
            ),
            start_from_epoch=self._start_from_epoch(before.epochs),
            plateau=plateau,
            epoch_rate=self.schedule.by_epoch,
        )

    def _start_from_epoch(self, epochs_before: int) -> int:
        """The first epoch whose held-out score counts, at most `n_iter_no_change`."""
        if not self.job.holds_out:
            return 0
        epoch = (STEPS_TO_START_FROM - 1) // self.n_steps
        return max(int(min(epoch, self.job.params.n_iter_no_change)) - epochs_before, 0)

    def fitted_state(
        self,
        before: Progress,
        run: Run,
        weights: Weights,
        raw_weights: Weights,
        optimizer: tuple[np.ndarray, ...],
    ) -> FittedState:
        """What a run leaves behind that began at `before`."""
        # After a loss that was not finite the optimizer's averages are not finite either.
        usable = run.reason is not StopReason.NOT_FINITE
        progress = Progress(
            seed=self.job.seed,
            epochs=before.epochs + run.epochs,
            optimizer=optimizer if usable else (),
            optimizer_name=self.optimizer.name if usable else "",
            raw_weights=raw_weights if self.recipe.has_ema else None,
            plateau=run.plateau.state() if run.plateau else None,
        )
        return FittedState(self.job.spec, weights, progress)


def set_up(job: Job, data: EncodedData) -> Setup:
    """Check the job's parameters against each other and the rows, and set it up."""
    params, spec = job.params, job.spec
    loss = row_loss(params.loss, spec.output_activation, spec.n_outputs, params.label_smoothing)
    check_row_loss(loss, spec.n_outputs, data.y.ndim == 1)
    optimizer = _optimizer(job)
    check_initializer(params.kernel_initializer)
    batch_size = compiled_batch_size(job, data.n_rows)
    n_steps = -(-data.n_rows // batch_size)
    schedule = rate_schedule(params, optimizer, epochs=job.horizon, n_steps=n_steps)
    recipe = _recipe(job, loss, optimizer, schedule, batch_size)
    return Setup(job, recipe, optimizer, schedule, n_steps)


def _recipe(
    job: Job,
    loss: RowLoss,
    optimizer: OptimizerRecipe,
    schedule: RateSchedule,
    batch_size: int,
) -> Recipe:
    structure = job.spec.structure()
    return Recipe(
        key=(structure, loss.key, optimizer.key, schedule.key),
        build_model=lambda: build_model(structure),
        layers=tuple(layer.name for layer in structure.layers()),
        outputs=structure.outputs,
        raw_outputs=partial(_raw_outputs, structure),
        build_optimizer=optimizer.build,
        loss_on_raw=loss.on_raw,
        loss_on_predictions=loss.on_predictions,
        noise=noise(structure),
        schedule=schedule.by_step,
        batch_size=batch_size,
        has_l1=job.params.l1 > 0,
        has_l2=job.params.l2 > 0,
        clipping=_clipping(job.params)[0],
        has_ema=job.params.ema_decay is not None,
        packs=optimizer.is_elementwise and not optimizer.clips and optimizer.wide is None,
        wide=_wide_path(job, optimizer.wide),
    )


def _wide_path(job: Job, wide_optimizer: OptimizerRecipe | None) -> WidePath | None:
    """How the wide path is trained, if in a way of its own."""
    l1, l2 = job.wide_penalties
    if not (l1 or l2 or wide_optimizer):
        return None
    return WidePath(
        n_rows=job.spec.n_wide,
        has_l1=l1 > 0,
        has_l2=l2 > 0,
        build_optimizer=wide_optimizer.build if wide_optimizer else None,
        has_own_rate=not isinstance(job.params.wide_optimizer, str),
    )


def _raw_outputs(spec: NetworkSpec, X: tf.Tensor, run: Callable) -> list[tf.Tensor]:
    layers = [layer for layer in spec.layers() if layer.kind != "prediction"]
    values = flow(layers, spec.inputs(X), lambda layer, *inputs: run(layer.name, *inputs))
    return [values[name] for name in spec.raw_outputs]


def noise(spec: NetworkSpec) -> dict[str, Noise]:
    """The layers of a network that are random in training, by name and in order."""
    kinds = {"dropout": dropped_out, "alpha_dropout": alpha_dropped_out}
    leaks = random_leaks(*RRELU_RANGE)
    return {
        layer.name: leaks if layer.value == "rrelu" else kinds[layer.kind]
        for layer in spec.layers()
        if layer.value == "rrelu" or layer.kind in kinds
    }


def compiled_batch_size(job: Job, n_rows: int) -> int:
    """Rows of a batch as compiled; the last batch, or the only one, may fill less of it."""
    if job.batch_size == "auto":
        return automatic_batch_size(n_rows, stops_early=job.params.early_stopping)
    size = KERAS_BATCH_SIZE if job.batch_size is None else int(job.batch_size)
    return min(size, max(SMALL_BATCH, rounded_up(n_rows)))


def automatic_batch_size(n_rows: int, *, stops_early: bool) -> int:
    size = AUTO_BATCH_SIZE
    while stops_early and size > SMALLEST_AUTO_BATCH and n_rows < STEPS_TO_STOP_BY * size:
        size = max(size // 2, SMALLEST_AUTO_BATCH)
    return size


def is_small_full_batch(job: Job, n_rows: int) -> bool:
    """Whether equal rows may be merged: all rows make one batch, and all see one network."""
    is_full_batch = n_rows <= compiled_batch_size(job, n_rows)
    return is_full_batch and n_rows <= SMALL_BATCH and not job.spec.is_random()


def rounded_up(n_rows: int) -> int:
    """The next number of at most four binary digits and zeros: at most an eighth more.

    Shapes are rounded so that data sets of nearly one size share what is compiled for them,
    and by the number of rows alone, so that results never depend on what ran before.
    """
    step = 1 << max(n_rows.bit_length() - 4, 0)
    return -(-n_rows // step) * step


def _optimizer(job: Job) -> OptimizerRecipe:
    """What the parameters say of the optimizer, and of that of a wide path.

    By its name the wide path's steps at the rate of the other one; an object keeps its own.
    """
    params = job.params
    clips = _clipping(params)[0] is not None
    of_wide_path = getattr(params, "wide_optimizer", None) if job.spec.n_wide else None
    optimizer = optimizer_recipe(
        params.optimizer,
        params.learning_rate,
        clips=clips,
        averages=params.ema_decay is not None,
        momentum=params.momentum,
        nesterov=params.nesterov,
        weight_decay=params.weight_decay,
    )
    if of_wide_path is None:
        return optimizer
    wide = optimizer_recipe(of_wide_path, DEFAULT_LEARNING_RATE, "wide_optimizer", clips=clips)
    for name, recipe in (("optimizer", optimizer), ("wide_optimizer", wide)):
        if recipe.config["use_ema"]:
            raise ValueError(
                f"'{name}' must not average weights itself beside an optimizer of the wide "
                "path; got use_ema=True; set 'ema_decay', which averages all weights."
            )
    return optimizer.beside(wide)


def _clipping(params: Any) -> tuple[str | None, float]:
    return clipping(**{name: getattr(params, name) for name in CLIPPINGS})
