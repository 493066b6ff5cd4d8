"""Stacked searches against scikit-learn's own, and stacked fits against single fits."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, cpu_count, delayed
from scipy import sparse
from scipy.stats import loguniform
from sklearn import model_selection
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skmlp import (
    MLPClassifier,
    MLPRegressor,
    TabularRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
)
from skmlp._engine.fit import drawn_order
from skmlp._engine.loop import train
from skmlp._engine.store import STORE
from skmlp._program.program import Program
from skmlp._search import stack_trainer
from skmlp._search.calls import SearchCall, Task
from skmlp._search.gathering import Gathering
from skmlp._search.meeting import SearchEndedError
from skmlp._search.stacked_search import MAX_WIDTH, n_under_way
from skmlp._training.durations import parts_of
from skmlp._training.stacks import SIZES, split, train_stack
from skmlp._training.train import train_alone
from skmlp.model_selection import GridSearchCV, RandomizedSearchCV

RNG = np.random.RandomState(0)
X = RNG.normal(size=(110, 4))
Y = np.tanh(X[:, 0]) - 0.5 * X[:, 1]
LABELS = np.array(["low", "middle", "high"])[np.digitize(Y, [-0.5, 0.5])]
SMALL = {
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "batch_size": 16,
    "epochs": 6,
    "random_state": 0,
}
REGRESSOR = MLPRegressor((8,), **SMALL)
CLASSIFIER = MLPClassifier((8,), **SMALL)


# Stacked fits


def fit_together(estimators, rows, y, **params):
    """Fit in threads that wait for each other, as a search does."""
    gathering = Gathering(width=len(estimators), n_workers=1)
    calls = [SearchCall(Task(i, 0), len(estimators), 1, {}) for i in range(len(estimators))]
    with ThreadPoolExecutor(len(estimators)) as pool:
        fits = [
            pool.submit(gathering.attending(call, lambda e=e: [e.fit(rows, y, **params)]))
            for call, e in zip(calls, estimators, strict=True)
        ]
        return [fit.result()[0] for fit in fits]


def several(estimator, **changes):
    """Clones with different seeds and numbers."""
    return [
        clone(estimator).set_params(
            random_state=i,
            learning_rate=estimator.learning_rate * (1 + i / 4),
            **{name: value * (1 + i / 4) for name, value in changes.items()},
        )
        for i in range(SIZES[0])
    ]


def stack_programs():
    return [program for program in STORE.idle() if program.n_members > 1]


def alone_programs():
    return [program for program in STORE.idle() if program.n_members == 1]


def assert_as_alone(estimators, rows, y, rtol=2e-3, **params):
    before = {program: program.traces for program in alone_programs()}
    stacked = fit_together([clone(estimator) for estimator in estimators], rows, y, **params)
    assert stack_programs()
    # none was trained alone
    assert all(before.get(program) == program.traces for program in alone_programs())
    for one, estimator in zip(stacked, estimators, strict=True):
        alone = estimator.fit(rows, y, **params)
        assert one.n_iter_ == alone.n_iter_
        assert one.stop_reason_ == alone.stop_reason_
        assert list(one.history_) == list(alone.history_)
        for name, values in alone.history_.items():
            np.testing.assert_allclose(one.history_[name], values, rtol=rtol, atol=1e-5)
        for pair in (
            (one._state.arrays, alone._state.arrays),
            (one._state.training.optimizer, alone._state.training.optimizer),
        ):
            for ours, theirs in zip(*pair, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-5)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "l1": 1e-3, "l2": 1e-3},
        {"optimizer": "adamw", "weight_decay": 0.05, "normalization": "batch", "dropout": 0.2},
        {"optimizer": "rmsprop", "activation": "prelu", "normalization": "layer"},
        {"optimizer": "adagrad", "activation": "rrelu", "input_dropout": 0.1},
        {"activation": "selu", "dropout": 0.1, "clipvalue": 0.05},
        {"clipnorm": 0.1, "ema_decay": 0.8, "learning_rate_schedule": "one_cycle"},
        {"global_clipnorm": 0.1, "learning_rate_schedule": "exponential"},
        {"learning_rate_schedule": lambda epoch: 0.02 / (1 + epoch), "activation": "gelu"},
        {"learning_rate_schedule": "plateau", "n_iter_no_change": 4, "tol": 1.0},
        {"optimizer": keras.optimizers.Adam(0.01, clipnorm=0.1), "metrics": ["r2", "mae"]},
        {"optimizer": keras.optimizers.SGD(0.01, global_clipnorm=0.1)},
    ],
    ids=lambda params: "-".join(params) or "adam",
)
def test_stacked_fits_are_as_fits_alone(params):
    estimator = clone(REGRESSOR).set_params(hidden_layer_sizes=(8, 5), **params)
    numbers = [name for name in ("l1", "dropout", "clipvalue", "clipnorm") if name in params]
    weight = RNG.uniform(0.5, 2, len(X))
    changes = {name: params[name] for name in numbers}
    estimators = several(estimator, **changes)
    assert_as_alone(estimators, X, Y, sample_weight=weight)


SCHEDULES = keras.optimizers.schedules


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer": keras.optimizers.SGD(SCHEDULES.CosineDecay(0.01, 20, warmup_steps=3))},
        {"learning_rate_schedule": SCHEDULES.PiecewiseConstantDecay([9], [1e-2, 1e-3])},
    ],
    ids=["of the optimizer", "of the estimator"],
)
def test_schedules_of_keras_in_stacks(params):
    scheduled = clone(REGRESSOR).set_params(learning_rate=1e-3, **params)
    seeds = range(SIZES[0])
    assert_as_alone([clone(scheduled).set_params(random_state=seed) for seed in seeds], X, Y)


@pytest.mark.parametrize("optimizer", ["adadelta", "adamax", "lion"])
def test_other_optimizers_in_stacks(optimizer):
    assert_as_alone(several(clone(REGRESSOR).set_params(optimizer=optimizer, epochs=3)), X, Y)


def test_classifiers_that_stop_early_at_different_epochs():
    estimator = clone(CLASSIFIER).set_params(
        early_stopping=True, n_iter_no_change=2, epochs=40, tol=0.01
    )
    estimators = several(estimator)
    assert_as_alone(estimators, X, LABELS)
    assert len({estimator.n_iter_ for estimator in estimators}) > 1


def test_wide_and_deep_in_stacks():
    params = {"wide_features": [0, 1], "aux_loss_weight": 0.2, "wide_crosses": [(0, 1)]}
    regressor = WideDeepRegressor((8,), **SMALL, **params, wide_l1=1e-3, wide_l2=1e-3)
    assert_as_alone(
        several(regressor, aux_loss_weight=0.2, wide_l1=1e-3), X, Y, X_val=X, y_val=Y
    )
    assert_as_alone(several(WideDeepClassifier((8,), **SMALL, **params)), X, LABELS)


def test_several_labels_and_outputs():
    assert_as_alone(several(REGRESSOR), X, np.column_stack([Y, -Y]))
    labels = np.column_stack([Y > 0, X[:, 2] > 0]).astype(int)
    assert_as_alone(several(CLASSIFIER), X, labels)


def test_warm_starts_go_on_in_a_stack():
    estimators = several(clone(REGRESSOR).set_params(warm_start=True))
    fit_together(estimators, X, Y)
    again = fit_together(estimators, X, Y)
    alone = several(clone(REGRESSOR).set_params(epochs=12))
    for ours, theirs in zip(again, alone, strict=True):
        np.testing.assert_allclose(ours.loss_curve_, theirs.fit(X, Y).loss_curve_, rtol=1e-3)


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": (300, 300)},
        {"optimizer": "nadam"},
        {"optimizer": keras.optimizers.Adam(0.01, use_ema=True)},
        {"activation": keras.layers.ELU(0.5)},
        {"callbacks": keras.callbacks.TerminateOnNaN()},
    ],
    ids=["large", "nadam", "own averages", "layer", "callbacks"],
)
def test_what_cannot_be_stacked_is_trained_alone(params):
    estimator = clone(REGRESSOR).set_params(**{"epochs": 2, **params})
    estimators = [clone(estimator).set_params(random_state=i) for i in range(SIZES[0])]
    STORE.clear()
    stacked = fit_together([clone(one) for one in estimators], X, Y)
    assert not stack_programs()
    for ours, theirs in zip(stacked, estimators, strict=True):
        np.testing.assert_array_equal(ours.predict(X), theirs.fit(X, Y).predict(X))


class Rows(NamedTuple):
    """As much of a fit as is looked at to split a group."""

    rows: int


@pytest.mark.parametrize(
    ("n_fits", "n_workers", "n_sets", "sizes", "room"),
    [
        (5, 1, 1, [1] * 5, 1),  # too few to be worth their own program
        (7, 1, 7, [7], 8),
        (30, 1, 3, [30], 32),
        (90, 1, 3, [90], 32),  # in three turns
        (90, 1, 90, [30, 30, 30], 32),  # rows of all have no room
        (90, 2, 3, [45, 45], 24),
        (90, 2, 45, [23, 23, 23, 21], 24),  # enough stacks to keep both busy
        (10, 2, 3, [10], 12),
    ],
)
def test_fits_are_split_into_few_stacks_of_few_sizes(n_fits, n_workers, n_sets, sizes, room):
    stacks = split([Rows(i % n_sets) for i in range(n_fits)], n_workers)
    assert [len(stack.fits) for stack in stacks] == sizes
    assert {stack.n_members for stack in stacks} == {room}


@pytest.mark.parametrize(
    ("seconds", "share", "n_parts"),
    [
        (10.0, 5.0, 2),
        (10.0, 10.0, 1),  # others keep the other thread busy
        (100.0, 30.0, 4),
        (4.0, 2.0, 1),  # half of the training would not repay compiling once more
        (0.0, 0.0, 1),
    ],
)
def test_fits_of_one_program_are_divided_where_threads_would_wait(seconds, share, n_parts):
    assert parts_of(seconds, share) == n_parts


def test_stacks_are_trained_in_all_threads_of_tensorflow(monkeypatch, sizes_of_stacks):
    monkeypatch.setattr("skmlp._training.durations.COMPILING", (0.0, 0.0))
    grid = {"l2": np.geomspace(1e-5, 1e-2, 4)}
    for n, sizes in [(1, [12]), (2, [6, 6])]:
        monkeypatch.setattr(stack_trainer, "n_threads", lambda _, n=n: n)
        sizes_of_stacks.clear()
        GridSearchCV(REGRESSOR, grid, cv=3, refit=False).fit(X, Y)
        assert sizes_of_stacks == sizes


def test_results_and_programs_do_not_depend_on_the_number_of_threads(monkeypatch):
    """Also with an initializer that is an object, which all fits of the search copy."""
    initializer = keras.initializers.RandomNormal(seed=3)
    estimator = clone(REGRESSOR).set_params(
        hidden_layer_sizes=(4,), kernel_initializer=initializer, early_stopping=True
    )
    grid = {"activation": ["relu", "tanh", "elu"]}
    theirs = model_selection.GridSearchCV(estimator, grid, cv=2, refit=False).fit(X, Y)
    for n in (1, 2):
        STORE.clear()
        monkeypatch.setattr(stack_trainer, "n_threads", lambda _, n=n: n)
        ours = GridSearchCV(estimator, grid, cv=2, refit=False).fit(X, Y)
        # an epoch, and measuring
        assert [program.traces for program in STORE.idle()] == [2] * 3
        np.testing.assert_array_equal(
            ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
        )


def test_the_longest_fits_are_trained_first(monkeypatch):
    begun = []

    def noted(stack, should_continue):
        begun.append(stack.fits[0].epochs)
        return train_stack(stack, should_continue)

    monkeypatch.setattr(stack_trainer, "train_stack", noted)
    monkeypatch.setattr(stack_trainer, "n_threads", lambda _: 1)
    grid = [{"epochs": [1]}, {"epochs": [5], "batch_size": [50]}]
    GridSearchCV(REGRESSOR, grid, cv=2, refit=False).fit(X, Y)
    assert begun == [5, 5, 1, 1]


def test_memory_of_a_stack_is_bounded(monkeypatch):
    """Validation rows are measured in chunks: here of 16 rows of each of 6 networks."""
    chunks = []
    measure = Program.measure

    def noted(program, chunk, *others):
        chunks.append(chunk[0].shape[1])
        return measure(program, chunk, *others)

    estimators = several(clone(REGRESSOR).set_params(epochs=2))
    whole = fit_together([clone(one) for one in estimators], X, Y, X_val=X[:47], y_val=Y[:47])
    monkeypatch.setattr("skmlp._engine.validation.MAX_ROWS_OF_ALL", 16 * SIZES[0])
    monkeypatch.setattr(Program, "measure", noted)
    parts = fit_together([clone(one) for one in estimators], X, Y, X_val=X[:47], y_val=Y[:47])
    assert chunks == [16] * 6  # three chunks, twice
    for ours, theirs in zip(parts, whole, strict=True):
        np.testing.assert_allclose(
            ours.history_["val_loss"], theirs.history_["val_loss"], rtol=1e-5
        )


# Searches


@pytest.fixture
def sizes_of_stacks(monkeypatch):
    """Number of networks in each stack, without the copies that fill it up."""
    sizes = []

    def counted(program, fits, *others):
        if program.n_members > 1:
            sizes.append(len(fits))
        return train(program, fits, *others)

    monkeypatch.setattr("skmlp._training.stacks.train", counted)
    return sizes


def assert_same_search(ours, theirs, rows, y, **params):
    """Scores, best candidate and refitted weights equal those of scikit-learn's search."""
    ours.fit(rows, y, **params)
    theirs.fit(rows, y, **params)
    assert list(ours.cv_results_) == list(theirs.cv_results_)
    for name, values in theirs.cv_results_.items():
        if name.startswith("param"):
            assert list(ours.cv_results_[name]) == list(values)
        elif "score" in name and "time" not in name and "rank" not in name:
            np.testing.assert_allclose(ours.cv_results_[name], values, atol=1e-4)
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))


