"""Sizes and latencies of a saved pipeline in each format, as docs/saving.md shows them.

Two pipelines, of a standard scaler with a perceptron and with a tabular ensemble, are fitted on
California housing, saved in every format, and asked for one row and for 10,000.
Latencies are medians, beside ratios to `predict`, since a busy machine slows all alike. All
outputs are compared with `predict`. Formats whose packages are missing are left out.

    python benchmarks/exports.py
"""

from __future__ import annotations

import contextlib
import io
import pickle
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.datasets import fetch_california_housing
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPRegressor, TabularRegressor, skops_trusted_types, to_keras

N_MANY = 10_000
SECONDS = 1.0  # spent on each latency
ROUNDS = 5  # of all formats in turn, so that a busy moment does not hit one alone
Predict = Callable[[np.ndarray], np.ndarray]
Format = tuple[str, int, Predict | None]  # name, bytes, what predicts


def main() -> None:
    warnings.simplefilter("ignore")
    X, y = fetch_california_housing(return_X_y=True)
    X = X.astype(np.float32)
    networks = [
        MLPRegressor((30, 30), epochs=20, random_state=0),
        TabularRegressor(4, epochs=4, random_state=0),
    ]
    for network in networks:
        pipeline = make_pipeline(StandardScaler(), network).fit(X, y)
        print(f"\n{type(network).__name__}")
        with tempfile.TemporaryDirectory() as directory:
            report(list(formats(pipeline, X, Path(directory))), pipeline, X)


def formats(pipeline: Pipeline, X: np.ndarray, directory: Path) -> Iterator[Format]:
    """The pipeline in each format."""
    yield "pickle, predict", len(pickle.dumps(pipeline)), pipeline.predict
    yield from of_skops(pipeline)
    model = to_keras(pipeline)
    model.save(directory / "model.keras")
    size = (directory / "model.keras").stat().st_size
    yield (
        ".keras, model.predict",
        size,
        lambda X: model.predict(X, verbose=0, batch_size=N_MANY),
    )
    yield ".keras, model(X)", size, lambda X: model(X).numpy()
    yield of_saved_model(model, directory / "saved")
    yield from of_litert(model)
    yield from of_onnx(pipeline, X)


def of_skops(pipeline: Pipeline) -> Iterator[Format]:
    try:
        import skops.io
    except ImportError:
        return
    data = skops.io.dumps(pipeline)
    loaded = skops.io.loads(data, trusted=skops_trusted_types())
    yield "skops, predict", len(data), loaded.predict


def of_saved_model(model: Any, directory: Path) -> Format:
    model.export(directory, verbose=False)
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    serve = tf.saved_model.load(directory).signatures["serving_default"]
    name = next(iter(serve.structured_input_signature[1]))

    def predict(X: np.ndarray) -> np.ndarray:
        (made,) = serve(**{name: tf.constant(X)}).values()
        return made.numpy()

    return "SavedModel", size, predict


def of_litert(model: Any) -> Iterator[Format]:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return
    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints its signature
        content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    interpreter = Interpreter(model_content=content, num_threads=1)
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    shape: list[tuple[int, ...]] = [()]

    def predict(X: np.ndarray) -> np.ndarray:
        if shape[0] != X.shape:  # a service sets it once
            interpreter.resize_tensor_input(given["index"], X.shape)
            interpreter.allocate_tensors()
            shape[0] = X.shape
        interpreter.set_tensor(given["index"], X)
        interpreter.invoke()
        return interpreter.get_tensor(made["index"])

    yield "LiteRT", len(content), predict


def of_onnx(pipeline: Pipeline, X: np.ndarray) -> Iterator[Format]:
    try:
        import onnxruntime
        from skl2onnx import to_onnx

        import skmlp.onnx  # noqa: F401
    except ImportError:
        return
    content = to_onnx(pipeline, X[:1]).SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    yield "ONNX, onnxruntime", len(content), lambda X: session.run(None, {name: X})[0]


def report(found: list[Format], pipeline: Pipeline, X: np.ndarray) -> None:
    """Print a row for each format."""
    wanted = pipeline.predict(X[:N_MANY])
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(ROUNDS):
        for name, _, predict in found:
            for n in (1, N_MANY):
                times.setdefault((name, n), []).append(latency(predict, X[:n]))
    base = {n: np.median(times[found[0][0], n]) for n in (1, N_MANY)}
    print(f"{'format':24}{'KB':>8}{'1 row, µs':>12}{'ratio':>8}{'10,000, ms':>12}{'ratio':>8}")
    for name, size, predict in found:
        np.testing.assert_allclose(
            np.ravel(predict(X[:N_MANY])), wanted, rtol=1e-3, atol=1e-3, err_msg=name
        )
        one, many = (np.median(times[name, n]) for n in (1, N_MANY))
        print(
            f"{name:24}{size / 1e3:8.0f}{1e6 * one:12.0f}{one / base[1]:8.2f}"
            f"{1e3 * many:12.1f}{many / base[N_MANY]:8.2f}"
        )


def latency(predict: Predict, X: np.ndarray) -> float:
    """Median seconds of a call."""
    predict(X)
    found, end = [], time.perf_counter() + SECONDS / ROUNDS
    while time.perf_counter() < end or len(found) < 3:
        start = time.perf_counter()
        predict(X)
        found.append(time.perf_counter() - start)
    return float(np.median(found))


if __name__ == "__main__":
    main()
