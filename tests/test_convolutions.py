"""Convolutional networks of the user's own, on scikit-learn's 8 x 8 images of digits.

Their compiled epoch does without XLA, so that the last batch has a shape of its own.
"""

import os
import pickle
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from sklearn.datasets import load_digits

from skmlp import KerasClassifier
from skmlp._engine.store import STORE
from skmlp._keras import tensorflow

PIXELS, LABELS = load_digits(return_X_y=True)
IMAGES = (PIXELS.reshape(-1, 8, 8, 1) / 16).astype(np.float32)
N_TRAIN, BATCH = 1000, 64  # the last batch has 40 rows
X, Y = IMAGES[:N_TRAIN], LABELS[:N_TRAIN]
X_VAL, Y_VAL = IMAGES[N_TRAIN:1200], LABELS[N_TRAIN:1200]
X_TEST, Y_TEST = IMAGES[1200:], LABELS[1200:]


def convolutional(meta, dropout=0.1, penalty=0.0):
    """One block: convolution, batch normalisation, pooling and dropout."""
    return keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            keras.layers.Conv2D(
                12, 3, use_bias=False, kernel_regularizer=keras.regularizers.L2(penalty)
            ),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Activation("relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Dropout(dropout),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )


CLASSIFIER = KerasClassifier(
    convolutional, batch_size=BATCH, epochs=6, learning_rate=0.01, random_state=0
)


@pytest.fixture(scope="module")
def fitted():
    return clone(CLASSIFIER).fit(X, Y)


def test_learns(fitted):
    assert fitted.score(X_TEST, Y_TEST) > 0.92
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0] / 4


def test_the_same_random_state_gives_the_same_bits(fitted):
    again = clone(CLASSIFIER).fit(X, Y)
    for ours, theirs in zip(fitted._state.arrays, again._state.arrays, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    other = clone(CLASSIFIER).set_params(random_state=1, epochs=1).fit(X, Y)
    assert not np.array_equal(other._state.arrays[0], fitted._state.arrays[0])


def test_a_second_fit_of_equal_structure_traces_nothing(fitted):
    (program,) = [one for one in STORE.idle() if has_structure_of(one, fitted)]
    traces, built = program.traces, STORE.built
    clone(CLASSIFIER).set_params(learning_rate=0.003, random_state=2, epochs=1).fit(X, Y)
    assert (program.traces, STORE.built) == (traces, built)


def has_structure_of(program, estimator):
    return program.recipe.network == estimator._state.spec.structure()


def test_predictions_are_those_of_the_model(fitted):
    expected = fitted.model_.predict(X_TEST, verbose=0)
    np.testing.assert_allclose(fitted.predict_proba(X_TEST), expected, atol=1e-6)


def test_a_pickle_predicts_the_same(fitted):
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(restored.predict_proba(X_TEST), fitted.predict_proba(X_TEST))


def test_the_best_epoch_of_validation_rows_is_kept():
    """Steps so large that the score goes up and down."""
    restless = clone(CLASSIFIER).set_params(learning_rate=0.5, epochs=5)
    restless.fit(X, Y, validation_data=(X_VAL, Y_VAL))
    scores = restless.validation_scores_
    assert max(scores) > scores[-1]
    assert restless.score(X_VAL, Y_VAL) == pytest.approx(max(scores))


class Start(keras.callbacks.Callback):
    """Keeps the initial weights in a list that copies of the callback share."""

    weights: list = []

    def on_train_begin(self, logs=None):
        type(self).weights = self.model.get_weights()


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_weights_equal_those_of_keras(weighted):
    """Also with a short last batch, whose rows alone make its batch statistics."""
    epochs, rows = 2, slice(150)  # batches of 64, 64 and 22 rows
    weight = np.random.RandomState(0).uniform(0.5, 1.5, 150) if weighted else None
    ours = clone(CLASSIFIER).set_params(
        dropout=0.0, penalty=0.01, shuffle=False, epochs=epochs, callbacks=[Start()]
    )
    ours.fit(X[rows], Y[rows], sample_weight=weight)

    model = convolutional({"X_shape_": X.shape, "n_classes_": 10}, dropout=0.0, penalty=0.01)
    model.set_weights(Start.weights)
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", run_eagerly=True
    )
    history = model.fit(
        X[rows],
        Y[rows],
        sample_weight=None if weight is None else weight / weight.mean(),
        batch_size=BATCH,
        epochs=epochs,
        shuffle=False,
        verbose=0,
    )
    np.testing.assert_allclose(ours.loss_curve_, history.history["loss"], rtol=1e-5)
    for mine, theirs in zip(ours._state.arrays, model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=2e-5)


# Images of other sizes, from files that the environment names


def file_named_by(variable):
    path = os.environ.get(variable)
    if path is None or not os.path.exists(path):
        pytest.skip(f"{variable} does not name a file of images")
    return path


def test_coloured_images():
    with np.load(file_named_by("CIFAR10_NPZ")) as data:
        bytes_of_all, ends, y = (data[f"{k}_train"] for k in ("jpeg", "off", "y"))
    ends = ends[:301]
    X = np.stack(
        [
            tf.io.decode_jpeg(bytes_of_all[start:end].tobytes()).numpy()
            for start, end in pairwise(ends)
        ]
    )
    classifier = clone(CLASSIFIER).set_params(epochs=12).fit(X / 255, y[:300])
    assert classifier.X_shape_ == (300, 32, 32, 3)
    assert classifier.loss_ < 0.8 * classifier.loss_curve_[0]


@pytest.mark.slow
def test_mnist():
    with np.load(file_named_by("MNIST_NPZ")) as data:
        X, y = data["X_train"][:12_000, ..., None] / np.float32(255), data["y_train"][:12_000]
        X_test, y_test = data["X_test"][..., None] / np.float32(255), data["y_test"]
    classifier = clone(CLASSIFIER).set_params(epochs=2).fit(X, y)
    assert classifier.score(X_test, y_test) > 0.95


def test_a_forked_process_is_told_not_to_predict(monkeypatch):
    """TensorFlow would wait forever there."""
    fitted = clone(CLASSIFIER).set_params(epochs=1).fit(X[:BATCH], Y[:BATCH])
    monkeypatch.setattr(tensorflow, "STARTED_IN", 0)
    with pytest.raises(RuntimeError, match=r"must not run in a process forked .*'loky'"):
        fitted.predict(X[:2])
