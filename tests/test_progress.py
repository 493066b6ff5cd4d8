"""What a fit shows: nothing, a bar, or what scikit-learn's callbacks make of it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmlp import MLPRegressor

X = np.random.RandomState(0).normal(size=(40, 3))
Y = X[:, 0]
REGRESSOR = MLPRegressor((4,), epochs=3, random_state=0)


@pytest.fixture
def callbacks():
    return pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9 has no callbacks")


def test_verbose_0_prints_nothing(capfd):
    clone(REGRESSOR).fit(X, Y)  # the first fit may bring out what TensorFlow has to say
    capfd.readouterr()
    clone(REGRESSOR).fit(X, Y, X_val=X, y_val=Y).predict(X)
    assert capfd.readouterr() == ("", "")


def test_verbose_1_shows_one_bar_with_losses(capfd):
    clone(REGRESSOR).set_params(verbose=1).fit(X, Y, X_val=X, y_val=Y)
    out, err = capfd.readouterr()
    assert out == ""
    last = err.strip().splitlines()[-1].split("\r")[-1]
    assert last.startswith("MLPRegressor: 100%")
    assert "3/3" in last
    assert "loss=" in last
    assert "val_loss=" in last


def test_the_bar_is_closed_when_a_fit_fails(capfd):
    import keras
    from tqdm import tqdm

    class Failing(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise ValueError("no space left")

    with pytest.raises(ValueError, match="no space"):
        clone(REGRESSOR).set_params(verbose=1).fit(X, Y, callbacks=[Failing()])
    assert not tqdm._instances


def test_progress_bar_of_scikit_learn(callbacks, capsys):
    regressor = clone(REGRESSOR).set_callbacks(callbacks.ProgressBar())
    plain = clone(REGRESSOR).fit(X, Y)
    np.testing.assert_array_equal(regressor.fit(X, Y).predict(X), plain.predict(X))
    assert "MLPRegressor" in capsys.readouterr().out


def test_progress_bar_of_scikit_learn_around_a_search(callbacks, capsys):
    search = GridSearchCV(REGRESSOR, {"learning_rate": [1e-3, 1e-2]}, cv=2)
    search.set_callbacks(callbacks.ProgressBar()).fit(X, Y)
    shown = capsys.readouterr().out
    assert "GridSearchCV" in shown
    assert "MLPRegressor" in shown


def test_every_epoch_is_a_task_with_a_fitted_estimator(callbacks):
    class Watching:
        tasks = []

        def setup(self, estimator, context):
            self.tasks.append("setup")

        def teardown(self, estimator, context):
            self.tasks.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            self.tasks.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
            self.tasks.append(f"end {context.task_name}")
            self.last = fitted_estimator.predict(X)
            return len(self.tasks) > 6

    watching = Watching()
    regressor = clone(REGRESSOR).set_params(epochs=9).set_callbacks(watching).fit(X, Y)
    epoch = ["begin epoch", "end epoch"]
    assert watching.tasks == [
        "setup",
        "begin fit",
        *epoch,
        *epoch,
        *epoch,
        "end fit",
        "teardown",
    ]
    assert regressor.n_iter_ == 3
    assert "callback" in regressor.stop_reason_
    np.testing.assert_array_equal(watching.last, regressor.predict(X))


def test_callbacks_are_torn_down_when_a_fit_fails(callbacks):
    regressor = clone(REGRESSOR).set_callbacks(callbacks.ProgressBar())
    with pytest.raises(ValueError, match="NaN"):
        regressor.fit(np.full_like(X, np.nan), Y)
    regressor.set_params(loss=lambda y, p: 0.0)
    with pytest.raises(ValueError, match="'loss' must"):
        regressor.fit(X, Y)
    assert not hasattr(regressor, "_callback_fit_ctx")
