"""Training options against `keras.Model.fit` with the Keras objects that correspond."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import mean_absolute_error

from skmlp import MLPClassifier, MLPRegressor

N_ROWS, EPOCHS, UNITS = 75, 5, 7  # with batches of 32 the last of 3 batches has 11 rows
RNG = np.random.RandomState(0)
X = RNG.normal(size=(N_ROWS, 4)).astype(np.float32)
Y = (X[:, 0] - X[:, 1] ** 2 + 0.1 * RNG.normal(size=N_ROWS)).astype(np.float32)
X_VAL = RNG.normal(size=(40, 4)).astype(np.float32)
Y_VAL = (X_VAL[:, 0] - X_VAL[:, 1] ** 2).astype(np.float32)
CLASSES = np.digitize(Y, [-1, 0])
RATE = 0.02
COMMON = {
    "hidden_layer_sizes": (UNITS,),
    "optimizer": "sgd",
    "learning_rate": RATE,
    "batch_size": 32,
    "epochs": EPOCHS,
    "shuffle": False,
    "random_state": 3,
    "n_iter_no_change": np.inf,
}


def keras_fit(ours, hidden, optimizer, *, use_bias=True, **settings):
    """Keras's history and model, from the initial weights of our estimator."""
    start = type(ours)(**{**ours.get_params(), **STANDING_STILL}).fit(X, settings["y"])
    n_outputs = start.n_outputs_
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(UNITS, use_bias=use_bias),
            *hidden,
            keras.layers.Dense(n_outputs, activation=settings.get("output")),
        ]
    )
    for layer, kernel, bias in zip(
        (model.layers[0], model.layers[-1]), start.coefs_, start.intercepts_, strict=True
    ):
        layer.set_weights([kernel, bias] if layer.use_bias else [kernel])
    model.compile(
        optimizer=optimizer,
        loss=settings.get("loss", "mse"),
        weighted_metrics=settings.get("metrics", []),
        run_eagerly=True,  # a few batches take less time than compiling a step
    )
    # Keras reads such batches in half the time of arrays.
    rows = tf.data.Dataset.from_tensor_slices(
        (X, settings.get("target", settings["y"][:, None]))
    )
    history = model.fit(
        rows.batch(32),
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        validation_data=settings.get("validation_data"),
        callbacks=settings.get("callbacks"),
    )
    return history.history, model


# One epoch from the initial weights that changes none of them.
STANDING_STILL = {
    "epochs": 1,
    "learning_rate": 1e-30,
    "learning_rate_schedule": None,
    "decay_rate": None,
    "decay_steps": None,
    "warmup_steps": None,
}


def assert_same_training(ours, history, model):
    np.testing.assert_allclose(ours.history_["loss"], history["loss"], rtol=3e-5)
    for mine, theirs in zip(ours.model_.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=3e-4, atol=3e-6)


def activation(name):
    return keras.layers.Activation(name)


