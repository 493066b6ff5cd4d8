"""Training: alone, or with the other fits of a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from skmlp._data.arrays import EncodedData
from skmlp._engine import KerasCallbacks, Run, Watcher
from skmlp._network.inference import raw_outputs
from skmlp._network.state import FittedState, Weights
from skmlp._training.alone import Fit
from skmlp._training.gathering import TRAIN
from skmlp._training.job import Job
from skmlp._training.preparation import is_small_full_batch


def train_network(
    job: Job,
    data: EncodedData,
    validation_data: EncodedData | None,
    watchers: Sequence[Watcher],
) -> tuple[FittedState, Run]:
    """Train a network; its weights and its optimizer's state come out as NumPy arrays."""
    metrics = _training_metrics(job, data) if job.metrics else None
    if is_small_full_batch(job, data.n_rows):
        data = data.merged()
    if job.callbacks:
        keras_callbacks = KerasCallbacks(job.callbacks, job.epochs, job.loss_weights)
        watchers = [*watchers, keras_callbacks]
    return TRAIN.get()(Fit(job, data, validation_data, metrics), watchers)


def _training_metrics(job: Job, data: EncodedData) -> Callable[[Weights], dict[str, float]]:
    def metrics(weights: Weights) -> dict[str, float]:
        return job.measured(
            data, raw_outputs(FittedState(job.spec, weights), data.X, np.float32)
        )

    return metrics
