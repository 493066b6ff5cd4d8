"""Compare the tabular estimators with their peers, all at their defaults, in one run.

    python benchmarks/tabular.py [table ...]

Tables are those of the folder that `TABULAR_DATA` names: gzipped CSV files with a last column
"target", and a file `meta.json` with the file, the task and the columns of each. Without it
they are tables of scikit-learn's. A fifth of the rows is for testing. CatBoost, LightGBM join
where they are installed; scikit-learn's MLP gets standardised numbers and one-hot
categories. Printed are R² or accuracy, log loss, and seconds of fit and of predict; at the end
the mean rank of each estimator.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import fetch_california_housing, load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmlp import TabularClassifier, TabularRegressor

Table = tuple[str, pd.DataFrame, pd.Series, bool]  # name, X, y, whether y is numeric
DATA = os.environ.get("TABULAR_DATA")


def tables() -> Iterator[Table]:
    if DATA is None:
        for load, is_numeric in (
            (load_diabetes, True),
            (load_breast_cancer, False),
            (fetch_california_housing, True),
        ):
            data = load(as_frame=True)
            yield load.__name__.split("_", 1)[1], data.data, data.target, is_numeric
        return
    for name, meta in json.loads((Path(DATA) / "meta.json").read_text()).items():
        frame = pd.read_csv(
            Path(DATA) / meta["file"],
            keep_default_na=False,
            na_values=[""],
            dtype=dict.fromkeys(meta["cat"], "category"),
        )
        for column in meta["cat"]:  # CatBoost's are text
            frame[column] = frame[column].cat.rename_categories(str)
        is_numeric = meta["task"] == "regression"
        yield name, frame.drop(columns="target"), frame["target"], is_numeric


def scikit_learn_mlp(cls: type) -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (
            OneHotEncoder(handle_unknown="ignore"),
            make_column_selector(dtype_include="category"),
        ),
        sparse_threshold=0,
    )
    return make_pipeline(columns, cls(random_state=0))


def peers(is_numeric: bool) -> dict[str, Callable[[pd.DataFrame], Any]]:
    """Estimators by name, made for a table's columns."""
    ours = TabularRegressor if is_numeric else TabularClassifier
    trees = HistGradientBoostingRegressor if is_numeric else HistGradientBoostingClassifier
    found: dict[str, Callable[[pd.DataFrame], Any]] = {
        "skmlp": lambda X: ours(random_state=0),
        "HistGradientBoosting": lambda X: trees(random_state=0),
        "scikit-learn's MLP": lambda X: scikit_learn_mlp(
            MLPRegressor if is_numeric else MLPClassifier
        ),
    }
    if importlib.util.find_spec("lightgbm"):
        import lightgbm

        light = lightgbm.LGBMRegressor if is_numeric else lightgbm.LGBMClassifier
        found["LightGBM"] = lambda X: light(random_state=0, verbose=-1)
    if importlib.util.find_spec("catboost"):
        import catboost

        cat = catboost.CatBoostRegressor if is_numeric else catboost.CatBoostClassifier
        found["CatBoost"] = lambda X: make_pipeline(
            make_column_transformer(
                (
                    SimpleImputer(strategy="constant", fill_value="missing"),
                    make_column_selector(dtype_include="category"),
                ),
                remainder="passthrough",
            ),
            cat(
                random_state=0,
                verbose=0,
                allow_writing_files=False,
                cat_features=list(range(X.select_dtypes("category").shape[1])),
            ),
        )
    return found


def measure(table: Table) -> dict[str, float]:
    """Scores by estimator; prints a line for each."""
    name, X, y, is_numeric = table
    split = train_test_split(
        X, y, test_size=0.2, random_state=0, stratify=None if is_numeric else y
    )
    X_train, X_test, y_train, y_test = split
    print(f"{name}: {len(X_train)} rows, {X.shape[1]} columns", flush=True)
    scores = {}
    for peer, build in peers(is_numeric).items():
        estimator = build(X)
        start = time.perf_counter()
        estimator.fit(X_train, y_train)
        fitting = time.perf_counter() - start
        start = time.perf_counter()
        estimator.predict(X_test)
        predicting = time.perf_counter() - start
        scores[peer] = estimator.score(X_test, y_test)
        loss = ""
        if not is_numeric:
            probabilities = estimator.predict_proba(X_test)
            loss = f"   log loss {log_loss(y_test, probabilities, labels=np.unique(y)):.4f}"
        print(
            f"    {peer:22s} {scores[peer]:.4f}{loss}   fit {fitting:6.1f} s   "
            f"predict {predicting:.2f} s",
            flush=True,
        )
    return scores


def main(wanted: list[str]) -> None:
    chosen = [table for table in tables() if not wanted or table[0] in wanted]
    scores = pd.DataFrame({table[0]: measure(table) for table in chosen})
    ranks = pd.DataFrame(rankdata(-scores.to_numpy(), axis=0), scores.index, scores.columns)
    print("mean ranks:")
    print(ranks.mean(axis=1).sort_values().to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
