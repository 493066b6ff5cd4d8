"""
A random search over depth, width and learning rate
===================================================

Ten networks for California housing, drawn at random, each judged by three folds. Networks of
one shape are trained together, the others after each other; a compiled program serves all the
fits of a shape.

    python examples/random_search.py [--full]

By default six candidates are trained for up to 25 epochs; with `--full`, ten for up to 100.
The data are scikit-learn's download.
"""

import time

import experiments
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import loguniform
from sklearn.datasets import fetch_california_housing
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skmlp import MLPRegressor
from skmlp.model_selection import RandomizedSearchCV

given = experiments.arguments(__doc__)

# %%
# The rows
# --------

X, y = fetch_california_housing(return_X_y=True)
X_rest, X_test, y_rest, y_test = train_test_split(X, y, random_state=42)
X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, random_state=42)
scaler = StandardScaler().fit(X_train)
X_train, X_val, X_test = map(scaler.transform, (X_train, X_val, X_test))

# %%
# The search
# ----------
# Training ends when the validation rows are predicted no better for ten epochs, and keeps the
# best one. Their absolute error is the judge: a few outliers rule their squared error, which
# jumps from epoch to epoch.
# `n_hidden` and `n_neurons` are a network's depth and width as numbers, which a search can
# draw.

space = {
    "n_hidden": [0, 1, 2, 3],
    "n_neurons": np.arange(1, 100),
    "learning_rate": loguniform(3e-4, 3e-2),
}
regressor = MLPRegressor(
    optimizer="sgd",
    batch_size=32,
    epochs=100 if given.full else 25,
    early_stopping=True,
    n_iter_no_change=10,
    tol=0,
    scoring="neg_mean_absolute_error",
)
searches, scores, errors, seconds = [], [], [], []
for seed in range(42, 42 + given.seeds):
    search = RandomizedSearchCV(
        regressor.set_params(random_state=seed),
        space,
        n_iter=10 if given.full else 6,
        cv=3,
        scoring="neg_mean_squared_error",
        random_state=42,
    )
    start = time.perf_counter()
    search.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    seconds.append(time.perf_counter() - start)
    searches.append(search)
    scores.append(-search.best_score_)
    errors.append(mean_squared_error(y_test, search.predict(X_test)))
    print(
        f"{seconds[-1]:.0f} seconds, cross-validated MSE {scores[-1]:.4f} (published: 0.3189)"
    )
    print(f"test MSE {errors[-1]:.4f} with {search.best_params_}")
experiments.record(
    given,
    "D6",
    seconds,
    configuration="10 candidates" if given.full else "6 candidates",
    measured={"CV MSE": scores, "test MSE": errors},
)

# %%
# The candidates
# --------------
# Each candidate's three folds are joined by a line. Without a hidden layer the error is high at
# any learning rate; with some, a rate that is too low leaves a network short of its best after
# the last epoch.

results = searches[0].cv_results_
folds = -np.array([results[f"split{k}_test_score"] for k in range(3)])
_, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for depth in space["n_hidden"]:
    has_depth = results["param_n_hidden"] == depth
    if not has_depth.any():
        continue
    rates = results["param_learning_rate"][has_depth].astype(float)
    (points, *_) = ax.plot(rates, folds[:, has_depth].T, "o", color=f"C{depth}", alpha=0.7)
    points.set_label(f"{depth} hidden layers")
    ax.vlines(rates, *np.percentile(folds[:, has_depth], [0, 100], axis=0), color=f"C{depth}")
    for rate, top, units in zip(
        rates,
        folds[:, has_depth].max(axis=0),
        results["param_n_neurons"][has_depth],
        strict=True,
    ):
        if depth:
            ax.annotate(
                str(units), (rate, top), (0, 6), textcoords="offset points", ha="center"
            )
ax.set(
    xscale="log",
    xlabel="Learning rate",
    ylabel="Mean squared error of a fold",
    title="Candidates, with the units of a layer",
)
ax.margins(y=0.12)
ax.legend()
plt.show()

# %%
# The best network, trained on all rows:

searches[0]
