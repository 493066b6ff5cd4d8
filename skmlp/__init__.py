"""Multilayer perceptrons for scikit-learn, trained by compiled Keras programs."""

from skmlp._displays.learning_rate import LearningRateDisplay, find_learning_rate
from skmlp._displays.loss_curve import LossCurveDisplay
from skmlp._displays.weight_histogram import WeightHistogramDisplay
from skmlp._estimators.autoencoder.mlp import MLPAutoencoder
from skmlp._estimators.keras.classifier import KerasClassifier
from skmlp._estimators.keras.regressor import KerasRegressor
from skmlp._estimators.mlp.classifier import MLPClassifier
from skmlp._estimators.mlp.regressor import MLPRegressor
from skmlp._estimators.tabular.classifier import TabularClassifier
from skmlp._estimators.tabular.regressor import TabularRegressor
from skmlp._estimators.wide_deep.classifier import WideDeepClassifier
from skmlp._estimators.wide_deep.regressor import WideDeepRegressor
from skmlp._export.keras_model import to_keras
from skmlp._export.saved_types import skops_trusted_types

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
