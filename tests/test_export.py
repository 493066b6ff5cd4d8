"""Pipelines as Keras models: the same predictions, in every format."""

import json
import subprocess
import sys
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_transformer,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

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
    to_keras,
)
from skmlp._data.tables import TableEncoder
from skmlp._export import invertible, scalers

N_ROWS = 1000
SMALL = {"hidden_layer_sizes": (8,), "epochs": 1, "batch_size": 32, "random_state": 0}
TABULAR = {
    "n_estimators": 2,
    "hidden_layer_sizes": (8,),
    "epochs": 1,
    "random_state": 0,
}
pytestmark = pytest.mark.filterwarnings(
    "ignore:Found unknown categories:UserWarning",  # of the encoders
)


def table(seed, is_new=False):
    """Rows of numbers, texts and booleans, some missing; new ones have unknown categories."""
    rng = np.random.default_rng(seed)
    towns, sizes = ["Bern", "Köln", "Oslo"], [1.0, 2.0, 5.0]
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 10, N_ROWS),
            "paid in": rng.normal(1e5, 3e4, N_ROWS),
            "gain": np.where(
                rng.random(N_ROWS) < 0.7, 0, rng.choice([k**3 for k in range(50)], N_ROWS)
            ),
            "town": rng.choice(towns + ["Rom"] * is_new, N_ROWS),
            "kind": rng.choice(["new", "old"], N_ROWS),
            "size": rng.choice(sizes + [9.0] * is_new, N_ROWS),
            "street": rng.choice([f"street {i}" for i in range(50)], N_ROWS),
            "flag": rng.random(N_ROWS) > 0.5,
        }
    )
    for i, name in enumerate(["age", "town", "kind", "size"]):
        X.loc[rng.random(N_ROWS) < 0.02 * (i + 1), name] = np.nan
    return X


@pytest.fixture(scope="module")
def rows():
    """Training rows and new ones, with targets: (X, new, y, labels)."""
    X = table(0)
    y = X["age"].fillna(40).to_numpy() / 10 + 2 * (X["town"] == "Bern").to_numpy()
    return X, table(1, is_new=True), y, np.digitize(y, [4, 5.5])


def inputs_of(model, X):
    """Rows as the model takes them."""
    if not isinstance(model.input, dict):
        return X.to_numpy(np.float32) if isinstance(X, pd.DataFrame) else X
    if isinstance(X, np.ndarray):
        X = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    names = {name.replace(" ", "_"): name for name in X}
    return {
        name: X[names[name]].astype(object).fillna("").to_numpy(object)
        if tensor.dtype == "string"
        else X[names[name]].to_numpy(np.float32)
        for name, tensor in model.input.items()
    }


