"""A compiled network, or many of one recipe: the functions that train and measure it.

`keras.Model.fit` spends its time between batches. Here the data stay on the device and a
whole epoch, a loop over batches, is one compiled function, so only arithmetic is left.
All that differs between fits of one network enters as a run-time value: weights are variables;
learning rates, rows, their order, penalties, dropout rates and seed are arguments.

Many networks are trained as one with a leading axis in all arrays, since a step of a small
network is mostly the cost of starting its operations. One network has no such axis: its
products are plain ones, which are faster. All axes are therefore counted from the last one, and
the functions here are the same for one network and for many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._keras.tensorflow import tf
from skmlp._program.compiled import Compiled, Constant, has_bits_of
from skmlp._program.network import Network
from skmlp._program.optimizer import State, assign
from skmlp._program.plans import Counts, Plans
from skmlp._program.recipe import Numbers, Recipe
from skmlp._program.rows import Rows, inputs_of, placed, targets_of
from skmlp._program.step import Step

# Limits on the numbers of X: in a block of batches; in a batch, for blocks to be used.
NUMBERS_OF_BLOCK = 2**18
NUMBERS_OF_SMALL_BATCH = 2**14


class Program:
    """Networks that are trained together, on at most `capacity` rows in all."""

    def __init__(self, key: tuple[Recipe, int], capacity: int) -> None:
        self.key = key
        self.recipe, self.n_members = recipe, n_members = key
        self.capacity = capacity
        self.traces = 0  # how often a function was traced; a test counts on it
        self._lead = () if n_members == 1 else (n_members,)
        self.network = Network(recipe.network, recipe.cut)
        self._n_columns = sum(self.network.input_widths.values())
        self._step = Step(self.network, recipe, self._lead)
        self._trained, self._untrained = self._step.trained, self._step.untrained
        self._held: np.ndarray | None = None  # snapshots of the values, if they are known
        self.steps = np.zeros(n_members, np.int32)  # batches that each network has seen
        self.learning_rates = np.zeros(n_members, np.float32)  # of the last or for the next one
        # XLA needs fixed shapes, so there rows of weight 0 fill up the last batch.
        self._in_xla = not recipe.network.layers_not_for_xla()
        self.plans = Plans(recipe, n_members, capacity, self._batches_in_block(), self.n_values)
        self._run_batches = Compiled(self._trace_run_batches, with_xla=self._in_xla)
        self._weight, self._numbers, self._rates = Constant(), Constant(), Constant()
        # A forward pass gains less from XLA than its compilation takes.
        self._measure = Compiled(self._trace_measure, with_xla=False)

    def is_sound(self) -> bool:
        """Whether the program can take another fit, however its last one ended."""
        return self._run_batches.is_sound and self._measure.is_sound

    # Values in and out

    @property
    def n_values(self) -> int:
        """Numbers of a network's snapshot."""
        n_averages = self.network.n_trained if self.recipe.has_ema else 0
        return self.network.n_numbers + n_averages

    def restore(self, snapshots: Sequence[np.ndarray]) -> None:
        """Set weights and averages, a snapshot for each network.

        A fit that resumes often finds them in place.
        """
        vectors = np.reshape(snapshots, (*self._lead, -1))
        if self._held is not None and has_bits_of(self._held, vectors):
            return
        self._held = None  # until all are set
        n_trained, n_numbers = self.network.n_trained, self.network.n_numbers
        self._trained.restore(vectors[..., :n_trained])
        if self.recipe.has_ema:
            self._trained.restore_averages(vectors[..., n_numbers:])
        start = n_trained
        for variable, array in zip(self._untrained, self.network.untrained, strict=True):
            end = start + array.initial.size
            assign([variable], [vectors[..., start:end].reshape(variable.shape)])
            start = end
        self._held = vectors

    def snapshots(self) -> np.ndarray:
        """Weights and averages as they are now, (networks, n_values)."""
        return np.reshape(self._step.snapshot().numpy(), (self.n_members, -1))

    def load_optimizer(self, states: Sequence[State]) -> None:
        """Set each network's number of steps and optimizer state; () is a fresh one."""
        self.steps = np.array([state[0] if state else 0 for state in states], np.int32)
        self._trained.load(self.steps, [state[1:] for state in states])

    def optimizer_state(self, member: int) -> State:
        return (self.steps[member], *self._trained.state(member))

    def finish(self) -> bool:
        """Let an optimizer that averages weights put its averages in place, as Keras does.

        Returns whether it did.
        """
        has_changed = self._trained.finish()
        if has_changed:
            self._held = None
        return has_changed

    def place(self, sets: Sequence[EncodedData], rows: Sequence[EncodedData]) -> Rows:
        """Put distinct sets of rows on the device, among them each network's."""
        return placed(sets, rows, self.capacity, self._weight)

    # Compiled work

    def run_batches(
        self,
        rows: Rows,
        orders: np.ndarray,
        spans: Sequence[tuple[int, int]],
        batches: tuple[int, int],
        numbers: tf.Tensor,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Train on some batches of an epoch, from the first one up to the one after the last,
        or on all batches of as many epochs as `plans` allow; `orders` are (epochs, networks,
        rows).

        `spans` holds each network's first epoch and the seed of its random layers. Returns, for
        each epoch and network, the learning rate of the last step and sums over these batches
        of losses times numbers of rows, (epochs, networks, 1 + n_losses): NaN if a weight has
        become infinite; and snapshots, (epochs, networks, n_values).
        """
        (first, last), n_epochs = batches, len(orders)
        begin = first * self.recipe.batch_size
        counts = [
            Counts(*span, n - begin, steps, first, last - first, n_epochs)
            for span, n, steps in zip(spans, rows.n_rows, self.steps.tolist(), strict=True)
        ]
        plan = self.plans.made(counts, orders[..., begin:], shares_rows=rows.n_sets == 1)
        self._held = None
        self._trained.remember([])
        results, *moments = self._run_batches(
            rows.X,
            rows.y,
            rows.weight,
            tf.constant(plan.reshape(*self._lead, -1)),
            numbers,
            self._rates(self.learning_rates.reshape(self._lead)),
            *rows.entries,
        )
        self._trained.remember(moments)
        self.steps = self.steps + np.int32(n_epochs * (last - first))
        results = results.numpy().reshape(-1, self.n_members, results.shape[-1])[:n_epochs]
        sums, reached = np.split(results, [1 + self.recipe.n_losses], axis=-1)
        self.learning_rates = sums[-1, :, 0].copy()
        sums = sums.astype(np.float64)
        sums[..., 1:][~np.isfinite(reached).all(axis=-1)] = np.nan
        self._held = reached[-1].reshape(*self._lead, -1)
        return sums, reached

    def measure(
        self,
        chunk: Sequence[tf.Tensor],
        numbers: tf.Tensor,
        entries: Sequence[tf.Tensor] = (),
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each network sums of the rows' losses, (networks, n_losses); its penalty; and raw
        outputs of the main output, (networks, rows, n_outputs).

        A chunk is X, y and weight of the rows of each set, and which set each network has; of
        sparse rows, with the spans of their entries as X.
        Where weights are averaged, the averages are measured.
        """
        totals, penalty, raw = self._measure(*chunk, numbers, *entries)
        totals = np.reshape(totals.numpy(), (self.n_members, -1)).astype(np.float64)
        raw = np.reshape(raw.numpy(), (self.n_members, *raw.shape[-2:]))
        return totals, np.reshape(penalty.numpy(), -1).astype(np.float64), raw

    def numbers(self, of_members: Sequence[Numbers]) -> tf.Tensor:
        packed = np.array([numbers.packed() for numbers in of_members])
        return self._numbers(packed.reshape(*self._lead, -1))

    # Traced functions

    def _trace_run_batches(self, X, y, weight, plan, numbers, rates, *entries):  # type: ignore[no-untyped-def]
        self.traces += 1
        n_counts = len(Counts._fields)
        counts, orders = tf.split(plan, [n_counts, plan.shape[-1] - n_counts], axis=-1)
        numbers = Numbers.unpacked(numbers, self.network.n_layer_numbers, self.recipe)
        epoch, seed, n_rows, steps, first, n_batches, n_epochs = tf.unstack(counts, axis=-1)
        if self._lead:
            first, n_batches = first[0], n_batches[0]  # all networks run the same batches
        rows = X, y, weight, n_rows, entries

        def epoch_of(i, rates):  # type: ignore[no-untyped-def]
            when = seed, epoch + i, first
            of_epoch = steps + i * n_batches
            reported, rates = self._trace_batches(
                rows, orders, i, n_batches, when, rates, of_epoch, numbers
            )
            return tf.concat([reported, self._step.snapshot()], axis=-1), rates

        if self.plans.max_epochs == 1:
            result, _ = epoch_of(0, rates)
            return result, *self._trained.moments()

        def next_epoch(i, rates, results):  # type: ignore[no-untyped-def]
            result, rates = epoch_of(i, rates)
            return i + 1, rates, results.write(i, result)

        n = 1 + self.recipe.n_losses + self.n_values
        results = tf.TensorArray(tf.float32, self.plans.max_epochs, element_shape=(n,))
        _, _, results = tf.while_loop(
            lambda i, *_: i < n_epochs, next_epoch, (0, rates, results)
        )
        return results.stack(), *self._trained.moments()

    def _trace_batches(self, rows, orders, i_epoch, n_batches, when, rates, steps, numbers):  # type: ignore[no-untyped-def]
        """Train on the batches of one epoch. Returns the last learning rates beside sums of
        losses, (..., 1 + n_losses), and the rates alone.
        """
        X, y, weight, n_rows, entries = rows
        seed, epoch, first = when
        size = self.recipe.batch_size
        width = orders.shape[-1] // self.plans.max_epochs
        n_in_block = min(self._batches_in_block(), width // size)
        # Of a batch, roughly: entries and rows are both padded.
        n_entries = sum(columns.shape[0] for columns in entries[:1]) * size // X.shape[0]
        n_entries *= self.n_members

        def block(start, totals, rates):  # type: ignore[no-untyped-def]
            # Gather the rows of some batches.
            n_gathered = n_in_block * size
            if not self._in_xla:  # shapes may vary: the last batch has its own
                n_gathered = tf.minimum(n_gathered, n_rows - start * size)
            index = self._slice(orders, i_epoch * width + start * size, n_gathered)
            gathered = [tf.gather(array, index) for array in (X, y, weight)]

            def batch(i, totals, rates):  # type: ignore[no-untyped-def]
                # Take the batch's rows; those that fill up the last batch have weight zero.
                offset = (i - start) * size if n_in_block > 1 else 0
                n_left = tf.minimum(size, n_rows - i * size)
                n_sliced = size if self._in_xla else n_left
                X, y, weight = (self._slice(array, offset, n_sliced) for array in gathered)
                X = inputs_of(X, entries, self._n_columns, n_entries)
                y = targets_of(y, X)
                n_in_batch = tf.cast(n_left, tf.float32)
                when_of_batch = seed, epoch, first + i
                reported, rates = self._step.train(
                    X, y, weight, n_in_batch, when_of_batch, rates, steps + i, numbers
                )
                return i + 1, totals + reported, rates

            if n_in_block == 1:
                return batch(start, totals, rates)
            end = tf.minimum(start + n_in_block, n_batches)
            return tf.while_loop(lambda i, *_: i < end, batch, (start, totals, rates))

        begin = 0, tf.zeros((*self._lead, self.recipe.n_losses)), rates
        if n_in_block * size < width:
            _, totals, rates = tf.while_loop(lambda i, *_: i < n_batches, block, begin)
        else:
            _, totals, rates = block(*begin)
        return tf.concat([rates[..., None], totals], axis=-1), rates

    def _batches_in_block(self) -> int:
        """Batches whose rows are gathered at once.

        XLA shares the gathering of each batch among threads if X is large, which takes longer
        than a small step. A large batch is gathered by itself: copying it once more out of a
        block would cost more than it saves.
        """
        n_numbers = self.n_members * self.recipe.batch_size * self._n_columns
        return NUMBERS_OF_BLOCK // n_numbers if n_numbers <= NUMBERS_OF_SMALL_BATCH else 1

    def _slice(self, array: tf.Tensor, begin: Any, n_rows: int) -> tf.Tensor:
        """Some rows, behind the axis of networks if there is one."""
        lead, rest = len(self._lead), array.shape[len(self._lead) + 1 :]
        starts = [0] * lead + [begin] + [0] * len(rest)
        return tf.slice(array, starts, [*self._lead, n_rows, *rest])

    def _trace_measure(self, X, y, weight, which, numbers, *entries):  # type: ignore[no-untyped-def]
        self.traces += 1
        numbers = Numbers.unpacked(numbers, self.network.n_layer_numbers, self.recipe)
        X, y, weight = (tf.gather(rows, which) for rows in (X, y, weight))
        n_entries = sum(columns.shape[0] for columns in entries[:1])
        X = inputs_of(X, entries, self._n_columns, n_entries)
        y = targets_of(y, X)
        return self._step.measure(X, y, weight, numbers)