SPACE = {"learning_rate": loguniform(1e-3, 3e-2), "l2": loguniform(1e-5, 1e-2)}
CASES = {
    "regressor": (REGRESSOR, Y, {}, {}),
    "unequal folds": (REGRESSOR, Y, {"cv": KFold(4), "n_iter": 3}, {}),
    "stratified folds": (CLASSIFIER, LABELS, {}, {}),
    "group folds": (REGRESSOR, Y, {"cv": GroupKFold(3)}, {"groups": np.arange(110) % 7}),
    "weights": (REGRESSOR, Y, {}, {"sample_weight": RNG.uniform(0.5, 2, 110)}),
    "several metrics": (
        CLASSIFIER,
        LABELS,
        {"scoring": ["accuracy", "neg_log_loss"], "refit": "accuracy"},
        {},
    ),
    "train scores": (REGRESSOR, Y, {"return_train_score": True}, {}),
    "early stopping": (
        clone(REGRESSOR).set_params(early_stopping=True, n_iter_no_change=2, epochs=30),
        Y,
        {},
        {},
    ),
    "validation data": (REGRESSOR, Y, {}, {"validation_data": (X[:30], Y[:30]), "epochs": 4}),
    "two threads": (REGRESSOR, Y, {"n_jobs": 2}, {}),
}


