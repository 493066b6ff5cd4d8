"""The learning-rate range test and its display."""

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import (
    LearningRateDisplay,
    MLPAutoencoder,
    MLPRegressor,
    TabularRegressor,
    find_learning_rate,
)
from skmlp._training import range_test

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)).astype(np.float32)
Y = X[:, 0] - 2 * X[:, 1] + RNG.normal(0, 0.1, size=90)
REGRESSOR = MLPRegressor((), optimizer="sgd", batch_size=32, random_state=0, l2=0.0)


@pytest.fixture(autouse=True)
def _no_window(monkeypatch):
    mpl.use("agg")


@pytest.fixture(scope="module")
def found():
    return find_learning_rate(REGRESSOR, X, Y, min_rate=1e-4, max_rate=10.0, n_steps=100)


def test_losses_are_those_of_gradient_descent_step_by_step(found):
    """Three batches an epoch, the last of 26 rows, and a rate that grows with each step."""
    from skmlp._engine.fit import drawn_order

    one = clone(REGRESSOR).set_params(epochs=1, learning_rate=1e-12).fit(X, Y)
    weights, bias = one.coefs_[0][:, 0].astype(float), float(one.intercepts_[0][0])
    seed, losses = one._state.training.seed, []
    for epoch in range(4):
        order = drawn_order(seed, epoch, 90, shuffle=True)
        for rows in (order[:32], order[32:64], order[64:]):
            error = X[rows] @ weights + bias - Y[rows]
            losses.append(np.mean(error**2))
            rate = found.rates[len(losses) - 1]
            weights -= rate * 2 * X[rows].T @ error / len(rows)
            bias -= rate * 2 * error.mean()
    np.testing.assert_allclose(found.losses[:12], losses, rtol=1e-4)


def test_the_test_ends_where_the_loss_diverges(found):
    assert len(found.rates) == len(found.losses) == len(found.smoothed_losses) < 100
    np.testing.assert_allclose(found.rates[1:] / found.rates[:-1], 1e5 ** (1 / 99))
    assert found.smoothed_losses[-1] > 4 * found.smoothed_losses.min()
    assert found.smoothed_losses[-2] <= 4 * found.smoothed_losses.min()
    lowest = found.rates[np.argmin(found.smoothed_losses)]
    assert found.suggestion == lowest / 10
    # Gradient descent on a mean squared error diverges above 2 / (largest eigenvalue).
    limit = 2 / np.linalg.eigvalsh(2 * X.T @ X / len(X)).max()
    assert limit / 10 < lowest < 5 * limit


def test_an_estimator_is_not_changed_and_a_pipeline_prepares_the_rows(found):
    estimator = clone(REGRESSOR).set_params(verbose=1, learning_rate=0.3, epochs=7)
    before = repr(estimator)
    pipeline = make_pipeline(StandardScaler(with_mean=False), estimator)
    scaled = X * np.array([1, 10, 100], dtype=np.float32)
    weight = np.ones(90)
    given = {"min_rate": 1e-4, "n_steps": 100, "sample_weight": weight}
    of_pipeline = find_learning_rate(pipeline, scaled, Y, **given)
    assert repr(estimator) == before
    assert not hasattr(estimator, "coefs_")
    alone = find_learning_rate(
        REGRESSOR, pipeline[0].fit_transform(scaled), Y, min_rate=1e-4, n_steps=100
    )
    np.testing.assert_array_equal(of_pipeline.losses, alone.losses)


def test_equal_seeds_give_equal_losses(found):
    again = find_learning_rate(REGRESSOR, X, Y, min_rate=1e-4, n_steps=100)
    np.testing.assert_array_equal(again.losses, found.losses)


def test_an_interrupt_finds_nothing(monkeypatch):
    """In the second epoch, where a fit would end with the weights of the first."""
    on_epoch_begin = range_test._Steps.on_epoch_begin

    def interrupted(steps, epoch):
        if epoch == 1:
            raise KeyboardInterrupt
        on_epoch_begin(steps, epoch)

    monkeypatch.setattr(range_test._Steps, "on_epoch_begin", interrupted)
    with pytest.raises(KeyboardInterrupt):
        find_learning_rate(REGRESSOR, X, Y, n_steps=50)


@pytest.mark.parametrize(
    ("min_rate", "max_rate", "reason"),
    [(1e-6, 1e-4, "does not climb .* 'max_rate'"), (3.0, 9.0, "does not fall .* 'min_rate'")],
)
def test_a_range_without_a_lowest_loss_is_warned_of(min_rate, max_rate, reason):
    with pytest.warns(UserWarning, match=reason):
        find_learning_rate(REGRESSOR, X, Y, min_rate=min_rate, max_rate=max_rate, n_steps=100)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_rate": 0.0}, r"'min_rate' must be a finite number above 0; got 0.0"),
        (
            {"max_rate": 1e-6},
            r"'max_rate' must be .* above 'min_rate', which is 1e-05; got 1e-06",
        ),
        ({"n_steps": 19}, r"'n_steps' must be a whole number, at least 20; got 19"),
        ({"estimator": make_pipeline(REGRESSOR, "passthrough")}, r"'estimator' must be .* str"),
        ({"estimator": GridSearchCV(REGRESSOR, {"l2": [0]})}, r"'estimator' must be .* Grid"),
        ({"estimator": SGDClassifier()}, r"'estimator' must be .*; got SGDClassifier"),
        ({"estimator": TabularRegressor()}, r"'estimator' must be .*; got TabularRegressor"),
    ],
)
def test_bad_input(change, message):
    given = {"estimator": REGRESSOR, "X": X[:30], "y": (Y[:30] > 0).astype(int), **change}
    with pytest.raises(ValueError, match=message):
        find_learning_rate(**given)


def test_an_ensemble_is_refused_before_it_is_trained(monkeypatch):
    monkeypatch.setattr(TabularRegressor, "fit", lambda *_: pytest.fail("was trained"))
    with pytest.raises(ValueError, match="'estimator' must be"):
        find_learning_rate(TabularRegressor(), X, Y)


def test_an_autoencoder_has_no_targets():
    found = find_learning_rate(MLPAutoencoder((4,), random_state=0), X, n_steps=50)
    assert found.rates[0] < found.suggestion < found.rates[-1]


def test_the_display_draws_what_was_found(found):
    display = LearningRateDisplay.from_estimator(REGRESSOR, X, Y, min_rate=1e-4, n_steps=100)
    np.testing.assert_array_equal(display.line_.get_xdata(), found.rates)
    np.testing.assert_array_equal(display.line_.get_ydata(), found.smoothed_losses)
    assert display.suggestion == found.suggestion
    ax = display.figure_.add_subplot()
    again = display.plot(ax=ax)
    assert again is display
    assert again.ax_ is ax
    assert "suggestion: " in ax.get_legend().get_texts()[2].get_text()
    plt.close("all")


def test_the_schedule_of_an_optimizer_object_has_no_effect():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
    ranges = [
        find_learning_rate(clone(REGRESSOR).set_params(optimizer=optimizer), X, Y, n_steps=20)
        for optimizer in (keras.optimizers.SGD(schedule), keras.optimizers.SGD(0.5))
    ]
    np.testing.assert_array_equal(ranges[0].losses, ranges[1].losses)
