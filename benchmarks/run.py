"""Measure skmlp against its peers in one run and print a table of ratios.

    python benchmarks/run.py [part of a row's name ...]

Every row times its contenders in turn, several times over, and compares medians: timings on
a shared machine drift, ratios drift less. Rows: see `ROWS` at the end. California housing is
fetched by scikit-learn; the images of digits are MNIST's, from the file that `MNIST_NPZ`
names (keys X_train and y_train) or else from Keras's download. PyTorch takes part where skorch
is installed. Beside each ratio stands the goal, if there is one.

`SKMLP_EARLIER` may name a folder with another version of skmlp, such as an older checkout. Rows
called "earlier version" then compare the two, each in a process of its own.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import psutil
import sparse_rows
import tensorflow as tf
from by_hand import hand_written_epoch
from joblib import parallel_config
from scipy.stats import loguniform
from sklearn import model_selection
from sklearn.base import clone
from sklearn.datasets import fetch_california_housing, load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import KFold, ParameterSampler, train_test_split
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier
from sklearn.neural_network import MLPRegressor as ScikitLearnRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmlp
import skmlp._engine
from skmlp import MLPClassifier, MLPRegressor, WideDeepRegressor
from skmlp.model_selection import HalvingRandomSearchCV, RandomizedSearchCV

Timings = dict[str, float]  # contender -> seconds
HANDS_OFF = {"tol": 0, "n_iter_no_change": np.inf}
EARLIER = os.environ.get("SKMLP_EARLIER")


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(contenders: dict[str, Callable[[], float]], rounds: int) -> Timings:
    """Median of the seconds that each contender returns, over rounds in turn.

    Every round begins with another one: what ran before leaves threads and caches behind.
    """
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for i in range(rounds):
        first = i % len(names)
        for name in names[first:] + names[:first]:
            taken[name].append(contenders[name]())
    return {name: median(values) for name, values in taken.items()}


@cache
def california() -> tuple[np.ndarray, np.ndarray]:
    """The training part of the usual split in three: 11,610 standardised rows."""
    X, y = fetch_california_housing(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, random_state=42)
    X, _, y, _ = train_test_split(X, y, random_state=42)
    return StandardScaler().fit_transform(X).astype(np.float32), y.astype(np.float32)


@cache
def digits(n_rows: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    path = os.environ.get("MNIST_NPZ")
    if path:
        with np.load(path) as data:
            X, y = data["X_train"], data["y_train"]
    else:
        (X, y), _ = keras.datasets.mnist.load_data()
    return X[:n_rows].reshape(-1, 784).astype(np.float32) / 255, y[:n_rows]


def keras_network(n_features: int, units: tuple[int, ...], n_outputs: int) -> keras.Model:
    layers = [keras.layers.Dense(n, activation="relu") for n in units]
    last = keras.layers.Dense(n_outputs, activation="softmax" if n_outputs > 1 else None)
    return keras.Sequential([keras.Input((n_features,)), *layers, last])


def warm_epoch(fit: Callable[[int], object], more: int) -> Callable[[], float]:
    """Seconds of one epoch of a fit: `more` epochs more against one, so set-up cancels."""

    def measure() -> float:
        one = seconds(lambda: fit(1))
        return max(seconds(lambda: fit(1 + more)) - one, 1e-9) / more

    fit(1)
    return measure


def forget_programs() -> None:
    """Let the next fit trace and compile. Earlier versions had a second store, for stacks."""
    from skmlp._engine import store

    for name in {"STORE", "STACKS"} & vars(store).keys():
        getattr(store, name).clear()


def compiling(fit: Callable[[int], object]) -> float:
    """Seconds of tracing and compiling: a first fit of one epoch less a second one."""
    forget_programs()
    first = seconds(lambda: fit(1))
    return first - seconds(lambda: fit(1))


def average_of(work: Callable[[], object], calls: int) -> Callable[[], float]:
    """Average seconds of many calls in a row, after one that compiles or warms up."""
    work()
    return lambda: seconds(lambda: [work() for _ in range(calls)]) / calls


def compiling_by_hand(new_epoch: Callable[[], Callable[[], float]]) -> float:
    """As `compiling`, of a hand-written epoch."""
    start = time.perf_counter()
    epoch = new_epoch()
    epoch()
    first = time.perf_counter() - start
    return first - seconds(epoch)


CALIFORNIA = {"hidden_layer_sizes": (30, 30), "batch_size": 32, "random_state": 0}
RATES = {"sgd": 0.01, "adam": 0.001}


def fit_california(epochs: int, optimizer: str = "sgd") -> MLPRegressor:
    regressor = MLPRegressor(
        **CALIFORNIA,
        optimizer=optimizer,
        learning_rate=RATES[optimizer],
        epochs=epochs,
        **HANDS_OFF,
    )
    return regressor.fit(*california())


def fit_california_scikit_learn(epochs: int, optimizer: str = "sgd") -> ScikitLearnRegressor:
    regressor = ScikitLearnRegressor(
        **CALIFORNIA,
        solver=optimizer,
        momentum=0,
        learning_rate_init=RATES[optimizer],
        max_iter=epochs,
        **HANDS_OFF,
    )
    return regressor.fit(*california())


def keras_optimizer(name: str) -> keras.optimizers.Optimizer:
    return {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[name](RATES[name])


def california_by_hand(optimizer: str) -> Callable[[], float]:
    return hand_written_epoch(california(), (30, 30), 32, keras_optimizer(optimizer))


def california_epoch(optimizer: str) -> Timings:
    model = keras_network(8, (30, 30), 1)
    model.compile(optimizer=keras_optimizer(optimizer), loss="mse")

    def fit_keras(epochs: int) -> None:
        model.fit(*california(), batch_size=32, epochs=epochs, verbose=0)

    contenders = {
        "skmlp": warm_epoch(partial(fit_california, optimizer=optimizer), 80),
        "by hand": average_of(california_by_hand(optimizer), 80),
        "scikit-learn": warm_epoch(
            partial(fit_california_scikit_learn, optimizer=optimizer), 5
        ),
        "keras.Model.fit": warm_epoch(fit_keras, 3),
    }
    return alternate(contenders, 5)


def california_compiling() -> Timings:
    """Tracing and compiling alone, with Adam."""
    fit = partial(fit_california, optimizer="adam")
    by_hand = partial(california_by_hand, "adam")
    fit(1)  # TensorFlow itself starts before anything is timed
    by_hand()()
    return alternate(
        {"skmlp": lambda: compiling(fit), "by hand": lambda: compiling_by_hand(by_hand)}, 7
    )


def california_from_cold(optimizer: str) -> Timings:
    fit_california(1)  # TensorFlow itself starts before anything is timed

    def cold() -> float:
        forget_programs()
        return seconds(lambda: fit_california(100, optimizer))

    return alternate(
        {
            "skmlp": cold,
            "scikit-learn": lambda: seconds(
                lambda: fit_california_scikit_learn(100, optimizer)
            ),
        },
        3,
    )


DIGITS = {"hidden_layer_sizes": (500,), "batch_size": 128, "random_state": 0, **HANDS_OFF}
FEW_DIGITS = 1280  # an epoch of so few rows is short beside compiling


def fit_digits(epochs: int, n_rows: int = 20_000) -> MLPClassifier:
    return MLPClassifier(**DIGITS, optimizer="adam", epochs=epochs).fit(*digits(n_rows))


def digits_by_hand(n_rows: int = 20_000) -> Callable[[], float]:
    return hand_written_epoch(digits(n_rows), (500,), 128, keras_optimizer("adam"))


def digits_epoch() -> Timings:
    X, y = digits()
    doubles = X.astype(np.float64)  # what pixels / 255 are, if nobody casts them
    model = keras_network(784, (500,), 10)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    contenders = {
        "skmlp": warm_epoch(fit_digits, 5),
        "by hand": average_of(digits_by_hand(), 5),
        "scikit-learn": warm_epoch(
            lambda epochs: ScikitLearnClassifier(**DIGITS, max_iter=epochs).fit(X, y), 2
        ),
        "scikit-learn, float64": warm_epoch(
            lambda epochs: ScikitLearnClassifier(**DIGITS, max_iter=epochs).fit(doubles, y), 2
        ),
        "keras.Model.fit": warm_epoch(
            lambda epochs: model.fit(X, y, batch_size=128, epochs=epochs, verbose=0), 2
        ),
    }
    return alternate(contenders, 3)


def digits_compiling() -> Timings:
    """Tracing and compiling alone."""
    fit = partial(fit_digits, n_rows=FEW_DIGITS)
    by_hand = partial(digits_by_hand, FEW_DIGITS)
    fit(1)  # TensorFlow itself starts before anything is timed
    by_hand()()
    return alternate(
        {"skmlp": lambda: compiling(fit), "by hand": lambda: compiling_by_hand(by_hand)}, 5
    )


NEW_ROWS = {"hidden_layer_sizes": (64, 64), "batch_size": 32, "random_state": 0}


def partial_fit(estimator: Any, n_rows: int = 32, calls: int = 100) -> Callable[[], float]:
    """Average seconds of `partial_fit` of rows with 20 columns."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n_rows, 20)), rng.normal(size=n_rows)
    return average_of(lambda: estimator.partial_fit(X, y), calls)


