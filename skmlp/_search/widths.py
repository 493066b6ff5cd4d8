"""Which networks of a search are padded, because that takes less time.

Networks that differ only in the widths of their hidden layers share a program, and perhaps a
stack, once the narrower ones have units of padding. That saves compiling, and costs arithmetic.
A stack of one width trains faster, or as fast, if its layers fill the processor's vectors.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from skmlp._engine.fit import Fit
from skmlp._training.durations import COMPILING, seconds_of
from skmlp._training.padding import Units, padded_recipe, takes_padding
from skmlp._training.stacks import MAX_WEIGHTS, SIZES, stack_key

MULTIPLE = 8  # padded layers have a multiple of so many units: float32 numbers of a vector

# Fits to train in one program, and the units that they are padded to, if they are
PaddedGroup = tuple[list[Fit], Units | None]


def joined_widths(groups: Iterable[list[Fit]]) -> list[PaddedGroup]:
    """Groups of fits, each of one shape, joined with others where that saves time.

    It depends on nothing but the fits, so that results never depend on what ran before.
    """
    families: dict[Hashable, list[list[Fit]]] = {}
    without_padding: list[PaddedGroup] = []
    for fits in groups:
        if takes_padding(fits):
            families.setdefault(_family(fits[0]), []).append(fits)
        else:
            without_padding.append((fits, None))
    padded = [joined for family in families.values() for joined in _quickest(family)]
    return padded + without_padding


def _family(fit: Fit) -> Hashable:
    """Equal for fits that differ only in the widths of their hidden layers."""
    narrow = padded_recipe(fit.recipe, (1,) * len(fit.spec.hidden_units))
    return stack_key(replace(fit, recipe=narrow))


def _quickest(family: Sequence[list[Fit]]) -> list[PaddedGroup]:
    """The quickest way to cut groups, ordered by their number of weights, into runs.

    By dynamic programming over the end of the last run.
    """
    ordered = sorted(family, key=lambda fits: (fits[0].spec.n_weights(), fits[0].spec.shape()))
    best: list[tuple[float, list[PaddedGroup]]] = [
        (0.0, [])
    ]  # for the first groups: seconds, runs
    for end in range(1, len(ordered) + 1):
        ways = []
        for start, (seconds, before) in enumerate(best):
            joined = _joined(ordered[start:end])
            ways.append((seconds + seconds_together(*joined), [*before, joined]))
        best.append(min(ways, key=lambda way: way[0]))
    return best[-1][1]


def _joined(groups: Sequence[list[Fit]]) -> PaddedGroup:
    fits = [fit for group in groups for fit in group]
    widths = [group[0].spec.hidden_units for group in groups]
    units = tuple(
        -(-max(of_layer) // MULTIPLE) * MULTIPLE for of_layer in zip(*widths, strict=True)
    )
    if len(groups) == 1 and (len(fits) < SIZES[0] or _n_weights(fits[0], units) > MAX_WEIGHTS):
        return fits, None
    return fits, units if {units} != set(widths) else None


def _n_weights(fit: Fit, units: Units | None) -> int:
    spec = replace(fit.spec, hidden_units=units) if units else fit.spec  # type: ignore[type-var]
    return spec.n_weights()


def seconds_together(fits: Sequence[Fit], units: Units | None) -> float:
    """An estimate of compiling a program and of training all epochs with it."""
    n_weights, in_stack = _n_weights(fits[0], units), len(fits) >= SIZES[0]
    if units and n_weights > MAX_WEIGHTS:
        return float("inf")
    epochs = ((fit.epochs, fit.n_batches, fit.n_rows) for fit in fits)
    return COMPILING[in_stack] + seconds_of(epochs, n_weights, in_stack=in_stack)
