"""A fit that is ready to train, its watchers and its checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.judging import JointMeasure
from skmlp._engine.state import TrainingState
from skmlp._engine.stopping import StopReason
from skmlp._engine.watcher import Watcher
from skmlp._kinds.base import Weights
from skmlp._network.spec import NetworkSpec
from skmlp._program.recipe import Numbers, Recipe

if TYPE_CHECKING:
    from skmlp._program.program import Program

# (rows, their raw outputs) -> value
Measure = Callable[[EncodedData, np.ndarray], float]


@dataclass(frozen=True)
class MeanOfRows:
    """The weighted mean of a value of each row, so that raw outputs need not be kept.

    Those of an autoencoder are as large as dense rows.
    """

    of_rows: Callable[[EncodedData, np.ndarray], np.ndarray]  # (rows, raw outputs) -> (n_rows,)

    def __call__(self, rows: EncodedData, raw: np.ndarray) -> float:
        return self.mean(rows, self.of_rows(rows, raw))

    @staticmethod
    def mean(rows: EncodedData, values: np.ndarray) -> float:
        return float(np.average(values, weights=rows.weight))


class Checkpoint(Protocol):
    """Saves the training state, to resume from it."""

    def resume(self, training: Training) -> None: ...  # set the fit to the saved state
    def after_epoch(self, training: Training) -> None: ...  # save, if it is time to
    def save(self, fitted: FittedNetwork) -> None: ...  # at the end


@dataclass(eq=False)
class Fit:
    """A fit that is ready to train. Training updates its state."""

    spec: NetworkSpec
    recipe: Recipe
    numbers: Numbers
    rows: EncodedData
    validation: EncodedData | None
    state: TrainingState
    # (weights of layers as built) -> weights that training begins with
    first_weights: Callable[[Weights], Weights]
    epochs: int  # of this call
    shuffle: bool
    learning_rate: float
    # (epochs trained before, the plateau's factor) -> learning rate of the next epoch; None
    # keeps the last one
    epoch_rate: Callable[[int, float], float] | None
    start_from_epoch: int  # the best epoch is sought, and patience counts, from this one
    score: Measure | None  # of the validation rows; None: minus their loss
    # Instead of `score`: one loss for all fits that share this. Those without validation rows
    # follow the others.
    joint_loss: JointMeasure | None
    metrics: Mapping[str, Measure]  # of the training rows and of the validation rows
    metric_rows: EncodedData  # the training rows that metrics are measured on
    index: np.ndarray | None = None  # of the rows that it trains on; None: all
    rows_of_epoch: int | None = None  # these, repeated to be so many; None: each once
    watchers: Sequence[Watcher] = ()
    checkpoint: Checkpoint | None = None
    reason_at_end: StopReason = StopReason.EPOCHS  # if all `epochs` are run

    @property
    def n_rows(self) -> int:
        """Rows of an epoch."""
        return self.rows_of_epoch or self.n_distinct_rows

    @property
    def n_distinct_rows(self) -> int:
        return self.rows.n_rows if self.index is None else len(self.index)

    @property
    def is_judged(self) -> bool:
        """Whether validation rows, its own or those of others, tell its best epoch."""
        return self.validation is not None or self.joint_loss is not None

    def order(self, epoch: int) -> np.ndarray:
        """Positions of an epoch's rows in the order of training, (n_rows,)."""
        n_rows = self.n_distinct_rows
        order = drawn_order(self.state.seed, epoch, n_rows, shuffle=self.shuffle)
        order = np.resize(order, self.n_rows)  # the first ones again, if there are more
        return order if self.index is None else self.index[order]

    def weight_of(self, positions: np.ndarray | None) -> float:
        """Sum of the weights of rows at these positions, None for all, scaled to mean 1 over
        `rows`.
        """
        if positions is None:
            return self.rows.n_rows
        return float(self.rows.unit_weight()[positions].sum(dtype=np.float64))

    @property
    def n_batches(self) -> int:
        """Batches of an epoch."""
        return -(-self.n_rows // self.recipe.batch_size)

    def lay_out(self, epochs: int, reason: StopReason) -> None:
        """Train for so many epochs; a schedule that begins with the fit spans them.

        Between epochs a watcher may call it.
        """
        self.epochs, self.reason_at_end = epochs, reason
        self.numbers = self.numbers._replace(decay_steps=float(epochs * self.n_batches))

    def measured(self, rows: EncodedData, raw: np.ndarray) -> dict[str, float]:
        """The metrics of rows, given their raw outputs."""
        return {name: measure(rows, raw) for name, measure in self.metrics.items()}

    @property
    def needs_raw(self) -> bool:
        """Whether its measures need the raw outputs of all validation rows at once."""
        is_by_rows = self.score is None or isinstance(self.score, MeanOfRows)
        return bool(self.metrics or self.joint_loss) or not is_by_rows

    def needed(self, raw: np.ndarray, start: int) -> np.ndarray:
        """The part of the raw outputs of validation rows, from `start`, that measures need."""
        if self.validation is None:  # a stack is measured whole; this part is not used
            return raw[:0]
        if self.needs_raw:
            return raw
        if self.score is None:  # the loss alone counts
            return raw[:0]
        assert isinstance(self.score, MeanOfRows)
        return self.score.of_rows(self.validation.rows(start + np.arange(len(raw))), raw)

    def validation_score(self, needed: np.ndarray, loss: float) -> float:
        """The score of all validation rows, given what is `needed` of their raw outputs."""
        assert self.validation is not None
        if self.score is None:
            return -loss
        if isinstance(self.score, MeanOfRows) and not self.needs_raw:
            return self.score.mean(self.validation, needed)
        return self.score(self.validation, needed)

    def rate(self, epoch: int) -> float | None:
        """Learning rate of an epoch of this call; None keeps the last one."""
        if self.epoch_rate is None:
            return None
        factor = self.state.plateau.factor if self.state.plateau else 1.0
        return self.epoch_rate(self.state.epochs_before + epoch, factor)


@dataclass(frozen=True, eq=False)
class Training:
    """A fit in a program, as its watchers and its checkpoint see it."""

    program: Program
    member: int
    fit: Fit

    def now(self) -> np.ndarray:
        """A snapshot of the program's values."""
        return self.program.snapshots()[self.member]

    def current(self) -> np.ndarray:
        """A snapshot of the program's values, or the one to keep once training has ended."""
        state, kept = self.fit.state, None
        if state.reason is not None:
            kept = state.to_keep(is_judged=self.fit.is_judged)
        return self.now() if kept is None else kept

    def fitted(self, snapshot: np.ndarray) -> FittedNetwork:
        """The network at a snapshot, with all that training needs to resume."""
        state = replace(
            self.fit.state,
            optimizer=self.program.optimizer_state(self.member),
            learning_rate=float(self.program.learning_rates[self.member]),
        )
        return FittedNetwork(self.fit.spec, self.weights(snapshot), state)

    def weights(self, snapshot: np.ndarray) -> Weights:
        """Weights to predict with: the averages, where there are any."""
        return self.program.network.weights(self.vector(snapshot, averaged=True))

    def vector(self, snapshot: np.ndarray, *, averaged: bool) -> np.ndarray:
        """A snapshot's weights side by side; if asked for and there are any, their averages."""
        network = self.program.network
        weights, averages = np.split(snapshot, [network.n_numbers])
        if averaged and averages.size:
            return np.concatenate([averages, weights[network.n_trained :]])
        return weights


def drawn_order(seed: int, epoch: int, n_rows: int, *, shuffle: bool) -> np.ndarray:
    """The rows of an epoch in the order of training, (n_rows,).

    The epoch's number is the counter of the generator, so that training in one go and in
    parts draws the same orders.
    """
    order = np.arange(n_rows)
    if shuffle:
        bits = np.random.Philox(key=seed, counter=[0, 0, 0, epoch])
        np.random.Generator(bits).shuffle(order)
    return order
