"""Fits of one recipe, trained together as a stack; one network is a stack of one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import NamedTuple

from skmlp._checkpoints.checkpoint import digest
from skmlp._data.encoded import EncodedData
from skmlp._engine.capacity import LARGE
from skmlp._engine.fit import Fit, Training
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.loop import has_live_model, rehearse, train
from skmlp._engine.recipe import Recipe
from skmlp._engine.stopping import StopReason
from skmlp._engine.store import STORE
from skmlp._keras.optimizers import ELEMENTWISE
from skmlp._training.meeting import SearchEndedError
from skmlp._training.padding import PaddedFits, Units, padded_recipe

# Networks that a stack's program has room for. Fewer gain less than it costs to compile one
# more program; more gain nothing, since their weights leave the processor's cache.
SIZES = (6, 8, 12, 16, 24, 32)
TOO_FEW = f"fewer than {SIZES[0]} have one shape"  # why `split` leaves fits alone
MAX_WEIGHTS = 50_000  # of a network: a larger one's step is arithmetic, not overhead


class Stack(NamedTuple):
    """Fits to train as one, in a program with room for `n_members`, or a single fit.

    Given `units`, their networks are padded to so many in the hidden layers.
    """

    fits: list[Fit]
    n_members: int
    units: Units | None = None

    @property
    def key(self) -> tuple[Recipe, int]:
        """Stacks with equal keys share programs."""
        recipe = self.fits[0].recipe
        return padded_recipe(recipe, self.units) if self.units else recipe, self.n_members

    @property
    def n_rows(self) -> int:
        """Distinct rows of all fits."""
        return sum(data.n_rows for data in {fit.rows for fit in self.fits})


def stack_key(fit: Fit) -> Hashable:
    """Fits with equal keys can be trained as one, if none has a reason to be alone."""
    sets = fit.rows, fit.validation
    return fit.recipe, fit.n_batches, *(data and data.is_sparse for data in sets)


def reason_to_train_alone(fit: Fit) -> str | None:
    """Why a stack cannot train this fit, or would not be faster."""
    others = [of.optimizer for of in fit.recipe.groups if not of.is_elementwise]
    unknown = [name for name in others if name not in ELEMENTWISE]
    reasons = {
        "callbacks watch one network": has_live_model(fit),
        f"stacks have no {' and no '.join(unknown)}": unknown,
        "the optimizer object clips, averages or accumulates by itself": others,
        "an activation is a Keras layer": not all(
            layer.kind.in_stacks for layer in fit.spec.layers()
        ),
        f"they have more than {MAX_WEIGHTS:,} weights": fit.spec.n_weights() > MAX_WEIGHTS,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def split(group: list[Fit], n_workers: int, units: Units | None = None) -> list[Stack]:
    """The fewest stacks of fits of one key that fit the limits and occupy all workers."""
    if len(group) < SIZES[0]:
        return [Stack([fit], 1, units) for fit in group]
    n_stacks = -(-len(group) // SIZES[-1])
    for_all_workers = -(-n_stacks // n_workers) * n_workers
    n_stacks = max(n_stacks, min(for_all_workers, len(group) // SIZES[0]))
    size = -(-len(group) // n_stacks)
    # Few sizes are few programs to compile.
    n_members = next(n for n in SIZES if size <= n)
    return [Stack(group[i : i + size], n_members, units) for i in range(0, len(group), size)]


def train_fits(
    fits: Sequence[Fit],
    n_members: int = 1,
    should_continue: Callable[[], bool] = lambda: True,
    units: Units | None = None,
) -> list[FittedNetwork]:
    """Train fits of one recipe, or of one when padded to `units`, in a program that has room
    for `n_members`.

    `should_continue` is asked before each epoch. Raises SearchEndedError if it says no.
    """
    stack = Stack(list(fits), n_members, units)
    padding = PaddedFits(fits, units)
    fits = padding.fits
    with STORE.lend(stack.key, stack.n_rows) as program:
        for k, fit in enumerate(fits):
            if fit.checkpoint:
                fit.checkpoint.resume(Training(program, k, fit))
        fitted = train(program, fits, should_continue)
    if len(fitted) < len(fits):
        raise SearchEndedError
    for fit, network in zip(fits, fitted, strict=True):
        # One that was interrupted can be resumed from where it was saved last.
        if fit.checkpoint and network.training.reason is not StopReason.INTERRUPTED:
            fit.checkpoint.save(network)
    return padding.without(fitted)


def compile_program(stack: Stack) -> None:
    """Leave a compiled program for a stack in the store, unless there is one.

    Many rows are not placed a second time: training on them takes longer than compiling.
    """
    if stack.n_rows <= LARGE and not STORE.has(stack.key, stack.n_rows):
        rehearse_stack(stack)


def rehearse_stack(stack: Stack) -> None:
    """Leave in the store a program that is compiled for just this stack, without a trace in its
    fits.
    """
    fits = [
        replace(
            fit,
            state=replace(fit.state),
            first_weights=lambda weights: weights,
            watchers=(),
            checkpoint=None,
        )
        for fit in PaddedFits(stack.fits, stack.units).fits
    ]
    with STORE.lend(stack.key, stack.n_rows) as program:
        rehearse(program, fits)


def share_rows(fits: Sequence[Fit]) -> None:
    """Give fits the same object for rows that are equal: they are placed once."""
    shared = sharing()
    for fit in fits:
        fit.rows = shared(fit.rows)
        fit.validation = fit.validation and shared(fit.validation)


def sharing() -> Callable[[EncodedData], EncodedData]:
    """A function that returns the first of all equal rows that it was called with."""
    seen: dict[str, EncodedData] = {}
    return lambda data: seen.setdefault(digest(data.arrays), data)
