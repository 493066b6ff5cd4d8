"""Fits of a stack that end at different epochs: time follows the epochs trained."""

import math
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from skmlp import MLPRegressor
from skmlp._engine.places import Places
from skmlp._engine.stopping import Patience, StopReason
from skmlp._program.program import Program
from skmlp._training import vacancies
from skmlp._training.stacks import Stack, share_rows, train_fits, train_stack
from skmlp._training.train import trained_by
from skmlp._training.vacancies import epochs_left, fewer_places, should_move

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 4))
Y = np.tanh(X[:, 0]) - 0.5 * X[:, 1]
REGRESSOR = MLPRegressor(
    (6,),
    batch_size=16,
    epochs=30,
    early_stopping=True,
    n_iter_no_change=1,
    optimizer="adam",
    ema_decay=0.8,
    normalization="batch",
    dropout=0.1,
    learning_rate_schedule="plateau",
)
N_PLACES = 6


# The rule


def fit_of(epochs, n_trained=0, limit=math.inf, waited=0, n_batches=500, watchers=()):
    """As much of a fit as the rule looks at."""
    state = SimpleNamespace(epochs=n_trained, patience=Patience(limit, 0.0, 0.0, waited))
    spec = SimpleNamespace(n_weights=lambda: 1000)
    return SimpleNamespace(
        epochs=epochs,
        state=state,
        spec=spec,
        n_batches=n_batches,
        n_rows=32 * n_batches,
        watchers=watchers,
    )


def test_an_estimate_of_epochs_that_are_left():
    assert epochs_left(fit_of(100)) == 100  # without a patience, all
    assert epochs_left(fit_of(100, n_trained=3, limit=5, waited=1)) == 5
    assert epochs_left(fit_of(100, n_trained=20, limit=5)) == 20
    assert epochs_left(fit_of(100, n_trained=90, limit=5)) == 10


@pytest.mark.parametrize(
    ("n_fits", "n_places", "expected"),
    [(17, 32, 32), (16, 32, 16), (9, 32, 16), (5, 24, 6), (3, 24, 3), (1, 32, 2), (1, 2, 2)],
)
def test_places_are_halved_as_often_as_fits_allow(n_fits, n_places, expected):
    assert fewer_places([fit_of(1000)] * n_fits, n_places) == expected
    assert should_move([fit_of(1000)] * n_fits, 0, n_places) == (expected < n_places)


def test_fits_keep_their_places_where_compiling_takes_longer():
    soon = [fit_of(100, n_trained=99, limit=5)] * 3
    assert not should_move(soon, 0, 32)
    assert should_move([*soon, fit_of(100, n_trained=40)], 0, 32)
    assert not should_move([fit_of(100, n_batches=2)] * 3, 0, 32)
    assert not should_move([fit_of(1000, watchers=["bar"])] * 3, 0, 32)


@pytest.mark.parametrize(
    ("n_going", "n_waiting", "moves"),
    [(32, 9, False), (29, 9, False), (28, 9, True), (31, 1, True), (0, 9, True)],
)
def test_waiting_fits_come_when_some_places_are_vacant(n_going, n_waiting, moves):
    assert should_move([fit_of(1)] * n_going, n_waiting, 32) == moves


# Stacks


class CaughtError(Exception):
    pass


@pytest.fixture(scope="module")
def caught():
    """Fits of different seeds and rates, as an estimator's `fit` comes to them."""
    fits = []

    def catch(job, fit):
        fits.append(fit)
        raise CaughtError

    for i in range(2 * N_PLACES + 2):
        estimator = clone(REGRESSOR).set_params(
            random_state=i, learning_rate=0.01 * 1.3 ** (5 * i % 14)
        )
        rows = np.roll(np.arange(60), 20 * (i % 2))  # two sets
        with trained_by(catch), pytest.raises(CaughtError):
            estimator.fit(X[rows[:45]], Y[rows[:45]], X_val=X[rows[45:]], y_val=Y[rows[45:]])
    share_rows(fits)
    return fits


def fresh(fits, **changes):
    return [replace(fit, state=deepcopy(fit.state), **changes) for fit in fits]


@pytest.fixture(scope="module")
def kept(caught):
    """Networks of stacks whose members all keep their places."""
    networks = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(vacancies, "COMPILING", (math.inf, math.inf))
        for i in range(0, len(caught), N_PLACES):
            networks += train_fits(fresh(caught[i : i + N_PLACES]), N_PLACES)
    assert len({network.training.epochs for network in networks}) > 3
    return networks


