"""Keras's optimizers, stepping the variables of one network or of many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from skmlp._keras.tensorflow import keras, tf
from skmlp._kinds.base import Shape
from skmlp._program.compiled import has_bits_of
from skmlp._program.packing import Packing
from skmlp._program.recipe import Build, beside

State = tuple[np.ndarray, ...]


class Optimizer:
    """Steps the variables that hold arrays of these shapes; it owns them.

    `state` reads and `load` sets the arrays that it keeps between steps, for each network; ()
    stands for those before the first step.
    """

    def __init__(
        self, shapes: Sequence[Shape], lead: Shape, paths: Sequence[str] | None = None
    ) -> None:
        self.packing = Packing(shapes, lead, packs=paths is None)
        self._lead = lead
        shapes = self.packing.variable_shapes
        paths = paths or ["trained/packed"] * len(shapes)
        self.variables = [_variable(*pair) for pair in zip(shapes, paths, strict=True)]

    _fresh: State

    @property
    def n_state(self) -> int:
        """Arrays of the state."""
        return len(self._fresh)

    def step(
        self,
        gradients: Sequence[tf.Tensor],
        rates: tf.Tensor,
        steps: tf.Tensor,
        fading: tf.Tensor | None,
        factor: tf.Tensor | None,
    ) -> None:
        """Move the variables.

        `rates`, `steps` (made before), `fading` (factor of weight decay) and `factor` (of the
        rate, where an array has one at run time) hold a number for each network, (...,).
        """
        raise NotImplementedError

    def has_moved(self, steps: tf.Tensor) -> tf.Tensor:
        """Whether an earlier step has moved the variables, (...,)."""
        return steps > 0

    def load(self, steps: np.ndarray, states: Sequence[State]) -> None:
        """Set the state of each network after `steps` steps, (networks,)."""
        raise NotImplementedError

    def state(self, member: int) -> State:
        raise NotImplementedError

    def moments(self) -> list[tf.Tensor]:
        """Vectors that make up the state, (..., n), if it is made up of such."""
        return []

    def remember(self, moments: list[tf.Tensor]) -> list[tf.Tensor]:
        """Take the moments after an epoch off the front of a list; returns the rest."""
        return moments

    def finish(self) -> bool:
        """Put averages of the weights in place, if the optimizer itself has them."""
        return False


class ElementwiseOptimizer(Optimizer):
    """An optimizer that treats all numbers alike, so that they may lie anywhere.

    Each network has its own number of steps and learning rate. The state is moments, each a
    vector of all numbers in the order of the arrays. `rate_factors` multiply the learning rate
    of each array, and `decay_factors` its weight decay; `has_factor` says which arrays have a
    factor at run time too.
    """

    def __init__(
        self,
        build: Build,
        shapes: Sequence[Shape],
        lead: Shape,
        rate_factors: Sequence[float],
        decay_factors: Sequence[float],
        has_factor: Sequence[bool],
    ) -> None:
        super().__init__(shapes, lead)
        self._rate_factors = self.packing.spread(rate_factors)
        self._decay_factors = self.packing.spread(decay_factors)
        self._has_factor = self.packing.spread([float(has) for has in has_factor])
        self._optimizer = with_steps_of_members(build())
        self._optimizer.build(self.variables)
        # the first two are the optimizer's own count of steps and learning rate
        moments = self._optimizer.variables[2:]
        self._moments = by_kind(moments, owners(build(), len(self.variables)))
        self._last_moments: list[tf.Tensor] = []  # moments after the last epoch
        self._fresh = self.state(0)

    def step(
        self,
        gradients: Sequence[tf.Tensor],
        rates: tf.Tensor,
        steps: tf.Tensor,
        fading: tf.Tensor | None,
        factor: tf.Tensor | None,
    ) -> None:
        decay = self._optimizer.weight_decay
        factors = zip(self._rate_factors, self._decay_factors, self._has_factor, strict=True)
        updates = zip(gradients, self.variables, factors, strict=True)
        for gradient, variable, (rate_factor, decay_factor, has_factor) in updates:
            rate = times(beside(rates, variable), rate_factor)
            if factor is not None:
                rate *= 1 + has_factor * (beside(factor, variable) - 1)
            if decay is not None:
                share = times(rate * decay, decay_factor)
                share = share if fading is None else share * beside(fading, variable)
                variable.assign(variable - variable * share)
            self._optimizer.steps = beside(steps, variable)
            self._optimizer.update_step(gradient, variable, rate)

    def load(self, steps: np.ndarray, states: Sequence[State]) -> None:
        kinds = zip(*(state or self._fresh for state in states), strict=True)
        moments = [np.reshape(vectors, (*self._lead, -1)) for vectors in kinds]
        last = [vector.numpy() for vector in self._last_moments]
        if last and all(map(has_bits_of, last, moments)):
            return  # a fit that resumes finds them in place
        self._last_moments = []
        for kind, vectors in zip(self._moments, moments, strict=True):
            assign(kind, self.packing.of_vector(vectors))

    def state(self, member: int) -> State:
        vectors = self._last_moments or self.moments()
        # A view of all networks' moments in NumPy would keep all of them in memory.
        own = (vector[member] for vector in vectors) if self._lead else vectors
        return tuple(vector.numpy() for vector in own)

    def moments(self) -> list[tf.Tensor]:
        values = [[tf.convert_to_tensor(v.value) for v in kind] for kind in self._moments]
        return [self.packing.vector(of_kind) for of_kind in values]

    def remember(self, moments: list[tf.Tensor]) -> list[tf.Tensor]:
        n = len(self._moments)
        self._last_moments = moments[:n]
        return moments[n:]


class ArraywiseOptimizer(Optimizer):
    """Any optimizer of one network, with a variable for each array.

    The variables have the paths of the Keras model's, by which an optimizer may treat layers
    differently. The state is the optimizer's own, without number of steps and learning rate.
    """

    def __init__(
        self, build: Build, shapes: Sequence[Shape], lead: Shape, paths: Sequence[str]
    ) -> None:
        assert lead == ()
        super().__init__(shapes, lead, paths)
        self._optimizer = build()
        self._optimizer.build(self.variables)
        self._steps, _, *self._state = self._optimizer.variables
        self._fresh = tuple(variable.value.numpy() for variable in self._state)

    def step(
        self,
        gradients: Sequence[tf.Tensor],
        rates: tf.Tensor,
        steps: tf.Tensor,
        fading: tf.Tensor | None,
        factor: tf.Tensor | None,
    ) -> None:
        assert fading is factor is None
        self._optimizer.learning_rate.assign(rates)
        self._optimizer.apply(gradients, self.variables)

    def has_moved(self, steps: tf.Tensor) -> tf.Tensor:
        # Gradients may be accumulated over several steps.
        return tf.convert_to_tensor(self._optimizer.iterations) > 1

    def load(self, steps: np.ndarray, states: Sequence[State]) -> None:
        assign([self._steps, *self._state], [steps[0], *(states[0] or self._fresh)])

    def state(self, member: int) -> State:
        return tuple(variable.value.numpy() for variable in self._state)

    def finish(self) -> bool:
        self._optimizer.finalize_variable_values(self.variables)
        return self._optimizer.use_ema


def _variable(shape: Shape, path: str) -> keras.Variable:
    *layers, name = filter(None, path.split("/"))
    with ExitStack() as scopes:
        for layer in layers:
            scopes.enter_context(keras.name_scope(layer))
        return keras.Variable(np.zeros(shape, np.float32), name=name)


def with_steps_of_members(optimizer: keras.optimizers.Optimizer) -> Any:
    """The optimizer with a count of steps for each network, instead of its own count."""

    class OfMembers(type(optimizer)):  # type: ignore[misc]
        steps: Any = 0

        @property
        def iterations(self) -> Any:
            return self.steps

    return OfMembers.from_config(optimizer.get_config())


def fresh_moments(build: Build) -> list[float]:
    """Each moment of an optimizer before the first step, where it treats all numbers alike."""
    optimizer = build()
    optimizer.build([keras.Variable(np.zeros(1, np.float32), name="probe")])
    return [float(moment.value.numpy()[0]) for moment in optimizer.variables[2:]]


def owners(optimizer: keras.optimizers.Optimizer, n_variables: int) -> list[tuple[int, int]]:
    """(kind, owner) of each moment of an optimizer of so many variables.

    Releases of Keras list moments in different orders; variables of different sizes show which.
    """
    sizes = range(1, n_variables + 1)
    optimizer.build([keras.Variable(np.zeros(n, np.float32), name="probe") for n in sizes])
    n_seen: dict[int, int] = defaultdict(int)
    found = []
    for variable in optimizer.variables[2:]:
        owner = variable.shape[0] - 1
        found.append((n_seen[owner], owner))
        n_seen[owner] += 1
    return found


def by_kind(moments: Sequence[Any], places: Sequence[tuple[int, int]]) -> list[list[Any]]:
    """Moments of each kind in the order of their owners; `places` are those of `owners`."""
    found: dict[int, dict[int, Any]] = defaultdict(dict)
    for (kind, owner), moment in zip(places, moments, strict=True):
        found[kind][owner] = moment
    return [[of_kind[i] for i in range(len(of_kind))] for of_kind in found.values()]


def times(value: tf.Tensor, factor: Any) -> tf.Tensor:
    """The product; without an operation where the factor is 1."""
    return value if np.isscalar(factor) and factor == 1 else value * factor


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Set Keras variables; their own `assign` takes five times as long between epochs."""
    for variable, value in zip(variables, values, strict=True):
        tensor = value if tf.is_tensor(value) else tf.constant(value, variable.dtype)
        tf.raw_ops.AssignVariableOp(resource=variable.value.handle, value=tensor)
