"""Layers taken from another network: as first weights, and computed once where frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from skmlp._data.encoded import EncodedData
from skmlp._engine.watcher import Watcher
from skmlp._kinds.base import Weights
from skmlp._network.frozen_part import cut_of, rows_behind, widths_behind
from skmlp._network.layer_chain import Arrays
from skmlp._network.spec import NetworkSpec
from skmlp._training.job import Job

MAX_BYTES = 2**29  # of outputs of frozen layers for all rows of a fit, float32


def with_reused(weights: Weights, spec: NetworkSpec, reused: Mapping[str, Arrays]) -> Weights:
    """The weights, with those of the reused layers in their place."""
    layers = zip(spec.layers(), weights, strict=True)
    return tuple(reused.get(layer.name, arrays) for layer, arrays in layers)


def cut_for(job: Job, watchers: Sequence[Watcher]) -> str | None:
    """The layer whose outputs a fit is trained on; None if it is trained on the rows.

    Keras callbacks may change frozen weights between epochs.
    """
    if not job.spec.n_frozen or any(watcher.needs_model for watcher in watchers):
        return None
    if job.data.is_sparse and job.spec.n_wide:
        return None  # wide inputs stay sparse
    cut = cut_of(job.spec, _known_weights(job))
    n_rows = job.data.n_rows + (job.validation.n_rows if job.validation else 0)
    n_columns = sum(widths_behind(job.spec, cut).values())
    return cut if 4 * n_rows * n_columns <= MAX_BYTES else None


def behind(rows: EncodedData, job: Job, cut: str | None) -> EncodedData:
    """The rows as the layers behind the cut see them."""
    if cut is None:
        return rows
    return replace(rows, X=rows_behind(job.spec, _known_weights(job), rows.X, cut))


def _known_weights(job: Job) -> Weights:
    """Weights before training: at least those of the reused layers."""
    if job.start is not None:
        return job.start.weights
    return tuple(job.reused.get(layer.name, ()) for layer in job.spec.layers())
