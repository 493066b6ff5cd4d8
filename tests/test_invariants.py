"""One table: all estimators and kinds of target, all promises of the contract."""

import copy
import io
import itertools
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skmlp import (
    KerasClassifier,
    KerasRegressor,
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
)

# Nearly all tests of a kind share a program, with a short last batch and dropout.
SMALL = {
    "hidden_layer_sizes": (8,),
    "batch_size": 16,
    "epochs": 4,
    "dropout": 0.2,
    "random_state": 0,
}
DEEP = {
    "hidden_layer_sizes": (8, 5),
    "activation": ["prelu", "selu"],
    "normalization": "batch",
    "ema_decay": 0.5,
    "learning_rate_schedule": "exponential",
    "global_clipnorm": 1.0,
}
WIDE = {
    "wide_features": [1, 0],
    "deep_features": slice(1, None),
    "wide_crosses": [(0, 1)],
    "wide_l2": 0.01,
    "aux_loss_weight": 0.2,
}
TABULAR = {
    "n_estimators": 2,
    "hidden_layer_sizes": (8,),
    "batch_size": 16,
    "epochs": 4,
    "random_state": 0,
}
CODING = {
    "hidden_layer_sizes": (8, 1),
    "tied_weights": True,
    "masking": 0.2,
    "noise_std": 0.1,
    "activity_l1": 0.01,
    "batch_size": 16,
    "epochs": 4,
    "random_state": 0,
}
OWN = {name: SMALL[name] for name in ("batch_size", "epochs", "random_state")}


def own_network(meta, dropout=0.2):
    import keras  # not where predictions must do without

    n_outputs = meta.get("n_classes_", meta["n_outputs_"])
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
            keras.layers.Activation("relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(n_outputs, "softmax" if "n_classes_" in meta else "linear"),
        ]
    )


NETWORKS = [
    "regression",
    "scaled targets",
    "outputs",
    "binary",
    "multiclass",
    "multilabel",
    "deep",
    "deep classes",
    "wide and deep",
    "wide and deep classes",
    "own network",
    "own classes",
    "autoencoder",
]
TABLES = ["table", "table's quantiles", "table's classes"]
# Promises of estimators that are one network
of_networks = pytest.mark.parametrize("fitted_problem", NETWORKS, indirect=True)


@pytest.fixture(scope="module", params=NETWORKS + TABLES)
def fitted_problem(request, sine, iris, multilabel):
    """(fitted estimator, X, y) for each kind of target; tests must not change the estimator."""
    X, y = sine
    estimator, X, y = {
        "regression": (MLPRegressor(**SMALL), X, y),
        "scaled targets": (MLPRegressor(**SMALL, normalize_y=True), X, 1000 * y + 5000),
        "outputs": (MLPRegressor(**SMALL), X, np.column_stack([y, -y])),
        "binary": (MLPClassifier(**SMALL), X, np.where(y > 0, "up", "down")),
        "multiclass": (MLPClassifier(**SMALL), *iris),
        "multilabel": (MLPClassifier(**SMALL), *multilabel),
        "deep": (MLPRegressor(**SMALL | DEEP), X, y),
        "deep classes": (MLPClassifier(**SMALL | DEEP, label_smoothing=0.1), *iris),
        "wide and deep": (
            WideDeepRegressor(**SMALL | DEEP | WIDE, wide_optimizer="ftrl"),
            X,
            y,
        ),
        "wide and deep classes": (WideDeepClassifier(**SMALL | WIDE), *iris),
        "own network": (KerasRegressor(own_network, **OWN), X, y),
        "own classes": (KerasClassifier(own_network, **OWN), *iris),
        "autoencoder": (MLPAutoencoder(**CODING), X, y),
        "table": (TabularRegressor(**TABULAR), X, y),
        "table's quantiles": (TabularRegressor(**TABULAR, loss="quantile"), X, y),
        "table's classes": (TabularClassifier(**TABULAR), *iris),
    }[request.param]
    return estimator.fit(X, y), X, y


@pytest.fixture
def problem(fitted_problem):
    """(unfitted estimator, X, y) for each kind of target."""
    fitted, X, y = fitted_problem
    return clone(fitted), X, y


def is_wide_deep(estimator):
    return hasattr(estimator, "wide_features")


def is_tabular(estimator):
    return hasattr(estimator, "n_estimators")


def is_autoencoder(estimator):
    return hasattr(estimator, "decoder_layer_sizes")


