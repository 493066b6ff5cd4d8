"""KerasRegressor and KerasClassifier: a function's arguments as parameters, and the rest."""

import pickle
import random
import subprocess
import sys
import threading
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy import sparse
from scipy.special import logit
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmlp.model_selection
from skmlp import KerasClassifier, KerasRegressor, to_keras
from skmlp._engine.store import STORE
from skmlp._network.keras_network import WHOLE

DIABETES, PROGRESS = load_diabetes(return_X_y=True)
PROGRESS = PROGRESS / 100
IS_HIGH = np.column_stack([PROGRESS > 1.5, PROGRESS > 2]).astype(int)
IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]


def build(n_neurons=8, learning_rate=0.05, drop=0.0):
    model = keras.Sequential([keras.Input((10,)), layers.Dense(n_neurons, activation="relu")])
    if drop:
        model.add(layers.Dropout(drop))
    model.add(layers.Dense(1))
    model.compile(keras.optimizers.Adam(learning_rate), "mse", metrics=["mae"])
    return model


def residual(n_neurons=8, learning_rate=0.05):
    """Rows are standardised, and go around the hidden layer."""
    rows = keras.Input((10,))
    scaled = layers.Rescaling(0.5)(layers.Normalization()(rows))
    hidden = layers.Dense(10, activation="relu")(layers.Dense(n_neurons)(scaled))
    model = keras.Model(rows, layers.Dense(1)(layers.Add()([scaled, hidden])))
    model.compile(keras.optimizers.Adam(learning_rate), "mse")
    return model


def build_classifier(meta, compile_kwargs, n_neurons=8):
    """A function of scikeras's kind."""
    n_outputs = 1 if meta["n_classes_"] == 2 else meta["n_classes_"]
    if meta["target_type_"] == "multilabel-indicator":
        n_outputs = meta["n_outputs_"]
    activation = "softmax" if meta["target_type_"] == "multiclass" else "sigmoid"
    inputs = keras.Input(meta["X_shape_"][1:])
    hidden = layers.Dense(n_neurons, activation="relu")(inputs)
    model = keras.Model(inputs, layers.Dense(n_outputs, activation=activation)(hidden))
    model.compile(**compile_kwargs)
    return model


@keras.saving.register_keras_serializable("tests")
class OneLayer(keras.Model):
    def __init__(self, units=1, activation=None, **others):
        super().__init__(**others)
        self.units, self.activation = units, activation
        self.layer = layers.Dense(units, activation)

    def call(self, x):
        return self.layer(x)

    def get_config(self):
        own = {"units": self.units, "activation": self.activation}
        return {**super().get_config(), **own}


class OwnSequential(keras.Sequential):
    """A model whose configuration does not list its layers."""

    def __init__(self, units=1):
        super().__init__(
            [
                keras.Input((10,)),
                layers.Reshape((2, 5)),
                layers.Conv1D(3, 1),
                layers.Flatten(),
                layers.Dense(units, activation="sigmoid"),
            ]
        )
        self.units = units

    def get_config(self):
        return {"units": self.units}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(config["units"])


class Unable(keras.Model):
    def call(self, x):
        return x["left"]


def two_heads(losses):
    inputs = keras.Input((10,))
    heads = [layers.Dense(1, name=name)(inputs) for name in ("first", "second")]
    model = keras.Model(inputs, heads)
    model.compile("sgd", losses)
    return model


def linear(loss, metrics=None):
    model = keras.Sequential([keras.Input((10,)), layers.Dense(1)])
    model.compile("sgd", loss, metrics=metrics)
    return model


def convolutional(n_classes=2, drop=0.3):
    return keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.Dropout(drop),
            layers.Flatten(),
            layers.Dense(n_classes, activation="softmax"),
        ]
    )


IMAGES = np.random.default_rng(0).normal(size=(60, 4, 4)).astype(np.float32)
IS_BRIGHT = (IMAGES[:, :2].sum(axis=(1, 2)) > 0).astype(int)


@pytest.fixture(scope="module")
def regressor():
    fitted = KerasRegressor(build, epochs=30, batch_size=32, random_state=0)
    return fitted.fit(DIABETES, PROGRESS)


@pytest.fixture(scope="module")
def images_classifier():
    fitted = KerasClassifier(
        convolutional, epochs=30, batch_size=16, learning_rate=0.02, random_state=0
    )
    return fitted.fit(IMAGES, IS_BRIGHT)


class TestArguments:
    def test_are_parameters_with_the_functions_defaults(self):
        estimator = KerasRegressor(build, n_neurons=5)
        params = estimator.get_params()
        arguments = {name: params[name] for name in ("n_neurons", "learning_rate", "drop")}
        assert arguments == {"n_neurons": 5, "learning_rate": 0.05, "drop": 0.0}
        assert (estimator.n_neurons, estimator.drop) == (5, 0.0)
        copy = clone(estimator).set_params(drop=0.25, model__n_neurons=6)
        assert (copy.get_params()["drop"], copy.n_neurons) == (0.25, 6)
        assert estimator.get_params()["drop"] == 0.0
        assert "n_neurons=5" in repr(estimator)
        assert KerasRegressor(build, model__n_neurons=4).n_neurons == 4

    def test_that_were_not_given_are_those_of_the_next_function(self):
        def wider(n_neurons=20, learning_rate=0.03):
            return build(n_neurons, learning_rate)

        estimator = KerasRegressor(build, drop=0.5)
        copy = clone(estimator)
        assert copy.get_params() == estimator.get_params()
        assert copy.learning_rate is estimator.learning_rate is None
        params = copy.set_params(model=wider).get_params()
        assert (params["n_neurons"], params["learning_rate"]) == (20, 0.03)
        assert clone(copy).get_params() == params

    def test_reach_the_function(self, regressor):
        assert regressor.model_.count_params() == 8 * 10 + 8 + 8 + 1
        changed = clone(regressor).set_params(
            n_neurons=np.int64(3), learning_rate=0.01, epochs=1
        )
        changed.fit(DIABETES, PROGRESS)
        assert changed.model_.count_params() == 3 * 10 + 3 + 3 + 1
        assert changed.history_["learning_rate"] == pytest.approx([0.01])

    def test_unknown_ones_are_refused(self):
        with pytest.raises(TypeError, match="'depth' is neither a parameter of KerasRegressor"):
            KerasRegressor(build, depth=3)
        with pytest.raises(ValueError, match="arguments are n_neurons, learning_rate, drop"):
            KerasRegressor(build).set_params(units=3)

    def test_a_function_of_any_keyword(self):
        def of_any(**sizes):
            return build(**sizes)

        estimator = KerasRegressor(of_any, n_neurons=4)
        assert clone(estimator).get_params()["n_neurons"] == 4

    def test_meta_and_compile_kwargs(self):
        classifier = KerasClassifier(
            build_classifier, n_neurons=7, epochs=40, learning_rate=0.01
        )
        classifier.set_params(random_state=0, batch_size=32)
        assert classifier.fit(IRIS, NAMES).score(IRIS, NAMES) > 0.9
        assert classifier.model_.count_params() == 7 * 4 + 7 + 3 * 7 + 3
        labels = np.column_stack([SPECIES > 0, SPECIES > 1]).astype(int)
        assert clone(classifier).fit(IRIS, labels).predict(IRIS).shape == (150, 2)

    def test_shared_with_the_estimator_are_the_functions(self):
        def penalised(l2=0.5, epochs=3):
            kernel = keras.regularizers.L2(l2)
            model = keras.Sequential(
                [keras.Input((10,)), layers.Dense(1, kernel_regularizer=kernel)]
            )
            model.compile("adam", "mse")
            return model

        estimator = KerasRegressor(penalised, l2=0.0, epochs=1, random_state=0)
        assert estimator.get_params()["l2"] == 0.0
        assert KerasRegressor(penalised).get_params()["l2"] == 0.5
        assert KerasRegressor(penalised).get_params()["epochs"] == 200
        fitted = estimator.fit(DIABETES, PROGRESS)
        assert len(fitted.history_["loss"]) == 1
        assert fitted.model_.losses[0] == 0
        # The layer's penalty alone, not the estimator's too
        penalty = clone(fitted).set_params(l2=0.25).fit(DIABETES, PROGRESS)
        random.seed(penalty._state.training.seed)
        kernel = penalised(l2=0.25).get_weights()[0]
        first = np.square(PROGRESS - DIABETES @ kernel[:, 0]).mean() + 0.25 * (kernel**2).sum()
        assert penalty.history_["loss"][0] == pytest.approx(first, rel=0.02)

    def test_names_of_other_libraries(self):
        with pytest.raises(TypeError, match=r"'build_fn' is neither .*; use 'model'"):
            KerasRegressor(build_fn=build)
        with pytest.raises(TypeError, match=r"'patience' .*; use 'n_iter_no_change'"):
            KerasRegressor(build, patience=3)

    def test_a_subclass_with_fewer_parameters(self):
        class Narrow(KerasRegressor):
            def __init__(self, n_neurons=3, epochs=1, random_state=None):
                super().__init__(
                    build, n_neurons=n_neurons, epochs=epochs, random_state=random_state
                )

        assert clone(Narrow(n_neurons=4)).fit(DIABETES, PROGRESS).model_.layers[0].units == 4


