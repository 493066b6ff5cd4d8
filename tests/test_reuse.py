"""Networks that begin with trained layers: where these come from, frozen layers, unfreezing."""

import pickle
from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier
from sklearn.neural_network import MLPRegressor as ScikitLearnRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmlp import (
    KerasClassifier,
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    TabularRegressor,
    WideDeepClassifier,
)
from skmlp._checkpoints.checkpoint import Checkpoint
from skmlp._engine.store import STORE
from skmlp._engine.unfreezing import refrozen
from skmlp._keras.optimizers import optimizer_recipe
from skmlp._network.frozen_part import cut_of
from skmlp._training import reuse
from skmlp.model_selection import GridSearchCV as StackedGridSearchCV
from skmlp.model_selection import HalvingGridSearchCV

PIXELS, LABELS = load_digits(n_class=4, return_X_y=True)
X, Y = np.float32(PIXELS[:300, 8:24] / 16), LABELS[:300]
VALUES = 100 + 30 * X[:, 4] - 20 * X[:, 9]
BASE = {"batch_size": 50, "epochs": 2, "random_state": 0, "learning_rate": 0.01}
AS_IT_IS = {"n_reused_layers": "all", "epochs": 1, "learning_rate": 1e-12}


@pytest.fixture(scope="module")
def fitted():
    return MLPClassifier((12, 8), **BASE).fit(X, Y)


@pytest.fixture(scope="module")
def keras_model(fitted):
    return fitted.model_


def arrays_of(estimator):
    return estimator._state.arrays


def assert_close(one, other, atol=1e-5):
    for array, expected in zip(arrays_of(one), arrays_of(other), strict=True):
        np.testing.assert_allclose(array, expected, atol=atol)