def wanted_of(estimator, X):
    """Predictions of the model, a list of arrays."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = getattr(estimator, "predict_proba", estimator.predict)(X)
    return wanted if isinstance(wanted, list) else [wanted]


def call(model, inputs):
    """Outputs of the model, which cost less than those of its `predict`, a list of arrays."""
    made = model(keras.tree.map_structure(tf.constant, inputs))
    return [one.numpy() for one in (made if isinstance(made, list) else [made])]


def predict(model, inputs):
    made = model.predict(inputs, verbose=0, batch_size=N_ROWS)
    return made if isinstance(made, list) else [made]


def assert_same(made, wanted):
    for one, other in zip(made, wanted, strict=True):
        other = other.reshape(len(other), *one.shape[1:])
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * max(1, np.ptp(other)))


def assert_predicts(estimator, X, directory=None):
    """Compare the model, and its file where a directory is given; return the model."""
    model = to_keras(estimator)
    inputs, wanted = inputs_of(model, X), wanted_of(estimator, X)
    assert_same(call(model, inputs), wanted)
    if directory is not None:
        model.save(directory / "model.keras")
        loaded = keras.models.load_model(directory / "model.keras")
        assert_same(predict(loaded, inputs), wanted)
    return model


def columns():
    """Preparation of the table, with each kind of step."""
    return ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
                ["age", "paid in"],
            ),
            ("gain", FunctionTransformer(np.log1p), ["gain"]),
            (
                "texts",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent"),
                    OneHotEncoder(handle_unknown="ignore", drop="if_binary"),
                ),
                slice("town", "kind"),
            ),
            (
                "street",
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20),
                ["street"],
            ),
            ("size", sizes(), ["size"]),
        ],
        remainder="passthrough",
    )


def sizes():
    return OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    )


def logits(meta, n_units=8):
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(n_units, activation="tanh"),
            keras.layers.Dense(meta["n_classes_"]),
        ]
    )


FROM_LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(scope="module")
def numeric(rows):
    """A pipeline of numbers with missing values, new rows and their targets."""
    X, new, y, _ = rows
    names = ["age", "gain", "size"]
    network = TabularRegressor(**TABULAR)
    pipeline = make_pipeline(SimpleImputer(add_indicator=True), RobustScaler(), network)
    pipeline.fit(X[names].to_numpy(), y)
    new = new[names].to_numpy(np.float32)
    return pipeline, new, pipeline.predict(new)


@pytest.fixture(scope="module")
def mixed(rows):
    X, _, _, labels = rows
    return make_pipeline(columns(), MLPClassifier(**SMALL)).fit(X, labels)


class TestEstimators:
    """Each estimator, alone or in a pipeline, as a model and as a file."""

    def test_columns_of_all_kinds(self, rows, mixed, tmp_path):
        model = assert_predicts(mixed, rows[1], tmp_path)
        kinds = {name: tensor.dtype for name, tensor in model.input.items()}
        texts = dict.fromkeys(["town", "kind", "street"], "string")
        names = ["age", "paid_in", "gain", "town", "kind", "size", "street", "flag"]
        assert kinds == {name: texts.get(name, "float32") for name in names}
        search = GridSearchCV(mixed, {})
        search.best_estimator_ = mixed
        assert to_keras(search).input.keys() == kinds.keys()

    def test_tables(self, rows, tmp_path):
        X, new, _, labels = rows
        X, new = (one.assign(old=one["kind"].where(one["kind"] == "old")) for one in (X, new))
        assert_predicts(TabularClassifier(**TABULAR).fit(X, labels), new, tmp_path)

    def test_a_category_named_as_keras_names_unknown_ones(self, rows, tmp_path):
        X, new, y, _ = rows
        names = {"Bern": "[UNK]", "Basel": "[[UNK]]"}
        X, new = (one[["age", "town"]].fillna({"age": 40}) for one in (X, new))
        X, new = (one.assign(town=one["town"].replace(names)) for one in (X, new))
        assert (new["town"] == "[UNK]").any()
        encoder = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["town"]), remainder="passthrough"
        )
        assert_predicts(make_pipeline(encoder, MLPRegressor(**SMALL)).fit(X, y), new, tmp_path)

    @pytest.mark.slow
    def test_quantiles_and_several_targets_of_tables(self, rows):
        X, new, y, _ = rows
        quantiles = TabularRegressor(**TABULAR, loss="quantile", quantiles=[0.1, 0.4, 0.9])
        assert_predicts(quantiles.fit(X, y), new)
        means = TabularRegressor(**TABULAR).fit(X, np.column_stack([y, 1e4 * y]))
        assert_predicts(make_pipeline("passthrough", means), new)

    def test_wide_and_deep(self, rows, tmp_path):
        X, new, y, labels = rows
        names = ["age", "town", "street"]
        X, new = X[names].fillna({"age": 40}), new[names].fillna({"age": 40})
        kinds = dict.fromkeys(["town", "street"], "category")
        X, new = X.astype(kinds), new.astype(kinds)
        crossed = WideDeepClassifier(
            **SMALL,
            wide_features=["town", "age"],
            wide_crosses=[("town", "street"), ("age", "town"), ("street", "age")],
            wide_hash_buckets=10,  # fewer than streets
            aux_loss_weight=0.2,
        )
        assert_predicts(crossed.fit(X, labels), new, tmp_path)
        kernel, *_ = crossed._state._dense()[-1]
        kernel[1:5] = 0
        assert_predicts(crossed.prune(), new)
        numbers = X[["age"]].to_numpy()
        assert_predicts(WideDeepRegressor(**SMALL).fit(numbers, y), numbers)

    def test_targets_in_their_units(self, rows, tmp_path):
        X, _, y, _ = rows
        numbers = X[["gain", "paid in"]].to_numpy()
        scaled = make_pipeline(StandardScaler(), MLPRegressor(**SMALL, normalize_y=True))
        regressor = TransformedTargetRegressor(scaled, func=np.log1p, inverse_func=np.expm1)
        model = assert_predicts(regressor.fit(numbers, 100 * y), numbers, tmp_path)
        assert model.input_shape == (None, 2)
        assert np.isnan(predict(model, np.array([[np.nan, 1.0]]))).all()  # not refused
        for scaler in (StandardScaler(), MinMaxScaler((1, 3)), RobustScaler()):
            regressor.set_params(transformer=scaler, func=None, inverse_func=None)
            assert_predicts(regressor.fit(numbers, 100 * y), numbers)

    def test_classes_and_labels(self, rows):
        X, _, y, labels = rows
        numbers = X[["gain", "paid in"]].to_numpy()
        scaled = make_pipeline(StandardScaler(), MLPClassifier(**SMALL))
        assert_predicts(scaled.fit(numbers, y > 4), numbers)
        with pytest.warns(UserWarning, match="single class"):
            scaled.fit(numbers, labels > 5)
        assert_predicts(scaled, numbers)
        assert_predicts(scaled.fit(numbers, labels[:, None] > [0, 1]), numbers)

    def test_networks_of_users(self, rows, tmp_path):
        X, _, y, labels = rows
        numbers = X[["gain", "paid in"]].to_numpy()
        settings = {"epochs": 1, "batch_size": 32, "random_state": 0}
        raw = KerasClassifier(logits, loss=FROM_LOGITS, **settings)
        assert_predicts(make_pipeline(StandardScaler(), raw).fit(numbers, labels), numbers)

        inputs = [keras.Input((1, 2), name="left"), keras.Input((2,), name="right")]
        both = keras.layers.Concatenate()([keras.layers.Flatten()(inputs[0]), inputs[1]])
        outputs = [keras.layers.Dense(n, activation="softmax")(both) for n in (2, 3)]
        several = KerasClassifier(keras.Model(inputs, outputs), **settings)
        scaled = StandardScaler().fit_transform(numbers).astype(np.float32)
        given = {"left": scaled[:, None], "right": scaled}
        several.fit(given, np.column_stack([labels > 0, labels]))
        assert_same(predict(to_keras(several), given), several.predict_proba(given))

        linear = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        regressor = KerasRegressor(linear, **settings).fit(scaled, y)
        assert_predicts(regressor, scaled, tmp_path)

    def test_autoencoders(self, rows, tmp_path):
        X, _, _, labels = rows
        numbers = X[["gain", "paid in"]].to_numpy()
        codes = MLPAutoencoder((3,), epochs=1, tied_weights=True, random_state=0)
        scaled = make_pipeline(StandardScaler(), codes, MLPClassifier(**SMALL))
        scaled.fit(numbers, labels)
        assert_predicts(scaled, numbers)
        autoencoder, rows = scaled[1], scaled[0].transform(numbers)
        model = to_keras(autoencoder)
        assert_same(predict(model, rows), [autoencoder.reconstruct(rows)])

    def test_inputs_of_similar_names(self):
        names = ["a_b_2", "a b", "a-b", "kind"]
        X = pd.DataFrame(np.random.default_rng(0).normal(size=(N_ROWS, 4)), columns=names)
        X["kind"] = np.where(X["kind"] > 0, "new", "old")
        encoder = make_column_transformer(
            (OneHotEncoder(), ["kind"]), remainder=StandardScaler(), sparse_threshold=0
        )
        pipeline = make_pipeline(encoder, MLPRegressor(**SMALL)).fit(X, X["a b"])
        model = to_keras(pipeline)
        assert list(model.input) == ["a_b_2", "a_b", "a_b_3", "kind"]
        inputs = {
            name: X[column].to_numpy(object if column == "kind" else np.float32)[:, None]
            for name, column in zip(model.input, X, strict=True)
        }
        assert_same(call(model, inputs), wanted_of(pipeline, X))


def transform_by_keras(step, X):
    """The rows after the steps of a model, without a network."""
    from skmlp._export.columns import RawBlock, numbers
    from skmlp._export.pipeline import raw_names, transformed

    raw = RawBlock(raw_names(step))
    make = numbers(transformed(step, raw.columns(), ""), "test")
    made = make()
    model = keras.Model(raw.inputs, made)
    (output,) = call(model, inputs_of(model, X))
    return output


class TestSteps:
    """Each step alone, against its own `transform`."""

    @pytest.mark.parametrize(
        "step",
        [
            StandardScaler(),
            StandardScaler(with_mean=False),
            StandardScaler(with_std=False),
            MinMaxScaler((-1, 2), clip=True),
            MaxAbsScaler(),
            RobustScaler(),
            RobustScaler(with_centering=False),
            Normalizer(),
            Normalizer("l1"),
            Normalizer("max"),
            FunctionTransformer(),
            FunctionTransformer(np.square),
            VarianceThreshold(),
            SimpleImputer(),
            SimpleImputer(missing_values=7.0, strategy="constant", fill_value=-1),
            SimpleImputer(add_indicator=True, keep_empty_features=True),
            FeatureUnion([("a", StandardScaler()), ("b", "passthrough"), ("c", "drop")]),
            ColumnTransformer([("a", MinMaxScaler(), [True, False, True, False])]),
            ColumnTransformer([("a", MinMaxScaler(), [-1, 0])], remainder=StandardScaler()),
        ],
        ids=str,
    )
    def test_of_numbers(self, step):
        rng = np.random.default_rng(0)
        X = np.column_stack([rng.normal(size=99), rng.normal(50, 9, 99), np.full(99, 7.0)])
        X = np.column_stack([X, 1e-9 * X[:, 0]])
        X[0] = 0
        fitted = step.fit(X)
        if "Imputer" in str(step) and not isinstance(step.missing_values, float):
            X[:9, 1] = np.nan
        if isinstance(step, SimpleImputer):
            X[3:9, 1], X[9, 2] = step.missing_values, 3.0
            fitted = step.fit(X)
        wanted, made = fitted.transform(X), transform_by_keras(fitted, X)
        np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize("size", [1e-25, 1e-3, 1e25])
    def test_of_numbers_of_any_size(self, size):
        X = size * np.random.default_rng(0).normal(2, 1, size=(99, 2))
        scaler = StandardScaler().fit(X)
        made = transform_by_keras(scaler, X)
        np.testing.assert_allclose(made, scaler.transform(X), rtol=1e-5, atol=1e-5)

    def test_functions_are_those_that_count_as_known(self):
        assert set(scalers.FUNCTIONS) == set(invertible.FUNCTIONS)

    @pytest.mark.parametrize(
        "step",
        [
            OneHotEncoder(handle_unknown="ignore"),
            OneHotEncoder(handle_unknown="ignore", drop="first"),
            OneHotEncoder(handle_unknown="ignore", drop="if_binary"),
            OneHotEncoder(handle_unknown="infrequent_if_exist"),
            OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3),
            OneHotEncoder(
                handle_unknown="infrequent_if_exist", min_frequency=0.3, drop="first"
            ),
            OneHotEncoder(handle_unknown="ignore", min_frequency=0.3),
            sizes(),
            sizes().set_params(min_frequency=0.3),
            sizes().set_params(encoded_missing_value=np.nan),
        ],
        ids=str,
    )
    def test_of_categories(self, rows, step):
        """Of texts, numbers and booleans, where some are missing or unknown."""
        X, new, _, _ = rows
        names = ["town", "kind", "size", "flag"]
        fitted = step.fit(X[names])
        wanted, made = fitted.transform(new[names]), transform_by_keras(fitted, new[names])
        wanted = wanted.toarray() if hasattr(wanted, "toarray") else wanted
        np.testing.assert_array_equal(made, wanted)

    @pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=str)
    @pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
    def test_of_imputed_texts(self, rows, encoder, strategy):
        """Where an encoder refuses an unknown category, the model makes NaN."""
        X, new, _, _ = rows
        names = ["town", "kind"]
        imputer = SimpleImputer(strategy=strategy, fill_value="none")
        fitted = make_pipeline(imputer, encoder).fit(X[names])
        is_known = (new["town"] != "Rom").to_numpy()
        made = transform_by_keras(fitted, new[names])
        wanted = fitted.transform(new.loc[is_known, names])
        wanted = wanted.toarray() if hasattr(wanted, "toarray") else wanted
        np.testing.assert_array_equal(made[is_known], wanted)
        assert np.isnan(made[~is_known]).any(axis=1).all()

    def test_texts_of_arrays(self, rows):
        X, new, _, _ = rows
        names = ["town", "kind"]
        X, new = X[names].fillna("none").to_numpy(object), new[names].fillna("none")
        fitted = OneHotEncoder(handle_unknown="ignore").fit(X)
        new = new.to_numpy(object)
        wanted = fitted.transform(new).toarray()
        np.testing.assert_array_equal(transform_by_keras(fitted, new), wanted)


def tripled(X):
    return 3 * X


class TestRefusals:
    """One sentence with the step's place, before anything is built."""

    @pytest.fixture(autouse=True)
    def nothing_is_built(self, monkeypatch):
        def fail(*args, **kwargs):
            raise AssertionError("built")

        monkeypatch.setattr(keras, "Input", fail)

    @pytest.fixture
    def network(self, mixed):
        return mixed[-1]

    def refuse(self, network, steps, X, message):
        """`network` is fitted, on other columns than the steps make, which does not count."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipeline = make_pipeline(steps.fit(X), network)
        with pytest.raises(ValueError, match=message) as caught:
            to_keras(pipeline)
        assert str(caught.value).startswith("'estimator' must")

    @pytest.mark.parametrize(
        ("step", "message"),
        [
            (KNNImputer(), "got KNNImputer in step 'knnimputer'"),
            (
                make_column_transformer((make_pipeline(KBinsDiscretizer()), ["age"])),
                "KBinsDiscretizer in step 'columntransformer.pipeline.kbinsdiscretizer'",
            ),
            (FunctionTransformer(tripled), "tripled.* in FunctionTransformer"),
            (
                FeatureUnion([("a", MinMaxScaler())], transformer_weights={"a": 2}),
                "'transformer_weights'.* in FeatureUnion 'featureunion'",
            ),
        ],
    )
    def test_steps_of_numbers(self, network, rows, step, message):
        self.refuse(network, step, rows[0][["age", "paid in"]].fillna(0), message)

    @pytest.mark.parametrize(
        ("step", "message"),
        [
            (
                make_pipeline(SimpleImputer(missing_values="old", strategy="most_frequent")),
                "missing_values='old' in SimpleImputer 'pipeline.simpleimputer'",
            ),
            (
                ColumnTransformer(
                    [("a", OneHotEncoder(), ["kind"]), ("b", "passthrough", ["kind"])]
                ),
                "column 'kind' as text",
            ),
        ],
    )
    def test_texts(self, network, rows, step, message):
        self.refuse(network, step, rows[0][["kind"]].fillna("none"), message)

    def test_empty_and_mixed_categories(self, network, rows):
        X = rows[0][["kind"]].fillna("")
        self.refuse(network, OneHotEncoder(), X, "the empty text as a category.*OneHotEncoder")
        X = pd.DataFrame({"a": [0.1, 0.1 + 1e-12, 3]})
        self.refuse(network, OneHotEncoder(), X, "that differ in single precision")

    def test_last_steps(self, rows):
        numbers = rows[0][["gain"]]
        other = make_pipeline(StandardScaler(), LogisticRegression(max_iter=9))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other.fit(numbers, rows[3])
        with pytest.raises(ValueError, match="got LogisticRegression in step 'logisticreg"):
            to_keras(other)
        with pytest.raises(ValueError, match="got LogisticRegression; replace it"):
            to_keras(other[-1])
        with pytest.raises(NotFittedError):
            to_keras(MLPClassifier())

    def test_dates(self):
        X = pd.DataFrame({"when": pd.date_range("2026-01-01", periods=60)})
        fitted = TabularRegressor()
        fitted._encoder, fitted._members = TableEncoder.learn(X), ()
        fitted.n_features_in_ = 1
        with pytest.raises(ValueError, match=r"got dates in column 0 of TabularRegressor"):
            to_keras(fitted)


class TestFormats:
    """Files of other programs."""

    def test_saved_models(self, rows, mixed, tmp_path):
        new = rows[1]
        model = to_keras(mixed)
        model.export(tmp_path / "saved")
        served = tf.saved_model.load(tmp_path / "saved").signatures["serving_default"]
        inputs = {name: tf.constant(of[:, None]) for name, of in inputs_of(model, new).items()}
        assert_same([one.numpy() for one in served(**inputs).values()], wanted_of(mixed, new))

    @pytest.mark.filterwarnings("ignore")  # of TensorFlow about its converter
    def test_litert(self, numeric, by_litert):
        pipeline, new, wanted = numeric
        assert_same([by_litert(to_keras(pipeline), new)], [wanted])

    def test_keras_files_where_skmlp_is_not_installed(self, rows, mixed, tmp_path):
        model = to_keras(mixed)
        model.save(tmp_path / "model.keras")
        inputs = inputs_of(model, rows[1])
        (tmp_path / "inputs.json").write_text(
            json.dumps({name: values.tolist() for name, values in inputs.items()})
        )
        script = (
            "import json, sys\n"
            "sys.modules.update(skmlp=None, sklearn=None)\n"
            "import keras, numpy as np\n"
            "model = keras.models.load_model('model.keras')\n"
            "rows = json.load(open('inputs.json'))\n"
            "rows = {k: np.array(v, object if type(v[0]) is str else float) "
            "for k, v in rows.items()}\n"
            "np.save('made.npy', model.predict(rows, verbose=0))\n"
        )
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
        assert_same([np.load(tmp_path / "made.npy")], wanted_of(mixed, rows[1]))


def test_a_network_of_several_inputs_takes_the_columns_of_fit():
    def build():
        a, b = keras.Input((2,), name="a"), keras.Input((1,), name="b")
        hidden = keras.layers.Dense(3, activation="tanh")(a)
        return keras.Model(
            [a, b], keras.layers.Dense(1)(keras.layers.Concatenate()([hidden, b]))
        )

    rows = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    frame = pd.DataFrame(rows, columns=list("wxyz"))
    network = KerasRegressor(build, inputs={"b": ["z"], "a": ["y", "w"]}, epochs=2)
    for model in (
        network,
        make_pipeline(StandardScaler().set_output(transform="pandas"), network),
    ):
        model.fit(frame, rows[:, 0])
        predicted = to_keras(model).predict(rows, verbose=0)[:, 0]
        np.testing.assert_allclose(predicted, model.predict(frame), rtol=1e-4, atol=1e-5)