class TestModel:
    def test_given_and_fitted(self, regressor):
        assert regressor.get_params()["model"] is build
        assert isinstance(regressor.model, keras.Model)
        assert KerasRegressor(build).model is build
        rows = DIABETES[:9]
        predicted = regressor.model.predict(rows, verbose=0)[:, 0]
        np.testing.assert_allclose(predicted, regressor.predict(rows), rtol=1e-5)
        loss, mae = regressor.model.evaluate(DIABETES, PROGRESS, verbose=0)
        assert mae == pytest.approx(
            np.abs(regressor.predict(DIABETES) - PROGRESS).mean(), rel=1e-5
        )
        assert regressor.history_["mae"][-1] == pytest.approx(mae, rel=1e-5)
        assert loss < regressor.history_["loss"][0]

    def test_a_layer_inside_with_the_name_of_the_last(self):
        """The activation of the last layer alone is left to the loss."""
        inner = keras.Sequential(
            [keras.Input((10,)), layers.Dense(4, activation="relu", name="out")]
        )
        last = layers.Dense(1, activation="sigmoid", name="out")
        model = keras.Sequential([keras.Input((10,)), inner, last])
        fitted = KerasRegressor(model, epochs=1, batch_size=64, random_state=0)
        predicted = fitted.fit(DIABETES, PROGRESS / 4).predict(DIABETES)
        of_keras = np.asarray(fitted.model_(DIABETES))[:, 0]
        np.testing.assert_allclose(predicted, of_keras, rtol=1e-5)

    def test_a_last_activation_that_cannot_be_taken_off(self):
        fitted = KerasRegressor(OwnSequential(), epochs=1, batch_size=64, random_state=0)
        predicted = fitted.fit(DIABETES, PROGRESS / 4).predict(DIABETES)
        of_keras = np.asarray(fitted.model_(DIABETES))[:, 0]
        np.testing.assert_allclose(predicted, of_keras, rtol=1e-5)

    @pytest.mark.parametrize("make", [OwnSequential, partial(OneLayer, activation="sigmoid")])
    @pytest.mark.parametrize("y", [PROGRESS > 1.5, IS_HIGH], ids=["classes", "labels"])
    def test_a_last_activation_that_is_hidden(self, make, y):
        """A cross-entropy by name is the one that fits y."""
        model = make(1 if y.ndim == 1 else 2)
        fitted = KerasClassifier(model, epochs=1, batch_size=64, random_state=0)
        fitted.fit(DIABETES, y)
        made = np.asarray(fitted.model_(DIABETES))
        predicted = fitted.predict_proba(DIABETES)
        np.testing.assert_allclose(predicted[:, -made.shape[1] :], made, rtol=1e-5)
        of_keras = float(keras.losses.BinaryCrossentropy()(y.reshape(made.shape), made))
        assert fitted.model_.evaluate(DIABETES, y, verbose=0) == pytest.approx(of_keras)
        assert fitted.history_["loss"][0] == pytest.approx(of_keras, rel=0.2)

    @pytest.mark.filterwarnings("ignore:.*does not represent logits:UserWarning")
    def test_a_hidden_activation_that_the_loss_applies_too(self):
        losses = [keras.losses.BinaryCrossentropy(from_logits=logits) for logits in (0, 1)]
        plain, doubled = (
            KerasClassifier(OwnSequential(), loss=loss, epochs=2, random_state=0).fit(
                DIABETES, PROGRESS > 1.5
            )
            for loss in losses
        )
        np.testing.assert_allclose(doubled.history_["loss"], plain.history_["loss"], rtol=1e-4)
        np.testing.assert_allclose(
            doubled.predict_proba(DIABETES), plain.predict_proba(DIABETES), rtol=1e-4
        )

    def test_an_uncompiled_model_that_ends_in_logits(self):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        fitted = KerasClassifier(model, loss=loss, epochs=2, batch_size=64, random_state=0)
        predicted = fitted.fit(IRIS, SPECIES).predict_proba(IRIS)
        of_keras = -np.log(predicted)[np.arange(len(IRIS)), SPECIES].mean()
        assert fitted.model_.evaluate(IRIS, SPECIES, verbose=0) == pytest.approx(of_keras)

    @pytest.mark.filterwarnings("ignore:.*does not represent logits:UserWarning")
    def test_a_last_activation_that_the_loss_applies_too(self):
        """Like Keras, which warns, it is applied once."""
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        fitted = KerasClassifier(model, loss=loss, epochs=2, batch_size=64, random_state=0)
        predicted = fitted.fit(IRIS, SPECIES).predict_proba(IRIS)
        np.testing.assert_allclose(predicted, fitted.model_(IRIS), rtol=1e-5)
        np.testing.assert_allclose(predicted, to_keras(fitted)(IRIS), rtol=1e-5)
        of_keras = np.log(predicted)[np.arange(len(IRIS)), SPECIES].mean()
        evaluated = fitted.model_.evaluate(IRIS, SPECIES, verbose=0)
        assert evaluated == pytest.approx(-of_keras, rel=1e-5)

    @pytest.mark.parametrize("is_compiled", [False, True])
    def test_has_the_penalties_of_the_estimator_beside_its_own(self, is_compiled, tmp_path):
        def recurrent():
            inner = keras.Sequential([layers.Dense(3, kernel_regularizer="l1")])
            both_ways = layers.Bidirectional(layers.GRU(2, unroll=True))
            model = keras.Sequential([keras.Input((10,)), layers.Reshape((5, 2))])
            for layer in (
                layers.TimeDistributed(layers.Dense(2)),
                both_ways,
                inner,
                layers.Dense(1),
            ):
                model.add(layer)
            if is_compiled:
                model.compile("sgd", "mse")
            return model

        fitted = KerasRegressor(recurrent, l1=0.1, l2=0.2, epochs=1, random_state=0)
        fitted.fit(DIABETES, PROGRESS)
        model = fitted.model_
        kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel"]
        expected = np.square(fitted.predict(DIABETES) - PROGRESS).mean()
        expected += sum(0.1 * np.abs(k).sum() + 0.2 * np.square(k).sum() for k in kernels)
        expected += 0.01 * np.abs(kernels[-2]).sum()  # Keras's default for "l1"
        assert len(kernels) == 5
        model.save(tmp_path / "model.keras")
        for one in (model, keras.saving.load_model(tmp_path / "model.keras")):
            assert one.evaluate(DIABETES, PROGRESS, verbose=0) == pytest.approx(expected)

    @pytest.mark.parametrize("dtype", ["float16", "mixed_float16"])
    def test_a_last_layer_of_low_precision(self, dtype):
        model = keras.Sequential(
            [keras.Input((10,)), layers.Dense(3), layers.Dense(1, dtype=dtype)]
        )
        fitted = KerasRegressor(model, learning_rate=0.05, epochs=20, random_state=0)
        predicted = fitted.fit(DIABETES, PROGRESS).predict(DIABETES)
        of_keras = np.asarray(fitted.model_(DIABETES))[:, 0]
        np.testing.assert_allclose(predicted, of_keras, rtol=0.01, atol=0.01)
        assert fitted.score(DIABETES, PROGRESS) > 0.4

    def test_channels_are_flattened_as_by_keras(self):
        model = keras.Sequential(
            [
                keras.Input((2, 5)),
                layers.Flatten(data_format="channels_first"),
                layers.Dense(1),
            ]
        )
        X = DIABETES.reshape(-1, 2, 5)
        fitted = KerasRegressor(model, epochs=1, batch_size=64, random_state=0)
        predicted = fitted.fit(X, PROGRESS).predict(X)
        of_keras = np.asarray(fitted.model_(X.astype(np.float32)))[:, 0]
        np.testing.assert_allclose(predicted, of_keras, rtol=1e-5, atol=1e-6)

    def test_listing_attributes_builds_no_model(self, regressor, monkeypatch):
        def build_none(*args, **kwargs):
            raise AssertionError

        monkeypatch.setattr("skmlp._estimators.exported.fitted_model", build_none)
        names = dir(regressor)
        assert {"model", "predict", "history_"} <= set(names)
        assert "model_" not in names

    def test_an_object_is_never_changed(self):
        given = build(n_neurons=4)
        before = given.get_weights()
        fitted = KerasRegressor(given, epochs=2, batch_size=32, random_state=0)
        fitted.fit(DIABETES, PROGRESS)
        for ours, old in zip(given.get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, old)
        assert not np.array_equal(fitted.model_.get_weights()[0], before[0])
        assert given.optimizer.iterations == 0

    @pytest.mark.parametrize("make", [OneLayer, lambda: keras.Sequential([layers.Dense(1)])])
    def test_an_object_that_is_not_built_stays_so(self, make):
        given = make()
        given.compile("sgd", keras.losses.Huber(delta=0.5))
        fitted = KerasRegressor(given, epochs=1, batch_size=32, random_state=0)
        fitted.fit(DIABETES, PROGRESS)
        assert not given.built
        outputs = fitted.model_(DIABETES)
        loss = float(keras.losses.Huber(delta=0.5)(PROGRESS[:, None], outputs))
        assert fitted.model_.evaluate(DIABETES, PROGRESS, verbose=0) == pytest.approx(loss)

    @pytest.mark.parametrize("rate", [1e-3, 0.02])
    def test_learning_rate_in_place_of_the_optimizers(self, rate):
        model = keras.Sequential([keras.Input((10,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.01), keras.losses.Huber(delta=0.5))
        fitted = KerasRegressor(model, learning_rate=rate, momentum=0.5, epochs=1)
        fitted.fit(DIABETES, PROGRESS)
        assert fitted.history_["learning_rate"] == pytest.approx([rate])
        optimizer = fitted.model_.optimizer
        assert float(optimizer.learning_rate) == pytest.approx(rate)
        assert optimizer.momentum == 0.5
        error = np.abs(fitted.predict(DIABETES) - PROGRESS)
        huber = np.where(error < 0.5, error**2 / 2, 0.5 * error - 0.125).mean()
        loss = fitted.model_.evaluate(DIABETES, PROGRESS, verbose=0)
        assert loss == pytest.approx(huber, rel=1e-5)

    def test_clipping_in_place_of_the_optimizers(self):
        model = keras.Sequential([keras.Input((10,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.01, clipvalue=5.0), "mse")
        fitted = KerasRegressor(model, clipnorm=0.5, epochs=1).fit(DIABETES, PROGRESS)
        optimizer = fitted.model_.optimizer
        assert (optimizer.clipnorm, optimizer.clipvalue) == (0.5, None)

    def test_own_metrics(self):
        def half_error(y_true, y_pred):
            return keras.ops.abs(y_true - y_pred) / 2

        def of_all_rows(y_true, y_pred):
            return keras.ops.mean(keras.ops.abs(y_true - y_pred))

        def measured():
            model = keras.Sequential([keras.Input((10,)), layers.Dense(1)])
            metrics = [half_error, of_all_rows, "mae"]
            model.compile("sgd", "mse", metrics=metrics, weighted_metrics=["mae"])
            return model

        history = KerasRegressor(measured, epochs=1).fit(DIABETES, PROGRESS).history_
        assert history["half_error"][0] == pytest.approx(history["mae"][0] / 2, rel=1e-5)
        assert history["of_all_rows"][0] == pytest.approx(history["mae"][0], rel=1e-5)
        given = KerasRegressor(build, epochs=1, metrics=[half_error]).fit(DIABETES, PROGRESS)
        assert set(given.history_) == {"loss", "learning_rate", "half_error"}

    def test_one_that_is_not_compiled(self, images_classifier):
        model = images_classifier.model_
        assert (type(model.optimizer).__name__, model.loss.name) == (
            "Adam",
            "sparse_categorical_crossentropy",
        )
        assert float(model.optimizer.learning_rate) == pytest.approx(0.02)

    def test_python_random_state_is_kept(self):
        random.seed(1)
        state = random.getstate()
        KerasRegressor(build, epochs=1, batch_size=32).fit(DIABETES, PROGRESS)
        assert random.getstate() == state


def branches(rate=0.0):
    """A functional network with layers of equal shapes beside each other."""
    rows = keras.Input((10,))
    beside = [layers.Dense(10, activation=name)(rows) for name in ("relu", "tanh", "elu")]
    after = [layers.Dense(10)(one) for one in beside]
    model = keras.Model(rows, layers.Dense(1)(layers.Add()(after[::-1])))
    rng = np.random.default_rng(1)
    model.set_weights([rng.normal(size=one.shape) for one in model.get_weights()])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


class TestFirstWeights:
    def test_are_those_that_the_function_leaves(self):
        fitted = KerasRegressor(branches, epochs=1, batch_size=32).fit(DIABETES, PROGRESS)
        theirs = branches().predict(DIABETES, verbose=0)[:, 0]
        np.testing.assert_allclose(fitted.predict(DIABETES), theirs, rtol=1e-4, atol=1e-4)

    def test_of_trained_layers_that_are_frozen(self, images_classifier):
        trained = images_classifier.model_.layers[0].get_weights()

        def transferred():
            model = convolutional()
            model.layers[0].set_weights(trained)
            model.layers[0].trainable = False
            return model

        again = KerasClassifier(transferred, epochs=1, batch_size=16).fit(IMAGES, IS_BRIGHT)
        first, *_, last = again.model_.layers
        for ours, theirs in zip(first.get_weights(), trained, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert not np.array_equal(
            last.get_weights()[0], images_classifier.model_.layers[-1].get_weights()[0]
        )

    def test_of_a_model_are_drawn(self):
        fitted = KerasRegressor(branches(), epochs=1, batch_size=32, random_state=0)
        fitted.fit(DIABETES, PROGRESS)
        assert not np.allclose(
            fitted.predict(DIABETES), branches().predict(DIABETES, verbose=0)
        )


class TestTraining:
    def test_same_seed_same_bits(self, regressor, images_classifier):
        again = clone(regressor).fit(DIABETES, PROGRESS)
        np.testing.assert_array_equal(again.predict(DIABETES), regressor.predict(DIABETES))
        again = clone(images_classifier).fit(IMAGES, IS_BRIGHT)
        for ours, theirs in zip(
            again.model_.get_weights(), images_classifier.model_.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        other = clone(images_classifier).set_params(random_state=1).fit(IMAGES, IS_BRIGHT)
        assert not np.array_equal(other.predict_proba(IMAGES), again.predict_proba(IMAGES))

    def test_learns(self, regressor, images_classifier):
        assert regressor.score(DIABETES, PROGRESS) > 0.4
        assert images_classifier.score(IMAGES, IS_BRIGHT) > 0.9

    def test_equal_structures_share_a_program(self, images_classifier):
        counts = [program.traces for program in STORE.idle()]
        clone(images_classifier).set_params(learning_rate=0.01).fit(IMAGES, IS_BRIGHT)
        clone(images_classifier).set_params(random_state=3).fit(IMAGES, IS_BRIGHT)
        assert [program.traces for program in STORE.idle()] == counts

    def test_warm_start_in_parts_is_as_at_once(self, images_classifier):
        in_parts = clone(images_classifier).set_params(epochs=3, warm_start=True)
        in_parts.fit(IMAGES, IS_BRIGHT).fit(IMAGES, IS_BRIGHT)
        at_once = clone(images_classifier).set_params(epochs=6).fit(IMAGES, IS_BRIGHT)
        np.testing.assert_array_equal(
            in_parts.predict_proba(IMAGES), at_once.predict_proba(IMAGES)
        )
        with pytest.raises(
            ValueError, match="'model' and its arguments must stay as they were"
        ):
            in_parts.set_params(drop=0.1).fit(IMAGES, IS_BRIGHT)

    def test_partial_fit(self):
        classifier = KerasClassifier(build_classifier, batch_size=32, random_state=0)
        for _ in range(2):
            classifier.partial_fit(IRIS, NAMES, classes=np.unique(NAMES))
        assert len(classifier.history_["loss"]) == 2

    def test_validation_data_and_callbacks_of_keras(self):
        stopping = keras.callbacks.EarlyStopping(patience=2)
        fitted = KerasRegressor(build, batch_size=32, random_state=0).fit(
            DIABETES[:300],
            PROGRESS[:300],
            epochs=60,
            validation_data=(DIABETES[300:], PROGRESS[300:]),
            callbacks=[stopping],
        )
        losses = fitted.history_["val_loss"]
        assert len(losses) < 60
        kept = fitted.model_.evaluate(DIABETES[300:], PROGRESS[300:], verbose=0)[0]
        assert kept == pytest.approx(min(losses), rel=1e-5)

    def test_checkpoint(self, tmp_path, images_classifier):
        saved = clone(images_classifier).set_params(epochs=2, checkpoint_dir=tmp_path)
        saved.fit(IMAGES, IS_BRIGHT)
        loaded = clone(saved).load_checkpoint()
        np.testing.assert_array_equal(loaded.predict_proba(IMAGES), saved.predict_proba(IMAGES))


class Noise(layers.Layer):
    """Adds random numbers, from a generator that Keras can restore or from a global one."""

    def __init__(self, is_seeded, **kwargs):
        super().__init__(**kwargs)
        self.is_seeded = is_seeded
        self.generator = keras.random.SeedGenerator() if is_seeded else None

    def call(self, x, training=False):
        if not training:
            return x
        return x + 0.1 * keras.random.normal(keras.ops.shape(x), seed=self.generator)

    def get_config(self):
        return {**super().get_config(), "is_seeded": self.is_seeded}


class TestRemarks:
    def test_without_xla_is_said_once_beside_the_bar(self, images_classifier, capsys):
        copy = clone(images_classifier).set_params(epochs=1, verbose=1, warm_start=True)
        copy.fit(IMAGES, IS_BRIGHT)
        sentence = "KerasClassifier trains without XLA because of Conv2D."
        assert capsys.readouterr().err.count(sentence) == 1
        copy.fit(IMAGES, IS_BRIGHT)
        assert sentence not in capsys.readouterr().err
        clone(copy).set_params(verbose=0).fit(IMAGES, IS_BRIGHT)
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("is_seeded", [True, False])
    def test_random_numbers_that_no_seed_decides(self, is_seeded):
        model = keras.Sequential([keras.Input((10,)), Noise(is_seeded), layers.Dense(1)])
        noisy = KerasRegressor(model, epochs=2, batch_size=32, random_state=0)
        if is_seeded:
            once, again = (noisy.fit(DIABETES, PROGRESS).loss_ for _ in range(2))
            assert once == again
        else:
            with pytest.warns(
                UserWarning, match="numbers that 'random_state' does not seed"
            ) as all:
                noisy.fit(DIABETES, PROGRESS)
            assert all[0].filename == __file__


class TestInputs:
    def test_images_of_any_layout(self, images_classifier):
        expected = images_classifier.predict_proba(IMAGES)
        flat = images_classifier.predict_proba(IMAGES.reshape(60, 16))
        np.testing.assert_allclose(flat, expected, rtol=1e-6)
        assert images_classifier.X_shape_ == (60, 4, 4)
        with pytest.raises(ValueError, match=r"'X' must have rows of shape \(4, 4\)"):
            images_classifier.predict_proba(np.zeros((2, 2, 8)))

    def test_several(self):
        def wide_and_deep(n_neurons=5):
            wide, deep = keras.Input((2,), name="wide"), keras.Input((4,), name="deep")
            hidden = layers.Dense(n_neurons, activation="relu")(deep)
            model = keras.Model(
                [wide, deep], layers.Dense(1)(layers.Concatenate()([wide, hidden]))
            )
            model.compile("sgd", "mse")
            return model

        settings = {"epochs": 2, "batch_size": 32, "random_state": 0}
        X, y = DIABETES[:, :6], PROGRESS
        expected = KerasRegressor(wide_and_deep, **settings).fit(X, y).predict(X)
        as_dict = {"deep": X[:, 2:], "wide": X[:, :2]}
        frame = pd.DataFrame(X[:, ::-1], columns=list("fedcba"))
        inputs = {"wide": ["a", "b"], "deep": list("cdef")}
        for rows, extra in (
            ([X[:, :2], X[:, 2:]], {}),
            (as_dict, {}),
            (frame, {"inputs": inputs}),
        ):
            fitted = KerasRegressor(wide_and_deep, **extra, **settings).fit(rows, y)
            np.testing.assert_allclose(fitted.predict(rows), expected, rtol=1e-5)
            if rows is as_dict:
                turned = dict(reversed(as_dict.items()))
                np.testing.assert_array_equal(fitted.predict(turned), fitted.predict(rows))
                for wrong, message in (
                    ({"deep": X[:, 2:], "x": X[:, :2]}, r"\['deep', 'wide'\], as in fit"),
                    ({"deep": X[:, :2], "wide": X[:, 2:]}, "arrays as wide as in fit"),
                    ({"deep": X[:5, 2:], "wide": X[:, :2]}, "as many rows for each input"),
                ):
                    with pytest.raises(ValueError, match=message):
                        fitted.predict(wrong)
                with pytest.raises(ValueError, match="'X' must name the inputs"):
                    fitted.fit({"deep": X[:, 2:], "x": X[:, :2]}, y)
        for unknown, message in (
            ({"wide": ["z"], "deep": ["a"]}, r"'inputs' must pick columns of X.*got \['z'\]"),
            ({"deep": ["a"]}, "'inputs' must name the inputs of 'model'"),
        ):
            with pytest.raises(ValueError, match=message):
                KerasRegressor(wide_and_deep, inputs=unknown, **settings).fit(frame, y)
        with pytest.raises(ValueError, match="'X' must have the columns that the inputs"):
            KerasRegressor(wide_and_deep, **settings).fit(DIABETES, y)

    def test_rows_are_never_changed(self):
        """Though NumPy activates in place; large X is not copied first."""
        model = keras.Sequential([keras.Input((10,)), layers.ReLU(), layers.Dense(1)])
        fitted = KerasRegressor(model, epochs=1).fit(DIABETES, PROGRESS)
        X = np.float32(np.tile(DIABETES, (100, 1)))
        before = X.copy()
        fitted.predict(X)
        np.testing.assert_array_equal(X, before)

    def test_normalization_adapts_to_rows_of_positive_weight(self):
        model = keras.Sequential([keras.Input((10,)), layers.Normalization(), layers.Dense(1)])
        model.compile("sgd", "mse")
        weight = np.arange(442) % 3 > 0
        fitted = KerasRegressor(model, epochs=1).fit(DIABETES, PROGRESS, weight.astype(float))
        mean, variance, _ = fitted.model_.layers[0].get_weights()
        np.testing.assert_allclose(mean, DIABETES[weight].mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(variance, DIABETES[weight].var(axis=0), rtol=1e-4)
        inputs = keras.Input((10,))
        late = layers.Normalization()(layers.Dense(4)(inputs))
        with pytest.raises(ValueError, match="'model' must have a Normalization layer right"):
            KerasRegressor(keras.Model(inputs, layers.Dense(1)(late))).fit(DIABETES, PROGRESS)


class TestTargets:
    def test_two_outputs_of_a_model_that_is_not_compiled(self):
        inputs = keras.Input((10,))
        heads = [layers.Dense(1)(inputs), layers.Dense(2)(inputs)]
        targets = [PROGRESS, np.column_stack([PROGRESS, 2 * PROGRESS])]
        fitted = KerasRegressor(keras.Model(inputs, heads), epochs=2, random_state=0)
        predicted = fitted.fit(DIABETES, targets).predict(DIABETES)
        squares = np.square(predicted - np.column_stack(targets)).mean(axis=0)
        of_keras = fitted.model_.evaluate(DIABETES, targets, verbose=0)[0]
        assert of_keras == pytest.approx(squares[0] + squares[1:].mean(), rel=1e-5)

    def test_one_hot_rows(self):
        one_hot = np.eye(3, dtype=int)[SPECIES]
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
        fitted = KerasClassifier(model, learning_rate=0.05, epochs=20, random_state=0)
        predicted = fitted.fit(IRIS, one_hot).predict(IRIS)
        assert (predicted.sum(axis=1) == 1).all()
        assert (predicted == one_hot).all(axis=1).mean() > 0.8
        log, probability = fitted.predict_log_proba(IRIS), fitted.predict_proba(IRIS)
        np.testing.assert_allclose(np.exp(log), probability, rtol=1e-5)

    @pytest.mark.parametrize("units", [1, 3])
    def test_a_single_class_needs_no_network_of_several(self, units):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(units, activation="softmax")])
        with pytest.raises(ValueError, match=r"'y' must hold two .* got one, 1"):
            KerasClassifier(model, epochs=1).fit(IRIS, np.ones(150, dtype=int))

    def test_sigmoids_for_several_classes(self):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="sigmoid")])
        loss = keras.losses.CategoricalFocalCrossentropy()
        fitted = KerasClassifier(model, loss=loss, epochs=1, random_state=0).fit(IRIS, SPECIES)
        log, probability = fitted.predict_log_proba(IRIS), fitted.predict_proba(IRIS)
        np.testing.assert_allclose(np.exp(log), probability, rtol=1e-5)

    @pytest.mark.parametrize("from_logits", [False, True])
    def test_an_output_for_each_of_two_classes(self, from_logits):
        model = keras.Sequential(
            [keras.Input((4,)), layers.Dense(2, None if from_logits else "softmax")]
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        classifier = KerasClassifier(
            model, loss=loss, learning_rate=0.1, epochs=2, random_state=0
        )
        fitted, is_first = clone(classifier).fit(IRIS, SPECIES > 0), SPECIES == 0
        decisions, probability = fitted.decision_function(IRIS), fitted.predict_proba(IRIS)
        np.testing.assert_allclose(decisions, logit(probability[:, 1]), rtol=1e-3, atol=1e-5)
        auc = roc_auc_score(is_first, probability[:, 0])
        assert get_scorer("roc_auc")(fitted, IRIS, SPECIES > 0) == pytest.approx(auc)
        several = OneVsRestClassifier(classifier).fit(IRIS, SPECIES)
        assert several.predict(IRIS).shape == (150,)
        calibrated = CalibratedClassifierCV(classifier, cv=2).fit(IRIS, SPECIES > 0)
        assert calibrated.predict_proba(IRIS).shape == (150, 2)

    def test_partial_fit_of_two_classes_with_meta(self):
        classifier = KerasClassifier(build_classifier, random_state=0)
        classifier.partial_fit(IRIS, SPECIES > 0, classes=[False, True])
        assert classifier.predict_proba(IRIS).shape == (150, 2)


class TestBadInput:
    @pytest.mark.parametrize(
        ("units", "loss"), [(1, "hinge"), (3, "squared_error"), (3, lambda t, p: t - p)]
    )
    def test_a_linear_last_layer(self, units, loss):
        model = keras.Sequential([keras.Input((4,)), layers.Dense(units)])
        y = SPECIES if units == 3 else SPECIES > 0
        with pytest.raises(ValueError, match="'model' must end in probabilities, unless"):
            KerasClassifier(model, loss=loss, epochs=1).fit(IRIS, y)

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            ([sparse.csr_array(DIABETES[:, :4]), DIABETES[:, 4:]], "got csr_array for input 0"),
            ({"a": DIABETES, "b": 3}, "got int for input 'b'"),
            ({}, "an array for each input of the model; got an empty dict"),
            ([], "Expected 2D array, got 1D array"),
        ],
    )
    def test_inputs_that_are_no_dense_arrays(self, X, message):
        with pytest.raises(ValueError, match=message):
            KerasRegressor(build, epochs=1).fit(X, PROGRESS)

    def test_names_of_inputs_that_keras_counts(self):
        """A model that is built anew may give them to other inputs."""
        names = ["input_layer", "input_layer_1"]
        first, second = (keras.Input((1,), name=name) for name in names)
        joined = layers.Concatenate()([second, first])
        model = keras.Model([second, first], layers.Dense(1)(joined))
        by_name = {name: [i] for i, name in enumerate(names)}
        with pytest.raises(ValueError, match=r"'inputs' must not use names .* Keras counts"):
            KerasRegressor(model, inputs=by_name, epochs=1).fit(DIABETES, PROGRESS)
        columns = [DIABETES[:, :1], DIABETES[:, 1:2]]
        KerasRegressor(model, epochs=1).fit(columns, PROGRESS)

    def test_whole_numbers_that_float32_rounds(self):
        model = keras.Sequential([keras.Input((1,), dtype="int64"), layers.Hashing(5)])
        model.add(layers.Embedding(5, 1))
        model.add(layers.Flatten())
        rows = np.arange(8)[:, None] + 2**24
        with pytest.raises(ValueError, match=r"must hold numbers below 2\*\*24 for the int64"):
            KerasRegressor(model, epochs=1).fit(rows, np.arange(8.0))

    def test_the_name_of_a_sequential_input(self):
        frame = pd.DataFrame({"p": np.arange(8.0), "q": np.ones(8)})
        model = keras.Sequential([keras.Input((2,), name="both"), layers.Dense(1)])
        regressor = KerasRegressor(model, inputs={"both": ["p", "q"]}, epochs=1)
        assert regressor.fit(frame, np.arange(8.0)).predict(frame).shape == (8,)

    def test_tables_of_other_columns_than_in_fit(self):
        """Though the network takes two of three."""
        a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
        model = keras.Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
        frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=[*"xyz"])
        regressor = KerasRegressor(
            model, inputs={"a": [2], "b": ["x"]}, epochs=1, random_state=0
        )
        for wrong in ({"a": ["w"], "b": ["x"]}, {"a": [3], "b": [0]}):
            with pytest.raises(ValueError, match="'inputs' must pick columns of X"):
                clone(regressor).set_params(inputs=wrong).fit(frame, frame.x)
        fitted = regressor.fit(frame, frame.x)
        assert (fitted.n_features_in_, fitted.X_shape_) == (3, (20, 3))
        assert fitted.input_columns_ == {"a": [2], "b": [0]}
        np.testing.assert_array_equal(fitted.feature_names_in_, [*"xyz"])
        before = fitted.predict(frame)
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(frame[[*"yxz"]])
        with pytest.raises(ValueError, match="The feature names should match"):
            fitted.predict(frame[[*"xy"]])
        with pytest.raises(
            ValueError, match="'X' must be one array, as in fit; got a dict of 2"
        ):
            fitted.predict({"a": frame[["z"]], "b": frame[["x"]]})
        fitted.set_params(inputs={"a": [0], "b": [1]})
        np.testing.assert_array_equal(fitted.predict(frame), before)
        with pytest.raises(ValueError, match=r"'inputs' must choose the columns of fit, .*'a'"):
            fitted.partial_fit(frame, frame.x)

    def test_positions_that_an_embedding_does_not_have(self):
        numbers, word = keras.Input((1,), name="numbers"), keras.Input((2,), name="word")
        vectors = layers.Flatten()(layers.Embedding(5, 2)(word))
        output = layers.Dense(1)(layers.Concatenate()([numbers, vectors]))
        regressor = KerasRegressor(keras.Model([numbers, word], output), epochs=1)
        rng = np.random.default_rng(0)
        rows = {"numbers": rng.normal(size=(20, 1)), "word": rng.integers(0, 5, (20, 2))}
        fitted = regressor.fit(rows, rows["numbers"][:, 0])
        before = fitted.predict(rows)
        for shift, message in ((1, "below 5 .* input 'word'; got 5"), (-1, "got -1; raise")):
            other = rows | {"word": rows["word"] + shift}
            for fail in (
                lambda other=other: fitted.predict(other),
                lambda other=other: fitted.fit(other, before),
                lambda other=other: fitted.fit(rows, before, X_val=other, y_val=before),
            ):
                with pytest.raises(ValueError, match=f"'X' must hold positions .*{message}"):
                    fail()
        np.testing.assert_array_equal(fitted.predict(rows), before)

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            (None, "'model' must be a keras.Model or a function that returns one; got None"),
            (lambda: 3, "'model' must be a keras.Model or a function .* got 3;"),
            (
                lambda: keras.Sequential([keras.Input((10,)), layers.Dense(2)]),
                "'model' must have 1 outputs, one for each column of y; got 2;",
            ),
            (
                lambda: keras.Sequential([keras.Input((3,)), layers.Dense(1)]),
                "'X' must have the columns that the inputs of 'model' take",
            ),
            (
                lambda: keras.Sequential(
                    [keras.Input((10,)), layers.Lambda(lambda x: x), layers.Dense(1)]
                ),
                "'model' must not contain a lambda",
            ),
            (
                lambda: keras.Sequential([keras.Input((10,)), layers.Dense(1, lambda x: x)]),
                "'model' must not contain a lambda",
            ),
            (
                lambda: keras.Sequential(
                    [keras.Input((10,)), layers.Dense(1, dtype="float64")]
                ),
                "'model' must compute in float32; got a Dense layer in float64",
            ),
            (layers.Dense(1), "'model' must be a keras.Model or .*; got the layer Dense"),
            (lambda units: linear("mse"), "'units' must be given, since the function 'model'"),
            (lambda: keras.Sequential(), "'model' must have layers; got a Sequential without"),
            (
                lambda: Unable(),
                r"'model' must have inputs that Keras knows, .* got Unable, which failed",
            ),
            (
                lambda: linear("sparse_categorical_crossentropy"),
                "'loss' must fit the network's single output; got a categorical loss",
            ),
            (
                lambda: linear(["mse", "mae"]),
                "'model' must be compiled with one loss for .*; pass a single loss",
            ),
            (
                lambda: two_heads({"first": "mse"}),
                "'loss' for each output, first, second; got 1: .*; give a list in this order",
            ),
        ],
    )
    def test_models(self, model, message, regressor):
        before = regressor.predict(DIABETES[:3])
        bad = pickle.loads(pickle.dumps(regressor)).set_params(model=model)
        with pytest.raises(ValueError, match=message):
            bad.fit(DIABETES, PROGRESS)
        np.testing.assert_array_equal(bad.predict(DIABETES[:3]), before)

    def test_parameters_beside_a_compiled_model(self):
        with pytest.raises(
            ValueError, match="'loss' must be None for a model that is compiled"
        ):
            KerasRegressor(build, loss="mae").fit(DIABETES, PROGRESS)

    def test_outputs_of_classes(self):
        with pytest.raises(
            ValueError, match="'model' must have 3 outputs for 3 classes; got 2"
        ):
            KerasClassifier(lambda: keras.Sequential([keras.Input((4,)), layers.Dense(2)])).fit(
                IRIS, SPECIES
            )

    @pytest.mark.parametrize("units", [1, 2])
    def test_a_classifier_ends_in_probabilities(self, units):
        classifier = KerasClassifier(
            lambda: keras.Sequential([keras.Input((4,)), layers.Dense(units)])
        )
        with pytest.raises(ValueError, match="'model' must end in probabilities"):
            classifier.fit(IRIS, SPECIES > 0)

    def test_a_metric_without_a_name(self):
        measured = KerasRegressor(lambda: linear("mse", [lambda y_true, y_pred: y_pred]))
        with (
            pytest.warns(UserWarning, match="lambda"),
            pytest.raises(ValueError, match=r"metrics that have a name, .*; got a lambda"),
        ):
            measured.fit(DIABETES, PROGRESS)

    def test_targets_of_several_outputs(self):
        regressor = KerasRegressor(lambda: two_heads(["mse", "mse"]), epochs=1, random_state=0)
        with pytest.raises(ValueError, match=r"'y' must be a list of targets, .*; got a dict"):
            regressor.fit(DIABETES, {"first": PROGRESS, "second": PROGRESS})
        targets = [PROGRESS, -PROGRESS]
        regressor.fit(DIABETES, targets)
        score = regressor.score(DIABETES, np.column_stack(targets))
        assert regressor.score(DIABETES, targets) == score

    @pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
    def test_a_model_with_classes_of_ones_own(self):
        class Unregistered(layers.Layer):
            def call(self, x):
                return 2 * x

        model = keras.Sequential([keras.Input((10,)), Unregistered(), layers.Dense(1)])
        with pytest.raises(ValueError, match=r"make again, .* got a Sequential .* register"):
            clone(KerasRegressor(model))


