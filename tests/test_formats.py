"""All estimators, after all sorts of preparation, in all formats: the same predictions.

The rows have missing numbers and texts, and texts that `fit` has not seen. ONNX files run in a
new environment of onnxruntime alone.
"""

import pickle
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skmlp import (
    KerasClassifier,
    KerasRegressor,
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
    skops_trusted_types,
    to_keras,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of the converters

N_ROWS = 1000
NUMBERS, TEXTS = ["age", "income", "size"], ["town", "kind"]


def table(seed, *unknown):
    """Rows with missing numbers and texts."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 10, N_ROWS),
            "income": rng.lognormal(3, 1, N_ROWS),
            "size": rng.choice([1.0, 2.0, 5.0], N_ROWS),
            "town": rng.choice(["Bern", "Oslo", *unknown], N_ROWS),
            "kind": rng.choice(["new", "old", *unknown], N_ROWS),
        }
    )
    X[NUMBERS] = X[NUMBERS].astype(np.float32)
    X = X.astype(dict.fromkeys(TEXTS, object)).mask(rng.random(X.shape) < 0.1)
    X.loc[0] = [30, 20, 1, "Bern", "new"]  # ONNX takes its types from the first row
    return X


FIT, ROWS = table(0), table(1, "unknown")
Y = FIT["age"].fillna(40).to_numpy() / 10 + 2 * (FIT["town"] == "Bern")
CLASSES = np.array(["low", "middle", "high"])[np.digitize(Y, [4, 5.5])]


def network(meta):
    n_outputs = meta.get("n_classes_", 1)
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(8, activation="tanh"),
            keras.layers.Dense(n_outputs, activation="softmax" if n_outputs > 1 else None),
        ]
    )


FAST = {"epochs": 2, "random_state": 0}
SMALL = {"hidden_layer_sizes": (8,), **FAST}
ESTIMATORS = {
    "MLPClassifier": partial(MLPClassifier, **SMALL, normalization="batch"),
    "MLPRegressor": partial(MLPRegressor, **SMALL, activation="prelu", normalize_y=True),
    "WideDeepClassifier": partial(WideDeepClassifier, **SMALL),
    "WideDeepRegressor": partial(WideDeepRegressor, **SMALL),
    "KerasClassifier": partial(KerasClassifier, network, **FAST),
    "KerasRegressor": partial(KerasRegressor, network, **FAST),
    "TabularClassifier": partial(TabularClassifier, 2, **SMALL),
    "TabularRegressor": partial(TabularRegressor, 2, **SMALL),
    "MLPAutoencoder": lambda: make_pipeline(
        MLPAutoencoder((3,), **FAST), MLPRegressor(**SMALL)
    ),
}


def imputed():
    return make_pipeline(SimpleImputer(), StandardScaler())


def one_hot(estimator):
    encoder = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        make_column_transformer((imputed(), NUMBERS), (encoder, TEXTS)), estimator
    )


def ordinal(estimator):
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(
        make_column_transformer((imputed(), NUMBERS), (encoder, TEXTS)), estimator
    )


def within(estimator):
    """The estimator inside another one."""
    if is_classifier(estimator):
        return make_pipeline(imputed(), CalibratedClassifierCV(estimator, cv=2))
    inner = make_pipeline(imputed(), estimator)
    return TransformedTargetRegressor(inner, transformer=StandardScaler())


PIPELINES = {
    "numbers": lambda estimator: make_pipeline(imputed(), estimator),
    "one-hot": one_hot,
    "ordinal": ordinal,
    "within": within,
}
CASES = [(pipeline, estimator) for pipeline in PIPELINES for estimator in ESTIMATORS]
CASES += [("alone", name) for name in ESTIMATORS if name.startswith(("Tabular", "WideDeep"))]


def fitted(pipeline, name):
    """The fitted estimator, and rows as it takes them."""
    y = CLASSES if name.endswith("Classifier") else Y
    if pipeline == "alone":
        estimator = ESTIMATORS[name]()
        fit, rows = FIT, ROWS
        if name.startswith("WideDeep"):  # whose numbers have to be there
            fit, rows = (
                X.fillna(dict.fromkeys(NUMBERS, 0)).astype(dict.fromkeys(TEXTS, "category"))
                for X in (FIT, ROWS)
            )
            estimator.set_params(
                wide_features=TEXTS, wide_crosses=[tuple(TEXTS)], deep_features=NUMBERS
            )
        return estimator.fit(fit, y), rows
    estimator = PIPELINES[pipeline](ESTIMATORS[name]())
    if pipeline in ("numbers", "within"):
        return estimator.fit(FIT[NUMBERS].to_numpy(), y), ROWS[NUMBERS].to_numpy()
    fit, rows = (X.fillna(dict.fromkeys(TEXTS, "missing")) for X in (FIT, ROWS))
    return estimator.fit(fit, y), rows


def assert_same(made, wanted):
    made = np.asarray(made).reshape(wanted.shape)
    np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-5 * max(1, np.ptp(wanted)))


def of_keras(rows):
    """Rows as the model takes them: missing texts are empty."""
    if not isinstance(rows, pd.DataFrame):
        return rows
    texts = rows[TEXTS].astype(object).fillna("")
    columns = {name: texts[name].to_numpy(object) for name in TEXTS}
    return columns | {name: rows[name].to_numpy() for name in NUMBERS}


@pytest.fixture(scope="module")
def onnxruntime_alone(tmp_path_factory):
    """Interpreter of a new environment that onnxruntime alone is installed in."""
    directory = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", directory], check=True)
    python = directory / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "onnxruntime"]
    if subprocess.run(install).returncode:
        pytest.skip("onnxruntime cannot be installed")
    return python


RUN_ONNX = """
import importlib.util, numpy, onnxruntime
assert not any(importlib.util.find_spec(name) for name in ("skmlp", "sklearn", "tensorflow"))
session = onnxruntime.InferenceSession("model.onnx")
rows = numpy.load("rows.npz", allow_pickle=True)
made = session.run(None, {given.name: rows[given.name] for given in session.get_inputs()})
numpy.savez("made.npz", *made)
"""


@pytest.mark.parametrize(("pipeline", "name"), CASES, ids=lambda value: value)
def test_round_trips(pipeline, name, onnxruntime_alone, by_litert, tmp_path):
    estimator, rows = fitted(pipeline, name)
    wanted = getattr(estimator, "predict_proba", estimator.predict)(rows)

    # Python objects
    skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
    trusted = [*skops_trusted_types(), f"{network.__module__}.{network.__name__}"]
    trusted += ["sklearn.calibration._CalibratedClassifier"]
    trusted += ["sklearn.calibration._SigmoidCalibration"]
    for loaded in (
        pickle.loads(pickle.dumps(estimator)),
        skops_io.loads(skops_io.dumps(estimator), trusted=trusted),
    ):
        again = getattr(loaded, "predict_proba", loaded.predict)(rows)
        np.testing.assert_array_equal(again, wanted)

    # Keras
    if pipeline == "within" and is_classifier(estimator):
        with pytest.raises(ValueError, match="CalibratedClassifierCV"):
            to_keras(estimator)
    else:
        model = to_keras(estimator)
        inputs = of_keras(rows)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert_same(loaded.predict(inputs, verbose=0), wanted)
        model.export(tmp_path / "saved")
        served = tf.saved_model.load(tmp_path / "saved").signatures["serving_default"]
        if isinstance(rows, pd.DataFrame):
            columns = {name: tf.constant(of[:, None]) for name, of in inputs.items()}
            (made,) = served(**columns).values()
        else:
            (made,) = served(tf.constant(rows)).values()
            assert_same(by_litert(model, rows), wanted)
        assert_same(made, wanted)

    # ONNX, in an environment without this package
    skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
    pytest.importorskip("skmlp.onnx")
    options = {"zipmap": False} if is_classifier(estimator) else None
    onnx_model = skl2onnx.to_onnx(estimator, rows[:1], options=options)
    (tmp_path / "model.onnx").write_bytes(onnx_model.SerializeToString())
    if isinstance(rows, pd.DataFrame):
        given = {of: rows[[of]].to_numpy() for of in rows}
    else:
        given = {"X": rows}
    np.savez(tmp_path / "rows.npz", **given)
    subprocess.run([onnxruntime_alone, "-c", RUN_ONNX], check=True, cwd=tmp_path)
    made = np.load(tmp_path / "made.npz", allow_pickle=True)
    assert_same(made[made.files[-1]], wanted)
    if is_classifier(estimator):
        np.testing.assert_array_equal(made[made.files[0]], estimator.predict(rows))
