"""Loss curves of one estimator, several, an ensemble and a search."""

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import LossCurveDisplay, MLPClassifier, MLPRegressor, TabularRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
Y = X[:, 0] - X[:, 1]
REGRESSOR = MLPRegressor((4,), epochs=4, batch_size=32, early_stopping=True, random_state=0)


@pytest.fixture(autouse=True)
def _figures_closed():
    mpl.use("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    return make_pipeline(StandardScaler(), clone(REGRESSOR)).fit(X, Y)


def zero_loss(y_true, y_pred):
    return 0.0 * keras.ops.sum(y_pred, axis=-1)


def test_measures_of_both_rows_come_at_the_end_of_an_epoch():
    classifier = MLPClassifier((4,), epochs=3, metrics=["accuracy", "neg_log_loss", zero_loss])
    is_high = Y > 0
    classifier.fit(X, is_high, X_val=X, y_val=is_high)
    for metric in ("accuracy", "neg_log_loss", "zero_loss"):
        display = LossCurveDisplay.from_estimator(classifier, metric=metric)
        training, validation = display.lines_
        np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(training.get_ydata(), validation.get_ydata())


def test_training_rows_come_half_an_epoch_earlier(fitted):
    history = fitted[-1].history_
    display = LossCurveDisplay.from_estimator(fitted)
    training, validation = display.lines_
    np.testing.assert_array_equal(training.get_xdata(), [0.5, 1.5, 2.5, 3.5])
    np.testing.assert_array_equal(training.get_ydata(), history["loss"])
    np.testing.assert_array_equal(validation.get_xdata(), [1, 2, 3, 4])
    np.testing.assert_array_equal(validation.get_ydata(), history["val_loss"])
    assert display.ax_.get_ylabel() == "Loss"
    assert display.figure_ is display.ax_.figure


def test_several_estimators_share_one_axis(fitted):
    _, ax = plt.subplots()
    search = GridSearchCV(REGRESSOR, {"hidden_layer_sizes": [(4,)]}, cv=2).fit(X, Y)
    display = LossCurveDisplay.from_estimator({"one": fitted, "best": search}, ax=ax)
    assert display.ax_ is ax
    labels = [line.get_label() for line in display.lines_]
    assert labels == ["one, training", "one, validation", "best, training", "best, validation"]
    best = search.best_estimator_.history_["loss"]
    np.testing.assert_array_equal(display.lines_[2].get_ydata(), best)
    listed = LossCurveDisplay.from_estimator([fitted, fitted[-1]])
    assert listed.lines_[2].get_label() == "MLPRegressor 2, training"


def test_an_ensemble_is_a_mean_and_a_band():
    tabular = TabularRegressor(
        3, hidden_layer_sizes=(4,), epochs=2, batch_size=64, random_state=0
    )
    tabular.fit(X, Y)
    display = LossCurveDisplay.from_estimator(tabular)
    losses = np.array([history["loss"] for history in tabular.histories_])
    assert losses.shape == (3, 2)
    np.testing.assert_allclose(display.lines_[0].get_ydata(), losses.mean(axis=0))
    np.testing.assert_allclose(tabular.history_["loss"], losses.mean(axis=0))
    (path,) = display.ax_.collections[0].get_paths()
    assert path.vertices[:, 1].min() == pytest.approx(losses.min())
    assert path.vertices[:, 1].max() == pytest.approx(losses.max())


def test_a_metric_by_name_and_bad_input(fitted):
    with pytest.raises(ValueError, match=r"'metric' must be one of loss, .*; got 'r2'"):
        LossCurveDisplay.from_estimator(fitted, metric="r2")
    with pytest.raises(ValueError, match=r"'estimator' must be .*; got DummyRegressor"):
        LossCurveDisplay.from_estimator(DummyRegressor().fit(X, Y))
    with pytest.raises(ValueError, match="must hold at least one fitted estimator"):
        LossCurveDisplay.from_estimator([])
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(REGRESSOR)
    rates = LossCurveDisplay.from_estimator(fitted, metric="learning_rate")
    assert len(rates.lines_) == 1
    assert rates.ax_.get_ylabel() == "Learning rate"
