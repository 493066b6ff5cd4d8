"""Data that several test modules share, and how XLA compiles in tests."""

import multiprocessing
import os
import warnings
from importlib.metadata import version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests compile hundreds of networks and train each for a few epochs. The plainer code generator
# without optimization compiles in two fifths of the time. A release that does not know one of
# the flags would end the process. `XLA_FLAGS= pytest` compiles as users do.
if version("tensorflow").startswith("2.21."):
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0 "
        "--xla_cpu_parallel_codegen_split_count=1",
    )

import numpy as np
import pytest
from sklearn.datasets import fetch_california_housing, load_iris, make_multilabel_classification
from sklearn.preprocessing import scale


@pytest.fixture(scope="session")
def housing():
    """Standardised California housing, (20640, 8) and (20640,)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about retries when offline
            X, y = fetch_california_housing(return_X_y=True)
    except OSError:
        pytest.skip("California housing is not cached and cannot be downloaded")
    order = np.random.RandomState(0).permutation(len(X))
    return scale(X)[order], y[order]


@pytest.fixture(scope="session")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


@pytest.fixture(scope="session")
def multilabel():
    X, Y = make_multilabel_classification(150, n_classes=3, random_state=0)
    return scale(X), Y


@pytest.fixture(scope="session")
def sine():
    """A smooth regression target of two features, (150, 2) and (150,)."""
    X = np.random.RandomState(0).uniform(-2, 2, (150, 2))
    return X, np.sin(X[:, 0]) + 0.5 * X[:, 1]


@pytest.fixture(scope="session")
def forkserver():
    """Starts processes that have imported Keras, forked from one that has started nothing."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["keras", "sklearn.model_selection", "skmlp"])
    first = processes.Process()  # starts the server, so that nobody else says what it imports
    first.start()
    first.join()
    return processes


@pytest.fixture(scope="session")
def by_litert():
    """A function that gives the predictions of a Keras model in LiteRT."""
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="no LiteRT")

    def predict(model, X):
        import tensorflow as tf

        content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
        interpreter = litert.Interpreter(model_content=content)
        (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.resize_tensor_input(given["index"], X.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], X)
        interpreter.invoke()
        return interpreter.get_tensor(made["index"])

    return predict
