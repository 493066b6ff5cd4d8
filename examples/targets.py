"""
Targets of many kinds
=====================

Positive ones, ones in a range, ones with outliers, several at once, several labels at once, and
classes or rows that count more than others: each is a parameter or two, on data that
scikit-learn makes.

    python examples/targets.py
"""

import time

import experiments
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.metrics import balanced_accuracy_score, f1_score, mean_absolute_error
from sklearn.model_selection import train_test_split

from skmlp import MLPClassifier, MLPRegressor

given = experiments.arguments(__doc__)
start = time.perf_counter()
rng = np.random.default_rng(0)
x = np.sort(rng.uniform(-3, 3, 400))
X = x[:, None]
regressor = MLPRegressor((30, 30), activation="tanh", epochs=150, batch_size=50, random_state=0)

# %%
# Positive targets
# ----------------
# Waiting times, say, are never below 0. `output_activation="softplus"` makes all predictions
# positive, and "relu" makes them 0 or more. A Poisson loss is one for counts.

counts = rng.poisson(np.exp(1.5 * x - 2))
plain = regressor.fit(X, counts).predict(X)
regressor.set_params(output_activation="softplus", loss="poisson")
positive = regressor.fit(X, counts).predict(X)
print(f"lowest prediction: plain {plain.min():.3f}, softplus {positive.min():.3f}")

# %%
# Targets in a range
# ------------------
# A logistic output lies between 0 and 1, a hyperbolic tangent between -1 and 1. Targets in
# another range are scaled to it.

share = 1 / (1 + np.exp(-2 * x)) + rng.normal(scale=0.05, size=x.size)
share = share.clip(0, 1)
regressor.set_params(output_activation="logistic", loss="squared_error")
bounded = regressor.fit(X, share).predict(X)
print(f"predictions of a share: {bounded.min():.3f} to {bounded.max():.3f}")

# %%
# Outliers
# --------
# One target in ten is far too high. The squared error follows them; the absolute error and
# Huber's loss, which is quadratic for small errors and linear for large ones, do not.

truth = np.sin(2 * x)
spoiled = truth + rng.normal(scale=0.1, size=x.size)
spoiled[rng.random(x.size) < 0.1] += 6
regressor.set_params(output_activation=None)
robust = {}
for loss in ("squared_error", "absolute_error", "huber"):
    robust[loss] = regressor.set_params(loss=loss).fit(X, spoiled).predict(X)
    print(f"{loss:15} mean distance from the truth {np.abs(robust[loss] - truth).mean():.3f}")

# %%
# Several targets
# ---------------
# With `normalize_y` each gets the same say, whatever its unit.

both = np.column_stack([truth, 1000 * share])
regressor.set_params(loss="squared_error", normalize_y=True).fit(X, both)
errors = mean_absolute_error(both, regressor.predict(X), multioutput="raw_values")
print("mean absolute errors of two targets:", errors.round(3))

# %%
# Several labels at once
# ----------------------
# The target is a matrix of zeros and ones, one column per label.

rows, labels = make_multilabel_classification(600, n_classes=4, random_state=0)
rows = rows / rows.max()
train, test = train_test_split(np.arange(600), random_state=0)
classifier = MLPClassifier((50,), epochs=40, batch_size=50, random_state=0)
predicted = classifier.fit(rows[train], labels[train]).predict(rows[test])
f1 = f1_score(labels[test], predicted, average="micro")
print(f"four labels at once: F1 {f1:.3f}")

# %%
# Classes and rows that count more
# --------------------------------
# One row in twenty belongs to the rare class. `class_weight="balanced"` gives both classes the
# same total weight, and so does a `sample_weight` of 19 for each row of the rare one.

rows, y = make_classification(
    2000, n_informative=5, weights=[0.95], flip_y=0.02, class_sep=0.7, random_state=0
)
train, test = train_test_split(np.arange(2000), stratify=y, random_state=0)
classifier.set_params(epochs=15)
accuracies = {}
for name, params, weight in (
    ("unweighted", {"class_weight": None}, None),
    ("class weights", {"class_weight": "balanced"}, None),
    ("sample weights", {"class_weight": None}, np.where(y[train] == 1, 19.0, 1.0)),
):
    classifier.set_params(**params).fit(rows[train], y[train], sample_weight=weight)
    predicted = classifier.predict(rows[test])
    accuracies[name] = balanced_accuracy_score(y[test], predicted)
    print(f"{name:15} mean accuracy of the two classes {accuracies[name]:.3f}")

measured = {
    "lowest positive prediction": positive.min(),
    "lowest share": bounded.min(),
    "highest share": bounded.max(),
    **{f"distance, {loss}": np.abs(fit - truth).mean() for loss, fit in robust.items()},
    "F1 of labels": f1,
    **{f"balanced accuracy, {name}": value for name, value in accuracies.items()},
}
seconds = time.perf_counter() - start
experiments.record(given, "D9", seconds, configuration="all", measured=measured)

# %%
# The curves
# ----------

_, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
panels = {
    "Counts": (counts, {"plain": plain, "softplus": positive}),
    "A share": (share, {"logistic": bounded}),
    "Outliers": (spoiled, robust),
}
for ax, (title, (targets, predictions)) in zip(axes, panels.items(), strict=True):
    ax.scatter(x, targets, s=5, color="0.75")
    for name, values in predictions.items():
        ax.plot(x, values, label=name)
    ax.set(title=title, xlabel="x")
    ax.legend(fontsize="small")
axes[0].set_ylabel("y")
plt.show()
