"""Fits of one recipe, trained together as a stack."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from skmlp._checkpoints.checkpoint import digest
from skmlp._data.arrays import EncodedData
from skmlp._engine import STACKS, Member, RowSet, Run, StackProgram, train_stack
from skmlp._keras.optimizers import CLIPPINGS
from skmlp._network.spec import KerasLayer
from skmlp._network.state import FittedState
from skmlp._training.alone import Fit, Result, train_alone
from skmlp._training.preparation import Setup, set_up

# Members that a stack's program has room for. Fewer gain less than compiling one more program
# costs; more gain nothing, since their weights leave the processor's cache.
SIZES = (6, 8, 12, 16, 24, 32)
MAX_BYTES = 2**28  # of the validation rows that a stack measures at once
MAX_WEIGHTS = 50_000  # of a network: a larger one's step is arithmetic, not overhead


class SearchEndedError(Exception):
    """The search that a fit was part of broke off."""


class Stack(NamedTuple):
    """Fits to train as one, in a program that may have room for more; one by itself."""

    fits: list[Fit]
    n_members: int


def stack_key(fit: Fit, setup: Setup) -> Hashable:
    """Fits without a reason to train alone and of equal keys can be trained as one."""
    n_batches = -(-fit.data.n_rows // setup.recipe.batch_size)
    return setup.recipe, n_batches, fit.validation is None


def reason_to_train_alone(setup: Setup) -> str | None:
    """Why a stack cannot train this fit without watchers, or would not be faster."""
    job, optimizer, schedule = setup.job, setup.optimizer, setup.schedule
    own = ("use_ema", *CLIPPINGS, "gradient_accumulation_steps", "loss_scale_factor")
    by_name = schedule.by_step is None or isinstance(schedule.key, str)
    reasons = {
        "'metrics' are measured for one network": job.metrics,
        "'checkpoint_dir' is for one network": job.checkpoint,
        "stacks have no 'wide_optimizer'": optimizer.wide is not None,
        f"stacks have no {optimizer.cls.__name__}": not optimizer.is_elementwise,
        "the optimizer object clips, averages or scales by itself": any(
            optimizer.config.get(name) for name in own
        ),
        "stacks have no Keras schedules": optimizer.learning_rate is None or not by_name,
        "an activation is a Keras layer": any(
            isinstance(activation, KerasLayer) for activation in job.spec.activations
        ),
        f"they have more than {MAX_WEIGHTS:,} weights": job.spec.n_weights() > MAX_WEIGHTS,
    }
    return next((reason for reason, applies in reasons.items() if applies), None)


def reason_not_to_stack(n_fits: int) -> str:
    """Why `split` has left fits of one key alone."""
    if n_fits < SIZES[0]:
        return f"fewer than {SIZES[0]} have one shape"
    return "a stack would measure too many validation rows at once"


def split(group: list[Fit], n_workers: int) -> list[Stack]:
    """The fewest stacks of fits of one key that fit the limits and occupy all workers."""
    if len(group) < SIZES[0]:
        return [Stack([fit], 1) for fit in group]
    held = max((fit.validation.X.nbytes for fit in group if fit.validation), default=1)
    limit = max(min(SIZES[-1], MAX_BYTES // max(held, 1)), 1)
    n_stacks = -(-len(group) // limit)
    for_all_workers = -(-n_stacks // n_workers) * n_workers
    n_stacks = max(n_stacks, min(for_all_workers, len(group) // SIZES[0]))
    size = -(-len(group) // n_stacks)
    # Few sizes are few programs to compile. A limit of memory is kept to.
    n_members = next((n for n in SIZES if size <= n <= limit), size)
    return [Stack(group[i : i + size], n_members) for i in range(0, len(group), size)]


def train_fits(stack: Stack, goes_on: Callable[[list[Run]], bool]) -> list[Result]:
    """Train a stack; `goes_on` is asked before every epoch, and may break it off.

    Rows that are the same object are placed once. Raises SearchEndedError if it broke off.
    """
    if stack.n_members == 1:
        return [train_alone(stack.fits[0])]
    fits = stack.fits
    setups = [set_up(fit.job, fit.data) for fit in fits]
    sets = _row_sets(fits)
    n_rows = sum(len(sets[key].X) for key in {id(fit.data) for fit in fits})
    with STACKS.lend((setups[0].recipe, stack.n_members), n_rows) as program:
        starts = [setup.start(program.built_weights) for setup in setups]
        members = [
            _member(program, *one, sets) for one in zip(fits, setups, starts, strict=True)
        ]
        trained = train_stack(program, members, goes_on)
    if len(trained) < len(members):
        raise SearchEndedError
    return [
        (
            setup.fitted_state(
                start.progress, one.run, one.weights, one.raw_weights, one.optimizer
            ),
            one.run,
        )
        for setup, start, one in zip(setups, starts, trained, strict=True)
    ]


def outcome(stack: Stack) -> list[Result] | Exception:
    """What a stack comes to in another process: results as arrays, or why there are none."""
    try:
        return [(state, run.copy()) for state, run in train_fits(stack, lambda runs: True)]
    except Exception as error:
        return error


def with_shared_rows(fits: Sequence[Fit]) -> list[Fit]:
    """The fits, with the same object for rows that are equal: they are sent and placed once."""
    seen: dict[str, EncodedData] = {}

    def shared(data: EncodedData) -> EncodedData:
        return seen.setdefault(digest([data.X, data.y, data.weight]), data)

    return [
        replace(
            fit,
            data=shared(fit.data),
            validation=shared(fit.validation) if fit.validation else None,
        )
        for fit in fits
    ]


def _row_sets(fits: Sequence[Fit]) -> dict[int, RowSet]:
    """What the engine takes, by the id of the rows."""
    several = [data for fit in fits for data in (fit.data, fit.validation) if data]
    return {
        key: RowSet(data.X, data.y, data.unit_weight())
        for key, data in {id(data): data for data in several}.items()
    }


def _member(
    program: StackProgram,
    fit: Fit,
    setup: Setup,
    start: FittedState,
    sets: Mapping[int, RowSet],
) -> Member:
    progress, validation = start.progress, fit.validation
    optimizer = setup.optimizer_state(progress)
    score = partial(setup.job.score, validation) if setup.job.score and validation else None
    assert setup.optimizer.learning_rate is not None
    member = Member(
        rows=sets[id(fit.data)],
        held=sets[id(validation)] if validation else None,
        score=score,
        plan=setup.plan(progress, has_validation=validation is not None),
        knobs=setup.knobs(int(optimizer[0]) if optimizer else 0),
        weights=progress.raw_weights or start.weights,
        averages=start.weights,
        optimizer=optimizer,
        learning_rate=setup.optimizer.learning_rate,
    )
    if fit.earlier is None:
        return member
    state, run = fit.earlier
    return replace(
        member,
        run=run,
        weights=program.weights(run.now, averaged=False),
        averages=program.weights(run.now, averaged=True),
        optimizer=state.progress.optimizer,
    )
