"""Tabular estimators on sparse X: dense tables of few columns, and sparse rows of many."""

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


@pytest.fixture(scope="module")
def rows():
    """90 rows: two columns of numbers, one without values, and words, none in row 1."""
    rng = np.random.RandomState(0)
    rows = sparse.lil_array((90, N_COLUMNS))
    for i, words in enumerate(rng.randint(3, N_COLUMNS, size=(90, 4))):
        rows[i, words] = rng.randint(1, 4, size=4)
    rows[1] = 0
    rows[:, :2] = rng.randn(90, 2)
    return rows.tocsr()


@pytest.fixture(scope="module")
def y(rows):
    return rows @ np.random.RandomState(1).randn(N_COLUMNS)


@pytest.fixture(scope="module")
def fitted(rows, y):
    """Tests must not change it."""
    return TabularRegressor(**SETTINGS).fit(rows, y)


def assert_equal_fits(one, other, rows, tolerance=1e-4):
    np.testing.assert_allclose(one.history_["loss"], other.history_["loss"], rtol=tolerance)
    ours, theirs = one.predict(rows), other.predict(rows)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_sparse_rows_train_as_dense_ones(rows, y, fitted, monkeypatch):
    inputs = fitted._encoder.encode(rows)
    assert isinstance(inputs, sparse_rows.Joined)
    assert inputs.shape == (90, fitted._encoder.n_inputs)
    monkeypatch.setattr(sparse_rows, "MAX_DENSITY", 0.0)
    np.testing.assert_array_equal(fitted._encoder.encode(rows), sparse_rows.dense(inputs))
    dense = clone(fitted).fit(rows, y)
    assert_equal_fits(fitted, dense, rows)
    np.testing.assert_allclose(fitted.noise_std_, dense.noise_std_, rtol=1e-4)


@pytest.mark.parametrize(
    "form",
    [
        sparse.csc_matrix,
        lambda rows: sparse.coo_array(sparse.hstack([rows[:, :9], rows[:, 9:]])),
    ],
)
def test_all_forms_give_the_same(form, rows, y, fitted):
    same = form(rows)
    np.testing.assert_array_equal(fitted.predict(same), fitted.predict(rows))
    np.testing.assert_allclose(fitted.predict(same.toarray()), fitted.predict(rows), rtol=1e-6)
    other = SparseEncoder.learn(sparse.csr_array(same), None, np.ones(90))
    np.testing.assert_array_equal(other.spreads, fitted._encoder.spreads)


@pytest.mark.slow
def test_a_classifier_of_words_alone(rows, y):
    words, labels = rows[:, 3:].astype(np.float32), np.where(y > 0, "yes", "no")
    classifier = TabularClassifier(**SETTINGS).fit(words, labels, X_val=words, y_val=labels)
    assert sparse.issparse(classifier._encoder.encode(words))
    probability = classifier.predict_proba(words)
    assert probability.dtype == np.float32
    in_dense_form = clone(classifier).fit(words, labels, X_val=words.toarray(), y_val=labels)
    np.testing.assert_allclose(in_dense_form.predict_proba(words), probability, rtol=1e-3)


def test_model_and_pickle(rows, fitted):
    predicted = fitted.predict(rows)
    (of_model,) = fitted.model_.predict(fitted.encode(rows), verbose=0).T
    np.testing.assert_allclose(of_model, predicted, rtol=1e-3, atol=1e-4)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict(rows), predicted)


def test_few_columns_are_a_table(rows, y):
    few = rows[:, :MAX_COLUMNS]
    for table in (few, few != 0):
        ours, dense = (
            TabularRegressor()._encode(form, y, None, reset=True).X
            for form in (table, table.toarray())
        )
        np.testing.assert_array_equal(ours, dense)


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
        ones = 1 / np.sqrt(1 + 1 / 9)  # clipped smoothly
        np.testing.assert_allclose(values[1, [0, 2]], ones)
        np.testing.assert_allclose(values[:3, 0] / ones, [-0.52, 1, 2.634], rtol=0.01)
        assert values[0, 2] == 0  # missing

    def test_a_weight_is_a_repetition(self):
        rows = sparse.random(20, 30, density=0.2, random_state=0).toarray()
        weight = np.random.RandomState(0).randint(1, 4, 20)
        ours = self.learn(rows, weight.astype(float))
        repeated = self.learn(np.repeat(rows, weight, axis=0))
        np.testing.assert_array_equal(ours.spreads, repeated.spreads)
        np.testing.assert_array_equal(ours.columns, repeated.columns)

    def test_weights_lost_in_the_sum_of_others_find_values_of_the_own_column(self):
        rows = np.zeros((4, 3))
        rows[0, 0], rows[1:3, 1], rows[3, 2] = 8, (2, 3), 5
        encoder = self.learn(rows, np.array([1e9, 1e-9, 1e-9, 1e9]))
        assert encoder.spreads[[0, 2]].tolist() == [8, 5]
        assert encoder.spreads[1] in (2, 3)


def test_bad_input(rows, y, fitted):
    with pytest.raises(ValueError, match=r"'categorical_features' must be .* 100 columns"):
        clone(fitted).set_params(categorical_features=[3]).fit(rows, y)
    with pytest.raises(ValueError, match="'X' must have a value that is not zero"):
        clone(fitted).fit(0 * rows, y)
    infinite = rows.copy()
    infinite.data[0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        clone(fitted).fit(infinite, y)
    with pytest.raises(ValueError, match="400 features"):
        fitted.predict(rows[:, :300])
    with pytest.raises(ValueError, match="'estimator' must be fitted on a dense table or"):
        to_keras(fitted)