HIDDEN = {
    "batch": ({"normalization": "batch"}, [keras.layers.BatchNormalization, "relu"]),
    "layer": ({"normalization": "layer"}, [keras.layers.LayerNormalization, "relu"]),
    "batch of the user": (
        {"normalization": keras.layers.BatchNormalization(momentum=0.9, center=False)},
        [lambda: keras.layers.BatchNormalization(momentum=0.9, center=False), "relu"],
    ),
    "prelu": ({"activation": "prelu"}, [keras.layers.PReLU]),
    "leaky": (
        {"activation": "leaky_relu"},
        [lambda: keras.layers.LeakyReLU(negative_slope=0.01)],
    ),
    "layer of the user": (
        {"activation": keras.layers.LeakyReLU(negative_slope=0.2)},
        [lambda: keras.layers.LeakyReLU(negative_slope=0.2)],
    ),
    "selu": ({"activation": "selu"}, ["selu"]),
    "elu": ({"activation": ["elu"]}, ["elu"]),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_hidden_layers(case):
    params, layers = HIDDEN[case]
    ours = MLPRegressor(**{**COMMON, **params})
    hidden = [activation(make) if isinstance(make, str) else make() for make in layers]
    is_batch = case.startswith("batch")
    history, model = keras_fit(
        ours, hidden, keras.optimizers.SGD(RATE), y=Y, use_bias=not is_batch
    )
    assert_same_training(ours.fit(X, Y), history, model)


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """PyTorch's `OneCycleLR` with its defaults, written from its documentation."""

    def __init__(self, steps):
        up, down = round(0.3 * steps), steps - round(0.3 * steps)
        rise = [RATE / 25 + (RATE - RATE / 25) * (1 - wave(i / up)) for i in range(up)]
        end = RATE / 25 / 1e4
        self.rates = rise + [end + (RATE - end) * wave(i / down) for i in range(down + 1)]

    def __call__(self, step):
        return keras.ops.take(keras.ops.array(self.rates, "float32"), step)

    def get_config(self):
        return {}


def wave(progress):
    return 0.5 * (1 + math.cos(math.pi * progress))


schedules = keras.optimizers.schedules
PIECES = schedules.PiecewiseConstantDecay([4, 9], [0.03, 0.02, 0.01])
SCHEDULES = {
    "exponential": ({}, schedules.ExponentialDecay(RATE, 3, 0.96)),
    "exponential by numbers": (
        {"learning_rate_schedule": "exponential", "decay_rate": 0.5, "decay_steps": 4},
        schedules.ExponentialDecay(RATE, 4, 0.5),
    ),
    "inverse_time": ({}, schedules.InverseTimeDecay(RATE, 3, 0.1)),
    "cosine": ({}, schedules.CosineDecay(RATE, 15)),
    "warmup_cosine": ({}, schedules.CosineDecay(0.0, 13, warmup_target=RATE, warmup_steps=2)),
    "warmup by numbers": (
        {"learning_rate_schedule": "warmup_cosine", "warmup_steps": 5, "decay_steps": 8},
        schedules.CosineDecay(0.0, 8, warmup_target=RATE, warmup_steps=5),
    ),
    "one_cycle": ({}, OneCycle(15)),
    "constant": ({}, RATE),
    "of Keras": (
        {
            "learning_rate": 1e-3,
            "learning_rate_schedule": schedules.PiecewiseConstantDecay(
                [4, 9], [0.03, 0.02, 0.01]
            ),
        },
        schedules.PiecewiseConstantDecay([4, 9], [0.03, 0.02, 0.01]),
    ),
}


@pytest.mark.parametrize("case", SCHEDULES)
def test_learning_rates_by_step(case):
    params, rate = SCHEDULES[case]
    ours = MLPRegressor(**{**COMMON, "learning_rate_schedule": case, **params})
    optimizer = keras.optimizers.SGD(rate, momentum=0.5)
    history, model = keras_fit(
        ours.set_params(momentum=0.5), [activation("relu")], optimizer, y=Y
    )
    assert_same_training(ours.fit(X, Y), history, model)
    last_steps = [3 * epoch + 2 for epoch in range(EPOCHS)]
    rates = [float(rate(step)) if callable(rate) else rate for step in last_steps]
    np.testing.assert_allclose(ours.history_["learning_rate"], rates, rtol=1e-5, atol=1e-9)


def test_a_learning_rate_of_the_epoch():
    ours = MLPRegressor(
        **{**COMMON, "learning_rate_schedule": lambda epoch: RATE / (1 + epoch)}
    )
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: RATE / (1 + epoch))
    sgd = keras.optimizers.SGD(RATE)
    history, model = keras_fit(ours, [activation("relu")], sgd, y=Y, callbacks=[scheduler])
    assert_same_training(ours.fit(X, Y), history, model)
    np.testing.assert_allclose(ours.history_["learning_rate"], history["learning_rate"])


@pytest.mark.parametrize("validates", [False, True])
def test_plateaus(validates):
    params = {"learning_rate_schedule": "plateau", "n_iter_no_change": 4, "tol": 0.6}
    ours = MLPRegressor(**{**COMMON, **params})
    reduce = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss" if validates else "loss", factor=0.2, patience=2, min_delta=0.6
    )
    held = {"X_val": X_VAL, "y_val": Y_VAL} if validates else {}
    history, _ = keras_fit(
        ours,
        [activation("relu")],
        keras.optimizers.SGD(RATE),
        y=Y,
        callbacks=[reduce],
        validation_data=(X_VAL, Y_VAL[:, None]) if validates else None,
    )
    ours.fit(X, Y, **held)
    np.testing.assert_allclose(ours.history_["loss"], history["loss"], rtol=3e-5)
    rates = ours.history_["learning_rate"]
    np.testing.assert_allclose(rates, history["learning_rate"], rtol=1e-5)
    assert rates[-1] < RATE


