"""Layer by layer: the training of an autoencoder's layers before the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.stopping import StopReason
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.inference import hidden_outputs
from skmlp._network.spec import NetworkSpec
from skmlp._training.bars import progress
from skmlp._training.job import Job
from skmlp._training.mishaps import warn_of_mishap

if TYPE_CHECKING:
    from skmlp._engine.fit import Measure


def train_layers(
    job: Job,
    name: str,
    score_of: Callable[[NetworkSpec], Measure | None],
    *,
    shows_bars: bool = False,
) -> list[FittedNetwork]:
    """Train an autoencoder of one layer for each layer of the encoder, from the first.

    Each is trained on the codes of the one before (Bengio et al. 2007), as the job says.
    Raises KeyboardInterrupt if one of them is interrupted.
    """
    spec = job.spec
    assert isinstance(spec, AutoencoderSpec)
    layers: list[FittedNetwork] = []
    data, validation = job.data, job.validation
    n_layers = len(spec.encoder_units)
    for i in range(1, n_layers + 1):
        if layers:
            data = _codes(layers[-1], data)
            validation = validation and _codes(layers[-1], validation)
        of_layer = replace(
            job,
            spec=spec.of_layer(i),
            data=data,
            validation=validation,
            loss=job.loss if i == 1 else "squared_error",
            score=score_of(spec.of_layer(i)),
            metrics={},
            callbacks=(),
            checkpoint=None,
        )
        layers.append(_trained(of_layer, f"{name}, layer {i} of {n_layers}", shows_bars))
    return layers


def _codes(network: FittedNetwork, rows: EncodedData) -> EncodedData:
    """The codes of rows, to be reconstructed by the next layer."""
    codes = hidden_outputs(network.spec, network.weights, rows.X, np.float32, 0)
    return EncodedData(codes, codes, rows.weight)


def _trained(job: Job, name: str, shows_bar: bool) -> FittedNetwork:
    from skmlp._training.train import train_network  # imports TensorFlow

    with progress(name, job.epochs, shown=shows_bar) as bars:
        layer = train_network(job, bars)
    state = layer.training
    if state.reason is StopReason.INTERRUPTED:
        raise KeyboardInterrupt
    warn_of_mishap(name, state)
    return layer
