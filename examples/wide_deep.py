"""Wide & deep networks on California housing, beside a plain multilayer perceptron.

Trains five networks of 30 units a layer, 20 epochs each, with three seeds, and prints medians:

- deep alone, with one hidden layer and with two;
- wide & deep: all columns also go straight to the output;
- two inputs: columns 0-4 wide, columns 2-7 deep;
- the same with an auxiliary output on the deep path that gets a tenth of the loss.

Without internet access or a cached copy of the data, it runs on scikit-learn's diabetes data.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
from sklearn.base import clone
from sklearn.datasets import fetch_california_housing, load_diabetes
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skmlp import MLPRegressor, WideDeepRegressor

TRAINING = {"optimizer": "sgd", "learning_rate": 1e-3, "batch_size": 32, "epochs": 20}
TWO_INPUTS = {"wide_features": slice(0, 5), "deep_features": slice(2, 8)}
NETWORKS = {
    "deep, 30": MLPRegressor((30,), **TRAINING),
    "deep, 30-30": MLPRegressor((30, 30), **TRAINING),
    "wide & deep, 30-30": WideDeepRegressor((30, 30), **TRAINING),
    "two inputs": WideDeepRegressor((30, 30), **TWO_INPUTS, **TRAINING),
    "two inputs, auxiliary output": WideDeepRegressor(
        (30, 30), **TWO_INPUTS, aux_loss_weight=0.1, **TRAINING
    ),
}


def load() -> tuple[np.ndarray, np.ndarray]:
    try:
        return fetch_california_housing(return_X_y=True)
    except OSError as error:
        print(f"California housing is not available ({error}): using diabetes data.")
        X, y = load_diabetes(return_X_y=True)
        return X, y / 100


def main() -> None:
    X, y = load()
    X_rest, X_test, y_rest, y_test = train_test_split(X, y, random_state=42)
    X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, random_state=42)
    scaler = StandardScaler().fit(X_train)
    X_train, X_val, X_test = map(scaler.transform, (X_train, X_val, X_test))

    print(f"{'medians of three seeds':32}{'test MSE':>9} {'validation R2':>14} {'seconds':>8}")
    for name, network in NETWORKS.items():
        errors, scores, seconds = [], [], []
        for seed in range(3):
            regressor = clone(network).set_params(random_state=seed)
            start = time.perf_counter()
            regressor.fit(X_train, y_train, X_val=X_val, y_val=y_val)
            seconds.append(time.perf_counter() - start)
            errors.append(mean_squared_error(y_test, regressor.predict(X_test)))
            scores.append(regressor.best_validation_score_)
        print(f"{name:32}{median(errors):9.4f} {median(scores):14.4f} {median(seconds):8.2f}")

    print()
    regressor.model_.summary()


if __name__ == "__main__":
    main()
