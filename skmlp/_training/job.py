"""One fit, as an estimator asks for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._checkpoints.checkpoint import Checkpoint
from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._network.spec import NetworkSpec

if TYPE_CHECKING:
    from skmlp._engine.fit import Measure
    from skmlp._engine.judging import JointMeasure
    from skmlp._training.first_weights import First


@dataclass(frozen=True, eq=False, kw_only=True)
class Settings:
    """Parameters under the names and with the meaning that estimators give them.

    Those that have a default here are not parameters of all estimators.
    """

    loss: Any
    label_smoothing: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    wide_l1: float = 0.0
    wide_l2: float = 0.0
    aux_loss_weight: float = 0.0
    optimizer: Any
    wide_optimizer: Any = None
    learning_rate: float
    learning_rate_schedule: Any
    decay_rate: float | None = None
    decay_steps: int | None = None
    warmup_steps: int | None = None
    momentum: float | None = None
    nesterov: bool | None = None
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    ema_decay: float | None = None
    shuffle: bool = True
    early_stopping: bool = False
    n_iter_no_change: float = math.inf
    tol: float = 0.0
    fades: bool = False  # see `Recipe`
    reused_rate_factor: float = 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Job(Settings):
    """Rows, a network, and how it is to be trained."""

    spec: NetworkSpec
    data: EncodedData
    validation: EncodedData | None
    start: FittedNetwork | None  # where training resumes; None starts afresh
    seed: int
    epochs: int  # of this call
    horizon: int  # epochs that a learning-rate schedule is laid out for
    batch_size: int | str | None
    callbacks: Sequence[Any]
    score: Measure | None  # of validation rows; None: minus their loss
    joint_loss: JointMeasure | None = None  # of all jobs that share it
    metrics: Mapping[str, Measure]
    checkpoint: Checkpoint | None = None
    first: First | None = None  # weights to begin with, if it starts afresh
    index: np.ndarray | None = None  # of the rows of `data` to train on; None: all
    rows_of_epoch: int | None = None  # these, repeated to be so many; None: each once
    holds_out: bool = False  # whether validation rows were taken from the rows given to fit
    is_part: bool = False  # one call of partial_fit, and more may come
    # Arrays in the place of these first ones, by layer
    reused: Mapping[str, tuple[np.ndarray, ...]] = field(default_factory=dict)

    @property
    def loss_weights(self) -> list[float]:
        """Weight of each output's loss."""
        if not self.spec.has_auxiliary:
            return [1.0]
        return [1 - self.aux_loss_weight, self.aux_loss_weight]


SETTINGS = [setting.name for setting in fields(Settings)]