@pytest.fixture
def computed(monkeypatch):
    """Places that were computed in each epoch."""
    n_places = []
    run_batches = Program.run_batches

    def counted(program, *arguments):
        n_places.append(program.n_members)
        return run_batches(program, *arguments)

    monkeypatch.setattr(Program, "run_batches", counted)
    return n_places


@pytest.fixture
def eager(monkeypatch):
    """Programs for fewer places cost nothing."""
    monkeypatch.setattr(vacancies, "COMPILING", (0.0, 0.0))


def assert_same_bits(networks, others):
    for ours, theirs in zip(networks, others, strict=True):
        assert ours.training.history == theirs.training.history
        assert ours.training.reason == theirs.training.reason
        assert ours.training.best_value == theirs.training.best_value
        one, two = ours.training, theirs.training
        vectors = [(one.now, two.now), (one.kept, two.kept), (one.best, two.best)]
        vectors += zip(one.optimizer, two.optimizer, strict=True)
        for pair in [*vectors, *zip(ours.arrays, theirs.arrays, strict=True)]:
            np.testing.assert_array_equal(*pair)


@pytest.mark.usefixtures("eager")
def test_members_leave_by_halves(caught, kept, computed):
    networks = train_fits(fresh(caught[:N_PLACES]), N_PLACES)
    assert_same_bits(networks, kept[:N_PLACES])
    assert set(computed) == {6, 3, 2}
    n_trained = sum(network.training.epochs for network in networks)
    assert sum(computed) < 2 * n_trained + N_PLACES


def test_waiting_fits_take_vacant_places(caught, kept, computed):
    networks = train_fits(fresh(caught), N_PLACES)
    assert_same_bits(networks, kept)
    assert set(computed) == {N_PLACES}
    # All places but those at the end are occupied.
    epochs = [network.training.epochs for network in networks]
    assert len(computed) <= sum(epochs) / N_PLACES + max(epochs)
    in_turns = [max(epochs[i : i + N_PLACES]) for i in range(0, len(epochs), N_PLACES)]
    assert len(computed) < sum(in_turns)


@pytest.mark.usefixtures("eager")
def test_fits_of_equal_length_keep_their_places(caught, computed, monkeypatch):
    """A vacant place is not a reason to move, nor is the last epoch."""
    takings = []
    monkeypatch.setattr(Places, "take_out", lambda places, k: takings.append(k))
    fits = fresh(caught, epochs=3, start_from_epoch=2)
    networks = train_fits(fits, N_PLACES)
    assert {network.training.epochs for network in networks} == {3}
    assert computed == [6] * 6 + [2] * 3  # two are left for the last turn
    assert not takings


def test_networks_come_soon_after_they_have_ended(caught):
    fits = fresh(caught)
    n_ended = []
    for k, network in train_stack(Stack(fits, N_PLACES)):
        assert network.training.reason is fits[k].state.reason
        n_ended.append(sum(fit.state.reason is not None for fit in fits))
    assert n_ended[0] < N_PLACES


@pytest.mark.usefixtures("eager")
def test_a_search_that_breaks_off_after_a_move(caught, computed):
    def is_open():
        return 3 not in computed

    networks = dict(train_stack(Stack(fresh(caught[:N_PLACES]), N_PLACES), is_open))
    assert 0 < len(networks) < N_PLACES
    assert computed[-1] == 3


@pytest.mark.usefixtures("eager")
def test_an_interrupt_between_two_programs(caught, kept, monkeypatch):
    """Unfinished networks keep their best epoch, finished ones have ended."""
    place, n_placed = Program.place, []

    def interrupted(program, *arguments):
        n_placed.append(program.n_members)
        if n_placed == [6, 3]:
            raise KeyboardInterrupt
        return place(program, *arguments)

    monkeypatch.setattr(Program, "place", interrupted)
    networks = train_fits(fresh(caught[:N_PLACES]), N_PLACES)
    reasons = [network.training.reason for network in networks]
    assert reasons.count(StopReason.INTERRUPTED) in range(1, 4)
    for ours, theirs in zip(networks, kept, strict=False):
        if ours.training.reason is StopReason.INTERRUPTED:
            assert theirs.training.epochs > ours.training.epochs > 0
            np.testing.assert_array_equal(ours.training.kept, ours.training.best)
        else:
            assert_same_bits([ours], [theirs])


def test_an_interrupt_while_fits_wait(caught, monkeypatch):
    def after_two_epochs(program, *arguments):
        if program.steps[0]:
            raise KeyboardInterrupt
        return run_batches(program, *arguments)

    run_batches = Program.run_batches
    monkeypatch.setattr(Program, "run_batches", after_two_epochs)
    with pytest.raises(KeyboardInterrupt):
        train_fits(fresh(caught), N_PLACES)
