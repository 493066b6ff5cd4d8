"""The estimators inside scikit-learn's own tools."""

import numpy as np
import pytest
import sklearn
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skmlp import MLPClassifier, MLPRegressor
from skmlp._engine.store import STORE

REGRESSOR = MLPRegressor((8,), epochs=20, learning_rate=0.02, batch_size=16, random_state=0)
CLASSIFIER = MLPClassifier((8,), epochs=20, learning_rate=0.02, batch_size=16, random_state=0)


def test_grid_search(sine):
    grid = {"learning_rate": [1e-5, 0.02], "l2": [1e-4, 10.0]}
    search = GridSearchCV(REGRESSOR, grid, cv=3).fit(*sine)
    assert search.best_params_ == {"learning_rate": 0.02, "l2": 1e-4}
    assert search.score(*sine) > 0.8


def test_candidates_that_differ_in_numbers_alone_share_one_program(sine):
    X, y = sine  # 150 rows in four folds: training parts of 112 and 113 rows
    STORE.clear()
    built = STORE.built
    space = {"learning_rate": loguniform(3e-4, 3e-2), "l2": loguniform(1e-5, 1e-2)}
    search = RandomizedSearchCV(REGRESSOR, space, n_iter=5, cv=4, random_state=0, refit=False)
    search.fit(X, y)
    assert STORE.built == built + 1
    assert sum(program.traces for program in STORE.idle()) == 1
    assert len(set(search.cv_results_["mean_test_score"])) == 5


def test_search_in_the_manner_of_keras(sine):
    """Keras's arguments of `fit` work in scikit-learn's searches."""
    import keras

    X, y = sine
    space = {"n_hidden": [0, 2], "n_neurons": np.arange(4, 8)}
    search = RandomizedSearchCV(REGRESSOR, space, n_iter=2, cv=2, random_state=1)
    stopping = keras.callbacks.EarlyStopping(patience=3)
    search.fit(
        X[:100], y[:100], epochs=3, validation_data=(X[100:], y[100:]), callbacks=[stopping]
    )
    assert len(search.best_estimator_.validation_scores_) == 3
    assert not hasattr(stopping, "model") or stopping.model is None


def test_halving_search(sine):
    search = HalvingRandomSearchCV(
        REGRESSOR,
        {"learning_rate": loguniform(1e-3, 1e-1)},
        resource="epochs",
        min_resources=2,
        max_resources=16,
        random_state=0,
        cv=2,
    ).fit(*sine)
    assert search.best_estimator_.n_iter_ <= 16


@pytest.mark.filterwarnings("ignore:OptunaSearchCV is experimental")
@pytest.mark.filterwarnings("ignore::FutureWarning")  # Optuna warns about its own modules
def test_optuna_search(sine):
    reason = "optuna-integration is not installed"
    optuna_integration = pytest.importorskip("optuna_integration", reason=reason)
    from optuna.distributions import FloatDistribution

    STORE.clear()
    space = {"learning_rate": FloatDistribution(1e-3, 1e-1, log=True)}
    search = optuna_integration.OptunaSearchCV(
        REGRESSOR, space, n_trials=3, cv=2, random_state=0
    ).fit(*sine)
    assert 1e-3 <= search.best_params_["learning_rate"] <= 1e-1
    assert [program.traces for program in STORE.idle()] == [1]


def test_cross_val_predict(iris):
    probability = cross_val_predict(CLASSIFIER, *iris, method="predict_proba")
    assert np.mean(probability.argmax(axis=1) == iris[1]) > 0.9
    assert cross_val_score(CLASSIFIER, *iris, scoring="neg_log_loss").mean() > -0.5


def test_stacking(sine):
    stack = StackingRegressor([("mlp", REGRESSOR), ("ridge", Ridge())], cv=2).fit(*sine)
    assert stack.score(*sine) > 0.8


