"""
Start from what is known already
================================

Networks for digits that begin with layers which were trained on something else: other classes,
a coarser question, or images without labels.

    python examples/pretraining.py [--full] [--data FILE.npz] [--seeds 5] [--only E5,E8]

Curves are medians over the seeds, each with labelled images of its own. By default the first
layers are trained on 3,000 images; with `--full` on 20,000. MNIST comes from Keras's download,
or from a file with `X_train`, `y_train`, `X_test` and `y_test`.
"""

import time

import experiments
import keras
import matplotlib.pyplot as plt
import numpy as np

from skmlp import MLPAutoencoder, MLPClassifier

given = experiments.arguments(__doc__, ids=("E5", "E6", "E7", "E8"))
X, y, X_test, y_test = experiments.mnist(given.data)
n_rows, n_test = (20_000, 10_000) if given.full else (3_000, 2_000)
X, y = np.float32(X.reshape(-1, 784)) / 255, y
X_test, y_test = np.float32(X_test[:n_test].reshape(-1, 784)) / 255, y_test[:n_test]

# %%
# Few labels
# ----------
# Each network sees only the labels that `labelled` chooses by the seed. The test images are
# measured after every epoch, so that curves can be compared. The last epoch counts.

FEW_LABELS = {"batch_size": 20, "epochs": 20, "n_iter_no_change": np.inf}
panels = {}


def compare(id, title, candidates, labelled, X_test, y_test):
    """Print test accuracies of networks, and the epochs to the best of the first one."""
    print(f"{title:30}{'1 epoch':>10}{'the last':>10}{'epochs to the first':>21}")
    panels[title] = {}
    best = None
    for name, params in candidates.items():
        scores, seconds = [], []
        for seed in range(given.seeds):
            rows = labelled(seed)
            classifier = MLPClassifier(**{**FEW_LABELS, **params}, random_state=seed)
            start = time.perf_counter()
            classifier.fit(X[rows], y[rows], X_val=X_test, y_val=y_test)
            seconds.append(time.perf_counter() - start)
            scores.append(classifier.validation_scores_)
        curve = np.median(scores, axis=0)
        best = curve.max() if best is None else best
        reached = np.flatnonzero(curve >= best)
        epochs = reached[0] + 1 if reached.size else np.nan
        print(f"  {name:28}{curve[0]:10.3f}{curve[-1]:10.3f}{epochs:14g}", flush=True)
        panels[title][name] = curve
        measured = {"test accuracy": [score[-1] for score in scores]}
        if reached.size:
            measured["epochs to the best of the first"] = epochs
        experiments.record(
            given, id, seconds, configuration=f"{title}: {name}", measured=measured
        )


# %%
# Other classes
# -------------
# A network that tells the digits 0 to 4 apart, and then 100 images of each of the other five.
# Its lower layers know strokes and loops already. `n_reused_layers` takes some of them, and
# `n_frozen_layers` keeps some as they are.

deep = {
    "hidden_layer_sizes": (100, 100, 100),
    "activation": "elu",
    "kernel_initializer": "he_normal",
}


def hundred_of_each(seed):
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [rng.choice(np.flatnonzero(y == c), 100, replace=False) for c in range(5, 10)]
    )


if "E5" in given.only:
    low = np.flatnonzero(y < 5)[:n_rows]
    first_five = MLPClassifier(**deep, batch_size=128, epochs=5, random_state=0)
    first_five.fit(X[low], y[low])
    is_high = y_test >= 5
    compare(
        "E5",
        "Digits 5 to 9",
        {
            "from scratch": deep,
            "all hidden layers": {**deep, "pretrained": first_five},
            "two of three": {**deep, "pretrained": first_five, "n_reused_layers": 2},
            "the first one frozen": {**deep, "pretrained": first_five, "n_frozen_layers": 1},
        },
        hundred_of_each,
        X_test[is_high],
        y_test[is_high],
    )

# %%
# An auxiliary task
# -----------------
# 300 labelled digits. The other rows have a coarse label, "above 4 or not", or none at all: a
# network can still learn to tell them from copies in which a tenth of the pixels comes from
# other images.

