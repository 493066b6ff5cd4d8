"""Validation data, early stopping, and the attributes that report them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier, MLPRegressor, TabularRegressor

SMALL = {"hidden_layer_sizes": (8,), "learning_rate": 0.02, "random_state": 0}


@pytest.fixture(scope="module")
def split(sine):
    return train_test_split(*sine, random_state=0)


def test_the_best_epoch_comes_back_also_when_it_is_the_last(split):
    X, X_val, y, y_val = split
    for rate, epochs in ((0.02, 10), (0.3, 30)):
        regressor = MLPRegressor((8,), learning_rate=rate, epochs=epochs, random_state=0)
        regressor.fit(X, y, X_val=X_val, y_val=y_val)
        scores = regressor.validation_scores_
        assert len(scores) == regressor.n_iter_ == epochs
        assert regressor.best_validation_score_ == max(scores)
        np.testing.assert_allclose(regressor.score(X_val, y_val), max(scores), rtol=1e-5)
        if rate == 0.02:
            assert scores[-1] == max(scores)
        else:
            assert scores[-1] < max(scores)


def test_ties_go_to_the_later_epoch(iris):
    """Accuracy stays at 1 while the loss still falls."""
    X, y = iris[0], iris[1] == 0
    common = {"hidden_layer_sizes": (), "learning_rate": 0.1, "random_state": 0}
    classifier = MLPClassifier(epochs=40, **common).fit(X, y, X_val=X, y_val=y)
    assert classifier.validation_scores_[-20:] == [1.0] * 20
    without = MLPClassifier(epochs=40, n_iter_no_change=np.inf, **common).fit(X, y)
    np.testing.assert_array_equal(classifier.coefs_[0], without.coefs_[0])


def test_errors_name_validation_rows_and_leave_labels_alone(iris):
    X, y = iris[0], np.where(iris[1] == 0, "X", "y")
    classifier = MLPClassifier(epochs=1, **SMALL)
    with pytest.raises(ValueError, match=r"'y_val' must .* only, \['X', 'y'\]; got \['z'\]"):
        classifier.fit(X, y, X_val=X[:2], y_val=["y", "z"])
    with pytest.raises(ValueError, match="X_val has 2 features, but MLP"):
        classifier.fit(X, y, X_val=X[:, :2], y_val=y)
    nested = pd.DataFrame({"a": [[1], [2]]})
    with pytest.raises(TypeError, match="Each value of the 'X_val' argument must be plain"):
        TabularRegressor(1).fit(
            pd.DataFrame({"a": X[:, 0]}), iris[1], X_val=nested, y_val=[0, 1]
        )
    with pytest.raises(ValueError, match="Input X_val contains NaN"):
        classifier.fit(X, y, X_val=X * np.nan, y_val=y)


def test_all_ways_to_give_validation_data_are_one(split):
    X, X_val, y, y_val = split
    regressor = MLPRegressor(epochs=5, **SMALL)
    by_name = clone(regressor).fit(X, y, X_val=X_val, y_val=y_val)
    by_tuple = clone(regressor).fit(X, y, validation_data=(X_val, y_val))
    weighted = clone(regressor).fit(
        X, y, validation_data=(X_val, y_val, np.full(len(y_val), 3))
    )
    np.testing.assert_array_equal(by_name.predict(X), by_tuple.predict(X))
    assert by_name.history_ == by_tuple.history_ == weighted.history_


def test_validation_weights_count(split):
    X, X_val, y, y_val = split
    weight = np.random.RandomState(0).uniform(size=len(y_val))
    regressor = MLPRegressor(epochs=3, **SMALL)
    regressor.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    score = r2_score(y_val, regressor.predict(X_val), sample_weight=weight)
    np.testing.assert_allclose(regressor.best_validation_score_, score, rtol=1e-5)


def test_validation_loss_is_the_loss_of_the_validation_rows(split):
    X, X_val, y, y_val = split
    regressor = MLPRegressor(epochs=3, l2=0.01, **SMALL).fit(X, y, X_val=X_val, y_val=y_val)
    squares = sum(np.sum(kernel**2) for kernel in regressor.coefs_)
    expected = np.mean((regressor.predict(X_val) - y_val) ** 2) + 0.01 * squares
    best = int(np.argmax(regressor.validation_scores_))
    np.testing.assert_allclose(regressor.history_["val_loss"][best], expected, rtol=1e-5)


def test_large_validation_sets_are_measured_in_chunks(split, monkeypatch):
    from skmlp._engine import validation

    X, X_val, y, y_val = split
    regressor = MLPRegressor(epochs=3, **SMALL)
    whole = clone(regressor).fit(X, y, X_val=X_val, y_val=y_val)
    monkeypatch.setattr(validation, "MAX_ROWS", 16)
    chunked = clone(regressor).fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_allclose(chunked.validation_scores_, whole.validation_scores_, rtol=1e-5)
    np.testing.assert_allclose(
        chunked.history_["val_loss"], whole.history_["val_loss"], rtol=1e-5
    )


def test_the_hold_out_is_stratified_and_seeded(monkeypatch):
    from skmlp._estimators import base

    held = []

    def spy(data, fraction, **options):
        parts = split_rows(data, fraction, **options)
        held.append(parts[1].y)
        return parts

    split_rows = base.hold_out
    monkeypatch.setattr(base, "hold_out", spy)
    X = np.random.RandomState(0).normal(size=(200, 2))
    y = np.r_[np.zeros(150), np.ones(50)]
    classifier = MLPClassifier(early_stopping=True, epochs=1, validation_fraction=0.2, **SMALL)
    classifier.fit(X, y)
    classifier.fit(X, y)
    np.testing.assert_array_equal(held[0], held[1])
    assert held[0].shape == (40, 1)
    assert held[0].sum() == 10


def test_early_stopping_follows_the_rule_of_scikit_learn(split):
    X, X_val, y, y_val = split
    regressor = MLPRegressor(
        early_stopping=True, epochs=300, n_iter_no_change=3, tol=1e-3, **SMALL
    ).fit(X, y, X_val=X_val, y_val=y_val)
    best, waited = -np.inf, 0
    for epoch, score in enumerate(regressor.validation_scores_, 1):
        waited = waited + 1 if score < best + 1e-3 else 0
        best = max(best, score)
        assert (waited > 3) == (epoch == regressor.n_iter_)
    assert regressor.n_iter_ < 300
    assert "'n_iter_no_change'" in regressor.stop_reason_


@pytest.mark.parametrize(("n_iter_no_change", "start"), [(40, 24), (5, 5), (np.inf, 24)])
def test_held_out_scores_count_from_the_hundredth_step(split, n_iter_no_change, start):
    """Of 112 rows, 12 are held out; the other 100 make four steps per epoch."""
    X, X_val, y, y_val = split
    classifier = MLPClassifier(
        **{**SMALL, "learning_rate": 1e-3},
        early_stopping=True,
        epochs=80,
        n_iter_no_change=n_iter_no_change,
    ).fit(X, y > 0)
    scores = np.array(classifier.validation_scores_)
    assert len(scores) > start
    assert classifier.best_validation_score_ == scores[start:].max()
    kept = classifier.set_params(epochs=start).fit(X, y > 0)
    assert kept.best_validation_score_ == scores[:start].max()
    given = classifier.fit(X, y > 0, X_val=X_val, y_val=y_val > 0)
    assert given.best_validation_score_ == max(given.validation_scores_)


def test_without_validation_data_the_training_loss_is_watched(split):
    X, _, y, _ = split
    regressor = MLPRegressor(epochs=2000, tol=1e-2, n_iter_no_change=2, **SMALL).fit(X, y)
    losses = np.array(regressor.loss_curve_)
    assert regressor.n_iter_ == len(losses) < 2000
    assert all(losses[i] > losses[:i].min() - 1e-2 for i in (-3, -2, -1))
    assert regressor.best_loss_ == losses.min()
    assert regressor.loss_ == losses[-1]
    assert regressor.validation_scores_ is None
    assert regressor.best_validation_score_ is None


def test_with_validation_data_alone_all_epochs_are_run(split):
    X, X_val, y, y_val = split
    regressor = MLPRegressor(epochs=40, tol=10, n_iter_no_change=1, **SMALL)
    assert regressor.fit(X, y, X_val=X_val, y_val=y_val).n_iter_ == 40
    assert regressor.best_loss_ is None
    assert "All epochs" in regressor.stop_reason_
    assert regressor.fit(X, y).n_iter_ == 3


def test_measures_that_a_later_call_adds_keep_their_epochs(split):
    X, X_val, y, y_val = split
    regressor = MLPRegressor(epochs=2, warm_start=True, **SMALL).fit(X, y)
    regressor.fit(X, y, X_val=X_val, y_val=y_val, epochs=3)
    assert set(map(len, regressor.history_.values())) == {5}
    assert np.isnan(regressor.history_["val_loss"]).tolist() == [True] * 2 + [False] * 3


def test_history_is_of_plain_values(split):
    X, X_val, y, y_val = split
    regressor = MLPRegressor(epochs=3, **SMALL).fit(X, y, X_val=X_val, y_val=y_val)
    assert set(regressor.history_) == {"loss", "val_loss", "learning_rate"}
    assert all(type(v) is float for values in regressor.history_.values() for v in values)
    np.testing.assert_allclose(regressor.history_["learning_rate"], 0.02, rtol=1e-6)


def test_epochs_and_callbacks_of_the_call_override(split):
    X, _, y, _ = split
    regressor = MLPRegressor(epochs=50, **SMALL)
    assert regressor.fit(X, y, epochs=2).n_iter_ == 2
    assert regressor.epochs == 50


def test_a_loss_that_is_not_finite_keeps_the_best_weights_and_warns(split):
    X, _, y, _ = split
    regressor = MLPRegressor(
        (8,), optimizer="sgd", learning_rate=1e10, batch_size=1000, epochs=50, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="lower 'learning_rate'"):
        regressor.fit(X, y)
    assert regressor.n_iter_ < 50
    assert not np.isfinite(regressor.loss_)
    assert "NaN or infinite" in regressor.stop_reason_
    assert np.isfinite(regressor.best_loss_)
    assert np.all(np.isfinite(regressor.predict(X)))
    regressor.set_params(learning_rate=0.01, optimizer="adam").partial_fit(X, y)
    assert np.isfinite(regressor.loss_)


def test_training_goes_on_after_an_adam_that_diverged(split):
    X, _, y, _ = split
    regressor = MLPRegressor((8,), learning_rate=1e30, epochs=20, random_state=0)
    with pytest.warns(ConvergenceWarning):
        regressor.fit(X, y)
    losses = [regressor.set_params(learning_rate=0.01).partial_fit(X, y).loss_ for _ in "abc"]
    assert losses[2] < losses[0]


def test_divergence_after_good_epochs_keeps_the_best_of_them(split):
    import keras

    X, _, y, _ = split

    def explode(epoch, rate):
        return rate if epoch < 5 else 1e30

    regressor = MLPRegressor(epochs=20, **{**SMALL, "optimizer": "sgd"})
    good = clone(regressor).fit(X, y, epochs=5)
    with pytest.warns(ConvergenceWarning):
        regressor.fit(X, y, callbacks=[keras.callbacks.LearningRateScheduler(explode)])
    assert regressor.loss_curve_[:5] == good.loss_curve_
    np.testing.assert_array_equal(regressor.predict(X), good.predict(X))


def test_ctrl_c_keeps_the_best_weights_so_far(split):
    import keras

    X, _, y, _ = split

    class CtrlC(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 4:
                raise KeyboardInterrupt

    regressor = MLPRegressor(epochs=20, **SMALL)
    four = clone(regressor).fit(X, y, epochs=4)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        regressor.fit(X, y, callbacks=[CtrlC()])
    assert regressor.n_iter_ == 4
    np.testing.assert_array_equal(regressor.predict(X), four.predict(X))


def test_ctrl_c_before_the_first_epoch_ended_leaves_the_estimator_unfitted(split):
    import keras

    class CtrlC(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise KeyboardInterrupt

    X, _, y, _ = split
    regressor = MLPRegressor(epochs=20, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        regressor.fit(X, y, callbacks=[CtrlC()])
    assert not hasattr(regressor, "n_features_in_")


def test_calls_that_do_not_measure_a_value_leave_nan():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    regressor = MLPRegressor((4,), epochs=2, warm_start=True, random_state=0)
    regressor.fit(X, y, X_val=X[:20], y_val=y[:20]).fit(X, y)
    losses = regressor.history_["val_loss"]
    assert np.isfinite(losses[:2]).all()
    np.testing.assert_array_equal(losses[2:], [np.nan, np.nan])
    assert len(regressor.history_["loss"]) == 4
