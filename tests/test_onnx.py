"""Converted estimators predict in onnxruntime as they do here."""

import importlib
import importlib.util
import subprocess
import sys
from itertools import combinations

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import skmlp
from skmlp import (
    KerasClassifier,
    KerasRegressor,
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
)
from skmlp._engine.fitted import FittedNetwork
from skmlp._export import invertible
from skmlp._kinds.activations import known_names, output_names

skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed")
pytest.importorskip("skmlp.onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(1000, 4)).astype(np.float32)
Y = X[:, 0] + np.abs(X[:, 1])
CLASSES = np.digitize(Y, [0, 1])
FAST = {"epochs": 1, "batch_size": 256, "random_state": 0}
CLASSIFIER = MLPClassifier((8,), **FAST)
REGRESSOR = MLPRegressor((8,), **FAST)


def outputs(model, X, **options):
    """Outputs of onnxruntime for rows of an array, or of a frame with an input a column."""
    converted = skl2onnx.to_onnx(model, X[:1], options=options or None)
    session = onnxruntime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    if isinstance(X, pd.DataFrame):
        rows = {name: X[[name]].to_numpy() for name in X}
    else:
        rows = {session.get_inputs()[0].name: X}
    return session.run(None, rows)


def assert_same(model, X, **options):
    if not is_classifier(model):
        (predicted,) = outputs(model, X, **options)
        expected = model.predict(X)
        expected = expected.reshape(predicted.shape)
        largest = np.abs(expected).max()
        np.testing.assert_allclose(
            predicted / largest, expected / largest, rtol=1e-5, atol=1e-6
        )
        return
    label, probability = outputs(model, X, zipmap=False, **options)
    np.testing.assert_array_equal(label, model.predict(X))
    np.testing.assert_allclose(probability, model.predict_proba(X), rtol=0, atol=1e-5)


def drawn(estimator, n_features=4, n_outputs=2, scaling=None):
    """The estimator as if fitted, with weights that are drawn."""
    rng = np.random.default_rng(0)
    estimator.n_features_in_, estimator.n_outputs_ = n_features, n_outputs
    if not isinstance(estimator, MLPAutoencoder):
        mean, scale = scaling or (None, None)
        estimator.target_mean_, estimator.target_scale_ = mean, scale
    spec = estimator._spec()
    weights = tuple(
        tuple(
            np.float32(rng.uniform(0.1, 1, array.initial.shape) * rng.choice([1, -1, 1]))
            if array.is_trained
            else np.float32(rng.uniform(0.5, 1, array.initial.shape))
            for array in layer.kind.built(width).arrays(width)
        )
        for layer, width in spec.layers_and_widths()
    )
    estimator._state = FittedNetwork(spec, weights)
    return estimator


@pytest.mark.parametrize("name", known_names())
def test_activations_of_hidden_layers(name):
    assert_same(drawn(MLPRegressor((8, 8), activation=name)), X)


@pytest.mark.parametrize("name", output_names())
def test_activations_of_outputs(name):
    assert_same(drawn(MLPRegressor((8,), output_activation=name)), X)


LAYERS = {
    "leaky": keras.layers.LeakyReLU(0.2),
    "elu": keras.layers.ELU(0.5),
    "relu": keras.layers.ReLU(max_value=2.0, negative_slope=0.1, threshold=0.5),
    "prelu": keras.layers.PReLU(),
    "softmax": keras.layers.Softmax(),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_activations_that_are_keras_layers(layer):
    assert_same(drawn(MLPRegressor((8,), activation=LAYERS[layer])), X)


@pytest.mark.parametrize(
    "normalization",
    ["batch", "layer", keras.layers.BatchNormalization(scale=False, epsilon=0.1)],
)
def test_normalization(normalization):
    settings = {"normalization": normalization, "dropout": 0.1, "input_dropout": 0.1}
    assert_same(drawn(MLPRegressor((8, 8), activation="selu", **settings)), X)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_targets_in_their_units(n_outputs):
    scaling = np.array([1e6, -3.0])[:n_outputs], np.array([10.0, 0.5])[:n_outputs]
    model = drawn(MLPRegressor((8,), normalize_y=True), 4, n_outputs, scaling)
    for rows in (X, X.astype(np.float64)):
        assert_same(model, rows)
    (predicted,) = outputs(model, rows)
    assert predicted.dtype == np.float64
    restored = (predicted - scaling[0]) / scaling[1]
    expected = (model.predict(rows).reshape(-1, n_outputs) - scaling[0]) / scaling[1]
    np.testing.assert_allclose(restored, expected, atol=1e-5)


@pytest.mark.parametrize("settings", [{}, {"tied_weights": True, "activity_l1": 0.1}])
def test_codes_of_an_autoencoder(settings):
    model = drawn(MLPAutoencoder((8, 3), noise_std=0.1, masking=0.1, **settings), n_outputs=4)
    (codes,) = outputs(model, X)
    np.testing.assert_allclose(codes, model.transform(X), rtol=1e-5, atol=1e-6)


# Targets of classifiers


@pytest.fixture(scope="module")
def classifiers():
    """One of each sort of target, after a fit; by that sort."""
    targets = {
        "numbers": CLASSES + 5,
        "text": np.array(["low", "middle", "high"])[CLASSES],
        "two": np.array(["no", "yes"])[CLASSES % 2],
        "booleans": CLASSES > 1,
        "floats": CLASSES * 1.0,
        "labels": np.eye(3, dtype=int)[CLASSES],
        "one": np.zeros(len(X), int),
    }
    with pytest.warns(UserWarning, match="single class"):
        return {name: clone(CLASSIFIER).fit(X, y) for name, y in targets.items()}


@pytest.mark.parametrize(
    "name", ["numbers", "text", "two", "booleans", "floats", "labels", "one"]
)
def test_targets_of_classifiers(classifiers, name):
    for rows in (X, X.astype(np.float64)):
        assert_same(classifiers[name], rows)


def test_options_of_classifiers(classifiers):
    text, two, rows = classifiers["text"], classifiers["two"], X[:9]
    label, probability = outputs(text, rows)  # a dict for each row, by default
    assert sorted(probability[0]) == ["high", "low", "middle"]
    assert probability[0]["high"] == pytest.approx(text.predict_proba(rows)[0, 0], abs=1e-5)
    label, *columns = outputs(text, rows, zipmap="columns")
    np.testing.assert_allclose(np.transpose(columns), text.predict_proba(rows), atol=1e-5)
    label, _, classes = outputs(text, rows, zipmap=False, output_class_labels=True)
    np.testing.assert_array_equal(classes, text.classes_)
    label, _ = outputs(text, rows, zipmap=False, nocl=True)
    np.testing.assert_array_equal(text.classes_[label], text.predict(rows))
    _, scores = outputs(text, rows, zipmap=False, raw_scores=True)
    np.testing.assert_allclose(scores, text.decision_function(rows), atol=1e-5)
    _, scores = outputs(two, rows, zipmap=False, raw_scores=True)
    np.testing.assert_allclose(scores[:, 1], two.decision_function(rows), atol=1e-5)


# Pipelines and meta-estimators


def with_missing(rows):
    return np.where(np.random.default_rng(1).random(rows.shape) < 0.1, np.nan, rows)


FRAME = pd.DataFrame(with_missing(X[:, :3]), columns=["a", "b", "c"]).assign(
    place=RNG.choice(["x", "y", "z"], len(X)), number=RNG.integers(0, 5, len(X))
)
COLUMNS = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), ["a", "b", "c"]),
    (OneHotEncoder(handle_unknown="ignore"), ["place", "number"]),
)
ARRAYS = make_pipeline(SimpleImputer(strategy="median"), MinMaxScaler())
MODELS = {
    "pipeline": (make_pipeline(ARRAYS, REGRESSOR), with_missing(X), Y),
    "pipeline of a classifier": (make_pipeline(ARRAYS, CLASSIFIER), with_missing(X), CLASSES),
    "columns": (make_pipeline(COLUMNS, REGRESSOR), FRAME, Y),
    "columns of a classifier": (make_pipeline(COLUMNS, CLASSIFIER), FRAME, CLASSES),
    "voting": (
        VotingRegressor([("a", REGRESSOR), ("b", make_pipeline(StandardScaler(), REGRESSOR))]),
        X,
        Y,
    ),
    "voting classifier": (
        VotingClassifier(
            [("a", CLASSIFIER), ("b", LogisticRegression())],
            voting="soft",
            flatten_transform=False,
        ),
        X,
        CLASSES,
    ),
    "stacking": (
        StackingRegressor([("a", REGRESSOR), ("b", LinearRegression())], REGRESSOR, cv=2),
        X,
        Y,
    ),
    "stacking classifier": (
        StackingClassifier([("a", CLASSIFIER), ("b", LogisticRegression())], cv=2),
        X,
        CLASSES,
    ),
    "calibrated": (CalibratedClassifierCV(CLASSIFIER, cv=2), X, CLASSES),
    "calibrated pipeline": (
        CalibratedClassifierCV(make_pipeline(MinMaxScaler(), CLASSIFIER), cv=2),
        X,
        CLASSES,
    ),
    "calibrated search": (
        CalibratedClassifierCV(GridSearchCV(CLASSIFIER, {"l2": [0.1]}, cv=2), cv=2),
        X,
        CLASSES,
    ),
    "stacked decisions": (
        StackingClassifier(
            [("a", CLASSIFIER), ("b", make_pipeline(MinMaxScaler(), CLASSIFIER))],
            cv=2,
            stack_method="decision_function",
        ),
        X,
        CLASSES > 0,
    ),
    "calibrated, two classes": (CalibratedClassifierCV(CLASSIFIER, cv=2), X, CLASSES > 0),
    "search": (GridSearchCV(REGRESSOR, {"l2": [0.0, 0.1]}, cv=2), X, Y),
    "codes": (make_pipeline(MLPAutoencoder((3,), **FAST), LinearRegression()), X, Y),
}


