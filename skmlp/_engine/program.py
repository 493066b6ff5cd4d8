"""A compiled network: model, optimizer and the functions that train and measure them.

`keras.Model.fit` spends its time between batches. Here the data stay on the device and a
whole epoch, a loop over batches, is one compiled function, so only arithmetic is left.
Everything that differs between fits of one network enters as a run-time value: the weights
and the learning rate are variables; data, order of rows, penalties, dropout rates and seed
are arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from skmlp._engine.compiled import Compiled
from skmlp._engine.forward import Forward
from skmlp._engine.recipe import Knobs, Recipe, Weights, assign, values
from skmlp._engine.update import Update


class Rows(NamedTuple):
    """Rows on the device, padded by copies of the first one with weight zero."""

    X: tf.Tensor  # (capacity, n_features) float32
    y: tf.Tensor  # (capacity, n_outputs) float32 or (capacity,) int32
    weight: tf.Tensor  # (capacity,) float32
    n_rows: int


def place(X: np.ndarray, y: np.ndarray, weight: np.ndarray, capacity: int) -> Rows:
    """Put rows on the device; the copies' weight of zero keeps them out of every sum."""
    n_rows = len(X)
    filler = np.zeros(capacity - n_rows, dtype=np.intp)

    def padded(rows: np.ndarray) -> np.ndarray:
        return np.concatenate([rows, rows[filler]])

    weight = np.concatenate([weight, np.zeros(capacity - n_rows, dtype=np.float32)])
    return Rows(tf.constant(padded(X)), tf.constant(padded(y)), tf.constant(weight), n_rows)


