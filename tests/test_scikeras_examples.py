"""What scikeras's documentation and chapter 10 of Géron's "Hands-On Machine Learning" show."""

import pickle
import random

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, issparse
from scipy.stats import reciprocal
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification, make_friedman1
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmlp import KerasClassifier, KerasRegressor

X, Y_BINARY = make_classification(200, 4, n_informative=3, n_redundant=0, random_state=0)
Y = X[:, 0] + np.sin(2 * X[:, 1])
COMMON = {"batch_size": 32, "learning_rate": 0.02, "random_state": 0}


def build_classifier(hidden_layer_sizes, meta, compile_kwargs):
    """A perceptron whose outputs, and loss, follow from the labels."""
    model = keras.Sequential([keras.Input((meta["n_features_in_"],))])
    for units in hidden_layer_sizes:
        model.add(keras.layers.Dense(units, activation="relu"))
    if meta["target_type_"] == "binary":
        model.add(keras.layers.Dense(1, activation="sigmoid"))
        loss = "binary_crossentropy"
    else:
        model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
        loss = "sparse_categorical_crossentropy"
    model.compile(compile_kwargs["optimizer"], loss)
    return model


def build_regressor(meta, hidden_layer_sizes=(16,), dropout=0.0):
    """A perceptron that is left to the estimator to compile."""
    model = keras.Sequential([keras.Input((meta["n_features_in_"],))])
    for units in hidden_layer_sizes:
        model.add(keras.layers.Dense(units, activation="relu"))
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(meta["n_outputs_"]))
    return model


CLASSIFIER = KerasClassifier(
    build_classifier, hidden_layer_sizes=(16,), optimizer="adam", epochs=20, **COMMON
)
REGRESSOR = KerasRegressor(build_regressor, loss="mse", epochs=20, **COMMON)


@pytest.fixture(scope="module")
def regressor():
    return clone(REGRESSOR).fit(X, Y)


def same_predictions(one, other, rows=X):
    return np.array_equal(one.predict(rows), other.predict(rows))


# Perceptrons


def test_two_classes():
    classifier = clone(CLASSIFIER).fit(X, Y_BINARY)
    assert classifier.score(X, Y_BINARY) > 0.85
    assert classifier.predict_proba(X).shape == (200, 2)
    assert classifier.model_.predict(X, verbose=0).shape == (200, 1)
    assert len(classifier.history_["loss"]) == 20


def test_many_classes_with_names(iris):
    rows, index = iris
    labels = np.array(["setosa", "versicolor", "virginica"])[index]
    classifier = clone(CLASSIFIER).fit(rows, labels)
    assert classifier.score(rows, labels) > 0.93
    assert set(classifier.predict(rows)) == set(labels)
    assert classifier.model_.output_shape == (None, 3)


def test_regression(regressor):
    assert regressor.predict(X).shape == (200,)
    assert regressor.score(X, Y) > 0.8
    mse = regressor.model_.evaluate(X, Y, verbose=0)
    assert mse == pytest.approx(mean_squared_error(Y, regressor.predict(X)), rel=1e-4)


def test_many_hidden_layers_beside_none():
    deep = clone(REGRESSOR).set_params(hidden_layer_sizes=(8, 4), epochs=1).fit(X, Y)
    assert [kernel.shape for kernel in deep.coefs_] == [(4, 8), (8, 4), (4, 1)]
    linear = deep.set_params(hidden_layer_sizes=()).fit(X, Y)
    assert [kernel.shape for kernel in linear.coefs_] == [(4, 1)]


class Perceptron(KerasRegressor):
    """An estimator that brings its function along."""

    def __init__(self, model=build_regressor, **others):
        super().__init__(model, **others)


def test_subclass_with_a_function_of_its_own(regressor):
    settings = {"loss": "mse", "epochs": 20, "hidden_layer_sizes": (16,), **COMMON}
    perceptron = clone(Perceptron(**settings))
    assert same_predictions(perceptron.fit(X, Y), regressor)
    assert "model=" not in repr(clone(perceptron))


