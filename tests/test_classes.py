"""Classes and labels: a single class, sparse labels, and the decision function."""

import inspect
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from skmlp import MLPClassifier, TabularClassifier
from skmlp._targets.class_targets import balanced

CLASSIFIER = MLPClassifier((8,), learning_rate=0.02, batch_size=16, epochs=4, random_state=0)
RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 3))


@pytest.mark.parametrize("label", ["up", 3, True])
def test_a_single_class_is_predicted_with_a_warning(label):
    y = np.full(60, label)
    with pytest.warns(UserWarning, match=f"'y' holds a single class, {label!r}") as caught:
        classifier = clone(CLASSIFIER).fit(X, y)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="'y' holds a single class") as caught:
        clone(CLASSIFIER).partial_fit(X, y, classes=[label])
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="'y' holds a single class") as caught:
        TabularClassifier(1, epochs=1, hidden_layer_sizes=(4,)).fit(X, y)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(classifier.predict(X), y)
    np.testing.assert_array_equal(classifier.predict_proba(X), np.ones((60, 1)))
    np.testing.assert_array_equal(classifier.predict_log_proba(X), np.zeros((60, 1)))
    assert classifier.classes_.tolist() == [label]
    assert classifier.score(X, y) == 1


def test_a_rare_label_of_several():
    Y = np.column_stack([X[:, 0] > 0, np.zeros(60)]).astype(int)
    with pytest.warns(UserWarning, match="single class"):
        several = MultiOutputClassifier(CLASSIFIER).fit(X, Y)
    assert not several.predict(X)[:, 1].any()


def test_decision_function_is_the_logit():
    for y in (X[:, 0] > 0, np.digitize(X[:, 0], [-0.5, 0.5])):
        classifier = clone(CLASSIFIER).fit(X, y)
        decision, probability = classifier.decision_function(X), classifier.predict_proba(X)
        if decision.ndim == 1:
            logit = np.log(probability[:, 1] / probability[:, 0])
            np.testing.assert_allclose(decision, logit, rtol=1e-6)
        else:
            centred = np.log(probability) - np.log(probability).mean(axis=1, keepdims=True)
            mean = decision.mean(axis=1, keepdims=True)
            np.testing.assert_allclose(decision - mean, centred, rtol=1e-6)
    Y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)
    classifier = clone(CLASSIFIER).fit(X, Y)
    np.testing.assert_array_equal(classifier.decision_function(X) > 0, classifier.predict(X))


def test_scorers_take_it(iris):
    X, y = iris
    scores = cross_val_score(CLASSIFIER, X, y == 0, cv=2, scoring="roc_auc")
    assert scores.min() > 0.95


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_indicators_give_sparse_predictions(container):
    Y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)
    dense = clone(CLASSIFIER).fit(X, Y)
    classifier = clone(CLASSIFIER).fit(X, container(Y))
    predicted = classifier.predict(X)
    assert sparse.issparse(predicted)
    np.testing.assert_array_equal(predicted.toarray(), dense.predict(X))
    assert classifier.score(X, container(Y)) == classifier.score(X, Y) == dense.score(X, Y)
    assert not sparse.issparse(classifier.fit(X, Y).predict(X))
    in_parts = clone(CLASSIFIER).partial_fit(X, container(Y), classes=[0, 1])
    assert sparse.issparse(in_parts.predict(X))


def test_errors_show_the_users_labels():
    y = np.r_[["rare"], np.repeat(["down", "up"], [30, 29])]
    with pytest.raises(ValueError, match=r"'validation_fraction' must .*'rare'"):
        clone(CLASSIFIER).set_params(early_stopping=True).fit(X, y)
    with pytest.raises(ValueError, match=r"only, \[0, 1\]; got \[2\] too"):
        clone(CLASSIFIER).fit(X, np.arange(60) % 2, X_val=X, y_val=np.arange(60) % 3)


def test_extremes_stay_finite_or_are_refused():
    y = X[:, 0] > 0
    with pytest.raises(ValueError, match="'sample_weight' must have a finite sum"):
        clone(CLASSIFIER).fit(X, y, sample_weight=np.full(60, 1e308))
    huge = clone(CLASSIFIER).fit(X, y, sample_weight=np.full(60, 1e300))
    plain = clone(CLASSIFIER).fit(X, y)
    np.testing.assert_allclose(huge.predict_proba(X), plain.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("classifier", [CLASSIFIER, TabularClassifier()])
@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, Decimal("nan")])
def test_missing_labels_are_refused(classifier, missing):
    y = pd.Series(["up", missing, "down"] * 20, dtype=object)
    with pytest.raises(ValueError, match="'y' must have a label for each row; got 20 missing"):
        clone(classifier).fit(X, y)
    with pytest.raises(ValueError, match="'y' must have a label for each row"):
        clone(classifier).fit(X, y.astype("string"))


Y = np.array(["up", "down", "up", "even", "up", "down"])
WEIGHT = np.array([1.0, 3.0, 0.0, 2.0, 1.0, 2.0])


def test_balanced_classes_have_the_same_total_weight():
    weight = balanced(WEIGHT, Y)
    np.testing.assert_allclose([weight[label == Y].sum() for label in np.unique(Y)], 3)
    kept = WEIGHT > 0  # a row of weight 0 counts as removed, even the last one of its class
    several = balanced(np.where(Y == "even", 0, WEIGHT), Y)
    np.testing.assert_allclose([several[label == Y].sum() for label in ["up", "down"]], 3.5)
    np.testing.assert_array_equal(balanced(WEIGHT[kept], Y[kept]), weight[kept])
    assert several[3] == 0


@pytest.mark.skipif(
    "sample_weight" not in inspect.signature(compute_class_weight).parameters,
    reason="scikit-learn < 1.7 counts rows",
)
def test_balanced_weights_are_those_of_scikit_learn():
    classes, index = np.unique(Y, return_inverse=True)
    of_classes = compute_class_weight("balanced", classes=classes, y=Y, sample_weight=WEIGHT)
    np.testing.assert_allclose(balanced(WEIGHT, Y), WEIGHT * of_classes[index])


def test_without_sample_weights_balanced_counts_rows():
    labels = np.array([[0, 1], [0, 0], [1, 1], [0, 1]])
    for y in (Y, labels, labels[:, :1]):
        expected = compute_sample_weight("balanced", y)
        np.testing.assert_allclose(balanced(np.ones(len(y)), y), expected)


def test_weights_equal_repetition_with_balanced_classes():
    y, times = X[:, 0] > 0.5, RNG.randint(0, 4, 60)
    classifier = clone(CLASSIFIER).set_params(class_weight="balanced", batch_size=200)
    weighted = clone(classifier).fit(X, y, sample_weight=times)
    repeated = clone(classifier).fit(X.repeat(times, axis=0), y.repeat(times))
    np.testing.assert_allclose(
        weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-5, atol=1e-6
    )