class TestSources:
    def sources(self, fitted, keras_model, tmp_path):
        keras_model.save(tmp_path / "model.keras")
        pipeline = make_pipeline(FunctionTransformer(), fitted)
        search = GridSearchCV(pipeline, {}, refit=False)
        search.best_estimator_ = pipeline
        return {
            "estimator": fitted,
            "pipeline": pipeline,
            "search": search,
            "Keras model": keras_model,
            "file": tmp_path / "model.keras",
            "path": str(tmp_path / "model.keras"),
            "arrays": (fitted.coefs_, fitted.intercepts_),
        }

    def test_each_predicts_the_same_before_training(self, fitted, keras_model, tmp_path):
        expected = fitted.predict_proba(X)
        before = [array.copy() for array in arrays_of(fitted)]
        for name, source in self.sources(fitted, keras_model, tmp_path).items():
            reusing = MLPClassifier((12, 8), **{**BASE, **AS_IT_IS}, pretrained=source)
            probability = reusing.fit(X, Y).predict_proba(X)
            np.testing.assert_allclose(probability, expected, atol=1e-6, err_msg=name)
        for array, old in zip(arrays_of(fitted), before, strict=True):
            np.testing.assert_array_equal(array, old)

    @pytest.mark.parametrize("activation", ["relu", "logistic", "identity"])
    def test_scikit_learns_classifier(self, activation):
        other = ScikitLearnClassifier((12,), activation=activation, n_iter_no_change=1, tol=1e9)
        other.fit(X, Y)
        reusing = MLPClassifier((12,), activation=activation, **{**BASE, **AS_IT_IS})
        reusing.set_params(pretrained=other).fit(X, Y)
        np.testing.assert_allclose(reusing.predict_proba(X), other.predict_proba(X), atol=1e-6)

    def test_regressors_in_the_units_of_y(self):
        other = ScikitLearnRegressor(hidden_layer_sizes=(12,), n_iter_no_change=1, tol=1e9)
        source = other.fit(X, VALUES)
        for normalize_y in (True, False, True):
            reusing = MLPRegressor((12,), **{**BASE, **AS_IT_IS}, pretrained=source)
            reusing.set_params(normalize_y=normalize_y).fit(X, VALUES)
            np.testing.assert_allclose(reusing.predict(X), other.predict(X), atol=3e-5)
            source = reusing.model_ if normalize_y else reusing

    def test_normalisation_and_learned_slopes(self):
        params = {"hidden_layer_sizes": (12, 8), "activation": "prelu", **BASE}
        params["normalization"] = "batch"
        source = MLPClassifier(**params).fit(X, Y)
        for pretrained in (source, source.model_):
            reusing = MLPClassifier(**{**params, **AS_IT_IS}, pretrained=pretrained)
            reusing.set_params(n_frozen_layers=2).fit(X, Y)
            np.testing.assert_allclose(
                reusing.predict_proba(X), source.predict_proba(X), atol=1e-5
            )

    def test_upper_layers_may_be_others(self, fitted):
        reusing = MLPClassifier((12, 5, 4), pretrained=fitted, n_frozen_layers=1, **BASE)
        reusing.fit(X, Y)
        assert reusing.n_reused_layers_ == 1
        np.testing.assert_array_equal(reusing.coefs_[0], fitted.coefs_[0])
        deeper = reusing.set_params(hidden_layer_sizes=(12, 8, 4)).fit(X, Y)
        assert deeper.n_reused_layers_ == 2

    def test_wide_and_deep(self, fitted):
        params = {**BASE, "wide_features": [0, 1]}
        reusing = WideDeepClassifier((12, 8), pretrained=fitted, n_frozen_layers=2, **params)
        reusing.fit(X, Y)
        np.testing.assert_array_equal(reusing.coefs_[1], fitted.coefs_[1])
        back = MLPClassifier((12, 8), pretrained=reusing, n_frozen_layers=2, **BASE).fit(X, Y)
        np.testing.assert_array_equal(back.coefs_[1], fitted.coefs_[1])

    @pytest.mark.parametrize("tied_weights", [False, True])
    def test_the_encoder_of_an_autoencoder(self, tied_weights):
        params = {**BASE, "tied_weights": tied_weights, "masking": 0.1}
        autoencoder = MLPAutoencoder((12, 8), code_activation="relu", **params).fit(X)
        reusing = MLPClassifier((12, 8, 12), pretrained=autoencoder, n_frozen_layers=2, **BASE)
        reusing.fit(X, Y)
        assert reusing.n_reused_layers_ == 2  # of the decoder none, although one would fit
        np.testing.assert_allclose(
            reusing.hidden_output(X, 1), autoencoder.transform(X), atol=1e-6
        )

    def test_another_target(self, fitted):
        """An auxiliary task: good rows and rows with shuffled columns."""
        rng = np.random.default_rng(0)
        corrupted = rng.permuted(X, axis=0)
        is_good = np.repeat([1, 0], len(X))
        auxiliary = MLPClassifier((12, 8), **BASE).fit(np.vstack([X, corrupted]), is_good)
        reusing = MLPRegressor((12, 8), pretrained=auxiliary, n_frozen_layers=2, **BASE)
        reusing.fit(X, X[:, 0])
        np.testing.assert_array_equal(reusing.coefs_[1], auxiliary.coefs_[1])


def strange(path):
    """A file of a Keras model that names a class of another module."""
    import json
    import zipfile

    config = {"module": "os", "class_name": "system", "config": {}, "registered_name": None}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    return path