class TestElsewhere:
    def test_pickles_predict_without_tensorflow(self, regressor, tmp_path):
        assert regressor._state.spec.parts[0].name != WHOLE
        regressor = pickle.loads(pickle.dumps(regressor)).set_params(model=None)
        (tmp_path / "fitted.pickle").write_bytes(pickle.dumps(regressor))
        np.save(tmp_path / "rows.npy", DIABETES[:5])
        code = (
            "import pickle, sys, numpy as np\n"
            f"p = {str(tmp_path)!r}\n"
            "fitted = pickle.load(open(p + '/fitted.pickle', 'rb'))\n"
            "np.save(p + '/y.npy', fitted.predict(np.load(p + '/rows.npy')))\n"
            "assert 'tensorflow' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
        np.testing.assert_array_equal(
            np.load(tmp_path / "y.npy"), regressor.predict(DIABETES[:5])
        )

    def test_pickle_of_a_whole_network(self, images_classifier):
        copy = pickle.loads(pickle.dumps(images_classifier))
        np.testing.assert_array_equal(
            copy.predict_proba(IMAGES), images_classifier.predict_proba(IMAGES)
        )

    @pytest.mark.parametrize("function", [build, residual])
    def test_searches_train_stacks(self, function, capsys):
        estimator = KerasRegressor(function, epochs=3, batch_size=32, random_state=0)
        grid = {"learning_rate": [0.01, 0.02, 0.05], "n_neurons": [8]}
        ours = skmlp.model_selection.GridSearchCV(estimator, grid, cv=3, verbose=1)
        ours.fit(DIABETES, PROGRESS)
        assert len(capsys.readouterr().out.splitlines()) == 1  # no fit was left alone
        theirs = GridSearchCV(estimator, grid, cv=3).fit(DIABETES, PROGRESS)
        np.testing.assert_allclose(
            ours.cv_results_["mean_test_score"],
            theirs.cv_results_["mean_test_score"],
            rtol=1e-4,
        )
        assert ours.best_estimator_.n_neurons == 8

    def test_pipeline(self):
        pipeline = make_pipeline(StandardScaler(), KerasRegressor(build, n_neurons=4, epochs=1))
        pipeline.set_params(kerasregressor__n_neurons=3, kerasregressor__batch_size=32)
        pipeline.fit(DIABETES, PROGRESS)
        assert pipeline[-1].model_.layers[0].units == 3

    def test_transform_of_a_whole_network(self, images_classifier):
        with pytest.raises(ValueError, match="'layer' must name a hidden layer; got"):
            images_classifier.transform(IMAGES)

    def test_transform(self, regressor):
        hidden = regressor.transform(DIABETES[:4])
        model = regressor.model_
        of_keras = keras.Model(model.inputs, model.layers[0].output).predict(
            DIABETES[:4], verbose=0
        )
        np.testing.assert_allclose(hidden, of_keras, rtol=1e-5, atol=1e-6)


def searched_before(n_neurons, meta):
    """A network whose function runs a search, which trains in threads of its own."""
    rows = np.random.default_rng(0).normal(size=(40, meta["n_features_in_"]))
    search = skmlp.model_selection.GridSearchCV(
        skmlp.MLPRegressor((2,), epochs=1), {"learning_rate": [0.01, 0.02, 0.03]}, cv=2
    )
    search.fit(rows, rows[:, 0])
    return trained_before(n_neurons, meta)


def trained_before(n_neurons, meta):
    """A network whose first layer another estimator has trained."""
    rows = np.random.default_rng(0).normal(size=(40, meta["n_features_in_"]))
    inner = skmlp.MLPRegressor((n_neurons,), epochs=1, random_state=0).fit(rows, rows[:, 0])
    first = layers.Dense(n_neurons, activation="relu")
    model = keras.Sequential([keras.Input((meta["n_features_in_"],)), first, layers.Dense(1)])
    first.set_weights([inner.coefs_[0], inner.intercepts_[0]])
    return model


@pytest.mark.parametrize("build", [trained_before, searched_before])
def test_a_function_that_fits_estimators_can_be_searched(build):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    search = skmlp.model_selection.GridSearchCV(
        KerasRegressor(build, epochs=1, random_state=0), {"n_neurons": [2, 3]}, cv=2
    )
    # In another thread, so that a deadlock fails the test instead of keeping it
    thread = threading.Thread(target=search.fit, args=(X, X[:, 0]), daemon=True)
    thread.start()
    thread.join(timeout=120)
    assert not thread.is_alive()
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_networks_that_keras_runs_are_reused_at_a_rate_of_their_own():
    model = keras.Sequential(
        [keras.Input((4, 1)), layers.Conv1D(2, 2), layers.Flatten(), layers.Dense(1)]
    )
    X = np.random.default_rng(0).normal(size=(50, 4, 1))
    regressor = KerasRegressor(
        model, pretrained=model, reused_rate_factor=1e-6, epochs=3, learning_rate=0.1
    ).fit(X, X.sum(axis=(1, 2)))
    for before, after in zip(model.get_weights(), regressor.model_.get_weights(), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-4)


@keras.saving.register_keras_serializable(package="tests")
class Factor(layers.Layer):
    """Features times a learned number, in a weight that is no kernel."""

    def build(self, input_shape):
        self.w = self.add_weight(name="w", shape=(1,), initializer="ones")

    def call(self, inputs):
        return inputs[:, :1] * self.w


def test_a_penalty_of_kernels_needs_none():
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = keras.Sequential([keras.Input((2,)), Factor()])
    plain, penalised = (
        KerasRegressor(model, l1=l1, l2=l1, epochs=2, random_state=0).fit(X, 2 * X[:, 0])
        for l1 in (0.0, 0.1)
    )
    np.testing.assert_allclose(plain.loss_curve_, penalised.loss_curve_)


def test_a_network_without_weights_to_train_is_refused():
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, trainable=False)])
    with pytest.raises(ValueError, match="'model' must have weights to train; got one whose"):
        KerasRegressor(model, epochs=1).fit(X, X[:, 0])


