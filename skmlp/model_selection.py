"""scikit-learn's searches, with networks trained together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from joblib import parallel_config
from sklearn import model_selection

from skmlp._search.backends import SendingBackend, n_workers
from skmlp._search.stacked_search import StackedSearch
from skmlp._sklearn import HalvingGridSearchCV as HalvingGridSearch
from skmlp._sklearn import HalvingRandomSearchCV as HalvingRandomSearch

__all__ = [
    "GridSearchCV",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "RandomizedSearchCV",
    "trained_together",
]

WIDTH_OF_SENT = 32  # fits under way at the same time, whose rows are not known before


@contextmanager
def trained_together(n_jobs: int | None = None) -> Iterator[None]:
    """Let scikit-learn's `cross_validate` and the like train networks together.

    Inside the block, the fits of `cross_validate`, `cross_val_score`, `cross_val_predict`,
    `learning_curve`, `validation_curve` and all else that fits clones through joblib wait for
    each other, 32 at a time, and networks that can share a stack are trained as one. Results
    are the same up to float32 rounding. At least six networks are needed to form a stack, so
    many folds or candidates gain most. The functions' own `n_jobs` has no effect.

    Parameters
    ----------
    n_jobs : int, default=None
        Number of threads that prepare rows and compute scores. Training uses as many threads,
        or on a CPU all of TensorFlow's inter-op threads if these are more.

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
    from skmlp._search.gathering import Gathering  # imports TensorFlow

    gathering = Gathering(WIDTH_OF_SENT, n_workers(n_jobs))
    try:
        with parallel_config(backend=SendingBackend(gathering, None)):
            yield
    finally:
        gathering.close()


class GridSearchCV(StackedSearch, model_selection.GridSearchCV):
    """`sklearn.model_selection.GridSearchCV` that trains networks together.

    Parameters, attributes, splits, seeds, scores and errors are scikit-learn's. Candidates and
    folds with one network shape (they may differ in learning rate, penalties, dropout rates and
    anything else that changes no array's shape) are trained as one stack, in one compiled
    program, and so are networks of one depth that differ in width, where that is faster. A
    `Pipeline` or `TransformedTargetRegressor` around the estimator is fitted as in
    scikit-learn.

    With another estimator, with callbacks, or with a tabular estimator, each fit of which
    trains a stack already, the search runs as in scikit-learn; a line at `verbose` >= 1 says
    so. Fits are trained one by one if fewer than 6 networks can share a program, if the network
    is large (above 50,000 weights), or if stacks do not support its settings (see the page on
    searches); a line at `verbose` >= 1 counts them.

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
        Number of threads that prepare rows and compute scores. Training uses as many threads,
        or on a CPU all of TensorFlow's inter-op threads if these are more.
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


class RandomizedSearchCV(StackedSearch, model_selection.RandomizedSearchCV):
    """`sklearn.model_selection.RandomizedSearchCV` that trains networks together.

    As `GridSearchCV` of this module, with candidates drawn at random.

    Parameters
    ----------
    estimator : estimator
        As in `GridSearchCV` of this module.
    param_distributions : dict or list of dict
        As in scikit-learn.
    n_jobs : int, default=None
        Number of threads that prepare rows and compute scores. Training uses as many threads,
        or on a CPU all of TensorFlow's inter-op threads if these are more.
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


class HalvingGridSearchCV(StackedSearch, HalvingGridSearch):
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
        Number of threads that prepare rows and compute scores. Training uses as many threads,
        or on a CPU all of TensorFlow's inter-op threads if these are more.
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


class HalvingRandomSearchCV(StackedSearch, HalvingRandomSearch):
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
        Number of threads that prepare rows and compute scores. Training uses as many threads,
        or on a CPU all of TensorFlow's inter-op threads if these are more.
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
