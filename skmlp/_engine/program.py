"""A compiled network: model, optimizer and the functions that train and measure them.

`keras.Model.fit` spends its time between batches. Here the data stay on the device and a
whole epoch, a loop over batches, is one compiled function, so only arithmetic is left.
Everything that differs between fits of one network enters as a run-time value: the weights
and the learning rate are variables; data, order of rows, penalties, dropout rates and seed
are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

Weights = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Recipe:
    """What a program is compiled for. Recipes with equal keys share programs."""

    key: Hashable
    build_model: Callable[[], keras.Sequential] = field(compare=False)
    build_optimizer: Callable[[], keras.optimizers.Optimizer] = field(compare=False)
    # (targets, raw outputs) -> (rows,), and the same on predictions, for Keras callbacks
    loss_on_raw: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = field(compare=False)
    loss_on_predictions: Any = field(compare=False)
    batch_size: int
    has_l1: bool
    has_l2: bool


class Knobs(NamedTuple):
    """Numbers that a search varies: run-time values, so they cost no new compilation."""

    l1: tf.Tensor  # () float32
    l2: tf.Tensor  # () float32
    dropout: tf.Tensor  # (dropout layers,) float32
    seed: tf.Tensor  # () int32, of the dropout masks


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
        self.recipe = recipe
        self.capacity = capacity
        self.traces = 0  # how often a function was traced; a test counts on it
        self.model = recipe.build_model()
        self.optimizer = recipe.build_optimizer()
        self.optimizer.build(self.model.trainable_variables)
        self.model.compile(optimizer=self.optimizer, loss=recipe.loss_on_predictions)
        self.fresh_optimizer = _values(self.optimizer.variables)
        self._run_batches = tf.function(
            self._trace_run_batches, jit_compile=True, autograph=False
        )
        self._measure = tf.function(self._trace_measure, jit_compile=True, autograph=False)

    # Values in and out

    def load(self, weights: Weights, optimizer: Weights, learning_rate: float | None) -> None:
        """Set the weights, the optimizer's state (() for a fresh one) and its rate."""
        _assign(self.model.trainable_variables, weights)
        _assign(self.optimizer.variables, optimizer or self.fresh_optimizer)
        if learning_rate is not None:
            self.optimizer.learning_rate = learning_rate

    def snapshot(self) -> list[tf.Tensor]:
        """The weights as they are now: TensorFlow copies a variable only on its next write."""
        return [variable.value.read_value() for variable in self.model.trainable_variables]

    def restore(self, snapshot: list[tf.Tensor]) -> None:
        _assign(self.model.trainable_variables, snapshot)

    def finish(self) -> None:
        """Let an optimizer that averages weights put its averages in place, as Keras does."""
        self.optimizer.finalize_variable_values(self.model.trainable_variables)

    def weights(self) -> Weights:
        return _values(self.model.trainable_variables)

    def optimizer_state(self) -> Weights:
        return _values(self.optimizer.variables)

    def learning_rate(self) -> float:
        return float(tf.convert_to_tensor(self.optimizer.learning_rate))

    # Compiled work

    def run_batches(
        self, rows: Rows, order: tf.Tensor, first: int, last: int, epoch: int, knobs: Knobs
    ) -> float:
        """Train on the batches `first` to `last` - 1 of an epoch.

        Returns the sum, over these batches, of each one's loss times its number of rows;
        NaN if a weight is no longer finite.
        """
        span = tf.constant([first, last, rows.n_rows, epoch])
        return float(self._run_batches(rows.X, rows.y, rows.weight, order, span, knobs))

    def measure(self, rows: Rows, knobs: Knobs) -> tuple[float, float, np.ndarray]:
        """Sum of the weighted losses, penalty, and raw outputs (n_rows, n_outputs)."""
        total, penalty, raw = self._measure(rows.X, rows.y, rows.weight, knobs)
        return float(total), float(penalty), raw.numpy()[: rows.n_rows]

    # What is traced

    def _trace_run_batches(self, X, y, weight, order, span, knobs):  # type: ignore[no-untyped-def]
        self.traces += 1
        first, last, n_rows, epoch = tf.unstack(span)
        size = self.recipe.batch_size
        variables = self.model.trainable_variables

        def batch(i, total):  # type: ignore[no-untyped-def]
            # 1. Gather the batch's rows.
            index = tf.slice(order, [i * size], [size])
            n_in_batch = tf.cast(tf.minimum(size, n_rows - i * size), tf.float32)
            # 2. Forward: the rows' mean loss, a short last batch by its true size.
            with tf.GradientTape() as tape:
                raw = self._train_outputs(tf.gather(X, index), knobs, epoch, i)
                losses = self.recipe.loss_on_raw(tf.gather(y, index), raw)
                loss = tf.reduce_sum(losses * tf.gather(weight, index)) / n_in_batch
                loss += self._penalty(knobs)
            # 3. Backward and update.
            gradients = tape.gradient(loss, [variable.value for variable in variables])
            self.optimizer.apply(gradients, variables)
            return i + 1, total + loss * n_in_batch

        _, total = tf.while_loop(lambda i, _: i < last, batch, (first, tf.constant(0.0)))
        finite = tf.stack([tf.reduce_all(tf.math.is_finite(v.value)) for v in variables])
        return tf.where(tf.reduce_all(finite), total, float("nan"))

    def _trace_measure(self, X, y, weight, knobs):  # type: ignore[no-untyped-def]
        self.traces += 1
        raw = self._outputs(X, training=False, drop=lambda x: x)
        total = tf.reduce_sum(self.recipe.loss_on_raw(y, raw) * weight)
        return total, self._penalty(knobs), raw

    def _train_outputs(self, x: tf.Tensor, knobs: Knobs, epoch: Any, i: Any) -> tf.Tensor:
        """Raw outputs with units dropped: every batch and layer has a mask of its own."""
        rates = enumerate(tf.unstack(knobs.dropout))
        seed, epoch, i = (tf.cast(number, tf.int64) for number in (knobs.seed, epoch, i))

        def drop(x: tf.Tensor) -> tf.Tensor:
            layer, rate = next(rates)
            return dropped_out(x, rate, tf.stack([seed * 2**32 + epoch, i * 2**16 + layer]))

        return self._outputs(x, training=True, drop=drop)

    def _outputs(self, x: tf.Tensor, *, training: bool, drop: Any) -> tf.Tensor:
        """Raw outputs: every layer but the last, which makes predictions of them."""
        for layer in self.model.layers[:-1]:
            is_dropout = isinstance(layer, keras.layers.Dropout)
            x = drop(x) if is_dropout else layer(x, training=training)
        return x

    def _penalty(self, knobs: Knobs) -> tf.Tensor:
        kernels = [v.value for v in self.model.trainable_variables if v.name == "kernel"]
        penalty = tf.constant(0.0)
        if self.recipe.has_l1:
            penalty += knobs.l1 * tf.add_n([tf.reduce_sum(tf.abs(k)) for k in kernels])
        if self.recipe.has_l2:
            penalty += knobs.l2 * tf.add_n([tf.reduce_sum(tf.square(k)) for k in kernels])
        return penalty


def dropped_out(x: tf.Tensor, rate: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Inverted dropout (Srivastava et al. 2014) at a rate known at run time only.

    Random bits are what dropout costs on a CPU: sixteen a unit are enough for a rate, so
    two units share a 32-bit draw.
    """
    n_units = tf.size(x)
    words = tf.random.stateless_uniform(
        [(n_units + 1) // 2], seed, minval=None, maxval=None, dtype=tf.uint32
    )
    bits = tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:n_units]
    keep = tf.cast(tf.reshape(bits, tf.shape(x)), tf.float32) >= rate * 2.0**16
    return tf.where(keep, x / (1 - rate), 0.0)


def _values(variables: Sequence[Any]) -> Weights:
    return tuple(variable.value.numpy() for variable in variables)


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
