"""Multilayer perceptrons for scikit-learn, trained by compiled Keras programs."""

from skmlp._classifier import MLPClassifier
from skmlp._regressor import MLPRegressor

__version__ = "0.1.0"

__all__ = ["MLPClassifier", "MLPRegressor", "__version__"]
