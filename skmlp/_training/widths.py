"""Which networks of a search are padded to one width, because that takes less time.

Networks that differ only in the widths of their hidden layers share a program, and perhaps a
stack, once the narrower ones have units of padding. That saves compiling, and costs arithmetic.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from skmlp._engine.fit import Fit
from skmlp._training.durations import COMPILING, seconds_of
from skmlp._training.padding import Units, padded_recipe, takes_padding
from skmlp._training.stacks import MAX_WEIGHTS, SIZES, stack_key

MULTIPLE = 8  # padded layers have a multiple of so many units

# Fits to train in one program, padded to `units` if they have several widths
Joined = tuple[list[Fit], Units | None]


def joined_widths(groups: Iterable[list[Fit]]) -> list[Joined]:
    """Groups of fits, each of one shape, joined with others where that saves time.

    It depends on nothing but the fits, so that results never depend on what ran before.
    """
    families: dict[Hashable, list[list[Fit]]] = {}
    for fits in groups:
        family = _family(fits[0]) if takes_padding(fits) else fits[0]
        families.setdefault(family, []).append(fits)
    return [joined for family in families.values() for joined in _quickest(family)]


def _family(fit: Fit) -> Hashable:
    """Equal for fits that differ only in the widths of their hidden layers."""
    narrow = padded_recipe(fit.recipe, (1,) * len(fit.spec.hidden_units))
    return stack_key(replace(fit, recipe=narrow))


def _quickest(family: Sequence[list[Fit]]) -> list[Joined]:
    """The quickest way to cut groups, ordered by their number of weights, into runs.

    By dynamic programming over the end of the last run.
    """
    ordered = sorted(family, key=lambda fits: (fits[0].spec.n_weights(), fits[0].spec.shape()))
    best: list[tuple[float, list[Joined]]] = [(0.0, [])]  # for the first groups: seconds, runs
    for end in range(1, len(ordered) + 1):
        ways = []
        for start, (seconds, before) in enumerate(best):
            joined = _joined(ordered[start:end])
            ways.append((seconds + seconds_together(*joined), [*before, joined]))
        best.append(min(ways, key=lambda way: way[0]))
    return best[-1][1]


def _joined(groups: Sequence[list[Fit]]) -> Joined:
    fits = [fit for group in groups for fit in group]
    if len(groups) == 1:
        return fits, None
    widest = map(max, zip(*(group[0].spec.hidden_units for group in groups), strict=True))
    return fits, tuple(-(-n // MULTIPLE) * MULTIPLE for n in widest)


def seconds_together(fits: Sequence[Fit], units: Units | None) -> float:
    """An estimate of compiling a program and of training all epochs with it."""
    spec = fits[0].spec
    if units:
        spec = replace(spec, hidden_units=units)  # type: ignore[type-var]
    n_weights, in_stack = spec.n_weights(), len(fits) >= SIZES[0]
    if units and n_weights > MAX_WEIGHTS:
        return float("inf")
    epochs = ((fit.epochs, fit.n_batches, fit.n_rows) for fit in fits)
    return COMPILING[in_stack] + seconds_of(epochs, n_weights, in_stack=in_stack)
