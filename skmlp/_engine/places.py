"""Fits in the places of a program: put in, trained and measured there, and taken out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import is_not
from typing import NamedTuple

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._engine.fit import Fit, Training
from skmlp._engine.validation import ValidationRows
from skmlp._program.program import Program


class RowSets(NamedTuple):
    """The distinct rows of all fits of a stack, which each of its programs has on the device.

    So shapes, and the bits of all results, are the same whichever of the fits are trained.
    """

    training: list[EncodedData]
    validation: list[EncodedData]
    n_places: int  # of the stack's largest program

    @classmethod
    def of(cls, fits: Sequence[Fit], n_places: int) -> RowSets:
        validation = dict.fromkeys(fit.validation for fit in fits if fit.validation)
        return cls(list(dict.fromkeys(fit.rows for fit in fits)), list(validation), n_places)

    @property
    def n_rows(self) -> int:
        """Rows to train on."""
        return sum(data.n_rows for data in self.training)


class Places:
    """Fits in a program. Unused places hold copies of the last one.

    Copies, and fits that are no longer trained, are computed beside the others.
    """

    def __init__(self, program: Program, fits: Sequence[Fit], sets: RowSets) -> None:
        self._program, self._fits = program, fits
        filled = [*fits, *[fits[-1]] * (program.n_members - len(fits))]
        _load(program, filled)
        self._rows = program.place(sets.training, [fit.rows for fit in filled])
        self._rows = self._rows._replace(n_rows=[fit.n_rows for fit in filled])
        self._validation = ValidationRows(program, filled, sets.validation, sets.n_places)
        self._filled = filled
        self._of_fits = [fit.numbers for fit in filled]
        self._numbers = program.numbers(self._of_fits)
        self._seeds = [fit.state.seed for fit in filled]
        self._weights = np.array([[fit.weight_of(fit.index)] for fit in filled], np.float64)
        # Each once: networks of an ensemble share theirs.
        self._watchers = list(dict.fromkeys(one for fit in fits for one in fit.watchers))
        self._watchers_of_batches = [one for one in self._watchers if one.wants_batches]
        self.trainings = [Training(program, k, fit) for k, fit in enumerate(fits)]

    def take_out(self, k: int) -> None:
        """Store in a fit's state all that it needs to resume in any program."""
        state = self._fits[k].state
        state.optimizer = self._program.optimizer_state(k)
        state.learning_rate = float(self._program.learning_rates[k])

    def rehearse(self) -> None:
        """Call all compiled functions, once: one batch of one epoch."""
        epochs = [0] * self._program.n_members
        spans = list(zip(epochs, self._seeds, strict=True))
        orders, _ = self._orders(range(len(self._fits)), epochs)
        self._program.run_batches(self._rows, orders[None], spans, (0, 1), self._numbers)
        if self._validation:
            self._validation.measure(self._numbers, ())

    def renew_numbers(self) -> None:
        """Hand over the numbers of the fits if a watcher has changed them."""
        numbers = [fit.numbers for fit in self._filled]
        if any(map(is_not, numbers, self._of_fits)):
            self._of_fits, self._numbers = numbers, self._program.numbers(numbers)

    def train_epochs(
        self, going: Sequence[int], epochs: Sequence[int], n_epochs: int
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Train the fits that are `going`, each from its epoch of this call on.

        Yields of each epoch the learning rates and mean losses, (networks, 1 + n_losses), and
        snapshots after it. It runs batch by batch only if a watcher asks for it.
        """
        program, rows = self._program, self._rows
        before = [fit.state.epochs_before for fit in self._fits]
        first_epochs = [sum(pair) for pair in zip(before, epochs, strict=True)]
        first_epochs += [0] * (program.n_members - len(first_epochs))
        each = [self._orders(going, np.add(first_epochs, i)) for i in range(n_epochs)]
        orders, weights = map(np.stack, zip(*each, strict=True))
        spans = list(zip(first_epochs, self._seeds, strict=True))
        # In stacks it has no effect.
        program.network.reset(self._seeds[0], first_epochs[0])
        n_rows, n_batches = np.array(rows.n_rows)[:, None], self._fits[0].n_batches

        def run(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
            return program.run_batches(rows, orders, spans, (first, last), self._numbers)

        if not self._watchers_of_batches:
            reported, reached = run(0, n_batches)
            reported[..., 1:] /= weights
            yield from zip(reported, reached, strict=True)
            return
        sums, n_seen = np.zeros((program.n_members, program.recipe.n_losses)), 0
        for batch in range(n_batches):
            self._begin_batch(batch)
            (reported,), (reached,) = run(batch, batch + 1)
            sums += reported[:, 1:]
            n_seen = np.minimum(n_seen + program.recipe.batch_size, n_rows)
            if self._end_batch(batch, float(sums[0, 0] / n_seen[0, 0])):
                break
        seen = weights[0] if batch + 1 == n_batches else n_seen
        yield np.hstack([reported[:, :1], sums / seen]), reached

    def measure(self) -> tuple[np.ndarray, list[np.ndarray]] | None:
        """Losses and raw outputs of validation rows, as `ValidationRows` has them, if any."""
        if not self._validation:
            return None
        return self._validation.measure(self._numbers, self._watchers)

    def _begin_batch(self, batch: int) -> None:
        for watcher in self._watchers_of_batches:
            watcher.on_batch_begin(batch)

    def _end_batch(self, batch: int, loss: float) -> bool:
        """Tell watchers how a batch ended; whether one asks to stop."""
        asked = [watcher.on_batch_end(batch, loss) for watcher in self._watchers_of_batches]
        return any(asked)

    def _orders(
        self, going: Sequence[int], epochs: Sequence[int] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Each network's rows in the order of training, (networks, batches times batch size),
        and the sums of their weights, (networks, 1).

        Rows of padding fill up the last batch.
        """
        program = self._program
        shape = program.n_members, self._fits[0].n_batches * program.recipe.batch_size
        orders = np.full(shape, program.capacity - 1, np.int32)
        weights = self._weights.copy()
        for k in going:
            fit = self._fits[k]
            order = fit.order(epochs[k])
            orders[k, : len(order)] = self._rows.offsets[k] + order
            if fit.rows_of_epoch:  # other rows come twice in each epoch
                weights[k] = fit.weight_of(order)
        return orders, weights


def _load(program: Program, fits: Sequence[Fit]) -> None:
    """Set the program to where each fit begins or resumes."""
    for fit in fits:
        if fit.state.best is None:
            fit.state.begin(_first_snapshot(program, fit))
    states = [fit.state for fit in fits]
    program.restore([state.now for state in states])
    program.load_optimizer([state.optimizer for state in states])
    rates = [
        fit.learning_rate if fit.state.learning_rate is None else fit.state.learning_rate
        for fit in fits
    ]
    program.learning_rates = np.array(rates, np.float32)


def _first_snapshot(program: Program, fit: Fit) -> np.ndarray:
    """Weights and averages that training begins with."""
    network, flat = program.network, fit.state.now
    if flat is None:
        flat = network.flat(fit.first_weights(network.built_weights))
    numbers, averages = np.split(flat, [network.n_numbers])
    if not program.recipe.has_ema:
        return numbers
    return np.concatenate(
        [numbers, averages if averages.size else numbers[: network.n_trained]]
    )
