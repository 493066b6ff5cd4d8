"""Validation rows, measured after each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._engine.capacity import rounded_up
from skmlp._engine.fit import Fit
from skmlp._engine.watcher import Watcher
from skmlp._keras.tensorflow import tf
from skmlp._network.spec import NetworkSpec
from skmlp._program.program import Program
from skmlp._program.recipe import Recipe
from skmlp._program.rows import entries_of, padded, padding_of, row_arrays

# Upper limits of what is measured at once
MAX_ROWS = 8192  # of one network
MAX_ROWS_OF_ALL = 65_536  # of all networks together
MAX_VALUES = 2**21  # numbers in one layer of all networks, which bounds memory
# Rows are padded to a multiple of this: `exp` and the like compute the end of an array, too
# short for a vector of the processor, with other bits.
MULTIPLE = 16


class ValidationRows:
    """The validation rows of all networks on the device, in chunks.

    Chunks are batches where a watcher wants to hear of each. The networks' rows are among the
    `distinct` ones. A stack's programs of up to `n_places` networks have chunks of one size,
    since losses are summed in float32 within a chunk.
    """

    def __init__(
        self,
        program: Program,
        fits: Sequence[Fit],
        distinct: Sequence[EncodedData],
        n_places: int,
    ) -> None:
        self._program = program
        self._fits = fits
        # Networks without any are measured on others' rows, since a stack is measured whole.
        of_networks = [fit.validation or distinct[0] for fit in fits] if distinct else []
        self._n_rows = np.array([data.n_rows for data in of_networks])
        self._chunks: list[tuple[tf.Tensor, ...]] = []
        self._entries: tuple[tf.Tensor, ...] = ()
        if not distinct:
            return
        positions = [distinct.index(data) for data in of_networks]
        which = tf.constant(positions if len(positions) > 1 else positions[0], tf.int64)
        size = _rows_at_once(program.recipe.network, distinct[0], n_places)
        if any(watcher.wants_batches for fit in fits for watcher in fit.watchers):
            size = program.recipe.batch_size
        self._entries = entries_of(distinct)
        self._chunks = [(*chunk, which) for chunk in _chunks(distinct, size)]

    def __bool__(self) -> bool:
        return bool(self._chunks)

    def measure(
        self, numbers: tf.Tensor, watchers: Sequence[Watcher]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """For each network its losses, (networks, n_losses), penalty included in the first, and
        what its fit keeps of the raw outputs of its rows, (n_rows, ...).
        """
        listeners = [watcher for watcher in watchers if watcher.wants_batches]
        for watcher in watchers:
            watcher.on_test_begin()
        totals = np.zeros((len(self._n_rows), self._program.recipe.n_losses))
        outputs: list[list[np.ndarray]] = [[] for _ in self._fits]
        n_measured = np.zeros_like(self._n_rows)
        for i, chunk in enumerate(self._chunks):
            for watcher in listeners:
                watcher.on_test_batch_begin(i)
            of_chunk, penalty, raw = self._program.measure(chunk, numbers, self._entries)
            totals += of_chunk
            n_before = n_measured
            n_measured = np.minimum(n_before + raw.shape[1], self._n_rows)
            for k, fit in enumerate(self._fits):
                outputs[k].append(_needed(fit, raw[k], n_before[k], n_measured[k]))
            for watcher in listeners:
                watcher.on_test_batch_end(i, float(totals[0, 0] / n_measured[0] + penalty[0]))
        losses = totals / self._n_rows[:, None]
        losses[:, 0] += penalty
        for watcher in watchers:
            watcher.on_test_end(float(losses[0, 0]))
        return losses, [np.concatenate(of_network) for of_network in outputs]


def _rows_at_once(network: NetworkSpec, data: EncodedData, n_places: int) -> int:
    """The most rows of each of so many networks that are measured at once."""
    stays_sparse = data.is_sparse and network.takes_sparse()
    widest = max(
        layer.kind.values_of_row(width)
        for layer, width in network.layers_and_widths()
        if not (stays_sparse and layer.kind.keeps_sparse)
    )
    of_all = min(MAX_ROWS_OF_ALL, max(MAX_VALUES // widest, 1))
    return _whole(min(MAX_ROWS, of_all // n_places))


def _chunks(distinct: Sequence[EncodedData], size: int) -> Iterator[list[tf.Tensor]]:
    """Inputs, targets and weights, each (sets of rows, up to `size` rows, ...).

    Sets with fewer rows than others are filled up.
    """
    arrays = [
        (X, X if data.y is data.X else data.y, data.unit_weight())
        for X, data in zip(row_arrays(distinct), distinct, strict=True)
    ]
    paddings = [padding_of(data) for data in distinct]
    n_rows = max(data.n_rows for data in distinct)
    capacity = min(size, _whole(rounded_up(n_rows)))
    for start in range(0, n_rows, size):
        parts = [
            [
                padded([array[start : start + size]], row, capacity)
                for array, row in zip(of_set, padding, strict=True)
            ]
            for of_set, padding in zip(arrays, paddings, strict=True)
        ]
        yield [tf.constant(np.stack(of_kind)) for of_kind in zip(*parts, strict=True)]


def _needed(fit: Fit, raw: np.ndarray, start: int, end: int) -> np.ndarray:
    """The part of the raw outputs of validation rows from `start` to `end` that a fit needs."""
    with np.errstate(over="ignore", invalid="ignore"):  # the loss tells of outputs not finite
        return fit.needed(raw[: end - start], start)


def _whole(n_rows: int) -> int:
    """The next multiple, at least one."""
    return max(-(-n_rows // MULTIPLE), 1) * MULTIPLE


def losses_of_outputs(recipe: Recipe, losses: Sequence[float]) -> dict[str, float]:
    """Losses of the outputs without penalty, if there are several, as Keras logs them."""
    names = recipe.network.loss_names
    return {f"{name}_loss": loss for name, loss in zip(names, losses[1:], strict=True)}
