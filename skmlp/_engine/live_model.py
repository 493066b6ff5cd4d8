"""The Keras model of a program as callbacks see it: with all its weights and its optimizer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np

from skmlp._engine.program import Program
from skmlp._engine.recipe import assign, values


class LiveModel:
    """A program's model with an optimizer for each of its arrays.

    While `looked_at`, both hold the program's state, and whatever is changed of it becomes the
    program's.
    """

    def __init__(self, program: Program, loss_weights: Sequence[float]) -> None:
        self._program = program
        self.model = program.model
        self._weights = list(self.model.trainable_variables)  # a callback may freeze some
        self.optimizer = program.optimizer
        if program.packing.has_pack:
            self.optimizer = program.recipe.build_optimizer()
            self.optimizer.build(self.model.trainable_variables)
        program.live_optimizer = self.optimizer
        self._state = list(self.optimizer.variables)  # a callback may set a schedule
        losses = [program.recipe.loss_on_predictions] * len(program.recipe.outputs)
        several = len(losses) > 1
        self.model.compile(
            optimizer=self.optimizer,
            loss=losses if several else losses[0],
            loss_weights=list(loss_weights) if several else None,
        )

    @contextmanager
    def looked_at(self) -> Iterator[keras.Model]:
        if not self._program.packing.has_pack:
            yield self.model
            return
        weights, state = self._program.trainable(), self._program.optimizer_state()
        assign(self._weights, weights)
        assign(self._state, state)
        yield self.model
        if not _are_equal(weights, changed := values(self._weights)):
            self._program.restore_trainable(changed)
        if not _are_equal(state, changed := self._changed_state()):
            self._program.restore_optimizer(changed)

    def _changed_state(self) -> tuple[np.ndarray, ...]:
        state = list(values(self._state))
        if len(state) > 1 and not state[1].shape:
            state[1] = np.asarray(self.optimizer.learning_rate, np.float32)
        return tuple(state)


def _are_equal(one: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))