def partial_fit_of(n_rows: int, calls: int) -> Timings:
    contenders = {
        "skmlp": partial_fit(MLPRegressor(**NEW_ROWS), n_rows, calls),
        "scikit-learn": partial_fit(ScikitLearnRegressor(**NEW_ROWS), n_rows, calls),
    }
    return alternate(contenders, 7)


def iris(**settings: float) -> Timings:
    """Whole fits of at most 200 epochs of a single batch, programs compiled."""
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    common = {"hidden_layer_sizes": (100,), "batch_size": len(X), "random_state": 0, **settings}
    contenders = {
        "skmlp": average_of(lambda: MLPClassifier(**common, epochs=200).fit(X, y), 2),
        "scikit-learn": average_of(
            lambda: ScikitLearnClassifier(**common, max_iter=200).fit(X, y), 2
        ),
    }
    return alternate(contenders, 7)


def predict_one_row() -> Timings:
    X = california()[0].astype(np.float64)
    ours, theirs = fit_california(2), fit_california_scikit_learn(2)
    model = ours.model_

    contenders = {
        "skmlp": average_of(lambda: ours.predict(X[:1]), 500),
        "scikit-learn": average_of(lambda: theirs.predict(X[:1]), 500),
        "keras.Model.predict": average_of(lambda: model.predict(X[:1], verbose=0), 10),
    }
    return alternate(contenders, 5)


