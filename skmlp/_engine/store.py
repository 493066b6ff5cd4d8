"""Programs kept between fits.

Compiling takes longer than many a small fit, so a program is lent to one fit after another:
to folds, clones and candidates of a search. Two fits at once in two threads get two.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from skmlp._engine.program import Program, Recipe

MAX_IDLE = 32
MIN_CAPACITY = 512  # rows; padding so few costs next to nothing, and small data sets share
# Building a Keras model and tracing it are not promised to be safe in two threads at once.
BUILDING = threading.Lock()


class ProgramStore:
    """Idle programs, at most `max_idle`; the one given back longest ago is forgotten first.

    A program takes any number of rows up to its capacity, and its arithmetic does not depend
    on that capacity. A new one leaves an eighth of room, so that folds which differ by a row
    share it; one more than twice as large as needed is left alone, since padding costs
    memory.
    """

    def __init__(self, max_idle: int = MAX_IDLE) -> None:
        self.max_idle = max_idle
        self.built = 0
        self._idle: list[Program] = []  # oldest first
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, recipe: Recipe, n_rows: int) -> Iterator[Program]:
        """A program for this block alone. One whose block fails is not used again."""
        program = self._take(recipe, n_rows) or self._build(recipe, n_rows)
        yield program
        with self._lock:
            self._idle.append(program)
            del self._idle[: -self.max_idle]

    def clear(self) -> None:
        with self._lock:
            self._idle.clear()

    def idle(self) -> list[Program]:
        with self._lock:
            return list(self._idle)

    def _take(self, recipe: Recipe, n_rows: int) -> Program | None:
        with self._lock:
            for program in reversed(self._idle):
                fits = n_rows < program.capacity <= 2 * capacity_for(n_rows)
                if fits and program.recipe == recipe:
                    self._idle.remove(program)
                    return program
        return None

    def _build(self, recipe: Recipe, n_rows: int) -> Program:
        with BUILDING:
            self.built += 1
            return Program(recipe, capacity_for(n_rows))


def capacity_for(n_rows: int) -> int:
    """Rows of a new program for `n_rows`: an eighth more, and one of padding at least."""
    return max(n_rows + n_rows // 8 + 1, MIN_CAPACITY)


STORE = ProgramStore()
