"""TensorFlow functions that are called often, and their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from skmlp._keras.tensorflow import tf


class Compiled:
    """Calls the trace for its arguments' shapes; dtypes must be the same in all calls.

    `tf.function` looks up the trace by itself, which takes longer than many a call.
    """

    def __init__(self, function: Callable[..., Any], *, with_xla: bool) -> None:
        self._function = tf.function(function, jit_compile=with_xla or None, autograph=False)
        self._traces: dict[tuple[tf.TensorShape, ...], Any] = {}
        self.is_sound = True  # until a call breaks off

    def __call__(self, *arguments: tf.Tensor) -> Any:
        shapes = tuple(argument.shape for argument in arguments)
        try:
            if shapes not in self._traces:
                self._traces[shapes] = self._function.get_concrete_function(*arguments)
            return self._traces[shapes](*arguments)
        except BaseException:
            self.is_sound = False
            raise


MAX_BYTES = 2**17  # of an array that is kept


class Constant:
    """Makes tensors, and returns the last one again if no bit of a small array has changed.

    Making a tensor takes longer than many a small step.
    """

    def __init__(self) -> None:
        self._array: np.ndarray | None = None
        self._tensor: Any = None

    def __call__(self, array: np.ndarray) -> tf.Tensor:
        if array.nbytes > MAX_BYTES:
            return tf.constant(array)
        if self._array is None or not has_bits_of(self._array, array):
            self._array, self._tensor = array.copy(), tf.constant(array)
        return self._tensor


def has_bits_of(array: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays of one dtype are the same bits."""
    return array.shape == other.shape and array.tobytes() == other.tobytes()