def predict_a_million_rows() -> Timings:
    X = np.random.default_rng(0).normal(size=(1_000_000, 8))
    ours, theirs = fit_california(2), fit_california_scikit_learn(2)
    return alternate(
        {
            "skmlp": lambda: seconds(lambda: ours.predict(X)),
            "scikit-learn": lambda: seconds(lambda: theirs.predict(X)),
        },
        7,
    )


def second_fit() -> Timings:
    def first() -> float:
        forget_programs()
        return seconds(lambda: fit_california(5))

    return alternate(
        {"second fit": lambda: seconds(lambda: fit_california(5)), "first": first}, 3
    )


DEEP = {
    "normalization": "batch",
    "dropout": 0.2,
    "optimizer": "adamw",
    "learning_rate_schedule": "cosine",
    "decay_steps": 10_000,
    "random_state": 0,
    **HANDS_OFF,
}


def deep_epoch(
    data: tuple[np.ndarray, np.ndarray], units: tuple[int, ...], batch_size: int, more: int
) -> Timings:
    """Batch normalisation, dropout, AdamW and a cosine schedule: ours, Keras's, PyTorch's."""
    X, y = data
    is_classes = y.dtype != np.float32
    n_outputs = 10 if is_classes else 1
    estimator = (MLPClassifier if is_classes else MLPRegressor)(
        units, batch_size=batch_size, **DEEP
    )
    layers = [keras.Input((X.shape[1],))]
    for n in units:
        layers += [keras.layers.Dense(n, use_bias=False), keras.layers.BatchNormalization()]
        layers += [keras.layers.Activation("relu"), keras.layers.Dropout(0.2)]
    last = keras.layers.Dense(n_outputs, activation="softmax" if is_classes else None)
    model = keras.Sequential([*layers, last])
    rate = keras.optimizers.schedules.CosineDecay(1e-3, 10_000)
    loss = "sparse_categorical_crossentropy" if is_classes else "mse"
    model.compile(optimizer=keras.optimizers.AdamW(rate), loss=loss)
    contenders = {
        "skmlp": warm_epoch(lambda n: clone(estimator).set_params(epochs=n).fit(X, y), more),
        "keras.Model.fit": warm_epoch(
            lambda n: model.fit(X, y, batch_size=batch_size, epochs=n, verbose=0), 2
        ),
    }
    if importlib.util.find_spec("skorch") is not None:
        contenders["PyTorch through skorch"] = warm_epoch(
            skorch_fit(X, y, units, n_outputs, batch_size), 2
        )
    return alternate(contenders, 3)


