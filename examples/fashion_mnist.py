"""
Pieces of clothing, classified
==============================

A network of two hidden layers, 784-300-100-10 with ReLU, learns the ten classes of
Fashion-MNIST by plain gradient descent with a rate of 0.01 and batches of 32.

    python examples/fashion_mnist.py [--full] [--data FILE.npz]

By default 6,000 images are trained on for 20 epochs; with `--full` it is 55,000, for 30.
Fashion-MNIST comes from Keras's download, or from a file with `X_train`, `y_train`, `X_test`
and `y_test`.
"""

import time

import experiments
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, log_loss

from skmlp import LossCurveDisplay, MLPClassifier

NAMES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat"]
NAMES += ["Sandal", "Shirt", "Sneaker", "Bag", "Boot"]

given = experiments.arguments(__doc__)
X, y, X_test, y_test = experiments.fashion_mnist(given.data)
X, X_test = (np.float32(images.reshape(-1, 784)) / 255 for images in (X, X_test))
X_val, y_val, X, y = X[:5000], y[:5000], X[5000:], y[5000:]
if not given.full:
    X, y = X[:6000], y[:6000]

# %%
# Training
# --------
# The first 5,000 images validate. All epochs are trained for, and the weights of the one with
# the best validation accuracy are kept.

fits, seconds = [], []
for seed in range(given.seeds):
    classifier = MLPClassifier(
        (300, 100),
        optimizer="sgd",
        learning_rate=0.01,
        batch_size=32,
        epochs=30 if given.full else 20,
        n_iter_no_change=np.inf,
        metrics="accuracy",
        random_state=seed,
    )
    start = time.perf_counter()
    classifier.fit(X, y, X_val=X_val, y_val=y_val)
    seconds.append(time.perf_counter() - start)
    fits.append(classifier)

measured = {
    "validation accuracy": [fit.score(X_val, y_val) for fit in fits],
    "test accuracy": [fit.score(X_test, y_test) for fit in fits],
    "test loss": [log_loss(y_test, fit.predict_proba(X_test)) for fit in fits],
}
experiments.record(given, "D1", seconds, configuration="784-300-100-10", measured=measured)

published = 0.8926, 0.8851, 0.334
print(f"{'':20}{'published':>10}{'measured':>10}")
for (name, values), figure in zip(measured.items(), published, strict=True):
    print(f"{name:20}{figure:10.4f}{np.median(values):10.4f}")
print(f"{np.median(seconds):.0f} seconds")

# %%
# Which classes are confused
# --------------------------
# Shirts, pullovers, coats and T-shirts are; trousers, bags and boots are not.

_, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
LossCurveDisplay.from_estimator(classifier, metric="accuracy", ax=axes[0])
ConfusionMatrixDisplay.from_predictions(
    y_test,
    classifier.predict(X_test),
    display_labels=NAMES,
    normalize="true",
    include_values=False,
    xticks_rotation="vertical",
    cmap="Blues",
    ax=axes[1],
)
plt.show()