def test_what_meta_holds(iris):
    seen = []

    def build(meta):
        seen.append(meta)
        outputs = meta.get("n_classes_", meta["n_outputs_"])
        activation = "softmax" if "classes_" in meta else "linear"
        return keras.Sequential(
            [keras.Input(meta["X_shape_"][1:]), keras.layers.Dense(outputs, activation)]
        )

    frame = pd.DataFrame(X, columns=list("abcd"))
    KerasRegressor(build, epochs=1).fit(frame, np.c_[Y, 2 * Y, Y])
    rows, index = iris
    KerasClassifier(build, epochs=1).fit(rows, index + 5)
    of_regressor, of_classifier = seen
    assert (of_regressor["n_features_in_"], of_regressor["X_shape_"]) == (4, (200, 4))
    assert of_regressor["feature_names_in_"].tolist() == list("abcd")
    assert of_regressor["target_type_"] == "continuous-multioutput"
    assert of_regressor["n_outputs_"] == of_regressor["n_outputs_expected_"] == 3
    assert of_classifier["classes_"].tolist() == [5, 6, 7]
    assert (of_classifier["target_type_"], of_classifier["n_classes_"]) == ("multiclass", 3)
    assert of_classifier["n_outputs_expected_"] == 1


# Inputs, outputs and targets


def build_two_inputs():
    left, right = keras.Input((1,), name="left"), keras.Input((3,), name="right")
    hidden = [
        keras.layers.Dense(8, activation="relu")(left),
        keras.layers.Dense(8, activation="relu")(right),
    ]
    output = keras.layers.Dense(1)(keras.layers.Concatenate()(hidden))
    model = keras.Model([left, right], output)
    model.compile(loss="mse")
    return model


def test_several_inputs():
    in_order = KerasRegressor(build_two_inputs, epochs=20, **COMMON).fit(X, Y)
    assert in_order.score(X, Y) > 0.8
    assert isinstance(in_order.model_.optimizer, keras.optimizers.RMSprop)  # Keras's default

    arrays = [X[:, :1], X[:, 1:]]
    from_list = clone(in_order).fit(arrays, Y)
    assert np.array_equal(from_list.predict(arrays), in_order.predict(X))
    named = {"left": X[:, :1], "right": X[:, 1:]}
    from_dict = clone(in_order).fit(named, Y)
    assert np.array_equal(from_dict.predict(named), in_order.predict(X))

    frame = pd.DataFrame(X, columns=list("abcd"))[["c", "d", "a", "b"]]
    inputs = {"right": ["b", "c", "d"], "left": ["a"]}
    by_name = clone(in_order).set_params(inputs=inputs).fit(frame, Y)
    assert np.allclose(by_name.predict(frame), in_order.predict(X), atol=1e-5)
    scores = cross_val_score(by_name, frame, Y, cv=2)
    assert (scores > 0.5).all()


def build_two_outputs(losses=None, measures=None):
    rows = keras.Input((4,))
    hidden = keras.layers.Dense(16, activation="relu")(rows)
    outputs = [keras.layers.Dense(1, name=name)(hidden) for name in ("whole", "half")]
    model = keras.Model(rows, outputs)
    if losses:
        model.compile("adam", losses, loss_weights=[1, 0.1], metrics=measures)
    return model


def test_several_outputs_with_one_loss():
    both = np.c_[Y, Y / 2]
    regressor = KerasRegressor(build_two_outputs, loss="mse", epochs=20, **COMMON).fit(X, both)
    assert regressor.predict(X).shape == (200, 2)
    assert regressor.score(X, both) > 0.7
    first, second = regressor.model_.predict(X, verbose=0)
    assert np.allclose(np.hstack([first, second]), regressor.predict(X), atol=1e-5)


def test_several_outputs_with_losses_and_weights():
    measures = {"whole": ["mae", keras.metrics.MeanSquaredError(name="square")]}
    regressor = KerasRegressor(
        build_two_outputs, losses=["mse", "mae"], measures=measures, epochs=20, **COMMON
    )
    targets = [Y, Y / 2]
    whole, half = regressor.fit(X, targets, validation_data=(X, targets)).predict(X).T
    losses = np.mean((whole - Y) ** 2), np.mean(np.abs(half - Y / 2))
    assert losses[0] + 0.1 * losses[1] < 0.5 * regressor.history_["loss"][0]
    measured = regressor.model_.evaluate(X, targets, 200, verbose=0, return_dict=True)
    assert measured["whole_loss"] == pytest.approx(losses[0], rel=1e-4)
    assert measured["half_loss"] == pytest.approx(losses[1], rel=1e-4)
    kept = np.argmax(regressor.validation_scores_)
    assert regressor.history_.keys() == {
        *measured,
        *(f"val_{name}" for name in measured),
        "learning_rate",
    }
    for name, value in measured.items():
        assert regressor.history_[f"val_{name}"][kept] == pytest.approx(value, rel=1e-4)


