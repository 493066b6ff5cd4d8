"""Weights that training begins with."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.keras_model import first_keras_weights, initial_weights
from skmlp._network.keras_network import KerasSpec
from skmlp._network.kinds import Weights
from skmlp._network.mlp import MLPSpec
from skmlp._network.spec import NetworkSpec
from skmlp._network.tabular import TabularSpec, first_tabular_weights
from skmlp._training.job import Job
from skmlp._training.reuse import with_reused


def first_weights(job: Job, built: Weights) -> Weights:
    """Those of the fit that a job resumes; otherwise new ones, with reused layers in place."""
    if job.start is not None:
        return job.start.weights
    if job.first_weights is not None:
        return with_reused(job.first_weights, job.spec, job.reused)
    data, X = job.data, None
    if isinstance(job.spec, KerasSpec):  # whose `Normalization` may adapt to the rows
        X = data.X if data.weight.all() else data.X[data.weight > 0]
    drawn = drawn_weights(
        job.spec,
        job.seed,
        built,
        kernel_initializer=job.kernel_initializer,
        bin_edges=job.bin_edges,
        X=X,
    )
    return with_reused(drawn, job.spec, job.reused)


def drawn_weights(
    spec: NetworkSpec,
    seed: int,
    built: Weights,
    *,
    kernel_initializer: Any = "auto",
    bin_edges: np.ndarray | None = None,
    X: np.ndarray | None = None,
) -> Weights:
    """New weights, drawn from a seed; `built` are those of `Network`.

    The weights of a tabular network hold `bin_edges`. A user's network adapts to the rows X.
    """
    if isinstance(spec, TabularSpec):
        return first_tabular_weights(spec, bin_edges, seed)
    if isinstance(spec, KerasSpec):
        assert X is not None
        return first_keras_weights(spec, X, seed)
    assert isinstance(spec, (MLPSpec, AutoencoderSpec))
    return initial_weights(built, spec, kernel_initializer, seed)
