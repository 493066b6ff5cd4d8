"""The driver of a stack: `loop.train` for many networks at once, without watchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from skmlp._engine.loop import Plan, Run, drawn_order, losses_of_outputs
from skmlp._engine.recipe import Knobs, Weights
from skmlp._engine.stack import StackProgram
from skmlp._engine.stopping import StopReason


class RowSet(NamedTuple):
    """Rows that members may share: the same object is put on the device once."""

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray  # of mean 1


@dataclass(frozen=True)
class Member:
    """One network of a stack, and where its training begins."""

    rows: RowSet
    held: RowSet | None  # validation rows
    score: Callable[[np.ndarray], float] | None  # of their raw outputs; None: minus the loss
    plan: Plan
    knobs: Knobs
    weights: Weights
    averages: Weights
    optimizer: Sequence[np.ndarray]
    learning_rate: float
    run: Run | None = None  # to go on with: weights, averages and optimizer are its


class Trained(NamedTuple):
    """What a member leaves behind."""

    run: Run
    weights: Weights  # as predictions use them
    raw_weights: Weights  # as training goes on with them
    optimizer: tuple[np.ndarray, ...]


def train_stack(
    program: StackProgram, members: Sequence[Member], goes_on: Callable[[list[Run]], bool]
) -> list[Trained]:
    """Train members whose epochs have equally many batches; each ends by its own rules.

    Asked before every epoch, `goes_on` may break it off: some members are missing then.
    """
    missing = program.n_members - len(members)
    stacked = [*members, *[members[-1]] * missing]  # copies fill it up; nobody asks for them
    program.load(
        [member.weights for member in stacked],
        [member.averages for member in stacked],
        [member.optimizer for member in stacked],
    )
    rows, offsets = _placed([member.rows for member in stacked], program.capacity)
    held = _held(stacked) if members[0].held else None
    numbers = tf.constant(np.stack([member.knobs.packed() for member in stacked]))
    runs = [
        member.run or Run.beginning(member.plan, snapshot)
        for member, snapshot in zip(members, program.snapshot().numpy(), strict=False)
    ]
    trained: list[Trained | None] = [None] * len(members)
    rates = np.array([member.learning_rate for member in stacked])
    while (going := [k for k, done in enumerate(trained) if not done]) and goes_on(runs):
        epochs = [run.epochs for run in runs] + [runs[-1].epochs] * missing
        for k in going:
            rate = runs[k].rate(members[k].plan, epochs[k])
            rates[k] = members[k].learning_rate if rate is None else rate
        order = _orders(program, stacked, offsets, epochs)
        span = _span(stacked, epochs)
        totals, snapshot = program.run_epoch(rows, order, span, numbers, rates)
        reached = snapshot.numpy()
        measured = program.measure(held, numbers) if held else None
        for k in going:
            logs = _logs(program, members[k], totals[k])
            score = None
            if measured:
                score = _score(program, members[k], [part[k] for part in measured], logs)
            runs[k].after_epoch(
                logs,
                score,
                entered=runs[k].now,
                reached=reached[k],
                has_validation=held is not None,
            )
            if runs[k].reason is not None or runs[k].epochs == members[k].plan.epochs:
                trained[k] = _finished(program, k, runs[k], held is not None)
    return [done for done in trained if done]


def _logs(program: StackProgram, member: Member, totals: np.ndarray) -> dict[str, float]:
    rate, *losses = totals.tolist()
    losses = [loss / len(member.rows.X) for loss in losses]
    of_outputs = losses_of_outputs(program.recipe, losses)
    return {"loss": losses[0], **of_outputs, "learning_rate": rate}


def _finished(program: StackProgram, k: int, run: Run, has_validation: bool) -> Trained:
    run.reason = run.reason or StopReason.EPOCHS
    kept = run.kept(has_validation=has_validation)
    snapshot = run.now if kept is None else kept
    return Trained(
        run,
        program.weights(snapshot, averaged=True),
        program.weights(snapshot, averaged=False),
        program.optimizer_state(k, run.history["learning_rate"][-1]),
    )


def _orders(
    program: StackProgram,
    members: Sequence[Member],
    offsets: Sequence[int],
    epochs: Sequence[int],
) -> np.ndarray:
    """Of every member its epoch's rows, among those of all; the last row is for padding."""
    size = program.recipe.batch_size
    n_rows = [len(member.rows.X) for member in members]
    width = -(-n_rows[0] // size) * size
    orders = np.full((len(members), width), program.capacity - 1, dtype=np.int32)
    for order, member, n, offset, epoch in zip(
        orders, members, n_rows, offsets, epochs, strict=True
    ):
        order[:n] = offset + drawn_order(member.plan, n, epoch)
    return orders


def _span(members: Sequence[Member], epochs: Sequence[int]) -> np.ndarray:
    return np.array(
        [
            [member.plan.first_epoch + epoch, member.plan.seed, len(member.rows.X)]
            for member, epoch in zip(members, epochs, strict=True)
        ]
    )


def _placed(sets: Sequence[RowSet], capacity: int) -> tuple[tuple[tf.Tensor, ...], list[int]]:
    """All rows on the device, one set after the other, and where each member's begin."""
    unique = list({id(rows): rows for rows in sets}.values())
    ends = np.cumsum([len(rows.X) for rows in unique])
    begins = dict(zip(map(id, unique), [0, *ends[:-1].tolist()], strict=True))
    placed = tuple(
        tf.constant(_padded(np.concatenate(arrays), capacity))
        for arrays in zip(*unique, strict=True)
    )
    return placed, [begins[id(rows)] for rows in sets]


def _held(members: Sequence[Member]) -> tuple[tf.Tensor, ...]:
    """Validation rows, (sets, rows, ...), and of every member which of the sets is its."""
    sets = [member.held for member in members if member.held is not None]
    unique = list({id(rows): rows for rows in sets}.values())
    longest = max(len(rows.X) for rows in unique)
    arrays = [
        tf.constant(np.stack([_padded(array, longest) for array in several]))
        for several in zip(*unique, strict=True)
    ]
    positions = {id(rows): i for i, rows in enumerate(unique)}
    return *arrays, tf.constant([positions[id(rows)] for rows in sets])


def _padded(rows: np.ndarray, n_rows: int) -> np.ndarray:
    """The rows and zeros: their weight of zero keeps them out of every sum."""
    padding = np.zeros((n_rows - len(rows), *rows.shape[1:]), dtype=rows.dtype)
    return np.concatenate([rows, padding])


def _score(
    program: StackProgram, member: Member, measured: list[Any], logs: dict[str, float]
) -> float | None:
    """Add the losses of a member's validation rows to its logs; the score that is watched."""
    assert member.held is not None
    totals, penalty, raw = measured
    losses = totals / len(member.held.X)
    losses[0] += penalty
    logs["val_loss"] = float(losses[0])
    of_outputs = losses_of_outputs(program.recipe, losses.tolist())
    logs.update({f"val_{name}": value for name, value in of_outputs.items()})
    if not np.isfinite(losses[0]):
        return None
    if member.score is None:
        return -logs["val_loss"]
    return member.score(raw[: len(member.held.X)])
