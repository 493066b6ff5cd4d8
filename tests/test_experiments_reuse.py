"""The textbook experiments on reuse: other classes, frozen layers, auxiliary tasks."""

import os
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skmlp import MLPAutoencoder, MLPClassifier
from skmlp._training import reuse

NO_STOP = {"n_iter_no_change": np.inf}


def mnist():
    path = os.environ.get("MNIST_NPZ")
    if path is None or not os.path.exists(path):
        pytest.skip("MNIST_NPZ does not name a file of images")
    with np.load(path) as data:
        X, y, X_test, y_test = (data[n] for n in ("X_train", "y_train", "X_test", "y_test"))
    X, X_test = (np.float32(images.reshape(-1, 784) / 255) for images in (X, X_test))
    return X, y.astype(int), X_test, y_test.astype(int)


def median_curve(params, samples, X, y, X_test, y_test):
    """Test accuracy after each epoch, median over samples of the training rows."""
    curves = []
    for seed, rows in enumerate(samples):
        classifier = MLPClassifier(**params, **NO_STOP, random_state=seed)
        classifier.fit(X[rows], y[rows], X_val=X_test, y_val=y_test)
        curves.append(classifier.validation_scores_)
    return np.median(curves, axis=0)


def test_e8_a_coarse_label():
    """From "above 4 or not" on all digits to ten classes with 60 labels."""
    X, y = load_digits(return_X_y=True)
    X = np.float32(X / 16)
    params = {"hidden_layer_sizes": (64, 32), "learning_rate": 0.005, "epochs": 20}
    coarse = MLPClassifier(**params, **NO_STOP, random_state=0).fit(X, y > 4)
    samples = [np.random.default_rng(seed).permutation(len(X))[:60] for seed in range(5)]
    params["batch_size"] = 32
    scratch = median_curve(params, samples, X, y, X, y)
    reused = median_curve({**params, "pretrained": coarse}, samples, X, y, X, y)
    assert reused[-1] > scratch[-1] + 0.03


@pytest.mark.slow
def test_e5_other_classes():
    """From the digits 0 to 4 to the others, with 100 labels for each."""
    X, y, X_test, y_test = mnist()
    params = {
        "hidden_layer_sizes": (100, 100, 100),
        "activation": "elu",
        "kernel_initializer": "he_normal",
    }
    low = np.flatnonzero(y < 5)[:20_000]
    first_five = MLPClassifier(**params, batch_size=128, epochs=5, random_state=0)
    first_five.fit(X[low], y[low])
    samples = [
        np.concatenate(
            [
                np.random.default_rng(10 * seed + c).permutation(np.flatnonzero(y == c))[:100]
                for c in range(5, 10)
            ]
        )
        for seed in range(5)
    ]
    params |= {"batch_size": 20, "epochs": 20}
    is_other = y_test >= 5
    rows = samples, X, y, X_test[is_other], y_test[is_other]
    scratch = median_curve(params, *rows)
    reused = median_curve({**params, "pretrained": first_five, "n_reused_layers": 2}, *rows)
    assert reused[-1] > scratch[-1]
    reached = np.flatnonzero(reused >= scratch.max())
    assert reached[0] < scratch.argmax()


@pytest.mark.slow
def test_e7_layers_of_an_autoencoder():
    """From 20,000 digits without labels, layer by layer, to 300 labels."""
    X, y, X_test, y_test = mnist()
    X, y = X[:20_000], y[:20_000]
    encoder = MLPAutoencoder(
        (500, 500),
        activation="relu",
        code_activation=None,
        loss="binary_crossentropy",
        tied_weights=True,
        noise_std=0.4,
        greedy=True,
        fine_tune=False,
        epochs=12,
        batch_size=200,
        random_state=0,
    ).fit(X)
    samples = [np.random.default_rng(seed).permutation(len(X))[:300] for seed in range(5)]
    params = {"hidden_layer_sizes": (500, 500), "batch_size": 32, "epochs": 40}
    scratch = median_curve(params, samples, X, y, X_test, y_test)
    reused = median_curve({**params, "pretrained": encoder}, samples, X, y, X_test, y_test)
    assert reused[-1] > scratch[-1] + 0.01
    reached = np.flatnonzero(reused >= scratch.max())
    assert reached[0] < scratch.argmax()


@pytest.mark.slow
def test_e6_frozen_layers_are_computed_once(monkeypatch):
    """Three of four layers frozen: the same weights, in a quarter of the time or less."""
    X, y, _, _ = mnist()
    X, y = X[:20_000], y[:20_000]
    params = {"hidden_layer_sizes": (500, 500, 500), "batch_size": 128, **NO_STOP}
    source = MLPClassifier(**params, epochs=1, random_state=0).fit(X, y)
    frozen = MLPClassifier(**params, pretrained=source, n_frozen_layers=3, random_state=1)
    seconds, coefs = {}, {}
    for name, max_bytes in (("once", reuse.MAX_BYTES), ("in each step", 0)):
        monkeypatch.setattr(reuse, "MAX_BYTES", max_bytes)
        for epochs in (1, 2, 12):  # the first one compiles
            begin = time.perf_counter()
            frozen.fit(X, y, epochs=epochs)
            seconds[name, epochs] = time.perf_counter() - begin
        coefs[name] = frozen.coefs_
    for array, expected in zip(coefs["once"], coefs["in each step"], strict=True):
        np.testing.assert_allclose(array, expected, atol=1e-5)
    once, each = (seconds[name, 12] - seconds[name, 2] for name in ("once", "in each step"))
    assert once < each / 4
