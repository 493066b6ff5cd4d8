"""Measure skmlp against its peers in one run and print a table of ratios.

    python benchmarks/run.py [part of a row's name ...]

Every row times its contenders in turn, several times over, and compares medians: timings on
a shared machine drift, ratios drift less. Rows: see `ROWS` at the end. California housing is
fetched by scikit-learn; the images of digits are MNIST's, from the file that `MNIST_NPZ`
names (keys X_train and y_train) or else from Keras's download. PyTorch takes part where skorch
is installed.
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
from functools import cache
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import psutil
import tensorflow as tf
from scipy.stats import loguniform
from sklearn import model_selection
from sklearn.base import clone
from sklearn.datasets import fetch_california_housing
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import KFold, ParameterSampler, train_test_split
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier
from sklearn.neural_network import MLPRegressor as ScikitLearnRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier, MLPRegressor, WideDeepRegressor
from skmlp.model_selection import HalvingRandomSearchCV, RandomizedSearchCV

Timings = dict[str, float]  # contender -> seconds
HANDS_OFF = {"tol": 0, "n_iter_no_change": np.inf}


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


def hand_written_epoch() -> Callable[[], float]:
    """The arithmetic of the first row in one function without Keras: the lower bound."""
    X, y = map(tf.constant, california())
    y = y[:, None]
    n_batches = len(X) // 32
    rng = np.random.default_rng(0)
    shapes = [(8, 30), (30,), (30, 30), (30,), (30, 1), (1,)]
    weights = [tf.Variable(rng.normal(0, 0.1, shape).astype(np.float32)) for shape in shapes]

    @tf.function(jit_compile=True, autograph=False)
    def epoch(order: tf.Tensor) -> tf.Tensor:
        def batch(i, total, *w):
            index = tf.slice(order, [i * 32], [32])
            with tf.GradientTape() as tape:
                tape.watch(w)
                hidden = tf.nn.relu(tf.gather(X, index) @ w[0] + w[1])
                hidden = tf.nn.relu(hidden @ w[2] + w[3])
                loss = tf.reduce_mean((hidden @ w[4] + w[5] - tf.gather(y, index)) ** 2)
            gradients = tape.gradient(loss, w)
            steps = [a - 0.01 * g for a, g in zip(w, gradients, strict=True)]
            return i + 1, total + loss, *steps

        start = (0, tf.constant(0.0), *(w.value() for w in weights))
        _, total, *trained = tf.while_loop(lambda i, *_: i < n_batches, batch, start)
        for variable, value in zip(weights, trained, strict=True):
            variable.assign(value)
        return total / n_batches

    def work() -> float:
        return float(epoch(tf.constant(rng.permutation(len(X)).astype(np.int32))))

    work()
    return lambda: seconds(lambda: [work() for _ in range(20)]) / 20


CALIFORNIA = {"hidden_layer_sizes": (30, 30), "batch_size": 32, "random_state": 0}


def fit_california(epochs: int) -> MLPRegressor:
    regressor = MLPRegressor(
        **CALIFORNIA, optimizer="sgd", learning_rate=0.01, epochs=epochs, **HANDS_OFF
    )
    return regressor.fit(*california())


def fit_california_scikit_learn(epochs: int) -> ScikitLearnRegressor:
    regressor = ScikitLearnRegressor(
        **CALIFORNIA,
        solver="sgd",
        momentum=0,
        learning_rate_init=0.01,
        max_iter=epochs,
        **HANDS_OFF,
    )
    return regressor.fit(*california())


def california_epoch() -> Timings:
    model = keras_network(8, (30, 30), 1)
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")

    def fit_keras(epochs: int) -> None:
        model.fit(*california(), batch_size=32, epochs=epochs, verbose=0)

    contenders = {
        "skmlp": warm_epoch(fit_california, 40),
        "scikit-learn": warm_epoch(fit_california_scikit_learn, 5),
        "keras.Model.fit": warm_epoch(fit_keras, 3),
        "hand-written": hand_written_epoch(),
    }
    return alternate(contenders, 5)


def california_from_cold() -> Timings:
    from skmlp._engine import STORE

    fit_california(1)  # TensorFlow itself starts before anything is timed

    def cold() -> float:
        STORE.clear()
        return seconds(lambda: fit_california(100))

    return alternate(
        {
            "skmlp": cold,
            "scikit-learn": lambda: seconds(lambda: fit_california_scikit_learn(100)),
        },
        3,
    )


def digits_epoch() -> Timings:
    X, y = digits()
    doubles = X.astype(np.float64)  # what pixels / 255 are, if nobody casts them
    model = keras_network(784, (500,), 10)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    common = {"hidden_layer_sizes": (500,), "batch_size": 128, "random_state": 0, **HANDS_OFF}
    contenders = {
        "skmlp": warm_epoch(lambda epochs: MLPClassifier(**common, epochs=epochs).fit(X, y), 5),
        "scikit-learn": warm_epoch(
            lambda epochs: ScikitLearnClassifier(**common, max_iter=epochs).fit(X, y), 2
        ),
        "scikit-learn, float64": warm_epoch(
            lambda epochs: ScikitLearnClassifier(**common, max_iter=epochs).fit(doubles, y), 2
        ),
        "keras.Model.fit": warm_epoch(
            lambda epochs: model.fit(X, y, batch_size=128, epochs=epochs, verbose=0), 2
        ),
    }
    return alternate(contenders, 3)


def predict_one_row() -> Timings:
    X = california()[0].astype(np.float64)
    ours, theirs = fit_california(2), fit_california_scikit_learn(2)
    model = ours.model_

    def each(predict: Callable, calls: int) -> Callable[[], float]:
        predict(X[:1])
        return lambda: seconds(lambda: [predict(X[:1]) for _ in range(calls)]) / calls

    contenders = {
        "skmlp": each(ours.predict, 500),
        "scikit-learn": each(theirs.predict, 500),
        "keras.Model.predict": each(lambda rows: model.predict(rows, verbose=0), 10),
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
    from skmlp._engine import STORE

    def first() -> float:
        STORE.clear()
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
    thirty fits are run, and scaled by the epochs that ours ran on all. scikit-learn's search
    is run whole; since its networks watch rows of their own and stop earlier or later, it is
    also given scaled to the same number of epochs.
    """
    from skmlp._engine import STACKS, STORE

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
        STORE.clear()
        STACKS.clear()
        return searching("skmlp", search, X_val=X_val, y_val=y_val)

    def wrapped() -> tuple[float, float]:
        """Seconds per epoch of Keras's fits alone, and with the wrapper's scores."""
        fitting = scoring = 0.0
        epochs = 0
        for number in (0, 12, 24):
            train, test = folds[number % 3]
            network = keras.wrappers.SKLearnRegressor(
                wrapped_network, model_kwargs=candidates[number // 3]
            )
            fitting += seconds(
                lambda network=network, train=train: network.fit(
                    X[train],
                    y[train],
                    batch_size=32,
                    epochs=100,
                    verbose=0,
                    validation_data=(X_val, y_val[:, None]),
                    callbacks=[keras.callbacks.EarlyStopping(patience=10)],
                )
            )
            scoring += seconds(
                lambda network=network, test=test: network.score(X[test], y[test])
            )
            epochs += len(network.history_.history["loss"])
        return fitting / epochs, (fitting + scoring) / epochs

    taken = alternate(
        {
            "skmlp": cold,
            "scikit-learn": lambda: searching("scikit-learn", of_scikit_learn),
        },
        1,
    )
    fit_only, whole = wrapped()
    print(f"    epochs: {epochs_run}")
    return {
        **taken,
        "scikit-learn (equal epochs)": taken["scikit-learn"]
        * epochs_run["skmlp"]
        / epochs_run["scikit-learn"],
        "keras.Model.fit (scaled)": fit_only * epochs_run["skmlp"],
        "keras.wrappers (scaled)": whole * epochs_run["skmlp"],
    }


def learning_rates() -> tuple[object, dict[str, object]]:
    """A pipeline and thirty learning rates, to be tried in three folds, 50 epochs each."""
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(**CALIFORNIA, **HANDS_OFF))
    pipeline.set_params(mlpregressor__optimizer="sgd", mlpregressor__epochs=50)
    return pipeline, {"mlpregressor__learning_rate": loguniform(3e-4, 1e-2)}


