"""The Keras model of a training as callbacks see it: with all its weights and an optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from skmlp._engine.fit import Training
from skmlp._keras.tensorflow import keras
from skmlp._network.keras_model import build_model, variables
from skmlp._network.keras_network import finalize
from skmlp._program.optimizer import State, assign, by_kind, owners


class LiveModel:
    """A Keras model and its optimizer, beside a program of one network.

    While `looked_at`, both hold the program's state, and the program takes over all changes.
    Where the wide path has its own optimizer, moments are not shown.
    """

    def __init__(self, training: Training, loss_weights: Sequence[float]) -> None:
        self._training = training
        self._program = program = training.program
        recipe = program.recipe
        spec = training.fit.spec.without_scaling()
        self.model = build_model(spec)
        self._weights = [v for of_layer in variables(self.model, spec) for v in of_layer]
        self.optimizer = recipe.build_live_optimizer()
        self.optimizer.build(self.model.trainable_variables)
        self._steps, *rest = self.optimizer.variables
        has_rate = not isinstance(self.optimizer.get_config()["learning_rate"], dict)
        self._rate = rest.pop(0) if has_rate else None
        self._moments = self._in_order_of_state(rest)
        losses = [recipe.loss_on_predictions] * len(recipe.network.outputs)
        several = len(losses) > 1
        of_one = losses[0] if len(self.model.outputs) == 1 else None
        self.model.compile(
            optimizer=self.optimizer,
            loss=losses if several else of_one,
            loss_weights=list(loss_weights) if several else None,
        )

    def _in_order_of_state(self, moments: list[keras.Variable]) -> list[keras.Variable]:
        recipe = self._program.recipe
        if len(recipe.optimizers) > 1:
            return []
        if not recipe.optimizer.is_elementwise:
            return moments
        places = owners(recipe.build_live_optimizer(), len(self._program.network.trained))
        return [moment for kind in by_kind(moments, places) for moment in kind]

    @contextmanager
    def looked_at(self, *, averaged: bool) -> Iterator[keras.Model]:
        """Show the averages of the weights, if there are any and they are asked for."""
        snapshot = self._training.now()
        shown = self._training.vector(snapshot, averaged=averaged)
        arrays = [a for of_layer in self._program.network.weights(shown) for a in of_layer]
        assign(self._weights, arrays)
        finalize(self.model)
        state = self._program.optimizer_state(0)
        self._show_optimizer(state)
        yield self.model
        changed = [variable.value.numpy() for variable in self._weights]
        if not _are_equal(arrays, changed):
            self._program.restore([self._with_numbers(snapshot, changed, averaged)])
        self._take_optimizer(state)

    def _with_numbers(
        self, snapshot: np.ndarray, arrays: Sequence[np.ndarray], averaged: bool
    ) -> np.ndarray:
        """The snapshot with the shown numbers replaced by these arrays."""
        network = self._program.network
        numbers = network.flat((tuple(arrays),))
        old, averages = np.split(snapshot, [network.n_numbers])
        if averaged and averages.size:
            trained, untrained = np.split(numbers, [network.n_trained])
            return np.concatenate([old[: network.n_trained], untrained, trained])
        return np.concatenate([numbers, averages])

    def _show_optimizer(self, state: State) -> None:
        steps, *moments = state
        self._steps.assign(steps)
        self._shown_rate = float(self._program.learning_rates[0])
        if self._rate is not None:
            self._rate.assign(self._shown_rate)
        if self._moments:
            assign(self._moments, self._split(moments))

    def _take_optimizer(self, shown: State) -> None:
        """Set the program's optimizer to this one's state and learning rate, if changed."""
        if self._rate is not None:
            rate = float(np.asarray(self.optimizer.learning_rate))
            if rate != self._shown_rate:
                self._program.learning_rates[0] = rate
        _steps, *moments = shown
        values = [moment.value.numpy() for moment in self._moments]
        taken = [self._steps.value.numpy(), *(self._joined(values) if values else moments)]
        if not _are_equal(shown, taken):
            self._program.load_optimizer([tuple(taken)])

    def _split(self, moments: Sequence[np.ndarray]) -> list[np.ndarray]:
        """An optimizer's moments as arrays, out of the vectors of an elementwise one."""
        if not self._program.recipe.optimizer.is_elementwise:
            return list(moments)
        shapes = [array.initial.shape for array in self._program.network.trained]
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        return [
            part.reshape(shape)
            for moment in moments
            for part, shape in zip(np.split(moment, ends), shapes, strict=True)
        ]

    def _joined(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The reverse of `_split`."""
        if not self._program.recipe.optimizer.is_elementwise:
            return list(arrays)
        n = len(self._program.network.trained)
        kinds = [arrays[i : i + n] for i in range(0, len(arrays), n)]
        return [np.concatenate([array.ravel() for array in kind]) for kind in kinds]


def _are_equal(arrays: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> bool:
    pairs = zip(arrays, others, strict=True)
    return all(np.array_equal(one, two, equal_nan=True) for one, two in pairs)
