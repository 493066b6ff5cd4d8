"""`Forward` for a stack: every array has a leading axis of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from skmlp._engine.noise import random_bits
from skmlp._engine.recipe import Knobs, Recipe, RunLayer


class StackForward:
    """Runs a model's layers with the stacked variables in the place of its own."""

    def __init__(
        self, model: keras.Model, recipe: Recipe, stacked: Mapping[int, keras.Variable]
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._stacked = stacked  # by the id of the model's variable

    def in_training(
        self, X: tf.Tensor, weight: tf.Tensor, rates: tf.Tensor, when: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Raw outputs of every member's batch; as `Forward.in_training`."""
        return self._recipe.raw_outputs(X, self._training_layer(weight, rates, when))

    def after_training(self, X: tf.Tensor) -> list[tf.Tensor]:
        """Raw outputs of any rows."""
        return self._recipe.raw_outputs(X, self._trained_layer)

    def losses(
        self, y: tf.Tensor, raw: list[tf.Tensor], weight: tf.Tensor, knobs: Knobs
    ) -> tf.Tensor:
        """Sums of the rows' losses, without penalty, (n_members, n_losses)."""
        flat_y = tf.reshape(y, [-1, *y.shape[2:]])
        losses = []
        for one in raw:
            of_rows = self._recipe.loss_on_raw(flat_y, tf.reshape(one, [-1, one.shape[-1]]))
            losses.append(tf.reduce_sum(tf.reshape(of_rows, weight.shape) * weight, axis=1))
        if len(losses) == 1:
            return losses[0][:, None]
        parts = tf.stack(losses, axis=1)
        total = tf.reduce_sum(knobs.loss_weights * parts, axis=1, keepdims=True)
        return tf.concat([total, parts], axis=1)

    def penalty(self, knobs: Knobs) -> tf.Tensor:
        kernels = [
            self._value(v) for v in self._model.trainable_variables if v.name == "kernel"
        ]
        recipe, penalty = self._recipe, tf.zeros_like(knobs.l1)
        if recipe.has_l1:
            penalty += knobs.l1 * sums([tf.abs(k) for k in kernels])
        if recipe.has_l2:
            penalty += knobs.l2 * sums([tf.square(k) for k in kernels])
        if recipe.wide is not None:
            kernel = self._value(self._model.get_layer("output").kernel)
            wide = kernel[:, : recipe.wide.n_rows]
            if recipe.wide.has_l1:
                penalty += knobs.wide_l1 * sums([tf.abs(wide)])
            if recipe.wide.has_l2:
                penalty += knobs.wide_l2 * sums([tf.square(wide)])
        return penalty

    def _training_layer(
        self, weight: tf.Tensor, rates: tf.Tensor, when: Sequence[tf.Tensor]
    ) -> RunLayer:
        names = list(self._recipe.noise)

        def run(name: str, *inputs: tf.Tensor) -> tf.Tensor:
            layer, x = self._model.get_layer(name), inputs[0]
            if name in names:
                i = names.index(name)
                bits = random_bits(x[0], [*when, i])
                return self._recipe.noise[name](x, rates[:, i, None, None], bits)
            if isinstance(layer, keras.layers.BatchNormalization):
                return self._batch_normalized(layer, x, weight)
            return self._trained_layer(name, *inputs)

        return run

    def _trained_layer(self, name: str, *inputs: tf.Tensor) -> tf.Tensor:
        layer, x = self._model.get_layer(name), inputs[0]
        if isinstance(layer, keras.layers.Dense):
            x = x @ self._value(layer.kernel)
            return x + self._value(layer.bias)[:, None] if layer.use_bias else x
        if isinstance(layer, keras.layers.Concatenate):
            return tf.concat(inputs, axis=-1)
        if isinstance(layer, keras.layers.BatchNormalization):
            moments = (
                self._value(v)[:, None] for v in (layer.moving_mean, layer.moving_variance)
            )
            return self._normalized(layer, x, *moments)
        if isinstance(layer, keras.layers.LayerNormalization):
            return self._normalized(layer, x, *tf.nn.moments(x, axes=[-1], keepdims=True))
        if isinstance(layer, keras.layers.PReLU):
            return tf.nn.relu(x) - self._value(layer.alpha)[:, None] * tf.nn.relu(-x)
        if name in self._recipe.noise and not isinstance(layer, keras.layers.LeakyReLU):
            return x  # dropout
        flat = layer(tf.reshape(x, [-1, x.shape[-1]]), training=False)
        return tf.reshape(flat, tf.shape(x))

    def _batch_normalized(
        self, layer: keras.layers.BatchNormalization, x: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        """As `forward.batch_normalized`, of every member over its own rows."""
        total = tf.reduce_sum(weight, axis=1, keepdims=True)
        share = (weight / tf.maximum(total, 1e-12))[:, :, None]
        mean = tf.reduce_sum(share * x, axis=1, keepdims=True)
        variance = tf.reduce_sum(share * tf.square(x - mean), axis=1, keepdims=True)
        for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance)):
            stacked = self._stacked[id(moving)]
            stacked.assign(layer.momentum * stacked.value + (1 - layer.momentum) * value[:, 0])
        return self._normalized(layer, x, mean, variance)

    def _normalized(
        self, layer: Any, x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
    ) -> tf.Tensor:
        gamma = self._value(layer.gamma)[:, None] if layer.scale else None
        beta = self._value(layer.beta)[:, None] if layer.center else None
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, layer.epsilon)

    def _value(self, variable: Any) -> tf.Tensor:
        return tf.convert_to_tensor(self._stacked[id(variable)].value)


def sums(tensors: list[tf.Tensor]) -> tf.Tensor:
    """Of every member the sum of all its numbers, (n_members,)."""
    return tf.add_n([tf.reduce_sum(t, axis=list(range(1, len(t.shape)))) for t in tensors])
