"""Same `random_state`, same bits, in any worker and after any other fit."""

import hashlib
import random

import numpy as np
import pytest
import tensorflow as tf
from joblib import Parallel, delayed, parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmlp import MLPClassifier, MLPRegressor
from skmlp.model_selection import GridSearchCV as StackedGridSearchCV

X = np.random.RandomState(0).normal(size=(150, 4))
Y = X[:, 0] - X[:, 1] ** 2
REGRESSOR = MLPRegressor(
    (8,), dropout=0.2, batch_size=16, epochs=5, early_stopping=True, random_state=7
)


def fingerprint(estimator, y=Y):
    """Hash of all results of a fit."""
    return fingerprint_of_fitted(clone(estimator).fit(X, y))


def fingerprint_of_fitted(estimator):
    bits = hashlib.sha256()
    for array in (*estimator._state.arrays, *estimator._state.training.optimizer):
        bits.update(array.tobytes())
    bits.update(repr((estimator.history_, estimator.validation_scores_)).encode())
    bits.update(estimator.predict(X).tobytes())
    return bits.hexdigest()


def test_same_bits_before_and_after_other_fits():
    before = fingerprint(REGRESSOR)
    # The same program, with more rows, another learning rate, almost no dropout, other weights
    other = clone(REGRESSOR).set_params(learning_rate=0.1, dropout=0.7, random_state=1)
    other.fit(np.vstack([X, X[:10]]), np.r_[Y, Y[:10]])
    fingerprint(MLPClassifier((3,), epochs=2), Y > 0)
    assert fingerprint(REGRESSOR) == before
    assert fingerprint(clone(REGRESSOR).set_params(random_state=8)) != before


def test_bits_do_not_depend_on_the_program_that_is_lent():
    from skmlp._engine.store import STORE

    STORE.clear()
    before = fingerprint(REGRESSOR)
    STORE.clear()
    larger = np.vstack([X] * 3)
    clone(REGRESSOR).fit(larger, larger[:, 0])
    built = STORE.built
    assert fingerprint(REGRESSOR) == before
    assert STORE.built == built  # it took the larger program


def test_global_random_state_is_untouched():
    tf.random.set_seed(3)
    first = tf.random.uniform([3]).numpy()
    tf.random.set_seed(3)
    numpy_state, python_state = np.random.get_state()[1].copy(), random.getstate()
    fingerprint(REGRESSOR)
    fingerprint(MLPClassifier((5,), kernel_initializer="he_normal", random_state=0), Y > 0)
    clone(REGRESSOR).fit(X, Y).model_.summary(print_fn=lambda line: None)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert random.getstate() == python_state
    np.testing.assert_array_equal(tf.random.uniform([3]).numpy(), first)


def test_random_state_of_all_kinds():
    seeded = [MLPRegressor((3,), epochs=1, random_state=np.random.RandomState(0)) for _ in "ab"]
    assert fingerprint(seeded[0]) == fingerprint(seeded[1])
    unseeded = MLPRegressor((3,), epochs=1)
    assert fingerprint(unseeded) != fingerprint(unseeded)
    generator = np.random.RandomState(0)
    shared = MLPRegressor((3,), epochs=1, random_state=generator)
    first = shared.fit(X, Y).predict(X)
    assert np.any(shared.fit(X, Y).predict(X) != first)


def falling(epoch):
    return 0.05 / (1 + epoch)


GOING_ON = {
    "plain": {},
    "normalised and averaged": {"normalization": "batch", "ema_decay": 0.9},
    "random": {"activation": "rrelu", "dropout": 0.3, "input_dropout": 0.1},
    "decaying": {"learning_rate_schedule": "exponential", "momentum": 0.9, "optimizer": "sgd"},
    "by steps": {"learning_rate_schedule": "cosine", "decay_steps": 60},
    "by epochs": {"learning_rate_schedule": falling, "optimizer": "sgd"},
    "plateaus": {"learning_rate_schedule": "plateau", "n_iter_no_change": 4, "tol": 0.1},
}