@pytest.mark.parametrize("name", MODELS)
def test_pipelines_and_meta_estimators(name):
    model, rows, y = MODELS[name]
    model = clone(model).fit(rows, y)
    if name == "columns":
        rows = rows.assign(
            place=np.where(rows["place"] == "x", "new", rows["place"]),
            number=rows["number"] + 1,
        )
    assert_same(model, rows)


def test_hidden_units_as_features():
    """Of a regressor before the last step; a classifier is refused there."""
    model = make_pipeline(StandardScaler(), clone(REGRESSOR), LinearRegression()).fit(X, Y)
    assert_same(model, X)
    union = make_column_transformer((clone(REGRESSOR), [0, 1]), ("passthrough", [2, 3]))
    assert_same(make_pipeline(union, LinearRegression()).fit(X, Y), X)
    model = make_pipeline(clone(CLASSIFIER), LinearRegression()).fit(X, CLASSES)
    with pytest.raises(ValueError, match="'steps' must end with MLPClassifier"):
        outputs(model, X, zipmap=False)


TARGETS = {
    "standard": StandardScaler(),
    "not centred": StandardScaler(with_mean=False),
    "not scaled": StandardScaler(with_std=False),
    "robust": RobustScaler(),
    "range": make_pipeline(MinMaxScaler(), MaxAbsScaler()),
    "function": FunctionTransformer(np.log1p, np.expm1),
    "root": FunctionTransformer(np.square, np.sqrt),
    "size": FunctionTransformer(np.negative, np.abs, check_inverse=False),
}


