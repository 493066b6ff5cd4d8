"""An epoch of training written by hand: the lower bound that skmlp is measured against."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

MAX_PACKED = 4096  # numbers of an array


def hand_written_epoch(
    data: tuple[np.ndarray, np.ndarray],
    units: tuple[int, ...],
    batch_size: int,
    optimizer: keras.optimizers.Optimizer,
) -> Callable[[], float]:
    """A function that trains one epoch of a ReLU network: what there is to do and no more.

    Arrays of up to 4,096 numbers are packed into one variable, of which the layers see slices;
    Keras's optimizer steps the variables. The first call traces and compiles.
    """
    X, y = data
    is_classes = y.dtype != np.float32
    n_batches = -(-len(X) // batch_size)
    n_outputs = 10 if is_classes else 1
    shapes = []
    for n_in, n_out in itertools.pairwise([X.shape[1], *units, n_outputs]):
        shapes += [(n_in, n_out), (n_out,)]
    sizes = [int(np.prod(shape)) for shape in shapes]
    small = [i for i, size in enumerate(sizes) if size <= MAX_PACKED]
    large = [i for i, size in enumerate(sizes) if size > MAX_PACKED]
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.05, shape).astype(np.float32) for shape in shapes]
    packed = np.concatenate([weights[i].ravel() for i in small])
    variables = [keras.Variable(array) for array in [*(weights[i] for i in large), packed]]
    optimizer.build(variables)
    X, y = tf.constant(X), tf.constant(y.astype(np.int32) if is_classes else y[:, None])

    def arrays() -> list[tf.Tensor]:
        *kernels, packed = (tf.convert_to_tensor(variable.value) for variable in variables)
        parts = dict(zip(large, kernels, strict=True))
        parts |= zip(small, tf.split(packed, [sizes[i] for i in small]), strict=True)
        return [tf.reshape(parts[i], shape) for i, shape in enumerate(shapes)]

    def mean_loss(index: tf.Tensor, w: list[tf.Tensor]) -> tf.Tensor:
        raw, target = tf.gather(X, index), tf.gather(y, index)
        for i in range(0, len(w), 2):
            raw = (tf.nn.relu(raw) if i else raw) @ w[i] + w[i + 1]
        if is_classes:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(target, raw)
        else:
            losses = (raw - target) ** 2
        return tf.reduce_mean(losses)

    @tf.function(jit_compile=True, autograph=False)
    def epoch(order: tf.Tensor) -> tf.Tensor:
        def batch(i, total):  # type: ignore[no-untyped-def]
            index = tf.slice(order, [i * batch_size], [batch_size])
            w = arrays()
            with tf.GradientTape() as tape:
                tape.watch(w)
                loss = mean_loss(index, w)
            gradients = tape.gradient(loss, w)
            packed = tf.concat([tf.reshape(gradients[i], [-1]) for i in small], axis=0)
            optimizer.apply([*(gradients[i] for i in large), packed], variables)
            return i + 1, total + loss

        return tf.while_loop(lambda i, _: i < n_batches, batch, (0, 0.0))[1] / n_batches

    def train() -> float:
        # The first rows fill up the last batch.
        order = np.resize(rng.permutation(len(X)), n_batches * batch_size)
        return float(epoch(tf.constant(order.astype(np.int32))))

    return train
