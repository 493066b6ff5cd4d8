"""One batch of a program: the step that trains on it, and the losses of rows.

The functions are traced by TensorFlow, for one network or, with a leading axis, for many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skmlp._keras.tensorflow import keras, tf
from skmlp._kinds.base import Shape
from skmlp._program.network import Network
from skmlp._program.optimizer import assign
from skmlp._program.recipe import Numbers, Recipe, beside
from skmlp._program.schedules import flat_cosine
from skmlp._program.trained import TrainedArrays


class Step:
    """The variables of networks, and what a batch does to them."""

    def __init__(self, network: Network, recipe: Recipe, lead: Shape) -> None:
        self._network, self._recipe, self._lead = network, recipe, lead
        self.trained = TrainedArrays(network, recipe, lead)
        self.untrained = [
            keras.Variable(np.zeros((*lead, *array.initial.shape), np.float32))
            for array in network.untrained
        ]

    def train(self, X, y, weight, n_in_batch, when, rates, steps, numbers):  # type: ignore[no-untyped-def]
        """One batch: losses times its number of rows, and the learning rates of the step."""
        # Forward: the rows' mean loss, a short last batch by its true size. Networks share
        # nothing, so the gradient of the sum of their losses is each one's.
        share = weight / beside(n_in_batch, weight)
        fading, layer_numbers = None, numbers.layer_numbers
        if self._recipe.fades:
            fading = flat_cosine(
                tf.cast(steps, tf.float32) - numbers.first_step, numbers.decay_steps
            )
            layer_numbers *= fading[..., None]
        values = self.trained.values()
        untrained = self._untrained_values()
        with tf.GradientTape() as tape:
            tape.watch(values)
            trained = self.trained.arrays(values)
            raw, moved, losses_of_layers = self._network.outputs_in_training(
                X, trained, untrained, weight, share, layer_numbers, when
            )
            total, *parts = self._losses(y, raw, share, numbers)
            loss = sum(losses_of_layers, total + self.trained.penalty(trained, numbers))
        # Backward and update.
        gradients = tape.gradient(loss, values, unconnected_gradients="zero")
        if self._recipe.schedule is not None:
            rates = self._recipe.schedule(steps, numbers)
        self.trained.step(gradients, rates, steps, numbers, fading)
        for variable, before, after in zip(self.untrained, untrained, moved, strict=True):
            if after is not before:  # frozen arrays are many numbers
                assign([variable], [after])
        reported = tf.stack([loss, *parts], axis=-1)
        return reported * beside(n_in_batch, reported), rates

    def measure(self, X, y, weight, numbers):  # type: ignore[no-untyped-def]
        """Sums of the rows' losses, (..., n_losses), the penalty, (...,), and raw outputs."""
        trained = self.trained.arrays(self.trained.measured_values())
        raw = self._network.outputs(X, trained, self._untrained_values())
        losses = self._losses(y, raw, weight, numbers)
        return tf.stack(losses, axis=-1), self.trained.penalty(trained, numbers), raw[0]

    def _untrained_values(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(variable.value) for variable in self.untrained]

    def _losses(
        self, y: tf.Tensor, raw: Sequence[tf.Tensor], weight: tf.Tensor, numbers: Numbers
    ) -> list[tf.Tensor]:
        """Sums of the rows' losses, without penalty, each (...,): the total, then one per
        output if there are several.
        """
        several, weights = self._recipe.sum_of_losses, numbers.loss_weights
        if several is None:
            of_outputs = [self._losses_of_rows(y, output) for output in raw]
        else:
            of_outputs, weights = several.parts(y, raw[0]), several.weights
        losses = [tf.reduce_sum(of_rows * weight, axis=-1) for of_rows in of_outputs]
        if len(losses) == 1:
            return losses
        parts = tf.stack(losses, axis=-1)
        return [tf.reduce_sum(weights * parts, axis=-1), *losses]

    def _losses_of_rows(self, y: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        """Losses, (..., rows)."""
        if not self._lead:
            return self._recipe.loss_on_raw(y, raw)
        y = tf.reshape(y, [-1, *y.shape[len(self._lead) + 1 :]])
        losses = self._recipe.loss_on_raw(y, tf.reshape(raw, [-1, raw.shape[-1]]))
        return tf.reshape(losses, tf.shape(raw)[:-1])

    def snapshot(self) -> tf.Tensor:
        """Vectors, (..., n_values)."""
        trained = self.trained.vector()
        flat = [tf.reshape(v.value, (*self._lead, -1)) for v in self.untrained]
        averages = [self.trained.averages_vector()] if self._recipe.has_ema else []
        return tf.concat([trained, *flat, *averages], axis=-1)