def wide_deep_epoch() -> Timings:
    """Columns 0-4 wide, 2-7 deep through 30-30, auxiliary output with a tenth of the loss."""
    X, y = california()
    wide, deep = X[:, :5].copy(), X[:, 2:].copy()
    inputs = keras.Input((5,)), keras.Input((6,))
    hidden = inputs[1]
    for _ in range(2):
        hidden = keras.layers.Dense(30, activation="relu")(hidden)
    main = keras.layers.Dense(1)(keras.layers.concatenate([inputs[0], hidden]))
    model = keras.Model(inputs, [main, keras.layers.Dense(1)(hidden)])
    model.compile(
        optimizer=keras.optimizers.SGD(0.01), loss=["mse", "mse"], loss_weights=[0.9, 0.1]
    )
    estimator = WideDeepRegressor(
        **CALIFORNIA,
        wide_features=slice(0, 5),
        deep_features=slice(2, 8),
        aux_loss_weight=0.1,
        optimizer="sgd",
        learning_rate=0.01,
        **HANDS_OFF,
    )
    contenders = {
        "skmlp": warm_epoch(lambda n: clone(estimator).set_params(epochs=n).fit(X, y), 40),
        "keras.Model.fit": warm_epoch(
            lambda n: model.fit([wide, deep], [y, y], batch_size=32, epochs=n, verbose=0), 3
        ),
    }
    return alternate(contenders, 5)


def skorch_fit(
    X: np.ndarray, y: np.ndarray, units: tuple[int, ...], n_outputs: int, batch_size: int
) -> Callable[[int], object]:
    import torch
    from skorch import NeuralNetClassifier, NeuralNetRegressor
    from skorch.callbacks import LRScheduler

    layers: list[torch.nn.Module] = []
    for n_in, n_out in itertools.pairwise([X.shape[1], *units]):
        layers += [torch.nn.Linear(n_in, n_out, bias=False), torch.nn.BatchNorm1d(n_out)]
        layers += [torch.nn.ReLU(), torch.nn.Dropout(0.2)]
    module = torch.nn.Sequential(*layers, torch.nn.Linear(units[-1], n_outputs))
    cosine = LRScheduler("CosineAnnealingLR", T_max=10_000, step_every="batch")
    is_classes = n_outputs > 1
    net = (NeuralNetClassifier if is_classes else NeuralNetRegressor)(
        module,
        criterion=torch.nn.CrossEntropyLoss if is_classes else torch.nn.MSELoss,
        optimizer=torch.optim.AdamW,
        lr=1e-3,
        batch_size=batch_size,
        callbacks=[("cosine", cosine)],
        train_split=None,
        verbose=0,
        iterator_train__shuffle=True,
    )
    target = y.astype(np.int64) if is_classes else y[:, None]
    return lambda epochs: net.set_params(max_epochs=epochs).fit(X, target)


def deep_california() -> Timings:
    return deep_epoch(california(), (30, 30), batch_size=32, more=20)


def deep_digits() -> Timings:
    return deep_epoch(digits(), (300, 100), batch_size=128, more=5)


def dropout_step() -> Timings:
    """The first row's epoch with dropout on both hidden layers, and without."""

    def fit(dropout: float) -> Callable[[int], object]:
        return lambda epochs: MLPRegressor(
            **CALIFORNIA,
            optimizer="sgd",
            learning_rate=0.01,
            dropout=dropout,
            epochs=epochs,
            **HANDS_OFF,
        ).fit(*california())

    return alternate(
        {"with dropout": warm_epoch(fit(0.2), 40), "without": warm_epoch(fit(0.0), 40)}, 7
    )


def checkpoints() -> Timings:
    """An epoch of 784-300-100 on 55,000 digits, a checkpoint after each, and without."""

    def fit(directory: str | None) -> Callable[[int], object]:
        def run(epochs: int) -> None:
            if directory:
                shutil.rmtree(directory, ignore_errors=True)
            MLPClassifier(
                (300, 100),
                batch_size=128,
                checkpoint_dir=directory,
                epochs=epochs,
                random_state=0,
                **HANDS_OFF,
            ).fit(*digits(55_000))

        return run

    with tempfile.TemporaryDirectory() as directory:
        contenders = {
            "saving": warm_epoch(fit(directory), 5),
            "without": warm_epoch(fit(None), 5),
        }
        return alternate(contenders, 5)


SEARCH = {
    "n_hidden": [0, 1, 2, 3],
    "n_neurons": np.arange(1, 100),
    "learning_rate": loguniform(3e-4, 3e-2),
}


def wrapped_network(X, y, n_hidden, n_neurons, learning_rate):  # type: ignore[no-untyped-def]
    model = keras_network(X.shape[1], (int(n_neurons),) * int(n_hidden), 1)
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mse")
    return model


