"""
Convolutions on small colour images
===================================

A Keras network of one's own in a scikit-learn estimator: three blocks of convolutions for the
ten kinds of things in CIFAR-10, beside a dense network on the same pixels, and a search over
the learning rate.

    python examples/cifar10.py [--full] [--data FILE.npz]

By default two blocks learn from 1,500 images; with `--full`, three from 10,000, which takes
some minutes. CIFAR-10 comes from Keras's download, or from a file with `X_train`, `y_train`,
`X_test` and `y_test`.
"""

import time

import experiments
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import ShuffleSplit

from skmlp import KerasClassifier, LossCurveDisplay, MLPClassifier
from skmlp.model_selection import GridSearchCV

given = experiments.arguments(__doc__)
X, y, X_test, y_test = experiments.cifar10(given.data)
n_rows, n_test = (10_000, 2_000) if given.full else (1_500, 500)
X, y = np.float32(X[:n_rows]) / 255, y[:n_rows]
X_test, y_test = np.float32(X_test[:n_test]) / 255, y_test[:n_test]

# %%
# The network
# -----------
# A function that returns a Keras model; its arguments become parameters of the estimator, and
# `meta` tells it the shape of the images and the number of classes. Each block halves the sides
# of the image.


def convolutional(meta, filters=(32, 64, 128), dropout=0.2):
    layers = [keras.Input(meta["X_shape_"][1:])]
    for n in filters:
        layers += [
            keras.layers.Conv2D(n, 3, padding="same", use_bias=False),
            keras.layers.MaxPooling2D(),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Activation("relu"),
            keras.layers.Dropout(dropout),
        ]
    last = keras.layers.Dense(meta["n_classes_"], activation="softmax")
    return keras.Sequential([*layers, keras.layers.Flatten(), last])


training = {
    "learning_rate_schedule": "cosine",
    "batch_size": 64,
    "epochs": 15 if given.full else 8,
    "metrics": "accuracy",
    "n_iter_no_change": np.inf,
}
network = KerasClassifier(
    convolutional,
    filters=(32, 64, 128) if given.full else (16, 32),
    learning_rate=3e-3,
    **training,
)
dense = MLPClassifier(
    (1000, 500) if given.full else (200, 100),
    normalization="batch",
    dropout=0.4,
    learning_rate=1e-3,
    **training,
)

# %%
# Training
# --------
# Images keep their axes for the Keras network; the dense one takes a row of pixels each.

fitted = {}
for name, classifier, is_flat in (
    ("convolutions", network, False),
    ("dense layers", dense, True),
):
    rows, test_rows = (A.reshape(len(A), -1) if is_flat else A for A in (X, X_test))
    scores, seconds = [], []
    for seed in range(given.seeds):
        start = time.perf_counter()
        classifier.set_params(random_state=seed).fit(rows, y, X_val=test_rows, y_val=y_test)
        seconds.append(time.perf_counter() - start)
        scores.append(classifier.history_["val_accuracy"][-1])
    print(f"{name:14} test accuracy {np.median(scores):.3f}, {np.median(seconds):.0f} s")
    experiments.record(
        given, "CIFAR", seconds, configuration=name, measured={"test accuracy": scores}
    )
    fitted[name] = classifier

network

# %%
# The test images choose nothing here: the accuracy is that of the last epoch.

display = LossCurveDisplay.from_estimator(fitted, metric="accuracy")

# %%
# Searches
# --------
# The arguments of the function are searched like all parameters: with `--full` the dropout rate
# too. Each candidate learns from two thirds of some of the images, for an idea only.

split = ShuffleSplit(1, test_size=1 / 3, random_state=0)
studies = {"learning_rate": [3e-4, 1e-3, 3e-3, 1e-2]}
small = network.set_params(filters=(16, 32), random_state=0)
n_rows = 3_000
if given.full:
    studies["dropout"] = [0.0, 0.2, 0.4, 0.6]
else:
    small.set_params(filters=(8, 16), epochs=6)
    n_rows = 900
_, axes = plt.subplots(
    1, len(studies), figsize=(4.5 * len(studies), 3.4), layout="constrained", squeeze=False
)
for ax, (name, values) in zip(axes.flat, studies.items(), strict=True):
    search = GridSearchCV(small, {name: values}, cv=split, refit=False, return_train_score=True)
    search.fit(X[:n_rows], y[:n_rows])
    for part, label in (("train", "training"), ("test", "validation")):
        ax.plot(values, search.cv_results_[f"mean_{part}_score"], "o-", label=label)
    ax.set(xlabel=name.replace("_", " ").capitalize(), ylabel="Accuracy")
axes[0, 0].set_xscale("log")
axes[0, 0].legend()
plt.show()