@pytest.mark.parametrize("name", TARGETS)
def test_transformed_targets(name):
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), LinearRegression()), transformer=TARGETS[name]
    )
    y = 10 + np.abs(X[:, :2].astype(float))
    assert_same(model.fit(X, y), X)
    assert_same(model.fit(X, y[:, 0]), X)


def test_functions_are_those_that_count_as_known():
    from skmlp.onnx import _targets  # there only with skl2onnx

    assert set(_targets.FUNCTIONS) == set(invertible.FUNCTIONS)


def test_transformed_target_of_a_network():
    model = TransformedTargetRegressor(REGRESSOR, transformer=StandardScaler()).fit(X, 9 + Y)
    assert_same(model, X)


def test_transformers_of_targets_that_are_not_known():
    model = TransformedTargetRegressor(
        LinearRegression(), transformer=QuantileTransformer(n_quantiles=10)
    ).fit(X, Y)
    with pytest.raises(
        ValueError, match=r"'transformer' of .* must be one of .*; got Quantile"
    ):
        outputs(model, X)
    model.set_params(
        transformer=FunctionTransformer(
            np.log, np.exp, inv_kw_args={"dtype": "float32"}, check_inverse=False
        )
    )
    with pytest.raises(ValueError, match=r"'inv_kw_args', .*; got <ufunc 'exp'> with .*float"):
        outputs(model.fit(X, 9 + np.abs(Y)), X)


