"""Sparse rows are never made dense, and give the results of dense ones."""

import copy
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import sparse
from sklearn.base import clone

from skmlp import (
    KerasClassifier,
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
)
from skmlp._data import arrays, columns, sparse_rows
from skmlp._data.encoded import EncodedData
from skmlp._engine import validation
from skmlp._engine.store import STORE
from skmlp._estimators.autoencoder import mlp as mlp_autoencoder
from skmlp._kinds.sparse_inputs import SparseInputs
from skmlp._network import inference
from skmlp.model_selection import GridSearchCV

SETTINGS = {"hidden_layer_sizes": (8,), "epochs": 3, "batch_size": 32, "random_state": 0}
N_COLUMNS = 300
OPTIMIZERS = (
    "sgd",
    "rmsprop",
    "adagrad",
    "adadelta",
    "adamax",
    "nadam",
    "adamw",
    "ftrl",
    "lion",
)
OF_ALL_WEIGHTS = ("adafactor", "lamb")  # their steps do not treat every number alike


@pytest.fixture(scope="module")
def rows():
    """80 rows of 3 entries: row 0 is empty, row 1 has 60, and row 2 equals row 3."""
    rng = np.random.RandomState(0)
    X = np.zeros((80, N_COLUMNS), dtype=np.float32)
    for i, of_row in enumerate(rng.randint(N_COLUMNS, size=(80, 3))):
        X[i, of_row] = rng.rand(len(of_row)) + 0.5
    X[0], X[3] = 0, X[2]
    X[1, ::5] = rng.rand(60)
    return sparse.csr_array(X)


@pytest.fixture(scope="module")
def labels(rows):
    return (rows @ np.random.RandomState(1).randn(N_COLUMNS) > 0).astype(int)


@pytest.fixture(scope="module")
def fitted(rows, labels):
    return MLPClassifier(**SETTINGS).fit(rows, labels)


@pytest.fixture
def without_dense_rows(monkeypatch):
    """No sparse matrix can be made dense."""

    def toarray(*_, **__):
        raise AssertionError("rows were made dense")

    monkeypatch.setattr(sparse.csr_array, "toarray", toarray)


@pytest.mark.parametrize("n_entries", [0, 1, 5])
def test_one_row_of_few_entries(n_entries):
    row = np.zeros((1, N_COLUMNS))
    row[0, :n_entries] = 1
    sparse_one, dense_one = (
        MLPClassifier(**SETTINGS).partial_fit(rows, [1], classes=[0, 1])
        for rows in (sparse.csr_array(row), row)
    )
    np.testing.assert_allclose(sparse_one.coefs_[0], dense_one.coefs_[0], rtol=1e-5)


def assert_equal_networks(one, other):
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=2e-5)
    for mine, yours in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-3, atol=1e-5)


def check_against_dense(estimator, X, y, **arguments):
    """Train on sparse and on dense rows: equal networks, without the same programs."""
    dense = clone(estimator).fit(X.toarray(), y, **arguments)
    n_built = STORE.built
    ours = clone(estimator).fit(X, y, **arguments)
    assert STORE.built == n_built  # a program has a trace for each form
    assert_equal_networks(ours, dense)
    return ours


# Products


@pytest.mark.parametrize("lead", [(), (2,)])
def test_products_and_gradients(lead):
    rng = np.random.RandomState(0)
    X = sparse.random(6, 20, density=0.2, format="csr", random_state=0, dtype=np.float32)
    X.data[0] = 0
    index = rng.randint(6, size=(*lead, 4))
    spans = np.stack([X.indptr[:-1][index], X.indptr[1:][index]], axis=-1)
    inputs = SparseInputs(
        tf.constant(spans), tf.constant(X.indices), tf.constant(X.data), 20, 8
    )
    dense = X.toarray()[index]
    np.testing.assert_array_equal(inputs.dense(), dense)
    for part, where in [(inputs, slice(0, 20)), (inputs[..., 5:12], slice(5, 12))]:
        kernel = tf.constant(rng.randn(*lead, where.stop - where.start, 3), tf.float32)
        upstream = rng.randn(*lead, 4, 3).astype(np.float32)
        found = []
        for x in (part, tf.constant(dense[..., where])):
            with tf.GradientTape() as tape:
                tape.watch(kernel)
                product = x @ kernel
            found.append([product, tape.gradient(product, kernel, upstream)])
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