def experiment_d6() -> Timings:
    """Ten candidates, three folds, 100 epochs at most, patience 10 on the validation rows.

    `keras.wrappers` gets the same candidates, folds, batches and stopping rule; three of its
    thirty fits are run, in turn with three searches of ours, and their seconds per epoch are
    scaled by the epochs that ours ran on all. scikit-learn's search is run whole; since its
    networks watch rows of their own and stop earlier or later, it is also given scaled to the
    same number of epochs.
    """
    X, y = fetch_california_housing(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, random_state=42)
    X, X_val, y, y_val = train_test_split(X, y, random_state=42)
    scaler = StandardScaler().fit(X)
    X, X_val = scaler.transform(X), scaler.transform(X_val)
    candidates = list(ParameterSampler(SEARCH, 10, random_state=42))
    folds = list(KFold(3).split(X))
    epochs_run: dict[str, int] = {}

    def searching(name: str, search: object, **params: object) -> float:
        epochs_run[name] = 0

        def score(estimator, X, y):  # type: ignore[no-untyped-def]
            epochs_run[name] += estimator.n_iter_
            return estimator.score(X, y)

        search.set_params(scoring=score)
        return seconds(lambda: search.fit(X, y, **params))

    common = {"batch_size": 32, "tol": 0, "early_stopping": True, "random_state": 0}
    ours = MLPRegressor(**common, optimizer="sgd", epochs=100, scoring="loss")
    theirs = ScikitLearnRegressor(
        **common,
        n_iter_no_change=10,
        solver="sgd",
        momentum=0,
        nesterovs_momentum=False,
        max_iter=100,
        alpha=0,
    )
    grid = [
        {
            "hidden_layer_sizes": [(int(one["n_neurons"]),) * int(one["n_hidden"])],
            "learning_rate_init": [one["learning_rate"]],
        }
        for one in candidates
    ]
    search = RandomizedSearchCV(ours, SEARCH, n_iter=10, cv=3, random_state=42, refit=False)
    of_scikit_learn = model_selection.GridSearchCV(theirs, grid, cv=3, refit=False)

    fit_california(1)  # TensorFlow itself starts before anything is timed

    def cold() -> float:
        forget_programs()
        return searching("skmlp", search, X_val=X_val, y_val=y_val)

    def wrapped(number: int) -> tuple[float, float, int]:
        """Seconds of one of Keras's fits, seconds of the wrapper's score, and epochs."""
        train, test = folds[number % 3]
        network = keras.wrappers.SKLearnRegressor(
            wrapped_network, model_kwargs=candidates[number // 3]
        )
        fitting = seconds(
            lambda: network.fit(
                X[train],
                y[train],
                batch_size=32,
                epochs=100,
                verbose=0,
                validation_data=(X_val, y_val[:, None]),
                callbacks=[keras.callbacks.EarlyStopping(patience=10)],
            )
        )
        scoring = seconds(lambda: network.score(X[test], y[test]))
        return fitting, scoring, len(network.history_.history["loss"])

    ours, wrappers = [], []
    for number in (0, 13, 26):  # of three candidates and three folds
        ours.append(cold())
        wrappers.append(wrapped(number))
    fitting, scoring, epochs = (sum(values) for values in zip(*wrappers, strict=True))
    taken = {
        "skmlp": median(ours),
        "scikit-learn": searching("scikit-learn", of_scikit_learn),
    }
    print(f"    epochs: {epochs_run}")
    return {
        **taken,
        "scikit-learn (equal epochs)": taken["scikit-learn"]
        * epochs_run["skmlp"]
        / epochs_run["scikit-learn"],
        "keras.Model.fit (scaled)": fitting / epochs * epochs_run["skmlp"],
        "keras.wrappers (scaled)": (fitting + scoring) / epochs * epochs_run["skmlp"],
    }


def learning_rates() -> tuple[object, dict[str, object]]:
    """A pipeline and thirty learning rates, to be tried in three folds, 50 epochs each."""
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(**CALIFORNIA, **HANDS_OFF))
    pipeline.set_params(mlpregressor__optimizer="sgd", mlpregressor__epochs=50)
    return pipeline, {"mlpregressor__learning_rate": loguniform(3e-4, 1e-2)}


def second_search(cls: type, n_iter: int = 30, **settings: int) -> Callable[[], float]:
    """Seconds of a search whose programs are compiled."""
    X, y = california()
    once = cls(*learning_rates(), n_iter=n_iter, cv=3, random_state=0, **settings)
    clone(once).set_params(estimator__mlpregressor__epochs=1).fit(X, y)
    return lambda: seconds(lambda: clone(once).fit(X, y))


def stacked_search() -> Timings:
    """Thirty learning rates: stacks in all threads, one network after the other, and these in
    two threads.
    """
    unstacked = second_search(model_selection.RandomizedSearchCV)

    def in_two_threads() -> float:
        with parallel_config(backend="threading", n_jobs=2):
            return unstacked()

    contenders = {
        "stacked": second_search(RandomizedSearchCV),
        "unstacked": unstacked,
        "unstacked, two threads": in_two_threads,
    }
    return alternate(contenders, 3)


