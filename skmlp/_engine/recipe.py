"""What a program is compiled for, and the numbers that it takes at run time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from skmlp._engine.noise import Noise

Weights = tuple[tuple[np.ndarray, ...], ...]  # of every layer its arrays, in Keras's order
RunLayer = Callable[..., tf.Tensor]  # (name of a layer, *inputs) -> its outputs


@dataclass(frozen=True)
class WidePath:
    """The first rows of the output layer's kernel, where they are trained in their own way."""

    n_rows: int
    has_l1: bool
    has_l2: bool
    # None: the optimizer of all the rest
    build_optimizer: Callable[[], keras.optimizers.Optimizer] | None = field(compare=False)
    has_own_rate: bool  # else it steps at the other optimizer's learning rate


@dataclass(frozen=True)
class Recipe:
    """What a program is compiled for. Recipes with equal keys share programs."""

    key: Hashable
    build_model: Callable[[], keras.Model] = field(compare=False)
    layers: tuple[str, ...]  # names of the model's layers, in the order of `Weights`
    outputs: tuple[str, ...]  # names of the model's outputs, the main one first
    # (rows of X, what runs a layer) -> raw outputs, one for each output
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
    packs: bool  # whether the optimizer treats all numbers alike, so that arrays can be packed
    wide: WidePath | None = None

    @property
    def n_losses(self) -> int:
        """Losses that are told: that which is minimised and, of several outputs, each one's."""
        return 1 + len(self.outputs) * (len(self.outputs) > 1)


class Knobs(NamedTuple):
    """Numbers that a search varies: run-time values, so they cost no new compilation."""

    rates: Any  # (random layers,)
    loss_weights: Any  # (outputs,)
    # all others: ()
    l1: Any
    l2: Any
    wide_l1: Any
    wide_l2: Any
    clip: Any
    ema_decay: Any
    learning_rate: Any  # of a schedule, whose factors multiply it
    first_step: Any  # where a schedule begins
    decay_rate: Any
    decay_steps: Any
    warmup_steps: Any

    def packed(self) -> tf.Tensor:
        """All in one vector: handing over a tensor takes longer than many a small step."""
        return tf.constant(np.hstack([np.ravel(value) for value in self]), tf.float32)

    @classmethod
    def unpacked(cls, numbers: tf.Tensor, recipe: Recipe) -> Knobs:
        """From a vector, or a matrix with one for each member of a stack."""
        sizes = [len(recipe.noise), len(recipe.outputs)]
        others = len(cls._fields) - len(sizes)
        rates, loss_weights, scalars = tf.split(numbers, [*sizes, others], axis=-1)
        return cls(rates, loss_weights, *tf.unstack(scalars, axis=-1))


def values(variables: Sequence[Any]) -> tuple[np.ndarray, ...]:
    return tuple(variable.value.numpy() for variable in variables)


def assign(variables: Sequence[Any], given: Sequence[Any]) -> None:
    for variable, value in zip(variables, given, strict=True):
        variable.assign(value)
