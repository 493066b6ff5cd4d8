"""Keras's names, objects and numbers as values of parameters."""

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score, get_scorer_names

from skmlp import MLPClassifier, MLPRegressor, WideDeepRegressor
from skmlp._data.encoded import EncodedData
from skmlp._keras.losses import row_loss
from skmlp._keras.objects import find_class
from skmlp._keras.optimizers import optimizer_recipe
from skmlp._network.keras_model import seeded_initializer
from skmlp._network.mlp import MLPSpec
from skmlp._training.metrics import SHORT_NAMES, named_measures

N_ROWS, EPOCHS = 75, 5  # with batches of 32 the last of 3 batches has 11 rows
RNG = np.random.RandomState(0)
X = RNG.normal(size=(N_ROWS, 4)).astype(np.float32)
Y = X[:, 0] - X[:, 1] ** 2 + 0.1 * RNG.normal(size=N_ROWS)
COMMON = {
    "hidden_layer_sizes": (7,),
    "optimizer": "sgd",
    "batch_size": 32,
    "epochs": EPOCHS,
    "shuffle": False,
    "random_state": 3,
    "n_iter_no_change": np.inf,
}
REGRESSOR = MLPRegressor(**COMMON)


# Classes instead of objects

CLASSES = {
    "activation": keras.layers.LeakyReLU,
    "kernel_initializer": keras.initializers.HeNormal,
    "normalization": keras.layers.BatchNormalization,
    "loss": keras.losses.Huber,
    "optimizer": keras.optimizers.Adam,
    "learning_rate_schedule": keras.optimizers.schedules.CosineDecay,
    "metrics": keras.metrics.MeanSquaredError,
    "callbacks": keras.callbacks.TerminateOnNaN,
}


@pytest.mark.parametrize("parameter", CLASSES)
def test_a_class_is_no_object(parameter):
    cls = CLASSES[parameter]
    message = (
        rf"^'{parameter}' must be .* the class {cls.__name__}; call it: {cls.__name__}\(\)"
    )
    values = [cls]
    if parameter in ("activation", "metrics", "callbacks"):
        values.append([cls])
    for value in values:
        with pytest.raises(ValueError, match=message):
            clone(REGRESSOR).set_params(**{parameter: value}).fit(X, Y)


def test_a_class_is_no_object_elsewhere():
    with pytest.raises(ValueError, match=r"'callbacks' must be an object .* TerminateOnNaN"):
        clone(REGRESSOR).fit(X, Y, callbacks=[keras.callbacks.TerminateOnNaN])
    wide = WideDeepRegressor(**COMMON, wide_optimizer=keras.optimizers.Ftrl)
    with pytest.raises(ValueError, match=r"'wide_optimizer' must be an object .* class Ftrl"):
        wide.fit(X, Y)
    with pytest.raises(ValueError, match="'loss' must be an object"):
        MLPRegressor(loss=keras.losses.MeanSquaredError).partial_fit(X, Y)


# Names

FAMILIES = {
    "optimizer": (keras.optimizers, keras.optimizers.Optimizer),
    "metrics": (keras.metrics, keras.metrics.Metric),
    "kernel_initializer": (keras.initializers, keras.initializers.Initializer),
}


def offered(parameter):
    """The names listed in the error for an unknown name."""
    with pytest.raises(ValueError, match=f"^'{parameter}' must be one of ") as error:
        find_class(*FAMILIES[parameter], "?", parameter)
    names, _, _ = str(error.value).partition(", or ")
    return names.removeprefix(f"'{parameter}' must be one of ").split(", ")


