"""The driver: one loop over epochs for every network, however it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from skmlp._engine.program import Program, Rows
from skmlp._engine.recipe import Knobs, Recipe, Weights
from skmlp._engine.stopping import Patience, Plateau, StopReason


class Watcher(Protocol):
    """Sees training go by, and may ask it to stop."""

    wants_batches: bool

    def on_begin(self, program: Program, n_batches: int) -> int: ...  # the first epoch to run
    def on_epoch_begin(self, epoch: int) -> None: ...
    def on_batch_begin(self, batch: int) -> None: ...
    def on_batch_end(self, batch: int, loss: float) -> bool: ...  # whether to stop
    def on_test_begin(self) -> None: ...
    def on_test_batch_begin(self, batch: int) -> None: ...
    def on_test_batch_end(self, batch: int, loss: float) -> None: ...
    def on_test_end(self, loss: float) -> None: ...
    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool: ...  # the same
    def on_end(self, logs: dict[str, float]) -> None: ...


@dataclass(frozen=True)
class Plan:
    """How long to train, in what order and at what rate, and when to stop."""

    epochs: int
    shuffle: bool
    seed: int
    first_epoch: int  # epochs already trained: orders and masks go on from there
    patience: Patience
    start_from_epoch: int = 0  # the best epoch is sought, and patience counts, from this one
    plateau: Plateau | None = None
    # Rate of an epoch, of the number of epochs before it and the plateau's factor; None
    # leaves the optimizer's.
    epoch_rate: Callable[[int, float], float] | None = None
    # Of the weights after an epoch, on the training rows.
    metrics: Callable[[Weights], dict[str, float]] | None = None
    save: Callable[[Run], None] | None = None  # keeps what is needed to go on


@dataclass(frozen=True)
class Validation:
    """Rows that are measured after each epoch, and what is made of their raw outputs."""

    rows: Sequence[Rows]
    score: Callable[[np.ndarray], float] | None  # None: the loss, with its sign turned
    metrics: Callable[[np.ndarray], dict[str, float]]


@dataclass
class Run:
    """What happened, epoch by epoch, and the best weights so far."""

    patience: Patience
    plateau: Plateau | None
    now: Any  # snapshots of the program: tensors or arrays
    best: Any
    # A training loss is that of the weights on the way through its epoch: one bad step at
    # the end does not show in it. The weights that entered the best epoch are safe.
    safe: Any
    start_from_epoch: int = 0  # epochs before it are the best until it has been run
    best_value: float = math.inf
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": []})
    scores: list[float] = field(default_factory=list)
    reason: StopReason | None = None  # None while training goes on

    @classmethod
    def beginning(cls, plan: Plan, snapshot: Any) -> Run:
        return cls(
            plan.patience,
            plan.plateau,
            now=snapshot,
            best=snapshot,
            safe=snapshot,
            start_from_epoch=plan.start_from_epoch,
        )

    @property
    def epochs(self) -> int:
        return len(self.history["loss"])

    def copy(self) -> Run:
        """The same in arrays of its own."""
        return replace(
            self,
            now=np.array(self.now),
            best=np.array(self.best),
            safe=np.array(self.safe),
            history={name: list(values) for name, values in self.history.items()},
            scores=list(self.scores),
        )

    def rate(self, plan: Plan, epoch: int) -> float | None:
        """Learning rate that the plan has for an epoch of this call; None: the optimizer's."""
        if plan.epoch_rate is None:
            return None
        factor = self.plateau.factor if self.plateau else 1.0
        return plan.epoch_rate(plan.first_epoch + epoch, factor)

    def after_epoch(
        self,
        logs: dict[str, float],
        score: float | None,
        *,
        entered: Any,
        reached: Any,
        has_validation: bool,
        asked_to_stop: bool = False,
    ) -> None:
        """Note what an epoch came to, its weights if they are the best, and whether to stop.

        `entered` and `reached` are snapshots before and after it.
        """
        self.now = reached
        epoch = self.epochs
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        if score is not None:
            self.scores.append(score)
        loss = logs["loss"]
        value = loss if score is None else -score
        is_finite = math.isfinite(loss) and math.isfinite(logs.get("val_loss", loss))
        if is_finite and (value <= self.best_value or epoch == self.start_from_epoch):
            self.best_value, self.best = value, reached
            self.safe = reached if has_validation else entered
        if epoch >= self.start_from_epoch:
            self.patience = self.patience.after(value)
        if self.plateau:
            self.plateau = self.plateau.after(logs.get("val_loss", loss))
        if not is_finite:
            self.reason = StopReason.NOT_FINITE
        elif asked_to_stop:
            self.reason = StopReason.CALLBACK
        elif self.patience.exhausted:
            self.reason = StopReason.NO_IMPROVEMENT

    def kept(self, *, has_validation: bool) -> Any | None:
        """Snapshot of the weights to keep at the end; None for the last ones."""
        if self.reason is StopReason.NOT_FINITE:
            return self.safe
        return self.best if has_validation or self.reason is StopReason.INTERRUPTED else None


