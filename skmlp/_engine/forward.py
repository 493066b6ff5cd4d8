"""A model's way from rows to losses, in training and after it."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from skmlp._engine.noise import Noise, random_bits
from skmlp._engine.recipe import Knobs, Recipe


class Forward:
    """Runs a model's layers one by one: those that are random in training by itself."""

    def __init__(self, model: keras.Model, recipe: Recipe) -> None:
        self._model = model
        self._recipe = recipe

    def in_training(
        self, X: tf.Tensor, weight: tf.Tensor, rates: tf.Tensor, when: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Raw outputs of a batch; `when`, some integers, tells it apart from all others."""
        names = list(self._recipe.noise)

        def run(name: str, *inputs: tf.Tensor) -> tf.Tensor:
            layer, x = self._model.get_layer(name), inputs[0]
            if name in names:
                i = names.index(name)
                return self._noisy(self._recipe.noise[name], x, rates[..., i], [*when, i])
            if isinstance(layer, keras.layers.BatchNormalization):
                return self._batch_normalized(layer, x, weight)
            return self._output(layer, inputs, training=True)

        return self._recipe.raw_outputs(X, run)

    def after_training(self, X: tf.Tensor) -> list[tf.Tensor]:
        """Raw outputs of any rows."""

        def run(name: str, *inputs: tf.Tensor) -> tf.Tensor:
            return self._output(self._model.get_layer(name), inputs, training=False)

        return self._recipe.raw_outputs(X, run)

    def losses(
        self, y: tf.Tensor, raw: list[tf.Tensor], weight: tf.Tensor, knobs: Knobs
    ) -> tf.Tensor:
        """Sums of the rows' losses, without penalty, (n_losses,)."""
        losses = [tf.reduce_sum(self._recipe.loss_on_raw(y, one) * weight) for one in raw]
        if len(losses) == 1:
            return tf.stack(losses)
        return tf.stack([tf.reduce_sum(knobs.loss_weights * tf.stack(losses)), *losses])

    def penalty(self, knobs: Knobs) -> tf.Tensor:
        variables = self._model.trainable_variables
        kernels = [self._value(v) for v in variables if v.name == "kernel"]
        recipe, penalty = self._recipe, tf.zeros_like(knobs.l1)
        if recipe.has_l1:
            penalty += knobs.l1 * self._sum([tf.abs(kernel) for kernel in kernels])
        if recipe.has_l2:
            penalty += knobs.l2 * self._sum([tf.square(kernel) for kernel in kernels])
        if recipe.wide is not None:
            kernel = self._value(self._model.get_layer("output").kernel)
            wide = kernel[..., : recipe.wide.n_rows, :]
            if recipe.wide.has_l1:
                penalty += knobs.wide_l1 * self._sum([tf.abs(wide)])
            if recipe.wide.has_l2:
                penalty += knobs.wide_l2 * self._sum([tf.square(wide)])
        return penalty

    # What differs where arrays have a leading axis of networks

    def _value(self, variable: keras.Variable) -> tf.Tensor:
        return variable.value

    def _sum(self, tensors: list[tf.Tensor]) -> tf.Tensor:
        return tf.add_n([tf.reduce_sum(tensor) for tensor in tensors])

    def _noisy(
        self, noise: Noise, x: tf.Tensor, rate: tf.Tensor, counters: Sequence[tf.Tensor]
    ) -> tf.Tensor:
        return noise(x, rate, random_bits(x, counters))

    def _batch_normalized(
        self, layer: keras.layers.BatchNormalization, x: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        return batch_normalized(layer, x, weight)

    def _output(
        self, layer: keras.layers.Layer, inputs: Sequence[tf.Tensor], *, training: bool
    ) -> tf.Tensor:
        return layer(list(inputs) if len(inputs) > 1 else inputs[0], training=training)


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