def search_in_processes() -> Timings:
    """Thirty learning rates in scikit-learn's own search, in two processes and in this one."""
    contenders = {
        "two processes": second_search(model_selection.RandomizedSearchCV, n_jobs=2),
        "one process": second_search(model_selection.RandomizedSearchCV, n_jobs=1),
    }
    return alternate(contenders, 3)


def searched_architectures(cls: type) -> tuple[float, float]:
    """Seconds of a search from cold, and the MB that the process grows by.

    Forty candidates for width, depth and learning rate, three folds, 10 epochs, 4,000 rows.
    """
    X, y = california()
    X, y = X[:4000], y[:4000]
    fit_california(1)  # TensorFlow itself starts before anything is timed
    process = psutil.Process()
    resident = process.memory_info().rss
    search = cls(
        MLPRegressor(epochs=10, random_state=0), SEARCH, n_iter=40, cv=3, random_state=0
    )
    taken = seconds(lambda: search.fit(X, y))
    return taken, (process.memory_info().rss - resident) / 1e6


def search_over_architectures() -> Timings:
    """Ours against scikit-learn's search over our estimator, each in its own process."""

    def searching(cls: type) -> Callable[[], float]:
        def run() -> float:
            with new_process(folder_of_skmlp()) as process:
                taken, grown = process.submit(searched_architectures, cls).result()
            goal = "   [goal: at most 300]" if cls is RandomizedSearchCV else ""
            print(f"    {cls.__module__}: memory grew by {grown:.0f} MB{goal}")
            return taken

        return run

    contenders = {
        "skmlp's search": searching(RandomizedSearchCV),
        "scikit-learn's search": searching(model_selection.RandomizedSearchCV),
    }
    return alternate(contenders, 3)


def halving_search() -> Timings:
    """Sixty-four candidates, half of them dropped after 2, 4, 8, ... epochs, 64 at most.

    Against scikit-learn's halving search, and against all candidates for 64 epochs.
    """
    X, y = california()
    pipeline, space = learning_rates()
    rounds = {
        "n_candidates": 64,
        "factor": 2,
        "resource": "mlpregressor__epochs",
        "min_resources": 2,
        "max_resources": 64,
        "cv": 3,
        "random_state": 0,
    }
    ours = HalvingRandomSearchCV(pipeline, space, **rounds)
    theirs = model_selection.HalvingRandomSearchCV(pipeline, space, **rounds)
    every = RandomizedSearchCV(pipeline, space, n_iter=64, cv=3, random_state=0)
    every.set_params(estimator__mlpregressor__epochs=64)

    def searching(search: object) -> Callable[[], float]:
        clone(search).fit(X, y)  # compiles
        return lambda: seconds(lambda: clone(search).fit(X, y))

    contenders = {
        "skmlp's halving": searching(ours),
        "scikit-learn's halving": searching(theirs),
        "all candidates, stacked": searching(every),
    }
    return alternate(contenders, 3)


def two_hundred_fits() -> Timings:
    """Seconds of the last fits and of the tenth, and growth of memory after the tenth."""
    process = psutil.Process()
    taken = []
    for i in range(200):
        taken.append(seconds(lambda: fit_california(2)))
        if i == 9:
            resident = process.memory_info().rss
    grown = (process.memory_info().rss - resident) / 1e6
    print(f"    memory grew by {grown:.1f} MB   [goal: at most 50]")
    return {"last ten fits": median(taken[-10:]), "tenth fit (5-15)": median(taken[5:15])}


def import_time() -> Timings:
    def importing(module: str) -> Callable[[], float]:
        command = [sys.executable, "-c", f"import {module}"]
        return lambda: seconds(lambda: subprocess.run(command, check=True))

    return alternate(
        {"import skmlp": importing("skmlp"), "sklearn": importing("sklearn.neural_network")}, 9
    )


def new_process(folder: Path) -> ProcessPoolExecutor:
    """A process that imports the skmlp in `folder`."""
    folder = folder.resolve()
    sys.path.insert(0, str(folder))  # which the new process inherits
    process = ProcessPoolExecutor(
        1, get_context("spawn"), initializer=warnings.simplefilter, initargs=("ignore",)
    )
    found = process.submit(folder_of_skmlp).result()
    sys.path.remove(str(folder))
    if found != folder:
        raise RuntimeError(f"There is no skmlp in {folder}; found one in {found}.")
    return process


def folder_of_skmlp() -> Path:
    return Path(skmlp.__file__).resolve().parents[1]