@pytest.mark.parametrize("case", list(CASES))
def test_searches_are_as_scikit_learn_s(case, sizes_of_stacks):
    estimator, y, settings, params = CASES[case]
    settings = {"n_iter": 4, "cv": 3, "random_state": 0, **settings}
    ours = RandomizedSearchCV(estimator, SPACE, **settings)
    theirs = model_selection.RandomizedSearchCV(
        estimator, SPACE, **{**settings, "n_jobs": None}
    )
    assert_same_search(ours, theirs, X, y, **params)
    assert sizes_of_stacks


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ensembles_are_as_in_scikit_learn_s_search_and_share_programs(n_jobs, capsys):
    estimator = TabularRegressor(
        2, hidden_layer_sizes=(16,), epochs=4, batch_size=64, random_state=0
    )
    pipeline = make_pipeline(StandardScaler(), estimator)
    grid = {"tabularregressor__learning_rate": [0.1, 0.2]}
    STORE.clear()
    ours = GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs, refit=False, verbose=1)
    theirs = model_selection.GridSearchCV(pipeline, grid, cv=3, refit=False)
    ours.fit(X, Y)
    assert "one by one: each TabularRegressor is a stack already." in capsys.readouterr().out
    assert len(STORE.idle()) <= (n_jobs or 1)
    traces = [program.traces for program in STORE.idle()]
    theirs.fit(X, Y)
    assert [program.traces for program in STORE.idle()] == traces
    for fold in range(3):
        score = f"split{fold}_test_score"
        np.testing.assert_array_equal(ours.cv_results_[score], theirs.cv_results_[score])