network = {"hidden_layer_sizes": (100, 100), "activation": "elu"}


def any_300(seed):
    return np.random.default_rng(seed).choice(n_rows, 300, replace=False)


if "E8" in given.only:
    rng = np.random.default_rng(0)
    unlabelled = X[:n_rows]
    is_shuffled = rng.random(unlabelled.shape) < 0.1
    corrupted = np.where(is_shuffled, rng.permuted(unlabelled, axis=0), unlabelled)
    before = {**network, "batch_size": 128, "epochs": 5, "random_state": 0}
    coarse = MLPClassifier(**before).fit(unlabelled, y[:n_rows] > 4)
    good_or_corrupted = MLPClassifier(**before).fit(
        np.vstack([unlabelled, corrupted]), np.repeat(["good", "corrupted"], n_rows)
    )
    compare(
        "E8",
        "An auxiliary task",
        {
            "from scratch": network,
            "a coarse label": {**network, "pretrained": coarse},
            "good or corrupted": {**network, "pretrained": good_or_corrupted},
        },
        any_300,
        X_test,
        y_test,
    )

# %%
# Layers of an autoencoder
# ------------------------
# Images without labels train an autoencoder one layer after the other: each learns to restore
# its input from a noisy one.

units = 500 if given.full else 100
wide = {"hidden_layer_sizes": (units, units), "batch_size": 32}
wide["epochs"] = 40 if given.full else 20
if "E7" in given.only:
    encoder = MLPAutoencoder(
        (units, units),
        activation="relu",
        code_activation=None,
        loss="binary_crossentropy",
        tied_weights=True,
        noise_std=0.4,
        greedy=True,
        fine_tune=False,
        epochs=12 if given.full else 6,
        batch_size=200 if given.full else 50,
        random_state=0,
    ).fit(X[:n_rows])
    compare(
        "E7",
        "Images without labels",
        {"from scratch": wide, "an autoencoder's layers": {**wide, "pretrained": encoder}},
        any_300,
        X_test,
        y_test,
    )

# %%
# Frozen layers are computed once
# -------------------------------
# With three of four layers frozen, an epoch sees the outputs of the third. A Keras callback
# could change frozen weights, so with one they are computed in each step.

if "E6" in given.only:
    frozen_units = 500 if given.full else 200
    large = {"hidden_layer_sizes": (frozen_units,) * 3, "batch_size": 128}
    source = MLPClassifier(**large, epochs=1, random_state=0).fit(X[:n_rows], y[:n_rows])
    seconds, kernels = {}, {}
    for name, callbacks in (("once", None), ("in each step", [keras.callbacks.Callback()])):
        frozen = MLPClassifier(
            **large,
            n_iter_no_change=np.inf,
            pretrained=source,
            n_frozen_layers=3,
            callbacks=callbacks,
            random_state=0,
        )
        frozen.fit(X[:n_rows], y[:n_rows], epochs=1)  # compiles
        start = time.perf_counter()
        frozen.fit(X[:n_rows], y[:n_rows], epochs=10)
        seconds[name] = time.perf_counter() - start
        kernels[name] = frozen.coefs_[-1]
        print(f"10 epochs, frozen layers computed {name:13}{seconds[name]:6.1f} s")
    difference = np.abs(kernels["once"] - kernels["in each step"]).max()
    print(f"weights differ by {difference:.1g} at most")
    measured = {
        "times faster": seconds["in each step"] / seconds["once"],
        "weights differ by": difference,
    }
    experiments.record(
        given, "E6", seconds["once"], configuration="three of four layers", measured=measured
    )

# %%
# Test accuracy, epoch by epoch
# -----------------------------

_, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for ax, (title, of_panel) in zip(axes, panels.items(), strict=False):
    for name, curve in of_panel.items():
        ax.plot(range(1, len(curve) + 1), curve, label=name)
    ax.set(title=title, xlabel="Epoch", ylim=(min(min(c[1:]) for c in of_panel.values()), None))
    ax.legend(fontsize="small", loc="lower right")
axes[0].set_ylabel("Test accuracy")
plt.show()
