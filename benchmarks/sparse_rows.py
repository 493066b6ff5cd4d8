"""Fits of sparse rows, each in a process of its own, whose peak of memory counts.

    python benchmarks/sparse_rows.py contender work

prints seconds and bytes as JSON, for `run.py`. The table adult is that of `tabular.py`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

SETTINGS = {"hidden_layer_sizes": (100,), "batch_size": 200, "random_state": 0}
WORDS_OF_TEXT = 150  # the median, with repetitions; about 100 columns
DENSE = "dense rows"


def text(n_texts: int, n_columns: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Rows of unit length and labels, like a `TfidfVectorizer`'s, and as float64 as its are.

    Frequencies of words follow Zipf's law; lengths of texts are lognormal.
    """
    rng = np.random.default_rng(0)
    lengths = rng.lognormal(np.log(WORDS_OF_TEXT), 0.5, n_texts).astype(int) + 1
    words = (n_columns ** rng.random(lengths.sum())).astype(int) - 1
    places = np.repeat(np.arange(n_texts), lengths), words
    counts = sparse.csr_matrix((np.ones(len(words)), places), (n_texts, n_columns))
    n_texts_of = np.bincount(counts.indices, minlength=n_columns)
    counts.data *= np.log((1 + n_texts) / (1 + n_texts_of))[counts.indices] + 1
    rows = normalize(counts)
    return rows, (rows @ rng.standard_normal(n_columns) > 0).astype(int)


def adult() -> tuple[Any, Any]:
    from tabular import tables

    return next((X, y) for name, X, y, _ in tables() if name == "adult")


def network(contender: str, epochs: int) -> Any:
    if contender == "scikit-learn":
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(**SETTINGS, max_iter=epochs)
    from skmlp import MLPClassifier

    return MLPClassifier(**SETTINGS, epochs=epochs)


def crosses_of_adult(contender: str) -> tuple[Any, Any, Any]:
    """All pairs of the categories of adult; as a contender, also with all rows made dense."""
    from skmlp import WideDeepClassifier
    from skmlp._data import sparse_rows

    if contender == DENSE:
        sparse_rows.MAX_DENSITY, sparse_rows.MAX_BYTES_OF_DENSE = 0.0, 2**60
    X, y = adult()
    numbers = X.select_dtypes("number")
    X[numbers.columns] = (numbers - numbers.mean()) / numbers.std()
    categories = X.select_dtypes("category").columns.tolist()
    classifier = WideDeepClassifier(
        **SETTINGS,
        epochs=5,
        wide_features=categories,
        wide_crosses=list(combinations(categories, 2)),
        wide_optimizer="ftrl",
    )
    return classifier, X, y


def fit_of_text(n_texts: int, n_columns: int, epochs: int, contender: str) -> tuple:
    return network(contender, epochs), *text(n_texts, n_columns)


WORKS = {
    "2,000 texts": partial(fit_of_text, 2000, 50_000, 5),
    "20,000 texts": partial(fit_of_text, 20_000, 100_000, 1),
    "adult": crosses_of_adult,
}


def measured(work: str, contender: str) -> tuple[float, float, float]:
    """Seconds of a fit, bytes at the peak of its process, and those after its imports."""
    command = [sys.executable, __file__, contender, work]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    taken, peak, imports = json.loads(done.stdout.splitlines()[-1])
    return taken, peak, imports


def peak_of_process() -> int:
    """Bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(contender: str, work: str) -> None:
    warnings.simplefilter("ignore")
    if contender == "scikit-learn":
        import sklearn.neural_network  # noqa: F401
    else:
        import keras  # noqa: F401  (the first fit would import it)

        import skmlp  # noqa: F401
    imports = peak_of_process()
    estimator, X, y = WORKS[work](contender)
    if contender != "scikit-learn":
        estimator.fit(X, y)  # compiles
    start = time.perf_counter()
    estimator.fit(X, y)
    taken = time.perf_counter() - start
    print(json.dumps([taken, peak_of_process(), imports]))


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent))
    main(*sys.argv[1:])