def test_transformers_are_fitted_for_each_fold_and_candidate(sizes_of_stacks):
    frame = pd.DataFrame(X * [1, 10, 100, 1000], columns=list("abcd"))
    columns = make_column_transformer((StandardScaler(), ["a", "b"]), (MinMaxScaler(), ["c"]))
    pipeline = make_pipeline(columns, StandardScaler(), REGRESSOR)
    grid = {
        "mlpregressor__learning_rate": [0.003, 0.01],
        "standardscaler__with_std": [True, False],
    }
    ours, theirs = GridSearchCV(pipeline, grid, cv=3), model_selection.GridSearchCV
    assert_same_search(ours, theirs(pipeline, grid, cv=3), frame, Y)
    assert sizes_of_stacks == [12]


def test_a_fixed_architecture_is_traced_once(sine):
    """Ten learning rates in three folds, then the refit on all rows."""
    rows, y = sine
    for search in (RandomizedSearchCV, model_selection.RandomizedSearchCV):
        STORE.clear()
        space = {"learning_rate": loguniform(3e-4, 3e-2)}
        search(REGRESSOR, space, n_iter=10, cv=3, random_state=0).fit(rows, y)
        assert all(program.traces == 1 for program in STORE.idle())
        assert len(alone_programs()) == 1
        assert len(stack_programs()) == (search is RandomizedSearchCV)


