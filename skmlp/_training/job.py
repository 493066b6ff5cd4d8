"""One fit, before the engine knows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._checkpoints.checkpoint import Checkpoint
from skmlp._data.arrays import EncodedData
from skmlp._network.spec import NetworkSpec
from skmlp._network.state import FittedState

if TYPE_CHECKING:
    import keras

    from skmlp._training.metrics import Measure


@dataclass(frozen=True)
class Job:
    """One fit, without its data."""

    params: Any  # the estimator, which is only read
    spec: NetworkSpec
    start: FittedState | None  # where training goes on from; None starts afresh
    seed: int
    epochs: int
    batch_size: int | str | None
    callbacks: Sequence[keras.callbacks.Callback]
    score: Measure | None  # of validation rows; None: their loss, with its sign turned
    metrics: Mapping[str, Measure]
    checkpoint: Checkpoint | None = None
    holds_out: bool = False  # whether validation rows were taken from the rows given to fit
    is_part: bool = False  # one call of partial_fit, and more may come

    @property
    def horizon(self) -> int:
        """Epochs that a learning-rate schedule is laid out for."""
        return self.params.epochs if self.is_part else self.epochs

    @property
    def loss_weights(self) -> list[float]:
        """Weight of each output's loss."""
        if not self.spec.has_auxiliary:
            return [1.0]
        auxiliary = self.params.aux_loss_weight
        return [1 - auxiliary, auxiliary]

    @property
    def wide_penalties(self) -> tuple[float, float]:
        """L1 and L2 of the wide path alone."""
        if not self.spec.n_wide:
            return 0.0, 0.0
        return self.params.wide_l1, self.params.wide_l2

    def measured(self, data: EncodedData, raw: np.ndarray) -> dict[str, float]:
        """The metrics of rows whose raw outputs these are."""
        return {name: measure(data, raw) for name, measure in self.metrics.items()}
