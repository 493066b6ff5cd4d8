"""Many networks of one recipe, trained as one: a leading axis of members in every array.

A step of a small network is mostly the cost of starting its operations, so a step of thirty
networks at once takes little longer than that of a few. Every member has its own rows, order,
seed, numbers, learning rate and optimizer state, and ends when its own rules say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from skmlp._engine.compiled import Compiled
from skmlp._engine.recipe import Knobs, Recipe, Weights, assign
from skmlp._engine.stack_forward import StackForward, sums


class StackProgram:
    """Networks that are trained together, on at most `capacity` rows in all."""

    def __init__(self, key: tuple[Recipe, int], capacity: int) -> None:
        self.key = key
        self.recipe, self.n_members = recipe, n_members = key
        self.capacity = capacity
        self.traces = 0
        self._model = recipe.build_model()
        self._layers = [self._model.get_layer(name) for name in recipe.layers]
        self._stacked = {
            id(variable): keras.Variable(
                np.zeros((n_members, *variable.shape), np.float32), name=variable.name
            )
            for layer in self._layers
            for variable in layer.weights
        }
        self.built_weights = tuple(
            tuple(variable.value.numpy() for variable in layer.weights)
            for layer in self._layers
        )
        self._forward = StackForward(self._model, recipe, self._stacked)
        self._trainable = [self._stacked[id(v)] for v in self._model.trainable_variables]
        self._averages = [
            keras.Variable(np.zeros(v.shape, np.float32), name="average")
            for v in self._trainable
            if recipe.has_ema
        ]
        self._steps = keras.Variable(np.zeros(n_members, np.int32), name="steps")
        self._optimizer = with_steps_of_members(recipe.build_optimizer())
        self._optimizer.build(self._trainable)
        # the first two are the optimizer's own count of steps and learning rate
        self._moments = self._optimizer.variables[2:]
        self._fresh = (0, 0.0, *(moment.value.numpy()[0] for moment in self._moments))
        self._run_batches = Compiled(self._trace_run_batches, with_xla=True)
        # A forward pass gains less from XLA than its compilation takes.
        self._measure = Compiled(self._trace_measure, with_xla=False)

    # Values in and out

    def load(
        self,
        weights: Sequence[Weights],
        averages: Sequence[Weights],
        optimizer: Sequence[Sequence[np.ndarray]],
    ) -> None:
        """Set all weights, their averages and the optimizer's states (() for a fresh one)."""
        variables = [self._stacked[id(v)] for layer in self._layers for v in layer.weights]
        assign(variables, _stacked_arrays(averages))
        assign(self._averages, [v.value for v in self._trainable[: len(self._averages)]])
        assign(variables, _stacked_arrays(weights))
        states = [state or self._fresh for state in optimizer]
        steps, _, *moments = zip(*states, strict=True)
        self._steps.assign(np.array(steps, np.int32))
        assign(self._moments, [np.stack(moment) for moment in moments])

    def optimizer_state(self, member: int, rate: float) -> tuple[np.ndarray, ...]:
        """What `Program.optimizer_state` gives of a network trained alone."""
        steps = np.asarray(self._steps.value[member])
        moments = [np.asarray(moment.value[member]) for moment in self._moments]
        return (steps, np.asarray(rate, np.float32), *moments)

    def snapshot(self) -> tf.Tensor:
        """Weights and averages of every member, (n_members, n_values)."""
        kept = [self._stacked[id(v)] for layer in self._layers for v in layer.weights]
        flat = [tf.reshape(v.value, [self.n_members, -1]) for v in [*kept, *self._averages]]
        return tf.concat(flat, axis=1)

    def weights(self, snapshot: np.ndarray, *, averaged: bool) -> Weights:
        """A member's weights in its row of a snapshot, or with their averages in place."""
        variables = [v for layer in self._layers for v in layer.weights]
        shapes = [tuple(v.shape) for v in [*variables, *self._averaged_model_variables()]]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        parts = np.split(np.asarray(snapshot), ends[:-1])
        arrays = [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
        values = {id(v): array for v, array in zip(variables, arrays, strict=False)}
        if averaged:
            of_averages = arrays[len(variables) :]
            names = map(id, self._averaged_model_variables())
            values.update(zip(names, of_averages, strict=True))
        return tuple(tuple(values[id(v)] for v in layer.weights) for layer in self._layers)

    def is_sound(self) -> bool:
        """As `Program.is_sound`; no callback sees a stack."""
        return self._run_batches.is_sound and self._measure.is_sound

    def _averaged_model_variables(self) -> list[Any]:
        return self._model.trainable_variables if self.recipe.has_ema else []

    # Compiled work

    def run_epoch(
        self,
        rows: Sequence[tf.Tensor],
        order: np.ndarray,
        span: np.ndarray,
        numbers: tf.Tensor,
        rates: np.ndarray,
    ) -> tuple[np.ndarray, tf.Tensor]:
        """Train one epoch.

        `span` holds of every member its epoch, seed and number of rows, (n_members, 3). Returns
        what `Program.run_batches` does, with a leading axis.
        """
        batches = tf.constant(-(-int(span[0, 2]) // self.recipe.batch_size))
        arguments = (
            *rows,
            tf.constant(order),
            tf.constant(span, tf.int32),
            batches,
            numbers,
            tf.constant(rates, tf.float32),
        )
        totals, snapshot = self._run_batches(*arguments)
        return totals.numpy().astype(np.float64), snapshot

    def measure(
        self, held: Sequence[tf.Tensor], numbers: tf.Tensor
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of every member: sums of losses, penalty, and raw main outputs.

        `held` is sets of rows, X, y and weights, and of every member which set is its.
        """
        totals, penalty, raw = self._measure(*held, numbers)
        return totals.numpy().astype(np.float64), penalty.numpy(), raw.numpy()

    # What is traced

    def _trace_run_batches(self, X, y, weight, order, span, batches, numbers, rates):  # type: ignore[no-untyped-def]
        self.traces += 1
        knobs = Knobs.unpacked(numbers, self.recipe)
        epoch, seed, n_rows = tf.unstack(span, axis=1)
        size = self.recipe.batch_size

        def batch(i, totals, rates):  # type: ignore[no-untyped-def]
            # 1. Gather every member's batch; what fills up the last one has weight zero.
            index = tf.slice(order, [0, i * size], [self.n_members, size])
            n_in_batch = tf.cast(tf.minimum(size, n_rows - i * size), tf.float32)
            row_weight = tf.gather(weight, index)
            # 2. Forward. Members share nothing, so the gradient of their sum is each one's.
            with tf.GradientTape() as tape:
                when = seed[:, None, None], epoch[:, None, None], i
                raw = self._forward.in_training(
                    tf.gather(X, index), row_weight, knobs.rates, when
                )
                losses = self._forward.losses(tf.gather(y, index), raw, row_weight, knobs)
                losses /= n_in_batch[:, None]
                loss = losses[:, 0] + self._forward.penalty(knobs)
                total = tf.reduce_sum(loss)
            # 3. Backward and update.
            gradients = tape.gradient(total, [v.value for v in self._trainable])
            if self.recipe.schedule is not None:
                rates = self.recipe.schedule(self._steps.value, knobs)
            self._update(gradients, rates, knobs)
            told = tf.concat([loss[:, None], losses[:, 1:]], axis=1)
            return i + 1, totals + told * n_in_batch[:, None], rates

        start = 0, tf.zeros((self.n_members, self.recipe.n_losses)), rates
        _, totals, rates = tf.while_loop(lambda i, *_: i < batches, batch, start)
        finite = [
            tf.reduce_all(tf.math.is_finite(v.value), axis=list(range(1, len(v.shape))))
            for v in self._trainable
        ]
        finite = tf.reduce_all(tf.stack(finite), axis=0)
        totals = tf.where(finite[:, None], totals, float("nan"))
        return tf.concat([rates[:, None], totals], axis=1), self.snapshot()

    def _trace_measure(self, X, y, weight, which, numbers):  # type: ignore[no-untyped-def]
        self.traces += 1
        knobs = Knobs.unpacked(numbers, self.recipe)
        X, y, weight = (tf.gather(rows, which) for rows in (X, y, weight))
        raw = self._forward.after_training(X)
        losses = self._forward.losses(y, raw, weight, knobs)
        return losses, self._forward.penalty(knobs), raw[0]

    def _update(self, gradients: list[tf.Tensor], rates: tf.Tensor, knobs: Knobs) -> None:
        decay = self._optimizer.weight_decay
        for gradient, variable in zip(
            self._clipped(gradients, knobs), self._trainable, strict=True
        ):
            rate = _beside(rates, variable)
            if decay is not None:
                variable.assign(variable - variable * decay * rate)
            self._optimizer.steps = _beside(self._steps.value, variable)
            self._optimizer.update_step(gradient, variable, rate)
        self._steps.assign_add(tf.ones(self.n_members, tf.int32))
        ema_decay = tf.where(self._steps.value > 1, knobs.ema_decay, 0.0)
        for average, variable in zip(self._averages, self._trainable, strict=False):
            share = _beside(ema_decay, variable)
            average.assign(share * average.value + (1 - share) * variable.value)

    def _clipped(self, gradients: list[tf.Tensor], knobs: Knobs) -> list[tf.Tensor]:
        if self.recipe.clipping == "clipvalue":
            limits = [_beside(knobs.clip, gradient) for gradient in gradients]
            pairs = zip(gradients, limits, strict=True)
            return [tf.clip_by_value(gradient, -limit, limit) for gradient, limit in pairs]
        if self.recipe.clipping == "clipnorm":
            return [g * _beside(_shrinking([g], knobs.clip), g) for g in gradients]
        if self.recipe.clipping == "global_clipnorm":
            factor = _shrinking(gradients, knobs.clip)
            return [gradient * _beside(factor, gradient) for gradient in gradients]
        return gradients


def with_steps_of_members(optimizer: keras.optimizers.Optimizer) -> Any:
    """The optimizer, with a count of steps for each member in the place of its own one."""

    class Stacked(type(optimizer)):  # type: ignore[misc]
        steps: Any = 0

        @property
        def iterations(self) -> Any:
            return self.steps

    return Stacked.from_config(optimizer.get_config())


def _beside(values: tf.Tensor, variable: Any) -> tf.Tensor:
    """A number for each member, in the rank of a stacked variable."""
    return tf.reshape(values, [-1, *[1] * (len(variable.shape) - 1)])


def _shrinking(gradients: list[tf.Tensor], limit: tf.Tensor) -> tf.Tensor:
    """Factors that bring the norm of every member's gradients down to the limit."""
    norm = tf.sqrt(sums([tf.square(gradient) for gradient in gradients]))
    return limit / tf.maximum(norm, limit)


def _stacked_arrays(members: Sequence[Weights]) -> list[np.ndarray]:
    flat = [[array for arrays in weights for array in arrays] for weights in members]
    return [np.stack(arrays) for arrays in zip(*flat, strict=True)]