@keras.saving.register_keras_serializable(package="tests")
class Moved(keras.Model):
    """A functional model whose call adds to what its layers give."""

    def call(self, inputs, training=None, mask=None):
        return 100 + super().call(inputs, training=training, mask=mask)


def test_the_call_of_a_models_own_class_is_that_of_training():
    X = np.random.default_rng(0).normal(size=(40, 3))
    inputs = keras.Input((3,))
    model = Moved(inputs, layers.Dense(1)(inputs))
    regressor = KerasRegressor(model, epochs=2, random_state=0).fit(X, 100 + X[:, 0])
    assert regressor.loss_ < 50
    predicted = regressor.model_.predict(X, verbose=0)[:, 0]
    np.testing.assert_allclose(regressor.predict(X), predicted, rtol=1e-5)


@pytest.mark.parametrize("name", ["train_step", "compute_loss"])
def test_models_that_train_in_their_own_way_are_refused(name):
    own = type("Own", (keras.Model,), {name: lambda self, *args, **kwargs: None})
    inputs = keras.Input((3,))
    message = (
        f"'model' must leave its training to the estimator; got the class Own, .* '{name}'"
    )
    with pytest.raises(ValueError, match=message):
        KerasRegressor(own(inputs, layers.Dense(1)(inputs))).fit(np.eye(3), [1, 2, 3])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "mse", "loss_weights": 10.0}, "without 'loss_weights' for its one output"),
        (
            {"loss": keras.losses.MeanSquaredError(reduction="sum")},
            "got reduction='sum' in Mean",
        ),
        ({"loss": keras.losses.MeanSquaredError(reduction=None)}, "must be a mean over rows"),
        (
            {"loss": keras.losses.SparseCategoricalCrossentropy(ignore_class=0)},
            "'loss' must count all rows; got ignore_class=0",
        ),
    ],
)
def test_losses_that_would_train_otherwise_than_in_keras_are_refused(settings, message):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.compile("sgd", **settings)
    with pytest.raises(ValueError, match=message):
        KerasRegressor(model).fit(np.eye(3), np.eye(3)[:, :2])


