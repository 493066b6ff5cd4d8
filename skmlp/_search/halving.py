"""Results of a halving search, kept so that a longer fit can resume."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

from skmlp._checkpoints.digests import digest
from skmlp._engine.fit import Fit
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.stopping import StopReason

MAX_BYTES = 2**30  # of networks kept; fits that find none begin at the first epoch

Kept = dict[Hashable, list[tuple[Mapping[str, Any], FittedNetwork]]]


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

    def resume(
        self, key: Hashable, candidate: Mapping[str, Any], fit: Fit
    ) -> FittedNetwork | None:
        """Set the fit to where the last round left it, if it is one of more epochs.

        Returns the network if it had ended by its own rules. A result is resumed once: equal
        networks of one candidate and fold, as in bagging, resume in their order.
        """
        network = self._take(key, candidate, fit.epochs)
        if network is None:
            return None
        state = network.training.copy()
        if state.reason is StopReason.EPOCHS and state.epochs < fit.epochs:
            state.reason = None
        fit.state = state
        return replace(network, training=state) if state.reason else None

    def _take(
        self, key: Hashable, candidate: Mapping[str, Any], epochs: int
    ) -> FittedNetwork | None:
        with self._lock:
            kept = self._last.get(key, [])
            for i, (earlier, network) in enumerate(kept):
                if self._is_same(earlier, candidate) and network.training.epochs <= epochs:
                    del kept[i]
                    return network
        return None

    def keep(self, key: Hashable, candidate: Mapping[str, Any], network: FittedNetwork) -> None:
        """Remember how far a fit came, if there is room."""
        kept = replace(network, training=network.training.copy())
        state = kept.training
        arrays = [state.now, state.best, state.safe, *state.optimizer, *kept.arrays]
        arrays += [] if state.kept is None else [state.kept]
        n_bytes = sum(array.nbytes for array in arrays)
        with self._lock:
            if self._n_bytes + n_bytes <= MAX_BYTES:
                self._n_bytes += n_bytes
                self._now.setdefault(key, []).append((candidate, kept))

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
    if fit.state.epochs_before or fit.checkpoint:
        return None
    held = fit.validation
    arrays = [*fit.rows.arrays, *(held.arrays if held else ())]
    return fold, fit.recipe, fit.numbers.packed().tobytes(), digest(arrays)
