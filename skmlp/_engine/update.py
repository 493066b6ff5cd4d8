"""What one step does to the weights: clipped gradients, optimizers, moving averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from skmlp._engine.packing import Packing
from skmlp._engine.recipe import Recipe


class Update:
    """The optimizer of a model; or two, of which one trains the wide path.

    Keras's optimizers train whole variables, so the wide rows of the output layer's kernel
    have a variable of their own then, which takes their place after every step.
    """

    def __init__(self, model: keras.Model, packing: Packing, recipe: Recipe) -> None:
        self._packing = packing
        self._variables = packing.variables
        self._clipping = recipe.clipping
        self._wide = wide = recipe.wide
        self.optimizer = recipe.build_optimizer()
        self.wide_optimizer: keras.optimizers.Optimizer | None = None
        if wide and wide.build_optimizer:
            self._split(model.get_layer("output").kernel, wide.n_rows)
            self.wide_optimizer = wide.build_optimizer()
            self.wide_optimizer.build([self._wide_rows])
        self.optimizer.build(self._variables)
        self.averages = [
            keras.Variable(tf.identity(v.value), name="average")
            for v in self._variables
            if recipe.has_ema
        ]

    def _split(self, kernel: Any, n_rows: int) -> None:
        self._kernel = next(i for i, v in enumerate(self._variables) if v is kernel)
        self._wide_rows = keras.Variable(kernel[:n_rows], name="wide")

    @property
    def state(self) -> list[Any]:
        """The optimizers' variables."""
        wide = self.wide_optimizer.variables if self.wide_optimizer else []
        return [*self.optimizer.variables, *wide]

    @property
    def steps(self) -> tf.Tensor:
        """Batches seen; `iterations` of the optimizer counts those that moved weights."""
        return self.optimizer.variables[0].value

    def apply(self, gradients: Sequence[tf.Tensor], limit: tf.Tensor) -> None:
        """Make one step."""
        if self.wide_optimizer is None:
            self.optimizer.apply(self._clipped(gradients, limit), self._variables)
            return
        assert self._wide is not None
        i, n = self._kernel, self._wide.n_rows
        kernel, gradient = self._variables[i], gradients[i]
        parts = [*gradients[:i], gradient[n:], *gradients[i + 1 :], gradient[:n]]
        *rest, of_wide_rows = self._clipped(parts, limit)
        rest[i] = tf.concat([tf.zeros_like(of_wide_rows), rest[i]], axis=0)
        if not self._wide.has_own_rate:
            rate = tf.convert_to_tensor(self.optimizer.learning_rate)
            self.wide_optimizer.learning_rate.assign(rate)
        self._wide_rows.assign(kernel[:n])
        self.optimizer.apply(rest, self._variables)
        self.wide_optimizer.apply([of_wide_rows], [self._wide_rows])
        kernel.assign(tf.concat([self._wide_rows.value, kernel[n:]], axis=0))

    def _clipped(self, gradients: Sequence[tf.Tensor], limit: tf.Tensor) -> Sequence[tf.Tensor]:
        if self._clipping == "clipvalue":
            return [tf.clip_by_value(gradient, -limit, limit) for gradient in gradients]
        if self._clipping == "clipnorm":
            arrays = self._packing.arrays(gradients)
            return self._packing.stepped([tf.clip_by_norm(array, limit) for array in arrays])
        if self._clipping == "global_clipnorm":
            return tf.clip_by_global_norm(gradients, limit)[0]
        return gradients

    def update_averages(self, decay: tf.Tensor) -> None:
        """Exponential moving averages, which start at the weights after the first step."""
        decay = tf.where(tf.convert_to_tensor(self.optimizer.iterations) > 1, decay, 0.0)
        for average, variable in zip(self.averages, self._variables, strict=False):
            average.assign(decay * average.value + (1 - decay) * variable.value)