def test_a_candidate_that_fails_fails_alone():
    grid = {"learning_rate": [0.003, 0.01], "n_hidden": [1, 2], "dropout": [0.1, (0.1, 0.1)]}
    ours = GridSearchCV(REGRESSOR, grid, cv=3, error_score=-9.0)
    theirs = model_selection.GridSearchCV(REGRESSOR, grid, cv=3, error_score=-9.0)
    with pytest.warns(FitFailedWarning):
        assert_same_search(ours, theirs, X, Y)
    assert (ours.cv_results_["mean_test_score"] == -9.0).sum() == 2


def test_a_search_that_breaks_off_leaves_no_fit_behind(monkeypatch):
    gatherings = []
    close = Gathering.close
    monkeypatch.setattr(Gathering, "close", lambda self: gatherings.append(self) or close(self))
    grid = {"n_hidden": [1, 2], "dropout": [0.1, (0.1, 0.1)]}
    with pytest.raises(ValueError, match="'dropout' must be one value"):
        GridSearchCV(REGRESSOR, grid, cv=3, error_score="raise").fit(X, Y)
    assert gatherings[0]._meeting._n_present == 0
    with pytest.raises(SearchEndedError):
        gatherings[0].attending(SearchCall(Task(0, 0), 1, 1, {}), list)()


def test_a_fit_that_never_begins_keeps_no_other_from_ending():
    gathering = Gathering(width=2, n_workers=1)
    calls = [SearchCall(Task(0, fold), 1, 2, {}) for fold in range(2)]
    _, second = [gathering.attending(call, list) for call in calls]
    gathering.close()
    with pytest.raises(SearchEndedError):
        second()


def test_an_interrupted_search_leaves_no_fit_behind(request):
    # Jobs in the background of a shell ignore this signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))

    interrupted = threading.Event()

    def interrupting(epoch):
        if epoch == 1 and not interrupted.is_set():
            interrupted.set()
            signal.raise_signal(signal.SIGINT)
        return 0.01

    grid = {"learning_rate_schedule": [interrupting], "n_hidden": [1, 2]}
    n_threads = threading.active_count()
    search = GridSearchCV(clone(REGRESSOR).set_params(epochs=10**6), grid, cv=3)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, Y)
    end = time.monotonic() + 30
    while threading.active_count() > n_threads and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= n_threads


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_candidate_that_diverges_spoils_no_other():
    grid = {"learning_rate": [0.01, 1e12], "optimizer": ["sgd"]}
    ours = GridSearchCV(REGRESSOR, grid, cv=3)
    assert_same_search(ours, model_selection.GridSearchCV(REGRESSOR, grid, cv=3), X, Y)
    assert ours.best_params_["learning_rate"] == 0.01


def test_what_is_not_stacked_is_said_once(capsys):
    GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=2, verbose=1).fit(X, Y)
    printed = capsys.readouterr().out
    assert printed.count("trains its fits one by one: Ridge is not an estimator of skmlp") == 1
    watched = clone(REGRESSOR).set_params(callbacks=[keras.callbacks.TerminateOnNaN()])
    GridSearchCV(watched, {"epochs": [1]}, cv=2, verbose=1).fit(X, Y)
    assert "callbacks watch one network" in capsys.readouterr().out
    GridSearchCV(REGRESSOR, {"epochs": [1]}, cv=2, pre_dispatch=1, verbose=1).fit(X, Y)
    assert "pre_dispatch=1 keeps them from meeting" in capsys.readouterr().out
    GridSearchCV(REGRESSOR, {"epochs": [1]}, cv=2).fit(X, Y)
    assert capsys.readouterr().out == ""


