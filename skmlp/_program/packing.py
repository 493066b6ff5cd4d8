"""Small arrays in one variable, so that a step takes few operations.

A step of a small network is mostly the cost of starting its operations, and an optimizer has
some for each variable. Arrays of up to 4,096 numbers therefore share one variable, of which
the layers see slices; larger ones keep their own, since their slices would be copied.

Arrays may have a leading axis of networks; `ops` is their module, NumPy or TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skmlp._keras.tensorflow import tf
from skmlp._kinds.base import Shape

MAX_PACKED = 4096  # numbers of an array


class Packing:
    """Where arrays of these shapes lie among the variables that hold them."""

    def __init__(self, shapes: Sequence[Shape], lead: Shape, *, packs: bool = True) -> None:
        self._lead = lead
        self._shapes = list(shapes)
        self._sizes = [int(np.prod(shape)) for shape in shapes]
        small = [i for i, size in enumerate(self._sizes) if packs and size <= MAX_PACKED]
        self._small = small if len(small) > 1 else []
        self._large = [i for i in range(len(shapes)) if i not in self._small]

    @property
    def variable_shapes(self) -> list[Shape]:
        shapes = [self._shapes[i] for i in self._large]
        if self._small:
            shapes.append((sum(self._sizes[i] for i in self._small),))
        return [(*self._lead, *shape) for shape in shapes]

    def arrays(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Arrays out of the variables' values."""
        if not self._small:
            return list(values)
        *large, packed = values
        parts = tf.split(packed, [self._sizes[i] for i in self._small], axis=-1)
        shapes = [(*self._lead, *self._shapes[i]) for i in self._small]
        small = [
            part if part.shape == shape else tf.reshape(part, shape)
            for part, shape in zip(parts, shapes, strict=True)
        ]
        by_index = dict(zip([*self._large, *self._small], [*large, *small], strict=True))
        return [by_index[i] for i in range(len(self._shapes))]

    def values(self, arrays: Sequence[Any], ops: Any = tf) -> list[Any]:
        """The variables' values out of arrays."""
        large = [arrays[i] for i in self._large]
        if not self._small:
            return large
        return [*large, self._flat([arrays[i] for i in self._small], ops)]

    def spread(self, factors: Sequence[float]) -> list[Any]:
        """A factor for each array as factors of the variables: a number, or a vector, (n,), of
        the numbers that share a variable.
        """
        spread: list[Any] = [factors[i] for i in self._large]
        if self._small:
            packed = [factors[i] for i in self._small]
            sizes = [self._sizes[i] for i in self._small]
            is_one = len(set(packed)) == 1
            of_numbers = np.repeat(packed, sizes).astype(np.float32)
            spread.append(packed[0] if is_one else of_numbers)
        return spread

    def vector(self, values: Sequence[tf.Tensor]) -> tf.Tensor:
        """All numbers, (..., n), in the order of the arrays."""
        return self._flat(self.arrays(values), tf) if self._large else values[0]

    def of_vector(self, vector: np.ndarray) -> list[np.ndarray]:
        """The variables' values out of a vector."""
        if not self._large:
            return [vector]
        parts = np.split(vector, np.cumsum(self._sizes)[:-1], axis=-1)
        shapes = [(*self._lead, *shape) for shape in self._shapes]
        return self.values([np.reshape(*pair) for pair in zip(parts, shapes, strict=True)], np)

    def _flat(self, arrays: Sequence[Any], ops: Any) -> Any:
        return joined([ops.reshape(array, (*self._lead, -1)) for array in arrays], -1, ops)


def joined(arrays: Sequence[Any], axis: int, ops: Any = tf) -> Any:
    """Arrays one after the other."""
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays, axis) if ops is np else tf.concat(arrays, axis)