@pytest.mark.parametrize(
    ("parameter", "names", "unusable"),
    [
        (
            "optimizer",
            ["adam", "adamw", "rmsprop", "sgd"],
            ["optimizer", "LossScaleOptimizer", "MultiOptimizer", "ScheduleFreeAdamW"],
        ),
        (
            "metrics",
            ["mean_squared_error", "auc", "f1_score", "kl_divergence", "accuracy"],
            ["Metric", "mean", "sum", "mean_metric_wrapper", "MeanTensor", "binary_iou"],
        ),
        (
            "kernel_initializer",
            ["he_normal", "zeros", "variance_scaling"],
            ["initializer", "random_initializer", "stft"],
        ),
    ],
)
def test_names_that_work_are_offered_and_no_others(parameter, names, unusable):
    assert set(names) <= set(offered(parameter))
    for name in unusable:
        assert name.lower() not in [one.replace("_", "") for one in offered(parameter)]
        with pytest.raises(ValueError, match=f"'{parameter}' must be one of .*; got '{name}'"):
            find_class(*FAMILIES[parameter], name, parameter)
    for name in offered(parameter):
        cls = find_class(*FAMILIES[parameter], name, parameter)
        for spelling in (cls.__name__, name.replace("_", ""), name.upper()):
            assert find_class(*FAMILIES[parameter], spelling, parameter) is cls


def test_offered_initializers_draw_and_optimizers_are_made():
    for name in offered("kernel_initializer"):
        kernel = seeded_initializer(name, seed=0)((4, 7), dtype="float32")
        assert np.isfinite(kernel).all(), name
    for name in offered("optimizer"):
        assert optimizer_recipe(name, 0.5).build().get_config()["learning_rate"] == 0.5


def test_offered_metrics_measure():
    names = set(offered("metrics")) - set(get_scorer_names())
    spec = MLPSpec(4, (), (), (), 3, "softmax")
    target = np.arange(6, dtype=np.int32) % 3
    raw = RNG.normal(size=(6, 3)).astype(np.float32)
    data = EncodedData(np.zeros((6, 4), np.float32), target, np.ones(6, np.float32))
    for name, measure in named_measures(sorted(names), None, spec).items():
        assert np.isfinite(measure(data, raw)), name


@pytest.mark.parametrize("loss", ["Loss", "LossFunctionWrapper", "square"])
def test_losses_that_are_none_are_refused(loss):
    with pytest.raises(ValueError, match=f"^'loss' must be one of .*; got '{loss}'"):
        clone(REGRESSOR).set_params(loss=loss).fit(X, Y)


def test_losses_that_fail_are_told_by_name():
    def unready(y_true, y_pred):
        raise NotImplementedError("later")

    message = r"'loss' must give one value .*; got <func.*unready.* rows \(later\); take"
    with pytest.raises(ValueError, match=message):
        clone(REGRESSOR).set_params(loss=unready).fit(X, Y)


# Short names of metrics

KINDS = {
    "regression": (MLPRegressor, Y),
    "binary": (MLPClassifier, Y > -0.5),
    "multiclass": (MLPClassifier, np.digitize(Y, [-1.5, 0])),
    "multilabel": (MLPClassifier, np.column_stack([Y > -0.5, X[:, 2] > 0]).astype(int)),
}


def test_short_names_are_those_of_keras():
    classes = ["MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError"]
    classes += ["MeanSquaredLogarithmicError", "BinaryCrossentropy"]
    short = dict(zip(["mse", "MAE", "mape", "msle", "bce"], classes, strict=True))
    fitted = clone(REGRESSOR).set_params(metrics=list(short)).fit(X, np.abs(Y))
    predicted = fitted.predict(X)[:, None]
    for name, cls in short.items():
        expected = getattr(keras.metrics, cls)()(np.abs(Y)[:, None], predicted)
        np.testing.assert_allclose(fitted.history_[name][-1], expected, rtol=1e-5)
        assert type(keras.metrics.get(name)).__name__ == cls


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_accuracy_and_cross_entropy_fit_the_targets(kind):
    cls, y = KINDS[kind]
    fitted = cls(**COMMON, metrics=["acc", "Accuracy", "ce"]).fit(X, y)
    assert set(fitted.history_) == {"loss", "learning_rate", "acc", "Accuracy", "ce"}
    expected = accuracy_score(y, fitted.predict(X))
    assert fitted.history_["acc"][-1] == fitted.history_["Accuracy"][-1] == expected

    probability = fitted.predict_proba(X).astype(np.float32)
    target = np.eye(3)[y] if kind == "multiclass" else y
    if kind == "binary":
        target, probability = y[:, None].astype(np.float32), probability[:, 1:]
    name = "Categorical" if kind == "multiclass" else "Binary"
    entropy = getattr(keras.metrics, f"{name}Crossentropy")()(target, probability)
    np.testing.assert_allclose(fitted.history_["ce"][-1], entropy, rtol=1e-5)
    if kind != "multilabel":  # Keras counts labels here, scikit-learn rows
        accuracy = getattr(keras.metrics, f"{name}Accuracy")()(target, probability)
        np.testing.assert_allclose(expected, accuracy, rtol=1e-6)


