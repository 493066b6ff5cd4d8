"""Converted tabular estimators take tables with missing and unknown values."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import TabularClassifier, TabularRegressor
from skmlp._data.tables import TableEncoder
from skmlp._engine.fitted import FittedNetwork
from skmlp._network.spec import TargetScaling
from skmlp._network.tabular import N_BINS, first_tabular_weights

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
data_types = pytest.importorskip("skl2onnx.common.data_types")
pytest.importorskip("skmlp.onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

N = 1000
TYPES = {
    "place": data_types.StringTensorType,
    "kind": data_types.StringTensorType,
    "single": data_types.StringTensorType,
}
TYPES |= {
    "town": data_types.StringTensorType,
    "number": data_types.DoubleTensorType,
    "amount": data_types.DoubleTensorType,
}


def table(seed, unknown=False):
    """Columns of each sort with missing values, and with values that a fit has not seen."""
    rng = np.random.default_rng(seed)
    new = ["new"] if unknown else []
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=N) ** 3,
            "whole": rng.integers(0, 9, N),
            "place": rng.choice(["u", "v", "w", *new], N),
            "kind": rng.choice(["x", "y", *new], N),
            "single": rng.choice(["z", *new], N),
            "town": rng.choice([f"town {i}" for i in range(60)] + new, N),
            "flag": rng.random(N) < 0.3,
            "code": pd.Categorical(rng.integers(0, 4 + unknown, N)),
            "amount": np.where(
                rng.random(N) < 0.7, 0.0, rng.choice(np.arange(1, 50) ** 2.7, N)
            ),
        }
    ).astype(dict.fromkeys(["place", "kind", "single", "town"], object))
    for name in ("number", "place", "kind", "single", "town"):
        frame.loc[1 + np.flatnonzero(rng.random(N - 1) < 0.1), name] = None
    return frame


FIT, ROWS = table(0), table(1, unknown=True)
FIT.loc[0, ["place", "kind", "single", "town"]] = ROWS.loc[
    0, ["place", "kind", "single", "town"]
]
ENCODER = TableEncoder.learn(FIT)


def drawn(estimator, X=FIT, encoder=ENCODER, n_outputs=1, classes=None, n_networks=2):
    """The estimator as if fitted, with networks that are drawn."""
    rng = np.random.default_rng(0)
    estimator.set_params(hidden_layer_sizes=(16, 8))
    estimator._encoder, estimator.n_features_in_ = encoder, X.shape[1]
    if hasattr(X, "columns"):
        estimator.feature_names_in_ = np.array(X.columns, dtype=object)
    estimator.n_outputs_ = n_outputs
    if classes is not None:
        estimator.classes_, estimator.temperature_ = np.array(classes), 1.7
        estimator.sparse_output_ = False
        estimator._set_target_type(is_multilabel=n_outputs > 1)
    else:
        n_quantiles = len(estimator.quantiles) if estimator.loss == "quantile" else 1
        estimator._quantiles = tuple(estimator.quantiles) if n_quantiles > 1 else None
        n = n_outputs * n_quantiles
        estimator._scaling = TargetScaling(tuple(np.full(n, 1e4)), tuple(np.full(n, 10.0)))
        estimator.quantile_shifts_ = rng.normal(size=(n_outputs, n_quantiles))
        estimator._range = np.full(n_outputs, 9990.0), np.full(n_outputs, 10010.0)
    edges = np.sort(rng.normal(size=(encoder.n_numeric, N_BINS + 1)), axis=1)
    edges[:, 5] = edges[:, 6]  # a bin without width
    members = []
    for k in range(n_networks):
        spec = estimator._spec(k, N)
        weights = first_tabular_weights(spec, edges.astype(np.float32), seed=k)
        noisy = (
            tuple(
                a if a is arrays[-1] and a.shape == edges.shape else noise(a, rng)
                for a in arrays
            )
            for arrays in weights
        )
        members.append(FittedNetwork(spec, tuple(noisy)))
    estimator._members = tuple(members)
    return estimator


def noise(array, rng):
    return array + rng.normal(scale=0.3, size=array.shape).astype(np.float32)


def outputs(model, X, types=None, **options):
    converted = skl2onnx.to_onnx(
        model, None if types else X[:1], initial_types=types, options=options or None
    )
    session = onnxruntime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    if isinstance(X, pd.DataFrame):
        return session.run(None, {name: X[[name]].to_numpy() for name in X})
    return session.run(None, {session.get_inputs()[0].name: X})


def assert_same(model, X, types=None):
    if not is_classifier(model):
        (predicted,) = outputs(model, X, types)
        expected = model.predict(X).reshape(predicted.shape)
        np.testing.assert_allclose(predicted, expected, rtol=1e-6)
        assert np.ptp(expected) > 0.5
        return
    label, probability = outputs(model, X, types, zipmap=False)
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_allclose(probability, model.predict_proba(X), rtol=0, atol=1e-5)
    assert np.ptp(probability) > 0.1


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9), (0.1, 0.4, 0.7)])
def test_regressors(n_outputs, quantiles):
    settings = {"loss": "quantile", "quantiles": quantiles} if quantiles else {}
    assert_same(drawn(TabularRegressor(**settings), n_outputs=n_outputs), ROWS)


@pytest.mark.parametrize(
    ("classes", "n_outputs"), [([0, 1], 1), (["a", "b", "c"], 1), ([0, 1, 2], 3)]
)
def test_classifiers(classes, n_outputs):
    assert_same(drawn(TabularClassifier(), classes=classes, n_outputs=n_outputs), ROWS)


def test_one_network():
    assert_same(drawn(TabularRegressor(), n_networks=1), ROWS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_of_numbers(dtype):
    rows = FIT[["number", "whole", "amount"]].to_numpy(dtype)
    model = drawn(TabularRegressor(), rows, TableEncoder.learn(rows))
    assert_same(model, rows)


def test_after_a_column_transformer():
    scaler = make_column_transformer(
        (StandardScaler(), ["number", "amount"]), remainder="drop"
    ).fit(FIT)
    rows = scaler.transform(FIT)
    model = drawn(TabularRegressor(), rows, TableEncoder.learn(rows))
    pipeline = make_pipeline(scaler, model)
    assert_same(pipeline, FIT)


def test_inputs_in_another_order_and_of_other_types():
    """Names decide; whole numbers and booleans may come as each other and as floats."""
    model = drawn(TabularRegressor(), FIT)
    types = [
        (name, TYPES.get(name, data_types.Int64TensorType)([None, 1]))
        for name in reversed(ROWS.columns)
    ]
    rows = ROWS.assign(flag=ROWS["flag"].astype(np.int64), code=ROWS["code"].astype(np.int64))
    (predicted,) = outputs(model, rows, types)
    np.testing.assert_allclose(predicted[:, 0], model.predict(ROWS), rtol=1e-6)
    types = [(name, TYPES.get(name, data_types.DoubleTensorType)([None, 1])) for name in ROWS]
    rows = rows.astype(dict.fromkeys(["flag", "code", "whole"], np.float64))
    (predicted,) = outputs(model, rows, types)
    np.testing.assert_allclose(predicted[:, 0], model.predict(ROWS), rtol=1e-6)


def test_text_that_stands_for_missing_values():
    """The text that onnxruntime makes of None, NaN and pandas's NA, and an empty text."""
    frame = pd.DataFrame({"single": ["z", None] * 20, "number": np.arange(40.0)})
    model = drawn(TabularRegressor(), frame, TableEncoder.learn(frame))
    missing = frame.iloc[[1] * 6].assign(number=0.0)
    expected = model.predict(missing)
    given = missing.assign(single=np.array([None, np.nan, pd.NA, "", "nan", "None"], object))
    types = [
        ("single", data_types.StringTensorType([None, 1])),
        ("number", data_types.DoubleTensorType([None, 1])),
    ]
    np.testing.assert_allclose(outputs(model, given, types)[0][:, 0], expected, rtol=1e-6)
    assert abs(model.predict(missing.assign(single="new")) - expected).max() > 1e-3


