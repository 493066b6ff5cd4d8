"""The part that all searches share: their fits meet, to be trained together."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import effective_n_jobs, parallel_config
from joblib.parallel import (
    LokyBackend,
    MultiprocessingBackend,
    SequentialBackend,
    ThreadingBackend,
    get_active_backend,
)
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.model_selection import check_cv
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline

from skmlp._data.sparse_rows import is_full
from skmlp._estimators.base import BaseNetwork
from skmlp._estimators.tabular.base import BaseTabular
from skmlp._keras.text import results_to_show
from skmlp._search.backends import StackingBackend, n_workers
from skmlp._search.bar import SearchBar
from skmlp._sklearn import BaseSuccessiveHalving

if TYPE_CHECKING:
    from skmlp._search.gathering import Gathering

MAX_WIDTH = 128  # fits under way at the same time
MAX_BYTES = 2**30  # of rows that these fits hold
# They fit several networks: the first ones of all fits meet, then the second ones, and so on.
FITTING_SEVERAL = (
    BaggingClassifier,
    BaggingRegressor,
    CalibratedClassifierCV,
    MultiOutputClassifier,
    MultiOutputRegressor,
    OneVsOneClassifier,
    OneVsRestClassifier,
)
LOCAL_BACKENDS = (LokyBackend, MultiprocessingBackend, SequentialBackend, ThreadingBackend)


class StackedSearch:
    """A search of scikit-learn that trains its fits as stacks."""

    estimator: Any
    n_jobs: int | None
    cv: Any
    pre_dispatch: int | str
    refit: Any
    resource: str  # of halving searches
    verbose: int
    cv_results_: dict[str, Any]

    def fit(self, X: Any, y: Any = None, **params: Any) -> StackedSearch:
        """Run the search.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **params : dict
            Passed to the estimator's `fit`, the splitter and the scorer, as in scikit-learn.

        Returns
        -------
        self : object
            The fitted search.
        """
        search = copy(self)  # so that one search can be fitted in several threads at once
        reason = search._reason_to_train_alone(params)
        if reason is None:
            search._fit_together(X, y, params)
        else:
            self._tell(f"trains its fits one by one: {reason}")
            with search._threads_of_ensembles():
                super(StackedSearch, search).fit(X, y, **params)  # type: ignore[misc]
        parameters = self.get_params(deep=False)  # type: ignore[attr-defined]
        learned = {k: v for k, v in vars(search).items() if k not in parameters}
        vars(self).update(learned)
        self.cv_results_ = results_to_show(self.cv_results_)
        return self

    def _fit_together(self, X: Any, y: Any, params: dict[str, Any]) -> None:
        # scikit-learn < 1.9 makes the splitter twice, but some folds can be read only once.
        self.cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        gathering = self._gathering_for(X)
        try:
            with parallel_config(backend=StackingBackend(gathering, self)):
                super().fit(X, y, **params)  # type: ignore[misc]
        finally:
            gathering.close()
            alone, n_fits = gathering.trainer.alone, gathering.trainer.n_trained
            if alone:
                reasons = "; ".join(sorted(alone))  # fits meet in any order
                self._tell(f"trained {alone.total()} of {n_fits} fits one by one: {reasons}")

    def _threads_of_ensembles(self) -> AbstractContextManager:
        """Threads for ensembles, which then share programs; otherwise joblib as it is."""
        backend, _ = get_active_backend()
        last, _ = _last_step(self.estimator)
        if isinstance(last, BaseTabular) and isinstance(backend, LOCAL_BACKENDS):
            return parallel_config(backend="threading", n_jobs=effective_n_jobs(self.n_jobs))
        return nullcontext()

    def _tell(self, what: str) -> None:
        if self.verbose:
            print(f"{type(self).__name__} {what}.")

    def _gathering_for(self, X: Any) -> Gathering:
        from skmlp._search.gathering import Gathering  # imports TensorFlow
        from skmlp._search.halving import PausedFits

        width = n_under_way(X)
        if isinstance(self.pre_dispatch, int):
            width = min(width, self.pre_dispatch)
        backend, _ = get_active_backend()
        # At 2 and above, scikit-learn prints a line for each fit.
        has_bar = self.verbose == 1
        metric = self.refit if isinstance(self.refit, str) else None
        # Other resources change the rows or the rules of a fit, which then begins anew.
        resumes = isinstance(self, BaseSuccessiveHalving) and (
            self.resource.rpartition("__")[2] == "epochs"
        )
        return Gathering(
            width,
            n_workers(self.n_jobs),
            backend=None if isinstance(backend, LOCAL_BACKENDS) else backend,
            paused=PausedFits(self.resource) if resumes else None,
            bar=SearchBar(type(self).__name__, metric) if has_bar else None,
        )

    def _reason_to_train_alone(self, params: dict[str, Any]) -> str | None:
        last, prefix = _last_step(self.estimator)
        if isinstance(last, BaseTabular):
            return f"each {type(last).__name__} is a stack already"
        if not isinstance(last, BaseNetwork):
            return f"{type(last).__name__} is not an estimator of skmlp"
        callbacks = params.get(f"{prefix}callbacks", params.get("callbacks"))
        if callbacks or (callbacks is None and last.callbacks):
            return "callbacks watch one network"
        # Fits that wait for each other must run at the same time.
        if self.pre_dispatch not in ("all", "n_jobs", "2*n_jobs") and not (
            isinstance(self.pre_dispatch, int) and self.pre_dispatch > 1
        ):
            return f"pre_dispatch={self.pre_dispatch!r} keeps them from meeting"
        return None


def _last_step(estimator: Any) -> tuple[Any, str]:
    """The innermost estimator, and the prefix of its `fit` arguments."""
    prefix = ""
    while True:
        if isinstance(estimator, Pipeline):
            name, estimator = estimator.steps[-1]
            prefix += f"{name}__"
        elif isinstance(estimator, TransformedTargetRegressor):
            estimator = estimator.regressor
        elif isinstance(estimator, FITTING_SEVERAL):
            estimator = estimator.estimator
        else:
            return estimator, prefix


def n_under_way(X: Any) -> int:
    """How many fits may be under way at the same time, given the memory of their rows."""
    n_numbers = int(np.prod(np.shape(X), dtype=np.int64))
    if issparse(X) and not is_full(X.nnz, X.shape):
        n_numbers = 2 * X.nnz  # columns and values
    n_bytes = 8 * n_numbers
    return min(max(MAX_BYTES // max(n_bytes, 1), 2), MAX_WIDTH)
