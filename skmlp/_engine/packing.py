"""Small arrays in one variable, so that a step takes few operations.

A step of a small network is mostly the cost of starting its operations, and an optimizer has
some for every variable. Arrays of up to 4,096 numbers therefore share one variable, of which
the layers see slices; larger ones keep their own, since their slices would be copied.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

MAX_PACKED = 4096  # numbers of an array


class Packing:
    """The variables of a model that an optimizer steps, the small ones packed.

    `variables` holds those too large to pack, which are the model's own, and then the pack, if
    any. Values, gradients or moments of `variables` are called stepped here; arrays belong to
    the model's own variables.
    """

    def __init__(self, own: Sequence[keras.Variable], *, packs: bool) -> None:
        self._own = own
        sizes = [int(np.prod(variable.shape)) for variable in own]
        small = [i for i, size in enumerate(sizes) if packs and size <= MAX_PACKED]
        self._small = small if len(small) > 1 else []
        self._large = [i for i in range(len(own)) if i not in self._small]
        self._sizes = [sizes[i] for i in self._small]
        self._shapes = [tuple(own[i].shape) for i in self._small]
        self.variables = [own[i] for i in self._large]
        if self._small:
            numbers = np.concatenate([np.ravel(own[i].value) for i in self._small])
            self.variables.append(keras.Variable(numbers, dtype="float32", name="packed"))

    @property
    def has_pack(self) -> bool:
        return bool(self._small)

    def arrays(self, stepped: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Tensors of the model's variables out of stepped ones."""
        if not self._small:
            return list(stepped)
        *large, packed = stepped
        parts = zip(tf.split(packed, self._sizes), self._shapes, strict=True)
        return self._ordered(large, [tf.reshape(part, shape) for part, shape in parts])

    def stepped(self, arrays: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The reverse of `arrays`."""
        large = [arrays[i] for i in self._large]
        if not self._small:
            return large
        return [*large, tf.concat([tf.reshape(arrays[i], [-1]) for i in self._small], axis=0)]

    def numpy_arrays(self, stepped: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `arrays`, of NumPy arrays."""
        if not self._small:
            return list(stepped)
        *large, packed = stepped
        parts = zip(np.split(packed, np.cumsum(self._sizes)[:-1]), self._shapes, strict=True)
        return self._ordered(large, [part.reshape(shape) for part, shape in parts])

    def numpy_stepped(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """As `stepped`, of NumPy arrays."""
        large = [arrays[i] for i in self._large]
        if not self._small:
            return large
        return [*large, np.concatenate([np.ravel(arrays[i]) for i in self._small])]

    def _ordered(self, large: Sequence[Any], small: Sequence[Any]) -> list[Any]:
        positions = [*self._large, *self._small]
        by_position = dict(zip(positions, [*large, *small], strict=True))
        return [by_position[i] for i in range(len(positions))]


class OptimizerState:
    """The state of an optimizer of stepped variables as that of one of the model's own.

    Keras's optimizers keep some scalars (a count of steps and, unless a schedule sets it, the
    learning rate) and then some moments for each variable, in an order of their own.
    """

    def __init__(
        self,
        packing: Packing,
        n_own: int,
        build_optimizer: Callable[[], keras.optimizers.Optimizer],
    ) -> None:
        self._packing = packing
        if packing.has_pack:
            self._own = owners(build_optimizer(), n_own)
            self._stepped = owners(build_optimizer(), len(packing.variables))

    def own(self, stepped: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """State of an optimizer that steps each array by itself."""
        if not self._packing.has_pack:
            return tuple(stepped)
        return self._converted(stepped, self._stepped, self._own, self._packing.numpy_arrays)

    def stepped(self, own: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """The reverse of `own`."""
        if not self._packing.has_pack:
            return tuple(own)
        return self._converted(own, self._own, self._stepped, self._packing.numpy_stepped)

    def _converted(
        self,
        state: Sequence[np.ndarray],
        before: Sequence[tuple[int, int]],
        after: Sequence[tuple[int, int]],
        convert: Callable[[Sequence[np.ndarray]], list[np.ndarray]],
    ) -> tuple[np.ndarray, ...]:
        n_scalars = len(state) - len(before)
        of_kind: dict[int, dict[int, np.ndarray]] = defaultdict(dict)
        for (kind, owner), moment in zip(before, state[n_scalars:], strict=True):
            of_kind[kind][owner] = moment
        converted = {
            kind: convert([of_owner[i] for i in range(len(of_owner))])
            for kind, of_owner in of_kind.items()
        }
        return (*state[:n_scalars], *(converted[kind][owner] for kind, owner in after))


def owners(optimizer: keras.optimizers.Optimizer, n_variables: int) -> list[tuple[int, int]]:
    """Of each moment of an optimizer of so many variables: which kind it is, and whose.

    Variables of different sizes tell, whatever order a release of Keras has.
    """
    sizes = range(1, n_variables + 1)
    optimizer.build([keras.Variable(np.zeros(n, np.float32), name="probe") for n in sizes])
    seen: dict[int, int] = defaultdict(int)
    kinds = []
    for variable in optimizer.variables:
        if len(variable.shape):
            owner = variable.shape[0] - 1
            kinds.append((seen[owner], owner))
            seen[owner] += 1
    return kinds