def test_categories_of_other_types():
    """Booleans and numbers beside missing values are text to onnxruntime."""
    frame = pd.DataFrame(
        {
            "flag": np.array([True, False, None] * 20, object),
            "code": pd.Categorical([0.5, 1.5, 2.5] * 20),
            "mixed": np.array([1, "one", None] * 20, object),
        }
    )
    model = drawn(TabularRegressor(), frame, TableEncoder.learn(frame))
    types = [
        ("flag", data_types.StringTensorType([None, 1])),
        ("code", data_types.DoubleTensorType([None, 1])),
        ("mixed", data_types.StringTensorType([None, 1])),
    ]
    rows = frame.assign(code=frame["code"].astype(float))
    assert_same(model, rows, types)


def test_fractional_categories_in_another_precision():
    frame = pd.DataFrame({"code": pd.Categorical([0.1, 0.7, 3] * 20)})
    model = drawn(TabularRegressor(), frame, TableEncoder.learn(frame))
    for dtype in (np.float32, np.float64):
        assert_same(model, frame.astype(dtype))


def test_numbers_in_single_precision():
    """Amounts and codes are compared as `predict` compares them."""
    rows = FIT[["number", "amount"]].astype(np.float32)
    model = drawn(TabularRegressor(), rows, TableEncoder.learn(rows))
    types = [(name, data_types.FloatTensorType([None, 1])) for name in rows]
    assert_same(model, rows, types)


