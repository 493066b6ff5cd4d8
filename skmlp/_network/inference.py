"""The forward pass in NumPy.

For one row, `keras.Model.predict` takes tens of milliseconds, a compiled function some hundred
microseconds, and the products of a dense network in NumPy ten. Large inputs are processed in
chunks that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike

from skmlp._data.sparse_rows import Matrix, dense, is_sparse
from skmlp._kinds.activation_functions import numpy_activation
from skmlp._kinds.base import Weights
from skmlp._network.spec import Layer, NetworkSpec, needed_layers

# Values of the widest layer in memory: 10,000 rows of 30 units fit in a level-2 cache.
CHUNK_VALUES = 300_000
MIN_CHUNK_ROWS = 256
MAX_DENSE_VALUES = 2**24  # of sparse rows
# OpenBLAS splits a product of more rows times weights than this among threads that wait for
# each other. Below `FEW_ROWS` rows the gain is small, and while other threads compute, as in a
# search, the product takes ten times as long.
PRODUCT_FOR_ONE_THREAD = 500_000
FEW_ROWS = 2**16
FEWEST_CHUNK_ROWS = 64
# Up to this many weights, and for one chunk of rows, double precision costs next to nothing.
SMALL_NETWORK = 100_000

Arrays = tuple[np.ndarray, ...]


def raw_outputs(
    spec: NetworkSpec,
    weights: Weights,
    X: Matrix,
    dtype: DTypeLike,
    *,
    auxiliary: bool = False,
) -> np.ndarray:
    """Linear outputs before their activation, (n_samples, n_outputs) of the given dtype."""
    return layer_outputs(spec, weights, X, dtype, spec.raw_outputs[auxiliary])


def predictions(spec: NetworkSpec, raw: np.ndarray) -> np.ndarray:
    """Predictions in the user's units from raw outputs, which may be overwritten."""
    if spec.target_scaling:
        return spec.target_scaling.restored(raw)
    return numpy_activation(spec.output_activation)(raw)


def hidden_outputs(
    spec: NetworkSpec,
    weights: Weights,
    X: Matrix,
    dtype: DTypeLike,
    index: int,
) -> np.ndarray:
    """Activated outputs of hidden layer `index`, (n_samples, units) of the given dtype."""
    return layer_outputs(spec, weights, X, dtype, spec.hidden_outputs[index])


def decoded(
    spec: NetworkSpec, weights: Weights, codes: np.ndarray, dtype: DTypeLike, code: str
) -> np.ndarray:
    """Raw outputs from the outputs of the layer `code`, (n_samples, units)."""
    return layer_outputs(spec, weights, codes, dtype, spec.raw_outputs[0], given=code)


def layer_outputs(
    spec: NetworkSpec,
    weights: Weights,
    X: Matrix,
    dtype: DTypeLike,
    name: str,
    given: str = "",
) -> np.ndarray:
    """Outputs of the layer of this name; X holds the inputs, or the outputs of `given`.

    BLAS rounds the product of one row differently from that of many. So where it is cheap and
    the result is float64, products are computed in float64, and a row's prediction does not
    depend on the rows beside it. Otherwise they are computed in float32, as in training.
    Sparse rows stay sparse, or become dense chunk by chunk if a layer needs them so.
    """
    steps = _steps(spec, name, given)
    arrays = dict(zip(_values_of_row(spec), weights, strict=True))
    n_samples, makes_dense = X.shape[0], is_sparse(X) and not spec.takes_sparse()
    rows, precision = _chunks(spec, steps, arrays, X, dtype)
    theirs = {given, *spec.input_widths()}  # the caller's arrays
    run = [
        _prepared(layer, arrays[layer.arrays_of], precision, {*unneeded} - theirs)
        for layer, unneeded in steps
    ]

    def forward(chunk: Matrix) -> np.ndarray:
        chunk = dense(chunk) if makes_dense else chunk
        values = {given: chunk} if given else spec.inputs(chunk)
        for (layer, unneeded), output in zip(steps, run, strict=True):
            values[layer.name] = output(*[values[source] for source in layer.sources])
            for source in unneeded:  # the next layer reuses its memory, which is in the cache
                del values[source]
        return values[name]

    if n_samples <= rows:
        return forward(X.astype(precision)).astype(dtype, copy=False)
    first = forward(X[:rows].astype(precision, copy=False))
    outputs = np.empty((n_samples, first.shape[1]), dtype=dtype)
    outputs[:rows] = first
    for start in range(rows, n_samples, rows):
        chunk = X[start : start + rows]
        outputs[start : start + rows] = forward(chunk.astype(precision, copy=False))
    return outputs


def _chunks(
    spec: NetworkSpec,
    steps: Sequence[tuple[Layer, Sequence[str]]],
    arrays: Mapping[str, Arrays],
    X: Matrix,
    dtype: DTypeLike,
) -> tuple[int, DTypeLike]:
    """Rows of a chunk, whose values stay in the cache, and the precision of the products."""
    n_samples, stays_sparse = X.shape[0], is_sparse(X) and spec.takes_sparse()
    values_of_row = _values_of_row(spec)
    most = max(
        values_of_row[layer.name]
        for layer, _ in steps
        if not (stays_sparse and layer.kind.keeps_sparse)
    )
    rows = max(MIN_CHUNK_ROWS, CHUNK_VALUES // most)
    if is_sparse(X) and not stays_sparse:
        rows = min(rows, max(MAX_DENSE_VALUES // X.shape[1], 1))
    used = [array for layer, _ in steps for array in arrays[layer.name]]
    is_small = n_samples <= rows and sum(array.size for array in used) <= SMALL_NETWORK
    if n_samples <= FEW_ROWS:
        rows = _rows_for_one_thread(rows, used)
    return rows, dtype if is_small else np.float32


def _rows_for_one_thread(rows: int, arrays: Sequence[np.ndarray]) -> int:
    """Up to `rows`, fewer where that keeps BLAS from sharing products among threads."""
    largest = max((array.size for array in arrays if array.ndim == 2), default=1)
    fewer = PRODUCT_FOR_ONE_THREAD // max(largest, 1)
    return min(rows, fewer) if fewer >= FEWEST_CHUNK_ROWS else rows


@lru_cache(maxsize=128)
def _values_of_row(spec: NetworkSpec) -> dict[str, int]:
    """`Kind.values_of_row` of each layer, in order."""
    layers = spec.layers_and_widths()
    return {layer.name: layer.kind.values_of_row(width) for layer, width in layers}


@lru_cache(maxsize=128)
def _steps(spec: NetworkSpec, name: str, given: str) -> list[tuple[Layer, list[str]]]:
    """The layers that the named one depends on after `given`, itself included, in order.

    Beside each: those of its sources that no later layer uses.
    """
    steps: list[tuple[Layer, list[str]]] = []
    used: set[str] = set()
    for layer in reversed(needed_layers(spec.layers(), name, given)):
        sources = dict.fromkeys(layer.sources)  # some may be there twice
        steps.append((layer, [source for source in sources if source not in used]))
        used.update(layer.sources)
    return steps[::-1]


def _prepared(
    layer: Layer, arrays: Arrays, dtype: DTypeLike, unneeded: set[str]
) -> Callable[..., np.ndarray]:
    """A layer's output after training, of its inputs; it may overwrite those unneeded."""
    if dtype != np.float32:
        arrays = tuple(array.astype(dtype) for array in arrays)
    run = layer.kind.prepared(arrays)
    if layer.kind.returns_input and not unneeded.issuperset(layer.sources):
        return lambda *inputs: run(*(x.copy() for x in inputs))
    return run
