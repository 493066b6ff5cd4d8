"""scikit-learn's own checks of its contract, with no expected failure."""

from unittest import SkipTest

import keras
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from skmlp import (
    KerasClassifier,
    KerasRegressor,
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
)
from skmlp._estimators.tabular.base import BaseTabular

ESTIMATORS = (
    MLPRegressor,
    MLPClassifier,
    MLPAutoencoder,
    WideDeepRegressor,
    WideDeepClassifier,
    TabularRegressor,
    TabularClassifier,
)
# A network that compiles and trains quickly.
SMALL = {
    "hidden_layer_sizes": (10,),
    "optimizer": "rmsprop",
    "learning_rate": 0.02,
    "epochs": 10,
    "batch_size": 32,
}
SMALL_TABULAR = {
    "n_estimators": 2,
    "hidden_layer_sizes": (16,),
    "learning_rate": 0.1,
    "epochs": 3,
    "batch_size": 32,
}
SMALL_KERAS = {name: SMALL[name] for name in ("optimizer", "learning_rate", "epochs")}


def of_keras(meta):
    """The network of SMALL."""
    n_outputs, activation = meta["n_outputs_"], "linear"
    if "classes_" in meta:
        is_multiclass = meta["target_type_"] == "multiclass"
        n_outputs = meta["n_classes_"] if is_multiclass else n_outputs
        activation = "softmax" if is_multiclass else "sigmoid"
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(10, activation="relu"),
            keras.layers.Dense(n_outputs, activation=activation),
        ]
    )


# Checks of how well an estimator learns: of the defaults too, and for more epochs
OF_LEARNING = (
    "check_class_weight_classifiers",
    "check_classifiers_train",
    "check_regressors_train",
)


def checks():
    for cls in ESTIMATORS:
        is_tabular = issubclass(cls, BaseTabular)
        for params in (SMALL_TABULAR if is_tabular else SMALL, {}):
            kind = cls.__name__ if params else f"{cls.__name__} of defaults"
            for i, (estimator, check) in enumerate(estimator_checks_generator(cls(**params))):
                name = check.func.__name__
                if params and is_tabular and name in OF_LEARNING:
                    estimator.set_params(epochs=12)
                is_quick = params or (name in OF_LEARNING and not is_tabular)
                marks = () if is_quick else pytest.mark.slow
                yield pytest.param(estimator, check, id=f"{kind}-{name}-{i}", marks=marks)
    for cls in (KerasRegressor, KerasClassifier):
        generated = estimator_checks_generator(cls(of_keras, **SMALL_KERAS))
        for i, (estimator, check) in enumerate(generated):
            yield pytest.param(estimator, check, id=f"{cls.__name__}-{check.func.__name__}-{i}")


@pytest.mark.filterwarnings("ignore:'y' holds a single class")  # one check has a single class
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_contract(estimator, check):
    try:
        check(estimator)
    except SkipTest as skip:  # scikit-learn skips checks of features that the estimator lacks
        pytest.skip(str(skip))