def test_memory_bounds_the_fits_under_way():
    assert n_under_way(np.zeros((100, 3))) == MAX_WIDTH
    assert n_under_way(np.broadcast_to(0.0, (200_000, 100))) == 6
    assert n_under_way(np.broadcast_to(0.0, (20_000, 100_000))) == 2
    assert n_under_way(sparse.eye(20_000, 10_000)) == MAX_WIDTH
    assert n_under_way(["some", "texts"]) == MAX_WIDTH


RATES = {"learning_rate": [0.01, 0.02, 0.03]}
ALL = "GridSearchCV trained 6 of 6 fits one by one: "
WATCHED = "GridSearchCV trains its fits one by one: callbacks watch one network."


@pytest.mark.parametrize(
    ("params", "grid", "said"),
    [
        ({}, RATES, None),
        ({"callbacks": []}, RATES, None),
        ({"metrics": "r2"}, RATES, None),
        ({"verbose": 1}, RATES, None),
        ({"optimizer": "nadam"}, RATES, ALL + "stacks have no Nadam."),
        ({}, {"learning_rate": [0.01]}, "2 of 2 fits one by one: fewer than 6 have one shape."),
        (
            {},
            {**RATES, "optimizer": ["adam", "nadam"]},
            "GridSearchCV trained 6 of 12 fits one by one: stacks have no Nadam.",
        ),
        (
            {},
            [RATES, {"callbacks": [keras.callbacks.TerminateOnNaN()]}, {"n_hidden": [2]}],
            "GridSearchCV trained 4 of 10 fits one by one: callbacks watch one network; "
            "fewer than 6 have one shape.",
        ),
    ],
)
def test_fits_that_are_trained_one_by_one_are_counted_in_a_line(params, grid, said, capsys):
    estimator = clone(REGRESSOR).set_params(epochs=1, **params)
    GridSearchCV(estimator, grid, cv=2, refit=False, verbose=1).fit(X, Y)
    printed = capsys.readouterr().out
    assert printed.count("one by one") == (said is not None)
    assert said is None or said in printed


def test_a_line_for_a_wide_optimizer(capsys):
    params = {"epochs": 1, "wide_features": [0], "wide_optimizer": "nadam"}
    wide = WideDeepRegressor((8,), **{**SMALL, **params})
    GridSearchCV(wide, RATES, cv=2, refit=False, verbose=1).fit(X, Y)
    assert ALL + "stacks have no Nadam." in capsys.readouterr().out


@pytest.mark.parametrize(
    "wide_optimizer",
    ["ftrl", keras.optimizers.SGD(0.003, momentum=0.5)],
    ids=["name", "object"],
)
def test_wide_optimizers_in_stacks(wide_optimizer):
    params = {**SMALL, "optimizer": "adam", "wide_optimizer": wide_optimizer, "clipnorm": 0.2}
    regressor = WideDeepRegressor((8,), wide_features=[0, 1], wide_l1=1e-3, **params)
    assert_as_alone(several(regressor, wide_l1=1e-3), X, Y)


def test_averages_are_measured_in_stacks():
    averaged = clone(REGRESSOR).set_params(ema_decay=0.9, metrics="r2", scoring="r2")
    assert_as_alone(several(averaged), X, Y, X_val=X[:40], y_val=Y[:40])


