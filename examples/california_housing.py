"""
California house prices
=======================

A network of one hidden layer of 30 units predicts the house prices of California's districts,
by plain gradient descent for 20 epochs. Then a larger one that stops by itself is compared
with scikit-learn's regressors.

    python examples/california_housing.py

Without internet access or a cached copy of the data, it runs on scikit-learn's diabetes data.
"""

from __future__ import annotations

import time
import warnings
from importlib.util import find_spec

import experiments
import numpy as np
from sklearn.datasets import fetch_california_housing, load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor as ScikitLearnMLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import LossCurveDisplay, MLPRegressor

given = experiments.arguments(__doc__)
try:
    X, y = fetch_california_housing(return_X_y=True)
except OSError as error:
    print(f"California housing is not available ({error}): using diabetes data.")
    X, y = load_diabetes(return_X_y=True)
    y = y / 100
X_rest, X_test, y_rest, y_test = train_test_split(X, y, random_state=42)
X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, random_state=42)

# %%
# One hidden layer
# ----------------
# Columns are standardised. Prices are in units of 100,000 dollars, and so small enough to be
# left as they are.

scaler = StandardScaler().fit(X_train)
validation = scaler.transform(X_val), y_val
errors, seconds = [], []
for seed in range(given.seeds):
    regressor = MLPRegressor(
        (30,),
        optimizer="sgd",
        learning_rate=0.01,
        batch_size=32,
        epochs=20,
        random_state=seed,
    )
    start = time.perf_counter()
    regressor.fit(scaler.transform(X_train), y_train, validation_data=validation)
    seconds.append(time.perf_counter() - start)
    errors.append(mean_squared_error(y_test, regressor.predict(scaler.transform(X_test))))
experiments.record(given, "D2", seconds, configuration="8-30-1", measured={"test MSE": errors})
print(f"20 epochs: test MSE {np.median(errors):.3f} (published: about 0.4)")

# %%
# Beside scikit-learn's
# ---------------------
# Pipelines work as with any estimator.

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
print(f"{'':38}{'test R2':>8} {'test MSE':>9} {'seconds':>8}")
for name, model in models.items():
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # scikit-learn's at max_iter
        model.fit(X_rest, y_rest)
    elapsed = time.perf_counter() - start
    error = mean_squared_error(y_test, model.predict(X_test))
    print(f"{name:38}{model.score(X_test, y_test):8.4f} {error:9.4f} {elapsed:8.1f}")

# %%
# A few districts are far from all others, and a few poor predictions for them make the
# validation loss of the first epochs: its axis is logarithmic.

if find_spec("matplotlib"):
    import matplotlib.pyplot as plt

    LossCurveDisplay.from_estimator(regressor).ax_.set_yscale("log")
    plt.show()
