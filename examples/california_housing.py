"""Predict California house prices, beside scikit-learn's regressors, and search.

Trains `skmlp.MLPRegressor` in a pipeline, prints its scores beside those of scikit-learn's
`MLPRegressor` and `HistGradientBoostingRegressor`, and then searches for the depth, the
width and the learning rate at random: 10 candidates, 3 folds, up to 100 epochs.

Without internet access or a cached copy of the data, it runs on scikit-learn's diabetes data.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import fetch_california_housing, load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.neural_network import MLPRegressor as ScikitLearnMLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPRegressor


def load() -> tuple[np.ndarray, np.ndarray]:
    try:
        return fetch_california_housing(return_X_y=True)
    except OSError as error:
        print(f"California housing is not available ({error}): using diabetes data.")
        X, y = load_diabetes(return_X_y=True)
        return X, y / 100


def compare(models: dict[str, Any], X_train, X_test, y_train, y_test) -> None:
    print(f"{'':38}{'test R2':>8} {'test RMSE':>10} {'seconds':>8}")
    for name, model in models.items():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # scikit-learn's at max_iter
            model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        predicted = model.predict(X_test)
        r2, rmse = r2_score(y_test, predicted), root_mean_squared_error(y_test, predicted)
        print(f"{name:38}{r2:8.4f} {rmse:10.4f} {seconds:8.1f}")


def search(X_train, X_val, y_train, y_val) -> None:
    """The experiment of Géron's "Hands-On Machine Learning", chapter 10, with its own call."""
    scaler = StandardScaler().fit(X_train)
    regressor = MLPRegressor(
        optimizer="sgd", batch_size=32, early_stopping=True, tol=0, random_state=42
    )
    space = {
        "n_hidden": [0, 1, 2, 3],
        "n_neurons": np.arange(1, 100),
        "learning_rate": loguniform(3e-4, 3e-2),
    }
    candidates = RandomizedSearchCV(
        regressor, space, n_iter=10, cv=3, scoring="neg_mean_squared_error", random_state=42
    )
    start = time.perf_counter()
    candidates.fit(
        scaler.transform(X_train),
        y_train,
        epochs=100,
        validation_data=(scaler.transform(X_val), y_val),
    )
    seconds = time.perf_counter() - start
    print(f"\nRandom search, 10 candidates x 3 folds, up to 100 epochs: {seconds:.1f} seconds")
    print(f"best CV MSE {-candidates.best_score_:.4f} with {candidates.best_params_}")


def main() -> None:
    X, y = load()
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, random_state=42)
    X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, random_state=42)
    network = {"hidden_layer_sizes": (30, 30), "batch_size": 32, "random_state": 42}
    models = {
        "skmlp MLPRegressor": make_pipeline(
            StandardScaler(), MLPRegressor(**network, early_stopping=True)
        ),
        "scikit-learn MLPRegressor": make_pipeline(
            StandardScaler(), ScikitLearnMLPRegressor(**network, early_stopping=True)
        ),
        "scikit-learn HistGradientBoosting": HistGradientBoostingRegressor(random_state=42),
    }
    compare(models, X_rest, X_test, y_rest, y_test)
    search(X_train, X_val, y_train, y_val)


if __name__ == "__main__":
    main()
