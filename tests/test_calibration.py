"""Standard deviations, quantiles and temperatures of the tabular estimators, and `model_`."""

import pickle
from copy import deepcopy

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss, mean_pinball_loss, mean_squared_error
from sklearn.model_selection import train_test_split

from skmlp import TabularClassifier, TabularRegressor
from skmlp._data.encoded import EncodedData
from skmlp._estimators.tabular.calibration import (
    log_losses,
    median_weights,
    noise_variance,
    quantile_shifts,
    temperature,
)
from skmlp._keras.losses import PinballLoss, check_row_loss, row_loss

SMALL = {
    "n_estimators": 2,
    "hidden_layer_sizes": (16,),
    "epochs": 16,
    "batch_size": 64,
    "validation_fraction": 0.5,  # enough rows for quantiles of their errors
    "random_state": 0,
}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(2400, 3))
SPREAD = np.exp(0.7 * X[:, 1])
Y = 100 + 3 * X[:, 0] + SPREAD * RNG.normal(size=len(X))
WEIGHT = RNG.uniform(0.5, 2, len(X))
TRAIN, TEST = slice(0, 800), slice(800, None)
CLASSES = np.digitize(Y, [98, 102])
LABELS = np.column_stack([Y > 100, X[:, 2] > 0]).astype(int)
VALIDATION = {"X_val": X[800:1200], "sample_weight_val": WEIGHT[800:1200]}
ON_VALIDATION = slice(800, 1200)


@pytest.fixture(scope="module")
def regressor():
    return TabularRegressor(**SMALL).fit(X[TRAIN], Y[TRAIN])


@pytest.fixture(scope="module")
def quantile_regressor():
    return TabularRegressor(**SMALL, loss="quantile").fit(X[TRAIN], Y[TRAIN])


@pytest.fixture(scope="module")
def classifier():
    return TabularClassifier(**SMALL).fit(X[TRAIN], Y[TRAIN] > 100)


