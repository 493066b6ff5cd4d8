"""All values of all parameters with all kinds of target train, twice to the same bits.

Each case sets many parameters at once, since a network takes longer to compile than to train.
Narrow down a failing case by dropping values from it.
"""

import pickle

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skmlp import MLPClassifier, MLPRegressor, WideDeepClassifier, WideDeepRegressor

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 4))
SIGNAL = X[:, 0] - X[:, 1] ** 2
TARGETS = {
    "regression": SIGNAL,
    "binary": np.where(SIGNAL > -0.5, "yes", "no"),
    "multiclass": np.digitize(SIGNAL, [-1.5, 0]),
    "multilabel": np.column_stack([SIGNAL > -0.5, X[:, 2] > 0, X[:, 3] > 0.5]).astype(int),
}


def falling(epoch):
    return 0.05 / (1 + epoch)


# SGD compiles fastest; the other optimizers have tests of their own
COMMON = {
    "hidden_layer_sizes": (4,),
    "batch_size": 25,
    "epochs": 2,
    "random_state": 0,
    "optimizer": "sgd",
}
HIDDEN_LAYER = [RNG.normal(size=(4, 4))], [np.ones(4)]
CASES = {
    "no sizes": {
        "hidden_layer_sizes": (),
        "l1": 0.01,
        "momentum": 0.9,
        "nesterov": True,
        "clipvalue": 0.1,
        "learning_rate_schedule": "constant",
        "batch_size": 7,
        "shuffle": False,
        "n_iter_no_change": np.inf,
        "warm_start": True,
    },
    "no hidden layers": {
        "n_hidden": 0,
        "kernel_initializer": "he_uniform",
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "input_dropout": 0.2,
        "learning_rate_schedule": "plateau",
        "batch_size": "auto",
        "n_iter_no_change": 1,
        "label_smoothing": 0.1,
        "class_weight": "balanced",
    },
    "one size": {
        "hidden_layer_sizes": 3,
        "activation": "leaky_relu",
        "normalization": "batch",
        "dropout": (0.3,),
        "clipnorm": 0.1,
        "learning_rate_schedule": "exponential",
        "decay_rate": 0.5,
        "decay_steps": 2,
        "early_stopping": True,
        "scoring": "loss",
        "tol": 0.0,
    },
    "two sizes": {
        "hidden_layer_sizes": (3, 2),
        "activation": "prelu",
        "normalization": "layer",
        "normalize_y": True,
        "l2": 0.01,
        "learning_rate_schedule": "cosine",
        "checkpoint_every": 2,
        "verbose": 1,
    },
    "two layers": {
        "n_hidden": 2,
        "activation": "rrelu",
        "kernel_initializer": "glorot_normal",
        "dropout": 0.3,
        "global_clipnorm": 0.1,
        "ema_decay": 0.9,
        "learning_rate_schedule": "warmup_cosine",
        "warmup_steps": 2,
        "epochs": 1,
    },
    "neurons": {
        "n_neurons": 4,
        "activation": "selu",
        "dropout": 0.3,
        "learning_rate": 0.1,
        "learning_rate_schedule": "one_cycle",
        "pretrained": HIDDEN_LAYER,
        "n_reused_layers": 1,
        "reused_rate_factor": 0.5,
        "output_activation": "softplus",
        "early_stopping": True,
        "validation_fraction": 0.4,
        "scoring": {
            "regression": "neg_mean_squared_error",
            "binary": "accuracy",
            "multiclass": "accuracy",
            "multilabel": "accuracy",
        },
    },
    "layers of Keras": {
        "activation": keras.layers.ELU(alpha=0.5),
        "normalization": keras.layers.BatchNormalization(momentum=0.9),
        "kernel_initializer": keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="uniform"
        ),
        "learning_rate_schedule": keras.optimizers.schedules.PolynomialDecay(0.01, 4),
    },
    "wide columns": {
        "wide_features": [0, 1],
        "deep_features": [True, False, True, True],
        "wide_l1": 0.01,
        "wide_optimizer": "ftrl",
        "activation": keras.ops.sin,
        "optimizer": keras.optimizers.RMSprop(0.01),
        "learning_rate_schedule": falling,
    },
    "wide crosses": {
        "wide_features": slice(1, 3),
        "wide_crosses": [(0, 1), (2, 2)],
        "wide_hash_buckets": 1,
        "wide_l2": 0.01,
        "wide_optimizer": keras.optimizers.Adagrad(0.01),
        "aux_loss_weight": 0.2,
        "activation": "logistic",
        "pretrained": HIDDEN_LAYER,
        "n_frozen_layers": 1,
        "loss": "squared_error",
        "learning_rate_schedule": "inverse_time",
        "batch_size": 1000,
        "metrics": {
            "regression": ["r2", "MeanSquaredError"],
            "binary": "roc_auc_ovr",
            "multiclass": "roc_auc_ovr",
            "multilabel": "roc_auc_ovr",
        },
    },
}
# parameters that one kind of target lacks
ONLY = {
    "normalize_y": ("regression",),
    "output_activation": ("regression",),
    "label_smoothing": ("binary", "multiclass", "multilabel"),
    "class_weight": ("binary", "multiclass"),
}
WITH_TESTS_OF_THEIR_OWN = {"callbacks", "checkpoint_dir"}
OF_WIDE_DEEP = WideDeepRegressor().get_params().keys() - MLPRegressor().get_params().keys()


def estimator_for(case, kind):
    """The case's estimator, and the parameters that it sets."""
    params = {
        name: value[kind] if isinstance(value, dict) else value
        for name, value in CASES[case].items()
        if kind in ONLY.get(name, TARGETS)
    }
    regressor, classifier = (
        (WideDeepRegressor, WideDeepClassifier)
        if OF_WIDE_DEEP & params.keys()
        else (MLPRegressor, MLPClassifier)
    )
    cls = regressor if kind == "regression" else classifier
    return cls(**{**COMMON, **params}), params


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", TARGETS)
def test_every_value(kind, case):
    y = TARGETS[kind]
    estimator, params = estimator_for(case, kind)
    fitted = estimator.fit(X, y)
    assert all(estimator.get_params()[name] is value for name, value in params.items())
    predictions = fitted.predict(X)
    assert predictions.shape == y.shape
    assert np.isfinite(fitted.loss_curve_).all()
    np.testing.assert_array_equal(clone(estimator).fit(X, y).predict(X), predictions)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), predictions)


@pytest.mark.parametrize("cls", [WideDeepRegressor, WideDeepClassifier])
def test_every_parameter_has_a_value_in_a_case(cls):
    named = COMMON.keys() | {name for params in CASES.values() for name in params}
    assert cls().get_params().keys() - named == WITH_TESTS_OF_THEIR_OWN
