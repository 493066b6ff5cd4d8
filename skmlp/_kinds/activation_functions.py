"""Activations in NumPy, under Keras's names and with Keras's constants.

Fitted networks predict with these: prediction needs no TensorFlow, and a single row takes
microseconds. Each function takes a float array with units on the last axis, may overwrite it,
and returns the activated array in the same dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import erf, expit, log_expit, log_softmax, softmax

NumpyActivation = Callable[[np.ndarray], np.ndarray]

SQRT_HALF = math.sqrt(0.5)
# Klambauer et al. 2017, "Self-Normalizing Neural Networks", section 2.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805
# Maas et al. 2013, "Rectifier Nonlinearities Improve Neural Network Acoustic Models";
# Keras's own default is 0.2 for the function and 0.3 for the layer.
LEAKY_SLOPE = 0.01
MISH_LIMIT = 20.0  # above it, mish(x) is x in float32 and float64


def linear(z: np.ndarray) -> np.ndarray:
    return z


def relu(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0, out=z)


def relu6(z: np.ndarray) -> np.ndarray:
    return np.clip(z, 0, 6, out=z)


def leaky_relu(z: np.ndarray, slope: float = LEAKY_SLOPE) -> np.ndarray:
    chosen = np.maximum if slope <= 1 else np.minimum
    return chosen(z, slope * z, out=z)


def elu(z: np.ndarray) -> np.ndarray:
    # One of the two terms is always zero.
    return np.maximum(z, 0) + np.expm1(np.minimum(z, 0, out=z))


def selu(z: np.ndarray) -> np.ndarray:
    below = np.clip(z, -np.inf, 0)  # takes half the time of np.minimum
    np.expm1(below, out=below)
    below *= SELU_ALPHA
    np.clip(z, 0, np.inf, out=z)
    z += below
    z *= SELU_SCALE
    return z


def exponential(z: np.ndarray) -> np.ndarray:
    return np.exp(z, out=z)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return expit(z, out=z)


def log_sigmoid(z: np.ndarray) -> np.ndarray:
    return log_expit(z, out=z)


def hard_sigmoid(z: np.ndarray) -> np.ndarray:
    return np.clip(z / 6 + 0.5, 0, 1)


def sparse_sigmoid(z: np.ndarray) -> np.ndarray:
    return np.clip(0.5 * (z + 1), 0, 1)


def silu(z: np.ndarray) -> np.ndarray:
    return z * expit(z)


def hard_silu(z: np.ndarray) -> np.ndarray:
    return z * hard_sigmoid(z)


def gelu(z: np.ndarray) -> np.ndarray:
    return 0.5 * z * (1 + erf(SQRT_HALF * z))


def mish(z: np.ndarray) -> np.ndarray:
    """The activation x * tanh(log(1 + exp(x))) of Misra 2019, https://arxiv.org/abs/1908.08681.

    With e = exp(x), the factor of x is (e^2 + 2e) / (e^2 + 2e + 2).
    """
    e = np.minimum(z, MISH_LIMIT)
    np.exp(e, out=e)
    n = e + 2
    n *= e
    np.add(n, 2, out=e)
    n /= e
    n *= z
    return n


def tanh(z: np.ndarray) -> np.ndarray:
    return np.tanh(z, out=z)


def hard_tanh(z: np.ndarray) -> np.ndarray:
    return np.clip(z, -1, 1, out=z)


def tanh_shrink(z: np.ndarray) -> np.ndarray:
    return z - np.tanh(z)


def soft_shrink(z: np.ndarray) -> np.ndarray:
    return z - np.clip(z, -0.5, 0.5)


def hard_shrink(z: np.ndarray) -> np.ndarray:
    return np.where(np.abs(z) > 0.5, z, 0)


def softplus(z: np.ndarray) -> np.ndarray:
    return np.logaddexp(z, 0, out=z)


def sparse_plus(z: np.ndarray) -> np.ndarray:
    return np.where(z < 1, 0.25 * np.square(np.maximum(z + 1, 0)), z)


def squareplus(z: np.ndarray) -> np.ndarray:
    return 0.5 * (z + np.sqrt(np.square(z) + 4))


def softsign(z: np.ndarray) -> np.ndarray:
    return z / (1 + np.abs(z))


def last_axis_softmax(z: np.ndarray) -> np.ndarray:
    return softmax(z, axis=-1)


def last_axis_log_softmax(z: np.ndarray) -> np.ndarray:
    return log_softmax(z, axis=-1)


def sparsemax(z: np.ndarray) -> np.ndarray:
    """Keras's sparsemax: Martins and Astudillo 2016, but with another threshold.

    Keras sums the cumulated values over the support; the paper takes the last of them.
    """
    ordered = -np.sort(-z, axis=-1)
    cumulated = np.cumsum(ordered, axis=-1)
    support = 1 + np.arange(1, z.shape[-1] + 1) * ordered > cumulated
    excess = np.where(support, cumulated, 0).sum(axis=-1, keepdims=True) - 1
    threshold = (excess / support.sum(axis=-1, keepdims=True)).astype(z.dtype)
    return np.maximum(z - threshold, 0)


ACTIVATIONS: dict[str, NumpyActivation] = {
    "celu": elu,  # with Keras's default alpha = 1 the two are one function
    "elu": elu,
    "exponential": exponential,
    "gelu": gelu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "hard_tanh": hard_tanh,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "log_sigmoid": log_sigmoid,
    "log_softmax": last_axis_log_softmax,
    "mish": mish,
    "relu": relu,
    "relu6": relu6,
    "selu": selu,
    "sigmoid": sigmoid,
    "silu": silu,
    "soft_shrink": soft_shrink,
    "softmax": last_axis_softmax,
    "softplus": softplus,
    "softsign": softsign,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "tanh": tanh,
    "tanh_shrink": tanh_shrink,
}

# Alternative names: scikit-learn's, and Keras's own.
SYNONYMS = {
    "identity": "linear",
    "logistic": "sigmoid",
    "exp": "exponential",
    "swish": "silu",
    "hard_swish": "hard_silu",
}


def numpy_activation(activation: str | Callable) -> NumpyActivation:
    """The NumPy function behind a canonical activation without weights.

    The user's own function may return a tensor; its result is converted to an array.
    """
    if isinstance(activation, str):
        return ACTIVATIONS[activation]
    return lambda z: np.asarray(activation(z), dtype=z.dtype)
