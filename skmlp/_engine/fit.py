"""A fit that is ready to train, and those who watch it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.recipe import Numbers, Recipe
from skmlp._engine.state import TrainingState
from skmlp._network.kinds import Weights
from skmlp._network.spec import NetworkSpec

if TYPE_CHECKING:
    from skmlp._engine.program import Program

# (rows, their raw outputs) -> value
Measure = Callable[[EncodedData, np.ndarray], float]


class Watcher(Protocol):
    """Sees training go by, and may ask it to stop."""

    needs_model: bool  # a live Keras model: its network is trained by itself
    wants_batches: bool

    def on_begin(self, training: Training) -> int: ...  # the first epoch to run
    def on_epoch_begin(self, epoch: int) -> None: ...
    def on_batch_begin(self, batch: int) -> None: ...
    def on_batch_end(self, batch: int, loss: float) -> bool: ...  # whether to stop
    def on_test_begin(self) -> None: ...
    def on_test_batch_begin(self, batch: int) -> None: ...
    def on_test_batch_end(self, batch: int, loss: float) -> None: ...
    def on_test_end(self, loss: float) -> None: ...
    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool: ...  # the same
    def on_end(self, logs: dict[str, float]) -> None: ...


class Saves(Protocol):
    """Keeps what is needed to resume a fit."""

    def resume(self, training: Training) -> None: ...  # set the fit's state to what was kept
    def after_epoch(self, training: Training) -> None: ...
    def save(self, fitted: FittedNetwork) -> None: ...  # at the end


@dataclass(eq=False)
class Fit:
    """A fit that is ready to train; training moves its state."""

    spec: NetworkSpec
    recipe: Recipe
    numbers: Numbers
    rows: EncodedData
    validation: EncodedData | None
    state: TrainingState
    # Weights that training begins with, out of those that the layers were built with.
    first_weights: Callable[[Weights], Weights]
    epochs: int  # of this call
    shuffle: bool
    learning_rate: float
    # Rate of an epoch, of the number of epochs before it and the plateau's factor; None
    # leaves the last one.
    epoch_rate: Callable[[int, float], float] | None
    start_from_epoch: int  # the best epoch is sought, and patience counts, from this one
    score: Measure | None  # of the validation rows; None: minus their loss
    metrics: Mapping[str, Measure]  # of the training rows and of the validation rows
    metric_rows: EncodedData  # the training rows that metrics are measured on
    watchers: Sequence[Watcher] = ()
    checkpoint: Saves | None = None

    @property
    def n_batches(self) -> int:
        """Batches of an epoch."""
        return -(-self.rows.n_rows // self.recipe.batch_size)

    def measured(self, rows: EncodedData, raw: np.ndarray) -> dict[str, float]:
        """The metrics of rows whose raw outputs these are."""
        return {name: measure(rows, raw) for name, measure in self.metrics.items()}

    def rate(self, epoch: int) -> float | None:
        """Learning rate that an epoch of this call begins with; None: the last one."""
        if self.epoch_rate is None:
            return None
        factor = self.state.plateau.factor if self.state.plateau else 1.0
        return self.epoch_rate(self.state.epochs_before + epoch, factor)


@dataclass(frozen=True, eq=False)
class Training:
    """One of the fits that a program is training, as watchers and checkpoints see it."""

    program: Program
    member: int
    fit: Fit

    def now(self) -> np.ndarray:
        """A snapshot of the moment."""
        return self.program.snapshots()[self.member]

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
        network = self.program.network
        numbers, averages = np.split(snapshot, [network.n_numbers])
        if averages.size:
            numbers = np.concatenate([averages, numbers[network.n_trained :]])
        return network.weights(numbers)
