"""joblib's backends that send the fits of a search to where they meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from joblib import effective_n_jobs
from joblib.parallel import ThreadingBackend, get_active_backend

from skmlp._search.calls import search_call

if TYPE_CHECKING:
    from skmlp._search.gathering import Gathering


class StackingBackend(ThreadingBackend):
    """Runs each fit in a thread of its own, whatever `n_jobs` is: most threads wait."""

    def __init__(self, gathering: Gathering, search: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._gathering = gathering
        self._search = search

    def effective_n_jobs(self, n_jobs: int) -> int:
        return self._gathering.width

    def start_call(self) -> None:
        """End the previous round: scikit-learn calls joblib once per round."""
        super().start_call()
        self._gathering.end_round()

    def submit(self, func: Callable[[], Any], callback: Any = None) -> Any:
        return super().submit(self._attending(func), callback)

    def apply_async(self, func: Callable[[], Any], callback: Any = None) -> Any:
        """The name of `submit` in joblib < 1.5."""
        return super().apply_async(self._attending(func), callback)

    def _attending(self, func: Callable[[], Any]) -> Callable[[], list]:
        return self._gathering.attending(search_call(func, self._search), func)


class SendingBackend(StackingBackend):
    """Treats every call as a fit; their number is known once all have been sent."""

    def start_call(self) -> None:
        super().start_call()
        self._gathering.begin_sending()

    @contextmanager
    def retrieval_context(self) -> Iterator[None]:
        self._gathering.end_sending()
        with super().retrieval_context():
            yield

    def _attending(self, func: Callable[[], Any]) -> Callable[[], list]:
        return self._gathering.sent(func)


def n_workers(n_jobs: int | None) -> int:
    """As joblib counts them, also inside `trained_together`."""
    backend, _ = get_active_backend()
    if isinstance(backend, StackingBackend):
        return ThreadingBackend().effective_n_jobs(n_jobs or 1)
    return effective_n_jobs(n_jobs)