# Training


@pytest.mark.parametrize(
    "params",
    [
        {"l1": 1e-3, "l2": 1e-2, "input_dropout": 0.3, "dropout": 0.2, "ema_decay": 0.9},
        {"optimizer": "sgd", "momentum": 0.9, "normalization": "batch", "clipnorm": 0.1},
        {"optimizer": "lamb", "learning_rate": 0.01, "early_stopping": True},
        *(
            pytest.param({"optimizer": name}, marks=pytest.mark.slow)
            for name in (*OPTIMIZERS, *OF_ALL_WEIGHTS)
        ),
    ],
    ids=str,
)
def test_training_equals_that_on_dense_rows(params, rows, labels):
    weight = np.random.RandomState(0).randint(0, 3, len(labels))
    check_against_dense(MLPClassifier(**SETTINGS, **params), rows, labels, sample_weight=weight)


@pytest.mark.usefixtures("without_dense_rows")
def test_nothing_is_made_dense(rows, labels):
    classifier = MLPClassifier(**SETTINGS, metrics=["accuracy"])
    classifier.fit(rows, labels, X_val=rows[:20], y_val=labels[:20])
    classifier.predict_proba(rows)
    classifier.transform(rows)
    assert 0 <= classifier.score(rows, labels) <= 1


def test_stacks(rows, labels):
    grid = {"l2": [0.0, 0.01], "learning_rate": [0.01, 0.02, 0.03]}
    searches = [
        GridSearchCV(MLPClassifier(**SETTINGS), grid, cv=2).fit(X, labels)
        for X in (rows, rows.toarray())
    ]
    ours, dense = searches
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], dense.cv_results_["mean_test_score"]
    )
    assert_equal_networks(ours.best_estimator_, dense.best_estimator_)


def test_equal_rows_of_a_full_batch_are_merged(rows, labels):
    y = labels[:, None].astype(np.float32)
    weight = np.arange(1.0, 81)
    dense = EncodedData(rows.toarray(), y, weight).merged()
    ours = EncodedData(rows, y, weight).merged()
    assert ours.n_rows == dense.n_rows == 79
    assert sorted(ours.weight) == sorted(dense.weight)
    in_parts = EncodedData(rows[[5, 9, 5]], y[:3] * 0, np.array([1.0, 2, 1])).merged()
    once = EncodedData(rows[[9, 5]], y[:2] * 0, np.array([2.0, 2])).merged()
    for one, other in zip(in_parts.arrays, once.arrays, strict=True):
        np.testing.assert_array_equal(one, other)


def test_resuming(rows, labels, fitted):
    in_parts = MLPClassifier(**{**SETTINGS, "epochs": 1}, warm_start=True)
    for _ in range(3):
        in_parts.fit(rows, labels)
    assert_equal_networks(in_parts, fitted.__class__(**SETTINGS).fit(rows, labels))
    parts = [
        MLPClassifier(**SETTINGS).partial_fit(X, labels, classes=[0, 1]).partial_fit(X, labels)
        for X in (rows, rows.toarray())
    ]
    assert_equal_networks(*parts)


def test_a_checkpoint_knows_its_rows(rows, labels, tmp_path):
    classifier = MLPClassifier(**SETTINGS, checkpoint_dir=tmp_path).fit(rows, labels)
    again = clone(classifier).fit(rows.astype(np.float64), labels)
    np.testing.assert_array_equal(again.coefs_[0], classifier.coefs_[0])
    with pytest.raises(ValueError, match="X"):
        clone(classifier).fit(rows * 2, labels)


def test_frozen_first_layers(rows, labels, fitted):
    reusing = MLPClassifier(**SETTINGS, pretrained=fitted, n_reused_layers=1, n_frozen_layers=1)
    ours, dense = (clone(reusing).fit(X, labels) for X in (rows, rows.toarray()))
    np.testing.assert_array_equal(ours.coefs_[0], fitted.coefs_[0])
    assert_equal_networks(ours, dense)


# Forms of X


