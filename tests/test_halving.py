"""Halving searches against scikit-learn's own, which restart training in each round."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn import model_selection
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier, MLPRegressor
from skmlp._engine.state import TrainingState
from skmlp.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV

RNG = np.random.RandomState(0)
X = RNG.normal(size=(110, 4))
Y = np.tanh(X[:, 0]) - 0.5 * X[:, 1]
REGRESSOR = MLPRegressor((8,), batch_size=16, random_state=0)
SPACE = {"learning_rate": loguniform(1e-3, 3e-2), "l2": loguniform(1e-5, 1e-2)}
ROUNDS = {
    "resource": "epochs",
    "factor": 2,
    "n_candidates": 4,
    "min_resources": 2,
    "max_resources": 8,
    "cv": 3,
    "random_state": 0,
}


@pytest.fixture
def epochs_trained(monkeypatch):
    """A list that grows by one for each epoch of each network."""
    epochs = []
    after_epoch = TrainingState.after_epoch

    def counted(self, *args, **kwargs):
        epochs.append(1)
        return after_epoch(self, *args, **kwargs)

    monkeypatch.setattr(TrainingState, "after_epoch", counted)
    return epochs


def assert_same_search(ours, theirs, y=Y):
    ours.fit(X, y)
    theirs.fit(X, y)
    assert ours.n_candidates_ == theirs.n_candidates_
    assert ours.n_resources_ == theirs.n_resources_
    for name, values in theirs.cv_results_.items():
        if "score" in name and "rank" not in name and "time" not in name:
            np.testing.assert_allclose(ours.cv_results_[name], values, atol=1e-4)
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def random_searches(estimator, **settings):
    settings = {**ROUNDS, **settings}
    ours = HalvingRandomSearchCV(estimator, SPACE, **settings)
    theirs = model_selection.HalvingRandomSearchCV(estimator, SPACE, **settings)
    return ours, theirs


def test_survivors_go_on_from_where_they_are(epochs_trained):
    ours, theirs = random_searches(REGRESSOR, refit=False)
    ours.fit(X, Y)
    # 12 fits of 2 epochs, half of them 2 more, a quarter 4 more.
    assert len(epochs_trained) == 12 * 2 + 6 * 2 + 3 * 4
    epochs_trained.clear()
    theirs.fit(X, Y)
    assert len(epochs_trained) == 12 * 2 + 6 * 4 + 3 * 8


@pytest.mark.parametrize(
    "params",
    [
        {},
        {
            "normalization": "batch",
            "dropout": 0.2,
            "optimizer": "rmsprop",
            "ema_decay": 0.8,
            "learning_rate_schedule": "exponential",
            "clipnorm": 1.0,
        },
        {"learning_rate_schedule": "plateau", "n_iter_no_change": 4, "tol": 1.0},
        {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.01},
        {"learning_rate_schedule": "warmup_cosine", "decay_steps": 40},
    ],
    ids=lambda params: "-".join(params) or "adam",
)
def test_results_are_those_of_scikit_learn(params):
    assert_same_search(*random_searches(clone(REGRESSOR).set_params(**params)))


def test_classifiers_in_a_pipeline_with_a_grid():
    """Candidates that differ only in a function are not confused."""
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((8,), batch_size=16, random_state=0)
    )
    grid = {
        "mlpclassifier__learning_rate_schedule": [
            lambda epoch: 0.001,
            lambda epoch: 0.01,
            lambda epoch: 0.03 / (1 + epoch),
        ]
    }
    settings = {"resource": "mlpclassifier__epochs", "max_resources": 9, "cv": 3}
    assert_same_search(
        HalvingGridSearchCV(pipeline, grid, **settings),
        model_selection.HalvingGridSearchCV(pipeline, grid, **settings),
        np.where(Y > 0, "above", "below"),
    )


def test_a_transformed_target_goes_on_too(epochs_trained):
    target = TransformedTargetRegressor(REGRESSOR, transformer=StandardScaler())
    grid = {"regressor__learning_rate": [0.003, 0.01, 0.02, 0.03]}
    settings = {"resource": "regressor__epochs", "min_resources": 2, "max_resources": 8}
    settings |= {"factor": 2, "cv": 3}
    ours = HalvingGridSearchCV(target, grid, **settings, refit=False).fit(X, 1000 + 100 * Y)
    assert len(epochs_trained) == 12 * 2 + 6 * 2 + 3 * 4
    assert_same_search(
        ours.set_params(refit=True),
        model_selection.HalvingGridSearchCV(target, grid, **settings),
        1000 + 100 * Y,
    )


def test_rows_as_the_resource_begin_anew():
    settings = {"resource": "n_samples", "max_resources": "auto", "min_resources": 30}
    estimator = clone(REGRESSOR).set_params(epochs=5)
    assert_same_search(*random_searches(estimator, **settings))


def test_patience_as_the_resource_begins_anew(epochs_trained):
    estimator = clone(REGRESSOR).set_params(early_stopping=True, tol=1e9, epochs=20)
    settings = {**ROUNDS, "resource": "n_iter_no_change", "refit": False}
    ours, theirs = random_searches(estimator, **settings)
    ours.fit(X, Y)
    n_epochs = len(epochs_trained)
    theirs.fit(X, Y)
    assert len(epochs_trained) == 2 * n_epochs < 2 * 20 * (12 + 6 + 3)
    scores = ours.cv_results_["mean_test_score"]
    np.testing.assert_allclose(scores, theirs.cv_results_["mean_test_score"], atol=1e-4)


def test_a_seed_that_is_drawn_is_kept_by_the_survivors(epochs_trained):
    ours, _ = random_searches(clone(REGRESSOR).set_params(random_state=None), refit=False)
    ours.fit(X, Y)
    assert len(epochs_trained) == 12 * 2 + 6 * 2 + 3 * 4


def test_an_early_stopping_hold_out_that_is_drawn_anew_begins_anew(epochs_trained):
    estimator = clone(REGRESSOR).set_params(
        random_state=None, early_stopping=True, n_iter_no_change=100
    )
    ours, _ = random_searches(estimator, refit=False)
    ours.fit(X, Y)
    assert len(epochs_trained) == 12 * 2 + 6 * 4 + 3 * 8


def test_networks_beyond_the_limit_of_memory_begin_anew(monkeypatch, epochs_trained):
    monkeypatch.setattr("skmlp._search.halving.MAX_BYTES", 0)
    random_searches(REGRESSOR, refit=False)[0].fit(X, Y)
    assert len(epochs_trained) == 12 * 2 + 6 * 4 + 3 * 8


def test_a_network_trained_in_parts_has_the_bits_of_one_trained_at_once():
    """A few networks are trained alone, so that no stack changes the rounding."""
    settings = {"n_candidates": 2, "cv": 2, "max_resources": 8, "min_resources": 4}
    ours, theirs = random_searches(REGRESSOR, **settings)
    ours.fit(X, Y)
    theirs.fit(X, Y)
    np.testing.assert_array_equal(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )
