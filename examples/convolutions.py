"""Images through convolutions: CIFAR-10 and MNIST with Keras networks of your own.

    python examples/convolutions.py [cifar mnist dropout penalty batch learning_rate]

Without arguments all parts run, which takes some minutes for each of the first two and about
one for each of the others, two cores given:

- cifar: a convolutional network of three blocks on 10,000 images, beside `MLPClassifier`s;
- mnist: the same network with fewer filters on 60,000 images;
- dropout, penalty, batch, learning_rate: studies of one number of the network each, as
  searches on 2,000 images.

Images come from Keras's downloads, or from files that `CIFAR10_NPZ` (JPEG bytes: `jpeg_train`,
the places where they begin and end: `off_train`, `y_train`, and the same for the test) and
`MNIST_NPZ` (`X_train`, `y_train`, `X_test`, `y_test`) name.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from scipy.stats import loguniform
from sklearn.model_selection import StratifiedShuffleSplit

from skmlp import KerasClassifier, MLPClassifier
from skmlp.model_selection import GridSearchCV, RandomizedSearchCV

Images = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # X, y, X_test, y_test


@cache
def cifar() -> Images:
    """10,000 training and 2,000 test images, (n, 32, 32, 3) from 0 to 1."""
    path = os.environ.get("CIFAR10_NPZ")
    if path:
        with np.load(path) as data:
            X = decoded(data["jpeg_train"], data["off_train"])
            X_test = decoded(data["jpeg_test"], data["off_test"])
            y, y_test = data["y_train"], data["y_test"]
    else:
        (X, y), (X_test, y_test) = keras.datasets.cifar10.load_data()
        X, y, X_test, y_test = X[:10_000], y[:10_000, 0], X_test[:2000], y_test[:2000, 0]
    return np.float32(X) / 255, y, np.float32(X_test) / 255, y_test


def decoded(jpeg: np.ndarray, ends: np.ndarray) -> np.ndarray:
    return np.stack([tf.io.decode_jpeg(jpeg[a:b].tobytes()).numpy() for a, b in pairwise(ends)])


def mnist() -> Images:
    """60,000 training and 10,000 test images, (n, 28, 28, 1) from 0 to 1."""
    path = os.environ.get("MNIST_NPZ")
    if path:
        with np.load(path) as data:
            X, y, X_test, y_test = (data[k] for k in ("X_train", "y_train", "X_test", "y_test"))
    else:
        (X, y), (X_test, y_test) = keras.datasets.mnist.load_data()
    X, X_test = (np.float32(images[..., None]) / 255 for images in (X, X_test))
    return X, y, X_test, y_test


def convolutional(
    meta: dict[str, Any],
    filters: Sequence[int] = (32, 64, 128),
    dropout: float = 0.2,
    kernel_l1: float = 0.0,
    kernel_l2: float = 0.0,
) -> keras.Model:
    """Blocks that halve the image's sides: what follows the pooling costs a quarter."""
    layers: list[Any] = [keras.Input(meta["X_shape_"][1:])]
    for n in filters:
        layers += [
            keras.layers.Conv2D(
                n,
                3,
                padding="same",
                use_bias=False,
                kernel_regularizer=keras.regularizers.L1L2(kernel_l1, kernel_l2),
            ),
            keras.layers.MaxPooling2D(),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Activation("relu"),
            keras.layers.Dropout(dropout),
        ]
    last = keras.layers.Dense(meta["n_classes_"], activation="softmax")
    return keras.Sequential([*layers, keras.layers.Flatten(), last])


TRAINING = {
    "learning_rate": 3e-3,
    "learning_rate_schedule": "cosine",
    "n_iter_no_change": np.inf,
    "random_state": 0,
}


def show(name: str, classifier: Any, images: Images) -> None:
    X, y, X_test, y_test = images
    start = time.perf_counter()
    classifier.fit(X, y)
    seconds = time.perf_counter() - start
    print(
        f"{name:36} {100 * classifier.score(X_test, y_test):6.2f} % of test images right, "
        f"{seconds:6.1f} seconds",
        flush=True,
    )


def compare_on_cifar() -> None:
    X, y, X_test, y_test = cifar()
    flat = X.reshape(len(X), -1), y, X_test.reshape(len(X_test), -1), y_test
    print("CIFAR-10, 10,000 training images")
    for name, params in {
        "MLPClassifier, 500": {"hidden_layer_sizes": (500,), "dropout": 0.2},
        "MLPClassifier, 500-500": {"hidden_layer_sizes": (500, 500), "dropout": 0.2},
        "MLPClassifier, 1000-500, normalised": {
            "hidden_layer_sizes": (1000, 500),
            "normalization": "batch",
            "dropout": 0.4,
        },
    }.items():
        for rate in (3e-4, 1e-3):
            perceptron = MLPClassifier(
                **{**TRAINING, "learning_rate": rate, **params}, batch_size=64, epochs=15
            )
            show(f"{name}, rate {rate:g}", perceptron, flat)
    network = KerasClassifier(convolutional, **TRAINING, batch_size=64, epochs=15)
    show("three convolutions", network, cifar())


def train_on_mnist() -> None:
    print("MNIST, 60,000 training images")
    network = KerasClassifier(
        convolutional,
        filters=(16, 32, 64),
        dropout=0.1,
        **TRAINING,
        batch_size=128,
        epochs=6,
    )
    show("three convolutions", network, mnist())


def study(name: str, search: Any) -> None:
    """Print a table of the candidates of a search on 2,000 images and 1,000 others."""
    X, y, *_ = cifar()
    start = time.perf_counter()
    search.fit(X[:3000], y[:3000])
    found = pd.DataFrame(search.cv_results_)
    parameters = [column for column in found if column.startswith("param_")]
    table = found[[*parameters, "mean_train_score", "mean_test_score"]].fillna(0.0)
    table = table.rename(
        columns={
            **{column: column.removeprefix("param_") for column in parameters},
            "mean_train_score": "training",
            "mean_test_score": "validation",
        }
    ).sort_values([column.removeprefix("param_") for column in parameters])
    print(f"\n{name}: accuracy, {time.perf_counter() - start:.0f} seconds in all")
    print(table.to_string(index=False, float_format="{:.4g}".format), flush=True)


def searching(cls: type, space: dict[str, Any], **settings: Any) -> Any:
    network = KerasClassifier(
        convolutional, filters=(16, 32), **TRAINING, batch_size=64, epochs=12
    )
    split = StratifiedShuffleSplit(1, train_size=2000, test_size=1000, random_state=0)
    return cls(network, space, cv=split, refit=False, return_train_score=True, **settings)


PARTS: dict[str, Callable[[], None]] = {
    "cifar": compare_on_cifar,
    "mnist": train_on_mnist,
    "dropout": lambda: study(
        "Dropout rate", searching(GridSearchCV, {"dropout": [0.0, 0.2, 0.4, 0.6]})
    ),
    "penalty": lambda: study(
        "L1 and L2",
        searching(
            GridSearchCV,
            [{"kernel_l1": [0.0, 1e-4, 1e-3]}, {"kernel_l2": [1e-3, 1e-2]}],
        ),
    ),
    "batch": lambda: study(
        "Batch size", searching(GridSearchCV, {"batch_size": [16, 64, 256, 1000]})
    ),
    "learning_rate": lambda: study(
        "Learning rate",
        searching(
            RandomizedSearchCV,
            {"learning_rate": loguniform(1e-4, 1e-1)},
            n_iter=6,
            random_state=0,
        ),
    ),
}


if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
