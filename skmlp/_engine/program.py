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
from skmlp._engine.packing import OptimizerState, Packing
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
        self._own = self.model.trainable_variables
        self.packing = Packing(self._own, packs=recipe.packs)
        self._trained = self.packing.variables
        self._update = Update(self.model, self.packing, recipe)
        self.optimizer = self._update.optimizer
        self._averages = self._update.averages
        self._forward = Forward(self.model, recipe)
        self._state = OptimizerState(self.packing, len(self._own), recipe.build_optimizer)
        self.built_weights = self.weights()
        self._built_optimizer = values(self._update.state)
        self._built_others = values(self._others())
        self._run_batches = Compiled(self._trace_run_batches, with_xla=True)
        # A forward pass gains less from XLA than its compilation takes.
        self._measure = Compiled(self._trace_measure, with_xla=False)
        self.live_optimizer = self.optimizer  # the one that Keras callbacks see
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
            assign(self._averages, [variable.value for variable in self._trained])
        self._assign_weights(weights)
        assign(self._others(), self._built_others)
        if optimizer:
            self.restore_optimizer(optimizer)
        else:
            assign(self._update.state, self._built_optimizer)
        if learning_rate is not None:
            self.set_learning_rate(learning_rate)
        if wide_learning_rate is not None:
            assert self._update.wide_optimizer is not None
            self._update.wide_optimizer.learning_rate = wide_learning_rate

    def snapshot(self) -> np.ndarray:
        """The weights and averages as they are now, in one vector."""
        kept = [array for arrays in self.weights() for array in arrays]
        if self._averages:
            kept += self.packing.numpy_arrays(values(self._averages))
        return np.concatenate([array.ravel() for array in kept], dtype=np.float32)

    def restore(self, snapshot: Any) -> None:
        shapes = [tuple(variable.shape) for variable in self._kept()]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        parts = np.split(np.asarray(snapshot), ends[:-1])
        arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        weights, averages = arrays[: len(self._weights())], arrays[len(self._weights()) :]
        self._assign_arrays(weights)
        if averages:
            assign(self._averages, self.packing.numpy_stepped(averages))

    def restore_optimizer(self, state: Sequence[np.ndarray]) -> None:
        assign(self._update.state, self._state.stepped(state))

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """For this block the model has the averaged weights, if there are any.

        What the block makes of them is what the averages are after it.
        """
        if not self.recipe.has_ema:
            yield
            return
        raw = [variable.value.read_value() for variable in self._trained]
        assign(self._trained, [average.value for average in self._averages])
        yield
        assign(self._averages, [variable.value for variable in self._trained])
        assign(self._trained, raw)

    def finish(self) -> None:
        """Let an optimizer that averages weights put its averages in place, as Keras does."""
        self.optimizer.finalize_variable_values(self._trained)

    def weights(self) -> Weights:
        trained = {id(v): array for v, array in zip(self._own, self.trainable(), strict=True)}
        return tuple(
            tuple(
                trained[id(v)] if id(v) in trained else v.value.numpy() for v in layer.weights
            )
            for layer in self._layers
        )

    def trainable(self) -> list[np.ndarray]:
        """Weights that are trained, in the order of the model's variables."""
        return self.packing.numpy_arrays(values(self._trained))

    def restore_trainable(self, arrays: Sequence[np.ndarray]) -> None:
        assign(self._trained, self.packing.numpy_stepped(arrays))

    def optimizer_state(self) -> tuple[np.ndarray, ...]:
        """As that of an optimizer which steps each array by itself."""
        return self._state.own(values(self._update.state))

    def steps(self) -> int:
        """Batches that the optimizer has seen."""
        return int(self._update.steps)

    def set_learning_rate(self, rate: float) -> None:
        self.optimizer.learning_rate = rate

    def _weights(self) -> list[Any]:
        return [variable for layer in self._layers for variable in layer.weights]

    def _kept(self) -> list[Any]:
        """The model's variables that a snapshot holds values of, those with averages twice."""
        return [*self._weights(), *(self._own if self._averages else [])]

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
        self._assign_arrays([array for arrays in weights for array in arrays])

    def _assign_arrays(self, arrays: Sequence[np.ndarray]) -> None:
        """Set all weights, those that are trained or not."""
        given = dict(zip(map(id, self._weights()), arrays, strict=True))
        self.restore_trainable([given.pop(id(variable)) for variable in self._own])
        rest = [variable for variable in self._weights() if id(variable) in given]
        assign(rest, [given[id(variable)] for variable in rest])

    def is_sound(self) -> bool:
        """Whether `load` makes the program as good as new, however its last fit ended."""
        is_unbroken = self._run_batches.is_sound and self._measure.is_sound
        return is_unbroken and self._compiled_for() == self._built_for

    def _compiled_for(self) -> tuple[str, list[int], list[int]]:
        """Settings that a Keras callback may change and `load` does not set: the optimizer's
        constants, and which variables are trained.
        """
        config = self.live_optimizer.get_config()
        constants = str({k: v for k, v in config.items() if k != "learning_rate"})
        return (
            constants,
            [id(v) for v in self.model.trainable_variables],
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

        def batch(i, totals, rate):  # type: ignore[no-untyped-def]
            # 1. Gather the batch's rows; what fills up the last one has weight zero.
            index = tf.slice(order, [i * size], [size])
            n_in_batch = tf.cast(tf.minimum(size, n_rows - i * size), tf.float32)
            row_weight = tf.gather(weight, index)
            # 2. Forward: the rows' mean loss, a short last batch by its true size.
            trained = [tf.convert_to_tensor(variable.value) for variable in self._trained]
            with tf.GradientTape() as tape:
                tape.watch(trained)
                when = seed, epoch, i
                with self._having(trained) as updates:
                    raw = self._forward.in_training(
                        tf.gather(X, index), row_weight, knobs.rates, when
                    )
                    losses = self._forward.losses(tf.gather(y, index), raw, row_weight, knobs)
                    losses /= n_in_batch
                    loss = losses[0] + self._forward.penalty(knobs)
            # 3. Backward and update.
            gradients = tape.gradient(loss, trained, unconnected_gradients="zero")
            if self.recipe.schedule is not None:
                rate = self.recipe.schedule(self._update.steps, knobs)
                self.optimizer.learning_rate.assign(rate)
            rate = tf.convert_to_tensor(self.optimizer.learning_rate)
            self._update.apply(gradients, knobs.clip)
            self._update.update_averages(knobs.ema_decay)
            for variable in self.model.non_trainable_variables:
                value = updates.get_current_value(variable)
                if value is not None:
                    variable.assign(value)
            totals += tf.concat([[loss], losses[1:]], axis=0) * n_in_batch
            return i + 1, totals, rate

        start = first, tf.zeros(self.recipe.n_losses), tf.constant(0.0)
        _, totals, rate = tf.while_loop(lambda i, *_: i < last, batch, start)
        finite = [tf.reduce_all(tf.math.is_finite(v.value)) for v in self._trained]
        totals = tf.where(tf.reduce_all(tf.stack(finite)), totals, float("nan"))
        return tf.concat([[rate], totals], axis=0), self._trace_snapshot()

    def _trace_measure(self, X, y, weight, knobs):  # type: ignore[no-untyped-def]
        self.traces += 1
        knobs = Knobs.unpacked(knobs, self.recipe)
        with self._having([variable.value for variable in self._trained]):
            raw = self._forward.after_training(X)
            losses = self._forward.losses(y, raw, weight, knobs)
            return losses, self._forward.penalty(knobs), raw[0]

    def _trace_snapshot(self) -> tf.Tensor:
        """As `snapshot`."""
        arrays = self.packing.arrays([variable.value for variable in self._trained])
        trained = {id(v): array for v, array in zip(self._own, arrays, strict=True)}
        kept = [trained.get(id(variable), variable.value) for variable in self._weights()]
        if self._averages:
            kept += self.packing.arrays([variable.value for variable in self._averages])
        flat = [tf.reshape(array, [-1]) for array in kept]
        return tf.concat([tf.cast(array, tf.float32) for array in flat], axis=0)

    def _having(self, trained: Sequence[tf.Tensor]) -> keras.StatelessScope:
        """A block in which the model's weights are these; it notes what layers assign."""
        arrays = self.packing.arrays(trained)
        return keras.StatelessScope(list(zip(self._own, arrays, strict=True)))