def test_members_of_a_stack_keep_checkpoints_and_resume(tmp_path, monkeypatch):
    """Each fit has its own directory; killed in the middle, all end with the same bits."""

    class KilledError(Exception):
        pass

    def killing(seed, epoch, n_rows, *, shuffle):
        if epoch == 5:
            raise KilledError
        return drawn_order(seed, epoch, n_rows, shuffle=shuffle)

    estimators = several(clone(REGRESSOR).set_params(epochs=8, dropout=0.1))
    whole = fit_together([clone(estimator) for estimator in estimators], X, Y)
    saving = [
        clone(estimator).set_params(checkpoint_dir=tmp_path / str(i))
        for i, estimator in enumerate(estimators)
    ]
    with monkeypatch.context() as patched:
        patched.setattr("skmlp._engine.fit.drawn_order", killing)
        with pytest.raises(KilledError):
            fit_together([clone(one) for one in saving], X, Y)
    assert {len(clone(one).load_checkpoint().loss_curve_) for one in saving} == {5}
    resumed = fit_together([clone(one) for one in saving], X, Y)
    for ours, theirs, one in zip(resumed, whole, saving, strict=True):
        assert ours.history_ == theirs.history_
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        np.testing.assert_array_equal(
            clone(one).load_checkpoint().predict(X), theirs.predict(X)
        )


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_calls_that_are_not_understood_are_trained_alone(n_jobs, monkeypatch):
    """A search trains at most as many of them at the same time as it has workers."""
    under_way, most, lock = 0, 0, threading.Lock()

    def counted(job, fit):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)
        try:
            return train_alone(job, fit)
        finally:
            with lock:
                under_way -= 1

    monkeypatch.setattr("skmlp._search.gathering.train_alone", counted)
    monkeypatch.setattr("skmlp._search.backends.search_call", lambda call, search: None)
    estimator = clone(REGRESSOR).set_params(epochs=1)
    ours = GridSearchCV(estimator, RATES, cv=2, n_jobs=n_jobs)
    assert_same_search(ours, model_selection.GridSearchCV(estimator, RATES, cv=2), X, Y)
    assert most == min(n_jobs or 1, cpu_count())


class TunesItself(TransformerMixin, BaseEstimator):
    """A transformer that runs its own search."""

    def fit(self, X, y=None):
        model_selection.GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}, cv=2).fit(X, y)
        self.is_fitted_ = True
        return self

    def transform(self, X):
        return X


def test_a_search_inside_the_pipeline_is_none_of_ours(capfd):
    pipeline = make_pipeline(TunesItself(), clone(REGRESSOR).set_params(epochs=1))
    grid = {"mlpregressor__learning_rate": RATES["learning_rate"]}
    ours = GridSearchCV(pipeline, grid, cv=2, verbose=1)
    assert_same_search(ours, model_selection.GridSearchCV(pipeline, grid, cv=2), X, Y)
    out, err = capfd.readouterr()
    assert "one by one" not in out
    if find_spec("sklearn.callback"):  # scikit-learn < 1.9 does not name a call's search
        assert "6/6 fits" in err.strip().splitlines()[-1].split("\r")[-1]


PIPELINE = make_pipeline(StandardScaler(), REGRESSOR)
WATCHING = keras.callbacks.TerminateOnNaN()


@pytest.mark.parametrize(
    ("estimator", "name", "callbacks", "said"),
    [
        (REGRESSOR, "callbacks", [WATCHING], WATCHED),
        (REGRESSOR, "callbacks", WATCHING, WATCHED),
        (REGRESSOR, "callbacks", [], None),
        (REGRESSOR, "callbacks", None, None),
        (clone(REGRESSOR).set_params(callbacks=[WATCHING]), "callbacks", None, WATCHED),
        (clone(REGRESSOR).set_params(callbacks=[WATCHING]), "callbacks", [], None),
        (PIPELINE, "mlpregressor__callbacks", [WATCHING], WATCHED),
        (PIPELINE, "mlpregressor__callbacks", [], None),
        (
            TransformedTargetRegressor(make_pipeline(PIPELINE)),
            "pipeline__mlpregressor__callbacks",
            [WATCHING],
            WATCHED,
        ),
    ],
)
def test_callbacks_given_to_fit_are_told_of(estimator, name, callbacks, said, capsys):
    (rate,) = (p for p in estimator.get_params() if p.endswith("learning_rate"))
    grid = {rate: RATES["learning_rate"]}
    search = GridSearchCV(estimator, grid, cv=2, refit=False, verbose=1)
    search.fit(X, Y, **{name: callbacks})
    printed = capsys.readouterr().out
    assert printed.count("one by one") == (said is not None)
    assert said is None or said in printed


def in_target(regressor):
    return TransformedTargetRegressor(regressor, transformer=StandardScaler())


