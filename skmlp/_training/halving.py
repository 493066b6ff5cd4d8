"""Results kept so that a longer fit can resume."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

from skmlp._checkpoints.checkpoint import digest
from skmlp._engine import StopReason
from skmlp._training.alone import Fit, Result
from skmlp._training.preparation import set_up

MAX_BYTES = 2**30  # of networks kept; fits that find none begin at the first epoch

Kept = dict[Hashable, list[tuple[Mapping[str, Any], Result]]]


class PausedFits:
    """Results of the last two rounds of a search whose candidates differ in `resource`.

    A result is found again by its key and by its candidate: the parameters apart from the
    resource are the same objects in both rounds. (Equal ones need not be the same candidate,
    and functions have no equality.)
    """

    def __init__(self, resource: str) -> None:
        self._resource = resource
        self._lock = threading.Lock()
        self._last: Kept = {}
        self._now: Kept = {}
        self._n_bytes = 0

    def next_round(self) -> None:
        """Forget the results that the last round did not resume."""
        self._last, self._now, self._n_bytes = self._now, {}, 0

    def resumed(self, key: Hashable, candidate: Mapping[str, Any], fit: Fit) -> Fit:
        """The fit, from where the last round left it, if it is one of more epochs."""
        for earlier, (state, run) in self._last.get(key, []):
            if self._is_same(earlier, candidate) and run.epochs <= fit.job.epochs:
                return _resumed(fit, state, run.copy())
        return fit

    def keep(self, key: Hashable, candidate: Mapping[str, Any], result: Result) -> None:
        """Remember how far a fit came, if there is room."""
        state, run = result[0], result[1].copy()
        arrays = [run.now, run.best, run.safe, *state.progress.optimizer]
        n_bytes = sum(array.nbytes for array in [*arrays, *state.arrays])
        with self._lock:
            if self._n_bytes + n_bytes <= MAX_BYTES:
                self._n_bytes += n_bytes
                self._now.setdefault(key, []).append((candidate, (state, run)))

    def _is_same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        names = one.keys() - {self._resource}
        return names == other.keys() - {self._resource} and all(
            one[name] is other[name] for name in names
        )


def key_of(fold: int, fit: Fit) -> Hashable | None:
    """The key that a fit shares with the one it resumes; None: it cannot resume any.

    A candidate in a fold is not enough: a schedule over all epochs has other numbers when there
    are more of them; and rows may be held out, or transformed, at random.
    """
    if fit.job.start or fit.job.checkpoint:
        return None
    setup, held = set_up(fit.job, fit.data), fit.validation
    numbers = setup.knobs(first_step=0).packed().numpy().tobytes()
    arrays = [fit.data.X, fit.data.y, fit.data.weight]
    arrays += [held.X, held.y, held.weight] if held else []
    return fold, setup.recipe, numbers, digest(arrays)


def _resumed(fit: Fit, state: Any, run: Any) -> Fit:
    if run.reason is StopReason.EPOCHS and run.epochs < fit.job.epochs:
        run.reason = None
    job = replace(fit.job, seed=state.progress.seed)
    return replace(fit, job=job, earlier=(state, run))
