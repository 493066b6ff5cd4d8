"""
A learning rate by a range test
===============================

One short run with rates from 1e-5 up to 10 shows at which rates a network learns. A tenth of
the rate from which the loss climbs then trains it: 784-300-100-10 with ReLU, a little dropout
and plain gradient descent, above 98 % on handwritten digits.

    python examples/learning_rate.py [--full] [--data FILE.npz]

By default 6,000 images are trained on for up to 30 epochs; with `--full` it is 55,000, for up
to 100. MNIST comes from Keras's download, or from a file with `X_train`, `y_train`, `X_test`
and `y_test`.
"""

import tempfile
import time
from pathlib import Path

import experiments
import keras
import matplotlib.pyplot as plt
import numpy as np

from skmlp import LearningRateDisplay, LossCurveDisplay, MLPClassifier, find_learning_rate

given = experiments.arguments(__doc__)
X, y, X_test, y_test = experiments.mnist(given.data)
X, X_test = (np.float32(images.reshape(-1, 784)) / 255 for images in (X, X_test))
X_val, y_val, X, y = X[:5000], y[:5000], X[5000:], y[5000:]
if not given.full:
    X, y = X[:6000], y[:6000]

# %%
# The range test
# --------------
# 500 steps, each with a rate a little higher than the last.

settings = {"optimizer": "sgd", "batch_size": 32, "dropout": 0.2}
classifier = MLPClassifier((300, 100), **settings, random_state=0)
start = time.perf_counter()
found = find_learning_rate(classifier, X, y)
test_seconds = time.perf_counter() - start
print(f"suggested learning rate {found.suggestion:.3g}, after {test_seconds:.1f} seconds")

# %%
# Training
# --------
# With a checkpoint after every epoch, from which a killed run resumes; with early stopping,
# which keeps the best epoch's weights; and with curves for TensorBoard.

logs = Path(tempfile.mkdtemp())
fits, seconds = [], []
for seed in range(given.seeds):
    classifier = MLPClassifier(
        (300, 100),
        **settings,
        learning_rate=found.suggestion,
        epochs=100 if given.full else 30,
        early_stopping=True,
        n_iter_no_change=20,
        metrics="accuracy",
        checkpoint_dir=tempfile.mkdtemp(),
        callbacks=[keras.callbacks.TensorBoard(logs / f"seed {seed}")],
        random_state=seed,
    )
    start = time.perf_counter()
    classifier.fit(X, y, X_val=X_val, y_val=y_val)
    seconds.append(time.perf_counter() - start)
    fits.append(classifier)

measured = {
    "test accuracy": [fit.score(X_test, y_test) for fit in fits],
    "epochs": [fit.n_iter_ for fit in fits],
    "learning rate": found.suggestion,
    "seconds of the range test": test_seconds,
}
experiments.record(given, "D7", seconds, configuration="784-300-100-10", measured=measured)
accuracy, epochs = (np.median(measured[name]) for name in ("test accuracy", "epochs"))
print(f"test accuracy {accuracy:.4f} after {epochs:.0f} epochs, {np.median(seconds):.0f} s")
print("published: above 0.98 with all images")
print(f"curves: tensorboard --logdir {logs}")

# %%
# The test's losses and the training's
# ------------------------------------

_, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
LearningRateDisplay(**found).plot(ax=axes[0])
LossCurveDisplay.from_estimator(classifier, ax=axes[1])
plt.show()