def seconds(column):
    zero = pd.Timestamp(0) if column.dtype.kind == "M" else pd.Timedelta(0)
    return (column - zero) / pd.Timedelta(seconds=1)


def test_dates_and_durations_as_seconds():
    rng = np.random.default_rng(0)
    days = pd.Timestamp("1999-12-25") + pd.to_timedelta(rng.integers(0, 900, N), unit="D")
    ages = pd.to_timedelta(rng.integers(0, 10**6, N), unit="s")
    frame = pd.DataFrame({"day": days, "moment": days - 5000 * ages, "age": ages})
    frame.loc[::9, ["day", "moment"]] = pd.NaT
    model = drawn(TabularRegressor(), frame, TableEncoder.learn(frame))
    assert [len(column.scales) for column in model._encoder.columns] == [4, 5, 1]
    (predicted,) = outputs(model, frame.apply(seconds))
    np.testing.assert_allclose(predicted[:, 0], model.predict(frame), rtol=1e-6)


DATES = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=40), "n": np.arange(40.0)})


@pytest.mark.parametrize(
    ("frame", "types", "message"),
    [
        (
            DATES,
            {"day": data_types.StringTensorType},
            r"numbers in column 'day', for dates seconds since 1970 .*; got text; declare",
        ),
        (
            DATES.astype({"day": "category"}),
            {"day": data_types.StringTensorType},
            "Timestamp in column 'd",
        ),
        (
            DATES[["n"]],
            {"n": data_types.StringTensorType},
            "'X' must hold numbers in column 'n', .* text",
        ),
        (
            pd.DataFrame({"c": ["a", "b"] * 20}),
            {"c": data_types.DoubleTensorType},
            "'X' must hold text in column 'c', as in fit; got an input of float64; declare",
        ),
        (
            pd.DataFrame({"c": np.array(["1", 1, 2.5] * 20, object)}),
            {"c": data_types.StringTensorType},
            "'X' must hold categories that differ as text, .* in column 'c'; rename",
        ),
    ],
)
def test_columns_that_onnx_cannot_hold(frame, types, message):
    model = drawn(TabularRegressor(), frame, TableEncoder.learn(frame))
    given = [(name, types.get(name, data_types.DoubleTensorType)([None, 1])) for name in frame]
    with pytest.raises(ValueError, match=message):
        skl2onnx.to_onnx(model, initial_types=given)


@pytest.mark.slow
def test_a_fit_and_its_calibration():
    """Trained, inside another estimator."""
    numbers = FIT[["number", "amount", "whole"]].to_numpy(np.float32)
    y = np.nan_to_num(numbers[:, 0]) > 0
    model = TabularClassifier(2, hidden_layer_sizes=(16,), epochs=2, random_state=0)
    calibrated = CalibratedClassifierCV(model, cv=2).fit(numbers, y)
    label, probability = outputs(calibrated, numbers, zipmap=False)
    np.testing.assert_array_equal(label, calibrated.predict(numbers))
    np.testing.assert_allclose(probability, calibrated.predict_proba(numbers), atol=1e-5)