@pytest.mark.parametrize("way", GOING_ON)
def test_training_in_parts_gives_the_bits_of_training_at_once(way):
    regressor = MLPRegressor(
        (8,), **{"n_iter_no_change": 50, **GOING_ON[way]}, batch_size=16, random_state=7
    )
    whole = clone(regressor).set_params(epochs=6).fit(X, Y)
    parts = clone(regressor).set_params(epochs=4, warm_start=True).fit(X, Y)
    parts.fit(X, Y, epochs=2)
    assert fingerprint_of_fitted(parts) == fingerprint_of_fitted(whole)
    assert parts.history_ == whole.history_
    single = clone(regressor).set_params(epochs=6)
    for _ in range(6):
        single.partial_fit(X, Y)
    assert fingerprint_of_fitted(single) == fingerprint_of_fitted(whole)


# joblib's processes, shared by these tests, since each takes long to load TensorFlow.


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_same_bits_in_parallel(backend):
    alone = fingerprint(REGRESSOR)
    fits = (delayed(clone(REGRESSOR).fit)(X, Y) for _ in range(4))
    fitted = Parallel(n_jobs=2, backend=backend)(fits)
    assert {fingerprint_of_fitted(estimator) for estimator in fitted} == {alone}


def test_a_search_in_threads_and_processes():
    grid = {"learning_rate": [0.001, 0.02]}
    alone = GridSearchCV(REGRESSOR, grid, cv=2).fit(X, Y).cv_results_["mean_test_score"]
    for backend in ("threading", "loky"):
        with parallel_config(backend, n_jobs=2):
            both = GridSearchCV(REGRESSOR, grid, cv=2).fit(X, Y)
        np.testing.assert_array_equal(both.cv_results_["mean_test_score"], alone)


def test_worker_processes_keep_to_their_share():
    # Inside the test, so that workers need not be able to import this module
    def threads_of_tensorflow(estimator, X, y):
        import tensorflow as tf

        estimator.fit(X, y)
        return tf.config.threading.get_intra_op_parallelism_threads()

    here = threads_of_tensorflow(clone(REGRESSOR), X, Y)
    with parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        for _ in range(2):  # the second time, in workers that have run TensorFlow
            fits = (delayed(threads_of_tensorflow)(clone(REGRESSOR), X, Y) for _ in range(2))
            assert Parallel()(fits) == [1, 1]
    assert threads_of_tensorflow(clone(REGRESSOR), X, Y) == here


def test_a_search_draws_seeds_in_the_order_of_scikit_learns():
    grid = {"learning_rate": [1e-3, 1e-2, 0.1]}
    before = np.random.get_state()
    try:
        results = []
        for cls in (GridSearchCV, *[StackedGridSearchCV] * 4):
            np.random.seed(3)
            search = cls(MLPRegressor((4,), epochs=1), grid, cv=4, refit=False).fit(X, Y)
            results.append(search.cv_results_["mean_test_score"])
    finally:
        np.random.set_state(before)
    for scores in results[1:]:
        np.testing.assert_array_equal(scores, results[1])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4)


def test_rows_of_weight_zero_count_as_removed():
    rng = np.random.default_rng(0)
    X, noise = rng.normal(size=(60, 3)), rng.normal(50, 10, size=(300, 3))
    weight = np.repeat([1.0, 0.0], [60, 300])
    with_both, y = np.concatenate([X, noise]), np.concatenate([X[:, 0], noise[:, 1]])
    regressor = MLPRegressor(
        (4,), normalization="batch", batch_size=8, epochs=2, early_stopping=True, random_state=0
    )
    weighted = clone(regressor).fit(with_both, y, sample_weight=weight)
    alone = clone(regressor).fit(X, X[:, 0])
    np.testing.assert_array_equal(weighted.predict(X), alone.predict(X))
