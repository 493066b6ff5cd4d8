"""Compare the defaults of skmlp's estimators with those of scikit-learn's MLP.

    python benchmarks/defaults.py [name of a table ...] [--seeds N] [--data DIR]

Both estimators get the same pipeline (numbers imputed and standardised, categories one-hot,
targets of a regression standardised), the same splits and no parameter but `early_stopping` and
`random_state`. A row is the median over seeds of R² or accuracy on held-out rows. For each seed
that is one split of 80 to 20, and below 20,000 rows the mean over up to ten cross-validations
in five such splits, as many as it takes to score 5,000 rows: where few decide, no small
difference shows. Beside it stand the lowest recall that a class with a quarter of the rows has
in a seed's held-out rows, and the number of single fits in which it is below 0.1. Each pair of
columns is scikit-learn's and ours. Tables: scikit-learn's own, California housing, and those
that `meta.json` in DIR lists.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import recall_score
from sklearn.model_selection import (
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedShuffleSplit,
)
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier
from sklearn.neural_network import MLPRegressor as ScikitLearnRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmlp import MLPClassifier, MLPRegressor

SMALL = 20_000  # rows
SCORED = 5_000  # rows for each seed, if it takes no more than so many repetitions:
MAX_REPEATS = 10
SHARE = 0.25  # of the rows: a class that holds as many must not be lost
LOST = 0.1  # recall
AT_MOST_BELOW = 0.003


class Table(NamedTuple):
    name: str
    X: pd.DataFrame  # categories are strings
    y: np.ndarray
    is_classes: bool


def tables(directory: Path) -> Iterator[Table]:
    """All tables that there are, the small ones first."""
    for name in ("iris", "wine", "breast_cancer", "diabetes", "digits"):
        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        yield Table(name, bunch.data, bunch.target.to_numpy(), name != "diabetes")
    meta = directory / "meta.json"
    about = json.loads(meta.read_text()) if meta.exists() else {}
    for name, one in sorted(about.items(), key=lambda item: item[1]["rows"]):
        frame = pd.read_csv(
            directory / one["file"],
            keep_default_na=False,
            na_values=[""],
            dtype=dict.fromkeys(one["cat"], str),
        )
        y = frame.pop(one["target"]).to_numpy()
        yield Table(name, frame, y, one["task"] != "regression")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the retries without a network
            bunch = datasets.fetch_california_housing(as_frame=True)
    except OSError as error:
        print(f"California housing is left out: {error}", file=sys.stderr)
        return
    yield Table("california", bunch.data, bunch.target.to_numpy(), False)


def pipeline(table: Table, estimator: Any) -> Any:
    """The estimator behind what a careful user would put in front of it."""
    numeric = table.X.select_dtypes("number").columns.tolist()
    others = [name for name in table.X.columns if name not in numeric]
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), others),
    )
    whole = make_pipeline(columns, estimator)
    if table.is_classes:
        return whole
    return TransformedTargetRegressor(whole, transformer=StandardScaler())


def splits(table: Table, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if len(table.y) < SMALL:
        folds = RepeatedStratifiedKFold if table.is_classes else RepeatedKFold
        n_repeats = min(-(-SCORED // len(table.y)), MAX_REPEATS)
        splitter = folds(n_splits=5, n_repeats=n_repeats, random_state=seed)
    else:
        one_split = StratifiedShuffleSplit if table.is_classes else ShuffleSplit
        splitter = one_split(1, test_size=0.2, random_state=seed)
    return splitter.split(table.X, table.y)


def measure(table: Table, estimator: Any, seed: int) -> tuple[float, float, int]:
    """Mean score over the seed's splits, the lowest recall of a large class over all of them,
    and the number of fits that lost one.
    """
    scores, truth, predicted, n_lost = [], [], [], 0
    for i, (train, test) in enumerate(splits(table, seed)):
        model = pipeline(table, clone(estimator).set_params(random_state=1000 * seed + i))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # scikit-learn's at max_iter
            model.fit(table.X.iloc[train], table.y[train])
        scores.append(model.score(table.X.iloc[test], table.y[test]))
        truth.append(table.y[test])
        predicted.append(model.predict(table.X.iloc[test]))
        n_lost += lowest_recall(table, truth[-1], predicted[-1]) < LOST
    recall = lowest_recall(table, np.concatenate(truth), np.concatenate(predicted))
    return mean(scores), recall, n_lost


def lowest_recall(table: Table, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Of the classes that hold a quarter of the table's rows; 1 where there are none."""
    if not table.is_classes:
        return 1.0
    labels, counts = np.unique(table.y, return_counts=True)
    large = labels[counts >= SHARE * len(table.y)]
    if not large.size:
        return 1.0
    return float(recall_score(truth, predicted, labels=large, average=None).min())


def contenders(table: Table, early_stopping: bool) -> dict[str, Any]:
    ours, theirs = (
        (MLPClassifier, ScikitLearnClassifier)
        if table.is_classes
        else (MLPRegressor, ScikitLearnRegressor)
    )
    settings = {"early_stopping": early_stopping}
    return {"scikit-learn": theirs(**settings), "skmlp": ours(**settings)}


def compare(table: Table, early_stopping: bool, seeds: int) -> tuple[float, float]:
    """Print a row; ours minus theirs, and our lowest recall."""
    medians, recalls, lost, took = {}, {}, {}, {}
    for name, estimator in contenders(table, early_stopping).items():
        start = time.perf_counter()
        scores, recall, n_lost = zip(
            *(measure(table, estimator, seed) for seed in range(seeds)), strict=True
        )
        medians[name], recalls[name], lost[name] = median(scores), min(recall), sum(n_lost)
        took[name] = time.perf_counter() - start
    theirs, ours = medians.values()
    print(
        f"{table.name:18}{len(table.y):7}  {'yes' if early_stopping else 'no':7}"
        f"{theirs:12.4f}{ours:8.4f}{ours - theirs:+9.4f}",
        *(f"{recalls[name]:7.2f}" for name in recalls),
        *(f"{lost[name]:5}" for name in lost),
        *(f"{took[name]:6.0f}" for name in took),
        flush=True,
    )
    return ours - theirs, recalls["skmlp"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Defaults beside scikit-learn's.")
    parser.add_argument("names", nargs="*", help="tables; all if none is named")
    parser.add_argument("--seeds", type=int, default=5)
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    arguments = parser.parse_args()
    print(
        f"{'table':18}{'rows':>7}  {'stops':7}{'scikit-learn':>12}{'skmlp':>8}{'':9}"
        f"{'lowest recall':>17}{'lost in':>12}{'seconds':>14}"
    )
    differences, lost = {}, []
    for table in tables(arguments.data):
        if arguments.names and table.name not in arguments.names:
            continue
        for early_stopping in (True, False):
            row = table.name, early_stopping
            differences[row], recall = compare(table, early_stopping, arguments.seeds)
            if recall < LOST:
                lost.append(row)
    below = [row for row, difference in differences.items() if difference < -AT_MOST_BELOW]
    print(f"mean difference {mean(differences.values()):+.4f}")
    print(f"rows more than {AT_MOST_BELOW} below scikit-learn's: {below or 'none'}")
    print(f"rows in which a class of a quarter of the rows is lost: {lost or 'none'}")
    return int(bool(below or lost) or mean(differences.values()) < 0)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
