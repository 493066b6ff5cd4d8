"""One neuron and linear models, against exact results and other libraries."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import scale

from skmlp import MLPClassifier, MLPRegressor

GATE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
FOREVER = {"tol": 0, "n_iter_no_change": np.inf}
FULL_BATCH_DESCENT = {
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "momentum": 0.9,
    "batch_size": 200,
    "random_state": 0,
    **FOREVER,
}


@pytest.mark.parametrize(
    ("y", "bias"), [([0, 0, 0, 1], -75), ([0, 1, 1, 1], -25)], ids=["and", "or"]
)
def test_gates_by_one_logistic_unit(y, bias):
    classifier = MLPClassifier(
        (),
        kernel_initializer="zeros",
        optimizer="sgd",
        learning_rate=200,
        epochs=401,
        **FOREVER,
    )
    classifier.fit(GATE, y)
    np.testing.assert_allclose(classifier.coefs_[0].ravel(), [50, 50], rtol=1e-6)
    np.testing.assert_allclose(classifier.intercepts_[0], [bias], rtol=1e-6)
    loss = -classifier.predict_log_proba(GATE)[np.arange(4), y].mean()
    np.testing.assert_allclose(loss, 1.04e-11, rtol=5e-3)
    np.testing.assert_allclose(classifier.loss_, 1.04e-11, rtol=5e-3)


def test_or_by_squared_error():
    classifier = MLPClassifier(
        (),
        loss="squared_error",
        optimizer="sgd",
        learning_rate=2,
        epochs=2000,
        random_state=0,
        **FOREVER,
    )
    classifier.fit(GATE, [0, 1, 1, 1])
    # Published for one initialisation: 0.040, 0.975, 0.975, 0.99997 and a loss of 0.00072.
    below, *above = classifier.predict_proba(GATE)[:, 1]
    assert below <= 0.040
    assert np.all(np.array(above) >= [0.975, 0.975, 0.99997])
    assert 0.0005 < classifier.loss_ <= 0.00072


def test_xor_needs_a_hidden_layer():
    y = [0, 1, 1, 0]
    common = {"learning_rate": 0.05, "epochs": 400, "random_state": 0, **FOREVER}
    assert MLPClassifier((), **common).fit(GATE, y).score(GATE, y) < 1
    assert MLPClassifier((8,), activation="tanh", **common).fit(GATE, y).score(GATE, y) == 1


def test_iris_petals_have_probabilities_and_no_thresholds(iris):
    X, y = iris[0][:, 2:], iris[1] == 0
    classifier = MLPClassifier((), learning_rate=0.1, random_state=0).fit(X, y)
    assert classifier.score(X, y) == 1
    probability = classifier.predict_proba(X)[:, 1]
    assert len(np.unique(probability)) > 50
    assert np.all((probability > 0) & (probability < 1))


def test_no_hidden_layer_is_linear_regression(sine):
    X, y = sine
    regressor = MLPRegressor(n_hidden=0, epochs=500, **FULL_BATCH_DESCENT).fit(
        X, np.column_stack([y, -2 * y + 1])
    )
    linear = LinearRegression().fit(X, np.column_stack([y, -2 * y + 1]))
    np.testing.assert_allclose(regressor.coefs_[0], linear.coef_.T, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(regressor.intercepts_[0], linear.intercept_, atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_no_hidden_layer_is_logistic_regression(n_classes):
    X, y = make_blobs(200, centers=n_classes, cluster_std=6, random_state=0)
    X = scale(X)
    classifier = MLPClassifier(n_hidden=0, epochs=1000, **FULL_BATCH_DESCENT).fit(X, y)
    logistic = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(
        classifier.predict_proba(X), logistic.predict_proba(X), atol=1e-4
    )