MILLION = (1_000_000, 50)


def fit_a_million_rows(early_stopping: bool) -> tuple[float, float]:
    """Seconds of a fit, and bytes of memory in use before it, its arguments included."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal(MILLION, dtype=np.float32)
    y = X[:, 0].copy()
    regressor = MLPRegressor(
        (30, 30), batch_size=1024, epochs=2, early_stopping=early_stopping, random_state=0
    )
    clone(regressor).fit(X[:4096], y[:4096])  # TensorFlow itself starts
    before = psutil.Process().memory_info().rss
    return seconds(lambda: regressor.fit(X, y)), before


def memory_of_a_million_rows() -> Timings:
    """A fit of 50 columns in a process of its own, whose memory this one watches."""

    def watch(early_stopping: bool, goal: float) -> float:
        with new_process(folder_of_skmlp()) as process:
            fitting = psutil.Process(process.submit(os.getpid).result())
            fit: Future = process.submit(fit_a_million_rows, early_stopping)
            peak = 0
            while not fit.done():
                peak = max(peak, fitting.memory_info().rss)
                time.sleep(0.002)
            taken, before = fit.result()
        growth = (peak - before) / (np.prod(MILLION) * 4)
        rows = "with held-out rows" if early_stopping else "without"
        print(f"    {rows}: memory grew by {growth:.2f} times X   [goal: at most {goal}]")
        return taken

    contenders = {
        "without held-out rows": lambda: watch(False, 3.5),
        "with held-out rows": lambda: watch(True, 4.2),
    }
    return alternate(contenders, 1)


def sparse_fit(work: str, peer: str, rounds: int = 3) -> Timings:
    """A warm fit of sparse rows, beside a peer; also prints the memory of both processes: the
    whole peak, and the part above the imports, which are data and training.
    """
    memory: dict[str, np.ndarray] = {}

    def measure(contender: str) -> float:
        taken, peak, imports = sparse_rows.measured(work, contender)
        memory[contender] = np.array([peak, peak - imports])
        return taken

    timings = alternate({name: partial(measure, name) for name in ("skmlp", peer)}, rounds)
    for name, of_process in memory.items():
        (peak, above), ratios = of_process / 1e9, of_process / memory["skmlp"]
        print(
            f"    {name}: peak {peak:.2f} GB, {ratios[0]:.2f} times skmlp's; above imports "
            f"{above:.2f} GB, {ratios[1]:.2f} times skmlp's"
        )
    return timings


def against_earlier(measure: Callable[..., float], *arguments: object) -> Timings:
    """`measure` in two processes: one with this skmlp, one with that of `SKMLP_EARLIER`."""
    with ExitStack() as stack:

        def measuring(folder: Path) -> Callable[[], float]:
            process = stack.enter_context(new_process(folder))
            process.submit(measure, *arguments).result()  # compiles and warms up
            return lambda: process.submit(measure, *arguments).result()

        folders = {"skmlp": folder_of_skmlp(), "earlier version": Path(str(EARLIER))}
        contenders = {name: measuring(folder) for name, folder in folders.items()}
        return alternate(contenders, 7)


def measured_epoch(fit: Callable[[int], object], more: int) -> float:
    return warm_epoch(fit, more)()


def measured_partial_fit() -> float:
    return partial_fit(MLPRegressor(**NEW_ROWS))()


def measured_stacked_search() -> float:
    return second_search(RandomizedSearchCV, n_iter=10)()


Goals = dict[str, str]  # peer -> what its ratio should be
ROWS: dict[str, tuple[Callable[[], Timings], Goals]] = {
    "california, SGD, one warm epoch": (
        partial(california_epoch, "sgd"),
        {
            "by hand": "at least 0.77",
            "scikit-learn": "at least 13",
            "keras.Model.fit": "at least 80",
        },
    ),
    "california, Adam, one warm epoch": (
        partial(california_epoch, "adam"),
        {
            "by hand": "at least 0.77",
            "scikit-learn": "at least 13",
            "keras.Model.fit": "at least 80",
        },
    ),
    "california, Adam, compiling": (california_compiling, {"by hand": "at least 0.83"}),
    "california, SGD, 100 epochs from cold": (
        partial(california_from_cold, "sgd"),
        {"scikit-learn": "at least 8"},
    ),
    "california, Adam, 100 epochs from cold": (
        partial(california_from_cold, "adam"),
        {"scikit-learn": "at least 8"},
    ),
    "digits, one warm epoch": (
        digits_epoch,
        {"scikit-learn": "at least 4", "keras.Model.fit": "at least 3"},
    ),
    "digits, compiling": (digits_compiling, {}),
    "partial_fit of 32 rows": (
        partial(partial_fit_of, 32, 100),
        {"scikit-learn": "at least 0.5"},
    ),
    "partial_fit of 10,000 rows": (
        partial(partial_fit_of, 10_000, 3),
        {"scikit-learn": "at least 5"},
    ),
    "iris, 200 epochs": (partial(iris, **HANDS_OFF), {"scikit-learn": "at least 1"}),
    "iris, stopped by its loss": (iris, {"scikit-learn": "at least 1"}),
    "predict 1 row": (
        predict_one_row,
        {"scikit-learn": "at least 1", "keras.Model.predict": "at least 200"},
    ),
    "predict 1,000,000 rows": (predict_a_million_rows, {"scikit-learn": "at least 1.5"}),
    "second fit of equal shape": (second_fit, {"first": "at least 5"}),
    "deep california, one warm epoch": (
        deep_california,
        {"keras.Model.fit": "at least 8", "PyTorch through skorch": "at least 1"},
    ),
    "deep digits, one warm epoch": (
        deep_digits,
        {"keras.Model.fit": "at least 2.5", "PyTorch through skorch": "at least 1"},
    ),
    "wide & deep, one warm epoch": (wide_deep_epoch, {"keras.Model.fit": "at least 20"}),
    "dropout": (dropout_step, {"without": "at least 0.625"}),
    "checkpoints": (checkpoints, {"without": "at least 0.91"}),
    "experiment D6": (
        experiment_d6,
        {
            "scikit-learn": "at least 12",
            "keras.Model.fit (scaled)": "at least 20",
            "keras.wrappers (scaled)": "at least 90",
        },
    ),
    "stacked search": (
        stacked_search,
        {"unstacked": "at least 3"},
    ),
    "search in processes": (search_in_processes, {"one process": "at least 1.3"}),
    "search over architectures": (
        search_over_architectures,
        {"scikit-learn's search": "at least 3"},
    ),
    "halving search": (halving_search, {"all candidates, stacked": "at least 6"}),
    "200 fits": (two_hundred_fits, {"tenth fit (5-15)": "at least 1"}),
    "memory of a million rows": (memory_of_a_million_rows, {}),
    "sparse, 2,000 texts": (
        partial(sparse_fit, "2,000 texts", "scikit-learn"),
        {"scikit-learn": "at least 1.5"},
    ),
    "sparse, 20,000 texts": (
        partial(sparse_fit, "20,000 texts", "scikit-learn"),
        {"scikit-learn": "at least 2"},
    ),
    "import": (import_time, {"sklearn": "at least 0.83"}),
}

COMPARED: dict[str, tuple] = {
    "california, SGD, one warm epoch": (measured_epoch, fit_california, 80),
    "california, Adam, one warm epoch": (
        measured_epoch,
        partial(fit_california, optimizer="adam"),
        80,
    ),
    "california, Adam, compiling": (compiling, partial(fit_california, optimizer="adam")),
    "digits, one warm epoch": (measured_epoch, fit_digits, 5),
    "digits, compiling": (compiling, partial(fit_digits, n_rows=FEW_DIGITS)),
    "partial_fit of 32 rows": (measured_partial_fit,),
    "stacked search": (measured_stacked_search,),
}
if "TABULAR_DATA" in os.environ:
    ROWS["sparse, crosses of adult"] = (
        partial(sparse_fit, "adult", sparse_rows.DENSE),
        {sparse_rows.DENSE: "at least 1"},
    )
if EARLIER:
    for name, work in COMPARED.items():
        goals = {"earlier version": "at least 1"}
        ROWS[f"earlier version: {name}"] = partial(against_earlier, *work), goals


def print_rows(rows: dict[str, tuple[Callable[[], Timings], Goals]], wanted: list[str]) -> None:
    warnings.simplefilter("ignore")
    keras.utils.disable_interactive_logging()  # of `predict` in Keras's wrapper
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {os.cpu_count()} cores")
    for name, (measure, goals) in rows.items():
        if wanted and not any(part in name for part in wanted):
            continue
        (ours, ours_seconds), *peers = measure().items()
        print(f"{name}: {ours} {ours_seconds * 1e3:.4g} ms")
        for peer, taken in peers:
            ratio = f"{taken * 1e3:12.4g} ms   ratio {taken / ours_seconds:8.3g}"
            goal = f"   [goal: {goals[peer]}]" if peer in goals else ""
            print(f"    {peer:26} {ratio}{goal}")
        sys.stdout.flush()


if __name__ == "__main__":
    print_rows(ROWS, sys.argv[1:])
