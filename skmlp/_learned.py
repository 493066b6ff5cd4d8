"""The attributes that fitting sets: which they are, and how a failed fit puts them back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.base import BaseEstimator


@contextmanager
def all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """Give the estimator back what it had learned before, if the block raises."""
    before = learned(estimator)
    try:
        yield
    except BaseException:
        for name in learned(estimator):
            delattr(estimator, name)
        vars(estimator).update(before)
        raise


def learned(estimator: BaseEstimator) -> dict[str, Any]:
    """The attributes that fitting sets."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name == "_state" or (name.endswith("_") and not name.startswith("_"))
    }