def reordered(X):
    """Unsorted, with an entry in two parts and an explicit zero."""
    coo = X.tocoo()
    row, column = np.append(coo.row, [5, 7])[::-1], np.append(coo.col, [coo.col[-1], 0])[::-1]
    data = np.append(coo.data, [0, 0])[::-1].astype(np.float64)
    where = np.flatnonzero((row == row[2]) & (column == column[2]))
    data[where] /= 2
    row, column = np.append(row, row[where]), np.append(column, column[where])
    order = np.argsort(row, kind="stable")
    indptr = np.searchsorted(row[order], np.arange(X.shape[0] + 1))
    data = np.append(data, data[where])[order]
    return sparse.csr_matrix((data, column[order].astype(np.int64), indptr), X.shape)


@pytest.mark.parametrize(
    "form",
    [
        sparse.csr_matrix,
        sparse.csc_array,
        sparse.coo_matrix,
        lambda X: sparse.coo_array(X, dtype=np.float64),
        reordered,
    ],
)
def test_all_forms_give_the_same_bits(form, rows, labels, fitted):
    X = form(rows)
    before = X.copy()
    other = clone(fitted).fit(X, labels)
    np.testing.assert_array_equal(other.coefs_[0], fitted.coefs_[0])
    np.testing.assert_allclose(other.predict_proba(X), fitted.predict_proba(rows), rtol=1e-6)
    assert X.nnz == before.nnz
    np.testing.assert_array_equal(X.data, before.data)