def test_weights_that_a_layer_assigns_are_refused():
    dense = layers.SpectralNormalization(layers.Dense(2))
    model = keras.Sequential([keras.Input((3,)), dense, layers.Dense(1)])
    with pytest.raises(
        ValueError, match="leave changes of its trainable weights to the optimi"
    ):
        KerasRegressor(model, epochs=1).fit(np.eye(3), [1, 2, 3])


@pytest.mark.parametrize("where", ["MLP", "Keras", "compiled"])
def test_decay_of_some_weights_is_refused(where):
    optimizer = keras.optimizers.AdamW(0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    mlp = skmlp.MLPRegressor(optimizer=optimizer)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    uncompiled = KerasRegressor(model, optimizer=optimizer)

    def fit():
        if where == "compiled":
            model.compile(optimizer, "mse")
            KerasRegressor(model).fit(np.eye(3), [1, 2, 3])
        else:
            (mlp if where == "MLP" else uncompiled).fit(np.eye(3), [1, 2, 3])

    with pytest.raises(ValueError, match="'optimizer' must decay all weights alike; got AdamW"):
        fit()


def test_a_regressor_that_predicts_badly_is_told_what_it_can_set():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    X = np.random.default_rng(0).normal(size=(30, 3))
    with pytest.warns(ConvergenceWarning, match=r"does: .*; standardise y \(Transformed"):
        KerasRegressor(model, epochs=1, learning_rate=1e-6).fit(X, 3 * X[:, 0] + 50)


def test_a_softmax_of_one_unit_is_refused():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, activation="softmax")])
    with pytest.raises(ValueError, match="'model' must end in a sigmoid for a single output"):
        KerasClassifier(model).fit(np.eye(3), [0, 1, 0])


