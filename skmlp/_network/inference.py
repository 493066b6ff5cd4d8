"""The forward pass in NumPy.

For one row, `keras.Model.predict` takes tens of milliseconds, a compiled function some hundred
microseconds, and the products of a dense network in NumPy ten. Large inputs are processed in
chunks that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from skmlp._network.activations import numpy_activation
from skmlp._network.kinds import Weights
from skmlp._network.spec import Layer, NetworkSpec, flow

# Values of the widest layer in memory: 10,000 rows of 30 units fit in a level-2 cache.
CHUNK_VALUES = 300_000
MIN_CHUNK_ROWS = 256
# Up to this many weights, and for one chunk of rows, double precision costs next to nothing.
SMALL_NETWORK = 100_000


Arrays = tuple[np.ndarray, ...]


def raw_outputs(
    spec: NetworkSpec,
    weights: Weights,
    X: np.ndarray | sparse.spmatrix,
    dtype: DTypeLike,
    *,
    auxiliary: bool = False,
) -> np.ndarray:
    """Linear outputs before their activation, (n_samples, n_outputs) of the given dtype."""
    return _outputs(spec, weights, X, dtype, spec.raw_outputs[auxiliary])


def predictions(spec: NetworkSpec, raw: np.ndarray) -> np.ndarray:
    """Predictions in the user's units from raw outputs, which may be overwritten."""
    if spec.target_scaling:
        return spec.target_scaling.restored(raw)
    return numpy_activation(spec.output_activation)(raw)


def hidden_outputs(
    spec: NetworkSpec,
    weights: Weights,
    X: np.ndarray | sparse.spmatrix,
    dtype: DTypeLike,
    index: int,
) -> np.ndarray:
    """Activated outputs of hidden layer `index`, (n_samples, units) of the given dtype."""
    return _outputs(spec, weights, X, dtype, f"activation_{index + 1}")


def _outputs(
    spec: NetworkSpec,
    weights: Weights,
    X: np.ndarray | sparse.spmatrix,
    dtype: DTypeLike,
    name: str,
) -> np.ndarray:
    """Outputs of the layer of this name.

    BLAS rounds the product of one row differently from that of many. So where it is cheap and
    the result is float64, products are computed in float64, and a row's prediction does not
    depend on the rows beside it. Otherwise they are computed in float32, as in training.
    """
    all_layers = spec.layers()
    arrays = {layer.name: of_layer for layer, of_layer in zip(all_layers, weights, strict=True)}
    layers = _needed_for(name, all_layers)
    n_samples = X.shape[0]
    units = units_of_layers(spec)
    rows = max(MIN_CHUNK_ROWS, CHUNK_VALUES // max(units[layer.name] for layer in layers))

    def forward(chunk: np.ndarray | sparse.spmatrix) -> np.ndarray:
        return flow(
            layers,
            spec.inputs(chunk),
            lambda layer, *values: _run(layer, arrays[layer.name], *values),
        )[name]

    if n_samples <= rows:
        n_weights = sum(array.size for layer in layers for array in arrays[layer.name])
        precision = dtype if n_weights <= SMALL_NETWORK else np.float32
        return forward(X.astype(precision)).astype(dtype, copy=False)
    outputs = np.empty((n_samples, units[name]), dtype=dtype)
    for start in range(0, n_samples, rows):
        outputs[start : start + rows] = forward(X[start : start + rows])
    return outputs


@lru_cache(maxsize=128)
def units_of_layers(spec: NetworkSpec) -> dict[str, int]:
    """Units by layer."""
    return {layer.name: layer.kind.units(width) for layer, width in spec.layers_and_widths()}


def _needed_for(name: str, layers: Sequence[Layer]) -> list[Layer]:
    """The layers that the named layer depends on, itself included, in order."""
    wanted, needed = {name}, []
    for layer in reversed(layers):
        if layer.name in wanted:
            wanted.update(layer.sources)
            needed.append(layer)
    return needed[::-1]


def _run(layer: Layer, arrays: Arrays, *inputs: np.ndarray) -> np.ndarray:
    """A layer's output after training; may overwrite its input."""
    if arrays:
        arrays = tuple(array.astype(inputs[0].dtype, copy=False) for array in arrays)
    return layer.kind.numpy(arrays, *inputs)
