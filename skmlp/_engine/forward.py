"""A model's way from rows to losses, in training and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from skmlp._engine.noise import random_bits
from skmlp._engine.recipe import Knobs, Recipe, RunLayer


class Forward:
    """Runs a model's layers one by one: those that are random in training by itself."""

    def __init__(self, model: keras.Model, recipe: Recipe) -> None:
        self._model = model
        self._recipe = recipe

    def in_training(
        self, X: tf.Tensor, weight: tf.Tensor, rates: tf.Tensor, when: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        """Raw outputs of a batch; `when`, some integers, tells it apart from all others."""
        return self._recipe.raw_outputs(X, self._training_layer(weight, rates, when))

    def after_training(self, X: tf.Tensor) -> list[tf.Tensor]:
        """Raw outputs of any rows."""

        def run(name: str, *inputs: tf.Tensor) -> tf.Tensor:
            return self._model.get_layer(name)(_one_or_list(inputs), training=False)

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
        kernels = [v.value for v in self._model.trainable_variables if v.name == "kernel"]
        recipe, penalty = self._recipe, tf.constant(0.0)
        if recipe.has_l1:
            penalty += knobs.l1 * tf.add_n([tf.reduce_sum(tf.abs(k)) for k in kernels])
        if recipe.has_l2:
            penalty += knobs.l2 * tf.add_n([tf.reduce_sum(tf.square(k)) for k in kernels])
        if recipe.wide is not None:
            wide = self._model.get_layer("output").kernel[: recipe.wide.n_rows]
            if recipe.wide.has_l1:
                penalty += knobs.wide_l1 * tf.reduce_sum(tf.abs(wide))
            if recipe.wide.has_l2:
                penalty += knobs.wide_l2 * tf.reduce_sum(tf.square(wide))
        return penalty

    def _training_layer(
        self, weight: tf.Tensor, rates: tf.Tensor, when: Sequence[tf.Tensor]
    ) -> RunLayer:
        names = list(self._recipe.noise)

        def run(name: str, *inputs: tf.Tensor) -> tf.Tensor:
            layer, x = self._model.get_layer(name), inputs[0]
            if name in names:
                i = names.index(name)
                return self._recipe.noise[name](x, rates[i], random_bits(x, [*when, i]))
            if isinstance(layer, keras.layers.BatchNormalization):
                return batch_normalized(layer, x, weight)
            return layer(_one_or_list(inputs), training=True)

        return run


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
