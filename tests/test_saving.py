"""Files of fitted estimators: skops, MLflow, and pickles with Keras objects in them."""

import copy
import json
import pickle
import re
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_selector
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skmlp
from skmlp import (
    KerasRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
    skops_trusted_types,
)
from skmlp._keras.text import WAITING, KerasText, to_save
from skmlp._kinds.keras_layers import KerasLayer

SMALL = {"hidden_layer_sizes": (8,), "epochs": 2, "random_state": 0}
DEEP = {"hidden_layer_sizes": (8, 5), "activation": ["prelu", "selu"], "normalization": "batch"}


def keras_objects():
    """Parameters with a Keras object wherever one is allowed."""
    return {
        "hidden_layer_sizes": (8, 5),
        "activation": [keras.layers.LeakyReLU(negative_slope=0.2), "relu"],
        "kernel_initializer": keras.initializers.HeNormal(),
        "normalization": keras.layers.LayerNormalization(epsilon=0.01),
        "loss": keras.losses.Huber(delta=2.0),
        "optimizer": keras.optimizers.SGD(momentum=0.5),
        "learning_rate_schedule": keras.optimizers.schedules.ExponentialDecay(0.01, 9, 0.9),
        "metrics": [keras.metrics.MeanAbsoluteError(), "r2"],
        "epochs": 2,
        "random_state": np.random.RandomState(0),
    }


def frame(X):
    kind = pd.Categorical(np.where(X[:, 0] > 0, "a", "b"))
    size = pd.Categorical(np.where(X[:, 1] > 0, 1, 2))
    return pd.DataFrame({"kind": kind, "size": size, "x": X[:, 0], "y": X[:, 1]})


@pytest.fixture(
    params=[
        "regression",
        "binary",
        "multiclass",
        "multilabel",
        "deep",
        "objects",
        "wide and deep",
        "wide and deep classes",
        "table",
        "table with quantiles",
    ]
)
def problem(request, sine, iris, multilabel):
    """(unfitted estimator, X, y) for each kind."""
    X, y = sine
    crossed = {"wide_features": make_column_selector("k|s"), "wide_crosses": [("kind", "size")]}
    crossed |= {"wide_hash_buckets": 2}
    return {
        "regression": (make_pipeline(StandardScaler(), MLPRegressor(**SMALL)), X, y),
        "binary": (MLPClassifier(**SMALL), X, np.where(y > 0, "up", "down")),
        "multiclass": (MLPClassifier(**SMALL, class_weight={0: 2.0}), *iris),
        "multilabel": (MLPClassifier(**SMALL), *multilabel),
        "deep": (MLPRegressor(**SMALL | DEEP, ema_decay=0.5, normalize_y=True), X, y),
        "objects": (make_pipeline(StandardScaler(), MLPRegressor(**keras_objects())), X, y),
        "wide and deep": (
            WideDeepRegressor(
                **SMALL | crossed,
                wide_optimizer=keras.optimizers.Ftrl(0.1),
                aux_loss_weight=0.2,
            ),
            frame(X),
            y,
        ),
        "wide and deep classes": (
            WideDeepClassifier(**SMALL, wide_features=[0], deep_features=slice(1, None)),
            *iris,
        ),
        "table": (
            TabularRegressor(2, hidden_layer_sizes=(8,), epochs=2, random_state=0),
            frame(X),
            y,
        ),
        "table with quantiles": (
            TabularRegressor(
                2,
                hidden_layer_sizes=(8,),
                epochs=2,
                loss="quantile",
                quantiles=[0.1, 0.9],
            ),
            frame(X),
            y,
        ),
    }[request.param]