def test_soft_voting(iris):
    members = [("mlp", CLASSIFIER), ("logistic", LogisticRegression())]
    assert VotingClassifier(members, voting="soft").fit(*iris).score(*iris) > 0.9


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibration(iris, ensemble):
    calibrated = CalibratedClassifierCV(CLASSIFIER, cv=3, ensemble=ensemble).fit(*iris)
    assert calibrated.score(*iris) > 0.9


def test_bagging(sine):
    bag = BaggingRegressor(REGRESSOR, n_estimators=3, random_state=0).fit(*sine)
    assert bag.score(*sine) > 0.7


def test_transformed_target_in_a_range(sine):
    X, y = sine
    inner = clone(REGRESSOR).set_params(output_activation="logistic", epochs=60)
    regressor = TransformedTargetRegressor(inner, transformer=MinMaxScaler()).fit(X, 100 * y)
    predicted = regressor.predict(50 * X)
    assert predicted.min() >= 100 * y.min() - 1e-3
    assert predicted.max() <= 100 * y.max() + 1e-3
    assert regressor.score(X, 100 * y) > 0.8


@pytest.mark.parametrize(
    ("settings", "low", "high"),
    [
        ({"output_activation": "softplus"}, 0, np.inf),
        ({"output_activation": "relu"}, 0, np.inf),
        ({"output_activation": "tanh"}, -1, 1),
        ({"loss": "poisson"}, 0, np.inf),
    ],
)
def test_outputs_in_a_range(sine, settings, low, high):
    X, y = sine
    y = np.tanh(y) if high == 1 else np.exp(y)
    regressor = clone(REGRESSOR).set_params(**settings).fit(X, y)
    assert regressor.score(X, y) > 0.7
    wild = regressor.predict(20 * X)
    assert low <= wild.min()
    assert wild.max() <= high


def test_robust_losses_shrug_off_outliers(sine):
    X, y = sine
    spoilt = y.copy()
    spoilt[::15] += 100

    def error(loss):
        regressor = clone(REGRESSOR).set_params(loss=loss, epochs=60)
        return np.median(np.abs(regressor.fit(X, spoilt).predict(X) - y))

    squared = error("squared_error")
    assert error("absolute_error") < 0.2 * squared
    assert error("huber") < 0.2 * squared


def test_permutation_importance(sine):
    X, y = sine
    X = np.column_stack([X, np.random.RandomState(0).normal(size=len(X))])
    fitted = clone(REGRESSOR).fit(X, y)
    importances = permutation_importance(fitted, X, y, random_state=0).importances_mean
    assert importances.argmin() == 2


def test_class_weight_is_sample_weight(iris):
    X, y = iris
    weights = {0: 1.0, 1: 5.0, 2: 0.5}
    by_class = clone(CLASSIFIER).set_params(class_weight=weights).fit(X, y)
    by_row = clone(CLASSIFIER).fit(X, y, sample_weight=[weights[c] for c in y])
    np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))


def test_routing_of_weights_and_validation_rows_through_a_pipeline(sine):
    X, y = 100 + 10 * sine[0], sine[1]
    weight = np.random.RandomState(0).uniform(size=len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        regressor = clone(REGRESSOR).set_fit_request(sample_weight=True, X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), regressor, transform_input=["X_val"])
        pipeline[0].set_fit_request(sample_weight=False)
        pipeline.fit(X[:100], y[:100], sample_weight=weight[:100], X_val=X[100:], y_val=y[100:])
    scaler = StandardScaler().fit(X[:100])
    by_hand = clone(REGRESSOR).fit(
        scaler.transform(X[:100]),
        y[:100],
        sample_weight=weight[:100],
        X_val=scaler.transform(X[100:]),
        y_val=y[100:],
    )
    assert pipeline[-1].validation_scores_ == by_hand.validation_scores_
    np.testing.assert_array_equal(pipeline.predict(X), by_hand.predict(scaler.transform(X)))


def test_frames_from_transformers_keep_their_names(sine):
    X, y = sine
    pipeline = make_pipeline(StandardScaler(), REGRESSOR).set_output(transform="pandas")
    assert list(pipeline.fit(X, y)[-1].feature_names_in_) == ["x0", "x1"]
