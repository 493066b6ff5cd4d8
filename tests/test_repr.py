"""How estimators, pipelines and searches print Keras objects."""

from copy import copy

import keras
import numpy as np
import pytest
import sklearn
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV as ScikitLearnSearch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPRegressor, WideDeepRegressor
from skmlp._checkpoints.learned import NOT_ENDED
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.stopping import StopReason
from skmlp._estimators.shown import caption
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.keras_conversion import keras_spec
from skmlp._network.mlp import MLPSpec
from skmlp.model_selection import GridSearchCV, HalvingGridSearchCV


@pytest.mark.parametrize(
    ("params", "shown"),
    [
        ({"optimizer": keras.optimizers.Adam(0.01)}, "optimizer=Adam(learning_rate=0.01)"),
        ({"optimizer": keras.optimizers.Adam()}, "optimizer=Adam()"),
        (
            {"optimizer": keras.optimizers.SGD(0.3, momentum=0.9, nesterov=True)},
            "optimizer=SGD(learning_rate=0.3, momentum=0.9, nesterov=True)",
        ),
        (
            {
                "optimizer": keras.optimizers.Adam(
                    keras.optimizers.schedules.CosineDecay(0.1, 9)
                )
            },
            "optimizer=Adam(learning_rate=CosineDecay(initial_learning_rate=0.1, "
            "decay_steps=9))",
        ),
        ({"loss": keras.losses.Huber(delta=2.0)}, "loss=Huber(delta=2.0)"),
        ({"loss": keras.losses.mean_squared_error}, "loss=mean_squared_error"),
        ({"activation": [keras.layers.PReLU(), "relu"]}, "activation=[PReLU(), 'relu']"),
        (
            {"activation": (keras.layers.LeakyReLU(negative_slope=0.2),)},
            "activation=(LeakyReLU(negative_slope=0.2),)",
        ),
        (
            {"normalization": keras.layers.BatchNormalization(momentum=0.9)},
            "normalization=BatchNormalization(momentum=0.9)",
        ),
        (
            {"kernel_initializer": keras.initializers.HeNormal(3)},
            "kernel_initializer=HeNormal(",
        ),
        ({"metrics": [keras.metrics.AUC()]}, "metrics=[AUC()]"),
        ({"callbacks": [keras.callbacks.EarlyStopping()]}, "callbacks=[EarlyStopping(...)]"),
        (
            {"activation": keras.layers.Lambda(lambda z: z)},
            "activation=Lambda(function=<lambda>",
        ),
    ],
)
def test_objects_are_shown_as_the_calls_that_make_them(params, shown):
    text = repr(MLPRegressor(**params))
    assert shown in text
    assert " at 0x" not in text


def test_all_that_hold_an_estimator_show_it_alike():
    shown = "optimizer=Adam(learning_rate=0.01)"
    regressor = MLPRegressor(optimizer=keras.optimizers.Adam(0.01))
    assert repr(regressor) == f"MLPRegressor({shown})"
    assert repr(make_pipeline(regressor)) == (
        f"Pipeline(steps=[('mlpregressor',\n{' ' * 17}MLPRegressor({shown}))])"
    )
    pipeline = make_pipeline(StandardScaler(), regressor)
    for holder in (
        pipeline,
        ScikitLearnSearch(pipeline, {}),
        GridSearchCV(regressor, {}),
        WideDeepRegressor(wide_optimizer=keras.optimizers.Adam(0.01)),
    ):
        assert shown in repr(holder)
        assert " at 0x" not in repr(holder)
    with sklearn.config_context(print_changed_only=False):
        regressor = MLPRegressor(loss=keras.losses.Huber(delta=2.0))
        for holder in (regressor, make_pipeline(StandardScaler(), regressor)):
            assert "loss=Huber(delta=2.0)" in repr(holder)


def test_html_shows_it_too():
    regressor = MLPRegressor(optimizer=keras.optimizers.Adam(0.01))
    for holder in (regressor, make_pipeline(StandardScaler(), regressor)):
        html = holder._repr_html_()
        assert "Adam(learning_rate=0.01)" in html
        assert "Adam object" not in html


def test_parameters_are_the_objects_themselves():
    adam = keras.optimizers.Adam(0.01)
    regressor = MLPRegressor(optimizer=adam)
    repr(regressor)
    assert regressor.get_params()["optimizer"] is adam
    assert make_pipeline(regressor).get_params()["mlpregressor__optimizer"] is adam


def test_who_prints_himself_does_so():
    class Own(keras.optimizers.Adam):
        def __repr__(self):
            return "Own!"

    class Heir(keras.optimizers.Adam):
        pass

    class Broken(keras.optimizers.Adam):
        def get_config(self):
            raise NotImplementedError

    def double(z):
        return 2 * z

    assert repr(MLPRegressor(optimizer=Own())) == "MLPRegressor(optimizer=Own!)"
    assert repr(MLPRegressor(optimizer=Heir(0.5))) == (
        "MLPRegressor(optimizer=Heir(learning_rate=0.5))"
    )
    assert repr(MLPRegressor(optimizer=Broken())) == "MLPRegressor(optimizer=Broken(...))"
    assert repr(double) in repr(MLPRegressor(activation=double))


