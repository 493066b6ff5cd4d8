"""One fit, as an estimator asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from skmlp._checkpoints.checkpoint import Checkpoint
from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._network.spec import NetworkSpec

if TYPE_CHECKING:
    from skmlp._engine.fit import Measure

PARAMETER = {"is_parameter": True}  # of a field that has the name of an estimator's parameter


def _parameter(default: Any = ...) -> Any:
    if default is ...:
        return field(metadata=PARAMETER)
    return field(default=default, metadata=PARAMETER)


@dataclass(frozen=True, eq=False, kw_only=True)
class Job:
    """Rows, a network, and how it is to be trained.

    Parameters mean what those of the estimators mean; the ones that have a default are not
    those of all estimators.
    """

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
    metrics: Mapping[str, Measure]
    checkpoint: Checkpoint | None = None
    holds_out: bool = False  # whether validation rows were taken from the rows given to fit
    is_part: bool = False  # one call of partial_fit, and more may come

    kernel_initializer: Any = _parameter()
    loss: Any = _parameter()
    label_smoothing: float = _parameter(0.0)
    l1: float = _parameter()
    l2: float = _parameter()
    wide_l1: float = _parameter(0.0)
    wide_l2: float = _parameter(0.0)
    aux_loss_weight: float = _parameter(0.0)
    optimizer: Any = _parameter()
    wide_optimizer: Any = _parameter(None)
    learning_rate: float = _parameter()
    learning_rate_schedule: Any = _parameter()
    decay_rate: float | None = _parameter()
    decay_steps: int | None = _parameter()
    warmup_steps: int | None = _parameter()
    momentum: float | None = _parameter()
    nesterov: bool | None = _parameter()
    weight_decay: float | None = _parameter()
    clipnorm: float | None = _parameter()
    clipvalue: float | None = _parameter()
    global_clipnorm: float | None = _parameter()
    ema_decay: float | None = _parameter()
    shuffle: bool = _parameter()
    early_stopping: bool = _parameter()
    n_iter_no_change: float = _parameter()
    tol: float = _parameter()

    @property
    def loss_weights(self) -> list[float]:
        """Weight of each output's loss."""
        if not self.spec.has_auxiliary:
            return [1.0]
        return [1 - self.aux_loss_weight, self.aux_loss_weight]


PARAMETERS = [of.name for of in fields(Job) if of.metadata.get("is_parameter")]
