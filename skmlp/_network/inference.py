"""The forward pass in NumPy.

`keras.Model.predict` takes tens of milliseconds a call and a compiled function some
hundred microseconds; a dense network's products in NumPy take ten for one row. Large
inputs go through in chunks that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from skmlp._network.activations import numpy_activation
from skmlp._network.kinds import Dense, Weights
from skmlp._network.spec import Layer, NetworkSpec, flow

# Values of the widest layer held at once: 10,000 rows of 30 units fit in a level-2 cache.
CHUNK_VALUES = 300_000
MIN_CHUNK_ROWS = 256
# Up to so many weights, and one chunk of rows, double precision costs next to nothing.
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
    """Predictions, in the user's units, of raw outputs, which may be overwritten."""
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
    """What comes out of the layer of this name.

    A BLAS rounds the product of one row otherwise than that of many. Where it is cheap and
    the result is float64, products are therefore done in float64: a row's prediction then
    does not depend on the rows beside it. Else they are done in float32, as in training.
    """
    layers = list(spec.layers())
    arrays = {layer.name: of_layer for layer, of_layer in zip(layers, weights, strict=True)}
    layers = _needed_for(name, layers)
    n_samples = X.shape[0]
    widths = [layer.kind.n_units for layer in layers if isinstance(layer.kind, Dense)]
    rows = max(MIN_CHUNK_ROWS, CHUNK_VALUES // max(widths))

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
    outputs = np.empty((n_samples, widths[-1]), dtype=dtype)
    for start in range(0, n_samples, rows):
        outputs[start : start + rows] = forward(X[start : start + rows])
    return outputs


def _needed_for(name: str, layers: Sequence[Layer]) -> list[Layer]:
    """The layers on the way to the one of this name, in order."""
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