# Wide and deep


MIXED = pd.DataFrame(
    {
        "a": X[:, 0],
        "n": RNG.integers(0, 5, len(X)),
        "place": pd.Categorical(RNG.choice(["u", "v", "w"], len(X))),
        "code": pd.Categorical(RNG.integers(0, 4, len(X))),
        "b": X[:, 1],
    }
)


def test_wide_and_deep_columns():
    model = WideDeepClassifier(
        (8,),
        wide_features=["place", "n"],
        wide_crosses=[*combinations(["a", "place", "code", "b"], 2), ("place", "place")],
        wide_hash_buckets=3,  # fewer than codes, as many as places
        aux_loss_weight=0.1,
        **FAST,
    ).fit(MIXED, CLASSES)
    text = MIXED["place"].astype(object)
    rows = MIXED.assign(
        place=text.where(RNG.random(len(X)) < 0.8, None).where(RNG.random(len(X)) < 0.8, "new"),
        code=MIXED["code"].astype(int) + 1,
    )
    rows["place"] = rows["place"].astype(pd.CategoricalDtype(["u", "v", "w", "new"]))
    rows.loc[0, "place"] = "u"  # types are guessed from the first row
    rows["code"] = rows["code"].astype("category")
    assert model.hashed_crosses_[:, :, 1].tolist() == [[-1, 3], [3, 3], [3, -1]]
    assert_same(model, rows)
    assert_same(model, rows[["b", "place", "code", "n", "a"]][list(MIXED)])
    kernel, *_ = model._state._dense()[-1]
    kernel[1:5] = 0
    assert_same(model.prune(), rows)


def test_wide_and_deep_arrays():
    settings = {"wide_features": [0, 1], "wide_crosses": [(0, 1)]}
    for layers in ((8,), ()):
        model = WideDeepRegressor(layers, **settings, normalize_y=True, **FAST)
        assert_same(model.fit(X, np.column_stack([Y, -Y])), X)


# Keras networks


def several_inputs():
    numbers, code = (
        keras.Input((2,), name="numbers"),
        keras.Input((1,), name="code", dtype="int32"),
    )
    embedded = keras.layers.Flatten()(keras.layers.Embedding(5, 3)(code))
    joined = keras.layers.Concatenate()([numbers, embedded])
    hidden = keras.layers.Dense(8, activation="selu", kernel_regularizer="l2")(joined)
    hidden = keras.layers.Add()([hidden, keras.layers.Dense(8)(hidden)])
    return keras.Model([numbers, code], keras.layers.Dense(2)(hidden))


