"""Measure `KerasRegressor` and `KerasClassifier` against their peers, in one run.

    python benchmarks/keras_networks.py [part of a row's name ...]

Rows are measured and printed as those of `run.py`: contenders in turn, medians, ratios, and
goals beside them. Images are random and of CIFAR-10's size, since only sizes matter here.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache, partial
from statistics import median
from typing import Any

import keras
import numpy as np
from run import (
    SEARCH,
    Goals,
    Timings,
    alternate,
    forget_programs,
    keras_network,
    print_rows,
    seconds,
    warm_epoch,
    wrapped_network,
)
from sklearn import model_selection
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import KFold, ParameterSampler, train_test_split
from sklearn.preprocessing import StandardScaler

from skmlp import KerasClassifier, KerasRegressor, MLPRegressor
from skmlp.model_selection import RandomizedSearchCV

# Experiment D6


def build(n_hidden: int = 1, n_neurons: int = 30, learning_rate: float = 3e-3) -> keras.Model:
    model = keras_network(8, (int(n_neurons),) * int(n_hidden), 1)
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mse")
    return model


@cache
def housing() -> tuple[np.ndarray, ...]:
    X, y = fetch_california_housing(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, random_state=42)
    X, X_val, y, y_val = train_test_split(X, y, random_state=42)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_val), y, y_val


def patience() -> list[keras.callbacks.Callback]:
    return [keras.callbacks.EarlyStopping(patience=10)]


def experiment_d6() -> Timings:
    """Ten candidates, three folds, 100 epochs at most, with Keras's own early stopping.

    Ours run whole, from cold, each round with another seed, on which it depends when patience
    ends. `keras.wrappers` runs four of the thirty fits, one in each round, whose seconds per
    epoch are scaled by the epochs of all.
    """
    X, X_val, y, y_val = housing()
    candidates = list(ParameterSampler(SEARCH, 10, random_state=42))
    folds = list(KFold(3).split(X))
    epochs_run: defaultdict[str, list[int]] = defaultdict(list)  # in each round
    common = {"batch_size": 32, "epochs": 100}

    def searching(name: str, cls: type, estimator: Any) -> float:
        forget_programs()
        estimator.set_params(random_state=len(epochs_run[name]))
        epochs_run[name].append(0)

        def score(estimator, X, y):  # type: ignore[no-untyped-def]
            epochs_run[name][-1] += estimator.n_iter_
            return estimator.score(X, y)

        search = cls(
            estimator, SEARCH, n_iter=10, cv=3, scoring=score, random_state=42, refit=False
        )
        arguments = {"validation_data": (X_val, y_val), "callbacks": patience()}
        return seconds(lambda: search.fit(X, y, **arguments))

    def wrapped(number: int) -> tuple[float, int]:
        """Seconds of a fit of Keras's wrapper and its score, and epochs."""
        train, test = folds[number % 3]
        network = keras.wrappers.SKLearnRegressor(
            wrapped_network, model_kwargs=candidates[number // 3]
        )

        def fit_and_score() -> None:
            network.fit(
                X[train],
                y[train],
                batch_size=32,
                epochs=100,
                verbose=0,
                validation_data=(X_val, y_val[:, None]),
                callbacks=patience(),
            )
            network.score(X[test], y[test])

        return seconds(fit_and_score), len(network.history_.history["loss"])

    perceptron = MLPRegressor(
        **common, optimizer="sgd", kernel_initializer="glorot_uniform"
    )  # as the function's network: biases start at zero
    ours = {
        "KerasRegressor": (RandomizedSearchCV, KerasRegressor(build, **common)),
        "scikit-learn's search": (
            model_selection.RandomizedSearchCV,
            KerasRegressor(build, **common),
        ),
        "MLPRegressor": (RandomizedSearchCV, perceptron),
    }
    KerasRegressor(build, epochs=1).fit(X, y)  # TensorFlow itself starts before timing
    numbers = iter((0, 10, 20, 27))  # of four candidates and all folds
    wrappers: list[tuple[float, int]] = []

    def of_wrappers() -> float:
        wrappers.append(wrapped(next(numbers)))
        return wrappers[-1][0]

    contenders: dict[str, Callable[[], float]] = {
        name: partial(searching, name, *pair) for name, pair in ours.items()
    }
    taken = alternate({**contenders, "keras.wrappers (scaled)": of_wrappers}, 4)
    print(f"    epochs: {dict(epochs_run)}")
    total, epochs = (sum(values) for values in zip(*wrappers, strict=True))
    taken["keras.wrappers (scaled)"] = total / epochs * median(epochs_run["KerasRegressor"])
    return taken


# Convolutions


def convolutional(filters: Sequence[int] = (32, 64)) -> keras.Model:
    """Two blocks of two convolutions each, with batch normalisation and dropout."""
    layers: list[Any] = [keras.Input((32, 32, 3))]
    for n in filters:
        for _ in range(2):
            layers += [
                keras.layers.Conv2D(n, 3, padding="same", use_bias=False),
                keras.layers.BatchNormalization(),
                keras.layers.Activation("relu"),
            ]
        layers += [keras.layers.MaxPooling2D(), keras.layers.Dropout(0.3)]
    last = keras.layers.Dense(10, activation="softmax")
    return keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D(), last])


