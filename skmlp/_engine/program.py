"""A compiled network: model, optimizer and the functions that train and measure them.

`keras.Model.fit` spends its time between batches. Here the data stay on the device and a
whole epoch, a loop over batches, is one compiled function, so only arithmetic is left.
Everything that differs between fits of one network enters as a run-time value: the weights
and the learning rate are variables; data, order of rows, penalties, dropout rates and seed
are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from skmlp._engine.noise import Noise, random_bits
from skmlp._engine.update import Update, WidePath

Weights = tuple[tuple[np.ndarray, ...], ...]  # of every layer its arrays, in Keras's order
RunLayer = Callable[..., tf.Tensor]


@dataclass(frozen=True)
class Recipe:
    """What a program is compiled for. Recipes with equal keys share programs."""

    key: Hashable
    build_model: Callable[[], keras.Model] = field(compare=False)
    layers: tuple[str, ...]  # names of the model's layers, in the order of `Weights`
    outputs: tuple[str, ...]  # names of the model's outputs, the main one first
    # (rows of X, run) -> raw outputs, one for each output; run(name, *inputs) is a layer's
    raw_outputs: Callable[[tf.Tensor, RunLayer], list[tf.Tensor]] = field(compare=False)
    build_optimizer: Callable[[], keras.optimizers.Optimizer] = field(compare=False)
    # (targets, raw outputs) -> (rows,), and the same on predictions, for Keras callbacks
    loss_on_raw: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = field(compare=False)
    loss_on_predictions: Any = field(compare=False)
    # the layers that are random in training, by name, in the order of `Knobs.rates`
    noise: Mapping[str, Noise] = field(compare=False)
    # (steps made, knobs) -> learning rate, if it differs from step to step
    schedule: Callable[[tf.Tensor, Knobs], tf.Tensor] | None = field(compare=False)
    batch_size: int
    has_l1: bool
    has_l2: bool
    clipping: str | None  # "clipvalue", "clipnorm", "global_clipnorm"
    has_ema: bool
    wide: WidePath | None = None


class Knobs(NamedTuple):
    """Numbers that a search varies: run-time values, so they cost no new compilation."""

    seed: tf.Tensor  # () int32, of the random layers
    rates: tf.Tensor  # (random layers,) float32
    loss_weights: tf.Tensor  # (outputs,) float32
    # all others: () float32
    l1: tf.Tensor
    l2: tf.Tensor
    wide_l1: tf.Tensor
    wide_l2: tf.Tensor
    clip: tf.Tensor
    ema_decay: tf.Tensor
    learning_rate: tf.Tensor  # of a schedule, whose factors multiply it
    first_step: tf.Tensor  # where a schedule begins
    decay_rate: tf.Tensor
    decay_steps: tf.Tensor
    warmup_steps: tf.Tensor


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
        self._layers = [self.model.get_layer(name) for name in recipe.layers]
        self.optimizer = recipe.build_optimizer()
        self._update = Update(
            self.model, self.optimizer, recipe.clipping, recipe.has_ema, recipe.wide
        )
        self._averages = self._update.averages
        self.built_weights = self.weights()
        self._built_optimizer = _values(self._update.state)
        self._built_others = _values(self._others())
        self._run_batches = tf.function(
            self._trace_run_batches, jit_compile=True, autograph=False
        )
        self._measure = tf.function(self._trace_measure, jit_compile=True, autograph=False)

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
            _assign(self._averages, [variable.value for variable in self._trainable()])
        self._assign_weights(weights)
        _assign(self._others(), self._built_others)
        self.restore_optimizer(optimizer or self._built_optimizer)
        if learning_rate is not None:
            self.set_learning_rate(learning_rate)
        if wide_learning_rate is not None:
            assert self._update.wide_optimizer is not None
            self._update.wide_optimizer.learning_rate = wide_learning_rate

    def snapshot(self) -> list[tf.Tensor]:
        """The weights and averages as they are now: TensorFlow copies a variable only on its
        next write.
        """
        weights = [variable.value.read_value() for variable in self._weights()]
        return weights + [average.read_value() for average in self._averages]

    def restore(self, snapshot: Sequence[Any]) -> None:
        _assign([*self._weights(), *self._averages], snapshot)

    def restore_optimizer(self, state: Sequence[np.ndarray]) -> None:
        _assign(self._update.state, state)

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
        _assign(self._trainable(), self._averages)
        yield
        _assign(self._averages, [variable.value for variable in self._trainable()])
        _assign(self._trainable(), raw)

    def finish(self) -> None:
        """Let an optimizer that averages weights put its averages in place, as Keras does."""
        self.optimizer.finalize_variable_values(self._trainable())

    def weights(self) -> Weights:
        return tuple(_values(layer.weights) for layer in self._layers)

    def optimizer_state(self) -> tuple[np.ndarray, ...]:
        return _values(self._update.state)

    def steps(self) -> int:
        """Steps that the optimizer has made."""
        return int(self.optimizer.iterations.value)

    def learning_rate(self) -> float:
        return float(tf.convert_to_tensor(self.optimizer.learning_rate))

    def set_learning_rate(self, rate: float) -> None:
        self.optimizer.learning_rate = rate

    def _trainable(self) -> list[Any]:
        return self.model.trainable_variables

    def _weights(self) -> list[Any]:
        return [variable for layer in self._layers for variable in layer.weights]

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
        _assign(self._weights(), [array for arrays in weights for array in arrays])

    # Compiled work

    def run_batches(
        self, rows: Rows, order: tf.Tensor, first: int, last: int, epoch: int, knobs: Knobs
    ) -> np.ndarray:
        """Train on the batches `first` to `last` - 1 of an epoch.

        Returns sums, over these batches, of losses times numbers of rows: of the loss that
        is minimised and, of several outputs, of each one's. NaN if a weight has become
        infinite.
        """
        span = tf.constant([first, last, rows.n_rows, epoch])
        return self._run_batches(rows.X, rows.y, rows.weight, order, span, knobs).numpy()

    def measure(self, rows: Rows, knobs: Knobs) -> tuple[np.ndarray, float, np.ndarray]:
        """Sums of the rows' losses, in the order of `run_batches`; the penalty; and raw
        outputs of the main output, (n_rows, n_outputs).
        """
        totals, penalty, raw = self._measure(rows.X, rows.y, rows.weight, knobs)
        return totals.numpy(), float(penalty), raw.numpy()[: rows.n_rows]

    # What is traced

    def _trace_run_batches(self, X, y, weight, order, span, knobs):  # type: ignore[no-untyped-def]
        self.traces += 1
        first, last, n_rows, epoch = tf.unstack(span)
        size = self.recipe.batch_size
        variables = self._trainable()

        def batch(i, totals):  # type: ignore[no-untyped-def]
            # 1. Gather the batch's rows; what fills up the last one has weight zero.
            index = tf.slice(order, [i * size], [size])
            n_in_batch = tf.cast(tf.minimum(size, n_rows - i * size), tf.float32)
            row_weight = tf.gather(weight, index)
            # 2. Forward: the rows' mean loss, a short last batch by its true size.
            with tf.GradientTape() as tape:
                when = tf.stack([knobs.seed, epoch, i])
                run = self._train_layer(row_weight, knobs.rates, when)
                raw = self.recipe.raw_outputs(tf.gather(X, index), run)
                losses = self._losses(tf.gather(y, index), raw, row_weight, knobs) / n_in_batch
                loss = losses[0] + self._penalty(knobs)
            # 3. Backward and update.
            gradients = tape.gradient(loss, [variable.value for variable in variables])
            if self.recipe.schedule is not None:
                rate = self.recipe.schedule(self.optimizer.iterations.value, knobs)
                self.optimizer.learning_rate.assign(rate)
            self._update.apply(gradients, knobs.clip)
            self._update.update_averages(knobs.ema_decay)
            return i + 1, totals + tf.concat([[loss], losses[1:]], axis=0) * n_in_batch

        n_losses = 1 + len(self.recipe.outputs) * (len(self.recipe.outputs) > 1)
        start = first, tf.zeros(n_losses)
        _, totals = tf.while_loop(lambda i, _: i < last, batch, start)
        finite = tf.stack([tf.reduce_all(tf.math.is_finite(v.value)) for v in variables])
        return tf.where(tf.reduce_all(finite), totals, float("nan"))

    def _trace_measure(self, X, y, weight, knobs):  # type: ignore[no-untyped-def]
        self.traces += 1
        raw = self.recipe.raw_outputs(X, self._trained_layer)
        return self._losses(y, raw, weight, knobs), self._penalty(knobs), raw[0]

    def _losses(
        self, y: tf.Tensor, raw: list[tf.Tensor], weight: tf.Tensor, knobs: Knobs
    ) -> tf.Tensor:
        """Sums over rows: of the weighted loss and, of several outputs, of each one's."""
        losses = [tf.reduce_sum(self.recipe.loss_on_raw(y, one) * weight) for one in raw]
        if len(losses) == 1:
            return tf.stack(losses)
        return tf.stack([tf.reduce_sum(knobs.loss_weights * tf.stack(losses)), *losses])

    def _trained_layer(self, name: str, *inputs: tf.Tensor) -> tf.Tensor:
        """A layer's outputs after training."""
        return self.model.get_layer(name)(_one_or_list(inputs), training=False)

    def _train_layer(self, weight: tf.Tensor, rates: tf.Tensor, when: tf.Tensor) -> RunLayer:
        """Layers in training: every batch and random layer has bits of its own."""
        names = list(self.recipe.noise)

        def run(name: str, *inputs: tf.Tensor) -> tf.Tensor:
            layer, x = self.model.get_layer(name), inputs[0]
            if name in names:
                i = names.index(name)
                counters = tf.cast(tf.concat([when, [i]], axis=0), tf.uint32)
                return self.recipe.noise[name](x, rates[i], random_bits(x, counters))
            if isinstance(layer, keras.layers.BatchNormalization):
                return batch_normalized(layer, x, weight)
            return layer(_one_or_list(inputs), training=True)

        return run

    def _penalty(self, knobs: Knobs) -> tf.Tensor:
        kernels = [v.value for v in self._trainable() if v.name == "kernel"]
        penalty = tf.constant(0.0)
        if self.recipe.has_l1:
            penalty += knobs.l1 * tf.add_n([tf.reduce_sum(tf.abs(k)) for k in kernels])
        if self.recipe.has_l2:
            penalty += knobs.l2 * tf.add_n([tf.reduce_sum(tf.square(k)) for k in kernels])
        if self.recipe.wide is not None:
            wide = self.model.get_layer("output").kernel[: self.recipe.wide.n_rows]
            if self.recipe.wide.has_l1:
                penalty += knobs.wide_l1 * tf.reduce_sum(tf.abs(wide))
            if self.recipe.wide.has_l2:
                penalty += knobs.wide_l2 * tf.reduce_sum(tf.square(wide))
        return penalty


def batch_normalized(
    layer: keras.layers.BatchNormalization, x: tf.Tensor, weight: tf.Tensor
) -> tf.Tensor:
    """What the layer does in training, over the rows that count.

    Keras's own moments know no weights: here a row of weight 2 counts as two rows, and one
    of weight 0, as those that fill up the last batch, as none.
    """
    share = (weight / tf.maximum(tf.reduce_sum(weight), 1e-12))[:, None]
    mean = tf.reduce_sum(share * x, axis=0)
    variance = tf.reduce_sum(share * tf.square(x - mean), axis=0)
    for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
        moving.assign(layer.momentum * moving.value + (1 - layer.momentum) * value)
    gamma = layer.gamma.value if layer.scale else None
    beta = layer.beta.value if layer.center else None
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)


def _one_or_list(inputs: Sequence[tf.Tensor]) -> Any:
    return list(inputs) if len(inputs) > 1 else inputs[0]


def _values(variables: Sequence[Any]) -> tuple[np.ndarray, ...]:
    return tuple(variable.value.numpy() for variable in variables)


def _assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
