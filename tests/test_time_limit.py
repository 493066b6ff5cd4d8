"""`max_time`: training is laid out anew so that it ends in time."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from skmlp import TabularRegressor
from skmlp._estimators.tabular import base as tabular
from skmlp._program.program import Program
from skmlp._training.time_limit import TimeLimit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
Y = X[:, 0] - X[:, 1] ** 2
REGRESSOR = TabularRegressor(
    2, hidden_layer_sizes=(16,), epochs=12, batch_size=64, random_state=0
)


class Clock:
    """Time that passes only where a test says so."""

    now = 100.0

    def __call__(self):
        return self.now


def plans(seconds, durations, epochs=10, waits=0.0):
    """Numbers of epochs that are planned after each epoch, until training ends."""
    clock = Clock()
    limit = TimeLimit(seconds, clock)
    fits = [SimpleNamespace(epochs=epochs) for _ in range(2)]
    for fit in fits:
        fit.lay_out = lambda epochs, reason, fit=fit: setattr(fit, "epochs", epochs)
        assert limit.on_begin(SimpleNamespace(fit=fit)) == 0
    clock.now += waits
    planned = []
    for epoch, duration in enumerate(durations):
        limit.on_epoch_begin(epoch)
        clock.now += duration
        assert not limit.on_epoch_end(epoch, {})
        assert fits[0].epochs == fits[1].epochs
        planned.append(fits[0].epochs)
        if epoch + 1 >= planned[-1]:
            break
    return planned


@pytest.mark.parametrize(
    ("seconds", "durations", "expected"),
    [
        (100, [1] * 10, [10] * 10),  # enough
        (10, [1] * 10, [10] * 10),  # just enough
        (np.inf, [1] * 10, [10] * 10),
        (5.5, [1] * 10, [5] * 5),
        (0.1, [1] * 10, [1]),  # one epoch is trained in any case
        (4.95, [1] * 10, [5] * 5),  # the last one is late by little
        (8, [1, 1, 2, 2, 2, 2], [8, 8, 6, 5, 5]),  # slower than it seemed
        (10, [2, *[1] * 8], [5, 6, 7, 7, 7, 7, 7]),  # faster, noticed in the first half
        (6, [1, 1, 1, 1, 0.1, 0.1], [6] * 6),  # faster, noticed later
        (6, [1, 1, 9], [6, 6, 3]),  # time has run out
    ],
)
def test_epochs_are_those_that_fit(seconds, durations, expected):
    assert plans(seconds, durations) == expected


def test_the_time_before_training_counts_but_is_no_measure_of_an_epoch():
    assert plans(10, [1] * 10, waits=4) == [6] * 6


@pytest.fixture
def clock(monkeypatch):
    """A clock by which compilation takes 2 seconds and an epoch 1."""
    clock = Clock()
    monkeypatch.setattr(tabular, "TimeLimit", partial(TimeLimit, clock=clock))
    run_batches, is_compiled = Program.run_batches, []

    def run(*arguments):
        clock.now += 1 if is_compiled else 2
        is_compiled.append(True)
        return run_batches(*arguments)

    monkeypatch.setattr(Program, "run_batches", run)
    return clock


@pytest.fixture(scope="module")
def unlimited():
    return clone(REGRESSOR).fit(X, Y)


def test_the_schedule_reaches_its_end_in_time(clock, capsys):
    regressor = clone(REGRESSOR).set_params(max_time=8.5, verbose=1)
    began = clock.now
    regressor.fit(X, Y)
    assert clock.now - began == 8
    assert regressor.n_iter_ == len(regressor.history_["val_loss"]) == 6
    assert regressor.stop_reasons_ == ["As many epochs were run as 'max_time' allows."] * 2
    rates = regressor.history_["learning_rate"]
    assert max(rates) > 0.1
    n_steps = 5  # in an epoch of 262 rows
    share = 1 - 0.5 / (6 * n_steps)
    rate = 0.2 * 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * share)))
    assert rates[-1] == pytest.approx(rate, rel=1e-3)
    assert rate < 0.01 * max(rates)
    assert "6/6" in capsys.readouterr().err


def test_a_limit_that_suffices_changes_no_bit(clock, unlimited):
    regressor = clone(REGRESSOR).set_params(max_time=14).fit(X, Y)
    assert regressor.history_ == unlimited.history_
    assert regressor.stop_reasons_ == unlimited.stop_reasons_
    np.testing.assert_array_equal(regressor.predict(X), unlimited.predict(X))


def test_one_epoch_where_there_is_no_time(unlimited):
    regressor = clone(REGRESSOR).set_params(max_time=1e-9).fit(X, Y)
    assert regressor.n_iter_ == 1
    assert regressor.history_["loss"] == unlimited.history_["loss"][:1]


def test_time_that_is_no_time_is_refused():
    with pytest.raises(ValueError, match="'max_time' parameter of TabularRegressor must be"):
        clone(REGRESSOR).set_params(max_time=0).fit(X, Y)