def test_class_numbers_and_one_hot_names_of_the_loss_mean_the_same(iris):
    def build(meta):
        return keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(meta["n_classes_"], activation="softmax")]
        )

    rows, index = iris
    numbers = KerasClassifier(build, loss="sparse_categorical_crossentropy", epochs=5, **COMMON)
    one_hot = clone(numbers).set_params(loss="categorical_crossentropy")
    assert np.allclose(
        numbers.fit(rows, index).predict_proba(rows),
        one_hot.fit(rows, index).predict_proba(rows),
        atol=1e-5,
    )


def test_several_labels_dense_and_sparse(multilabel):
    def build(meta):
        layers = [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(meta["n_outputs_"], activation="sigmoid"),
        ]
        return keras.Sequential(layers)

    rows, labels = multilabel
    classifier = KerasClassifier(build, loss="binary_crossentropy", epochs=20, **COMMON)
    dense = clone(classifier).fit(rows, labels).predict(rows)
    sparse = clone(classifier).fit(csr_array(rows), csr_array(labels)).predict(csr_array(rows))
    assert issparse(sparse)
    assert (sparse.toarray() == dense).all()
    assert (dense == labels).mean() > 0.8


def test_sparse_rows_from_an_encoder():
    category = np.arange(120)[:, None] % 4
    target = np.float64(category[:, 0] > 1)
    pipeline = make_pipeline(OneHotEncoder(), clone(REGRESSOR))
    assert pipeline.fit(category, target).score(category, target) > 0.95


def test_images_from_flat_rows():
    def build(meta):
        layers = [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
        return keras.Sequential(layers)

    rows, digits = load_digits(n_class=3, return_X_y=True)
    rows = rows / 16
    images = rows.reshape(-1, 8, 8, 1)
    classifier = KerasClassifier(build, epochs=3, **COMMON).fit(rows, digits)
    assert classifier.score(rows, digits) > 0.9
    of_images = clone(classifier).fit(images, digits)
    assert np.array_equal(of_images.predict_proba(images), classifier.predict_proba(rows))


def test_autoencoder():
    def build(meta, encoding_dim):
        n_features = meta["n_features_in_"]
        layers = [
            keras.Input((n_features,)),
            keras.layers.Dense(encoding_dim, activation="relu", name="code"),
            keras.layers.Dense(n_features, name="decoder"),
        ]
        return keras.Sequential(layers)

    encoder = KerasRegressor(build, encoding_dim=8, loss="mse", epochs=30, **COMMON).fit(X, X)
    codes = encoder.transform(X)
    assert codes.shape == (200, 8)
    restored = encoder.model_.get_layer("decoder")(np.float32(codes))
    assert np.allclose(restored, encoder.predict(X), atol=1e-4)
    assert encoder.score(X, X) > 0.7


# Training


def test_partial_fit_trains_one_epoch_a_call(iris):
    fitted = clone(REGRESSOR).set_params(epochs=3).fit(X, Y)
    in_parts = clone(REGRESSOR)
    for _ in range(3):
        in_parts.partial_fit(X, Y)
    assert np.allclose(in_parts.history_["loss"], fitted.history_["loss"], rtol=1e-5)

    rows, index = iris
    classifier = clone(CLASSIFIER).partial_fit(rows[:64], index[:64], classes=[0, 1, 2])
    assert len(classifier.partial_fit(rows[64:], index[64:]).history_["loss"]) == 2
    assert classifier.predict_proba(rows).shape == (150, 3)


def test_warm_start_continues():
    twice = clone(REGRESSOR).set_params(epochs=2, warm_start=True).fit(X, Y).fit(X, Y)
    at_once = clone(REGRESSOR).set_params(epochs=4).fit(X, Y)
    assert twice.history_["loss"] == at_once.history_["loss"]


class Tripled(keras.metrics.MeanAbsoluteError):
    """Three times the mean absolute error."""

    def result(self):
        return 3 * super().result()


def test_own_metrics():
    regressor = clone(REGRESSOR).set_params(metrics=[Tripled(name="tripled"), "mae", "r2"])
    history = regressor.fit(X, Y, validation_data=(X, Y), epochs=3).history_
    assert np.allclose(history["tripled"], 3 * np.array(history["mae"]))
    assert np.allclose(history["val_r2"], history["r2"])


class StopAbove(keras.callbacks.Callback):
    """Ends training once a measure is high enough."""

    def __init__(self, monitor, threshold):
        self.monitor, self.threshold = monitor, threshold

    def on_epoch_end(self, epoch, logs=None):
        if logs[self.monitor] > self.threshold:
            self.model.stop_training = True


def test_own_callback():
    classifier = clone(CLASSIFIER).set_params(
        metrics=["accuracy"],
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=np.inf,
    )
    whole = clone(classifier).fit(X, Y_BINARY).history_["val_accuracy"]
    callback = StopAbove("val_accuracy", 0.8)
    stopped = classifier.set_params(callbacks=[callback]).fit(X, Y_BINARY)
    assert len(whole) == 20
    assert stopped.history_["val_accuracy"] == whole[: np.argmax(np.array(whole) > 0.8) + 1]
    assert vars(callback) == {"monitor": "val_accuracy", "threshold": 0.8}


def squared(y_true, y_pred):
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


class Power(keras.losses.Loss):
    """Mean of a power of the errors."""

    def __init__(self, power=2, name="power", **others):
        super().__init__(name=name, **others)
        self.power = power

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** self.power, axis=-1)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@pytest.mark.parametrize("loss", [squared, Power(2)], ids=["function", "object"])
def test_own_loss(loss, regressor):
    def build_compiled(meta):
        model = build_regressor(meta)
        model.compile("adam", loss)
        return model

    given = clone(REGRESSOR).set_params(loss=loss).fit(X, Y)
    assert np.allclose(given.history_["loss"], regressor.history_["loss"], rtol=1e-4)
    compiled = clone(REGRESSOR).set_params(model=build_compiled, loss=None).fit(X, Y)
    assert np.allclose(compiled.history_["loss"], regressor.history_["loss"], rtol=1e-4)
    mse = mean_squared_error(Y, compiled.predict(X))
    assert compiled.model_.evaluate(X, Y[:, None], verbose=0) == pytest.approx(mse, rel=1e-4)


