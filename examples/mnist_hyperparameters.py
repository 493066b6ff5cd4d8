"""
What each hyper-parameter does
==============================

One network on handwritten digits, 784-1000-10 with ReLU, Adam and batches of 32, and the same
network with one thing changed at a time: the scale of the pixels, the batch, the depth, the
learning rate, the optimizer, the number of epochs, penalties, dropout, batch normalisation.

    python examples/mnist_hyperparameters.py [--full] [--data FILE.npz] [--only C2,C3]

By default 200 units learn from 2,000 images for some epochs; with `--full` it is 1,000 units,
all 60,000 images and up to 500 epochs, which takes hours. `--only` names single experiments.
MNIST comes from Keras's download, or from a file with `X_train`, `y_train`, `X_test` and
`y_test`.
"""

import time

import experiments
import matplotlib.pyplot as plt
import numpy as np

from skmlp import LossCurveDisplay, MLPClassifier, WeightHistogramDisplay

given = experiments.arguments(__doc__, ids=tuple(f"C{i}" for i in range(1, 12)))
X, y, X_test, y_test = experiments.mnist(given.data)
X, X_test = (np.float32(images.reshape(-1, 784)) / 255 for images in (X, X_test))
UNITS = 1000 if given.full else 200
if not given.full:
    X, y, X_test, y_test = X[:2000], y[:2000], X_test[:1000], y_test[:1000]

# %%
# Training and drawing
# --------------------
# The test images are measured after every epoch. They choose nothing: each network trains for
# all its epochs, and the last one counts.


def train(id, name, *, epochs, published="", pixels=lambda X: X, batch_size=32, **changes):
    """Train the network with changes; print and record the accuracies of the last epoch."""
    if id not in given.only:
        return {}
    if not given.full:
        epochs = min(epochs, 5 + epochs // 20)
        if batch_size > 32:  # as many steps an epoch as with all images
            batch_size = round(batch_size * len(X) / 60_000)
    fits, seconds = [], []
    for seed in range(given.seeds):
        classifier = MLPClassifier(
            (UNITS,),
            batch_size=batch_size,
            epochs=epochs,
            n_iter_no_change=np.inf,
            metrics="accuracy",
            random_state=seed,
        ).set_params(**changes)
        start = time.perf_counter()
        classifier.fit(pixels(X), y, X_val=pixels(X_test), y_val=y_test)
        seconds.append(time.perf_counter() - start)
        fits.append(classifier)
    measured = {
        "test accuracy": [fit.history_["val_accuracy"][-1] for fit in fits],
        "training accuracy": [fit.history_["accuracy"][-1] for fit in fits],
    }
    test, training = (np.median(values) for values in measured.values())
    print(
        f"{id:4}{name:32}{published:>12}{test:9.4f}{training:10.4f}{np.median(seconds):8.0f} s",
        flush=True,
    )
    experiments.record(given, id, seconds, configuration=name, measured=measured)
    return {name: fits[0]}


def draw(classifiers):
    """Curves of loss and accuracy, side by side."""
    if not classifiers:
        return
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for ax, metric in zip(axes, ("loss", "accuracy"), strict=True):
        LossCurveDisplay.from_estimator(classifiers, metric=metric, ax=ax)
        ax.get_legend().remove()
    axes[0].set_yscale("log")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)


print(f"{'':36}{'published':>12}{'test':>9}{'training':>10}")

# %%
# Scale of the inputs
# -------------------
# Unchanged, the network sees pixels from 0 to 1. Pixels up to 255 make large gradients and
# restless curves. Inverted images, most of whose pixels are 1, are learned more slowly.

base = train("C2", "unchanged", epochs=20, published="0.9825")
draw(
    train("C1", "pixels 0 to 255", epochs=10, published="0.97", pixels=lambda X: 255 * X)
    | base
    | train("C3", "pixels inverted", epochs=10, published="0.97", pixels=lambda X: 1 - X)
)

# %%
# Batch size
# ----------
# Half of the rows in a batch make two steps an epoch: a slow start, and many more epochs to the
# same end.

draw(
    base
    | train("C4", "batch of 30,000", epochs=10, published="slow", batch_size=30_000)
    | train("C4", "batch of 30,000, longer", epochs=200, published="0.98", batch_size=30_000)
)

# %%
# Depth
# -----

draw(
    train(
        "C5",
        "three layers, batch of 1,024",
        epochs=250,
        published="0.986",
        hidden_layer_sizes=(UNITS, UNITS, UNITS),
        batch_size=1024,
    )
)

# %%
# Learning rate
# -------------
# A hundred times the default does not converge.

draw(
    base
    | train("C6", "rate 0.01", epochs=500, published="0.90", learning_rate=0.01)
    | train("C6", "rate 0.1", epochs=20, published="fails", learning_rate=0.1)
)

# %%
# Optimizer
# ---------
# Plain gradient descent gets there too, and takes longer.

draw(
    train(
        "C7",
        "SGD",
        epochs=100,
        published="0.98",
        optimizer="sgd",
        learning_rate=0.01,
    )
)

# %%
# Number of epochs
# ----------------
# The training images are learned by heart, the test images hardly better.

draw(
    train("C8", "5 epochs", epochs=5, published="0.971")
    | train("C8", "100 epochs", epochs=100, published="0.9828")
)

# %%
# Penalties
# ---------
# A strong penalty draws the weights to zero, as the histograms show.

penalised = (
    train("C9", "L2 of 0.1", epochs=10, published="0.98", l2=0.1)
    | train("C9", "L2 of 0.0001", epochs=10, l2=1e-4)
    | train("C9", "L1 of 0.0001", epochs=10, l1=1e-4)
)
draw(penalised)
if penalised:
    WeightHistogramDisplay.from_estimator(penalised["L2 of 0.1"])

# %%
# Dropout
# -------
# Three of four units are dropped in training: the gap between the curves is smaller.

draw(
    train("C10", "no dropout", epochs=100, batch_size=1024)
    | train("C10", "dropout 0.75", epochs=100, batch_size=1024, dropout=0.75)
)

# %%
# Batch normalisation
# -------------------
# With an L2 penalty that holds the plain network back.

draw(
    train("C11", "L2 of 0.01", epochs=100, published="0.91", batch_size=1024, l2=0.01)
    | train(
        "C11",
        "the same, normalised",
        epochs=100,
        published="0.97",
        batch_size=1024,
        l2=0.01,
        normalization="batch",
    )
)
plt.show()