@pytest.mark.parametrize(
    ("estimator", "prefix"),
    [
        (in_target(REGRESSOR), "regressor__"),
        (
            make_pipeline(StandardScaler(), in_target(REGRESSOR)),
            "transformedtargetregressor__regressor__",
        ),
        (in_target(PIPELINE), "regressor__mlpregressor__"),
        (
            make_pipeline(StandardScaler(), in_target(in_target(PIPELINE))),
            "transformedtargetregressor__regressor__regressor__mlpregressor__",
        ),
    ],
    ids=["alone", "in a pipeline", "around a pipeline", "nested"],
)
def test_transformed_targets_are_stacked(estimator, prefix, sizes_of_stacks):
    grid = {f"{prefix}learning_rate": [0.003, 0.01], f"{prefix}l2": [0.01, 0.1]}
    ours = GridSearchCV(estimator, grid, cv=3)
    theirs = model_selection.GridSearchCV(estimator, grid, cv=3)
    assert_same_search(ours, theirs, X, 1000 + 100 * Y)
    assert sizes_of_stacks == [12]


class Once:
    """Folds that can be iterated once."""

    def __init__(self, folds):
        self.folds = iter(folds)

    def __iter__(self):
        yield from self.folds


class SplitsOnce(Once):
    """Folds that can be counted once and split once."""

    def get_n_splits(self, X=None, y=None, groups=None):
        self.folds = list(self.folds)
        return len(self.folds)

    def split(self, X=None, y=None, groups=None):
        folds, self.folds = self.folds, []
        return folds


class SplitsInThreads(KFold):
    """Folds that are drawn in joblib's threads."""

    def split(self, X, y=None, groups=None):
        draw = delayed(lambda fold: fold)
        return Parallel(n_jobs=2)(draw(fold) for fold in super().split(X, y, groups))


@pytest.mark.parametrize("make", [iter, Once, SplitsOnce, lambda folds: SplitsInThreads(3)])
def test_folds_that_can_be_read_once_are_read_once(make, sizes_of_stacks):
    folds = list(KFold(3).split(X))
    ours = GridSearchCV(REGRESSOR, RATES, cv=make(folds))
    theirs = model_selection.GridSearchCV(REGRESSOR, RATES, cv=make(folds))
    cv = ours.cv
    assert_same_search(ours, theirs, X, Y)
    assert sizes_of_stacks == [9]
    assert ours.n_splits_ == 3
    assert ours.cv is cv


@pytest.mark.parametrize("pre_dispatch", ["all", "n_jobs", "0.2*n_jobs", 7, 1])
def test_no_way_of_dispatching_hangs(pre_dispatch):
    grid = {"learning_rate": [0.01, 0.02, 0.03, 0.04]}
    search = GridSearchCV(REGRESSOR, grid, cv=3, pre_dispatch=pre_dispatch).fit(X, Y)
    assert np.isfinite(search.best_score_)


def test_searches_can_be_cloned_and_nested():
    search = GridSearchCV(REGRESSOR, {"l2": [0.0, 0.1]}, cv=3)
    scores = model_selection.cross_val_score(clone(search), X, Y, cv=2)
    assert np.isfinite(scores).all()


class Meeting(KFold):
    """Splits once all the threads that the barrier expects are waiting to split."""

    barrier = threading.Barrier(2, timeout=60)

    def split(self, X, y=None, groups=None):
        self.barrier.wait()
        return super().split(X, y, groups)


@pytest.mark.parametrize("refit", [False, True])
def test_one_search_fitted_in_two_threads(refit):
    search = GridSearchCV(REGRESSOR, RATES, cv=Meeting(3), refit=refit)
    expected = clone(search).set_params(cv=3).fit(X, Y)
    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(search.fit, X, Y) for _ in range(2)]
        assert all(fit.result() is search for fit in fits)
    for name, values in expected.cv_results_.items():
        if "score" in name and "time" not in name:
            np.testing.assert_array_equal(search.cv_results_[name], values)
    assert search.best_params_ == expected.best_params_
    assert not refit or (search.predict(X) == expected.predict(X)).all()


def test_a_search_holds_nothing_of_a_fit_while_it_runs():
    seen = []

    class Watching(KFold):
        def split(self, X, y=None, groups=None):
            seen.append(dict(vars(search)))
            return super().split(X, y, groups)

    search = GridSearchCV(REGRESSOR, RATES, cv=Watching(3))
    before = dict(vars(search))
    search.fit(X, Y)
    assert seen == [before]
    assert "_gathering" not in vars(search)