class TestNormalization:
    """Keras's layer of that name."""

    X = np.random.default_rng(0).normal(5, 2, size=(60, 3)).astype("float32")

    def fitted(self, layer):
        def build():
            return keras.Sequential([keras.Input((3,)), layer, layers.Dense(1)])

        return KerasRegressor(build, epochs=1, random_state=0).fit(self.X, self.X[:, 0])

    def mean(self, layer):
        return np.ravel(self.fitted(layer).model_.layers[0].get_weights()[0])

    def test_adapts_and_leaves_the_functions_layer_alone(self):
        layer = layers.Normalization()
        np.testing.assert_allclose(self.mean(layer), self.X.mean(axis=0), rtol=1e-5)
        assert not layer.get_weights()[0].any()

    def test_keeps_what_the_function_has_adapted(self):
        layer = layers.Normalization()
        layer.adapt(100 * self.X)
        expected = 100 * self.X.mean(axis=0)
        np.testing.assert_allclose(self.mean(layer), expected, rtol=1e-5)


def test_many_networks_that_keras_runs_cause_no_warning_of_retracing(caplog):
    def build(n_filters=2):
        return keras.Sequential(
            [
                keras.Input((4, 1)),
                layers.Conv1D(n_filters, 2),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )

    X = np.random.default_rng(0).normal(size=(20, 4, 1))
    for n_filters in range(1, 8):
        KerasRegressor(build, n_filters=n_filters, epochs=1).fit(X, X[:, 0, 0]).predict(X)
    assert "retracing" not in caplog.text


@keras.saving.register_keras_serializable(package="tests")
class Weighted(layers.Layer):
    """A layer with a `build` of its own, which Keras wraps, and no `get_config`."""

    def __init__(self, **settings):
        super().__init__(**settings)

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="w")

    def call(self, inputs):
        return inputs * self.w


