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

from skmlp._activations import numpy_activation
from skmlp._state import FittedState

# Values of the widest layer held at once: 10,000 rows of 30 units fit in a level-2 cache.
CHUNK_VALUES = 300_000
MIN_CHUNK_ROWS = 256
# Up to so many weights, and one chunk of rows, double precision costs next to nothing.
SMALL_NETWORK = 100_000


def raw_outputs(
    state: FittedState, X: np.ndarray | sparse.spmatrix, dtype: DTypeLike
) -> np.ndarray:
    """Linear outputs of the last layer, of shape (n_samples, n_outputs) and the given dtype.

    A BLAS rounds the product of one row otherwise than that of many. Where it is cheap and
    the result is float64, products are therefore done in float64: a row's prediction then
    does not depend on the rows beside it. Else they are done in float32, as in training.
    """
    n_samples = X.shape[0]
    rows = max(MIN_CHUNK_ROWS, CHUNK_VALUES // max(state.spec.shape()[1:]))
    if n_samples <= rows:
        n_weights = sum(weight.size for weight in state.weights)
        precision = dtype if n_weights <= SMALL_NETWORK else np.float32
        weights = [weight.astype(precision, copy=False) for weight in state.weights]
        return _forward(state, weights, X.astype(precision)).astype(dtype, copy=False)
    outputs = np.empty((n_samples, state.spec.n_outputs), dtype=dtype)
    for start in range(0, n_samples, rows):
        chunk = X[start : start + rows]
        outputs[start : start + rows] = _forward(state, state.weights, chunk)
    return outputs


def _forward(
    state: FittedState, weights: Sequence[np.ndarray], values: np.ndarray | sparse.spmatrix
) -> np.ndarray:
    activate = numpy_activation(state.spec.activation)
    last = len(weights) - 2
    for i in range(0, len(weights), 2):
        values = values @ weights[i]
        values += weights[i + 1]
        if i < last:
            values = activate(values)
    return values