class TestFunctions:
    def test_noise_is_what_the_variance_of_the_networks_leaves(self):
        errors, weight = RNG.normal(0, [1.0, 0.1], (500, 2)), RNG.uniform(0, 1, 500)
        variance = np.full((500, 2), 0.2)
        found = noise_variance(errors, variance, weight)
        assert found[0] == pytest.approx(np.average(errors[:, 0] ** 2, weights=weight) - 0.2)
        assert found[1] == 0

    def test_shifts_put_each_share_of_the_weight_below(self):
        residuals, weight = RNG.normal(size=(400, 2, 3)), RNG.uniform(0, 1, 400)
        shifts = quantile_shifts(residuals, weight, (0.1, 0.5, 0.8))
        share = np.average(residuals <= shifts, axis=0, weights=weight)
        np.testing.assert_allclose(share, [[0.1, 0.5, 0.8]] * 2, atol=0.006)
        twice = quantile_shifts(np.repeat(residuals, 2, axis=0), np.ones(800), (0.1, 0.5, 0.8))
        np.testing.assert_array_equal(
            twice, quantile_shifts(residuals, np.full(400, 2.0), (0.1, 0.5, 0.8))
        )

    @pytest.mark.parametrize("kind", ["labels", "classes"])
    def test_temperature_undoes_a_factor(self, kind):
        raw = RNG.normal(0, 2, (4000, 3))
        if kind == "labels":
            y = (RNG.random(raw.shape) < expit(raw)).astype(np.float32)
        else:
            y = (RNG.random((4000, 1)) > softmax(raw, axis=1).cumsum(axis=1)).sum(axis=1)
        rows = EncodedData(raw, y, np.ones(4000))
        found = temperature({rows: 3 * raw[None]})
        assert found == pytest.approx(3, rel=0.08)
        loss = log_losses({rows: 3 * raw[None]}, found).mean()
        if kind == "labels":
            losses = [log_loss(y[:, i], expit(3 / found * raw[:, i])) for i in range(3)]
            assert loss == pytest.approx(np.mean(losses))
        else:
            assert loss == pytest.approx(log_loss(y, softmax(3 / found * raw, axis=1)))
        again = EncodedData(rows.X, rows.y, rows.weight)
        twice = temperature({rows: raw[None], again: raw[None]})
        assert twice == pytest.approx(temperature({rows: raw[None]}), rel=1e-4)

    def test_temperature_is_that_of_the_mean_probability(self):
        signal = RNG.normal(0, 2, (4000, 1))
        y = (RNG.random(signal.shape) < expit(signal)).astype(np.float32)
        raw = signal + RNG.normal(0, 3, (20, 4000, 1))
        rows = EncodedData(signal, y, np.ones(4000))
        assert temperature({rows: raw}) < 0.9 * temperature({rows: raw[:1]})

    def test_rows_that_are_all_right_sharpen_little(self):
        y = np.array([[0.0], [1.0]])
        rows = EncodedData(y, y, np.ones(2))
        assert temperature({rows: 4 * y[None] - 2}) == pytest.approx(0.5, rel=1e-2)

    def test_pinball_loss_is_that_of_scikit_learn(self):
        y, raw = RNG.normal(size=(2, 30, 2)), RNG.normal(size=(30, 6))
        loss = row_loss(PinballLoss((0.1, 0.5, 0.7)), "linear", 6)
        check_row_loss(loss, 6, 6)
        targets = tf.constant(y[0].repeat(3, axis=1), tf.float32)
        ours = loss.on_raw(targets, tf.constant(raw, tf.float32))
        theirs = [
            mean_pinball_loss(y[0], raw[:, i::3], alpha=alpha)
            for i, alpha in enumerate((0.1, 0.5, 0.7))
        ]
        assert float(np.mean(ours)) == pytest.approx(np.mean(theirs), rel=1e-5)
        assert row_loss(PinballLoss((0.1, 0.5, 0.7)), "linear", 6).key == loss.key
        assert row_loss(PinballLoss((0.1, 0.5, 0.8)), "linear", 6).key != loss.key

    def test_weights_of_the_median(self):
        np.testing.assert_allclose(median_weights((0.1, 0.4, 0.8)), [0, 0.75, 0.25])
        np.testing.assert_array_equal(median_weights((0.1, 0.5)), [0, 1])
        np.testing.assert_array_equal(median_weights((0.6, 0.9)), [1, 0])


class TestStandardDeviations:
    def test_noise_of_held_out_rows(self, regressor):
        mean, std = regressor.predict(X[TEST], return_std=True)
        np.testing.assert_array_equal(mean, regressor.predict(X[TEST]))
        assert mean.shape == std.shape == (1600,)
        error = np.sqrt(mean_squared_error(Y[TEST], mean))
        assert np.sqrt(np.mean(std**2)) == pytest.approx(error, rel=0.1)
        variance = regressor._predictions(X[TEST]).var(axis=0)[:, 0]
        np.testing.assert_allclose(std**2 - variance, regressor.noise_std_[0] ** 2)

    def test_the_mean_square_is_the_mean_squared_error(self):
        """Of the mean of all networks where all hold out the same rows; of several targets."""
        y = np.column_stack([Y, -5 * Y])
        fitted = TabularRegressor(**SMALL)
        fitted.fit(X[TRAIN], y[TRAIN], y_val=y[ON_VALIDATION], **VALIDATION)
        _, std = fitted.predict(VALIDATION["X_val"], return_std=True)
        errors = y[ON_VALIDATION] - fitted._predictions(VALIDATION["X_val"]).mean(axis=0)
        weight = VALIDATION["sample_weight_val"]
        np.testing.assert_allclose(
            np.average(std**2, axis=0, weights=weight),
            np.average(errors**2, axis=0, weights=weight),
            rtol=1e-4,
        )
        model = fitted.model_
        predicted = model(fitted.encode(X[TEST]))
        np.testing.assert_allclose(predicted, fitted.predict(X[TEST]), rtol=1e-5)

    def test_dtype(self, regressor):
        rows = X[:5].astype(np.float32)
        assert {part.dtype for part in regressor.predict(rows, return_std=True)} == {
            np.dtype(np.float32)
        }

    def test_without_held_out_rows_there_is_none(self, regressor):
        other = deepcopy(regressor)
        other._calibrate({})
        np.testing.assert_array_equal(other.predict(X), regressor.predict(X))
        with pytest.raises(
            ValueError, match="'return_std' must be False after a fit that learned no noise"
        ):
            other.predict(X, return_std=True)


