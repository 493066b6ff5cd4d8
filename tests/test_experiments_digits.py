"""The textbook experiments on digits, at the size of scikit-learn's own 8 x 8 images."""

from functools import cache

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier

PIXELS, LABELS = load_digits(return_X_y=True)
BASE = {
    "hidden_layer_sizes": (64,),
    "batch_size": 32,
    "epochs": 15,
    "random_state": 0,
    "n_iter_no_change": np.inf,
    "metrics": "accuracy",
}
SGD = {"optimizer": "sgd", "learning_rate": 0.01}
DEEP = {"hidden_layer_sizes": (40, 20), **SGD, "learning_rate": 0.1, "epochs": 10}


def unscaled(X):
    return X


def scaled(X):
    return X / 16


def inverted(X):
    return 1 - X / 16


# name -> parameters besides the base's, pixels, minimum test accuracy
EXPERIMENTS = {
    "B": (
        {
            **SGD,
            "learning_rate": 0.3,
            "learning_rate_schedule": "exponential",
            "decay_rate": 0.99,
            "l2": 1e-4,
            "ema_decay": 0.99,
        },
        scaled,
        0.95,
    ),
    "C1": ({}, unscaled, 0.95),
    "C2": ({}, scaled, 0.95),
    "C3": ({}, inverted, 0.9),
    "C4": ({"batch_size": 30_000, "epochs": 40, "learning_rate": 0.01}, scaled, 0.9),
    "C5": ({"hidden_layer_sizes": (64, 64, 64), "batch_size": 200}, scaled, 0.9),
    "C6 0.01": ({"learning_rate": 0.01}, scaled, 0.95),
    "C6 0.1": ({"learning_rate": 0.1}, scaled, 0.0),
    "C7": ({**SGD, "epochs": 40}, scaled, 0.9),
    "C8": ({"epochs": 5}, scaled, 0.85),
    "C9 l2": ({"l2": 0.1, "epochs": 30}, scaled, 0.0),
    "C9 l1": ({"l1": 1e-4}, scaled, 0.9),
    "C10": ({"dropout": 0.75}, scaled, 0.9),
    "C11": ({"normalization": "batch", "l2": 0.01}, scaled, 0.9),
    **{
        f"E1 {name}": ({**DEEP, "activation": "elu", "kernel_initializer": name}, scaled, 0.9)
        for name in ("glorot_uniform", "glorot_normal", "he_uniform", "he_normal")
    },
    "E1 fan-average": (
        {
            **DEEP,
            "activation": "elu",
            "kernel_initializer": keras.initializers.VarianceScaling(
                2.0, mode="fan_avg", distribution="uniform"
            ),
        },
        scaled,
        0.9,
    ),
    **{
        f"E2 {name}": ({**DEEP, "activation": name}, scaled, 0.9)
        for name in ("leaky_relu", "rrelu", "prelu", "elu", "selu")
    },
    "E2 0.2": (
        {**DEEP, "activation": keras.layers.LeakyReLU(negative_slope=0.2)},
        scaled,
        0.9,
    ),
    "E3": (
        {
            **DEEP,
            "activation": "elu",
            "normalization": keras.layers.BatchNormalization(momentum=0.9),
        },
        scaled,
        0.95,
    ),
    "E4 value": (
        {**DEEP, "hidden_layer_sizes": (40, 20, 20, 20, 20), "clipvalue": 1.0},
        scaled,
        0.8,
    ),
    "E4 norm": (
        {**DEEP, "hidden_layer_sizes": (40, 20, 20, 20, 20), "clipnorm": 1.0},
        scaled,
        0.8,
    ),
}


@cache
def train(name):
    params, pixels, _ = EXPERIMENTS[name]
    split = train_test_split(pixels(PIXELS), LABELS, random_state=0, stratify=LABELS)
    X_train, X_test, y_train, y_test = split
    classifier = MLPClassifier(**{**BASE, **params})
    return classifier.fit(X_train, y_train, X_val=X_test, y_val=y_test)


# Deep networks take long to compile; their features are tested against Keras elsewhere.
SLOW = ("E2", "E4")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.startswith(SLOW) else ())
        for name in EXPERIMENTS
    ],
)
def test_trains(name):
    classifier = train(name)
    assert classifier.best_validation_score_ >= EXPERIMENTS[name][2]
    # the curves that the experiments plot
    for curve in ("loss", "val_loss", "accuracy", "val_accuracy"):
        assert len(classifier.history_[curve]) == classifier.n_iter_
        assert np.isfinite(classifier.history_[curve]).all()


def test_penalties_draw_weights_to_zero():
    strong, none = train("C9 l2"), train("C2")
    sizes = [
        np.abs(np.concatenate([kernel.ravel() for kernel in fitted.coefs_]))
        for fitted in (strong, none)
    ]
    assert np.mean(sizes[0] < 0.01) > 4 * np.mean(sizes[1] < 0.01)


def test_dropout_narrows_the_gap():
    dropped, none = train("C10"), train("C2")

    def gap(classifier):
        history = classifier.history_
        return history["val_loss"][-1] - history["loss"][-1]

    assert gap(dropped) < gap(none)


def test_a_second_reader_follows_experiment_b(tmp_path):
    """Between epochs another estimator reads the newest checkpoint and scores it."""
    params, pixels, _ = EXPERIMENTS["B"]
    X_train, X_test, y_train, y_test = train_test_split(
        pixels(PIXELS), LABELS, random_state=0, stratify=LABELS
    )
    classifier = MLPClassifier(**{**BASE, **params}, checkpoint_dir=tmp_path)
    scores = []
    read = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: (
            epoch and scores.append(clone(classifier).load_checkpoint().score(X_test, y_test))
        )
    )
    classifier.fit(X_train, y_train, X_val=X_test, y_val=y_test, callbacks=[read])
    np.testing.assert_allclose(scores, classifier.history_["val_accuracy"][:-1])
