"""NumPy's work in threads: as many as its BLAS has, each with a BLAS of one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

_Value = TypeVar("_Value")
_Result = TypeVar("_Result")
# Held while BLAS is limited: of two limits that overlap, one would restore the other.
_limiting = threading.Lock()


def in_threads(
    function: Callable[[_Value], _Result], values: Sequence[_Value]
) -> list[_Result]:
    """Results of the function for each value, in order.

    Small products of matrices with activations in between leave the threads of BLAS idle half
    of the time. While another call of this function is running, values are processed one by
    one.
    """
    blas = _blas()
    n_threads = max((library.num_threads for library in blas.lib_controllers), default=1)
    n_threads = min(n_threads, len(values))
    if n_threads <= 1 or not _limiting.acquire(blocking=False):
        return [function(value) for value in values]
    try:
        with blas.limit(limits=1), ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(function, values))
    finally:
        _limiting.release()


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """The libraries that NumPy multiplies by; finding them takes 20 ms."""
    return ThreadpoolController().select(user_api="blas")