class TestBadInput:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"n_frozen_layers": 3}, "'n_frozen_layers' must be at most .* layers, 2; got 3"),
            ({"n_reused_layers": 1, "n_frozen_layers": 2}, "hidden layers, 1; got 2"),
            ({"n_reused_layers": 4}, "'n_reused_layers' must be at most .*got 4 for 3 pretra"),
            ({"activation": "tanh"}, "got relu in layer 1, which has tanh; set 'activation'"),
            ({"activation": ["relu", "elu"]}, "got relu in layer 2, which has elu; .*layers=1"),
            ({"normalization": "layer"}, "got relu in layer 1, which has LayerNorm.* and relu"),
            ({"hidden_layer_sizes": (9,)}, r"kernel of shape \(16, 12\) for .* \(16, 9\); cha"),
            (
                {"hidden_layer_sizes": (12, 9), "n_reused_layers": 2},
                r"got a kernel of shape \(12, 8\) for layer 2, which has .* \(12, 9\); .*=1",
            ),
            ({"pretrained": MLPClassifier()}, "got an unfitted MLPClassifier"),
            ({"pretrained": MLPClassifier}, "got the class MLPClassifier"),
            ({"pretrained": ScikitLearnClassifier()}, "'pretrained' must be fitted; got an un"),
            ({"pretrained": TabularRegressor()}, "got an unfitted TabularRegressor"),
            ({"pretrained": FunctionTransformer()}, "got an unfitted FunctionTransformer"),
            ({"pretrained": ([np.ones((16, 12))], [np.ones(3)])}, r"biases of shapes \[\(3,\)"),
            ({"pretrained": ([1.0], [2.0])}, r"kernels of shapes \[\(\)\]"),
            ({"pretrained": (1, 2, 3)}, "got tuple of 3"),
            (
                {"pretrained": ([np.full((16, 12), np.nan)], [np.ones(12)])},
                "numbers that are not finite",
            ),
            ({"pretrained": "nothing.keras"}, "'pretrained' must name a file .* 'nothing.kera"),
            ({"pretrained": None, "n_frozen_layers": 1}, "hidden layers, 0; got 1"),
            (
                {"optimizer": "lamb", "reused_rate_factor": 0.1},
                "'reused_rate_factor' must be 1",
            ),
        ],
    )
    def test_is_refused(self, fitted, params, message):
        reusing = MLPClassifier((12, 8), **BASE)
        reusing.set_params(**{"pretrained": fitted, **params})
        with pytest.raises(ValueError, match=message):
            reusing.fit(X, Y)
        assert not hasattr(reusing, "_state")

    def test_other_features(self, fitted):
        message = r"features as there are; got a first kernel of shape \(16, 12\) .* \(9, 12\)"
        with pytest.raises(ValueError, match=message):
            MLPClassifier((12, 8), pretrained=fitted, **BASE).fit(X[:, :9], Y)

    def test_keras_models_that_are_no_chain(self):
        inputs = keras.Input((16,))
        hidden = keras.layers.Dense(12)(inputs)
        joined = keras.layers.Concatenate()([hidden, inputs])
        skipping = keras.Model(inputs, keras.layers.Dense(4)(joined))
        image = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
        text = keras.Sequential([keras.Input((16,)), keras.layers.Embedding(3, 2)])
        for model in (skipping, image, text):
            reusing = MLPClassifier((12,), pretrained=model, **BASE)
            with pytest.raises(ValueError, match="must be a chain of dense layers"):
                reusing.fit(X, Y)
        new = keras.Sequential([keras.layers.Dense(12)])
        with pytest.raises(ValueError, match="got one that is not built"):
            MLPClassifier((12,), pretrained=new, **BASE).fit(X, Y)

    def test_a_file_that_names_strange_classes(self, tmp_path):
        path = strange(tmp_path / "model.keras")
        with pytest.raises(ValueError, match="or of registered ones; got 'system' of 'os'"):
            MLPClassifier((12,), pretrained=path, **BASE).fit(X, Y)

    def test_a_failed_fit_changes_nothing(self, fitted):
        reusing = MLPClassifier((12, 8), pretrained=fitted, **BASE).fit(X, Y)
        state = reusing._state
        with pytest.raises(ValueError, match="n_frozen_layers"):
            reusing.set_params(n_frozen_layers=5).fit(X, Y)
        assert reusing._state is state


