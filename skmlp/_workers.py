"""TensorFlow in worker processes, held to the worker's share of the machine."""

from __future__ import annotations

import multiprocessing
import os
from functools import cache

import tensorflow as tf


@cache
def hold_to_share() -> None:
    """In a worker process, limit TensorFlow's threads to those that joblib grants it.

    joblib tells a worker its share (`inner_max_num_threads`) as it tells OpenMP. A worker is a
    process of its own, so nothing of the user's is changed; where TensorFlow has run before,
    it stays as it is. On a GPU workers take memory as they need it, not all at once.
    """
    share = os.environ.get("OMP_NUM_THREADS", "")
    if multiprocessing.parent_process() is None or not share.isdigit():
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(int(share))
        tf.config.threading.set_inter_op_parallelism_threads(int(share))
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:  # TensorFlow has started already
        return
