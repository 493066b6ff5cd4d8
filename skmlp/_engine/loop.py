"""The driver: one loop over epochs for every network, however it is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import tensorflow as tf

from skmlp._engine.program import Knobs, Program, Rows
from skmlp._engine.stopping import Patience, StopReason


class Watcher(Protocol):
    """Sees training go by, and may ask it to stop."""

    wants_batches: bool

    def on_begin(self, program: Program, n_batches: int) -> None: ...
    def on_epoch_begin(self, epoch: int) -> None: ...
    def on_batch_begin(self, batch: int) -> None: ...
    def on_batch_end(self, batch: int, loss: float) -> None: ...
    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool: ...
    def on_end(self, logs: dict[str, float]) -> None: ...


@dataclass(frozen=True)
class Plan:
    """How long to train, in what order, and when to stop."""

    epochs: int
    shuffle: bool
    seed: int
    first_epoch: int  # epochs already trained: orders and masks go on from there
    patience: Patience


@dataclass(frozen=True)
class Validation:
    """Rows that are measured after each epoch, and the score of their raw outputs."""

    rows: Sequence[Rows]
    score: Callable[[np.ndarray], float]


@dataclass
class Run:
    """What happened, epoch by epoch, and the best weights so far."""

    history: dict[str, list[float]] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    reason: StopReason = StopReason.EPOCHS
    best_value: float = math.inf
    best: list[tf.Tensor] = field(default_factory=list)
    # A training loss is that of the weights on the way through its epoch: one bad step at
    # the end does not show in it. The weights that entered the best epoch are safe.
    safe: list[tf.Tensor] = field(default_factory=list)

    def record(self, logs: dict[str, float], score: float | None) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        if score is not None:
            self.scores.append(score)


def train(
    program: Program,
    rows: Rows,
    validation: Validation | None,
    plan: Plan,
    knobs: Knobs,
    watchers: Sequence[Watcher],
) -> Run:
    """Train the loaded program and leave in it the weights to keep.

    Each epoch: 1. draw the order of the rows; 2. train on every batch; 3. measure the
    validation rows; 4. keep the weights if they are the best so far; 5. tell the watchers;
    6. ask whether to stop.

    The weights kept are the best epoch's if there are validation rows, or if training broke
    off; else the last's. The best are those of the lowest training loss or the highest
    validation score, the later ones of two that are equal.
    """
    run = Run(best=program.snapshot(), safe=program.snapshot())
    patience = plan.patience
    try:
        for watcher in watchers:
            watcher.on_begin(program, n_batches(program, rows))
        for epoch in range(plan.epochs):
            for watcher in watchers:
                watcher.on_epoch_begin(epoch)
            entered = program.snapshot()
            order = epoch_order(program, rows, plan, epoch)
            loss = run_epoch(program, rows, order, plan.first_epoch + epoch, knobs, watchers)
            logs, score = {"loss": loss}, None
            if validation is not None:
                logs["val_loss"], score = evaluate(program, validation, knobs)
            logs["learning_rate"] = program.learning_rate()
            is_finite = all(math.isfinite(value) for value in logs.values())
            value = loss if score is None else -score
            if is_finite and value <= run.best_value:
                run.best_value, run.best = value, program.snapshot()
                run.safe = entered if validation is None else run.best
            run.record(logs, score)

            # Every watcher hears of the epoch, also when one has asked to stop.
            asked_to_stop = [watcher.on_epoch_end(epoch, logs) for watcher in watchers]
            patience = patience.after(value)
            if not is_finite:
                run.reason = StopReason.NOT_FINITE
            elif any(asked_to_stop):
                run.reason = StopReason.CALLBACK
            elif patience.exhausted:
                run.reason = StopReason.NO_IMPROVEMENT
            else:
                continue
            break
    except KeyboardInterrupt:
        if not run.history:
            raise  # nothing was learned yet
        run.reason = StopReason.INTERRUPTED
    program.finish()
    for watcher in watchers:
        watcher.on_end(logs)
    if run.reason is StopReason.NOT_FINITE:
        program.restore(run.safe)
    elif run.reason is StopReason.INTERRUPTED or validation is not None:
        program.restore(run.best)
    return run


def n_batches(program: Program, rows: Rows) -> int:
    return -(-rows.n_rows // program.recipe.batch_size)


def epoch_order(program: Program, rows: Rows, plan: Plan, epoch: int) -> tf.Tensor:
    """Row indices of an epoch, batch after batch; int32.

    The epoch's number is the counter of the generator, so that training in one go and in
    parts draws the same orders. What fills up the last batch is a padding row.
    """
    size = program.recipe.batch_size
    order = np.full(-(-program.capacity // size) * size, rows.n_rows, dtype=np.int32)
    order[: rows.n_rows] = np.arange(rows.n_rows)
    if plan.shuffle:
        counter = [0, 0, 0, plan.first_epoch + epoch]
        bits = np.random.Philox(key=plan.seed, counter=counter)
        np.random.Generator(bits).shuffle(order[: rows.n_rows])
    return tf.constant(order)


def run_epoch(
    program: Program,
    rows: Rows,
    order: tf.Tensor,
    epoch: int,
    knobs: Knobs,
    watchers: Sequence[Watcher],
) -> float:
    """Mean loss over the rows of one epoch; batch by batch only if a watcher asks for it."""
    listeners = [watcher for watcher in watchers if watcher.wants_batches]
    last = n_batches(program, rows)
    if not listeners:
        return program.run_batches(rows, order, 0, last, epoch, knobs) / rows.n_rows
    total, seen = 0.0, 0
    for batch in range(last):
        for watcher in listeners:
            watcher.on_batch_begin(batch)
        total += program.run_batches(rows, order, batch, batch + 1, epoch, knobs)
        seen = min(seen + program.recipe.batch_size, rows.n_rows)
        for watcher in listeners:
            watcher.on_batch_end(batch, total / seen)
    return total / seen


def evaluate(
    program: Program, validation: Validation, knobs: Knobs
) -> tuple[float, float | None]:
    """Loss and score of the validation rows; no score where the loss is not finite."""
    parts = [program.measure(rows, knobs) for rows in validation.rows]
    totals, penalties, outputs = zip(*parts, strict=True)
    loss = sum(totals) / sum(rows.n_rows for rows in validation.rows) + penalties[0]
    if not math.isfinite(loss):
        return loss, None
    return loss, validation.score(np.concatenate(outputs))
