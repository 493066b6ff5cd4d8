"""
One neuron: logic gates and irises
==================================

The smallest networks there are. A single logistic unit learns AND and OR to exact weights,
cannot learn XOR, and tells one kind of iris from the others, with probabilities where a
perceptron has only yes and no.

    python examples/logic_gates.py
"""

import time

import experiments
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import Perceptron
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier

given = experiments.arguments(__doc__)
GATE = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
ALL_EPOCHS = {"tol": 0, "n_iter_no_change": np.inf}


def fit(classifier, X, y):
    start = time.perf_counter()
    return classifier.fit(X, y), time.perf_counter() - start


def fit_each_seed(classifier, X, y, parameter="random_state"):
    """Networks, and the seconds of each fit."""
    seeded = [clone(classifier).set_params(**{parameter: n}) for n in range(given.seeds)]
    return zip(*(fit(one, X, y) for one in seeded), strict=True)


# %%
# AND and OR
# ----------
# No hidden layer, initial weights of zero, plain gradient descent on all four rows with
# a learning rate of 200. All rows are symmetric, so the weights are whole numbers.

gates = {"A1": ("AND", [0, 0, 0, 1], -75), "A2": ("OR", [0, 1, 1, 1], -25)}
for id, (name, y, published) in gates.items():
    unit = MLPClassifier(
        (),
        kernel_initializer="zeros",
        optimizer="sgd",
        learning_rate=200,
        epochs=401,
        **ALL_EPOCHS,
    )
    unit, seconds = fit(unit, GATE, y)
    weights, bias = unit.coefs_[0].ravel(), unit.intercepts_[0][0]
    print(f"{name:4} weights {weights}, bias {bias:.6g}, loss {unit.loss_:.3g}")
    print(f"     published: 50, 50, {published}")
    measured = {
        "first weight": weights[0],
        "second weight": weights[1],
        "bias": bias,
        "loss": unit.loss_,
    }
    experiments.record(given, id, seconds, configuration=name, measured=measured)

# %%
# OR by squared error
# -------------------
# The loss falls far more slowly: where the unit is sure and wrong, the squared error of its
# probability has hardly a slope.

squared = MLPClassifier(
    (),
    loss="squared_error",
    optimizer="sgd",
    learning_rate=2,
    epochs=2000,
    **ALL_EPOCHS,
)
units, seconds = fit_each_seed(squared, GATE, [0, 1, 1, 1])
probabilities = np.array([unit.predict_proba(GATE)[:, 1] for unit in units])
losses = [unit.loss_ for unit in units]
middle = np.median(probabilities, axis=0).round(5)
print("OR by squared error: probabilities", middle, f"loss {np.median(losses):.5f}")
print("     published: 0.040 0.975 0.975 0.99997, loss 0.00072")
measured = {f"OR({a}, {b})": p for (a, b), p in zip(GATE, probabilities.T, strict=True)}
measured["loss"] = losses
experiments.record(given, "A3", seconds, configuration="OR", measured=measured)

# %%
# XOR needs a hidden layer
# ------------------------

XOR = [0, 1, 1, 0]
settings = {"learning_rate": 0.05, "epochs": 400, **ALL_EPOCHS}
linear = MLPClassifier((), **settings, random_state=0).fit(GATE, XOR)
network = MLPClassifier((8,), activation="tanh", **settings)
(hidden, *others), seconds = fit_each_seed(network, GATE, XOR)
rows_right = [4 * each.score(GATE, XOR) for each in (hidden, *others)]
print(
    "XOR, rows right of 4: no hidden layer", 4 * linear.score(GATE, XOR), "8 units", rows_right
)
experiments.record(
    given,
    "A4",
    seconds,
    configuration="8 hidden units",
    measured={"rows right": rows_right},
)

# %%
# A perceptron and a logistic unit
# --------------------------------
# Both separate setosas by their petals. The perceptron stops at the first line that does;
# the logistic unit moves its line between the kinds, and says how sure it is.

X, kinds = load_iris(return_X_y=True)
X, y = X[:, 2:], kinds == 0
perceptron = make_pipeline(StandardScaler(), Perceptron(random_state=0)).fit(X, y)
unit = make_pipeline(StandardScaler(), MLPClassifier((), learning_rate=0.1))
(logistic, *others), seconds = fit_each_seed(unit, X, y, "mlpclassifier__random_state")
accuracies = [each.score(X, y) for each in (logistic, *others)]
print(f"setosa or not: accuracy {accuracies}, perceptron {perceptron.score(X, y)}")
experiments.record(
    given,
    "A5",
    seconds,
    configuration="logistic unit",
    measured={"accuracy": accuracies},
)

# %%
# What the four networks learned
# ------------------------------


def probability(classifier, points):
    if hasattr(classifier, "predict_proba"):
        return classifier.predict_proba(points)[:, 1]
    return classifier.predict(points).astype(float)


panels = {
    "XOR, no hidden layer": (linear, GATE, XOR),
    "XOR, 8 hidden units": (hidden, GATE, XOR),
    "Setosa, perceptron": (perceptron, X, y),
    "Setosa, logistic unit": (logistic, X, y),
}
figure, axes = plt.subplots(2, 2, figsize=(7.5, 6), layout="constrained")
for ax, (title, (classifier, points, labels)) in zip(axes.flat, panels.items(), strict=True):
    low, high = points.min(axis=0) - 0.4, points.max(axis=0) + 0.4
    grid = np.meshgrid(*np.linspace(low, high, 100).T)
    values = probability(classifier, np.column_stack([axis.ravel() for axis in grid]))
    filled = ax.contourf(
        *grid, values.reshape(100, 100), np.linspace(0, 1, 11), cmap="coolwarm", alpha=0.7
    )
    ax.scatter(*points.T, c=labels, cmap="coolwarm", edgecolor="black", s=25)
    ax.set_title(title)
for ax in axes[1]:
    ax.set(xlabel="Petal length (cm)", ylabel="Petal width (cm)")
figure.colorbar(filled, ax=axes, label="Probability")
plt.show()
