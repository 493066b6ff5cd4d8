"""Warnings about training that broke off."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.exceptions import ConvergenceWarning

from skmlp._engine.state import TrainingState
from skmlp._warnings import warn


def warn_of_mishap(name: str, state: TrainingState) -> None:
    """Warn if the training of a network broke off."""
    if state.reason is not None and state.reason.is_mishap:
        warn(
            f"{name} stopped in epoch {state.epochs} and keeps its best finite weights. "
            f"{state.reason.value}",
            ConvergenceWarning,
        )


def warn_of_mishaps(
    name: str, networks: Sequence[TrainingState], judges: Sequence[TrainingState] = ()
) -> None:
    """Warn if the training of any network of an ensemble, or else of any judge, broke off."""
    for kind, states in (("networks", networks), ("judges", judges)):
        reasons = [state.reason for state in states]
        mishaps = [reason for reason in reasons if reason is not None and reason.is_mishap]
        if mishaps:
            warn(
                f"{len(mishaps)} of the {len(states)} {kind} of {name} stopped early and keep "
                f"their best finite weights. {mishaps[0].value}",
                ConvergenceWarning,
            )
            return
