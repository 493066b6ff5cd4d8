"""Output of a fit: none, a progress bar, or that of scikit-learn's callbacks."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmlp import MLPRegressor
from skmlp import model_selection as stacked
from skmlp._search.bar import SearchBar

X = np.random.RandomState(0).normal(size=(40, 3))
Y = X[:, 0]
REGRESSOR = MLPRegressor((4,), epochs=3, random_state=0)
GRID = {"learning_rate": [1e-3, 1e-2]}


@pytest.fixture
def callbacks():
    return pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9 has no callbacks")


def test_verbose_0_prints_nothing(capfd):
    clone(REGRESSOR).fit(X, Y)  # the first fit may print TensorFlow's messages
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


# A Jupyter kernel as tqdm sees it, in an environment without ipywidgets.
IN_A_NOTEBOOK = """
import sys, types, warnings
import skmlp
assert not {"tqdm", "IPython"} & set(sys.modules)
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = lambda: None
sys.modules["ipykernel.zmqshell"] = types.ModuleType("ipykernel.zmqshell")
sys.modules["ipywidgets"] = None
warnings.simplefilter("error")
from skmlp._training.bars import ProgressBar
bar = ProgressBar("MLPRegressor", 3)
bar.on_epoch_end(2, {"loss": 0.5})
bar.close()
"""


def test_a_notebook_without_widgets_gets_text_and_no_warning():
    script = [sys.executable, "-c", IN_A_NOTEBOOK]
    shown = subprocess.run(script, check=True, capture_output=True, text=True).stderr
    assert "3/3" in shown
    assert "Warning" not in shown


def test_a_search_bar_grows_round_by_round(capfd):
    """The bar's total is changed by `reset`, which also changes that of a notebook's widget."""
    bar = SearchBar("Halving", None)
    bar.expect(2, 1)
    begun = bar._bar.start_t
    for candidate in range(2):
        bar.finished((candidate, 0), {"test_scores": 0.5})
    bar.expect(1, 1)
    assert (bar._bar.n, bar._bar.total, bar._bar.start_t) == (2, 3, begun)
    bar.finished((1, 0), {"test_scores": 0.75})
    bar.close()
    assert "3/3 fits" in capfd.readouterr().err


def test_the_best_score_is_that_of_candidates_that_did_not_fail(capfd):
    bar = SearchBar("Search", None)
    bar.expect(2, 1)
    for candidate, score in enumerate([np.nan, 0.5]):
        bar.finished((candidate, 0), {"test_scores": score})
    bar.close()
    printed = capfd.readouterr().err
    assert "best score=0.5" in printed
    assert "nan" not in printed


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


@pytest.mark.parametrize("verbose", [0, 2])
def test_a_search_shows_a_bar_at_verbose_1_only(verbose, capfd):
    search = stacked.GridSearchCV(REGRESSOR, GRID, cv=3, verbose=verbose)
    search.fit(X, Y)
    out, err = capfd.readouterr()
    assert "fits" not in err
    assert ("END" in out) == (verbose == 2)


@pytest.mark.parametrize("scoring", [None, ["r2", "neg_mean_squared_error"]])
def test_one_bar_for_a_search_with_the_best_score_so_far(scoring, capfd):
    search = stacked.GridSearchCV(
        REGRESSOR, GRID, cv=3, verbose=1, scoring=scoring, refit="r2" if scoring else True
    )
    search.fit(X, Y)
    err = capfd.readouterr().err
    last = err.strip().splitlines()[-1].split("\r")[-1]
    assert last.startswith("GridSearchCV: 100%")
    assert "6/6 fits" in last
    assert f"best score={search.best_score_:.3g}" in last


def test_the_bar_of_a_halving_search_counts_every_round(capfd):
    search = stacked.HalvingGridSearchCV(
        REGRESSOR, GRID, cv=3, verbose=1, resource="epochs", max_resources=2, factor=2
    )
    search.fit(X, Y)
    last = capfd.readouterr().err.strip().splitlines()[-1].split("\r")[-1]
    assert "9/9 fits" in last
    assert f"best score={search.best_score_:.3g}" in last


def test_progress_bar_of_scikit_learn_around_a_stacked_search(callbacks, capsys):
    search = stacked.GridSearchCV(REGRESSOR, GRID, cv=3)
    search.set_callbacks(callbacks.ProgressBar()).fit(X, Y)
    shown = capsys.readouterr().out
    assert "GridSearchCV" in shown
    assert "MLPRegressor" in shown
