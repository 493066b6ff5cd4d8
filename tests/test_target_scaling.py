"""`normalize_y`: targets of any scale, and warnings about wrong scales."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_squared_error
from sklearn.preprocessing import StandardScaler

from skmlp import MLPRegressor, WideDeepRegressor

RNG = np.random.RandomState(0)
X = RNG.normal(size=(80, 3))
PRICES = 200_000 + 50_000 * (X[:, 0] - X[:, 1] ** 2)
WEIGHT = RNG.permutation(np.tile([0.25, 0.75, 1, 2], 20))  # of mean 1
SETTINGS = {
    "hidden_layer_sizes": (8,),
    "learning_rate": 0.05,
    "batch_size": 16,
    "epochs": 20,
    "random_state": 0,
}
SCALED = MLPRegressor(**SETTINGS, normalize_y=True)


@pytest.mark.parametrize("weight", [1e-200, 1e16])
def test_equal_weights_are_no_weights(weight):
    weighted = clone(SCALED).fit(X, PRICES, sample_weight=np.full(80, weight))
    assert weighted.target_scale_ == clone(SCALED).fit(X, PRICES).target_scale_


def test_it_trains_on_what_a_scaler_would_give():
    scaler = StandardScaler().fit(PRICES[:, None], sample_weight=WEIGHT)
    y = scaler.transform(PRICES[:, None])[:, 0]
    scaled = clone(SCALED).fit(X, PRICES, sample_weight=WEIGHT)
    by_hand = MLPRegressor(**SETTINGS).fit(X, y, sample_weight=WEIGHT)
    np.testing.assert_array_equal(scaled.coefs_[0], by_hand.coefs_[0])
    assert scaled.loss_curve_ == by_hand.loss_curve_
    expected = scaler.inverse_transform(by_hand.predict(X)[:, None])[:, 0]
    np.testing.assert_allclose(scaled.predict(X), expected, rtol=1e-6)
    assert scaled.target_mean_ == scaler.mean_
    assert scaled.target_scale_ == scaler.scale_
    assert by_hand.target_mean_ is None


def test_house_prices_are_learned():
    assert clone(SCALED).fit(X, PRICES).score(X, PRICES) > 0.9


def test_scores_and_metrics_are_in_the_users_units():
    scaled = clone(SCALED).set_params(
        metrics=["neg_mean_squared_error", "MeanSquaredError"],
        scoring="neg_mean_squared_error",
    )
    scaled.fit(X, PRICES, X_val=X[:30], y_val=PRICES[:30], sample_weight_val=WEIGHT[:30])
    best = int(np.argmax(scaled.validation_scores_))
    error = mean_squared_error(PRICES[:30], scaled.predict(X[:30]), sample_weight=WEIGHT[:30])
    assert scaled.best_validation_score_ == pytest.approx(-error, rel=1e-4)
    for name, sign in (("val_neg_mean_squared_error", -1), ("val_MeanSquaredError", 1)):
        assert scaled.history_[name][best] == pytest.approx(sign * error, rel=1e-4)
    losses = np.array(scaled.history_["val_loss"])
    assert losses[best] == pytest.approx(error / scaled.target_scale_[0] ** 2, rel=1e-4)


def test_several_targets_have_scales_of_their_own():
    y = np.column_stack([PRICES, X[:, 0] / 1000])
    scaled = clone(SCALED).fit(X, y)
    assert scaled.predict(X).shape == (80, 2)
    np.testing.assert_allclose(scaled.target_mean_, y.mean(axis=0))
    np.testing.assert_allclose(scaled.target_scale_, y.std(axis=0))
    assert scaled.score(X, y) > 0.9
    model = scaled.model_
    np.testing.assert_allclose(model.predict(X, verbose=0), scaled.predict(X), rtol=1e-4)


def test_both_outputs_of_a_wide_and_deep_network_are_scaled():
    wide_deep = WideDeepRegressor(**SETTINGS, normalize_y=True, aux_loss_weight=0.3)
    main, auxiliary = wide_deep.fit(X, PRICES).predict_outputs(X)
    np.testing.assert_array_equal(main, wide_deep.predict(X))
    theirs = wide_deep.model_.predict([X, X], verbose=0)
    for ours, other in zip((main, auxiliary), theirs, strict=True):
        np.testing.assert_allclose(other[:, 0], ours, rtol=1e-5)
    assert auxiliary.mean() == pytest.approx(PRICES.mean(), rel=0.2)


def test_small_differences_between_large_targets_survive():
    """In float32 these targets would round to two numbers."""
    y = 1.7e9 + 50 * X[:, 0]
    assert clone(SCALED).fit(X, y).score(X, y) > 0.95
    assert np.isfinite(clone(SCALED).fit(X, 1e60 * y).predict(X)).all()
    constant = clone(SCALED).fit(X, np.full(80, 7e9))
    np.testing.assert_allclose(constant.predict(X), 7e9, rtol=1e-6)


def test_training_on_keeps_the_scale():
    both = clone(SCALED).set_params(warm_start=True, epochs=10).fit(X, PRICES)
    mean = both.target_mean_
    both.fit(X, PRICES)
    whole = clone(SCALED).fit(X, PRICES)
    np.testing.assert_array_equal(both.predict(X), whole.predict(X))
    both.partial_fit(X[:20], PRICES[:20])
    assert both.target_mean_ is mean
    with pytest.raises(ValueError, match=r"'normalize_y' must stay as it was .*got False"):
        both.set_params(normalize_y=False).fit(X, PRICES)


@pytest.mark.parametrize(
    "params", [{"output_activation": "softplus"}, {"loss": "poisson"}], ids=str
)
def test_outputs_with_bounds_are_refused(params):
    with pytest.raises(ValueError, match="'normalize_y' must be False where outputs"):
        clone(SCALED).set_params(**params).fit(X, np.abs(PRICES))


def test_targets_beyond_float32_are_refused_without_it():
    with pytest.raises(ValueError, match=r"'y' must fit into float32; .* normalize_y=True"):
        MLPRegressor(**SETTINGS).fit(X, 1e60 * PRICES)


@pytest.mark.filterwarnings("default:.*worse than the mean")
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_fit_that_is_worse_than_the_mean_warns(loss):
    regressor = MLPRegressor(**SETTINGS, loss=loss)
    with pytest.warns(ConvergenceWarning, match="worse than the mean .* normalize_y") as caught:
        regressor.fit(X, PRICES)
    assert caught[0].filename == __file__
    assert regressor.score(X, PRICES) < 0


@pytest.mark.filterwarnings("error")
def test_a_fit_that_learned_something_does_not_warn():
    MLPRegressor(**SETTINGS).fit(X, (PRICES - 200_000) / 50_000)
    MLPRegressor(**SETTINGS).fit(X, np.zeros(80))
    # The median of skewed targets has a negative R², but the lower absolute error.
    skewed = MLPRegressor(**SETTINGS, loss="absolute_error")
    skewed.fit(np.zeros((80, 3)), np.r_[np.zeros(60), np.ones(20)])
    clone(SCALED).partial_fit(X, PRICES)


def test_validation_targets_in_other_units_are_noticed():
    inner = MLPRegressor(**SETTINGS)
    regressor = TransformedTargetRegressor(inner, transformer=StandardScaler())
    with pytest.warns(
        UserWarning, match=r"'y_val' must be in the units of y; .*normalize_y=True"
    ):
        regressor.fit(X, PRICES, X_val=X, y_val=PRICES)
    clone(SCALED).fit(X, PRICES, X_val=X, y_val=PRICES)
