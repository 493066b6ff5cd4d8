"""Values that layers are given and return: their arrays, batches, and outputs in training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

Shape = tuple[int, ...]


class Array(NamedTuple):
    """An array of a layer before training."""

    initial: np.ndarray
    is_trained: bool = True
    is_penalised: bool = False  # by l1 and l2
    constraint: Callable | None = None  # Keras's, applied after each step
    regularizer: Callable | None = None  # Keras's, beside l1 and l2; not in stacks
    rate_factor: float = 1.0  # multiplies the learning rate
    decays: bool = True  # whether weight decay applies
    name: str = "weight"  # as Keras's layer has it


class Batch(NamedTuple):
    """The rows of a step, as a layer in training sees them."""

    weight: tf.Tensor  # (..., rows)
    share: tf.Tensor  # (..., rows), weight over the number of rows: a row's part in the loss
    bits: Callable[[tf.Tensor], tf.Tensor]  # random uint32 in the shape of the layer's input
    rate: tf.Tensor | None  # (..., 1, 1), of a kind that has one


class TrainingOutput(NamedTuple):
    """The output of a layer in training, and its effects."""

    output: Any
    states: Sequence[Any] = ()  # new values of the arrays not trained; none if they stay
    loss: Any = None  # of the layer's own, (...,)
