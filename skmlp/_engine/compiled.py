"""A TensorFlow function that is called often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
