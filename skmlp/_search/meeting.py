"""A meeting of threads: each brings an item and waits, and one of them handles all items."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class SearchEndedError(Exception):
    """The search that a fit was part of broke off."""


class Arrival(Future, Generic[Item]):
    """An item that an attendant has brought; its result or error is set by the handler."""

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.item = item


class Meeting(Generic[Item, Result]):
    """Where `n_attendants` threads meet, of whom at most `width` attend at the same time.

    `handle(arrivals, is_open)` is called in one of the waiting threads. It sets the result or
    the error of each arrival, in any order and from any thread; an attendant resumes as soon as
    its own is set. A handler that takes long asks `is_open()` whether the meeting is open.
    An error that `handle` raises goes to all arrivals without a result.
    """

    # The states of an attendant:
    #
    #   expected --attend()--> working --arrive(item)--> waiting --its result--> working
    #                             |
    #                             +--end of attend()'s block--> left
    #
    # The meeting is complete when `width` attendants wait, or all that have not left. The first
    # waiting thread to notice takes all arrivals and calls `handle`.
    # close(): SearchEndedError for attendants that wait or come later.

    def __init__(
        self,
        handle: Callable[[Sequence[Arrival[Item]], Callable[[], bool]], None],
        n_attendants: int,
        width: int,
    ) -> None:
        self._handle = handle
        self._width = width
        self._n_remaining = n_attendants
        self._n_present = 0
        self._waiting: list[Arrival[Item]] = []
        self._is_closed = False
        self._changed = threading.Condition()

    @contextmanager
    def attend(self) -> Iterator[None]:
        """Attend until the end of the block, with or without an item."""
        with self._changed:
            self._check_open()
            self._n_present += 1
        try:
            yield
        finally:
            with self._changed:
                self._n_present -= 1
                self._n_remaining -= 1
                self._changed.notify_all()

    def expect(self, n: int) -> None:
        """So many more attendants will come; or, below zero, fewer."""
        with self._changed:
            self._n_remaining += n
            self._changed.notify_all()

    def arrive(self, item: Item) -> Result:
        """Bring an item, inside the block of `attend`; wait for its result and return it."""
        own = Arrival(item)
        with self._changed:
            self._check_open()
            self._waiting.append(own)
            self._changed.wait_for(lambda: own not in self._waiting or self._is_complete())
            arrivals = self._take_all() if own in self._waiting else []
        if arrivals:
            self._handle_all(arrivals)
        return own.result()

    def close(self) -> None:
        """Send all attendants away with SearchEndedError, and wait until they have left."""
        with self._changed:
            self._is_closed = True
            for arrival in self._take_all():
                arrival.set_exception(SearchEndedError())
            self._changed.wait_for(lambda: not self._n_present)

    def _check_open(self) -> None:
        if self._is_closed:
            raise SearchEndedError

    def _is_complete(self) -> bool:
        return len(self._waiting) >= min(self._width, self._n_remaining)

    def _take_all(self) -> list[Arrival[Item]]:
        arrivals, self._waiting = self._waiting, []
        self._changed.notify_all()
        return arrivals

    def _handle_all(self, arrivals: Sequence[Arrival[Item]]) -> None:
        error: BaseException = SearchEndedError()
        try:
            self._handle(arrivals, lambda: not self._is_closed)
        except BaseException as raised:
            error = raised
        for arrival in arrivals:
            if not arrival.done():
                arrival.set_exception(error)


class Processors:
    """Permission to compute, for at most `n` threads at the same time."""

    def __init__(self, n: int) -> None:
        self._free = threading.Semaphore(n)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Compute inside the block."""
        with self._free:
            yield

    @contextmanager
    def given_back(self) -> Iterator[None]:
        """Wait, without computing, inside the block of `held`."""
        self._free.release()
        try:
            yield
        finally:
            self._free.acquire()


class Turns:
    """Threads begin in the order of their numbers, 0, 1, 2, ..., however they arrive."""

    def __init__(self) -> None:
        self._are_over = False
        self._turns: dict[int, threading.Event] = {}
        self._turn(0).set()

    @contextmanager
    def taken(self, number: int) -> Iterator[Callable[[], None]]:
        """Wait for the turn. The next thread begins when the block calls what it is given, or
        ends.
        """
        self._turn(number).wait()
        following = self._turn(number + 1)
        del self._turns[number]
        try:
            yield following.set
        finally:
            following.set()

    def end(self) -> None:
        """Let all threads begin, since some that have a turn may never come."""
        self._are_over = True
        for turn in list(self._turns.values()):
            turn.set()

    def _turn(self, number: int) -> threading.Event:
        turn = self._turns.setdefault(number, threading.Event())
        if self._are_over:
            turn.set()
        return turn
