"""TensorFlow and Keras for all modules: imported quietly, limited to a worker's cores."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Make a TensorFlow that is imported in this block log fatal errors only.

    TensorFlow reads the level once, at import, so the environment is restored after the block.
    A level that is already set, or a TensorFlow already imported, is left alone.
    """
    is_new = "tensorflow" not in sys.modules and LOG_LEVEL not in os.environ
    if is_new:
        os.environ[LOG_LEVEL] = "3"
    try:
        yield
    finally:
        if is_new:
            del os.environ[LOG_LEVEL]


with _quiet_start():
    import keras
    import tensorflow as tf

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "skmlp trains with Keras on TensorFlow, but Keras runs on "
        f"{keras.backend.backend()!r}; set the environment variable "
        "KERAS_BACKEND=tensorflow before Keras is first imported."
    )


# A forked child inherits this from its parent.
STARTED_IN = os.getpid()


def refuse_forked_process() -> None:
    """Raise RuntimeError in a child forked from a process that had started TensorFlow.

    TensorFlow's threads do not exist in the child, which would wait for them forever.
    """
    if os.getpid() != STARTED_IN:
        raise RuntimeError(
            "TensorFlow must not run in a process forked from one that has started it, where "
            f"it waits forever; got process {os.getpid()}, forked from {STARTED_IN}; use "
            "joblib's backends 'loky' or 'threading', or multiprocessing's start method "
            "'spawn'."
        )


def _hold_to_share() -> None:
    """In a worker process, limit TensorFlow to the threads that joblib grants it.

    joblib sets a worker's share (`inner_max_num_threads`) as OpenMP's number of threads. A
    worker is a separate process, so the user's own is unaffected; a TensorFlow that has run
    before is left alone. On a GPU, workers take memory as they need it, not all at once.
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


_hold_to_share()

__all__ = ["keras", "refuse_forked_process", "tf"]