def test_fuller_rows_are_trained_on_dense(labels):
    X = sparse.random(80, N_COLUMNS, density=0.1, format="csr", random_state=0)
    ours, dense = (MLPClassifier(**SETTINGS).fit(rows, labels) for rows in (X, X.toarray()))
    np.testing.assert_array_equal(ours.coefs_[0], dense.coefs_[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_values_that_are_not_finite_are_refused(value, rows, labels, fitted):
    X = rows.astype(np.float64)
    X.data[0] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        clone(fitted).fit(X, labels)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        fitted.predict(X)


def test_sums_of_duplicates_that_are_not_finite_are_refused(rows, labels, fitted):
    coo = rows.tocoo()
    twice = [np.append(part, part[:1]) for part in (coo.row, coo.col)]
    data = np.append(coo.data, 3e38)
    data[0] = 3e38
    with pytest.raises(ValueError, match="infinity"):
        clone(fitted).fit(sparse.coo_array((data, tuple(twice)), rows.shape), labels)


def test_too_many_values_are_refused(rows, labels, fitted, monkeypatch):
    monkeypatch.setattr(arrays, "MAX_ENTRIES", 100)
    with pytest.raises(ValueError, match="'X' must have at most 100 values"):
        clone(fitted).fit(rows, labels)


def test_another_width_is_refused(rows, fitted):
    with pytest.raises(ValueError, match="300 features"):
        fitted.predict(rows[:, :200])


# Other estimators


@pytest.mark.slow
def test_regressor(rows):
    y = rows @ np.random.RandomState(1).randn(N_COLUMNS, 2)
    check_against_dense(MLPRegressor(**SETTINGS, normalize_y=True), rows, y)


@pytest.mark.parametrize("first", [keras.layers.Dense, keras.layers.BatchNormalization])
@pytest.mark.usefixtures("without_dense_rows")
def test_keras_networks(first, rows, labels, monkeypatch):
    def build(n_columns=N_COLUMNS):
        layer = first(8) if first is keras.layers.Dense else first()
        layers = [layer, keras.layers.Dense(1, "sigmoid")]
        return keras.Sequential([keras.Input((n_columns,)), *layers])

    settings = {name: SETTINGS[name] for name in ("epochs", "batch_size", "random_state")}
    classifier = KerasClassifier(build, **settings)
    ours = clone(classifier).fit(rows, labels)
    if first is keras.layers.Dense:
        ours.predict(rows)
    monkeypatch.undo()
    dense = clone(classifier).fit(rows.toarray(), labels)
    np.testing.assert_allclose(ours.loss_curve_, dense.loss_curve_, rtol=1e-5)
    np.testing.assert_allclose(
        ours.predict_proba(rows), dense.predict_proba(rows.toarray()), rtol=1e-4
    )


# Wide paths


@pytest.fixture(scope="module")
def table():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(
        {
            "number": rng.randn(120),
            "town": pd.Categorical(rng.randint(30, size=120)),
            "kind": pd.Categorical(rng.randint(40, size=120)),
        }
    )
    return frame, frame["number"] + 2 * (frame["kind"] == 3)


WIDE_DEEP = WideDeepRegressor(
    **SETTINGS,
    wide_features=["town", "kind"],
    deep_features=["number"],
    wide_crosses=[("town", "kind"), ("number", "town")],
    wide_optimizer=keras.optimizers.Ftrl(0.1, l1_regularization_strength=0.2),
)


def in_dense_form(monkeypatch, estimator, *data):
    """The estimator, fitted while all rows are dense."""
    monkeypatch.setattr(sparse_rows, "MAX_DENSITY", 0.0)
    fitted = clone(estimator).fit(*data)
    assert isinstance(fitted._encode_features(data[0]), np.ndarray)
    predicted = fitted.predict(data[0])
    monkeypatch.undo()
    return fitted, predicted


@pytest.mark.parametrize("units", [(8,), ()], ids=["with a deep path", "without"])
def test_many_crosses_are_sparse(units, table, monkeypatch):
    estimator = clone(WIDE_DEEP).set_params(hidden_layer_sizes=units)
    dense, predicted = in_dense_form(monkeypatch, estimator, *table)
    ours = estimator.fit(*table)
    inputs = ours._encode_features(table[0])
    assert isinstance(inputs, sparse_rows.Joined if units else sparse.csr_array)
    assert_equal_networks(ours, dense)
    np.testing.assert_allclose(ours.predict(table[0]), predicted, atol=1e-5)
    monkeypatch.setattr(inference, "CHUNK_VALUES", 1)
    monkeypatch.setattr(inference, "MIN_CHUNK_ROWS", 16)
    assert len(table[0]) > 16
    np.testing.assert_allclose(ours.predict(table[0]), predicted, atol=1e-5)


def test_joined_columns_are_those_of_one_part():
    wide, deep = sparse.csr_array(np.eye(4)), np.arange(8.0).reshape(4, 2)
    joined = sparse_rows.Joined([wide, deep])
    assert joined[..., 0:4] is wide
    assert joined.columns(4, 6) is deep
    np.testing.assert_array_equal(joined[..., 5:6], deep[:, 1:])
    np.testing.assert_array_equal(sparse_rows.dense(joined[2:]), sparse_rows.dense(joined)[2:])
    with pytest.raises(AssertionError, match="columns 3 to 5 are not of one part"):
        joined.columns(3, 5)
    with pytest.raises(AssertionError):
        joined[0, 0:4]


@pytest.mark.parametrize("units", [(8,), ()], ids=["with a deep path", "without"])
def test_prune_keeps_predictions(units, table):
    frame, y = table
    fitted = clone(WIDE_DEEP).set_params(hidden_layer_sizes=units).fit(frame, y)
    has_weight = fitted.coefs_[-1].any(axis=1)
    n_wide = fitted._state.spec.n_wide
    assert 0.1 < has_weight[:n_wide].mean() < 0.7
    small = pickle.loads(pickle.dumps(fitted)).prune()
    has_weight[n_wide:] = True
    np.testing.assert_array_equal(small.coefs_[-1], fitted.coefs_[-1][has_weight])
    assert small._state.spec.n_wide == len(small.wide_inputs_) + len(small.cross_inputs_)
    assert len(small.prune().coefs_[-1]) == has_weight.sum()
    for rows in (frame, frame[:1]):
        np.testing.assert_allclose(small.predict(rows), fitted.predict(rows), rtol=1e-5)


def test_a_pruned_estimator_is_fitted_afresh_only(table):
    fitted = clone(WIDE_DEEP).fit(*table)
    small = copy.deepcopy(fitted).prune()
    assert len(pickle.dumps(small)) < 0.75 * len(pickle.dumps(fitted))
    assert not small._state.training.optimizer
    assert all(array.base is None for array in small._state.arrays)  # a fit's are views
    before = small.predict(table[0])
    for resume in (small.partial_fit, copy.deepcopy(small).set_params(warm_start=True).fit):
        with pytest.raises(ValueError, match="'warm_start' must be False"):
            resume(*table)
    np.testing.assert_array_equal(small.predict(table[0]), before)
    with pytest.raises(ValueError, match="Sample weights"):
        small.fit(*table, sample_weight=np.zeros(len(table[0])))
    with pytest.raises(ValueError, match="'warm_start' must be False"):  # still
        small.partial_fit(*table)
    again = small.fit(*table)
    for ours, expected in zip(again._state.arrays, fitted._state.arrays, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_values_of_inputs_in_both_forms(monkeypatch):
    rng = np.random.RandomState(0)
    numbers, codes = rng.randn(50, 2), rng.randint(-1, 6, (50, 2))  # -1: not known
    rows = np.hstack([numbers, codes]).astype(np.float32)
    n_categories = {2: 6, 3: 6}
    pairs = [np.array(pair) for pair in ([2, 3], [0, 2], [2, 0], [0, 1], [3, 3])]
    of_columns = columns.terms(range(4), n_categories)
    crosses = np.concatenate(
        [columns.crossed_terms(rows[:20], pair, n_categories) for pair in pairs]
    )
    assert 12 + 13 < len(crosses) < 20 + 13 + 6
    for inputs in (of_columns, crosses):
        dense = columns.values(rows, inputs)
        with monkeypatch.context() as patch:
            patch.setattr(sparse_rows, "MAX_DENSITY", 2.0)
            ours = columns.values(rows, inputs)
        assert sparse.issparse(ours)
        np.testing.assert_array_equal(ours.toarray(), dense)


def test_columns_of_sparse_rows(rows, labels):
    settings = SETTINGS | {"wide_crosses": [(0, 5), (10, 15)], "deep_features": slice(5, 300)}
    ours, dense = (
        WideDeepClassifier(**settings).fit(X, labels) for X in (rows, rows.toarray())
    )
    assert sparse.issparse(ours._encode_features(rows))
    assert_equal_networks(ours, dense)
    predicted = dense.predict_proba(rows.toarray())
    np.testing.assert_allclose(ours.predict_proba(rows), predicted, rtol=1e-5)


def test_frozen_layers_beside_a_wide_path(table, monkeypatch):
    first = clone(WIDE_DEEP).fit(*table)
    reusing = clone(WIDE_DEEP).set_params(pretrained=first, n_frozen_layers=1)
    dense, _ = in_dense_form(monkeypatch, reusing, *table)
    ours = clone(reusing).fit(*table)
    np.testing.assert_array_equal(ours.coefs_[0], first.coefs_[0])
    assert_equal_networks(ours, dense)


# Autoencoders

AUTOENCODER = MLPAutoencoder(
    **SETTINGS | {"hidden_layer_sizes": (8, 3)}, tied_weights=True, masking=0.2, l2=1e-3
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {"tied_weights": False, "noise_std": 0.1, "early_stopping": True},
        {"greedy": True, "activity_l1": 0.01},
    ],
    ids=str,
)
def test_autoencoders(params, rows):
    weight = np.random.RandomState(0).randint(0, 3, 80)
    check_against_dense(
        clone(AUTOENCODER).set_params(**params), rows, None, sample_weight=weight
    )


@pytest.fixture(scope="module")
def autoencoder(rows):
    return clone(AUTOENCODER).fit(rows)


def test_an_autoencoder_makes_few_rows_dense_at_once(rows, monkeypatch):
    dense = clone(AUTOENCODER).fit(rows.toarray(), X_val=rows[:40].toarray())
    toarray = sparse.csr_array.toarray

    def of_few_rows(self, *args, **kwargs):
        assert self.shape[0] <= 16
        return toarray(self, *args, **kwargs)

    for module in (validation, mlp_autoencoder):
        monkeypatch.setattr(module, "MAX_VALUES", 16 * N_COLUMNS)
    monkeypatch.setattr(sparse.csr_array, "toarray", of_few_rows)
    ours = clone(AUTOENCODER).fit(rows, X_val=rows[:40])
    scores = ours.score_samples(rows)
    codes = ours.transform(rows)
    monkeypatch.undo()
    assert_equal_networks(ours, dense)
    np.testing.assert_allclose(ours.validation_scores_, dense.validation_scores_, rtol=1e-5)
    np.testing.assert_allclose(scores, dense.score_samples(rows.toarray()), rtol=1e-5)
    np.testing.assert_allclose(codes, dense.transform(rows.toarray()), rtol=1e-3, atol=1e-5)


def test_forms_of_rows_of_an_autoencoder(rows, autoencoder):
    other = clone(AUTOENCODER).fit(reordered(rows))
    np.testing.assert_array_equal(other.coefs_[0], autoencoder.coefs_[0])


def test_targets_of_merged_rows(rows):
    merged = EncodedData(rows, rows, np.ones(80)).merged()
    assert merged.y is merged.X
    assert merged.n_rows == 79