def outputs(estimator, X):
    """The estimator's most detailed prediction for X."""
    names = "predict_quantiles", "predict_proba", "predict", "reconstruct"
    return getattr(estimator, next(name for name in names if hasattr(estimator, name)))(X)


def test_parameters_are_untouched_and_clones_are_equal(problem):
    estimator, X, y = problem
    before = copy.deepcopy(estimator.get_params())
    estimator.fit(X, y)
    assert estimator.get_params() == before
    again = clone(estimator)
    with pytest.raises(AttributeError):
        check_is_fitted(again)
    np.testing.assert_array_equal(outputs(again.fit(X, y), X), outputs(estimator, X))


def test_copies_predict_the_same(fitted_problem):
    estimator, X, _ = fitted_problem
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    copies = [
        pickle.loads(pickle.dumps(estimator)),
        joblib.load(file),
        copy.deepcopy(estimator),
        copy.copy(estimator),
    ]
    for other in copies:
        np.testing.assert_array_equal(outputs(other, X), outputs(estimator, X))
        assert other.history_ == estimator.history_


def test_unfitted_copies_can_be_fitted(fitted_problem):
    fitted, X, y = fitted_problem
    thawed = pickle.loads(pickle.dumps(clone(fitted)))
    np.testing.assert_array_equal(outputs(thawed.fit(X, y), X), outputs(fitted, X))


def test_model_gives_the_same_outputs(fitted_problem):
    estimator, X, _ = fitted_problem
    ours = outputs(estimator, X)
    rows = X
    if is_wide_deep(estimator):
        rows = [np.column_stack([X[:, 1], X[:, 0], X[:, 0] * X[:, 1]]), X[:, 1:]]
    if is_tabular(estimator):
        rows = estimator.encode(X)
    theirs = estimator.model_.predict(rows, verbose=0)
    if is_wide_deep(estimator):
        theirs = theirs[0]  # the main output
    if theirs.shape[1] == 1:
        ours = ours[:, -1:] if ours.ndim == 2 else ours[:, None]
    np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-6)


@of_networks
def test_weights_have_the_shapes_of_scikit_learn(fitted_problem):
    estimator, X, _ = fitted_problem
    hidden = estimator.get_params().get("hidden_layer_sizes", SMALL["hidden_layer_sizes"])
    units = [X.shape[1], *hidden, estimator.n_outputs_]
    if is_autoencoder(estimator):
        units.pop()  # the decoder's kernels are tied
    shapes = list(itertools.pairwise(units))
    if is_wide_deep(estimator):
        first, *_, last = shapes
        shapes[0], shapes[-1] = (first[0] - 1, first[1]), (last[0] + 3, last[1])
    assert [coef.shape for coef in estimator.coefs_] == shapes
    estimator.coefs_[0][:] = estimator.intercepts_[0][:] = np.nan  # of a copy
    assert not any(np.isnan(coef).any() for coef in estimator.coefs_)
    assert [bias.shape for bias in estimator.intercepts_] == [(n,) for n in units[1:]]


