"""
Wide & deep networks
====================

Columns that go straight to the output, beside a network of hidden layers: on California
housing, five networks of 30 units a layer, from one without a wide path to one with two inputs
and two outputs.

    python examples/wide_deep.py [--full]

With `--full` each network is trained with three seeds. The data are scikit-learn's download.
"""

import time

import experiments
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import fetch_california_housing
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skmlp import MLPRegressor, WideDeepRegressor

given = experiments.arguments(__doc__)
n_seeds = max(given.seeds, 3 if given.full else 1)

# %%
# The rows
# --------
# Three quarters train and validate, a quarter tests.

X, y = fetch_california_housing(return_X_y=True)
X_rest, X_test, y_rest, y_test = train_test_split(X, y, random_state=42)
X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, random_state=42)
scaler = StandardScaler().fit(X_train)
X_train, X_val, X_test = map(scaler.transform, (X_train, X_val, X_test))

# %%
# The networks
# ------------
# `wide_features` and `deep_features` choose the columns of each path; by default both get all.
# Here columns 0 to 4 are wide and columns 2 to 7 deep, so that they overlap. With
# `aux_loss_weight` the deep path has an output of its own, which gets a tenth of the loss.

training = {"optimizer": "sgd", "learning_rate": 3e-3, "batch_size": 32, "epochs": 20}
two_inputs = {"wide_features": slice(0, 5), "deep_features": slice(2, 8)}
networks = {
    "deep, 30": MLPRegressor((30,), **training),
    "deep, 30-30": MLPRegressor((30, 30), **training),
    "wide & deep": WideDeepRegressor((30, 30), **training),
    "two inputs": WideDeepRegressor((30, 30), **two_inputs, **training),
    "auxiliary output": WideDeepRegressor(
        (30, 30), **two_inputs, aux_loss_weight=0.1, **training
    ),
}
ids = {
    "deep, 30": "D3",
    "deep, 30-30": "D3",
    "wide & deep": "D3",
    "two inputs": "D4",
    "auxiliary output": "D5",
}

# %%
# Training
# --------
# The epoch with the lowest validation loss counts.

fitted = {}
print(f"{'':20}{'test MSE':>9}{'seconds':>9}")
for name, network in networks.items():
    errors, seconds = [], []
    for seed in range(n_seeds):
        regressor = clone(network).set_params(random_state=seed)
        start = time.perf_counter()
        regressor.fit(X_train, y_train, X_val=X_val, y_val=y_val)
        seconds.append(time.perf_counter() - start)
        errors.append(mean_squared_error(y_test, regressor.predict(X_test)))
        fitted.setdefault(name, regressor)
    print(f"{name:20}{np.median(errors):9.4f}{np.median(seconds):9.2f}")
    experiments.record(
        given, ids[name], seconds, configuration=name, measured={"test MSE": errors}
    )

# %%
# A wide path learns the linear part of the target from the first steps on: with two inputs the
# curves lie lower early. It is as sensitive to outliers as any linear model. The column of
# occupants has some, and where it goes straight to the output the curve is restless.

_, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, regressor in fitted.items():
    history = regressor.history_
    losses = history.get("val_main_output_loss", history["val_loss"])  # of the main output
    ax.plot(range(1, len(losses) + 1), losses, label=name)
ax.set(xlabel="Epoch", ylabel="Validation loss", ylim=(0.3, 1), xticks=range(0, 21, 5))
ax.legend()
plt.show()

# %%
# The last network as Keras's table:

fitted["auxiliary output"].summary()