def train(
    program: Program,
    rows: Rows,
    validation: Validation | None,
    plan: Plan,
    knobs: Knobs,
    watchers: Sequence[Watcher],
    run: Run | None = None,
) -> Run:
    """Train the loaded program and leave in it the weights to keep.

    Each epoch: 1. set its learning rate; 2. train on every batch, in a new order; 3. measure
    the validation rows; 4. keep the weights if they are the best so far; 5. tell the
    watchers; 6. ask whether to stop; 7. save.

    The weights kept are the best epoch's if there are validation rows, or if training broke
    off; else the last's. The best are those of the lowest training loss or the highest
    validation score, the later ones of two that are equal. A `run` that is given is gone on
    with; the optimizer's state must be there already.
    """
    if run is None:
        run = Run.beginning(plan, program.snapshot())
    else:
        program.restore(run.now)
    logs: dict[str, float] = {}
    numbers = knobs.packed()
    try:
        begins = [watcher.on_begin(program, n_batches(program, rows)) for watcher in watchers]
        for epoch in range(max([run.epochs, *begins]), plan.epochs):
            if run.reason is not None:
                break
            _begin_epoch(program, plan, run, epoch, watchers)
            # Nobody but a watcher changes weights between epochs.
            entered = program.snapshot() if watchers else run.now
            (rate, *losses), reached = run_epoch(program, rows, plan, epoch, numbers, watchers)
            loss = losses[0]
            with program.averaged():
                logs = {"loss": loss, **losses_of_outputs(program.recipe, losses)}
                logs["learning_rate"] = rate
                score = _measure(program, validation, plan, numbers, watchers, logs)
                # Every watcher hears of the epoch, also when one has asked to stop.
                asked_to_stop = [watcher.on_epoch_end(epoch, logs) for watcher in watchers]
            run.after_epoch(
                logs,
                score,
                entered=entered,
                reached=reached,
                has_validation=validation is not None,
                asked_to_stop=any(asked_to_stop),
            )
            if plan.save:
                plan.save(run)
    except KeyboardInterrupt:
        if not run.epochs:
            raise  # nothing was learned yet
        run.reason = StopReason.INTERRUPTED
    run.reason = run.reason or StopReason.EPOCHS
    program.finish()
    kept = run.kept(has_validation=validation is not None)
    if kept is not None:
        program.restore(kept)
    with program.averaged():
        for watcher in watchers:
            watcher.on_end(logs)
    return run


def _begin_epoch(
    program: Program, plan: Plan, run: Run, epoch: int, watchers: Sequence[Watcher]
) -> None:
    """Set the epoch's learning rate, which watchers may then change."""
    rate = run.rate(plan, epoch)
    if rate is not None:
        program.set_learning_rate(rate)
    for watcher in watchers:
        watcher.on_epoch_begin(epoch)