def test_unknown_metrics_are_told_of_short_names():
    with pytest.raises(ValueError, match=f"{', '.join(SHORT_NAMES)}, a scikit-learn scorer"):
        clone(REGRESSOR).set_params(metrics="mea").fit(X, Y)


@pytest.mark.parametrize("loss", ["ce", "crossentropy", "bce"])
def test_short_names_of_cross_entropies_are_losses(loss):
    key = row_loss("log_loss", "softmax", 3).key
    assert row_loss(loss, "softmax", 3).key == key


# NumPy numbers and integers


@pytest.mark.parametrize("momentum", [0, 0.5, np.float64(0.5), np.float32(0.5), np.int64(0)])
def test_numbers_reach_keras_as_pythons_own(momentum):
    rate, decay, nesterov = np.logspace(-3, -2, 2)[1], np.float32(0.25), np.True_
    for optimizer in ("sgd", keras.optimizers.SGD()):
        settings = {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
        recipe = optimizer_recipe(optimizer, rate, **settings)
        plain = {"momentum": float(momentum), "nesterov": True, "weight_decay": 0.25}
        assert recipe == optimizer_recipe(optimizer, 0.01, **plain)
        config = recipe.build().get_config()
        assert {name: config[name] for name in plain} == plain
        kinds = [type(recipe.config[name]) for name in ("learning_rate", *plain)]
        assert kinds == [float, float, bool, float]


NUMBERS = [
    {"momentum": 0, "nesterov": np.False_, "learning_rate": np.float32(0.01)},
    {"momentum": np.float64(0.9), "nesterov": np.True_, "clipnorm": 1, "l1": np.float64(0)},
    {"clipnorm": np.float32(1), "l1": 0, "l2": np.int64(0), "dropout": 0, "input_dropout": 0},
    {"ema_decay": np.float32(0.5), "tol": np.float32(0), "learning_rate": 1e-2, "epochs": 2},
    {"learning_rate_schedule": "exponential", "decay_rate": 1, "decay_steps": np.int64(3)},
    {"batch_size": np.int32(32), "epochs": np.int64(2), "n_hidden": np.int64(1)},
]


@pytest.mark.parametrize("numbers", NUMBERS, ids=lambda numbers: "-".join(numbers))
def test_numbers_of_all_kinds_give_the_same_bits(numbers):
    plain = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in numbers.items()
    }
    of_numpy, of_python = (
        clone(REGRESSOR).set_params(**{**numbers, **given}).fit(X, Y) for given in ({}, plain)
    )
    np.testing.assert_array_equal(of_numpy.predict(X), of_python.predict(X))


@pytest.mark.parametrize("smoothing", [np.float32(0.25), np.float64(0.25)])
def test_label_smoothing_is_a_plain_float(smoothing):
    smoothed = row_loss("log_loss", "softmax", 3, smoothing)
    assert smoothed.key == row_loss("log_loss", "softmax", 3, 0.25).key


def test_batch_size_none_is_that_of_keras():
    by_default = clone(REGRESSOR).set_params(batch_size=None).fit(X, Y)
    np.testing.assert_array_equal(by_default.predict(X), clone(REGRESSOR).fit(X, Y).predict(X))


# Accumulated gradients, scaled losses, and optimizers that wrap others


def initial_weights():
    """The initial weights of `REGRESSOR`."""
    still = clone(REGRESSOR).set_params(epochs=1, learning_rate=1e-30)
    return list(still.fit(X, Y)._state.arrays)


def trained_by_keras(optimizer):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(7, activation="relu"), keras.layers.Dense(1)]
    )
    model.set_weights(initial_weights())
    model.compile(optimizer=optimizer, loss="mse", run_eagerly=True)
    model.fit(X, Y[:, None], batch_size=32, epochs=EPOCHS, shuffle=False, verbose=0)
    return model.get_weights()


