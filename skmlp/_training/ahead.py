"""Programs compiled ahead: the next network's, while one of a search is trained."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from skmlp._training.stacks import Stack, compile_program


class AheadCompiler:
    """Compiles the programs of stacks, in their order, in a thread of its own.

    It is one program ahead, so that the store never forgets a program before its use. A stack
    whose program could not be compiled meets the error again when it is trained.
    """

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self._stacks = stacks
        self._begun: set[object] = set()
        self._compiling: dict[object, Future] = {}
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1)

    def __enter__(self) -> AheadCompiler:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def begin(self, stack: Stack) -> None:
        """Wait for the program of a stack, and let the next one be compiled."""
        with self._lock:
            if stack.key in self._begun:
                return
            self._begun.add(stack.key)
            own = self._compiling.pop(stack.key, None)
            known = self._begun | self._compiling.keys()
            after = next((other for other in self._stacks if other.key not in known), None)
            if after:
                self._compiling[after.key] = self._thread.submit(compile_program, after)
        if own:
            wait([own])