def second_search(cls: type, **settings: int) -> Callable[[], float]:
    """Seconds of a search whose programs are compiled."""
    X, y = california()
    once = cls(*learning_rates(), n_iter=30, cv=3, random_state=0, **settings)
    clone(once).set_params(estimator__mlpregressor__epochs=1).fit(X, y)
    return lambda: seconds(lambda: clone(once).fit(X, y))


def stacked_search() -> Timings:
    """Thirty learning rates: stacks, with two threads, and one network after the other."""
    contenders = {
        "stacked": second_search(RandomizedSearchCV),
        "unstacked": second_search(model_selection.RandomizedSearchCV),
        "stacked, two threads": second_search(RandomizedSearchCV, n_jobs=2),
    }
    return alternate(contenders, 3)


def search_in_processes() -> Timings:
    """Thirty learning rates in scikit-learn's own search, in two processes and in this one."""
    contenders = {
        "two processes": second_search(model_selection.RandomizedSearchCV, n_jobs=2),
        "one process": second_search(model_selection.RandomizedSearchCV, n_jobs=1),
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
    print(f"    memory grew by {(process.memory_info().rss - resident) / 1e6:.1f} MB")
    return {"last ten fits": median(taken[-10:]), "tenth fit (5-15)": median(taken[5:15])}


def import_time() -> Timings:
    def importing(module: str) -> Callable[[], float]:
        command = [sys.executable, "-c", f"import {module}"]
        return lambda: seconds(lambda: subprocess.run(command, check=True))

    return alternate(
        {"import skmlp": importing("skmlp"), "sklearn": importing("sklearn.neural_network")}, 9
    )


ROWS: dict[str, tuple[Callable[[], Timings], str]] = {
    "california, one warm epoch": (
        california_epoch,
        "keras.Model.fit 30, scikit-learn 6, hand-written at least 0.5",
    ),
    "california, 100 epochs from cold": (california_from_cold, "scikit-learn 4"),
    "digits, one warm epoch": (digits_epoch, "keras.Model.fit 3, scikit-learn 4"),
    "predict 1 row": (predict_one_row, "scikit-learn 1, keras.Model.predict 200"),
    "predict 1,000,000 rows": (predict_a_million_rows, "scikit-learn 1.5"),
    "second fit of equal shape": (second_fit, "first 5"),
    "deep california, one warm epoch": (deep_california, "keras.Model.fit 8, PyTorch 1"),
    "deep digits, one warm epoch": (deep_digits, "keras.Model.fit 2.5, PyTorch 1"),
    "wide & deep, one warm epoch": (wide_deep_epoch, "keras.Model.fit 20"),
    "dropout": (dropout_step, "without at least 0.625"),
    "checkpoints": (checkpoints, "without at least 0.91"),
    "experiment D6": (
        experiment_d6,
        "scikit-learn 5, keras.Model.fit 20, keras.wrappers 50",
    ),
    "stacked search": (stacked_search, "unstacked 1.7, two threads at most 0.625"),
    "search in processes": (search_in_processes, "one process 1.3"),
    "halving search": (halving_search, "none"),
    "200 fits": (two_hundred_fits, "tenth 1; memory below 50 MB"),
    "import": (import_time, "sklearn at least 0.83"),
}


def main(wanted: list[str]) -> None:
    warnings.simplefilter("ignore")
    keras.utils.disable_interactive_logging()  # of `predict` in Keras's wrapper
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {os.cpu_count()} cores")
    for name, (measure, goal) in ROWS.items():
        if wanted and not any(part in name for part in wanted):
            continue
        (ours, ours_seconds), *peers = measure().items()
        print(f"{name}: {ours} {ours_seconds * 1e3:.4g} ms   [goal: {goal}]")
        for peer, taken in peers:
            print(f"    {peer:26} {taken * 1e3:12.4g} ms   ratio {taken / ours_seconds:8.3g}")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