def test_an_own_loss_keeps_its_settings(regressor):
    other = clone(REGRESSOR).set_params(loss=Power(3)).fit(X, Y)
    assert not np.allclose(other.history_["loss"], regressor.history_["loss"], rtol=0.01)


def test_class_weight_counts():
    plain = clone(CLASSIFIER).fit(X, Y_BINARY)
    heavy = clone(CLASSIFIER).set_params(class_weight={0: 1, 1: 20}).fit(X, Y_BINARY)
    assert heavy.predict(X).mean() > plain.predict(X).mean()


# Searches, pipelines and copies


def test_grid_search_with_and_without_prefixes():
    sizes = [(2,), (16,)]
    short = GridSearchCV(clone(REGRESSOR), {"hidden_layer_sizes": sizes}, cv=2).fit(X, Y)
    routed = GridSearchCV(clone(REGRESSOR), {"model__hidden_layer_sizes": sizes}, cv=2)
    routed.fit(X, Y)
    assert routed.best_params_ == {"model__hidden_layer_sizes": (16,)}
    assert np.array_equal(
        routed.cv_results_["mean_test_score"], short.cv_results_["mean_test_score"]
    )
    assert routed.best_estimator_.hidden_layer_sizes == (16,)

    pipeline = Pipeline([("scale", StandardScaler()), ("net", clone(REGRESSOR))])
    grid = {"net__model__hidden_layer_sizes": sizes, "net__learning_rate": [1e-4, 0.03]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)
    assert search.best_params_["net__learning_rate"] == 0.03
    assert search.best_params_["net__model__hidden_layer_sizes"] == (16,)


def test_ensembles():
    bagging = BaggingClassifier(clone(CLASSIFIER), 3, random_state=0).fit(X, Y_BINARY)
    boosting = AdaBoostClassifier(clone(CLASSIFIER), n_estimators=3, random_state=0)
    boosting.fit(X, Y_BINARY)
    assert min(bagging.score(X, Y_BINARY), boosting.score(X, Y_BINARY)) > 0.85
    first, second = (
        estimator.model_.get_weights()[0] for estimator in boosting.estimators_[:2]
    )
    assert not np.allclose(first, second)


def test_pickles(regressor):
    copy = pickle.loads(pickle.dumps(regressor))
    assert same_predictions(copy, regressor)
    assert copy.get_params()["model"] is build_regressor
    pipeline = make_pipeline(StandardScaler(), clone(REGRESSOR)).fit(X, Y)
    assert same_predictions(pickle.loads(pickle.dumps(pipeline)), pipeline)


