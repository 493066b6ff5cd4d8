"""Vacant places of a stack: when waiting fits take them, or the others move to fewer places."""

from __future__ import annotations

from collections.abc import Sequence

from skmlp._engine.fit import Fit
from skmlp._training.durations import COMPILING, seconds_of

# Of a stack's places, the share that is vacant before waiting fits take them: putting fits into
# places takes a fraction of an epoch.
VACANT = 1 / 8


def should_move(going: Sequence[Fit], n_waiting: int, n_places: int) -> bool:
    """Whether fits in training should be put into places anew, with those that wait.

    It depends on nothing but the fits. Watchers see one program, so their fits never move.
    """
    if any(fit.watchers for fit in going):
        return False
    if n_waiting:
        return n_places - len(going) >= min(n_waiting, max(int(n_places * VACANT), 1))
    return fewer_places(going, n_places) < n_places


def fewer_places(fits: Sequence[Fit], n_places: int) -> int:
    """The places, halved as often as the remaining fits allow, if the time saved repays
    compiling a program; otherwise `n_places`.

    At least two: the products of a single network have other bits.
    """
    n = n_places
    while n > 2 and -(-n // 2) >= len(fits):
        n = -(-n // 2)
    if n == n_places or not fits:
        return n_places
    longest = max(fits, key=epochs_left)
    of_place = [(epochs_left(longest), longest.n_batches, longest.n_rows)] * (n_places - n)
    saved = seconds_of(of_place, longest.spec.n_weights(), in_stack=True)
    return n if saved >= COMPILING[True] else n_places


def epochs_left(fit: Fit) -> int:
    """An estimate: as many as have been trained, or as patience allows if that is more."""
    state = fit.state
    assert state.patience is not None
    return int(min(fit.epochs - state.epochs, max(state.epochs, state.patience.left)))
