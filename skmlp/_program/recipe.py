"""Recipes, for which programs are compiled, and the numbers that they take at run time."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from skmlp._keras.losses import SumOfLosses
from skmlp._keras.optimizers import OptimizerRecipe
from skmlp._keras.tensorflow import keras, tf
from skmlp._network.spec import NetworkSpec

Build = Callable[[], keras.optimizers.Optimizer]
# (steps made, numbers) -> learning rate
Schedule = Callable[[tf.Tensor, "Numbers"], tf.Tensor]


@dataclass(frozen=True)
class WidePath:
    """The first rows of the output layer's kernel, which the wide inputs meet."""

    n_rows: int
    has_l1: bool
    has_l2: bool
    optimizer: OptimizerRecipe | None = field(compare=False)  # None: that of other weights
    # Its learning rate: by the schedule, or else a number of its own, or else that of others.
    schedule: Schedule | None = field(compare=False)
    has_own_rate: bool


@dataclass(frozen=True)
class Recipe:
    """All that is compiled into a program. Recipes with equal keys share programs."""

    key: Hashable
    network: NetworkSpec = field(compare=False)  # its structure, which is part of the key
    optimizer: OptimizerRecipe = field(compare=False)
    schedule: Schedule | None = field(compare=False)  # None: rates are set for each epoch
    has_l1: bool
    has_l2: bool
    wide: WidePath | None  # where it is trained in a way of its own
    reused: frozenset[str]  # layers whose learning rates have a factor
    # (targets, raw outputs) -> (rows,), and the same on predictions, for Keras callbacks
    loss_on_raw: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = field(compare=False)
    loss_on_predictions: Any = field(compare=False)
    build_live_optimizer: Build = field(compare=False)  # the one that Keras callbacks see
    batch_size: int
    clipping: str | None  # "clipvalue", "clipnorm", "global_clipnorm"
    has_ema: bool
    # Dropout rates and weight decay are constant for half of the schedule's steps, and then
    # fall to 0 along half a cosine wave.
    fades: bool = False
    cut: str | None = None  # rows are the outputs of the frozen layers up to this one

    @property
    def optimizers(self) -> list[OptimizerRecipe]:
        """That of most weights, then the wide path's own, if any."""
        of_wide = self.wide and self.wide.optimizer
        return [self.optimizer, of_wide] if of_wide else [self.optimizer]

    @property
    def n_losses(self) -> int:
        """Reported losses: the total, then one per output if there are several."""
        return 1 + len(self.network.loss_names)

    @property
    def sum_of_losses(self) -> SumOfLosses | None:
        """Losses of outputs that lie side by side in the raw outputs, if they do."""
        loss = self.loss_on_predictions
        return loss if isinstance(loss, SumOfLosses) else None


class Numbers(NamedTuple):
    """Numbers that a search varies: run-time values, so they cost no new compilation.

    Each is () or, with a leading axis of networks, (n,), unless it says otherwise.
    """

    layer_numbers: Any  # (layers that take a number in training, such as a dropout rate,)
    loss_weights: Any  # (outputs,)
    l1: Any
    l2: Any
    wide_l1: Any
    wide_l2: Any
    wide_rate: Any  # the wide path's own learning rate
    reused_rate_factor: Any
    clip: Any
    ema_decay: Any
    learning_rate: Any  # of a schedule, whose factors multiply it
    first_step: Any  # where a schedule begins
    decay_rate: Any
    decay_steps: Any
    warmup_steps: Any

    def packed(self) -> np.ndarray:
        """All in one vector: handing over a tensor takes longer than many a small step."""
        values = (value if isinstance(value, (list, tuple)) else [value] for value in self)
        return np.array([number for of_field in values for number in of_field], np.float32)

    @classmethod
    def unpacked(cls, numbers: tf.Tensor, n_layer_numbers: int, recipe: Recipe) -> Numbers:
        """From a vector, or a matrix with one for each network."""
        sizes = [n_layer_numbers, len(recipe.network.outputs)]
        *vectors, scalars = tf.split(numbers, [*sizes, len(cls._fields) - len(sizes)], axis=-1)
        return cls(*vectors, *tf.unstack(scalars, axis=-1))


def beside(values: Any, array: Any) -> tf.Tensor:
    """A number for each network, (...,), in the rank of their arrays, (..., *shape)."""
    lead = len(values.shape)
    if lead == 0:
        return values
    return tf.reshape(values, [*values.shape, *[1] * (len(array.shape) - lead)])


def sums(arrays: Sequence[Any], lead: int) -> tf.Tensor:
    """Sum of all numbers in arrays behind `lead` axes of networks."""
    return tf.add_n([tf.reduce_sum(a, axis=list(range(lead, len(a.shape)))) for a in arrays])