def test_keras_file(regressor, tmp_path):
    regressor.model_.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.allclose(loaded.predict(X, verbose=0)[:, 0], regressor.predict(X), atol=1e-5)
    before = loaded.get_weights()
    structure_only = KerasRegressor(loaded, epochs=1, random_state=0).fit(X, Y)
    assert structure_only.model_.count_params() == loaded.count_params()
    assert all(map(np.array_equal, before, loaded.get_weights()))


def test_clones(regressor):
    prefixed = KerasRegressor(build_regressor, model__dropout=0.5, epochs=1)
    assert prefixed.get_params()["dropout"] == clone(prefixed).dropout == 0.5
    assert prefixed.get_params()["hidden_layer_sizes"] == (16,)  # the function's default
    assert clone(prefixed.set_params(model__dropout=0.25)).dropout == 0.25
    assert clone(regressor).get_params() == regressor.get_params()
    assert same_predictions(clone(regressor).fit(X, Y), regressor)
    with pytest.raises(
        TypeError, match=r"^'units' is neither .* hidden_layer_sizes, dropout\.$"
    ):
        KerasRegressor(build_regressor, units=3)


def test_random_state():
    regressor = clone(REGRESSOR).set_params(dropout=0.3, epochs=2)
    np.random.seed(0)
    random.seed(0)
    states = np.random.get_state()[1].tolist(), random.getstate()
    first = clone(regressor).fit(X, Y)
    assert (np.random.get_state()[1].tolist(), random.getstate()) == states
    assert same_predictions(first, clone(regressor).fit(X, Y))
    assert not same_predictions(first, clone(regressor).set_params(random_state=1).fit(X, Y))


# Géron, "Hands-On Machine Learning", chapter 10


def build_model(n_hidden=1, n_neurons=30, learning_rate=3e-3, input_shape=[8]):  # noqa: B006
    model = keras.models.Sequential()
    model.add(keras.layers.InputLayer(shape=input_shape))
    for layer in range(n_hidden):  # noqa: B007
        model.add(keras.layers.Dense(n_neurons, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(learning_rate=learning_rate))
    return model


def test_wrapped_function():
    train, valid = (X[:150], Y[:150]), (X[150:], Y[150:])
    patience = keras.callbacks.EarlyStopping(patience=3)
    regressor = KerasRegressor(build_model, learning_rate=0.1, input_shape=[4])
    regressor.set_params(batch_size=16, random_state=0)
    regressor.fit(*train, epochs=100, validation_data=valid, callbacks=[patience])
    losses = regressor.history_["val_loss"]
    assert np.argmin(losses) == len(losses) - 4
    assert len(losses) < 100
    assert regressor.history_["learning_rate"][0] == pytest.approx(0.1)
    mse = regressor.model.evaluate(*valid, verbose=0)
    assert mse == pytest.approx(min(losses), rel=1e-4)


@pytest.fixture
def numpy_seed():
    """NumPy's global generator decides where no `random_state` is given."""
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


@pytest.mark.usefixtures("numpy_seed")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of few epochs
def test_randomized_search_over_the_arguments():
    """As it stands in the book, but for the data, and for less of everything."""
    X_train, y_train = make_friedman1(150, 8, random_state=0)
    X_valid, y_valid = make_friedman1(50, 8, random_state=1)
    param_distribs = {
        "n_hidden": [0, 1, 2, 3],
        "n_neurons": np.arange(1, 100),
        "learning_rate": reciprocal(3e-4, 3e-2),
    }
    search = RandomizedSearchCV(KerasRegressor(build_model), param_distribs, n_iter=3, cv=3)
    search.fit(
        X_train,
        y_train,
        epochs=2,
        validation_data=(X_valid, y_valid),
        callbacks=[keras.callbacks.EarlyStopping(patience=10)],
    )
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_params_
    model = search.best_estimator_.model
    assert isinstance(model, keras.Sequential)
    assert len(model.layers) == best["n_hidden"] + 1
    assert float(model.optimizer.learning_rate) == pytest.approx(best["learning_rate"])
    mse = model.evaluate(X_valid, y_valid, verbose=0)
    assert mse == pytest.approx(mean_squared_error(y_valid, search.predict(X_valid)), rel=1e-4)
