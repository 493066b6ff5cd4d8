"""
Deep networks that train
========================

The choices that let a network of several layers learn: how the weights begin, which activation
the layers have, batch normalisation, and limits for the gradient. All on handwritten digits,
784-300-100-10, with plain gradient descent.

    python examples/deep_networks.py [--full] [--data FILE.npz] [--only E1,E2]

By default 1,500 images are learned for 10 epochs; with `--full`, 55,000 for 20. MNIST comes
from Keras's download, or from a file with `X_train`, `y_train`, `X_test` and `y_test`.
"""

import time

import experiments
import keras
import matplotlib.pyplot as plt
import numpy as np

from skmlp import MLPClassifier

given = experiments.arguments(__doc__, ids=("E1", "E2", "E3", "E4"))
X, y, X_test, y_test = experiments.mnist(given.data)
X, X_test = (np.float32(images.reshape(-1, 784)) / 255 for images in (X, X_test))
n_rows = 55_000 if given.full else 1_500
X, y = X[:n_rows], y[:n_rows]

NETWORK = {
    "hidden_layer_sizes": (300, 100),
    "activation": "elu",
    "optimizer": "sgd",
    "momentum": 0,
    "learning_rate": 0.01,
    "batch_size": 200 if given.full else 25,
    "epochs": 20 if given.full else 10,
    "n_iter_no_change": np.inf,
}
curves = {id: {} for id in given.only}


def train(id, name, **changes):
    """Train the network with changes; print and record its test accuracy."""
    if id not in given.only:
        return
    scores, seconds, curve = [], [], None
    for seed in range(given.seeds):
        classifier = MLPClassifier(
            **{**NETWORK, **changes}, metrics="accuracy", random_state=seed
        )
        start = time.perf_counter()
        classifier.fit(X, y)
        seconds.append(time.perf_counter() - start)
        scores.append(classifier.score(X_test, y_test))
        curve = curve or classifier.history_["loss"]
    print(f"{id:4}{name:36}{np.median(scores):9.4f}{np.median(seconds):8.1f} s", flush=True)
    experiments.record(
        given, id, seconds, configuration=name, measured={"test accuracy": scores}
    )
    curves[id][name] = curve


print(f"{'':40}{'accuracy':>9}{'time':>10}")

# %%
# How the weights begin
# ---------------------
# Glorot's and He's variances, uniform or normal, by the number of inputs of a unit or by the
# mean of inputs and outputs. Any of Keras's initializers may be given by name or as an object.

train("E1", "Glorot, uniform", kernel_initializer="glorot_uniform")
train("E1", "Glorot, normal", kernel_initializer="glorot_normal")
train("E1", "He, uniform", kernel_initializer="he_uniform")
train("E1", "He, normal", kernel_initializer="he_normal")
he_average = keras.initializers.VarianceScaling(2.0, mode="fan_avg", distribution="uniform")
train("E1", "He, uniform, mean of both sides", kernel_initializer=he_average)

# %%
# Activations
# -----------
# An activation is a name, a function of the user's, or a layer of Keras. With `--full` there
# are also randomised leaky ReLU, which draws its slopes in training, and PReLU, which learns
# them.

activations = {
    "logistic": "logistic",
    "tanh": "tanh",
    "ReLU": "relu",
    "leaky ReLU, slope 0.2": keras.layers.LeakyReLU(negative_slope=0.2),
    "ELU": "elu",
    "SELU": "selu",
}
if given.full:
    activations |= {
        "leaky ReLU, slope 0.01": keras.layers.LeakyReLU(negative_slope=0.01),
        "randomised leaky ReLU": "rrelu",
        "PReLU": "prelu",
    }
for name, activation in activations.items():
    train("E2", name, activation=activation)

# %%
# Batch normalisation
# -------------------
# Before each activation, with a momentum of 0.9. Moving averages of the batches' means and
# variances take their place in `predict`.

normalization = keras.layers.BatchNormalization(momentum=0.9)
train("E3", "without")
train("E3", "batch normalisation", normalization=normalization)

# %%
# Limits for the gradient
# -----------------------
# Five hidden layers and a learning rate ten times as high: the length of each array's gradient
# is limited to 1. With `--full`, also each number of it, or the length of the whole.

deep = {"hidden_layer_sizes": (300, 50, 50, 50, 50), "activation": "relu", "learning_rate": 0.1}
train("E4", "no limit", **deep)
train("E4", "by norm", **deep, clipnorm=1.0)
if given.full:
    train("E4", "by value", **deep, clipvalue=1.0)
    train("E4", "by the norm of the whole", **deep, global_clipnorm=1.0)

# %%
# Training losses
# ---------------

titles = {"E1": "First weights", "E2": "Activations", "E3": "Normalisation", "E4": "Clipping"}
figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained", sharex=True)
for ax, (id, of_id) in zip(axes.flat, curves.items(), strict=False):
    for name, losses in of_id.items():
        ax.plot(range(1, len(losses) + 1), losses, label=name)
    ax.set(title=titles[id], yscale="log", xlabel="Epoch", ylabel="Training loss")
    ax.set_ylim(top=6)
    ax.legend(fontsize="x-small", ncols=2)
plt.show()
