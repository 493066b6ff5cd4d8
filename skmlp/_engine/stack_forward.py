"""`Forward` for a stack: every array has a leading axis of members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from skmlp._engine.forward import Forward
from skmlp._engine.noise import Noise, random_bits
from skmlp._engine.recipe import Knobs, Recipe


class StackForward(Forward):
    """Runs a model's layers with the stacked variables in the place of its own."""

    def __init__(
        self, model: keras.Model, recipe: Recipe, stacked: Mapping[int, keras.Variable]
    ) -> None:
        super().__init__(model, recipe)
        self._stacked = stacked  # by the id of the model's variable

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

    def _value(self, variable: keras.Variable) -> tf.Tensor:
        return tf.convert_to_tensor(self._stacked[id(variable)].value)

    def _sum(self, tensors: list[tf.Tensor]) -> tf.Tensor:
        return sums(tensors)

    def _noisy(
        self, noise: Noise, x: tf.Tensor, rate: tf.Tensor, counters: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        return noise(x, rate[:, None, None], random_bits(x[0], counters))

    def _output(
        self, layer: keras.layers.Layer, inputs: Sequence[tf.Tensor], *, training: bool
    ) -> tf.Tensor:
        x = inputs[0]
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
        flat = layer(tf.reshape(x, [-1, x.shape[-1]]), training=training)
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


def sums(tensors: list[tf.Tensor]) -> tf.Tensor:
    """Of every member the sum of all its numbers, (n_members,)."""
    return tf.add_n([tf.reduce_sum(t, axis=list(range(1, len(t.shape)))) for t in tensors])