class TestFrozenLayers:
    def test_like_keras(self):
        """Frozen layers, normalisation and penalties, beside Keras's own training."""
        params = {**BASE, "normalization": "batch", "l2": 0.01, "shuffle": False, "epochs": 3}
        source = MLPClassifier((12, 8), **params).fit(X, Y)
        reusing = clone(source).set_params(
            pretrained=source, n_reused_layers="all", n_frozen_layers=1
        )
        reusing.fit(X, Y)
        model = source.model_
        for name in ("hidden_1", "normalization_1"):
            model.get_layer(name).trainable = False
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        history = model.fit(X, Y, batch_size=50, epochs=3, shuffle=False, verbose=0).history
        for array, expected in zip(arrays_of(reusing), model.get_weights(), strict=True):
            np.testing.assert_allclose(array, expected, atol=1e-4)
        np.testing.assert_allclose(reusing.loss_curve_, history["loss"], rtol=1e-3)
        fitted_model = reusing.model_
        assert [layer.trainable for layer in fitted_model.layers[:4]] == [False] * 3 + [True]
        loss = fitted_model.evaluate(X, Y, batch_size=300, verbose=0)
        assert loss == pytest.approx(model.evaluate(X, Y, batch_size=300, verbose=0), rel=1e-3)

    @pytest.mark.parametrize(
        "estimator",
        [
            pytest.param(MLPClassifier(l2=0.01), id="plain"),
            pytest.param(
                MLPClassifier(dropout=(0, 0.4), early_stopping=True, metrics="accuracy"),
                id="dropout above",
            ),
            pytest.param(MLPClassifier(ema_decay=0.9, optimizer="lamb"), id="averages"),
            pytest.param(
                WideDeepClassifier(
                    wide_features=[0, 3], wide_l1=0.1, aux_loss_weight=0.2, n_frozen_layers=2
                ),
                id="wide and deep",
            ),
        ],
    )
    def test_computed_once_or_in_each_step(self, fitted, estimator, monkeypatch):
        estimator = clone(estimator).set_params(
            hidden_layer_sizes=(12, 8), pretrained=fitted, **{**BASE, "epochs": 5}
        )
        estimator.set_params(n_frozen_layers=max(estimator.n_frozen_layers, 1))
        cached = clone(estimator).fit(X, Y)
        built = STORE.built
        again = clone(estimator).fit(X, Y)
        assert STORE.built == built  # the program is shared
        monkeypatch.setattr(reuse, "MAX_BYTES", 0)
        plain = clone(estimator).fit(X, Y)
        assert STORE.built == built + 1
        assert_close(cached, plain)
        assert_close(cached, again, atol=0)
        assert cached.history_.keys() == plain.history_.keys()
        for name, values in cached.history_.items():
            np.testing.assert_allclose(values, plain.history_[name], atol=1e-5)

    @pytest.mark.parametrize(
        ("params", "cut"),
        [
            ({}, "activation_2"),
            ({"dropout": (0, 0.5, 0)}, "activation_2"),
            ({"dropout": (0.5, 0, 0)}, "activation_1"),
            ({"input_dropout": 0.1}, None),
            ({"activation": "rrelu"}, "hidden_1"),
            ({"normalization": "batch"}, "activation_2"),
            ({"activation": "prelu"}, "activation_2"),
        ],
    )
    def test_where_the_frozen_part_ends(self, params, cut):
        estimator = MLPClassifier((3, 3, 3), **params)
        estimator.n_features_in_, estimator.n_outputs_, estimator.y_type_ = 2, 1, "binary"
        estimator.classes_ = np.arange(2)
        spec = replace(estimator._spec(), n_frozen=2)
        weights = [[1] * (layer.kind.shapes(3) != []) for layer in spec.layers()]
        assert cut_of(spec, weights) == cut
        assert cut_of(replace(spec, n_frozen=0), weights) is None

    def test_callbacks_see_the_whole_network(self, fitted):
        seen = []

        class Look(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                seen.append([layer.trainable for layer in self.model.layers[:3:2]])
                if epoch == 0:
                    kernel = self.model.layers[0].kernel
                    kernel.assign(kernel * 0)

        reusing = MLPClassifier((12, 8), pretrained=fitted, n_frozen_layers=1, **BASE)
        reusing.set_params(callbacks=[Look()]).fit(X, Y)
        assert seen == [[False, True]] * 2
        assert not reusing.coefs_[0].any()


class TestRateOfReusedLayers:
    def test_multiplies_the_step(self, fitted):
        params = {**BASE, "optimizer": "sgd", "batch_size": 300, "epochs": 1}
        params |= {"n_reused_layers": "all", "pretrained": fitted}
        whole = MLPClassifier((12, 8), **params).fit(X, Y)
        steps = [a - b for a, b in zip(arrays_of(whole), arrays_of(fitted), strict=True)]
        quarter = MLPClassifier((12, 8), reused_rate_factor=0.25, **params).fit(X, Y)
        pairs = zip(arrays_of(quarter), arrays_of(fitted), steps, strict=True)
        for array, before, step in pairs:
            np.testing.assert_allclose(array - before, 0.25 * step, atol=1e-6)

    def test_is_a_number_of_run_time(self, fitted):
        params = {**BASE, "pretrained": fitted, "n_frozen_layers": 1, "epochs": 1}
        built = []
        for factor in (0.5, 0.1):
            reusing = MLPClassifier((12, 8), reused_rate_factor=factor, **params).fit(X, Y)
            built.append(STORE.built)
        assert built[0] == built[1]
        moved = np.abs(reusing.coefs_[1] - fitted.coefs_[1]).max()
        assert 0 < moved <= 0.1 * 0.01 * 6 * 1.01  # Adam's six steps


class TestWarmStart:
    def test_averages_of_layers_that_are_frozen_later(self, fitted):
        """With a callback, training sees the whole network, else the layers from the cut."""
        params = {**BASE, "pretrained": fitted, "warm_start": True, "ema_decay": 0.9}
        loss = {}
        for callbacks in ((), (keras.callbacks.Callback(),)):
            reusing = MLPClassifier((12, 8), **params).fit(X, Y)
            before = reusing.hidden_output(X, 0)
            reusing.set_params(n_frozen_layers=1).fit(X, Y, callbacks=[*callbacks])
            np.testing.assert_array_equal(reusing.hidden_output(X, 0), before)
            loss[callbacks == ()] = log_loss(Y, reusing.predict_proba(X))
        assert loss[True] == pytest.approx(loss[False], rel=1e-4)

    def test_unfreezing(self, fitted):
        params = {**BASE, "pretrained": fitted, "warm_start": True, "ema_decay": 0.9}
        reusing = MLPClassifier((12, 8), n_frozen_layers=2, **params).fit(X, Y)
        assert reusing.coefs_[1] == pytest.approx(fitted.coefs_[1])
        head = reusing.coefs_[2]
        n_head = 8 * 4 + 4
        assert len(reusing._state.training.optimizer[1]) == n_head
        reusing.set_params(n_frozen_layers=1, pretrained=None).fit(X, Y)
        np.testing.assert_array_equal(reusing.coefs_[0], fitted.coefs_[0])
        assert np.abs(reusing.coefs_[1] - fitted.coefs_[1]).max() > 0
        assert np.abs(reusing.coefs_[2] - head).max() < 0.1
        assert reusing._state.training.optimizer[0] == 2 * 2 * 6
        assert len(reusing.loss_curve_) == 4
        reusing.set_params(n_frozen_layers=0).partial_fit(X, Y)
        reusing.set_params(n_frozen_layers=2).fit(X, Y)
        assert len(reusing._state.training.optimizer[1]) == n_head

    def test_layers_that_stay_trained_keep_the_optimizers_state(self, fitted):
        reusing = MLPClassifier((12, 8), pretrained=fitted, n_frozen_layers=2, **BASE)
        network = reusing.fit(X, Y)._state
        adam = optimizer_recipe("adam", 0.01)
        state = refrozen(network, replace(network.spec, n_frozen=1), adam)
        for old, new in zip(network.training.optimizer[1:], state.optimizer[1:], strict=True):
            np.testing.assert_array_equal(new[-len(old) :], old)
            assert len(new) == len(old) + 12 * 8 + 8
            assert not new[: -len(old)].any()
        adagrad = optimizer_recipe("adagrad", 0.01)
        moment = network.training.optimizer[1]
        one = replace(network, training=replace(network.training, optimizer=(6, moment)))
        (_, new) = refrozen(one, replace(network.spec, n_frozen=1), adagrad).optimizer
        np.testing.assert_allclose(new[: -len(moment)], 0.1)  # as Adagrad begins
        other = optimizer_recipe("lamb", 0.01)
        assert refrozen(network, replace(network.spec, n_frozen=1), other).optimizer == ()

    def test_pretrained_is_for_the_first_call(self, fitted):
        reusing = MLPClassifier((12, 8), pretrained=fitted, **BASE)
        reusing.partial_fit(X, Y, classes=np.unique(Y))
        once = reusing.coefs_[0]
        assert np.abs(once - fitted.coefs_[0]).max() < 0.1
        reusing.partial_fit(X, Y)
        assert np.abs(reusing.coefs_[0] - fitted.coefs_[0]).max() > 0


class TestScikitLearn:
    def test_clones_keep_it(self, fitted, keras_model):
        for source in (fitted, keras_model, (fitted.coefs_, fitted.intercepts_)):
            reusing = MLPClassifier((12, 8), pretrained=source, dropout=[0.1, 0.2])
            cloned = clone(clone(make_pipeline(FunctionTransformer(), reusing)))[-1]
            assert cloned.pretrained is source
            assert cloned.dropout == [0.1, 0.2]
            assert cloned.dropout is not reusing.dropout
        again = clone(MLPClassifier(pretrained=fitted).set_output(transform="pandas"))
        assert again._sklearn_output_config == {"transform": "pandas"}

    def test_its_parameters_are_not_ours(self, fitted, keras_model):
        reusing = MLPClassifier((12, 8), pretrained=fitted)
        assert not [name for name in reusing.get_params() if "__" in name]
        with pytest.raises(ValueError, match="'pretrained' must be set as a whole"):
            reusing.set_params(pretrained__epochs=1)
        assert "pretrained=MLPClassifier(" in repr(reusing)
        reusing_model = MLPClassifier(pretrained=keras_model)
        assert repr(reusing_model) == "MLPClassifier(pretrained=Sequential(...))"
        assert "pretrained" in reusing._repr_html_()

    def test_searches(self, fitted):
        other = MLPClassifier((12, 8), **{**BASE, "random_state": 1}).fit(X, Y)
        pipeline = make_pipeline(FunctionTransformer(), MLPClassifier((12, 8), **BASE))
        pipeline.set_params(mlpclassifier__pretrained=fitted)
        grid = {
            "mlpclassifier__n_frozen_layers": [0, 1],
            "mlpclassifier__pretrained": [FrozenEstimator(fitted), FrozenEstimator(other)],
        }
        plain = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)
        stacked = StackedGridSearchCV(pipeline, grid, cv=2).fit(X, Y)
        np.testing.assert_allclose(
            plain.cv_results_["mean_test_score"],
            stacked.cv_results_["mean_test_score"],
            atol=0.02,
        )
        best = plain.best_estimator_[-1]
        assert best.n_reused_layers_ == 2
        grid["mlpclassifier__pretrained"] = [
            fitted
        ]  # which the search's own clone makes unfitted
        with pytest.raises(ValueError, match=r"or in a grid, wrap it in .*FrozenEstimator"):
            GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, Y)

    def test_stacks(self, fitted):
        """Six fits of one recipe are trained as one, each with its own factor and rows."""
        reusing = MLPClassifier((12, 8), pretrained=fitted, n_frozen_layers=1, **BASE)
        grid = {"reused_rate_factor": [0.1, 0.5, 2.0]}
        plain = GridSearchCV(reusing, grid, cv=2, scoring="neg_log_loss").fit(X, Y)
        built = STORE.built
        stacked = StackedGridSearchCV(reusing, grid, cv=2, scoring="neg_log_loss").fit(X, Y)
        assert STORE.built == built + 1
        name = "mean_test_score"
        scores = plain.cv_results_[name]
        np.testing.assert_allclose(stacked.cv_results_[name], scores, rtol=1e-4)
        assert len(set(scores)) == 3

    def test_pickles(self, fitted, keras_model):
        for source in (fitted, keras_model):
            reusing = MLPClassifier((12, 8), pretrained=source, n_frozen_layers=2, **BASE)
            for estimator in (reusing, clone(reusing).fit(X, Y)):
                loaded = pickle.loads(pickle.dumps(estimator))
                refitted = clone(loaded).fit(X, Y)
                np.testing.assert_array_equal(refitted.coefs_[1], fitted.coefs_[1])
        assert repr(loaded.pretrained) == "<trained layers of 16, 12, 8, 4 units>"
        assert b"KerasSaveable" not in pickle.dumps(estimator)

    def test_checkpoints(self, fitted, tmp_path):
        reusing = MLPClassifier((12, 8), pretrained=fitted, n_frozen_layers=1, **BASE)
        reusing.set_params(checkpoint_dir=tmp_path).fit(X, Y)
        loaded = clone(reusing).load_checkpoint()
        assert_close(loaded, reusing, atol=0)
        assert loaded._state.spec == reusing._state.spec
        loaded.set_params(warm_start=True, checkpoint_dir=None, n_frozen_layers=0).fit(X, Y)
        assert_close(clone(reusing).fit(X, Y), reusing, atol=0)
        other = MLPClassifier((12, 8), **{**BASE, "random_state": 1}).fit(X, Y)
        for changed in ({"pretrained": other}, {"n_frozen_layers": 2}):
            with pytest.raises(ValueError, match=f"{next(iter(changed))} changed"):
                clone(reusing).set_params(**changed).fit(X, Y)
            with pytest.raises(ValueError, match=f"{next(iter(changed))} changed"):
                clone(reusing).set_params(**changed).load_checkpoint()

    def test_a_fit_that_was_killed_resumes(self, fitted, tmp_path, monkeypatch):
        """The checkpoint holds the whole network, although training sees a part of it."""
        params = {**BASE, "epochs": 4, "ema_decay": 0.9, "n_frozen_layers": 1}
        reusing = MLPClassifier((12, 8), pretrained=fitted, **params)
        whole = clone(reusing).fit(X, Y)
        after_epoch = Checkpoint.after_epoch

        def killed(checkpoint, training):
            after_epoch(checkpoint, training)
            if training.fit.state.epochs == 2:
                raise MemoryError

        monkeypatch.setattr(Checkpoint, "after_epoch", killed)
        reusing.set_params(checkpoint_dir=tmp_path)
        with pytest.raises(MemoryError):
            reusing.fit(X, Y)
        monkeypatch.undo()
        half = clone(reusing).load_checkpoint()
        np.testing.assert_array_equal(half.coefs_[0], fitted.coefs_[0])
        assert half.n_iter_ == 2
        assert_close(reusing.fit(X, Y), whole, atol=0)

    def test_halving(self, fitted):
        """A longer fit resumes the shorter one, frozen layers included."""
        reusing = MLPClassifier((12, 8), pretrained=fitted, n_frozen_layers=1, **BASE)
        search = HalvingGridSearchCV(
            reusing,
            {"learning_rate": [0.001, 0.01, 0.1], "reused_rate_factor": [0.3]},
            resource="epochs",
            min_resources=2,
            max_resources=6,
            factor=3,
            cv=2,
            random_state=0,
        ).fit(X, Y)
        direct = clone(search.best_estimator_).fit(X, Y)
        assert direct.epochs == 6
        assert_close(search.best_estimator_, direct, atol=0)