def several_outputs():
    rows = keras.Input((4,))
    hidden = keras.layers.Dense(8, activation="relu")(keras.layers.Rescaling(2.0, 1.0)(rows))
    return keras.Model(
        rows,
        [
            keras.layers.Dense(1, activation="sigmoid", name="two")(hidden),
            keras.layers.Dense(3, activation="softmax", name="three")(hidden),
        ],
    )


def test_keras_network_of_known_layers():
    def build(meta):
        return keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Normalization(),
                keras.layers.Dense(8, activation="gelu"),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.1),
                keras.layers.Dense(meta["n_classes_"], activation="softmax"),
            ]
        )

    model = KerasClassifier(build, **FAST).fit(X, CLASSES)
    assert_same(model, X)
    _, scores = outputs(model, X, zipmap=False, raw_scores=True)
    np.testing.assert_allclose(scores, model.decision_function(X), atol=1e-5)
    pair = KerasClassifier(build, **FAST).fit(X, CLASSES[0] == CLASSES)
    _, scores = outputs(pair, X, zipmap=False, raw_scores=True)
    np.testing.assert_allclose(scores[:, 1], pair.decision_function(X), atol=1e-5)
    assert_same(CalibratedClassifierCV(pair, cv=2).fit(X, CLASSES[0] == CLASSES), X)
    model.y_type_, model._is_one_hot = "multilabel-indicator", True
    assert_same(model, X)


def test_keras_network_of_several_inputs():
    rows = np.column_stack([X[:, :2], RNG.integers(0, 5, len(X)), X[:, 3]]).astype(np.float32)
    targets = np.column_stack([Y, -Y])
    by_position = {"numbers": [0, 3], "code": [2]}
    model = KerasRegressor(several_inputs, inputs=by_position, **FAST).fit(rows, targets)
    assert_same(model, rows)
    frame = pd.DataFrame(rows, columns=list("abcd"))
    by_name = {"numbers": ["a", "d"], "code": ["c"]}
    model = KerasRegressor(several_inputs, inputs=by_name, **FAST).fit(frame, targets)
    assert_same(model, frame)
    with pytest.raises(ValueError, match=r"'X' must have 4 columns, as in the fit"):
        outputs(model, frame[["a", "b", "d"]])


@pytest.mark.parametrize("is_text", [False, True])
def test_keras_network_of_several_outputs(is_text):
    y = np.column_stack([CLASSES > 1, CLASSES + 5]).astype(int)
    if is_text:
        y = np.column_stack([np.array(["no", "perhaps"])[y[:, 0]], y[:, 1].astype(str)])
    model = KerasClassifier(several_outputs, **FAST).fit(X, y)
    label, probabilities = outputs(model, X, zipmap=False)
    np.testing.assert_array_equal(label, model.predict(X))
    for found, expected in zip(probabilities, model.predict_proba(X), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def convolutions():
    return keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            keras.layers.Conv2D(3, 2, padding="same", name="pixels"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
    )


def test_keras_layers_that_are_not_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    rows = X.reshape(-1, 2, 2, 1)
    model = KerasRegressor(convolutions, **FAST).fit(rows, Y)
    message = r"'model' .* KerasRegressor; got the layer 'pixels' .* Conv2D .*; install tf2onnx"
    with pytest.raises(ValueError, match=message):
        outputs(model, rows)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of tf2onnx
def test_any_keras_network_through_its_exporter():
    pytest.importorskip("tf2onnx", reason="tf2onnx is not installed")
    rows = X.reshape(-1, 2, 2, 1)
    assert_same(KerasRegressor(convolutions, **FAST).fit(rows, Y), rows)

    def recurrent():
        return keras.Sequential(
            [keras.Input((4, 1)), keras.layers.LSTM(2, name="memory"), keras.layers.Dense(1)]
        )

    rows = X[:, :, None]
    model = KerasRegressor(recurrent, **FAST).fit(rows, Y)
    with pytest.raises(ValueError, match=r"got the layer 'memory' .* nodes of the types LSTM"):
        outputs(model, rows)


# Refusals, and without the packages


def test_refusals():
    model = drawn(MLPRegressor((8,), activation=keras.ops.swapaxes))
    with pytest.raises(
        ValueError, match=r"got the function swapaxes as an activation; choose one by name"
    ):
        outputs(model, X)
    model = drawn(MLPRegressor((8,)))
    with pytest.raises(ValueError, match=r"'target_opset' must be at least 13, .* 12; raise"):
        skl2onnx.to_onnx(model, X[:1], target_opset=12)
    with pytest.raises(ValueError, match=r"'X' must have 4 columns, .*; got 3 .*; declare one"):
        outputs(model, X[:, :3])
    with pytest.raises(
        ValueError, match=r"'X' must hold numbers; got text in the input 'place'"
    ):
        outputs(model, FRAME[["a", "b", "c", "place"]])


def test_without_skl2onnx(monkeypatch):
    monkeypatch.delitem(sys.modules, "skmlp.onnx")
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match="install skmlp with its extra 'onnx'"):
        importlib.import_module("skmlp.onnx")


