"""The trained arrays of a program: their optimizers, clipped gradients and averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skmlp._keras.optimizers import OptimizerRecipe
from skmlp._keras.tensorflow import keras, tf
from skmlp._kinds.base import Shape
from skmlp._program.clipping import CLIPPINGS, WITHOUT_BORDERS
from skmlp._program.network import Network
from skmlp._program.optimizer import (
    ArraywiseOptimizer,
    ElementwiseOptimizer,
    Optimizer,
    State,
    assign,
)
from skmlp._program.packing import joined
from skmlp._program.recipe import Numbers, Recipe, WidePath, beside, sums


class TrainedArrays:
    """All trained arrays, each stepped by its optimizer.

    The output layer's kernel is split where the wide path has an optimizer of its own. Values
    are those of the optimizers' variables, one optimizer after the other.
    """

    def __init__(self, network: Network, recipe: Recipe, lead: Shape) -> None:
        self._network, self._recipe, self._lead = network, recipe, lead
        self._pieces: list[tuple[int, Shape, int]] = []  # array, shape, optimizer
        for i, array in enumerate(network.trained):
            self._pieces += [(i, *piece) for piece in self._split(i, array.initial.shape)]
        self._optimizers = [
            self._optimizer(one, [piece for piece in self._pieces if piece[2] == k])
            for k, one in enumerate(recipe.optimizers)
        ]
        self.variables = [v for optimizer in self._optimizers for v in optimizer.variables]
        self._averages = [
            keras.Variable(np.zeros(variable.shape, np.float32), name="average")
            for variable in self.variables
            if recipe.has_ema
        ]
        self._constraints = [array.constraint for array in network.trained]

    def _split(self, array: int, shape: Shape) -> list[tuple[Shape, int]]:
        """(shape, optimizer) of an array's pieces."""
        wide = self._recipe.wide
        if wide is None or wide.optimizer is None or array != self._network.index("output"):
            return [(shape, 0)]
        n_rows, *units = shape
        pieces = [((wide.n_rows, *units), 1), ((n_rows - wide.n_rows, *units), 0)]
        return [piece for piece in pieces if piece[0][0]]

    def _optimizer(
        self, recipe: OptimizerRecipe, pieces: Sequence[tuple[int, Shape, int]]
    ) -> Optimizer:
        shapes = [shape for _, shape, _ in pieces]
        arrays = [self._network.trained[i] for i, _, _ in pieces]
        layer_of = self._network.layers_of_trained
        if recipe.is_elementwise:
            return ElementwiseOptimizer(
                recipe.build,
                shapes,
                self._lead,
                rate_factors=[array.rate_factor for array in arrays],
                decay_factors=[float(array.decays) for array in arrays],
                has_factor=[layer_of[i] in self._recipe.reused for i, _, _ in pieces],
            )
        paths = [array.name for array in arrays]
        return ArraywiseOptimizer(recipe.build, shapes, self._lead, paths)

    # Values in and out

    def values(self) -> list[tf.Tensor]:
        return [tf.convert_to_tensor(variable.value) for variable in self.variables]

    def measured_values(self) -> list[tf.Tensor]:
        """The averages, where there are any."""
        return [tf.convert_to_tensor(v.value) for v in self._averages or self.variables]

    def arrays(self, values: Sequence[Any]) -> list[Any]:
        """The arrays, (..., *shape), in the order of the network."""
        of_array: dict[int, list[Any]] = {}
        for (i, _, _), piece in zip(self._pieces, self._ordered(values), strict=True):
            of_array.setdefault(i, []).append(piece)
        return [joined(pieces, len(self._lead)) for pieces in of_array.values()]

    def vector(self) -> tf.Tensor:
        """All numbers, (..., n_trained)."""
        return self._vector(self.values())

    def averages_vector(self) -> tf.Tensor:
        return self._vector(self.measured_values())

    def restore(self, vectors: np.ndarray) -> None:
        assign(self.variables, self._of_vector(vectors))

    def restore_averages(self, vectors: np.ndarray) -> None:
        assign(self._averages, self._of_vector(vectors))

    def load(self, steps: np.ndarray, states: Sequence[State]) -> None:
        """Set the optimizers' states. Each network's is one tuple, optimizer by optimizer, or
        () before the first step.
        """
        for k, optimizer in enumerate(self._optimizers):
            optimizer.load(steps, [self._state_of(k, state) for state in states])

    def moments(self) -> list[tf.Tensor]:
        """Vectors of the elementwise optimizers, one optimizer after the other."""
        return [vector for optimizer in self._optimizers for vector in optimizer.moments()]

    def remember(self, moments: Sequence[tf.Tensor]) -> None:
        """Note the moments after an epoch, since reading the variables takes longer."""
        left = list(moments)
        for optimizer in self._optimizers:
            left = optimizer.remember(left)

    def state(self, member: int) -> State:
        states = [optimizer.state(member) for optimizer in self._optimizers]
        return tuple(array for state in states for array in state)

    def finish(self) -> bool:
        averaged = [optimizer.finish() for optimizer in self._optimizers]
        return any(averaged)

    def _state_of(self, k: int, state: State) -> State:
        if not state:
            return ()
        sizes = [optimizer.n_state for optimizer in self._optimizers]
        start = sum(sizes[:k])
        return tuple(state[start : start + sizes[k]])

    def _ordered(self, values: Sequence[Any]) -> list[Any]:
        """The pieces, in the order of the arrays."""
        pieces = [
            optimizer.packing.arrays(own)
            for optimizer, own in zip(self._optimizers, self._split_up(values), strict=True)
        ]
        return [pieces[k].pop(0) for _, _, k in self._pieces]

    def _split_up(self, values: Sequence[Any]) -> list[list[Any]]:
        """The values of each optimizer's variables."""
        left = iter(values)
        return [[next(left) for _ in optimizer.variables] for optimizer in self._optimizers]

    def _vector(self, values: Sequence[tf.Tensor]) -> tf.Tensor:
        if len(self._optimizers) == 1:
            return self._optimizers[0].packing.vector(values)
        pieces = self._ordered(values)
        return joined([tf.reshape(piece, (*self._lead, -1)) for piece in pieces], -1)

    def _of_vector(self, vectors: np.ndarray) -> list[np.ndarray]:
        if len(self._optimizers) == 1:
            return self._optimizers[0].packing.of_vector(vectors)
        sizes = [int(np.prod(shape)) for _, shape, _ in self._pieces]
        parts = np.split(vectors, np.cumsum(sizes)[:-1], axis=-1)
        values = []
        for k, optimizer in enumerate(self._optimizers):
            own = [
                part for part, piece in zip(parts, self._pieces, strict=True) if piece[2] == k
            ]
            values += optimizer.packing.of_vector(np.concatenate(own, axis=-1))
        return values

    # A step

    def penalty(self, arrays: Sequence[tf.Tensor], numbers: Numbers) -> tf.Tensor:
        """Penalty of all kernels, plus that of the wide path's rows, and Keras's regularizers,
        (...,).
        """
        recipe, trained = self._recipe, list(zip(arrays, self._network.trained, strict=True))
        kernels = [array for array, of in trained if of.is_penalised]
        terms = []
        if kernels:  # a user's layers may have none
            terms += self._penalties(recipe, kernels, numbers.l1, numbers.l2)
        if recipe.wide:
            rows = arrays[self._network.index("output")][..., : recipe.wide.n_rows, :]
            terms += self._penalties(recipe.wide, [rows], numbers.wide_l1, numbers.wide_l2)
        terms += [of.regularizer(array) for array, of in trained if of.regularizer is not None]
        return sum(terms, tf.zeros(self._lead))

    def _penalties(
        self, of: Recipe | WidePath, arrays: Sequence[tf.Tensor], l1: tf.Tensor, l2: tf.Tensor
    ) -> list[tf.Tensor]:
        n_lead, found = len(self._lead), []
        if of.has_l1:
            found.append(l1 * sums([tf.abs(array) for array in arrays], n_lead))
        if of.has_l2:
            found.append(l2 * sums([tf.square(array) for array in arrays], n_lead))
        return found

    def step(
        self,
        gradients: list[tf.Tensor],
        rates: tf.Tensor,
        steps: tf.Tensor,
        numbers: Numbers,
        fading: tf.Tensor | None,
    ) -> None:
        """Move the arrays against their clipped gradients, and the averages after them.

        Learning rates, numbers of steps before this one and factors of weight decay are (...,).
        """
        clipped = self._split_up(self._clipped(gradients, numbers.clip))
        for k, optimizer in enumerate(self._optimizers):
            own_rates = self._wide_rates(rates, steps, numbers) if k else rates
            has_factor = self._recipe.reused and k == 0
            factor = numbers.reused_rate_factor if has_factor else None
            optimizer.step(clipped[k], own_rates, steps, fading, factor)
        self._constrain()
        if self._averages:
            self._move_averages(steps, numbers)

    def _move_averages(self, steps: tf.Tensor, numbers: Numbers) -> None:
        """Averages begin at the weights after the first step."""
        decay = tf.where(self._optimizers[0].has_moved(steps), numbers.ema_decay, 0.0)
        for average, variable in zip(self._averages, self.variables, strict=True):
            share = beside(decay, variable)
            average.assign(share * average.value + (1 - share) * variable.value)

    def _wide_rates(self, rates: tf.Tensor, steps: tf.Tensor, numbers: Numbers) -> tf.Tensor:
        """Learning rates of the wide path's optimizer, where `rates` are those of the other."""
        wide = self._recipe.wide
        assert wide is not None
        if wide.schedule is not None:
            return wide.schedule(steps, numbers)
        return numbers.wide_rate if wide.has_own_rate else rates

    def _clipped(self, gradients: list[tf.Tensor], limit: tf.Tensor) -> list[tf.Tensor]:
        name = self._recipe.clipping
        if name is None:
            return gradients
        clip = CLIPPINGS[name]
        if name in WITHOUT_BORDERS:
            return clip(gradients, limit)
        clipped = []
        for optimizer, own in zip(self._optimizers, self._split_up(gradients), strict=True):
            arrays = optimizer.packing.arrays(own)
            clipped += optimizer.packing.values(clip(arrays, limit))
        return clipped

    def _constrain(self) -> None:
        """Apply Keras's constraints, which layers of the user's own may have."""
        if not any(self._constraints):
            return
        assert not self._lead
        assert len(self._optimizers) == 1
        (optimizer,) = self._optimizers
        constrained = [
            array if constraint is None else constraint(array)
            for array, constraint in zip(
                self.arrays(self.values()), self._constraints, strict=True
            )
        ]
        assign(self.variables, optimizer.packing.values(constrained))
