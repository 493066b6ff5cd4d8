"""Threads in which several programs run at the same time."""

from __future__ import annotations

from joblib import cpu_count

from skmlp._keras.tensorflow import tf


def n_threads(n_workers: int) -> int:
    """As many as TensorFlow has for independent operations, or `n_workers` if these are more.

    An epoch of a small network, or of a stack, keeps one processor busy; on a GPU it keeps all
    of it busy, so there are `n_workers`.
    """
    if tf.config.list_physical_devices("GPU"):
        return n_workers
    n = tf.config.threading.get_inter_op_parallelism_threads()  # 0: one a processor
    return max(n_workers, min(n or cpu_count(), cpu_count()))
