"""Activations as ONNX nodes, under Keras's names."""

from __future__ import annotations

from collections.abc import Callable

from skmlp._kinds.activation_functions import LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE, SQRT_HALF
from skmlp.onnx._graph import INT64, Value


def leaky_relu(x: Value, slope: float = LEAKY_SLOPE) -> Value:
    return x.op("LeakyRelu", alpha=slope)


def hard_sigmoid(x: Value) -> Value:
    return (x * (1 / 6) + 0.5).clip(0, 1)


def gelu(x: Value) -> Value:
    return 0.5 * x * (1 + (SQRT_HALF * x).op("Erf"))


def sparse_plus(x: Value) -> Value:
    root = (x + 1).op("Relu")
    return (x < 1).where(0.25 * (root * root), x)


def sparsemax(x: Value) -> Value:
    """Keras's: see `_kinds/activation_functions.py`."""
    ordered = x.graph.ordered(x, descending=True)
    last = x.graph.constant(1, INT64)
    cumulated = ordered.op("CumSum", last)
    rank = (ordered * 0 + 1).op("CumSum", last)
    support = 1 + rank * ordered > cumulated
    excess = support.where(cumulated, 0).sum() - 1
    return (x - excess / support.cast(x.dtype).sum()).op("Relu")


def hard_shrink(x: Value) -> Value:
    return (x.op("Abs") > 0.5).where(x, 0)


def squareplus(x: Value) -> Value:
    return 0.5 * (x + (x * x + 4).op("Sqrt"))


ACTIVATIONS: dict[str, Callable[[Value], Value]] = {
    "celu": lambda x: x.op("Elu", alpha=1.0),
    "elu": lambda x: x.op("Elu", alpha=1.0),
    "exponential": lambda x: x.op("Exp"),
    "gelu": gelu,
    "hard_shrink": hard_shrink,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": lambda x: x * hard_sigmoid(x),
    "hard_tanh": lambda x: x.clip(-1, 1),
    "leaky_relu": leaky_relu,
    "linear": lambda x: x,
    "log_sigmoid": lambda x: -(-x).op("Softplus"),
    "log_softmax": lambda x: x.op("LogSoftmax", axis=1),
    "mish": lambda x: x * x.op("Softplus").op("Tanh"),
    "relu": lambda x: x.op("Relu"),
    "relu6": lambda x: x.clip(0, 6),
    "selu": lambda x: x.op("Selu", alpha=SELU_ALPHA, gamma=SELU_SCALE),
    "sigmoid": lambda x: x.op("Sigmoid"),
    "silu": lambda x: x * x.op("Sigmoid"),
    "soft_shrink": lambda x: x - x.clip(-0.5, 0.5),
    "softmax": lambda x: x.op("Softmax", axis=1),
    "softplus": lambda x: x.op("Softplus"),
    "softsign": lambda x: x.op("Softsign"),
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": lambda x: (0.5 * (x + 1)).clip(0, 1),
    "sparsemax": sparsemax,
    "squareplus": squareplus,
    "tanh": lambda x: x.op("Tanh"),
    "tanh_shrink": lambda x: x - x.op("Tanh"),
}
