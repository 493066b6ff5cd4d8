"""scikit-learn's searches, with the networks of one shape trained together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from joblib import effective_n_jobs, parallel_config
from joblib.parallel import ThreadingBackend
from sklearn import model_selection
from sklearn.pipeline import Pipeline

from skmlp._base import BaseMLP

__all__ = ["GridSearchCV", "RandomizedSearchCV"]

MAX_WIDTH = 96  # fits that are under way at once
MAX_BYTES = 2**30  # of their rows


class _StackingBackend(ThreadingBackend):
    """A thread for every fit that is under way, whatever `n_jobs` is: most of them wait."""

    def __init__(self, gathering: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._gathering = gathering

    def effective_n_jobs(self, n_jobs: int) -> int:
        return self._gathering.width

    def submit(self, func: Callable[[], Any], callback: Any = None) -> Any:
        return super().submit(lambda: self._gathering.run(func), callback)


class _StackedSearch:
    """What makes a search of scikit-learn train its fits as stacks."""

    estimator: Any
    n_jobs: int | None
    n_splits_: int
    pre_dispatch: int | str
    verbose: int
    _gathering: Any = None

    def fit(self, X: Any, y: Any = None, **params: Any) -> _StackedSearch:
        """Run the search.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **params : dict
            For `fit` of the estimator, for the splitter and the scorer, as in scikit-learn.

        Returns
        -------
        self : object
            The fitted search.
        """
        reason = self._reason_to_train_alone()
        if reason is not None:
            if self.verbose:
                print(f"{type(self).__name__} trains its fits one by one: {reason}.")
            return super().fit(X, y, **params)  # type: ignore[misc]
        from skmlp._stacking import Gathering  # imports TensorFlow

        width = _width(X)
        if isinstance(self.pre_dispatch, int):
            width = min(width, self.pre_dispatch)
        self._gathering = Gathering(width, effective_n_jobs(self.n_jobs))
        try:
            with parallel_config(backend=_StackingBackend(self._gathering)):
                return super().fit(X, y, **params)  # type: ignore[misc]
        finally:
            self._gathering.close()
            del self._gathering

    def _run_search(self, evaluate_candidates: Callable, callback_ctx: Any = None) -> None:
        def evaluate(candidates: Iterable[dict], *args: Any, **kwargs: Any) -> dict:
            candidates = list(candidates)
            if self._gathering is not None:
                self._gathering.expect(len(candidates) * self.n_splits_)
            return evaluate_candidates(candidates, *args, **kwargs)

        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        super()._run_search(evaluate, **context)  # type: ignore[misc]

    def _reason_to_train_alone(self) -> str | None:
        last = self.estimator
        while isinstance(last, Pipeline):
            last = last.steps[-1][1]
        if not isinstance(last, BaseMLP):
            return f"{type(last).__name__} is not an estimator of skmlp"
        if last.callbacks:
            return "callbacks watch one network"
        # Fits that wait for others need to know that these will come.
        if self.pre_dispatch not in ("all", "n_jobs", "2*n_jobs") and not (
            isinstance(self.pre_dispatch, int) and self.pre_dispatch > 1
        ):
            return f"pre_dispatch={self.pre_dispatch!r} keeps them from meeting"
        return None


def _width(X: Any) -> int:
    """How many fits may be under way at once: each holds its rows."""
    n_bytes = 8 * int(np.prod(np.shape(X), dtype=np.int64))
    return min(max(MAX_BYTES // max(n_bytes, 1), 2), MAX_WIDTH)


class GridSearchCV(_StackedSearch, model_selection.GridSearchCV):
    """`sklearn.model_selection.GridSearchCV` that trains networks of one shape together.

    Parameters, attributes, splits, seeds, scores and errors are scikit-learn's. Folds and
    candidates of one network shape (they may differ in learning rate, penalties, dropout rates
    and all else that shapes no array) are trained as one stack, in one compiled program.
    Whatever stands in front of the estimator in a `Pipeline` is fitted as by scikit-learn.

    Other estimators, and networks that are watched by callbacks, are searched as by
    scikit-learn; a line at `verbose` >= 1 says so. Fits of fewer than 6 networks of a shape, of
    large networks (above 50,000 weights), and of settings that a stack does not have (see
    the page on searches) are trained one by one.

    Parameters
    ----------
    estimator : estimator
        One of skmlp, or a pipeline that ends with one.
    param_grid : dict or list of dict
        As in scikit-learn.
    n_jobs : int, default=None
        Stacks that are trained at the same time, in threads.
    **others
        As in scikit-learn.

    See Also
    --------
    RandomizedSearchCV : The same for candidates drawn at random.

    Notes
    -----
    Scores agree with those of scikit-learn's search up to the rounding of float32, which
    training may amplify. A fit's time in `cv_results_` includes waiting for the others.

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
    """`sklearn.model_selection.RandomizedSearchCV` that trains networks of one shape together.

    As `GridSearchCV` of this module, with candidates drawn at random.

    Parameters
    ----------
    estimator : estimator
        One of skmlp, or a pipeline that ends with one.
    param_distributions : dict or list of dict
        As in scikit-learn.
    n_jobs : int, default=None
        Stacks that are trained at the same time, in threads.
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