def with_own_layer():
    inputs = keras.Input((3,))
    return keras.Model(inputs, layers.Dense(1)(Weighted()(inputs)))


def test_own_layers_resume_and_pickle():
    X = np.random.default_rng(0).normal(size=(30, 3))
    parts = KerasRegressor(with_own_layer, random_state=0)
    parts.partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    restored = pickle.loads(pickle.dumps(parts))
    np.testing.assert_array_equal(restored.predict(X), parts.predict(X))
    whole = KerasRegressor(with_own_layer, epochs=2, random_state=0).fit(X, X[:, 0])
    np.testing.assert_array_equal(whole.predict(X), parts.predict(X))


CONVOLVING = [keras.Input((4, 1)), layers.Conv1D(2, 2), layers.Flatten(), layers.Dense(1)]


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9),
        keras.optimizers.Lamb(0.01),
        keras.optimizers.Muon(0.01),
    ],
)
def test_any_optimizer_trains_networks_that_keras_runs(optimizer):
    X = np.random.default_rng(0).normal(size=(30, 4, 1))
    model = keras.Sequential(CONVOLVING)
    regressor = KerasRegressor(model, optimizer=optimizer, epochs=5, batch_size=10)
    history = regressor.fit(X, X[:, 0, 0]).history_["loss"]
    assert history[-1] < history[0]


