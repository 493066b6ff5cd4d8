"""Tabular estimators on sparse X: as dense tables if they have few columns, otherwise sparse."""

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

from skmlp import TabularClassifier, TabularRegressor, to_keras
from skmlp._data import sparse_rows
from skmlp._data.sparse_tables import MAX_COLUMNS, SparseEncoder

SETTINGS = {"n_estimators": 2, "hidden_layer_sizes": (8,), "epochs": 2, "random_state": 0}
N_COLUMNS = 400
N_SPARSE = N_COLUMNS - 3


@pytest.fixture(scope="module")
def X():
    """90 rows: two columns of numbers, one without values, and words, of which row 0 has none."""
    rng = np.random.RandomState(0)
    rows = sparse.lil_array((90, N_COLUMNS))
    for i, words in enumerate(rng.randint(3, N_COLUMNS, size=(90, 4))):
        rows[i, words] = rng.randint(1, 4, size=4)
    rows[0] = 0
    rows[:, 3:] += sparse.eye_array(90, N_SPARSE)  # each word occurs
    rows[:, :2] = rng.randn(90, 2)
    return rows.tocsr()


@pytest.fixture(scope="module")
def y(X):
    return X @ np.random.RandomState(1).randn(N_COLUMNS)


@pytest.fixture(scope="module")
def fitted(X, y):
    """Tests must not change it."""
    return TabularRegressor(**SETTINGS).fit(X, y)


@pytest.fixture
def in_dense_form(monkeypatch):
    """Sparse inputs become dense ones for training and prediction."""
    monkeypatch.setattr(sparse_rows, "MAX_DENSITY", 0.0)


def assert_equal_fits(one, other, X, tolerance=1e-4):
    np.testing.assert_allclose(one.history_["loss"], other.history_["loss"], rtol=tolerance)
    ours, theirs = one.predict(X), other.predict(X)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_sparse_rows_train_as_dense_ones(X, y, fitted, monkeypatch):
    inputs = fitted._encoder.encode(X)
    assert isinstance(inputs, sparse_rows.Joined)
    assert inputs.shape == (90, fitted._encoder.n_inputs)
    monkeypatch.setattr(sparse_rows, "MAX_DENSITY", 0.0)
    np.testing.assert_array_equal(fitted._encoder.encode(X), sparse_rows.dense(inputs))
    dense = clone(fitted).fit(X, y)
    assert_equal_fits(fitted, dense, X)
    np.testing.assert_allclose(fitted.noise_std_, dense.noise_std_, rtol=1e-4)


@pytest.mark.parametrize(
    "form",
    [
        sparse.csc_matrix,
        lambda X: sparse.coo_array(sparse.hstack([X[:, :9], X[:, 9:]]), dtype=np.float64),
    ],
)
def test_all_forms_give_the_same(form, X, y, fitted):
    rows = form(X)
    np.testing.assert_array_equal(fitted.predict(rows), fitted.predict(X))
    np.testing.assert_allclose(fitted.predict(rows.toarray()), fitted.predict(X), rtol=1e-6)
    other = SparseEncoder.learn(sparse.csr_array(rows), None, np.ones(90))
    np.testing.assert_array_equal(other.spreads, fitted._encoder.spreads)


def test_a_classifier_of_words_alone(X, y):
    words, labels = X[:, 3:].astype(np.float32), np.where(y > 0, "yes", "no")
    classifier = TabularClassifier(**SETTINGS).fit(words, labels, X_val=words, y_val=labels)
    assert sparse.issparse(classifier._encoder.encode(words))
    probability = classifier.predict_proba(words)
    assert probability.dtype == np.float32
    model = classifier.model_
    np.testing.assert_allclose(
        model.predict(classifier.encode(words), verbose=0)[:, 0], probability[:, 1], rtol=1e-3
    )
    loaded = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(loaded.predict_proba(words), probability)


def test_few_columns_are_a_table(X, y):
    few = X[:, : MAX_COLUMNS // 2]
    ours, dense = (TabularRegressor(**SETTINGS).fit(rows, y) for rows in (few, few.toarray()))
    np.testing.assert_array_equal(ours.predict(few), dense.predict(few.toarray()))


class TestEncoder:
    @staticmethod
    def learn(rows, weight=None):
        weight = np.ones(len(rows)) if weight is None else weight
        return SparseEncoder.learn(sparse.csr_array(rows), "from_dtype", weight)

    def test_columns(self):
        rows = np.zeros((9, 5))
        rows[:3, 0] = -1, 2, 9  # of median size 2
        rows[3, 1] = 0.5
        rows[:, 2] = np.arange(9)  # full
        rows[:2, 3] = np.nan, 7
        encoder = self.learn(rows)
        np.testing.assert_array_equal(encoder.columns, [0, 1, 3])
        np.testing.assert_array_equal(encoder.full, [2])
        np.testing.assert_array_equal(encoder.spreads, [2, 0.5, 7])
        assert (encoder.n_sparse, encoder.n_numeric, encoder.n_inputs) == (3, 1, 4)
        values = encoder.encode(sparse.csr_array(rows))[:, :3]
        assert np.square(values).mean() == pytest.approx(1 / 3 * 3 / 3 * 3, rel=2)
        assert values[0, 2] == 0  # missing
        np.testing.assert_allclose(values[1, [0, 2]], values[3, 1])
        assert values[2, 0] < 3 * values[1, 0]

    def test_a_weight_is_a_repetition(self):
        rows = sparse.random(20, 30, density=0.2, random_state=0).toarray()
        weight = np.random.RandomState(0).randint(1, 4, 20)
        ours = self.learn(rows, weight.astype(float))
        repeated = self.learn(np.repeat(rows, weight, axis=0))
        np.testing.assert_array_equal(ours.spreads, repeated.spreads)
        assert ours.size == pytest.approx(repeated.size)

    def test_values_of_inputs_have_size_one(self):
        rows = sparse.random(50, 200, density=0.05, random_state=0).toarray()
        values = sparse_rows.dense(self.learn(rows).encode(sparse.csr_array(rows)))
        assert np.square(values).mean() == pytest.approx(1)


def test_bad_input(X, y, fitted):
    with pytest.raises(ValueError, match=r"'categorical_features' must be .* 100 columns"):
        clone(fitted).set_params(categorical_features=[3]).fit(X, y)
    with pytest.raises(ValueError, match="'X' must have a value that is not zero"):
        clone(fitted).fit(0 * X, y)
    infinite = X.copy()
    infinite.data[0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        clone(fitted).fit(infinite, y)
    with pytest.raises(ValueError, match="400 features"):
        fitted.predict(X[:, :300])
    with pytest.raises(ValueError, match="'estimator' must be fitted on a dense table or"):
        to_keras(fitted)
