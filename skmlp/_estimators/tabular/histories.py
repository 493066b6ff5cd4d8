"""Histories of the networks of an ensemble, and why their training ended."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.stopping import StopReason


def reason_of(member: FittedNetwork) -> str:
    """Why the training of a network ended."""
    assert member.training.reason is not None
    return member.training.reason.value


def is_sound(network: FittedNetwork) -> bool:
    """Whether its loss remained finite."""
    return network.training.reason is not StopReason.NOT_FINITE


def judged_histories(
    networks: Sequence[FittedNetwork], judges: Sequence[FittedNetwork]
) -> list[dict[str, list[float]]]:
    """Histories of networks; judges, if any, add the mean of their validation losses.

    After an interrupt, some judges may have an epoch more than others.
    """
    histories = [network.training.history for network in networks]
    of_judges = [judge.training.history["val_loss"] for judge in judges if is_sound(judge)]
    if not of_judges:
        return histories
    losses = np.mean([*zip(*of_judges, strict=False)], axis=1).tolist()
    return [{**history, "val_loss": losses[: len(history["loss"])]} for history in histories]


def mean_history(
    histories: Sequence[dict[str, list[float]]], n_epochs: int
) -> dict[str, list[float]]:
    """The mean of what all histories have, over the first epochs."""
    return {
        name: np.mean([history[name][:n_epochs] for history in histories], axis=0).tolist()
        for name in histories[0]
        if all(name in history for history in histories)
    }
