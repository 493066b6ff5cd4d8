"""Options, image sets and records that the examples share.

Not an example itself. `docs/experiments.py` makes the table of the documentation from the
records of full runs.
"""

from __future__ import annotations

import argparse
import json
import os
from itertools import pairwise
from pathlib import Path

import numpy as np

Images = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def arguments(doc: str, ids: tuple[str, ...] = ()) -> argparse.Namespace:
    """Options `full`, `data`, `seeds`, `json`, and `only` for a script of several `ids`."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="train at the published size")
    parser.add_argument("--data", metavar="FILE.npz", help="images, in place of a download")
    parser.add_argument("--seeds", type=int, default=1, help="number of runs, default 1")
    parser.add_argument("--json", metavar="FILE", help="record results in this file")
    if ids:
        parser.add_argument(
            "--only",
            type=lambda text: text.split(","),
            default=list(ids),
            metavar="ID,ID",
            help=f"some of {', '.join(ids)}",
        )
    return parser.parse_args()


def mnist(data: str | None = None) -> Images:
    """Handwritten digits: X, y, X_test, y_test.

    The images are (60000, 28, 28) and (10000, 28, 28), from 0 to 255. They come from the file
    `data`, or the one that the environment variable MNIST_NPZ names, with `X_train`,
    `y_train`, `X_test` and `y_test`; otherwise Keras downloads them. So do the other sets.
    """
    return _images("mnist", data or os.environ.get("MNIST_NPZ"))


def fashion_mnist(data: str | None = None) -> Images:
    """Pieces of clothing, of the same shape; variable FASHION_MNIST_NPZ."""
    return _images("fashion_mnist", data or os.environ.get("FASHION_MNIST_NPZ"))


def cifar10(data: str | None = None) -> Images:
    """Colour images (n, 32, 32, 3) of ten kinds of things; variable CIFAR10_NPZ.

    A file may hold JPEG bytes (`jpeg_train` and the places where images end, `off_train`) in
    place of `X_train`, and so for the test.
    """
    return _images("cifar10", data or os.environ.get("CIFAR10_NPZ"))


def _images(name: str, file: str | None) -> Images:
    if file is None:
        import keras

        (X, y), (X_test, y_test) = getattr(keras.datasets, name).load_data()
    else:
        with np.load(file) as data:
            y, y_test = data["y_train"], data["y_test"]
            if "X_train" in data:
                X, X_test = data["X_train"], data["X_test"]
            else:
                X, X_test = _decoded(data, "train"), _decoded(data, "test")
    return X, y.ravel().astype(int), X_test, y_test.ravel().astype(int)


def _decoded(data: dict[str, np.ndarray], part: str) -> np.ndarray:
    import tensorflow as tf

    jpeg, ends = data[f"jpeg_{part}"], data[f"off_{part}"]
    return np.stack([tf.io.decode_jpeg(jpeg[a:b].tobytes()).numpy() for a, b in pairwise(ends)])


def record(
    given: argparse.Namespace,
    id: str,
    seconds: float | list[float],
    *,
    configuration: str,
    measured: dict[str, float | list[float]],
) -> None:
    """Write a result to the file that `--json` names.

    Parameters
    ----------
    given : argparse.Namespace
        The options.
    id : str
        Row of the table, such as "C2".
    seconds : float or list of float
        Time of each run.
    configuration : str
        Which of the row's networks it was, in words, such as "learning rate 0.01".
    measured : dict of str to (float or list of float)
        Each measure, with one value for each run (seed); the table shows medians.
    """
    if given.json is None:
        return
    path = Path(given.json)
    rows = json.loads(path.read_text()) if path.exists() else []
    is_same = {"id": id, "configuration": configuration, "full": given.full}
    rows = [row for row in rows if not is_same.items() <= row.items()]
    rows.append(
        {
            **is_same,
            "seconds": np.round(np.atleast_1d(seconds), 2).tolist(),
            "measured": {
                name: np.atleast_1d(np.asarray(values, float)).tolist()
                for name, values in measured.items()
            },
        }
    )
    path.write_text(json.dumps(rows, indent=1) + "\n")