class TestQuantiles:
    def test_shares_on_new_rows(self, quantile_regressor):
        quantiles = quantile_regressor.predict_quantiles(X[TEST])
        assert quantiles.shape == (1600, 3)
        share = (Y[TEST, None] < quantiles).mean(axis=0)
        np.testing.assert_allclose(share, [0.05, 0.5, 0.95], atol=0.04)
        assert (np.diff(quantiles) >= 0).all()
        assert (quantiles >= Y[TRAIN].min()).all()
        assert (quantiles <= Y[TRAIN].max()).all()
        width = quantiles[:, 2] - quantiles[:, 0]
        assert np.corrcoef(width, SPREAD[TEST])[0, 1] > 0.5
        np.testing.assert_array_equal(quantile_regressor.predict(X[TEST]), quantiles[:, 1])

    def test_shares_on_validation_rows(self):
        """Exact, to a row, for each target."""
        y = np.column_stack([Y, -5 * Y])
        fitted = TabularRegressor(**SMALL, loss="quantile", quantiles=[0.2, 0.6])
        fitted.fit(X[TRAIN], y[TRAIN], y_val=y[ON_VALIDATION], **VALIDATION)
        quantiles = fitted.predict_quantiles(VALIDATION["X_val"])
        assert quantiles.shape == (400, 2, 2)
        share = np.average(
            y[ON_VALIDATION, :, None] <= quantiles + 1e-4,
            axis=0,
            weights=VALIDATION["sample_weight_val"],
        )
        np.testing.assert_allclose(share, [[0.2, 0.6]] * 2, atol=0.01)
        np.testing.assert_allclose(
            fitted.predict(VALIDATION["X_val"]), quantiles @ [0.25, 0.75], rtol=1e-12
        )
        predicted = fitted.model_(fitted.encode(X[TEST]))
        np.testing.assert_allclose(predicted, fitted.predict_quantiles(X[TEST]), rtol=1e-5)

    def test_they_never_cross(self, quantile_regressor):
        other = deepcopy(quantile_regressor)
        other.quantile_shifts_ = np.array([[2.0, 0.0, -2.0]])
        assert (np.diff(other.predict_quantiles(X)) >= 0).all()

    def test_without_held_out_rows_they_are_not_shifted(self, quantile_regressor):
        other = deepcopy(quantile_regressor)
        other._calibrate({})
        assert not other.quantile_shifts_.any()
        assert np.any(other.predict_quantiles(X) != quantile_regressor.predict_quantiles(X))

    @pytest.mark.parametrize(
        "quantiles", [(), (0.5, 0.1), (0.1, 0.1), (0.0, 0.5), (0.5, 1), [[0.5]], ["0.5"]]
    )
    def test_refused_quantiles(self, quantile_regressor, quantiles):
        other = deepcopy(quantile_regressor).set_params(quantiles=quantiles)
        with pytest.raises(ValueError, match="'quantiles' must be numbers in"):
            other.fit(X[TRAIN], Y[TRAIN])
        np.testing.assert_array_equal(
            other.predict_quantiles(X), quantile_regressor.predict_quantiles(X)
        )

    def test_of_another_loss_there_are_none(self, regressor, quantile_regressor):
        for other in (regressor, deepcopy(regressor).set_params(loss="quantile")):
            with pytest.raises(AttributeError) as raised:
                other.predict_quantiles(X)
            assert "'loss' must be 'quantile' for predict_quantiles" in str(
                raised.value.__cause__
            )
        assert not hasattr(TabularRegressor(), "predict_quantiles")
        with pytest.raises(NotFittedError):
            TabularRegressor(loss="quantile").predict_quantiles(X)
        with pytest.raises(
            ValueError, match="'return_std' must be False after a fit with loss"
        ):
            quantile_regressor.predict(X, return_std=True)
        changed = deepcopy(quantile_regressor).set_params(loss="squared_error")
        np.testing.assert_array_equal(
            changed.predict_quantiles(X), quantile_regressor.predict_quantiles(X)
        )

    def test_a_pickle_predicts_the_same(self, regressor, quantile_regressor):
        loaded = pickle.loads(pickle.dumps((regressor, quantile_regressor)))
        for ours, theirs in zip(
            loaded[0].predict(X, return_std=True),
            regressor.predict(X, return_std=True),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(
            loaded[1].predict_quantiles(X), quantile_regressor.predict_quantiles(X)
        )

    @pytest.mark.slow
    def test_coverage_on_california_housing(self, housing):
        split = train_test_split(*housing, test_size=0.2, random_state=0)
        X_train, X_test, y_train, y_test = split
        small = {"n_estimators": 4, "hidden_layer_sizes": (64, 64), "epochs": 8}
        fitted = TabularRegressor(**small, loss="quantile", random_state=0)
        low, _, high = fitted.fit(X_train, y_train).predict_quantiles(X_test).T
        assert 0.87 < np.mean((low <= y_test) & (y_test <= high)) < 0.93


class TestTemperature:
    def test_it_minimises_the_log_loss_of_validation_rows(self, classifier):
        fitted = clone(classifier)
        y, weight = Y[ON_VALIDATION] > 100, VALIDATION["sample_weight_val"]
        fitted.fit(X[TRAIN], Y[TRAIN] > 100, y_val=y, **VALIDATION)
        best = fitted.temperature_

        def loss(temperature):
            fitted.temperature_ = temperature
            probability = fitted.predict_proba(VALIDATION["X_val"])
            return log_loss(y, probability, sample_weight=weight)

        assert loss(best) < min(loss(best * 1.05), loss(best / 1.05))

    def test_without_held_out_rows_it_is_1(self, classifier):
        other = deepcopy(classifier)
        assert other.temperature_ != 1
        other._calibrate({})
        assert other.temperature_ == 1


class TestModel:
    def test_of_a_regressor(self, regressor, tmp_path):
        rows = np.vstack([X[TEST], [[1e9, 0, 0]]])
        encoded = regressor.encode(rows)
        assert encoded.dtype == np.float32
        predicted = regressor.model_.predict(encoded, verbose=0)
        assert predicted.shape == (1601, 1)
        np.testing.assert_allclose(predicted[:, 0], regressor.predict(rows), rtol=1e-5)
        regressor.model_.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded.predict(encoded, verbose=0), predicted)

    def test_of_quantiles(self, quantile_regressor):
        predicted = quantile_regressor.model_(quantile_regressor.encode(X))
        expected = quantile_regressor.predict_quantiles(X)
        np.testing.assert_allclose(predicted, expected, rtol=1e-5)

    def test_of_two_classes(self, classifier):
        predicted = classifier.model_.predict(classifier.encode(X), verbose=0)
        assert predicted.shape == (len(X), 1)
        np.testing.assert_allclose(
            predicted[:, 0], classifier.predict_proba(X)[:, 1], rtol=1e-4, atol=1e-6
        )

    @pytest.mark.parametrize("y", [CLASSES, LABELS], ids=["classes", "labels"])
    def test_of_more_classes_or_labels(self, classifier, y):
        one = clone(classifier).set_params(n_estimators=1, epochs=4).fit(X[TRAIN], y[TRAIN])
        predicted = one.model_(one.encode(X))
        np.testing.assert_allclose(predicted, one.predict_proba(X), rtol=1e-4, atol=1e-6)

    def test_needs_a_fit(self):
        with pytest.raises(NotFittedError):
            TabularClassifier().encode(X)
        with pytest.raises(NotFittedError):
            TabularClassifier().model_  # noqa: B018
