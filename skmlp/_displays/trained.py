"""The estimator whose training a display shows."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted

from skmlp._estimators.pretrained import last_estimator


def trained_estimator(estimator: Any) -> Any:
    """A fitted estimator of ours: itself, the last step of a pipeline, or the best of a search.

    Raises ValueError for other estimators, and NotFittedError.
    """
    check_is_fitted(estimator)
    fitted = last_estimator(estimator)
    if not hasattr(fitted, "history_"):
        raise ValueError(
            "'estimator' must be a fitted estimator of skmlp, a Pipeline that ends in one, or "
            f"a search over one; got {type(fitted).__name__}."
        )
    return fitted
