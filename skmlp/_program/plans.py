"""How many batches and epochs one call of a program's compiled function trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from skmlp._program.recipe import Recipe

# Limits of one call for one network: epochs, numbers in all orders of rows, numbers in all
# snapshots.
MAX_EPOCHS = 16
NUMBERS_OF_ORDERS = 2**15
NUMBERS_OF_SNAPSHOTS = 2**16
# An epoch that shares its call saves a millisecond. A program for such calls takes a tenth of a
# second longer to compile, and half a second where one for single epochs has been compiled.
EPOCHS_THAT_PAY = 100
EPOCHS_THAT_PAY_LATER = 600


class Counts(NamedTuple):
    """Whole numbers of one network in a call."""

    epoch: int  # the first one
    seed: int
    n_rows: int
    steps: int  # made before
    first_batch: int
    n_batches: int
    n_epochs: int


class Plans:
    """Makes the plan of each call of a program: its counts and orders of rows."""

    def __init__(
        self,
        recipe: Recipe,
        n_members: int,
        capacity: int,
        batches_in_block: int,
        n_values: int,
    ) -> None:
        self.max_epochs = 1  # of a call
        self._recipe, self._n_members = recipe, n_members
        self._capacity, self._n_values = capacity, n_values
        self._batches_in_block = batches_in_block
        self._n_unseen = 0  # epochs that might have shared a call

    def expect(self, n_epochs: int, *, is_compiled: bool) -> None:
        """Note that a fit trains so many epochs, unseen between them; let calls train several
        where that repays its compilation.
        """
        self._n_unseen += n_epochs - 1
        if self._n_unseen >= (EPOCHS_THAT_PAY_LATER if is_compiled else EPOCHS_THAT_PAY):
            self.max_epochs = self._most_epochs()

    def _most_epochs(self) -> int:
        """Epochs that fit into one call; epochs of many rows would gain nothing.

        The user's own layers may have state that is set between epochs.
        """
        network = self._recipe.network
        if self._n_members > 1 or network.layers_not_for_xla():
            return 1
        if not all(layer.kind.in_stacks for layer in network.layers()):
            return 1
        of_orders = NUMBERS_OF_ORDERS // self._width(self._capacity)
        return max(min(of_orders, NUMBERS_OF_SNAPSHOTS // self._n_values, MAX_EPOCHS), 1)

    def made(
        self, counts: Sequence[Counts], orders: np.ndarray, *, shares_rows: bool
    ) -> np.ndarray:
        """Each network's counts, then its orders, in one array: tensors take time to make.

        `orders` are (epochs, networks, rows). Rows of padding make up a whole number of blocks
        of batches, and all epochs that a call takes. Where networks share rows, orders are as
        wide for all numbers of rows that the program takes, so that they are traced once.
        """
        n_members, n_rows = orders.shape[1:]
        width = self._width(self._capacity if shares_rows else n_rows)
        start = len(Counts._fields)
        shape = n_members, start + self.max_epochs * width
        plan = np.full(shape, self._capacity - 1, np.int32)
        plan[:, :start] = counts
        for order in orders:
            plan[:, start : start + n_rows] = order
            start += width
        return plan

    def _width(self, n_rows: int) -> int:
        """Length of an order of so many rows as the compiled epoch takes it."""
        size = self._recipe.batch_size
        width = -(-n_rows // size) * size
        block = self._batches_in_block * size
        return -(-width // block) * block if width > block else width
