"""Programs kept between fits.

Compiling takes longer than many a small fit, so a program is lent to one fit after another:
to folds, clones and candidates of a search. Two fits at once in two threads get two.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from skmlp._engine.capacity import capacity_for
from skmlp._keras.tensorflow import tf
from skmlp._network.building import building
from skmlp._program.program import Program

MAX_IDLE = 64


class ProgramStore:
    """Idle programs, at most `max_idle`; the one given back longest ago is forgotten first.

    `build(key, capacity)` makes a program. It takes any number of rows up to its capacity, on
    which its arithmetic does not depend. A new one leaves room, so that folds and the fit on
    all rows that follows them share it; one more than twice as large as a new one would be is
    skipped, since padding costs memory.
    """

    def __init__(self, build: Callable[[Any, int], Any], max_idle: int = MAX_IDLE) -> None:
        self.max_idle = max_idle
        self.built = 0
        self._new = build
        self._idle: list[Any] = []  # oldest first
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, key: Hashable, n_rows: int) -> Iterator[Any]:
        """A program for this block alone.

        It is kept for others afterwards, also if the block fails, since a fit begins by loading
        all that a program holds; unless TensorFlow failed or the program itself was damaged.
        """
        program = self._take(key, n_rows) or self._build(key, n_rows)
        failed_in_tensorflow = False
        try:
            yield program
        except tf.errors.OpError:
            failed_in_tensorflow = True
            raise
        finally:
            if not failed_in_tensorflow and program.is_sound():
                self._give_back(program)

    def clear(self) -> None:
        with self._lock:
            self._idle.clear()

    def idle(self) -> list[Any]:
        with self._lock:
            return list(self._idle)

    def _give_back(self, program: Any) -> None:
        with self._lock:
            self._idle.append(program)
            del self._idle[: -self.max_idle]

    def _take(self, key: Hashable, n_rows: int) -> Any | None:
        with self._lock:
            program = self._find(key, n_rows)
            if program is not None:
                self._idle.remove(program)
            return program

    def _find(self, key: Hashable, n_rows: int) -> Any | None:
        for program in reversed(self._idle):
            fits = n_rows < program.capacity <= 2 * capacity_for(n_rows)
            if fits and program.key == key:
                return program
        return None

    def _build(self, key: Hashable, n_rows: int) -> Any:
        with self._lock:
            self.built += 1
        return self._new(key, capacity_for(n_rows))


def _program(key: Any, capacity: int) -> Program:
    recipe, _ = key
    with building(recipe.network):
        return Program(key, capacity)


STORE = ProgramStore(_program)
