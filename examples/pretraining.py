"""
Start from what is known already
================================

Three networks for digits, each of which begins with layers that were trained on another task.

    python examples/pretraining.py [--data MNIST.npz] [--seeds 5]

MNIST comes from Keras's download, or from a file with `X_train`, `y_train`, `X_test` and
`y_test`. Figures are medians over the seeds, each with labelled rows of its own.
"""

# %%
# Rows and a network
# ------------------
# An image is a row of 784 pixels from 0 to 1.

import argparse
import time

import keras
import numpy as np

from skmlp import MLPClassifier

arguments = argparse.ArgumentParser()
arguments.add_argument("--data")
arguments.add_argument("--seeds", type=int, default=1)
given = arguments.parse_args()

if given.data:
    with np.load(given.data) as data:
        X, y, X_test, y_test = (data[n] for n in ("X_train", "y_train", "X_test", "y_test"))
else:
    (X, y), (X_test, y_test) = keras.datasets.mnist.load_data()
X, X_test = (np.float32(images.reshape(-1, 784)) / 255 for images in (X, X_test))
y, y_test = np.asarray(y, int), np.asarray(y_test, int)

NETWORK = {"hidden_layer_sizes": (100, 100), "activation": "elu", "batch_size": 128}
FEW_LABELS = {**NETWORK, "batch_size": 20, "epochs": 20, "n_iter_no_change": np.inf}


def compare(candidates, labelled, X_test, y_test):
    """Print the median test accuracy of networks, and the epochs to that of the first one.

    `labelled` maps a seed to the numbers of the training rows.
    """
    print(f"{'':24}after 1 epoch   at the end   epochs to the best of the first")
    best = None
    for name, params in candidates.items():
        curves = []
        for seed in range(given.seeds):
            rows = labelled(seed)
            classifier = MLPClassifier(**{**FEW_LABELS, **params}, random_state=seed)
            classifier.fit(X[rows], y[rows], X_val=X_test, y_val=y_test)
            curves.append(classifier.validation_scores_)
        curve = np.median(curves, axis=0)
        best = curve.max() if best is None else best
        reached = np.flatnonzero(curve >= best)
        epochs = reached[0] + 1 if reached.size else "never"
        print(f"{name:24}{curve[0]:13.3f}{curve[-1]:13.3f}{epochs:>12}")


# %%
# Other classes
# -------------
# A network that tells the digits 0 to 4 apart, and then 100 images of each of the other five.
# Its lower layers know strokes and loops already.

low = np.flatnonzero(y < 5)[:20_000]
deep = {
    **NETWORK,
    "hidden_layer_sizes": (100, 100, 100),
    "kernel_initializer": "he_normal",
}
first_five = MLPClassifier(**deep, epochs=5, random_state=0).fit(X[low], y[low])


def hundred_of_each(seed):
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.choice(np.flatnonzero(y == c), 100, replace=False) for c in range(5, 10)]
    )


is_high_test = y_test >= 5
compare(
    {
        "from scratch": deep,
        "all hidden layers": {**deep, "pretrained": first_five},
        "two of three": {**deep, "pretrained": first_five, "n_reused_layers": 2},
        "the first one frozen": {**deep, "pretrained": first_five, "n_frozen_layers": 1},
    },
    hundred_of_each,
    X_test[is_high_test],
    y_test[is_high_test],
)

# %%
# An auxiliary task
# -----------------
# 300 labelled digits. The other rows have a coarse label, "above 4 or not", or none at all: a
# network can still learn to tell them from copies in which a tenth of the pixels comes from
# other images.

rng = np.random.default_rng(0)
unlabelled = X[:20_000]
is_shuffled = rng.random(unlabelled.shape) < 0.1
corrupted = np.where(is_shuffled, rng.permuted(unlabelled, axis=0), unlabelled)

coarse = MLPClassifier(**NETWORK, epochs=5, random_state=0).fit(unlabelled, y[:20_000] > 4)
good_or_corrupted = MLPClassifier(**NETWORK, epochs=5, random_state=0)
good_or_corrupted.fit(
    np.vstack([unlabelled, corrupted]), np.repeat(["good", "corrupted"], len(unlabelled))
)


def any_300(seed):
    return np.random.default_rng(seed).choice(20_000, 300, replace=False)


compare(
    {
        "from scratch": {},
        "from a coarse label": {"pretrained": coarse},
        "from good or corrupted": {"pretrained": good_or_corrupted},
    },
    any_300,
    X_test,
    y_test,
)

# %%
# Frozen layers are computed once
# -------------------------------
# With three of four layers frozen, an epoch sees the outputs of the third. A Keras callback
# could change frozen weights, so with one they are computed in each step.

wide = {"hidden_layer_sizes": (500, 500, 500), "batch_size": 128, "n_iter_no_change": np.inf}
source = MLPClassifier(**wide, epochs=1, random_state=0).fit(X[:20_000], y[:20_000])
params = {**wide, "pretrained": source, "n_frozen_layers": 3, "random_state": 0}
for name, callbacks in (("once", None), ("in each step", [keras.callbacks.Callback()])):
    frozen = MLPClassifier(**params, callbacks=callbacks)
    frozen.fit(X[:20_000], y[:20_000], epochs=1)  # compiles
    begin = time.perf_counter()
    frozen.fit(X[:20_000], y[:20_000], epochs=10)
    seconds = time.perf_counter() - begin
    print(f"10 epochs, frozen layers computed {name:13}{seconds:6.1f} s")
