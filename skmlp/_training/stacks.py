"""Fits of one recipe, trained together as a stack; one network is a stack of one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from skmlp._checkpoints.digests import digest
from skmlp._data.encoded import EncodedData
from skmlp._engine.fit import Fit, Training
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.loop import has_live_model, rehearse, train
from skmlp._engine.places import RowSets
from skmlp._engine.stopping import StopReason
from skmlp._engine.store import STORE
from skmlp._keras.optimizers import ELEMENTWISE
from skmlp._program.recipe import Recipe
from skmlp._training.padding import PaddedFits, Units, padded_recipe
from skmlp._training.vacancies import fewer_places, should_move

# Networks that a stack's program has room for. Fewer gain less than it costs to compile one
# more program; more gain nothing, since their weights leave the processor's cache.
SIZES = (6, 8, 12, 16, 24, 32)
TOO_FEW = f"fewer than {SIZES[0]} have one shape"  # why `split` leaves fits alone
MAX_WEIGHTS = 50_000  # of a network: a larger one's step is arithmetic, not overhead


class Stack(NamedTuple):
    """Fits to train as one, in a program with room for `n_members`, or a single fit.

    If there are more fits, the others wait until places are vacant. Given `units`, the networks
    are padded to so many in the hidden layers.
    """

    fits: list[Fit]
    n_members: int
    units: Units | None = None

    @property
    def key(self) -> tuple[Recipe, int]:
        """Stacks with equal keys share programs."""
        recipe = self.fits[0].recipe
        return padded_recipe(recipe, self.units) if self.units else recipe, self.n_members


def stack_key(fit: Fit) -> Hashable:
    """Fits with equal keys can be trained as one, if none has a reason to be alone."""
    sets = fit.rows, fit.validation
    return fit.recipe, fit.n_batches, *(data and data.is_sparse for data in sets)


def reason_to_train_alone(fit: Fit) -> str | None:
    """Why a stack cannot train this fit, or would not be faster."""
    others = [of.cls.__name__ for of in fit.recipe.optimizers if not of.is_elementwise]
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
    """The fewest stacks of fits of one key that fit the limits and occupy all workers.

    Where they have no more sets of rows than places, a worker has one stack, in which fits wait
    for places.
    """
    if len(group) < SIZES[0]:
        return [Stack([fit], 1, units) for fit in group]
    n_parts = -(-len(group) // SIZES[-1])
    for_all_workers = -(-n_parts // n_workers) * n_workers
    n_parts = max(n_parts, min(for_all_workers, len(group) // SIZES[0]))
    size = -(-len(group) // n_parts)
    # Few sizes are few programs to compile.
    n_members = next(n for n in SIZES if size <= n)
    if len({fit.rows for fit in group}) <= n_members:
        n_stacks = min(n_parts, n_workers)
        return [Stack(group[i::n_stacks], n_members, units) for i in range(n_stacks)]
    return [Stack(group[i : i + size], n_members, units) for i in range(0, len(group), size)]


def train_fits(
    fits: Sequence[Fit], n_members: int = 1, units: Units | None = None
) -> list[FittedNetwork]:
    """Train fits that share a recipe (once padded to `units`, if given) in a program with
    `n_members` places.
    """
    networks = dict(train_stack(Stack(list(fits), n_members, units)))
    return [networks[k] for k in range(len(fits))]


def train_stack(
    stack: Stack, should_continue: Callable[[], bool] = lambda: True
) -> Iterator[tuple[int, FittedNetwork]]:
    """Train a stack's fits. Yields numbers and networks of those that have ended, each time
    that fits are put into places anew, and at the end.

    `should_continue` is asked before each epoch. If it says no, the fits that have not ended
    are left out. The bits of a network do not depend on its place, nor on the number of places.
    """
    padding = PaddedFits(stack.fits, stack.units)
    fits, sets = padding.fits, RowSets.of(padding.fits, stack.n_members)
    recipe, n_places = stack.key
    _resume(stack.key, sets.n_rows, [fit for fit in fits if fit.checkpoint])
    waiting = deque(range(len(fits)))
    going: list[int] = []

    def is_to_move() -> bool:
        training = [fits[k] for k in going if fits[k].state.reason is None]
        return should_move(training, len(waiting), n_places)

    while going or waiting:
        n_places = fewer_places([fits[k] for k in (*going, *waiting)], n_places)
        are_moved = bool(going)
        going += [waiting.popleft() for _ in range(min(n_places - len(going), len(waiting)))]
        in_places = [fits[k] for k in going]
        try:
            with STORE.lend((recipe, n_places), sets.n_rows) as program:
                networks = train(
                    program, in_places, lambda: should_continue() and not is_to_move(), sets
                )
        except KeyboardInterrupt:
            if not (are_moved and all(fit.state.epochs for fit in in_places)):
                raise
            # It came between two programs: in the next one the fits end without an epoch.
            for fit in in_places:
                fit.state.reason = fit.state.reason or StopReason.INTERRUPTED
            continue
        if waiting and any(fit.state.reason is StopReason.INTERRUPTED for fit in in_places):
            raise KeyboardInterrupt
        for k, network in zip(going, networks, strict=True):
            if network is not None:
                yield k, _saved(fits[k], padding.without(k, network))
        going = [k for k, network in zip(going, networks, strict=True) if network is None]
        if going and not is_to_move():
            return


def _resume(key: tuple[Recipe, int], n_rows: int, fits: Sequence[Fit]) -> None:
    """Set fits that have checkpoints to their saved states."""
    if fits:
        with STORE.lend(key, n_rows) as program:
            for fit in fits:
                assert fit.checkpoint is not None
                fit.checkpoint.resume(Training(program, 0, fit))


def _saved(fit: Fit, network: FittedNetwork) -> FittedNetwork:
    """The network of a fit that has ended, which its checkpoint saves."""
    # One that was interrupted can be resumed from where it was saved last.
    if fit.checkpoint and network.training.reason is not StopReason.INTERRUPTED:
        fit.checkpoint.save(network)
    return network


def rehearse_stack(fits: Sequence[Fit]) -> None:
    """Compile the program of these fits and leave it in the store; the fits stay unchanged."""
    copies = [
        replace(
            fit,
            state=replace(fit.state),
            first_weights=lambda weights: weights,
            watchers=(),
            checkpoint=None,
        )
        for fit in fits
    ]
    sets = RowSets.of(copies, len(copies))
    with STORE.lend((fits[0].recipe, len(copies)), sets.n_rows) as program:
        rehearse(program, copies, sets)


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
