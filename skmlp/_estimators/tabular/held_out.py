"""Rows that networks of an ensemble hold out, and the networks that did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from skmlp._checkpoints.digests import digest
from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._training.job import Job

HeldOut = Mapping[EncodedData, Sequence[FittedNetwork]]  # networks by the rows they held out


def digests_of_held_out(jobs: Sequence[Job]) -> tuple[str | None, ...]:
    """Digests of the rows that the network of each job holds out; None: it holds out none."""
    held_out = dict.fromkeys(job.validation for job in jobs)
    digests = {rows: None if rows is None else digest(rows.arrays) for rows in held_out}
    return tuple(digests[job.validation] for job in jobs)


def networks_by_held_out(jobs: Iterable[Job], networks: Iterable[FittedNetwork]) -> HeldOut:
    """The networks of jobs that held out rows, by these rows."""
    found: dict[EncodedData, list[FittedNetwork]] = {}
    for job, network in zip(jobs, networks, strict=True):
        if job.validation is not None:
            found.setdefault(job.validation, []).append(network)
    return found


def errors_of(raw: Mapping[EncodedData, np.ndarray]) -> np.ndarray:
    """Targets less the mean of networks, (n_rows, n_units), given raw outputs of the networks
    for each set of rows.
    """
    return np.concatenate([rows.y - of_set.mean(axis=0) for rows, of_set in raw.items()])
