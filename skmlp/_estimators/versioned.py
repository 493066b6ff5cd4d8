"""The version of skmlp that saved an estimator, checked where it is loaded."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

VERSION = "_skmlp_version"


class InconsistentSkmlpVersionWarning(InconsistentVersionWarning):
    """Warns of an estimator that another version of skmlp has saved."""

    def __init__(self, estimator_name: str, original: str, current: str) -> None:
        self.estimator_name = estimator_name
        self.original_skmlp_version = original
        self.current_skmlp_version = current

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by skmlp {self.original_skmlp_version} and is "
            f"loaded by {self.current_skmlp_version}, which may fail or predict something "
            "else; load it with the version that saved it, or fit it anew."
        )


class VersionedEstimator(BaseEstimator):
    """Saves the version, as scikit-learn's own estimators save theirs."""

    def __getstate__(self) -> dict[str, Any]:
        from skmlp import __version__

        return {**super().__getstate__(), VERSION: __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from skmlp import __version__

        saved_by = state.get(VERSION, "before 0.1.0")
        if saved_by != __version__:
            name = type(self).__name__
            warnings.warn(
                InconsistentSkmlpVersionWarning(name, saved_by, __version__), stacklevel=2
            )
        super().__setstate__({name: one for name, one in state.items() if name != VERSION})
