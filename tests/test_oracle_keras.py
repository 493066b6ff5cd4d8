"""The engine against `keras.Model.fit`, from the same weights in the same order of rows.

Keras runs eagerly: a few batches take less time than compiling its step.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

from skmlp import MLPClassifier, MLPRegressor

N_ROWS, EPOCHS = 75, 5  # with batches of 32 the last batch has 11 rows
RNG = np.random.RandomState(0)
X = RNG.normal(size=(N_ROWS, 4)).astype(np.float32)
SIGNAL = X[:, 0] - X[:, 1] ** 2 + 0.1 * RNG.normal(size=N_ROWS)
WEIGHT = RNG.uniform(0.2, 2, N_ROWS)
CLASSES = np.digitize(SIGNAL, [-1, 0])
LABELS = np.column_stack([SIGNAL > 0, X[:, 2] > 0, X[:, 3] > 0.5]).astype(int)

# kind -> estimator, target, target for Keras, Keras's loss, output activation
PROBLEMS = {
    "regression": (MLPRegressor, SIGNAL, SIGNAL[:, None], "mse", "linear"),
    "outputs": (MLPRegressor, X[:, :2] ** 2, X[:, :2] ** 2, "mse", "linear"),
    "binary": (
        MLPClassifier,
        SIGNAL > 0,
        (SIGNAL > 0)[:, None],
        "binary_crossentropy",
        "sigmoid",
    ),
    "multiclass": (
        MLPClassifier,
        CLASSES,
        np.eye(3)[CLASSES],
        "categorical_crossentropy",
        "softmax",
    ),
    "multilabel": (MLPClassifier, LABELS, LABELS, "binary_crossentropy", "sigmoid"),
}
OPTIMIZERS = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True},
    "adam": {},
    "rmsprop": {},
    "adamw": {"weight_decay": 0.01},
}
# An optimizer sees only gradients, so each gets one kind of target, and plain descent all.
CASES = [
    *[(problem, "sgd", {}, False) for problem in PROBLEMS],
    ("regression", "momentum", {}, True),
    ("outputs", "nesterov", {}, True),
    ("binary", "adam", {}, True),
    ("multiclass", "rmsprop", {}, True),
    ("multilabel", "adamw", {}, True),
    ("regression", "sgd", {"l1": 0.01}, True),
    ("regression", "adam", {"l2": 0.02}, False),
    ("binary", "adam", {"l1": 0.003, "l2": 0.02}, True),
    ("multilabel", "momentum", {"l2": 0.02}, True),
]


def keras_optimizer(name, learning_rate):
    settings = OPTIMIZERS[name]
    cls = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}.get(
        name, keras.optimizers.AdamW if name == "adamw" else keras.optimizers.SGD
    )
    return cls(learning_rate, **settings)


def train_with_keras(weights, problem, optimizer, learning_rate, penalties, weight):
    """Losses of all epochs and the final weights of `keras.Model.fit`."""
    _, _, target, loss, activation = PROBLEMS[problem]
    regularizer = keras.regularizers.L1L2(penalties.get("l1", 0.0), penalties.get("l2", 0.0))
    sizes = [weights[i].shape[1] for i in (0, 2)]
    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(sizes[0], activation="relu", kernel_regularizer=regularizer),
            keras.layers.Dense(sizes[1], activation=activation, kernel_regularizer=regularizer),
        ]
    )
    model.set_weights(weights)
    model.compile(
        optimizer=keras_optimizer(optimizer, learning_rate), loss=loss, run_eagerly=True
    )
    # Keras reads such batches in half the time of arrays.
    rows = (X, target.astype(np.float32)) + (() if weight is None else (weight,))
    history = model.fit(
        tf.data.Dataset.from_tensor_slices(rows).batch(32),
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
    )
    return history.history["loss"], model.get_weights()


@pytest.mark.parametrize(("problem", "optimizer", "penalties", "weighted"), CASES)
def test_losses_and_weights_equal_those_of_keras(problem, optimizer, penalties, weighted):
    cls, y, *_ = PROBLEMS[problem]
    common = {
        "hidden_layer_sizes": (7,),
        "optimizer": "sgd" if optimizer in ("momentum", "nesterov") else optimizer,
        "learning_rate": 0.01,
        "batch_size": 32,
        "shuffle": False,
        "random_state": 3,
        "n_iter_no_change": np.inf,
        **OPTIMIZERS[optimizer],
        **penalties,
    }
    weight = WEIGHT if weighted else None
    fitted = cls(**common, epochs=EPOCHS).fit(X, y, sample_weight=weight)
    start = initial_weights(cls(**common, epochs=1), y)
    unit_weight = None if weight is None else weight / weight.mean()
    losses, weights = train_with_keras(start, problem, optimizer, 0.01, penalties, unit_weight)

    np.testing.assert_allclose(fitted.loss_curve_, losses, rtol=2e-5)
    for ours, theirs in zip(fitted._state.arrays, weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)


def initial_weights(estimator, y):
    """Initial weights of a fit, from a fit whose optimizer does not change them."""
    return list(estimator.set_params(learning_rate=1e-30).fit(X, y)._state.arrays)


def test_shuffled_epochs_are_keras_epochs_over_the_rows_in_that_order():
    """Keras trains one epoch per call, on the rows in the orders that the engine draws."""
    from skmlp._engine.fit import drawn_order

    common = {"hidden_layer_sizes": (7,), "batch_size": 32, "optimizer": "adam"}
    fitted = MLPRegressor(**common, epochs=3, random_state=1).fit(X, SIGNAL)
    start = initial_weights(MLPRegressor(**common, epochs=1, random_state=1), SIGNAL)

    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(7, activation="relu"), keras.layers.Dense(1)]
    )
    model.set_weights(start)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="mse", run_eagerly=True)
    for epoch in range(3):
        order = drawn_order(fitted._state.training.seed, epoch, N_ROWS, shuffle=True)
        assert sorted(order) == list(range(N_ROWS))
        model.fit(X[order], SIGNAL[order, None], batch_size=32, shuffle=False, verbose=0)
    for ours, theirs in zip(fitted._state.arrays, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)


# One epoch that changes no weights: its loss is that of the fitted weights.
STANDING_STILL = {
    "batch_size": 32,
    "epochs": 1,
    "shuffle": False,
    "optimizer": "sgd",
    "learning_rate": 1e-30,
    "random_state": 0,
}


@pytest.mark.parametrize("loss", ["huber", "log_cosh", "absolute_error", "mape", "poisson"])
def test_losses_by_name_are_those_of_keras(loss):
    y = np.abs(SIGNAL) + 0.5
    regressor = MLPRegressor((7,), loss=loss, **STANDING_STILL).fit(X, y)
    of_keras = keras.losses.get("mean_absolute_error" if loss == "absolute_error" else loss)
    predicted = regressor.predict(X)[:, None].astype(np.float32)
    expected = np.mean(of_keras(y[:, None].astype(np.float32), predicted))
    np.testing.assert_allclose(regressor.loss_, expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", keras.losses.CategoricalFocalCrossentropy()])
def test_classification_losses_are_those_of_keras(loss):
    classifier = MLPClassifier((7,), loss=loss, **STANDING_STILL).fit(X, CLASSES)
    of_keras = keras.losses.MeanSquaredError() if loss == "squared_error" else loss
    probability = classifier.predict_proba(X).astype(np.float32)
    expected = float(of_keras(np.eye(3, dtype=np.float32)[CLASSES], probability))
    np.testing.assert_allclose(classifier.loss_, expected, rtol=1e-5)
