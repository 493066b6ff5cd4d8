"""scikit-learn's searches, with networks trained together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
from sklearn import model_selection
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.model_selection import check_cv
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import Pipeline

from skmlp._estimators.base import BaseNetwork
from skmlp._estimators.tabular import BaseTabular
from skmlp._keras.text import results_to_show
from skmlp._sklearn import BaseSuccessiveHalving
from skmlp._sklearn import HalvingGridSearchCV as HalvingGridSearch
from skmlp._sklearn import HalvingRandomSearchCV as HalvingRandomSearch
from skmlp._training.backends import SendingBackend, StackingBackend, n_workers
from skmlp._training.watchers import SearchBar

if TYPE_CHECKING:
    from skmlp._training.gathering import Gathering

__all__ = [
    "GridSearchCV",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "RandomizedSearchCV",
    "trained_together",
]

MAX_WIDTH = 128  # fits under way at the same time
WIDTH_OF_SENT = 32  # the same, where their rows are not known before
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


@contextmanager
def trained_together(n_jobs: int | None = None) -> Iterator[None]:
    """Let scikit-learn's `cross_validate` and the like train networks together.

    Inside the block, the fits of `cross_validate`, `cross_val_score`, `cross_val_predict`,
    `learning_curve`, `validation_curve` and all else that fits clones through joblib wait for
    each other, 32 at a time, and networks that can share a stack are trained as one. Results
    are those without it, up to float32 rounding. Six networks and more make a stack, so it
    pays for many folds or candidates. The functions' own `n_jobs` has no effect.

    Parameters
    ----------
    n_jobs : int, default=None
        Number of stacks to train at the same time, in threads.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> from skmlp import MLPRegressor
    >>> from skmlp.model_selection import trained_together
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor((10,), epochs=20, random_state=0)
    >>> with trained_together():
    ...     scores = cross_val_score(regressor, X, y / 100, cv=10)
    >>> len(scores)
    10
    """
    from skmlp._training.gathering import Gathering  # imports TensorFlow

    gathering = Gathering(WIDTH_OF_SENT, n_workers(n_jobs))
    try:
        with parallel_config(backend=SendingBackend(gathering, None)):
            yield
    finally:
        gathering.close()


class _StackedSearch:
    """A search of scikit-learn that trains its fits as stacks."""

    estimator: Any
    n_jobs: int | None
    cv: Any
    pre_dispatch: int | str
    refit: Any
    resource: str  # of halving searches
    verbose: int
    cv_results_: dict[str, Any]

    def fit(self, X: Any, y: Any = None, **params: Any) -> _StackedSearch:
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
                super(_StackedSearch, search).fit(X, y, **params)  # type: ignore[misc]
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
        from skmlp._training.gathering import Gathering  # imports TensorFlow
        from skmlp._training.halving import PausedFits

        width = _width(X)
        if isinstance(self.pre_dispatch, int):
            width = min(width, self.pre_dispatch)
        backend, _ = get_active_backend()
        # At 2 and above, scikit-learn prints a line for each fit.
        has_bar = self.verbose == 1
        metric = self.refit if isinstance(self.refit, str) else None
        is_halving = isinstance(self, BaseSuccessiveHalving)
        return Gathering(
            width,
            n_workers(self.n_jobs),
            backend=None if isinstance(backend, LOCAL_BACKENDS) else backend,
            paused=PausedFits(self.resource) if is_halving else None,
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


def _width(X: Any) -> int:
    """How many fits may be under way at the same time, given the memory of their rows."""
    n_bytes = 8 * int(np.prod(np.shape(X), dtype=np.int64))
    return min(max(MAX_BYTES // max(n_bytes, 1), 2), MAX_WIDTH)


class GridSearchCV(_StackedSearch, model_selection.GridSearchCV):
    """`sklearn.model_selection.GridSearchCV` that trains networks together.

    Parameters, attributes, splits, seeds, scores and errors are scikit-learn's. Candidates and
    folds with one network shape (they may differ in learning rate, penalties, dropout rates and
    anything else that changes no array's shape) are trained as one stack, in one compiled
    program, and so are networks of one depth that differ in width, where that is faster. A
    `Pipeline` or `TransformedTargetRegressor` around the estimator is fitted as in
    scikit-learn.

    With another estimator, or with callbacks, the search is scikit-learn's own, and so it is
    with a tabular estimator, each fit of which is a stack already; a line at `verbose` >= 1
    says so. Fits are trained one by one if fewer than 6 networks can share a program,
    if the network is large (above 50,000 weights), or if stacks do not support its settings
    (see the page on searches); a line at `verbose` >= 1 counts them.

    Parameters
    ----------
    estimator : estimator
        An estimator of skmlp, alone, as the last step of a `Pipeline`, in a
        `TransformedTargetRegressor`, `CalibratedClassifierCV`, `OneVsRestClassifier`,
        `OneVsOneClassifier`, `MultiOutputClassifier`, `MultiOutputRegressor` or bagging
        estimator, or in several of them, nested in any order.
    param_grid : dict or list of dict
        As in scikit-learn.
    n_jobs : int, default=None
        Number of stacks to train at the same time, in threads.
    **others
        As in scikit-learn.

    See Also
    --------
    RandomizedSearchCV : The same for candidates drawn at random.

    Notes
    -----
    Scores agree with those of scikit-learn's search up to float32 rounding, which training may
    amplify. A fit's time in `cv_results_` includes waiting for other fits.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import MLPRegressor
    >>> from skmlp.model_selection import GridSearchCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor((10,), epochs=20, random_state=0)
    >>> search = GridSearchCV(regressor, {"learning_rate": [1e-3, 1e-2, 1e-1]}, cv=3)
    >>> search.fit(X, y / 100).best_params_
    {'learning_rate': 0.1}
    """


class RandomizedSearchCV(_StackedSearch, model_selection.RandomizedSearchCV):
    """`sklearn.model_selection.RandomizedSearchCV` that trains networks together.

    As `GridSearchCV` of this module, with candidates drawn at random.

    Parameters
    ----------
    estimator : estimator
        As in `GridSearchCV` of this module.
    param_distributions : dict or list of dict
        As in scikit-learn.
    n_jobs : int, default=None
        Number of stacks to train at the same time, in threads.
    **others
        As in scikit-learn.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import MLPRegressor
    >>> from skmlp.model_selection import RandomizedSearchCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor((10,), epochs=20, random_state=0)
    >>> space = {"learning_rate": loguniform(3e-4, 3e-2)}
    >>> search = RandomizedSearchCV(regressor, space, n_iter=4, cv=3, random_state=0)
    >>> len(search.fit(X, y / 100).cv_results_["params"])
    4
    """


class HalvingGridSearchCV(_StackedSearch, HalvingGridSearch):
    """`sklearn.model_selection.HalvingGridSearchCV` that resumes surviving networks.

    As `HalvingRandomSearchCV` of this module, with the candidates of a grid.

    Parameters
    ----------
    estimator : estimator
        As in `GridSearchCV` of this module.
    param_grid : dict or list of dict
        As in scikit-learn; without the number of epochs.
    resource : str, default="n_samples"
        As in scikit-learn; set it to the estimator's `epochs` to resume training.
    n_jobs : int, default=None
        Number of stacks to train at the same time, in threads.
    **others
        As in scikit-learn.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import MLPRegressor
    >>> from skmlp.model_selection import HalvingGridSearchCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = MLPRegressor((10,), random_state=0)
    >>> grid = {"learning_rate": [1e-3, 1e-2, 1e-1]}
    >>> search = HalvingGridSearchCV(
    ...     regressor, grid, resource="epochs", max_resources=18, cv=3
    ... )
    >>> search.fit(X, y / 100).best_params_
    {'learning_rate': 0.1, 'epochs': 18}
    """


class HalvingRandomSearchCV(_StackedSearch, HalvingRandomSearch):
    """`sklearn.model_selection.HalvingRandomSearchCV` that resumes surviving networks.

    Successive halving [1]_ trains all candidates for a few epochs, drops the worst, trains the
    rest for more epochs, and so on. scikit-learn restarts training in each round; here, with
    `resource="epochs"` (in a pipeline `"mlpregressor__epochs"`), networks resume training, so a
    large search costs little more than its survivors. Results are those of scikit-learn's
    search, and networks are trained together as in `GridSearchCV` of this module.

    A network restarts if its learning-rate schedule spans the whole fit, since the schedule
    changes with the number of epochs, or if its rows are drawn anew in each round.

    Parameters
    ----------
    estimator : estimator
        As in `GridSearchCV` of this module.
    param_distributions : dict or list of dict
        As in scikit-learn; without the number of epochs.
    n_candidates : int or "exhaust", default="exhaust"
        As in scikit-learn.
    factor : float, default=3
        As in scikit-learn: one candidate in `factor` survives a round, and is trained for
        `factor` times the epochs.
    resource : str, default="n_samples"
        As in scikit-learn; set it to the estimator's `epochs` to resume training.
    max_resources, min_resources : int or str
        As in scikit-learn: maximum and minimum number of epochs of a candidate.
    n_jobs : int, default=None
        Number of stacks to train at the same time, in threads.
    **others
        As in scikit-learn.

    References
    ----------
    .. [1] K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and
       hyperparameter optimization", AISTATS 2016.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import MLPRegressor
    >>> from skmlp.model_selection import HalvingRandomSearchCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> search = HalvingRandomSearchCV(
    ...     MLPRegressor((10,), random_state=0),
    ...     {"learning_rate": loguniform(3e-4, 3e-1)},
    ...     resource="epochs",
    ...     n_candidates=4,
    ...     min_resources=4,
    ...     max_resources=16,
    ...     factor=2,
    ...     cv=3,
    ...     random_state=0,
    ... )
    >>> search.fit(X, y / 100).n_resources_
    [4, 8, 16]
    >>> search.n_candidates_
    [4, 2, 1]
    """
