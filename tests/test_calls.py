"""Recognising a search's fits among the calls that scikit-learn passes to joblib."""

import numpy as np
import pytest
from joblib import parallel_config
from joblib.parallel import ThreadingBackend
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skmlp._search.calls import search_call

X = np.random.RandomState(0).normal(size=(40, 3))
Y = X[:, 0]
VALUES = [object(), object()]


class Recording(ThreadingBackend):
    """A joblib backend that records all calls."""

    def __init__(self, search, **kwargs):
        super().__init__(**kwargs)
        self.search = search
        self.read = []

    def effective_n_jobs(self, n_jobs):
        return 2

    def submit(self, func, callback=None):
        self.read.append(search_call(func, self.search))
        return super().submit(func, callback)

    def apply_async(self, func, callback=None):  # joblib < 1.5
        self.read.append(search_call(func, self.search))
        return super().apply_async(func, callback)


class Anything(Ridge):
    """An estimator with a parameter that may be any object."""

    def __init__(self, alpha=1.0, value=None, epochs=1):
        super().__init__(alpha=alpha)
        self.value = value
        self.epochs = epochs


def calls_of(search, run):
    with parallel_config(backend=Recording(search)) as config:
        run()
    return config["backend"].read


def test_a_search_names_candidates_and_folds():
    search = GridSearchCV(Anything(), {"value": VALUES}, cv=3)
    read = calls_of(search, lambda: search.fit(X, Y))
    assert [call.task for call in read] == [(c, f) for c in range(2) for f in range(3)]
    assert {(call.n_candidates, call.n_folds) for call in read} == {(2, 3)}
    for call in read:
        assert call.parameters["value"] is VALUES[call.task.candidate]


def test_a_halving_search_keeps_the_objects_of_its_candidates():
    search = HalvingGridSearchCV(
        Anything(),
        {"value": VALUES},
        cv=3,
        resource="epochs",
        max_resources=2,
        factor=2,
        refit=False,
    )
    read = calls_of(search, lambda: search.fit(X, Y))
    assert [call.n_candidates for call in read] == [2] * 6 + [1] * 3
    assert [call.parameters["epochs"] for call in read] == [1] * 6 + [2] * 3
    assert any(read[-1].parameters["value"] is value for value in VALUES)


@pytest.mark.parametrize(
    "run",
    [
        lambda: cross_validate(Ridge(), X, Y),
        lambda: RandomForestRegressor(4, n_jobs=2).fit(X, Y),
        lambda: make_column_transformer(
            (StandardScaler(), [0]), (MinMaxScaler(), [1]), n_jobs=2
        ).fit(X),
    ],
    ids=["cross_validate", "forest", "columns"],
)
def test_other_calls_are_no_fits_of_a_search(run):
    read = calls_of(None, run)
    assert read
    assert not any(read)


def test_a_refit_makes_no_fits_of_the_search():
    columns = make_column_transformer((StandardScaler(), [0]), (MinMaxScaler(), [1]), n_jobs=2)
    search = GridSearchCV(make_pipeline(columns, Ridge()), {"ridge__alpha": [1, 2]}, cv=2)
    read = calls_of(search, lambda: search.fit(X, Y))
    assert [call is None for call in read] == [False] * 4 + [True] * 2


def test_another_search_is_told_apart_if_scikit_learn_says_whose_a_call_is():
    pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9 does not say")
    search = GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=2)
    assert not any(calls_of("another", lambda: search.fit(X, Y)))


class Batch:
    def __init__(self, *items):
        self.items = items


FIT = {"candidate_progress": (1, 2), "split_progress": (0, 3), "parameters": {}}


@pytest.mark.parametrize(
    "call",
    [
        list,
        Batch(),
        Batch((list, (), FIT), (list, (), FIT)),
        Batch((list, (), {**FIT, "parameters": None})),
        Batch((list, (), {**FIT, "candidate_progress": None})),
        Batch((list, (), {**FIT, "split_progress": 3})),
    ],
)
def test_calls_of_other_forms_are_no_fits_of_a_search(call):
    assert search_call(call, None) is None


def test_a_call_that_names_all_is_a_fit():
    assert search_call(Batch((list, (), FIT)), None).task == (1, 0)