class Program:
    """One network that one fit at a time trains; `capacity` rows are the most it takes."""

    def __init__(self, recipe: Recipe, capacity: int) -> None:
        self.key = self.recipe = recipe
        self.capacity = capacity
        self.traces = 0  # how often a function was traced; a test counts on it
        self.model = recipe.build_model()
        self._layers = [self.model.get_layer(name) for name in recipe.layers]
        self._forward = Forward(self.model, recipe)
        self._update = Update(self.model, recipe)
        self.optimizer = self._update.optimizer
        self._averages = self._update.averages
        self.built_weights = self.weights()
        self._built_optimizer = values(self._update.state)
        self._built_others = values(self._others())
        self._run_batches = Compiled(self._trace_run_batches, with_xla=True)
        # A forward pass gains less from XLA than its compilation takes.
        self._measure = Compiled(self._trace_measure, with_xla=False)
        self._built_for = self._compiled_for()

    # Values in and out

    def load(
        self,
        weights: Weights,
        averages: Weights,
        optimizer: Sequence[np.ndarray],
        learning_rate: float | None,
        wide_learning_rate: float | None = None,
    ) -> None:
        """Set the weights, their averages, and the optimizers' state (() for a fresh one)
        and rates (None where something else sets them).
        """
        if self.recipe.has_ema:
            self._assign_weights(averages)
            assign(self._averages, [variable.value for variable in self._trainable()])
        self._assign_weights(weights)
        assign(self._others(), self._built_others)
        self.restore_optimizer(optimizer or self._built_optimizer)
        if learning_rate is not None:
            self.set_learning_rate(learning_rate)
        if wide_learning_rate is not None:
            assert self._update.wide_optimizer is not None
            self._update.wide_optimizer.learning_rate = wide_learning_rate

    def snapshot(self) -> tf.Tensor:
        """The weights and averages as they are now, in one vector."""
        flat = [tf.reshape(variable.value, [-1]) for variable in self._kept()]
        return tf.concat([tf.cast(values, tf.float32) for values in flat], axis=0)

    def restore(self, snapshot: Any) -> None:
        kept = self._kept()
        ends = np.cumsum([int(np.prod(variable.shape)) for variable in kept])
        for variable, part in zip(kept, np.split(np.asarray(snapshot), ends[:-1]), strict=True):
            variable.assign(part.reshape(variable.shape).astype(variable.dtype))

    def restore_optimizer(self, state: Sequence[np.ndarray]) -> None:
        assign(self._update.state, state)

    def compiled_model(self, loss_weights: Sequence[float]) -> keras.Model:
        """The model with its optimizer, as Keras's callbacks expect it."""
        losses = [self.recipe.loss_on_predictions] * len(self.recipe.outputs)
        several = len(losses) > 1
        self.model.compile(
            optimizer=self.optimizer,
            loss=losses if several else losses[0],
            loss_weights=list(loss_weights) if several else None,
        )
        return self.model

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """For this block the model has the averaged weights, if there are any.

        What the block makes of them is what the averages are after it.
        """
        if not self.recipe.has_ema:
            yield
            return
        raw = [variable.value.read_value() for variable in self._trainable()]
        assign(self._trainable(), [average.value for average in self._averages])
        yield
        assign(self._averages, [variable.value for variable in self._trainable()])
        assign(self._trainable(), raw)

    def finish(self) -> None:
        """Let an optimizer that averages weights put its averages in place, as Keras does."""
        self.optimizer.finalize_variable_values(self._trainable())

    def weights(self) -> Weights:
        return tuple(values(layer.weights) for layer in self._layers)

    def optimizer_state(self) -> tuple[np.ndarray, ...]:
        return values(self._update.state)

    def steps(self) -> int:
        """Batches that the optimizer has seen."""
        return int(self._update.steps)

    def set_learning_rate(self, rate: float) -> None:
        self.optimizer.learning_rate = rate

    def _trainable(self) -> list[Any]:
        return self.model.trainable_variables

    def _weights(self) -> list[Any]:
        return [variable for layer in self._layers for variable in layer.weights]

    def _kept(self) -> list[Any]:
        """What an epoch may have to be put back to."""
        return [*self._weights(), *self._averages]

    def _others(self) -> list[Any]:
        """What is not a weight: states of seeds in the user's own layers."""
        weights = {id(variable) for variable in self._weights()}
        return [
            variable
            for layer in self._layers
            for variable in layer.variables
            if id(variable) not in weights
        ]

    def _assign_weights(self, weights: Weights) -> None:
        assign(self._weights(), [array for arrays in weights for array in arrays])

    def is_sound(self) -> bool:
        """Whether `load` makes the program as good as new, however its last fit ended."""
        is_unbroken = self._run_batches.is_sound and self._measure.is_sound
        return is_unbroken and self._compiled_for() == self._built_for

    def _compiled_for(self) -> tuple[str, list[int], list[int]]:
        """Settings that a Keras callback may change and `load` does not set: the optimizer's
        constants, and which variables are trained.
        """
        config = self.optimizer.get_config()
        constants = str({k: v for k, v in config.items() if k != "learning_rate"})
        return (
            constants,
            [id(v) for v in self._trainable()],
            [id(v) for v in self._update.state],
        )

    # Compiled work

    def run_batches(
        self,
        rows: Rows,
        order: tf.Tensor,
        span: Sequence[int],
        knobs: tf.Tensor,
    ) -> tuple[np.ndarray, tf.Tensor]:
        """Train on some batches of an epoch.

        `span` holds the first batch, the one after the last, the epoch and the seed of its
        random layers. Returns the last step's learning rate, and sums over these batches of
        losses times numbers of rows (1 + n_losses,): NaN if a weight has become infinite; and
        a snapshot.
        """
        span = tf.constant([*span, rows.n_rows], tf.int32)
        arguments = rows.X, rows.y, rows.weight, order, span, knobs
        totals, snapshot = self._run_batches(*arguments)
        return totals.numpy().astype(np.float64), snapshot

    def measure(self, rows: Rows, knobs: tf.Tensor) -> tuple[np.ndarray, float, np.ndarray]:
        """Sums of the rows' losses, (n_losses,); the penalty; and raw outputs of the main
        output, (n_rows, n_outputs).
        """
        arguments = rows.X, rows.y, rows.weight, knobs
        totals, penalty, raw = self._measure(*arguments)
        return totals.numpy().astype(np.float64), float(penalty), raw.numpy()[: rows.n_rows]

    # What is traced

    def _trace_run_batches(self, X, y, weight, order, span, knobs):  # type: ignore[no-untyped-def]
        self.traces += 1
        knobs = Knobs.unpacked(knobs, self.recipe)
        first, last, epoch, seed, n_rows = tf.unstack(span)
        size = self.recipe.batch_size
        variables = self._trainable()

        def batch(i, totals, rate):  # type: ignore[no-untyped-def]
            # 1. Gather the batch's rows; what fills up the last one has weight zero.
            index = tf.slice(order, [i * size], [size])
            n_in_batch = tf.cast(tf.minimum(size, n_rows - i * size), tf.float32)
            row_weight = tf.gather(weight, index)
            # 2. Forward: the rows' mean loss, a short last batch by its true size.
            with tf.GradientTape() as tape:
                when = seed, epoch, i
                raw = self._forward.in_training(
                    tf.gather(X, index), row_weight, knobs.rates, when
                )
                losses = self._forward.losses(tf.gather(y, index), raw, row_weight, knobs)
                losses /= n_in_batch
                loss = losses[0] + self._forward.penalty(knobs)
            # 3. Backward and update.
            gradients = tape.gradient(loss, [variable.value for variable in variables])
            if self.recipe.schedule is not None:
                rate = self.recipe.schedule(self._update.steps, knobs)
                self.optimizer.learning_rate.assign(rate)
            rate = tf.convert_to_tensor(self.optimizer.learning_rate)
            self._update.apply(gradients, knobs.clip)
            self._update.update_averages(knobs.ema_decay)
            totals += tf.concat([[loss], losses[1:]], axis=0) * n_in_batch
            return i + 1, totals, rate

        start = first, tf.zeros(self.recipe.n_losses), tf.constant(0.0)
        _, totals, rate = tf.while_loop(lambda i, *_: i < last, batch, start)
        finite = tf.stack([tf.reduce_all(tf.math.is_finite(v.value)) for v in variables])
        totals = tf.where(tf.reduce_all(finite), totals, float("nan"))
        return tf.concat([[rate], totals], axis=0), self.snapshot()

    def _trace_measure(self, X, y, weight, knobs):  # type: ignore[no-untyped-def]
        self.traces += 1
        knobs = Knobs.unpacked(knobs, self.recipe)
        raw = self._forward.after_training(X)
        losses = self._forward.losses(y, raw, weight, knobs)
        return losses, self._forward.penalty(knobs), raw[0]