def n_batches(program: Program, rows: Rows) -> int:
    return -(-rows.n_rows // program.recipe.batch_size)


def epoch_order(program: Program, rows: Rows, plan: Plan, epoch: int) -> tf.Tensor:
    """Row indices of an epoch, batch after batch, int32; padding rows fill up the last one."""
    size = program.recipe.batch_size
    order = np.full(-(-program.capacity // size) * size, rows.n_rows, dtype=np.int32)
    order[: rows.n_rows] = drawn_order(plan, rows.n_rows, epoch)
    return tf.constant(order)


def drawn_order(plan: Plan, n_rows: int, epoch: int) -> np.ndarray:
    """The rows of an epoch in the order of training, (n_rows,) int32.

    The epoch's number is the counter of the generator, so that training in one go and in
    parts draws the same orders.
    """
    order = np.arange(n_rows, dtype=np.int32)
    if plan.shuffle:
        counter = [0, 0, 0, plan.first_epoch + epoch]
        bits = np.random.Philox(key=plan.seed, counter=counter)
        np.random.Generator(bits).shuffle(order)
    return order


def run_epoch(
    program: Program,
    rows: Rows,
    plan: Plan,
    epoch: int,
    numbers: tf.Tensor,
    watchers: Sequence[Watcher],
) -> tuple[list[float], tf.Tensor]:
    """Learning rate and mean losses over the rows of one epoch, and a snapshot after it.

    It runs batch by batch only if a watcher asks for it.
    """
    order = epoch_order(program, rows, plan, epoch)
    listeners = [watcher for watcher in watchers if watcher.wants_batches]
    last, number = n_batches(program, rows), plan.first_epoch + epoch
    if not listeners:
        span = 0, last, number, plan.seed
        (rate, *totals), snapshot = program.run_batches(rows, order, span, numbers)
        return [float(rate), *(float(total) / rows.n_rows for total in totals)], snapshot
    summed, seen = np.zeros(program.recipe.n_losses), 0
    for batch in range(last):
        for watcher in listeners:
            watcher.on_batch_begin(batch)
        span = batch, batch + 1, number, plan.seed
        (rate, *of_batch), snapshot = program.run_batches(rows, order, span, numbers)
        summed += of_batch
        seen = min(seen + program.recipe.batch_size, rows.n_rows)
        asked_to_stop = [w.on_batch_end(batch, float(summed[0]) / seen) for w in listeners]
        if any(asked_to_stop):
            break
    return [float(rate), *(summed / seen).tolist()], snapshot


def _measure(
    program: Program,
    validation: Validation | None,
    plan: Plan,
    numbers: tf.Tensor,
    watchers: Sequence[Watcher],
    logs: dict[str, float],
) -> float | None:
    """Add to the logs what the weights now give on both kinds of rows.

    Returns the score of the validation rows, if there are any and their loss is finite.
    """
    if plan.metrics is not None:
        logs.update(plan.metrics(program.weights()))
    if validation is None:
        return None
    losses, raw = evaluate(program, validation.rows, numbers, watchers)
    logs["val_loss"] = loss = losses[0]
    of_outputs = losses_of_outputs(program.recipe, losses)
    logs.update({f"val_{name}": value for name, value in of_outputs.items()})
    if not math.isfinite(loss):
        return None
    metrics = validation.metrics(raw)
    logs.update({f"val_{name}": value for name, value in metrics.items()})
    return -loss if validation.score is None else validation.score(raw)


def evaluate(
    program: Program, chunks: Sequence[Rows], numbers: tf.Tensor, watchers: Sequence[Watcher]
) -> tuple[list[float], np.ndarray]:
    """Losses, penalty included in the first, and raw outputs of rows."""
    listeners = [watcher for watcher in watchers if watcher.wants_batches]
    for watcher in watchers:
        watcher.on_test_begin()
    totals, seen, outputs = np.zeros(program.recipe.n_losses), 0, []
    for i, rows in enumerate(chunks):
        for watcher in listeners:
            watcher.on_test_batch_begin(i)
        chunk_totals, penalty, raw = program.measure(rows, numbers)
        totals += chunk_totals
        seen += rows.n_rows
        outputs.append(raw)
        for watcher in listeners:
            watcher.on_test_batch_end(i, float(totals[0] / seen + penalty))
    losses = totals / seen
    losses[0] += penalty
    for watcher in watchers:
        watcher.on_test_end(float(losses[0]))
    return losses.tolist(), np.concatenate(outputs)


def losses_of_outputs(recipe: Recipe, losses: Sequence[float]) -> dict[str, float]:
    """What Keras logs of a model with several outputs: each one's loss, without penalty."""
    return {
        f"{name}_loss": loss for name, loss in zip(recipe.outputs, losses[1:], strict=False)
    }
