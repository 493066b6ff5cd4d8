"""
Callbacks, checkpoints and TensorBoard
======================================

What happens beside training: a message after each epoch, logs of several runs for TensorBoard,
the best network in a file, an end when nothing improves, and training that resumes. All on
California housing, with one hidden layer of 30 units.

    python examples/callbacks_tensorboard.py [--full]

By default each network trains for up to 8 epochs, with `--full` for up to 100. The data are
scikit-learn's download; TensorBoard comes with the extra `tensorboard`.
"""

import pickle
import tempfile
import time
from pathlib import Path

import experiments
import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import fetch_california_housing
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skmlp import LossCurveDisplay, MLPRegressor

given = experiments.arguments(__doc__)
start = time.perf_counter()
X, y = fetch_california_housing(return_X_y=True)
X_rest, X_test, y_rest, y_test = train_test_split(X, y, random_state=42)
X_train, X_val, y_train, y_val = train_test_split(X_rest, y_rest, random_state=42)
scaler = StandardScaler().fit(X_train)
X_train, X_val, X_test = map(scaler.transform, (X_train, X_val, X_test))
validation = {"X_val": X_val, "y_val": y_val}
directory = Path(tempfile.mkdtemp())

regressor = MLPRegressor(
    (30,),
    learning_rate=0.001,
    batch_size=32,
    epochs=100 if given.full else 8,
    n_iter_no_change=np.inf,
    scoring="loss",
    random_state=0,
)

# %%
# A callback of one's own
# -----------------------
# Any callback of Keras works. This one prints how far the validation loss is from the training
# loss; far above 1 it tells of overfitting.


class Ratio(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(f"epoch {epoch + 1}: validation / training {logs['val_loss'] / logs['loss']:.2f}")


watched = clone(regressor).fit(X_train, y_train, **validation, epochs=5, callbacks=[Ratio()])

# %%
# Runs for TensorBoard
# --------------------
# Each run has a directory of its own, and `tensorboard --logdir` shows them side by side. The
# estimators have the same numbers in `history_`, which `LossCurveDisplay` draws.

runs = {}
for rate in (0.0003, 0.001, 0.003):
    log = keras.callbacks.TensorBoard(directory / f"rate {rate}")
    runs[f"rate {rate}"] = clone(regressor).set_params(learning_rate=rate)
    runs[f"rate {rate}"].fit(X_train, y_train, **validation, callbacks=[log])
print(f"to see them: tensorboard --logdir {directory}")

display = LossCurveDisplay.from_estimator(runs)
_ = display.ax_.set_ylim(0.3, 1)

# %%
# The best epoch in a file
# ------------------------
# Keras's `ModelCheckpoint` writes a model whenever the validation loss is the lowest so far.
# The estimator keeps the best epoch too, so both predict the same.

best = directory / "best.keras"
keep = keras.callbacks.ModelCheckpoint(best, monitor="val_loss", save_best_only=True)
fitted = clone(regressor).fit(X_train, y_train, **validation, callbacks=[keep])
of_file = keras.saving.load_model(best).predict(X_test, verbose=0)[:, 0]
distance = np.abs(of_file - fitted.predict(X_test)).max()
print(f"predictions of file and estimator differ by {distance:.1g} at most")

# %%
# An end when nothing improves
# ----------------------------
# With `early_stopping`, training ends after `n_iter_no_change` epochs without a better one, and
# the best epoch's weights are kept. Without `X_val`, it would hold out rows itself. Keras's
# `EarlyStopping` works too.

patient = clone(regressor).set_params(learning_rate=0.003, epochs=1000)
patient.set_params(early_stopping=True, n_iter_no_change=20 if given.full else 3)
patient.fit(X_train, y_train, **validation)
error = mean_squared_error(y_test, patient.predict(X_test))
print(f"{patient.n_iter_} epochs, test MSE {error:.3f}; {patient.stop_reason_}")

# %%
# Save, restore, resume
# ---------------------
# An estimator is saved like any other of scikit-learn's. With `warm_start`, `fit` resumes with
# the optimizer's state and the order of rows where training ended: in two parts or at once, the
# weights are the same to the last bit.

at_once = clone(regressor).set_params(epochs=6).fit(X_train, y_train)
saved = pickle.dumps(clone(regressor).set_params(epochs=3).fit(X_train, y_train))
restored = pickle.loads(saved).set_params(warm_start=True).fit(X_train, y_train)
is_same = np.array_equal(restored.coefs_[0], at_once.coefs_[0])
print("three and three epochs equal six:", is_same)

# %%
# Resume after a crash
# --------------------
# With `checkpoint_dir`, `fit` saves its state after each epoch. Run again, the same program
# resumes there. Another process may read the file meanwhile (`load_checkpoint`).


class Crash(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 4:
            raise RuntimeError("no power")


saving = clone(regressor).set_params(epochs=6, checkpoint_dir=directory / "checkpoint")
try:
    saving.fit(X_train, y_train, callbacks=[Crash()])
except RuntimeError:
    n_saved = len(clone(saving).load_checkpoint().loss_curve_)
    print(f"crashed; {n_saved} epochs are saved")
saving.fit(X_train, y_train)
resumes = np.array_equal(saving.coefs_[0], at_once.coefs_[0])
print("resumed, it equals a fit without a crash:", resumes)

measured = {
    "file and estimator differ by": distance,
    "resumed equals at once": is_same,
    "after a crash equals at once": resumes,
    "test MSE after early stopping": error,
}
experiments.record(
    given, "D8", time.perf_counter() - start, configuration="all", measured=measured
)
plt.show()
