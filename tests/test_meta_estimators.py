"""Searches over estimators that fit several networks: one after another, each in a stack."""

import threading
import time

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn import model_selection
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier, MLPRegressor
from skmlp._engine.loop import train
from skmlp._engine.state import TrainingState
from skmlp.model_selection import GridSearchCV, HalvingGridSearchCV, trained_together

RNG = np.random.RandomState(0)
X = RNG.normal(size=(90, 4))
Y = np.tanh(X[:, 0]) - 0.5 * X[:, 1]
LABELS = np.array(["low", "middle", "high"])[np.digitize(Y, [-0.5, 0.5])]
SMALL = {"batch_size": 16, "epochs": 2, "random_state": 0}
CLASSIFIER = MLPClassifier((4,), **SMALL)
REGRESSOR = MLPRegressor((4,), **SMALL)


@pytest.fixture
def sizes_of_stacks(monkeypatch):
    sizes = []

    def counted(program, fits, *others):
        sizes.append(len(fits))
        return train(program, fits, *others)

    monkeypatch.setattr("skmlp._training.stacks.train", counted)
    return sizes


@pytest.mark.parametrize(
    ("estimator", "prefix", "y", "sizes"),
    [
        (CalibratedClassifierCV(CLASSIFIER, cv=2), "estimator__", LABELS, [9, 9]),
        (
            OneVsRestClassifier(make_pipeline(StandardScaler(), CLASSIFIER)),
            "estimator__mlpclassifier__",
            LABELS,
            [9, 9, 9],
        ),
        (
            make_pipeline(
                StandardScaler(), BaggingRegressor(REGRESSOR, 2, max_samples=60, random_state=0)
            ),
            "baggingregressor__estimator__",
            Y,
            [9, 9],
        ),
    ],
    ids=["calibrated", "one against rest", "bagging"],
)
def test_networks_of_one_fit_are_in_stacks_one_after_another(
    estimator, prefix, y, sizes, sizes_of_stacks
):
    grid = {f"{prefix}learning_rate": [0.003, 0.01, 0.03]}
    ours = GridSearchCV(estimator, grid, cv=3, refit=False).fit(X, y)
    assert sizes_of_stacks == sizes
    theirs = model_selection.GridSearchCV(estimator, grid, cv=3, refit=False).fit(X, y)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], atol=1e-4)


def test_each_network_of_a_fit_resumes_in_a_halving_search(monkeypatch):
    """Also where two of them have the same rows, and differ in their seeds alone."""
    epochs = []
    after_epoch = TrainingState.after_epoch

    def counted(self, *args, **kwargs):
        epochs.append(1)
        return after_epoch(self, *args, **kwargs)

    bagging = BaggingRegressor(REGRESSOR, 2, bootstrap=False, random_state=0)
    rounds = {"resource": "estimator__epochs", "min_resources": 2, "max_resources": 4}
    settings = {"factor": 2, "cv": 3, "refit": False, **rounds}
    grid = {"estimator__learning_rate": [0.003, 0.03]}
    theirs = model_selection.HalvingGridSearchCV(bagging, grid, **settings).fit(X, Y)
    monkeypatch.setattr(TrainingState, "after_epoch", counted)
    ours = HalvingGridSearchCV(bagging, grid, **settings).fit(X, Y)
    scores = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[scores], theirs.cv_results_[scores], atol=1e-4)
    # Two networks in three folds: 2 candidates for 2 epochs, and one of them for 2 more.
    assert len(epochs) == 2 * 3 * (2 * 2 + 2)


def test_folds_of_scikit_learns_functions_meet(sizes_of_stacks):
    with trained_together():
        ours = model_selection.cross_val_score(REGRESSOR, X, Y, cv=9)
        rates = "learning_rate", [0.003, 0.01, 0.03]
        curves = model_selection.validation_curve(
            REGRESSOR, X, Y, param_name=rates[0], param_range=rates[1], cv=3
        )
    assert sizes_of_stacks == [9, 9]
    np.testing.assert_allclose(
        ours, model_selection.cross_val_score(REGRESSOR, X, Y, cv=9), atol=1e-4
    )
    theirs = model_selection.validation_curve(
        REGRESSOR, X, Y, param_name=rates[0], param_range=rates[1], cv=3
    )
    np.testing.assert_allclose(curves, theirs, atol=1e-4)


def test_more_fits_than_are_under_way(monkeypatch, sizes_of_stacks):
    monkeypatch.setattr("skmlp.model_selection.WIDTH_OF_SENT", 9)
    with trained_together():
        scores = model_selection.cross_val_score(REGRESSOR, X, Y, cv=45)
    assert len(scores) == 45
    assert sum(sizes_of_stacks) == 45
    assert max(sizes_of_stacks) == 9


def test_errors_end_the_block_and_leave_no_fit_behind():
    failing = clone(REGRESSOR).set_params(epochs=0)
    n_threads = threading.active_count()
    with pytest.raises(ValueError, match="epochs"), trained_together():
        model_selection.cross_val_score(failing, X, Y, cv=9, error_score="raise")
    end = time.monotonic() + 30
    while threading.active_count() > n_threads and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= n_threads


def test_other_work_inside_the_block():
    """A search of ours, another library's estimator, and joblib's own calls."""
    with trained_together():
        search = GridSearchCV(REGRESSOR, {"learning_rate": [0.003, 0.01]}, cv=3, refit=False)
        assert len(search.fit(X, Y).cv_results_["params"]) == 2
        assert len(model_selection.cross_val_score(Ridge(), X, Y, cv=4)) == 4
        assert Parallel(n_jobs=2)(delayed(abs)(i) for i in range(-3, 0)) == [3, 2, 1]


class Failing(Ridge):
    def fit(self, X, y, sample_weight=None):
        time.sleep(0.02)
        raise ValueError("it fails")


def test_fits_that_never_begin_are_not_waited_for(monkeypatch):
    """A call that breaks off drops fits that wait for a thread; the next call trains."""
    monkeypatch.setattr("skmlp.model_selection.WIDTH_OF_SENT", 4)
    with trained_together():
        with pytest.raises(ValueError, match="it fails"):
            model_selection.cross_val_score(Failing(), X, Y, cv=40, error_score="raise")
        scores = model_selection.cross_val_score(REGRESSOR, X, Y, cv=3)
    assert np.isfinite(scores).all()