def of_steps(activation, loss):
    inputs = keras.Input((6,))
    steps = layers.Reshape((4, 3))(layers.Dense(12)(inputs))
    model = keras.Model(inputs, layers.Dense(3, activation=activation)(steps))
    model.compile("sgd", loss)
    return model


def test_outputs_of_several_axes():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.random(size=(40, 12))
    regressor = KerasRegressor(of_steps("softmax", "mse"), epochs=2, random_state=0).fit(X, y)
    made = regressor.model_.predict(X, verbose=0)
    np.testing.assert_allclose(made.sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_allclose(regressor.predict(X), made.reshape(40, 12), rtol=1e-5)
    loss = regressor.model_.evaluate(X, y.reshape(40, 4, 3), verbose=0)
    assert np.mean((regressor.predict(X) - y) ** 2) == pytest.approx(loss, rel=1e-4)
    with pytest.raises(
        ValueError, match="'loss' must be a mean over single numbers for an out"
    ):
        KerasRegressor(of_steps("softmax", "categorical_crossentropy")).fit(X, y)


def test_weights_frozen_one_by_one_are_refused():
    def build():
        model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1)])
        model.layers[0].kernel.trainable = False
        return model

    with pytest.raises(
        ValueError, match=r"'model' must freeze whole layers.*dense(_\d+)?/kernel"
    ):
        KerasRegressor(build).fit(np.eye(3), [1, 2, 3])


def test_layers_with_states_of_batches_are_refused():
    stateful = keras.Sequential(
        [keras.Input(batch_shape=(4, 5, 3)), layers.LSTM(2, stateful=True), layers.Dense(1)]
    )
    with pytest.raises(ValueError, match=r"'model' must not carry states .* stateful LSTM"):
        KerasRegressor(stateful).fit(np.zeros((8, 5, 3)), np.zeros(8))
    fixed = keras.Sequential([keras.Input(batch_shape=(4, 3)), layers.Dense(1)])
    with pytest.raises(ValueError, match="'model' must have inputs for batches of any size"):
        KerasRegressor(fixed).fit(np.zeros((8, 3)), np.zeros(8))


def test_operations_over_the_batch_see_no_padding():
    inputs = keras.Input((3,))
    hidden = layers.Dense(4, activation="tanh")(inputs)
    centred = hidden - keras.ops.mean(hidden, axis=0, keepdims=True)
    model = keras.Model(inputs, layers.Dense(1)(centred))
    X = np.random.default_rng(0).normal(size=(23, 3))
    regressor = KerasRegressor(
        model, epochs=1, batch_size=32, learning_rate=1e-9, random_state=0
    )
    loss = regressor.fit(X, X[:, 0]).loss_
    assert regressor.model_.evaluate(X, X[:, 0], batch_size=23, verbose=0) == pytest.approx(
        loss, rel=1e-5
    )


class OwnMean(keras.losses.MeanSquaredError):
    """A loss that takes its mean by itself."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        return 2 * super().__call__(y_true, y_pred, sample_weight)


def test_losses_that_take_their_own_mean_are_refused():
    with pytest.raises(
        ValueError, match=r"'loss' must leave the mean over rows .* OwnMean, which"
    ):
        skmlp.MLPRegressor(loss=OwnMean()).fit(np.eye(3), [1, 2, 3])
