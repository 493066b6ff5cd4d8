"""Which of joblib's calls are fits of a search, and of which candidate and fold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Task(NamedTuple):
    """One of the fits of a round: positions of its candidate and of its fold."""

    candidate: int
    fold: int


class SearchCall(NamedTuple):
    """A call of a search that fits one candidate in one fold."""

    task: Task
    n_candidates: int  # of this round
    n_folds: int
    parameters: Mapping[str, Any]  # of the candidate


def search_call(call: Any, search: Any) -> SearchCall | None:
    """The fit that a batch of joblib's calls consists of; None if it is no fit of `search`.

    scikit-learn (1.6 to 1.9) names candidate and fold in the arguments of its `_fit_and_score`,
    since 1.9 the search as well. These names are private: should they change, no call is
    taken for a fit, and the networks are trained one by one.
    """
    try:
        ((_, _, arguments),) = call.items
        candidate, n_candidates = arguments["candidate_progress"]
        fold, n_folds = arguments["split_progress"]
        parameters = arguments["parameters"]
        is_other = arguments.get("caller", search) is not search
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if is_other or parameters is None:
        return None
    return SearchCall(Task(candidate, fold), n_candidates, n_folds, parameters)