@cache
def images(n_rows: int = 1280) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random((n_rows, 32, 32, 3), np.float32), rng.integers(0, 10, n_rows)


def fit_images(epochs: int, n_rows: int = 1280) -> KerasClassifier:
    classifier = KerasClassifier(
        convolutional, batch_size=64, epochs=epochs, n_iter_no_change=np.inf, random_state=0
    )
    return classifier.fit(*images(n_rows))


def convolutional_epoch(with_xla: bool) -> Timings:
    model = convolutional()
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=with_xla)

    def fit_keras(epochs: int) -> None:
        model.fit(*images(), batch_size=64, epochs=epochs, verbose=0)

    contenders = {
        "KerasClassifier": warm_epoch(fit_images, 1 if with_xla else 2),
        "keras.Model.fit": warm_epoch(fit_keras, 1 if with_xla else 2),
    }
    return alternate(contenders, 3 if with_xla else 7)


# Second fits


def second_fit(fit: Callable[[], object]) -> Timings:
    fit()  # TensorFlow itself starts before anything is timed

    def first() -> float:
        forget_programs()
        return seconds(fit)

    taken: dict[str, list[float]] = {"second fit": [], "first": []}
    for _ in range(5):  # always in this order: the second needs the first one's program
        taken["first"].append(first())
        taken["second fit"].append(seconds(fit))
    return {name: median(values) for name, values in taken.items()}


def fit_housing() -> KerasRegressor:
    X, _, y, _ = housing()
    return KerasRegressor(build, batch_size=32, epochs=5, random_state=0).fit(X, y)


ROWS: dict[str, tuple[Callable[[], Timings], Goals]] = {
    "experiment D6": (
        experiment_d6,
        {"keras.wrappers (scaled)": "at least 40", "MLPRegressor": "at least 0.83"},
    ),
    "convolutions, one warm epoch": (
        partial(convolutional_epoch, with_xla=False),
        {"keras.Model.fit": "at least 1"},
    ),
    "convolutions, one warm epoch, Keras with XLA": (
        partial(convolutional_epoch, with_xla=True),
        {"keras.Model.fit": "at least 1"},
    ),
    "convolutions, second fit of 64 rows": (
        partial(second_fit, partial(fit_images, 1, 64)),
        {"first": "at least 5"},
    ),
    "california, second fit": (partial(second_fit, fit_housing), {"first": "at least 5"}),
}


if __name__ == "__main__":
    print_rows(ROWS, sys.argv[1:])
