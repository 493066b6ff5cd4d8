"""How far the training of a network has come."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skmlp._engine.judging import JointBest, JointLoss
from skmlp._engine.stopping import Patience, Plateau, StopReason


@dataclass
class TrainingState:
    """All that training needs to resume as if it had never ended.

    Snapshots are vectors, (n_numbers,): the trained numbers in the order of the layers, those
    that are not trained, and, where there are any, averages of the trained ones.
    """

    seed: int  # all random numbers of this network's training derive from it
    epochs_before: int = 0  # trained by earlier calls, which this one continues
    optimizer_name: str = ""
    optimizer: tuple[np.ndarray, ...] = ()  # its state, if it has made steps
    # Of schedule "plateau", as earlier calls left it: factor of the rate, best value, waited.
    plateau_before: tuple[float, float, int] | None = None
    now: Any = None  # a snapshot, or None: the weights of the fitted network
    # From here on: of this call alone.
    plateau: Plateau | None = None
    learning_rate: float | None = None  # of the last step; None before the first
    best: Any = None
    # A training loss is a mean over the epoch, which does not reveal a bad last step. The
    # weights at the start of the best epoch are known to be good.
    safe: Any = None
    kept: Any = None  # at the end of training
    best_value: float = math.inf  # stays so while networks are judged jointly
    joint_best: JointBest | None = None  # where networks are judged jointly
    patience: Patience | None = None
    history: dict[str, list[float]] = field(default_factory=lambda: {"loss": []})
    scores: list[float] = field(default_factory=list)
    reason: StopReason | None = None  # None while training lasts

    @property
    def epochs(self) -> int:
        """Epochs that this call has trained."""
        return len(self.history["loss"])

    def begin(self, snapshot: np.ndarray) -> None:
        """Set the weights that training begins with."""
        self.now = self.best = self.safe = snapshot

    def after_epoch(
        self,
        logs: dict[str, float],
        score: float | None,
        *,
        entered: Any,
        reached: Any,
        has_validation: bool,
        joint: JointLoss | None = None,
        start_from_epoch: int = 0,
        asked_to_stop: bool = False,
    ) -> None:
        """Add an epoch's logs, keep its weights if they are the best, and decide on the end.

        `entered` and `reached` are snapshots before and after it. The best epoch is sought,
        and patience counts, from `start_from_epoch`; epochs before it are the best until then.
        A `joint` loss takes the place of the score, and all epochs count; once all networks
        that it came from have diverged, the training loss decides.
        """
        assert self.patience is not None
        self.now = reached
        epoch = self.epochs
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        if joint is not None:
            score = -joint.mean
        if score is not None:
            self.scores.append(score)
        loss = logs["loss"]
        value = loss if score is None else -score
        if math.isnan(value):
            value = math.inf  # NaN compares as neither better nor worse
        is_finite = math.isfinite(loss) and math.isfinite(logs.get("val_loss", loss))
        is_first = epoch == start_from_epoch
        if joint is not None:
            if is_finite and value < math.inf:
                self._judge(joint, has_validation=has_validation)
        elif is_finite and (is_first or value <= self.best_value):
            self.best_value = value if is_first else min(value, self.best_value)
            self.best = reached
            self.safe = reached if has_validation else entered
        if epoch >= start_from_epoch:
            self.patience = self.patience.after(value)
        if self.plateau:
            self.plateau = self.plateau.after(logs.get("val_loss", loss))
        if not is_finite:
            self.reason = StopReason.NOT_FINITE
        elif asked_to_stop:
            self.reason = StopReason.CALLBACK
        elif self.patience.exhausted:
            self.reason = StopReason.NO_IMPROVEMENT

    def _judge(self, joint: JointLoss, *, has_validation: bool) -> None:
        """Choose between the epoch that has ended and the best one before."""
        self.joint_best = (self.joint_best or JointBest(self.best)).after(joint, self.now)
        self.best = self.joint_best.to_keep()
        # A bad last step shows in validation rows, or in the training loss of the next epoch.
        self.safe = self.best if has_validation else self.joint_best.best

    def to_keep(self, *, is_judged: bool) -> Any:
        """Snapshot of the weights to keep at the end; None: the last ones."""
        if self.reason is StopReason.NOT_FINITE:
            return self.safe
        is_best = is_judged or self.reason is StopReason.INTERRUPTED
        return self.best if is_best else None

    def copy(self) -> TrainingState:
        """The same, whose snapshots and lists do not change with those of this one."""
        return replace(
            self,
            now=np.array(self.now),
            best=np.array(self.best),
            safe=np.array(self.safe),
            kept=None if self.kept is None else np.array(self.kept),
            history={name: list(values) for name, values in self.history.items()},
            scores=list(self.scores),
        )

    def at_rest(self, n_numbers: int) -> TrainingState:
        """The part that the next call resumes; the network has `n_numbers` numbers.

        After a loss that was not finite the optimizer's moments are not finite either.
        """
        is_usable = self.reason is not StopReason.NOT_FINITE
        reached = self.now if self.kept is None else self.kept
        has_averages = reached is not None and reached.size > n_numbers
        return TrainingState(
            seed=self.seed,
            epochs_before=self.epochs_before + self.epochs,
            optimizer_name=self.optimizer_name if is_usable else "",
            optimizer=self.optimizer if is_usable else (),
            plateau_before=self.plateau.state() if self.plateau else None,
            now=reached if has_averages else None,
        )