def blocking(*names):
    """Code that makes imports of these packages fail."""
    return (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] in {names!r}:\n"
        "            raise ImportError(f'{name} is blocked')\n"
        "sys.meta_path.insert(0, Blocked())\n"
    )


def test_a_file_runs_without_the_packages_it_came_from(tmp_path):
    model = make_pipeline(StandardScaler(), drawn(MLPRegressor((8,)))).set_params()
    model.steps[0][1].fit(X)
    (tmp_path / "model.onnx").write_bytes(skl2onnx.to_onnx(model, X[:1]).SerializeToString())
    np.save(tmp_path / "rows.npy", X)
    script = blocking("tensorflow", "keras", "sklearn", "skmlp", "scipy", "skl2onnx") + (
        "import numpy, onnxruntime\n"
        "session = onnxruntime.InferenceSession('model.onnx')\n"
        "(found,) = session.run(None, {'X': numpy.load('rows.npy')})\n"
        "numpy.save('found.npy', found)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    found = np.load(tmp_path / "found.npy")
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-5, atol=1e-5)


def test_listing_attributes_builds_no_keras_model(monkeypatch):
    """skl2onnx lists them, and takes their values, to find estimators inside."""
    model = drawn(MLPRegressor((8,)))
    monkeypatch.setattr(type(model), "model_", property(lambda _: 1 / 0))
    assert {"coefs_", "predict"} <= set(dir(model))
    skl2onnx.to_onnx(model, X[:1], options={})


def test_registration_is_complete():
    for name in skmlp.__all__:
        estimator = getattr(skmlp, name)
        if hasattr(estimator, "fit"):
            assert skl2onnx.get_model_alias(estimator) == f"Skmlp{name}"


@pytest.mark.skipif(not importlib.util.find_spec("tf2onnx"), reason="needs tf2onnx")
def test_normalization_beside_layers_that_keras_exports():
    def build():
        return keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Normalization(),
                keras.layers.Reshape((4, 1)),
                keras.layers.Conv1D(2, 2),
                keras.layers.Flatten(),
                keras.layers.Dense(1),
            ]
        )

    assert_same(KerasRegressor(build, **FAST).fit(X, Y), X)


@pytest.mark.skipif(not importlib.util.find_spec("tf2onnx"), reason="needs tf2onnx")
def test_layers_used_twice():
    def build():
        inputs, dense = keras.Input((4,)), keras.layers.Dense(4, "tanh")
        return keras.Model(inputs, keras.layers.Dense(1)(dense(dense(inputs))))

    assert_same(KerasRegressor(build, **FAST).fit(X, Y), X)
