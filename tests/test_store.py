"""Programs after failed fits: which are reused, and that they work like new ones."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone

from skmlp import MLPRegressor
from skmlp._engine.store import STORE
from skmlp.model_selection import GridSearchCV

X = np.random.RandomState(0).normal(size=(90, 3))
Y = X[:, 0] + X[:, 1] * X[:, 2]
# Everything that training changes: weights, their averages, batch statistics, momentum.
REGRESSOR = MLPRegressor(
    (6,),
    batch_size=16,
    epochs=3,
    optimizer="sgd",
    momentum=0.9,
    normalization="batch",
    ema_decay=0.8,
    dropout=0.1,
    random_state=0,
)
VALIDATION = {"X_val": X[:20], "y_val": Y[:20]}


class Raising(keras.callbacks.Callback):
    """Raises at a hook, the second time it is called."""

    def __init__(self, hook, error):
        super().__init__()
        setattr(self, hook, self.count)
        self.error, self.calls = error, 0

    def count(self, *args, **kwargs):
        self.calls += 1
        if self.calls == 2:
            raise self.error


class RaisingScore:
    """A scorer that raises after the second epoch."""

    def __init__(self):
        self.calls = 0

    def __call__(self, estimator, X, y):
        self.calls += 1
        if self.calls == 2:
            raise ZeroDivisionError
        return 0.0


@pytest.fixture(scope="module")
def fresh():
    """Predictions of a fit with a program that no other fit has used."""
    STORE.clear()
    return clone(REGRESSOR).fit(X, Y, **VALIDATION).predict(X)


@pytest.mark.parametrize(
    ("failing", "error"),
    [
        ({"callbacks": Raising("on_epoch_begin", ZeroDivisionError)}, ZeroDivisionError),
        ({"callbacks": Raising("on_epoch_end", ZeroDivisionError)}, ZeroDivisionError),
        ({"callbacks": Raising("on_train_batch_end", ZeroDivisionError)}, ZeroDivisionError),
        ({"callbacks": Raising("on_train_batch_end", KeyboardInterrupt)}, KeyboardInterrupt),
        ({"scoring": RaisingScore()}, ZeroDivisionError),
    ],
    ids=["between epochs", "with averaged weights", "within an epoch", "interrupt", "score"],
)
def test_a_program_is_as_good_as_new_after_a_fit_that_failed(fresh, failing, error):
    regressor = clone(REGRESSOR).fit(X, Y, **VALIDATION)
    built = STORE.built
    with pytest.raises(error):
        clone(REGRESSOR).set_params(**failing).fit(X, Y, **VALIDATION)
    np.testing.assert_array_equal(regressor.fit(X, Y, **VALIDATION).predict(X), fresh)
    assert STORE.built == built


def scheduled(model):
    model.optimizer.learning_rate = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)


def more_momentum(model):
    model.optimizer.momentum = 0.5


def frozen(model):
    model.layers[1].trainable = False


@pytest.mark.parametrize("change", [scheduled, more_momentum, frozen])
def test_a_program_that_a_callback_has_changed_is_not_lent_again(fresh, change):
    class Changing(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            change(self.model)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        clone(REGRESSOR).fit(X, Y, **VALIDATION, callbacks=[Changing()])
    regressor = clone(REGRESSOR).fit(X, Y, **VALIDATION)
    np.testing.assert_array_equal(regressor.predict(X), fresh)


def test_a_callback_that_changes_the_optimizer_leaves_the_next_fit_alone(fresh):
    class Changing(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            scheduled(self.model)

    regressor = clone(REGRESSOR).fit(X, Y, **VALIDATION, callbacks=[Changing()])
    np.testing.assert_array_equal(regressor.predict(X), fresh)
    np.testing.assert_array_equal(regressor.fit(X, Y, **VALIDATION).predict(X), fresh)


def test_another_optimizer_given_by_a_callback_stays_outside(fresh):
    """Keras compiles the model; the program trains on with its own optimizer."""

    class Compiling(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.compile("adam", "mae")
            self.model.stop_training = True

    regressor = clone(REGRESSOR).fit(X, Y, **VALIDATION)
    built = STORE.built
    stopped = clone(REGRESSOR).fit(X, Y, **VALIDATION, callbacks=[Compiling()])
    assert stopped.n_iter_ == 1
    np.testing.assert_array_equal(regressor.fit(X, Y, **VALIDATION).predict(X), fresh)
    assert STORE.built == built


def test_a_program_whose_compilation_failed_is_not_lent_again():
    def loss(y_true, y_pred):
        if not tf.executing_eagerly():
            raise ZeroDivisionError
        return tf.reduce_mean(tf.abs(y_true - y_pred), axis=-1)

    for _ in range(2):
        built = STORE.built
        with pytest.raises(ZeroDivisionError):
            clone(REGRESSOR).set_params(loss=loss).fit(X, Y)
        assert STORE.built == built + 1


def test_a_stack_is_as_good_as_new_after_fits_that_failed():
    grid = {"learning_rate": [0.01, 0.02, 0.03]}
    failing = clone(REGRESSOR).set_params(early_stopping=True, scoring=RaisingScore())
    regressor = clone(failing).set_params(scoring=None)
    search = GridSearchCV(regressor, grid, cv=2, refit=False)
    STORE.clear()
    scores = clone(search).fit(X, Y).cv_results_["mean_test_score"]
    built = STORE.built
    with pytest.raises(ZeroDivisionError):
        clone(search).set_params(estimator=failing, error_score="raise").fit(X, Y)
    np.testing.assert_array_equal(search.fit(X, Y).cv_results_["mean_test_score"], scores)
    assert STORE.built == built


def test_estimators_that_take_turns_in_a_program_train_as_if_alone():
    """A fit that resumes does not load what its program holds, unless another came between."""
    parts = [slice(0, 30), slice(30, 60), slice(60, 90)]
    alone = clone(REGRESSOR)
    for rows in parts:
        alone.partial_fit(X[rows], Y[rows])
    built = STORE.built
    one, other = clone(REGRESSOR), clone(REGRESSOR).set_params(random_state=1)
    for rows in parts:
        one.partial_fit(X[rows], Y[rows])
        other.partial_fit(X[rows], Y[rows])
        one = pickle.loads(pickle.dumps(one))
    assert STORE.built == built
    for pair in zip(alone._state.arrays, one._state.arrays, strict=True):
        np.testing.assert_array_equal(*pair)


def test_weights_that_a_program_holds_are_not_loaded_again(monkeypatch):
    estimator = clone(REGRESSOR).partial_fit(X, Y)
    loaded = []
    for module in ("optimizer", "program", "trained"):
        name = f"skmlp._program.{module}.assign"
        monkeypatch.setattr(name, lambda *arguments: loaded.append(arguments))
    estimator.partial_fit(X, Y)
    assert not loaded
    clone(estimator).partial_fit(X, Y)
    assert loaded
