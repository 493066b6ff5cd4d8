"""Every value of every parameter with every kind of target: it trains, twice the same."""

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
COMMON = {"batch_size": 25, "epochs": 2, "random_state": 0, "optimizer": "sgd"}
VALUES = {
    "hidden_layer_sizes": [(), 3, (3, 2)],
    "n_hidden": [0, 2],
    "n_neurons": [4],
    "activation": [
        "leaky_relu",
        "prelu",
        "rrelu",
        "selu",
        "logistic",
        keras.layers.ELU(alpha=0.5),
        keras.ops.sin,
    ],
    "kernel_initializer": [
        "he_uniform",
        "glorot_normal",
        keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="uniform"),
    ],
    "normalization": ["batch", "layer", keras.layers.BatchNormalization(momentum=0.9)],
    "dropout": [0.3, (0.3,)],
    "input_dropout": [0.2],
    "l1": [0.01],
    "l2": [0.01],
    "loss": ["squared_error"],
    "optimizer": ["sgd", "adamw", keras.optimizers.RMSprop(0.01)],
    "learning_rate": [0.1],
    "learning_rate_schedule": [
        "constant",
        "exponential",
        "cosine",
        "warmup_cosine",
        "one_cycle",
        "inverse_time",
        "plateau",
        keras.optimizers.schedules.PolynomialDecay(0.01, 4),
        falling,
    ],
    "clipnorm": [0.1],
    "clipvalue": [0.1],
    "global_clipnorm": [0.1],
    "ema_decay": [0.9],
    "weight_decay": [0.01],
    "batch_size": ["auto", 7, 1000],
    "epochs": [1],
    "shuffle": [False],
    "early_stopping": [True],
    "scoring": ["loss", "neg_mean_squared_error", "accuracy"],
    "validation_fraction": [0.4],
    "n_iter_no_change": [1, np.inf],
    "tol": [0.0],
    "metrics": [["r2", "MeanSquaredError"], "roc_auc_ovr"],
    "label_smoothing": [0.1],
    "class_weight": ["balanced"],
    "warm_start": [True],
    "checkpoint_every": [2],
    "verbose": [1],
}
WIDE_DEEP_VALUES = {
    "wide_features": [[0, 1], slice(1, 3)],
    "deep_features": [[True, False, True, True]],
    "wide_crosses": [[(0, 1), (2, 2)]],
    "wide_l1": [0.01],
    "wide_l2": [0.01],
    "wide_optimizer": ["ftrl", keras.optimizers.Adagrad(0.01)],
    "aux_loss_weight": [0.2],
}
ALONE = {
    # values that need another one beside them
    "scoring": {"early_stopping": True},
    "validation_fraction": {"early_stopping": True},
}
# values whose meaning one kind of target lacks
ONLY = {
    "neg_mean_squared_error": ("regression",),
    "accuracy": ("binary", "multiclass", "multilabel"),
    "r2": ("regression",),
    "roc_auc_ovr": ("binary", "multiclass", "multilabel"),
    "label_smoothing": ("binary", "multiclass", "multilabel"),
    "class_weight": ("binary", "multiclass"),
}


def cases():
    for kind in TARGETS:
        for name, values in (VALUES | WIDE_DEEP_VALUES).items():
            for value in values:
                words = np.ravel(value) if isinstance(value, list) else [value]
                words = [name, *(word for word in words if isinstance(word, str))]
                if all(kind in ONLY.get(word, TARGETS) for word in words):
                    yield pytest.param(kind, name, value, id=f"{kind}-{name}-{label(value)}")


def label(value):
    """A name without an address in memory: workers in parallel must agree on it."""
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return type(value).__name__ if hasattr(value, "get_config") else value


@pytest.mark.parametrize(("kind", "name", "value"), list(cases()))
def test_every_value(kind, name, value):
    y = TARGETS[kind]
    is_wide = name in WIDE_DEEP_VALUES
    regressor, classifier = (
        (WideDeepRegressor, WideDeepClassifier) if is_wide else (MLPRegressor, MLPClassifier)
    )
    cls = regressor if kind == "regression" else classifier
    params = {"hidden_layer_sizes": (4,), **COMMON, **ALONE.get(name, {}), name: value}
    estimator = cls(**params)
    fitted = estimator.fit(X, y)
    assert estimator.get_params()[name] is value
    predictions = fitted.predict(X)
    assert predictions.shape == y.shape
    assert np.isfinite(fitted.loss_curve_).all()
    np.testing.assert_array_equal(clone(estimator).fit(X, y).predict(X), predictions)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), predictions)
