"""Sparse rows as inputs of layers: products with kernels, without dense rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from skmlp._keras.tensorflow import tf

# Entries that a product takes at once: their kernel rows, of all units, stay in the cache.
MAX_NUMBERS_OF_BLOCK = 2**19
MIN_ENTRIES_OF_BLOCK = 64


class Entries(NamedTuple):
    """Some values of sparse rows, one after the other; each array has shape (entries,)."""

    rows: tf.Tensor  # int32, of all networks: network times rows plus row
    columns: tf.Tensor  # int32
    values: tf.Tensor  # float32, 0 where there is no entry
    networks: tf.Tensor | None  # int32; None for one network
    units: tf.Tensor  # uint32, the place of the value in dense rows of its network

    def of_network(self, values: tf.Tensor) -> tf.Tensor:
        """A number of each network, or one for all, beside the entries: (entries,) or ()."""
        if self.networks is None or not values.shape.rank:
            return tf.reshape(values, [])
        return tf.gather(tf.reshape(values, [-1]), self.networks)


@dataclass(frozen=True, eq=False)
class SparseInputs:
    """Rows of a sparse matrix, or some of its columns, as tensors.

    Row i of a network has the entries from `spans[..., i, 0]` up to `spans[..., i, 1]`.
    """

    spans: tf.Tensor  # (..., rows, 2) int32
    columns: tf.Tensor  # (n_entries,) int32
    values: tf.Tensor  # (n_entries,) float32
    n_columns: int  # of the matrix
    n_typical: int  # entries of all these rows, roughly
    first: int = 0  # column
    last: int | None = None  # the column after the last one; None: all
    function: Callable[[Entries], tf.Tensor] | None = None  # new values of entries

    @property
    def shape(self) -> tuple[Any, ...]:
        """Of the dense rows."""
        last = self.n_columns if self.last is None else self.last
        return *self.spans.shape[:-1], last - self.first

    def __getitem__(self, key: tuple[Any, slice]) -> SparseInputs:
        """Some columns: `[..., start:end]`."""
        assert self.function is None
        columns = key[1]
        return replace(self, first=self.first + columns.start, last=self.first + columns.stop)

    def mapped(self, function: Callable[[Entries], tf.Tensor]) -> SparseInputs:
        """The rows with `function(entries)` as the values of their entries."""
        before = self.function
        if before is None:
            return replace(self, function=function)
        return replace(self, function=lambda e: function(e._replace(values=before(e))))

    def __matmul__(self, kernel: tf.Tensor) -> tf.Tensor:
        """The product with a kernel, (..., columns, units).

        Its gradient is dense, since most optimizers move also the weights of unseen columns.
        """
        width, units = kernel.shape[-2:]

        def kernel_rows(entries: Entries) -> tf.Tensor:
            if entries.networks is None:
                return entries.columns
            return entries.columns + entries.networks * width

        @tf.custom_gradient
        def product(kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
            def add_products(outputs: tf.Tensor, entries: Entries) -> tf.Tensor:
                products = tf.gather(kernel, kernel_rows(entries)) * entries.values[:, None]
                return tf.tensor_scatter_nd_add(outputs, entries.rows[:, None], products)

            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                def add_gradients(gradients: tf.Tensor, entries: Entries) -> tf.Tensor:
                    products = tf.gather(upstream, entries.rows) * entries.values[:, None]
                    at = kernel_rows(entries)[:, None]
                    return tf.tensor_scatter_nd_add(gradients, at, products)

                return self._summed(tf.zeros_like(kernel), add_gradients, units)

            zeros = tf.zeros([self._n_rows(), units])
            return self._summed(zeros, add_products, units), gradient

        outputs = product(tf.reshape(kernel, [-1, units]))
        return tf.reshape(outputs, [*self._lead(), -1, units])

    def dense(self) -> tf.Tensor:
        """Dense rows, (..., rows, columns)."""
        width = self.shape[-1]

        def add(rows: tf.Tensor, entries: Entries) -> tf.Tensor:
            at = tf.stack([entries.rows, entries.columns], axis=-1)
            return tf.tensor_scatter_nd_add(rows, at, entries.values)

        rows = self._summed(tf.zeros([self._n_rows(), width]), add, 1)
        return tf.reshape(rows, [*self._lead(), -1, width])

    def _n_rows(self) -> tf.Tensor:
        """Of all networks; the last batch may have fewer than others."""
        return tf.reduce_prod(tf.shape(self.spans)[:-1])

    def _lead(self) -> list[int]:
        return list(self.spans.shape[:-2])

    def _summed(
        self, zeros: tf.Tensor, add: Callable[[tf.Tensor, Entries], tf.Tensor], units: int
    ) -> tf.Tensor:
        """`sums = add(sums, entries)`, from zeros on, for all entries block by block."""
        size = self._block_size(units)
        starts, ends = tf.unstack(tf.reshape(self.spans, [-1, 2]), axis=-1)
        ends_of_rows = tf.cumsum(ends - starts)  # among the entries of these rows
        n_entries = ends_of_rows[-1]

        def block(i: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            places = i * size + tf.range(size)
            rows = tf.searchsorted(ends_of_rows, places, side="right")
            rows = tf.minimum(rows, tf.size(ends) - 1)
            is_entry = places < n_entries
            among_all = places + tf.gather(ends - ends_of_rows, rows)
            return i + 1, add(
                sums, self._entries(rows, tf.where(is_entry, among_all, 0), is_entry)
            )

        n_blocks = (n_entries + size - 1) // size
        _, sums = tf.while_loop(lambda i, _: i < n_blocks, block, (0, zeros))
        return sums

    def _entries(self, rows: tf.Tensor, places: tf.Tensor, is_entry: tf.Tensor) -> Entries:
        """Entries at `places` of all; those that are none get the value 0."""
        width = self.shape[-1]
        columns = tf.gather(self.columns, places) - self.first
        if width < self.n_columns:
            is_entry &= (columns >= 0) & (columns < width)
        columns = tf.where(is_entry, columns, 0)
        networks, row = None, rows
        if self._lead():
            n_rows = tf.shape(self.spans)[-2]
            networks, row = rows // n_rows, rows % n_rows
        units = tf.cast(row, tf.uint32) * tf.constant(width, tf.uint32)
        units += tf.cast(columns, tf.uint32)
        entries = Entries(rows, columns, tf.gather(self.values, places), networks, units)
        if self.function is not None:
            entries = entries._replace(values=self.function(entries))
        return entries._replace(values=tf.where(is_entry, entries.values, 0.0))

    def _block_size(self, units: int) -> int:
        """A power of 2. The sums are the same for all, since entries are added one by one."""
        most = max(MAX_NUMBERS_OF_BLOCK // units, MIN_ENTRIES_OF_BLOCK)
        wanted = max(min(self.n_typical, most), MIN_ENTRIES_OF_BLOCK)
        return 1 << (wanted.bit_length() - 1)