def outputs(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


def text(value):
    return re.sub(r" at 0x\w+", "", repr(value))


def config(value):
    """A parameter's value in a form that can be compared."""
    if isinstance(value, (list, tuple)):
        return [config(one) for one in value]
    told = value.get_config() if hasattr(value, "get_config") else text(value)
    return type(value), told


def configs(estimator):
    return {name: config(value) for name, value in estimator.get_params().items()}


class TestSkops:
    def test_round_trip(self, problem):
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        estimator, X, y = problem
        estimator.fit(X, y)
        data = skops_io.dumps(estimator)
        assert set(skops_io.get_untrusted_types(data=data)) <= set(skops_trusted_types())
        loaded = skops_io.loads(data, trusted=skops_trusted_types())
        assert text(loaded) == text(estimator)
        np.testing.assert_array_equal(outputs(loaded, X), outputs(estimator, X))
        ours, theirs = loaded, estimator
        if hasattr(estimator, "steps"):
            ours, theirs = loaded[-1], estimator[-1]
        assert ours.history_ == theirs.history_
        assert configs(ours) == configs(theirs)

    def test_settings_that_keras_leaves_out_of_a_configuration(self, sine):
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        fitted = MLPRegressor(**keras_objects()).fit(*sine)
        data = skops_io.dumps(fitted)
        loaded = skops_io.loads(data, trusted=skops_trusted_types())
        one, other = np.zeros((1, 1)), np.full((1, 1), 5.0)
        assert float(loaded.loss(one, other)) == float(fitted.loss(one, other)) == 8.0

    def test_training_goes_on_from_a_loaded_estimator(self, sine):
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        fitted = MLPRegressor(**keras_objects()).fit(*sine)
        loaded = skops_io.loads(skops_io.dumps(fitted), trusted=skops_trusted_types())
        loaded.partial_fit(*sine)
        fitted.partial_fit(*sine)
        np.testing.assert_array_equal(loaded.predict(sine[0]), fitted.predict(sine[0]))

    def test_functions_of_users_are_for_them_to_trust(self, sine):
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        fitted = MLPRegressor(**SMALL, activation=keras.activations.relu6).fit(*sine)
        skops_io.loads(skops_io.dumps(fitted), trusted=skops_trusted_types())
        fitted = MLPRegressor(**SMALL, activation=doubled).fit(*sine)
        data = skops_io.dumps(fitted)
        unknown = set(skops_io.get_untrusted_types(data=data)) - set(skops_trusted_types())
        assert [name.rpartition(".")[2] for name in unknown] == ["doubled"]
        with pytest.raises(TypeError, match="doubled"):
            skops_io.loads(data, trusted=skops_trusted_types())

    def test_the_trusted_types_are_few_and_only_hold_values(self):
        types = skops_trusted_types()
        assert types == sorted(set(types))
        assert len(types) <= 45
        others = [name for name in types if not name.startswith("skmlp.")]
        selector = "sklearn.compose._column_transformer.make_column_selector"
        assert others == ["numpy.dtype", selector]

    def test_a_pipeline_with_an_imputer(self, sine):
        """The imputer holds a dtype."""
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        fitted = make_pipeline(SimpleImputer(), StandardScaler()).fit(sine[0])
        skops_io.loads(skops_io.dumps(fitted), trusted=skops_trusted_types())

    def test_a_users_network(self, sine):
        """The function that built it is not needed to predict, and is left out here."""
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        X, y = sine
        model = keras.Sequential([keras.Input((X.shape[1],)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        fitted = KerasRegressor(model, epochs=1, random_state=0).fit(X, y)
        file = skops_io.dumps(fitted.set_params(model=None))
        loaded = skops_io.loads(file, trusted=skops_trusted_types())
        np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
        assert loaded.model_.count_params() == X.shape[1] + 1


def doubled(z):
    return 2 * z


class TestSafety:
    """Text from an untrusted file."""

    def loaded(self, serialized, parameter="optimizer"):
        estimator = MLPRegressor.__new__(MLPRegressor)
        text = KerasText("?", json.dumps(serialized))
        estimator.__setstate__({**MLPRegressor().__getstate__(), parameter: text})
        return estimator

    def test_no_lambda_is_made(self):
        dumped = {"class_name": "__lambda__", "config": {"value": ["", None, None]}}
        with pytest.raises(ValueError, match="lambda"):
            self.loaded(dumped).optimizer  # noqa: B018

    @pytest.mark.parametrize("module", ["os", "subprocess", "skmlp", None])
    def test_no_other_module_is_looked_at(self, module):
        strange = {"module": module, "class_name": "Popen", "config": {"args": "ls"}}
        inside = {
            "module": "keras.optimizers",
            "class_name": "Adam",
            "config": {"a": [strange]},
        }
        for serialized in (strange, inside):
            with pytest.raises(ValueError, match="of Keras's own classes or of registered"):
                self.loaded(serialized).optimizer  # noqa: B018

    def test_nor_by_the_layers_of_a_network(self, sine):
        fitted = MLPRegressor(**SMALL, activation=keras.layers.LeakyReLU(negative_slope=0.2))
        fitted.fit(*sine)
        lam = keras.layers.Lambda(lambda z: z, name="activation_1", dtype="float32")
        layer = KerasLayer("Lambda", json.dumps(lam.get_config()))
        object.__setattr__(fitted._state.spec, "activations", (layer,))
        with pytest.raises(ValueError, match="lambda"):
            fitted.predict(sine[0])

    def test_fit_refuses_what_could_not_be_made_again(self, sine):
        layer = keras.layers.Lambda(lambda z: z)
        with pytest.raises(
            ValueError, match="'activation' must not hold a Keras layer of a lam"
        ):
            MLPRegressor(**SMALL, activation=layer).fit(*sine)

    def test_registered_classes_are_made(self):
        @keras.saving.register_keras_serializable("skmlp_tests")
        class Halving(keras.optimizers.schedules.ExponentialDecay):
            pass

        adam = keras.optimizers.Adam(Halving(0.1, 10, 0.5))
        kept = pickle.loads(pickle.dumps(MLPRegressor(optimizer=adam))).optimizer
        assert kept.get_config() == adam.get_config()


class TestPickle:
    def test_objects_are_made_when_asked_for(self, sine):
        fitted = MLPRegressor(**keras_objects()).fit(*sine)
        for other in (
            pickle.loads(pickle.dumps(fitted)),
            pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(fitted)))),
            copy.deepcopy(fitted),
            copy.copy(fitted),
        ):
            assert set(vars(other)[WAITING]) == set(keras_objects()) & {
                "activation",
                "kernel_initializer",
                "normalization",
                "loss",
                "optimizer",
                "learning_rate_schedule",
                "metrics",
            }
            np.testing.assert_array_equal(other.predict(sine[0]), fitted.predict(sine[0]))
            assert configs(other) == configs(fitted)
            assert other.optimizer is other.optimizer
            assert other.get_params()["optimizer"] is other.optimizer
            clone(other)

    def test_a_new_value_counts(self):
        loaded = pickle.loads(pickle.dumps(MLPRegressor(optimizer=keras.optimizers.Adam())))
        loaded.optimizer = "sgd"
        assert loaded.optimizer == "sgd"
        assert pickle.loads(pickle.dumps(loaded)).optimizer == "sgd"
        assert repr(loaded) == "MLPRegressor(optimizer='sgd')"

    def test_objects_of_other_classes_are_left_alone(self):
        class Own(keras.losses.Loss):
            pass

        assert to_save(own := Own()) is own
        values = ["adam", None, 0.1, doubled, (8, 5), ["relu", doubled], keras.losses.Huber]
        for value in values:
            assert to_save(value) is value
        holding = keras.optimizers.Adam(OwnSchedule())  # its class is not registered
        assert to_save(holding) is holding

    def test_attributes_that_there_are_not(self):
        regressor = MLPRegressor()
        del regressor.loss
        for name in ("loss", "wide_optimizer", "nonsense"):
            with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
                getattr(regressor, name)

    def test_without_tensorflow(self, sine, tmp_path):
        X, y = sine
        params = {**keras_objects(), "activation": "relu"}
        fitted = MLPRegressor(**params).fit(X, y)
        (tmp_path / "estimator.pkl").write_bytes(pickle.dumps(fitted))
        np.save(tmp_path / "X.npy", X)
        script = (
            "import pickle, sys\n"
            "sys.modules.update(tensorflow=None, keras=None)\n"
            "import numpy as np\n"
            "estimator = pickle.load(open('estimator.pkl', 'rb'))\n"
            "np.save('predicted.npy', estimator.predict(np.load('X.npy')))\n"
            "again = pickle.loads(pickle.dumps(estimator))\n"
            "assert 'Huber(delta=2.0)' in repr(again), repr(again)\n"
            "assert 'Huber(delta=2.0)' in again._repr_html_()\n"
            "try:\n"
            "    again.optimizer\n"
            "except AttributeError as error:\n"
            "    assert 'needs TensorFlow' in str(error)\n"
            "else:\n"
            "    raise AssertionError\n"
        )
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
        np.testing.assert_array_equal(np.load(tmp_path / "predicted.npy"), fitted.predict(X))


class TestVersions:
    @pytest.fixture(params=[MLPRegressor(epochs=2), TabularRegressor(epochs=2)], ids=str)
    def estimator(self, request):
        return request.param

    def test_another_version_warns(self, estimator, monkeypatch):
        skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
        monkeypatch.setattr(skmlp, "__version__", "0.0.1")
        pickled, saved = pickle.dumps(estimator), skops_io.dumps(estimator)
        monkeypatch.undo()
        sentence = (
            f"{type(estimator).__name__} was saved by skmlp 0.0.1 and is loaded by "
            rf"{skmlp.__version__}, which may fail or predict something else; load it .* anew\."
        )
        with pytest.warns(InconsistentVersionWarning, match=f"^{sentence}$"):
            loaded = pickle.loads(pickled)
        assert loaded.get_params() == estimator.get_params()
        assert not any("version" in name for name in vars(loaded))
        with pytest.warns(InconsistentVersionWarning, match=sentence):
            skops_io.loads(saved, trusted=skops_trusted_types())

    def test_no_version_warns(self, estimator):
        state = estimator.__getstate__()
        del state["_skmlp_version"]
        with pytest.warns(InconsistentVersionWarning, match="saved by skmlp before 0.1.0"):
            clone(estimator).__setstate__(state)

    def test_the_same_version_is_silent(self, estimator):
        copy.deepcopy(pickle.loads(pickle.dumps(make_pipeline(estimator))))


class TestSizes:
    """Files hold little besides numbers: of the weights, and what training resumes from."""

    SIZES = {"hidden_layer_sizes": (128, 128), "epochs": 1, "random_state": 0}

    def test_ensembles(self, sine):
        fitted = TabularRegressor(2, **self.SIZES).fit(*sine)
        weights = sum(array.nbytes for each in fitted._members for array in each.arrays)
        assert len(pickle.dumps(fitted)) <= 1.1 * weights

    def test_single_networks(self, sine):
        fitted = MLPRegressor(**self.SIZES).fit(*sine)
        moments = fitted._state.training.optimizer
        numbers = sum(array.nbytes for array in [*fitted._state.arrays, *moments])
        assert len(pickle.dumps(fitted)) <= 1.1 * numbers


class OwnSchedule(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1

    def get_config(self):
        return {}


def test_losses_that_differ_in_what_keras_does_not_tell_are_trained_as_they_are(sine):
    one, other = (
        MLPRegressor(**SMALL, loss=keras.losses.Huber(delta=delta)).fit(*sine).loss_
        for delta in (0.1, 2.0)
    )
    assert one < 0.5 * other
