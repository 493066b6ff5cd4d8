"""Weights that training begins with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from skmlp._kinds.base import Weights
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.keras_model import initial_weights
from skmlp._network.mlp import MLPSpec
from skmlp._network.spec import NetworkSpec
from skmlp._network.tabular import TabularSpec, first_tabular_weights
from skmlp._training.job import Job
from skmlp._training.reuse import with_reused


def first_weights(job: Job, built: Weights) -> Weights:
    """Those of the fit that a job resumes; otherwise new ones, with reused layers in place.

    `built` are those of `Network`.
    """
    if job.start is not None:
        return job.start.weights
    if job.first_weights is not None:
        return with_reused(job.first_weights, job.spec, job.reused)
    if job.as_built is not None:
        return with_reused(by_layer(job.as_built, built), job.spec, job.reused)
    drawn = drawn_weights(
        job.spec,
        job.seed,
        built,
        kernel_initializer=job.kernel_initializer,
        bin_edges=job.bin_edges,
    )
    return with_reused(drawn, job.spec, job.reused)


def drawn_weights(
    spec: NetworkSpec,
    seed: int,
    built: Weights,
    *,
    kernel_initializer: Any = "auto",
    bin_edges: np.ndarray | None = None,
) -> Weights:
    """New weights, drawn from a seed.

    The weights of a tabular network hold `bin_edges`.
    """
    if isinstance(spec, TabularSpec):
        return first_tabular_weights(spec, bin_edges, seed)
    assert isinstance(spec, (MLPSpec, AutoencoderSpec))
    return initial_weights(built, spec, kernel_initializer, seed)


def by_layer(arrays: Sequence[np.ndarray], built: Weights) -> Weights:
    """The arrays of a network in order, as tuples for its layers."""
    left = iter(arrays)
    return tuple(tuple(islice(left, len(of_layer))) for of_layer in built)