class TestKerasNetworks:
    def test_weights_of_the_model_itself(self, keras_model):
        model = keras.models.clone_model(keras_model)
        model.set_weights(keras_model.get_weights())
        params = {"epochs": 1, "learning_rate": 1e-12, "random_state": 0}
        own = KerasClassifier(model, pretrained=model, n_reused_layers="all", **params)
        probability = own.fit(X, Y).predict_proba(X)
        np.testing.assert_allclose(probability, model.predict(X, verbose=0), atol=1e-6)
        frozen = clone(own).set_params(n_frozen_layers=2, learning_rate=0.01).fit(X, Y)
        assert [layer.trainable for layer in frozen.model_.layers] == [False] * 4 + [True] * 2
        np.testing.assert_array_equal(frozen.coefs_[1], own.coefs_[1])

    def test_networks_of_other_layers_take_all_weights(self):
        model = keras.Sequential(
            [
                keras.Input((16,)),
                keras.layers.Reshape((4, 4, 1)),
                keras.layers.Conv2D(3, 3),
                keras.layers.BatchNormalization(),
                keras.layers.Flatten(),
                keras.layers.Dense(4, activation="softmax"),
            ]
        )
        model.layers[1].trainable = False
        params = {"epochs": 1, "learning_rate": 1e-12, "random_state": 0, "pretrained": model}
        own = KerasClassifier(model, **params).fit(X, Y)
        np.testing.assert_allclose(arrays_of(own)[0], model.get_weights()[0])
        again = clone(own).set_params(pretrained=own, learning_rate=0.1).fit(X, Y)
        np.testing.assert_array_equal(arrays_of(again)[0], model.get_weights()[0])
        smaller = keras.Sequential([keras.Input((16,)), keras.layers.Dense(4)])
        with pytest.raises(
            ValueError, match=r"shape \(16, 4\) for one of shape \(3, 3, 1, 3\)"
        ):
            clone(own).set_params(pretrained=smaller).fit(X, Y)
        with pytest.raises(ValueError, match="'n_reused_layers' must be None or 'all'"):
            clone(own).set_params(n_reused_layers=1).fit(X, Y)