@pytest.mark.parametrize("way", ["clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_gradient_clipping(way, optimizer):
    ours = MLPRegressor(**{**COMMON, "optimizer": optimizer, way: 0.05})
    free = MLPRegressor(**{**COMMON, "optimizer": optimizer}).fit(X, Y)
    cls = keras.optimizers.SGD if optimizer == "sgd" else keras.optimizers.Adam
    history, model = keras_fit(ours, [activation("relu")], cls(RATE, **{way: 0.05}), y=Y)
    assert_same_training(ours.fit(X, Y), history, model)
    assert not np.allclose(ours.coefs_[0], free.coefs_[0], atol=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_averages_of_the_weights(optimizer):
    ours = MLPRegressor(
        **{**COMMON, "optimizer": optimizer, "ema_decay": 0.9, "scoring": "loss"}
    )
    cls = keras.optimizers.SGD if optimizer == "sgd" else keras.optimizers.Adam
    averaging = cls(RATE, use_ema=True, ema_momentum=0.9)
    history, model = keras_fit(ours, [activation("relu")], averaging, y=Y)
    assert_same_training(ours.fit(X, Y), history, model)

    # Keras swaps in the averages for validation only if asked to.
    swapped, _ = keras_fit(
        ours,
        [activation("relu")],
        cls(RATE, use_ema=True, ema_momentum=0.9),
        y=Y,
        validation_data=(X_VAL, Y_VAL[:, None]),
        callbacks=[keras.callbacks.SwapEMAWeights()],
    )
    ours.fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    np.testing.assert_allclose(ours.history_["val_loss"], swapped["val_loss"], rtol=3e-5)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_label_smoothing(kind):
    ours = MLPClassifier(**COMMON, label_smoothing=0.2)
    if kind == "binary":
        y = (Y > 0).astype(int)
        target = y[:, None].astype(np.float32)
        settings = ("sigmoid", keras.losses.BinaryCrossentropy(label_smoothing=0.2))
    else:
        y, target = CLASSES, np.eye(3, dtype=np.float32)[CLASSES]
        settings = ("softmax", keras.losses.CategoricalCrossentropy(label_smoothing=0.2))
    output, loss = settings
    sgd = keras.optimizers.SGD(RATE)
    history, model = keras_fit(
        ours, [activation("relu")], sgd, y=y, target=target, output=output, loss=loss
    )
    assert_same_training(ours.fit(X, y), history, model)


def test_metrics():
    ours = MLPRegressor(
        **COMMON, metrics=["mean_absolute_error", keras.metrics.LogCoshError(), "r2"]
    )
    weight = RNG.uniform(0.5, 2, len(X_VAL)).astype(np.float32)
    history, _ = keras_fit(
        ours,
        [activation("relu")],
        keras.optimizers.SGD(RATE),
        y=Y,
        metrics=[keras.metrics.MeanAbsoluteError(), keras.metrics.LogCoshError()],
        validation_data=(X_VAL, Y_VAL[:, None], weight),
    )
    ours.set_params(scoring="neg_mean_absolute_error")
    ours.fit(X, Y, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=weight)
    for name in ("val_mean_absolute_error", "val_logcosh"):
        np.testing.assert_allclose(ours.history_[name], history[name], rtol=3e-5)
    np.testing.assert_allclose(
        ours.validation_scores_, -np.array(history["val_mean_absolute_error"]), rtol=3e-5
    )
    # Metrics of the training rows are those after the epoch, and here the best epoch is kept.
    best = int(np.argmax(ours.validation_scores_))
    assert ours.history_["mean_absolute_error"][best] == pytest.approx(
        mean_absolute_error(Y, ours.predict(X)), rel=1e-4
    )
    assert ours.history_["r2"][best] == pytest.approx(ours.score(X, Y), rel=1e-4)