def assert_trains_as_keras(ours, optimizer):
    fitted = clone(REGRESSOR).set_params(**ours).fit(X, Y)
    for mine, theirs in zip(fitted._state.arrays, trained_by_keras(optimizer), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-6)
    return fitted


DECAY = keras.optimizers.schedules.ExponentialDecay(0.05, decay_steps=3, decay_rate=0.5)
TWO_BATCHES = {"gradient_accumulation_steps": 2}


def test_gradients_accumulate_as_in_keras():
    def optimizer():
        settings = {"clipnorm": 0.1, "use_ema": True, "ema_momentum": 0.9}
        return keras.optimizers.Adam(0.02, gradient_accumulation_steps=4, **settings)

    assert_trains_as_keras({"optimizer": optimizer()}, optimizer())


def test_accumulation_does_not_change_how_averages_and_schedules_count():
    """Steps are batches, including those that only accumulate gradients."""
    accumulating = keras.optimizers.SGD(**TWO_BATCHES)
    ours = {"optimizer": accumulating, "learning_rate_schedule": DECAY}
    fitted = assert_trains_as_keras(ours, keras.optimizers.SGD(DECAY, **TWO_BATCHES))
    last_batches = np.arange(2, 15, 3)
    np.testing.assert_allclose(
        fitted.history_["learning_rate"], 0.05 * 0.5 ** (last_batches / 3), rtol=1e-5
    )
    averaging = keras.optimizers.SGD(0.02, use_ema=True, ema_momentum=0.9, **TWO_BATCHES)
    ours = {"optimizer": accumulating, "learning_rate": 0.02, "ema_decay": 0.9}
    assert_trains_as_keras(ours, averaging)


def test_half_an_accumulation_goes_on_in_the_next_call():
    params = {"optimizer": keras.optimizers.SGD(0.02, **TWO_BATCHES), "warm_start": True}
    at_once = clone(REGRESSOR).set_params(**params).fit(X, Y)
    in_parts = clone(REGRESSOR).set_params(**params).fit(X, Y, epochs=1).fit(X, Y, epochs=4)
    assert at_once.loss_curve_ == in_parts.loss_curve_
    np.testing.assert_array_equal(at_once.predict(X), in_parts.predict(X))


def test_a_scaled_loss_trains_as_in_keras():
    def optimizer():
        return keras.optimizers.SGD(0.02, loss_scale_factor=1000.0)

    assert_trains_as_keras({"optimizer": optimizer()}, optimizer())


def test_optimizers_that_cannot_be_trained_with():
    wrapped = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    with pytest.raises(
        ValueError, match=r"^'optimizer' must .* LossScaleOptimizer, which wraps"
    ):
        clone(REGRESSOR).set_params(optimizer=wrapped).fit(X, Y)
    with pytest.raises(ValueError, match=r"^'wide_optimizer' must .* which wraps"):
        WideDeepRegressor(**COMMON, wide_optimizer=wrapped).fit(X, Y)
    accumulating = {"optimizer": keras.optimizers.SGD(**TWO_BATCHES), "clipnorm": 1.0}
    with pytest.raises(ValueError, match=r"'clipnorm' .* None where 'optimizer' accumulates"):
        clone(REGRESSOR).set_params(**accumulating).fit(X, Y)


def test_an_optimizer_whose_state_begins_at_the_weights_is_refused():
    if not hasattr(keras.optimizers, "ScheduleFreeAdamW"):
        pytest.skip("this version of Keras has none")
    schedule_free = keras.optimizers.ScheduleFreeAdamW()
    with pytest.raises(ValueError, match=r"'optimizer' .* ScheduleFreeAdamW, whose averages"):
        clone(REGRESSOR).set_params(optimizer=schedule_free).fit(X, Y)


def test_losses_whose_configuration_does_not_say_all_are_told_apart():
    narrow, wide, again = (
        clone(REGRESSOR).set_params(loss=keras.losses.Huber(delta)).fit(X, Y).loss_curve_
        for delta in (0.01, 10.0, 0.01)
    )
    assert wide[0] > 2 * narrow[0]
    assert again == narrow
