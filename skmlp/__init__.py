"""Multilayer perceptrons for scikit-learn, trained by compiled Keras programs."""

from skmlp._displays.learning_rate import LearningRateDisplay, find_learning_rate
from skmlp._displays.loss_curve import LossCurveDisplay
from skmlp._displays.weight_histogram import WeightHistogramDisplay
from skmlp._estimators.keras_classifier import KerasClassifier
from skmlp._estimators.keras_regressor import KerasRegressor
from skmlp._estimators.mlp_autoencoder import MLPAutoencoder
from skmlp._estimators.mlp_classifier import MLPClassifier
from skmlp._estimators.mlp_regressor import MLPRegressor
from skmlp._estimators.saved_types import skops_trusted_types
from skmlp._estimators.tabular_classifier import TabularClassifier
from skmlp._estimators.tabular_regressor import TabularRegressor
from skmlp._estimators.wide_deep_classifier import WideDeepClassifier
from skmlp._estimators.wide_deep_regressor import WideDeepRegressor
from skmlp._export.keras_model import to_keras

__version__ = "0.1.0"

__all__ = [
    "KerasClassifier",
    "KerasRegressor",
    "LearningRateDisplay",
    "LossCurveDisplay",
    "MLPAutoencoder",
    "MLPClassifier",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "WeightHistogramDisplay",
    "WideDeepClassifier",
    "WideDeepRegressor",
    "__version__",
    "find_learning_rate",
    "skops_trusted_types",
    "to_keras",
]