def test_dtype_of_predictions_follows_the_rows(fitted_problem):
    estimator, X, _ = fitted_problem
    assert outputs(estimator, X).dtype == np.float64
    assert outputs(estimator, X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(
        outputs(estimator, X.astype(np.float32)), outputs(estimator, X), rtol=1e-4, atol=1e-5
    )


def test_inputs_of_all_kinds_give_the_same_network(fitted_problem):
    estimator, X, y = fitted_problem
    expected = outputs(estimator, X)
    names = [f"x{i}" for i in range(X.shape[1])]
    for rows in (
        X.tolist(),
        np.asfortranarray(X),
        pd.DataFrame(X, columns=names),
        pl.DataFrame(X, schema=names),
        *([] if is_tabular(estimator) else [sparse.csr_array(X), sparse.csc_matrix(X)]),
    ):
        other = clone(estimator).fit(rows, y)
        np.testing.assert_array_equal(outputs(other, rows), expected)
        if hasattr(rows, "columns"):
            assert list(other.feature_names_in_) == names


def test_integers_are_converted(problem):
    estimator, X, y = problem
    X = (10 * X).astype(int)
    np.testing.assert_array_equal(
        outputs(clone(estimator).fit(X, y), X),
        outputs(clone(estimator).fit(X.astype(float), y), X.astype(float)),
    )


@of_networks
def test_weight_two_is_the_row_twice_and_zero_is_the_row_removed(problem):
    estimator, X, y = problem
    times = np.random.RandomState(0).randint(0, 4, len(X))
    noise = ("noise_std", "masking") if is_autoencoder(estimator) else ("dropout",)
    estimator.set_params(batch_size=1000, shuffle=False, epochs=20)
    estimator.set_params(**dict.fromkeys(noise, 0.0))
    weighted = clone(estimator).fit(X, y, sample_weight=times)
    repeated = clone(estimator).fit(np.repeat(X, times, axis=0), np.repeat(y, times, axis=0))
    np.testing.assert_allclose(outputs(weighted, X), outputs(repeated, X), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-5)


def test_weights_of_any_scale_mean_the_same(problem):
    estimator, X, y = problem
    weight = np.random.RandomState(0).uniform(0.5, 2, len(X))
    one = outputs(clone(estimator).fit(X, y, sample_weight=weight), X)
    other = outputs(clone(estimator).fit(X, y, sample_weight=1024 * weight), X)
    np.testing.assert_allclose(one, other, rtol=1e-5)


@of_networks
def test_two_and_three_epochs_are_five(problem):
    """`warm_start` resumes the optimizer's state and the orders of rows."""
    estimator, X, y = problem
    five = clone(estimator).set_params(epochs=5).fit(X, y)
    parts = clone(estimator).set_params(epochs=2, warm_start=True).fit(X, y)
    parts.set_params(epochs=3).fit(X, y)
    np.testing.assert_array_equal(outputs(parts, X), outputs(five, X))
    assert parts.loss_curve_ == five.loss_curve_
    assert parts.n_iter_ == 3


@of_networks
def test_partial_fit_is_an_epoch_at_a_time(problem):
    estimator, X, y = problem
    whole = clone(estimator).set_params(epochs=3).fit(X, y)
    parts = clone(estimator)
    classes = {"classes": whole.classes_} if hasattr(whole, "classes_") else {}
    for _ in range(3):
        parts.partial_fit(X, y, **classes)
    np.testing.assert_array_equal(outputs(parts, X), outputs(whole, X))
    assert parts.loss_curve_ == whole.loss_curve_


@of_networks
def test_partial_fit_without_tensorflow_state_in_the_pickle(problem):
    estimator, X, y = problem
    straight = clone(estimator).set_params(epochs=3).fit(X, y)
    estimator.set_params(epochs=2).fit(X, y)
    thawed = pickle.loads(pickle.dumps(estimator)).partial_fit(X, y)
    np.testing.assert_array_equal(outputs(thawed, X), outputs(straight, X))


def test_one_row_at_a_time_gives_the_same_predictions(fitted_problem):
    estimator, X, _ = fitted_problem
    single = np.concatenate([outputs(estimator, row[None]) for row in X[:20]])
    # Ensembles predict in float32, which BLAS rounds differently for one row.
    rtol = 1e-5 if is_tabular(estimator) else 1e-12
    np.testing.assert_allclose(single, outputs(estimator, X)[:20], rtol=rtol)


def test_a_fitted_pickle_is_small():
    X = np.random.RandomState(0).normal(size=(100, 8))
    regressor = MLPRegressor(random_state=0, tol=0).fit(X, X[:, 0])
    assert regressor.n_iter_ == 200
    assert len(pickle.dumps(regressor)) < 30_000


# Reads pickles of (estimator, rows) and writes pickles of predictions.
WITHOUT_TENSORFLOW = """
import pickle, sys
sys.modules.update(tensorflow=None, keras=None)
while True:
    estimator, X = pickle.load(sys.stdin.buffer)
    assert not hasattr(estimator, "model_")
    assert "<div" in estimator._repr_html_()
    names = "predict_quantiles", "predict_proba", "predict", "reconstruct"
    name = next(name for name in names if hasattr(estimator, name))
    pickle.dump(getattr(estimator, name)(X), sys.stdout.buffer)
    sys.stdout.flush()
"""


@pytest.fixture(scope="module")
def without_tensorflow():
    """One process for all kinds of targets."""
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_a_pickle_predicts_where_tensorflow_cannot_be_imported(
    fitted_problem, without_tensorflow
):
    fitted, X, _ = fitted_problem
    pickle.dump((fitted, X), without_tensorflow.stdin)
    without_tensorflow.stdin.flush()
    np.testing.assert_array_equal(pickle.load(without_tensorflow.stdout), outputs(fitted, X))