GRID = {"optimizer": [keras.optimizers.SGD(0.05), "sgd"], "l2": [0.0, 0.1]}
SMALL = MLPRegressor((8,), epochs=2, random_state=0)


def check_results(search):
    column = search.cv_results_["param_optimizer"]
    assert set(column) == {"SGD(learning_rate=0.05)", "sgd"}
    assert search.cv_results_["param_l2"].dtype == float
    objects = [one["optimizer"] for one in search.cv_results_["params"]]
    for shown, value in zip(column, objects, strict=True):
        assert shown == "sgd" if value == "sgd" else value is GRID["optimizer"][0]
    assert search.best_params_["optimizer"] in GRID["optimizer"]


@pytest.mark.parametrize("estimator", [SMALL, MLPRegressor(epochs=2, callbacks=[])])
def test_results_of_a_search(sine, estimator):
    check_results(GridSearchCV(estimator, GRID, cv=2).fit(*sine))


def test_results_of_halving(sine):
    search = HalvingGridSearchCV(SMALL, GRID, resource="epochs", max_resources=6, cv=2)
    check_results(search.fit(*sine))


def test_results_of_fits_that_are_trained_alone(sine):
    pipeline = make_pipeline(StandardScaler(), SMALL)
    space = [{"mlpregressor__optimizer": GRID["optimizer"]}, {"mlpregressor__l2": [0.1]}]
    search = GridSearchCV(pipeline, space, cv=2, pre_dispatch=1).fit(*sine)
    column = search.cv_results_["param_mlpregressor__optimizer"]
    assert list(column[:2]) == ["SGD(learning_rate=0.05)", "sgd"]
    assert column[2] is np.ma.masked


@pytest.fixture(scope="module")
def fitted(sine):
    return make_pipeline(StandardScaler(), SMALL).fit(*sine)


def test_a_diagram_shows_the_network_and_its_training(fitted, sine, monkeypatch):
    search = GridSearchCV(fitted, {}, cv=2).fit(*sine)
    # TensorFlow would be imported to build it.
    monkeypatch.setattr(MLPRegressor, "model_", property(lambda self: pytest.fail("built")))
    caption = '<div class="caption">2 → 8 → 1 · 33 weights · 2 epochs (all run)</div>'
    for holder in (fitted[-1], fitted, search, ScikitLearnSearch(fitted, {})):
        assert caption in holder._repr_html_()
    assert "best_estimator_" in search._repr_html_()


def test_a_diagram_before_and_during_fit(fitted):
    assert 'class="caption"' not in MLPRegressor()._repr_html_()
    held = copy(fitted[-1])
    del held.history_, held.stop_reason_  # as callbacks of scikit-learn see it
    assert "MLPRegressor" in held._repr_html_()


WIDE = {"activations": ("relu",), "dropout": (0.0,), "n_outputs": 1}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (MLPSpec(4, (8,), **WIDE, output_activation="linear"), "4 → 8 → 1"),
        (
            MLPSpec(4, (8,), **WIDE, output_activation="linear", n_wide=5),
            "4 → 8 → 1, and 5 → 1",
        ),
        (MLPSpec(0, (), (), (), 1, "linear", n_wide=5), "5 → 1"),
        (AutoencoderSpec(4, (3, 2), (3,), ("relu",) * 3, "linear"), "4 → 3 → 2 → 3 → 4"),
    ],
)
def test_outline(spec, expected):
    assert spec.outline() == expected


def test_outline_of_a_network_of_ones_own():
    layers = keras.layers
    entry = keras.Input((4, 1))

    chain = keras.Sequential([keras.Input((4,)), layers.Dense(8), layers.Dense(3)])
    hidden = layers.Flatten()(layers.Conv1D(2, 2)(entry))
    other = keras.Model(entry, layers.Dense(3)(layers.Dense(8)(hidden)))
    assert keras_spec(chain, None).outline() == "4 → 8 → 3"
    assert keras_spec(other, None).outline() == "4x1 → 4 Keras layers → 3"


def network(*sizes):
    spec = MLPSpec(
        sizes[0], sizes[1:-1], ("relu",) * (len(sizes) - 2), (0.0,), sizes[-1], "linear"
    )
    return FittedNetwork(spec, ((np.zeros(sizes[:2]), np.zeros(sizes[1])), ()))


def test_caption_of_an_ensemble():
    reasons = StopReason.NO_IMPROVEMENT, StopReason.TIME_LIMIT, StopReason.NO_IMPROVEMENT
    trainings = [
        (network(1000, 8, 3), {"loss": [0.0] * n}, reason.value)
        for n, reason in zip((7, 9, 8), reasons, strict=True)
    ]
    assert caption(trainings) == (
        "3 networks of 1000 → 8 → 3 · 24,024 weights · 7 to 9 epochs (no improvement: 2, "
        "time limit: 1)"
    )
    assert caption([(*trainings[0][:2], NOT_ENDED)]).endswith("7 epochs (not ended)")


def test_summary(fitted, capsys):
    fitted[-1].summary(line_length=70)
    printed = capsys.readouterr().out
    assert "hidden_1 (Dense)" in printed
    n_weights = fitted[-1].model_.count_params()
    assert f"Total params: {n_weights}" in printed
    assert all(len(line) <= 70 for line in printed.splitlines())
    with pytest.raises(NotFittedError):
        MLPRegressor().summary()
