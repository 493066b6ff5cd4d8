"""Keras layers of the networks here that Keras does not have.

Keras loads a saved model that contains them once this module is imported.
"""

from skmlp.layers._autoencoder import GaussianNoise, MaskingNoise, TiedDense
from skmlp.layers._embedding import (
    LevelEmbedding,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from skmlp.layers._tabular import NTKDense, ParametricActivation, Scaling

__all__ = [
    "GaussianNoise",
    "LevelEmbedding",
    "MaskingNoise",
    "NTKDense",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "Scaling",
    "TiedDense",
]
