"""Oracle: a user's network trains to the losses and weights of `keras.Model.fit`."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.exceptions import ConvergenceWarning

from skmlp import KerasClassifier, KerasRegressor
from skmlp._network.keras_network import WHOLE
from skmlp._network.model_text import python_random_seeded

N_ROWS = 70  # a short last batch
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, 6)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] + X[:, 2]).astype(np.float32)
CLASSES = np.digitize(Y, [-0.5, 0.5])
CODES = RNG.integers(0, 7, size=(N_ROWS, 6)).astype(np.float32)
IMAGES = RNG.normal(size=(N_ROWS, 6, 6, 2)).astype(np.float32)


@keras.saving.register_keras_serializable("skmlp_tests")
class Registered(layers.Layer):
    """Weights whose initializer is not in the configuration."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )

    def call(self, x):
        return keras.ops.tanh(x @ self.kernel)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Own(Registered):
    """Not registered with Keras."""


class Subclassed(keras.Model):
    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, "relu")
        self.out = layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def sine(x):
    return keras.ops.sin(x)


def sequential(*inner, shape=(6,), loss="mse", optimizer="sgd"):
    def build():
        model = keras.Sequential([keras.Input(shape), *[layer() for layer in inner]])
        model.compile(optimizer, loss)
        return model

    return build


def dense(units=1, *args, **kwargs):
    return lambda: layers.Dense(units, *args, **kwargs)


def functional(outputs, **compiled):
    def build():
        x = keras.Input((6,))
        model = keras.Model(x, outputs(x))
        model.compile("sgd", **(compiled or {"loss": "mse"}))
        return model

    return build


def shared(x):
    layer = layers.Dense(6, "relu")
    return layers.Dense(1)(layer(layer(x)))


def attention(x):
    x = layers.Reshape((3, 2))(x)
    x = layers.MultiHeadAttention(2, 2)(x, x)
    return layers.Dense(1)(layers.Flatten()(x))


def residual(x):
    return layers.Dense(1)(layers.Add()([x, layers.Dense(6, "relu")(x)]))


def activated_beside(x):
    """A layer whose activation, which NumPy computes in place, is used beside it."""
    x = layers.ReLU()(x)
    hidden = layers.Dense(6)(x)
    return layers.Dense(1)(layers.Add()([hidden, layers.ReLU()(hidden), hidden]))


def nested(x):
    return layers.Dense(1)(keras.Sequential([keras.Input((6,)), layers.Dense(4, "relu")])(x))


def two_outputs(x):
    x = layers.Dense(5, "relu")(x)
    return [layers.Dense(1, name="first")(x), layers.Dense(2, name="second")(x)]


def wide_and_deep():
    wide, deep = keras.Input((2,), name="wide"), keras.Input((4,), name="deep")
    joined = layers.Concatenate()([wide, layers.Dense(5, "relu")(deep)])
    model = keras.Model([wide, deep], layers.Dense(1)(joined))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def frozen():
    model = sequential(dense(5, "relu"), dense())()
    model.layers[0].trainable = False
    return model


def subclassed():
    model = Subclassed()
    model.compile("sgd", "mse")
    return model


def convolutional(*inner, **kwargs):
    return sequential(
        lambda: layers.Conv2D(4, 3, activation="relu"), *inner, shape=(6, 6, 2), **kwargs
    )


L1L2 = keras.regularizers.L1L2(0.01, 0.02)
TO_CLASSES = {"loss": "sparse_categorical_crossentropy"}
LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
# build, X, y, whether all layers are known kinds
CASES = {
    "dense": (sequential(dense(5, "relu"), dense()), X, Y, True),
    "own activation": (sequential(dense(5, sine), dense()), X, Y, True),
    "layer normalization": (
        sequential(dense(5), layers.LayerNormalization, layers.ReLU, dense()),
        X,
        Y,
        True,
    ),
    "batch normalization": (
        sequential(dense(5), layers.BatchNormalization, layers.LeakyReLU, dense()),
        X,
        Y,
        True,
    ),
    "prelu": (sequential(dense(5), layers.PReLU, dense()), X, Y, True),
    "several inputs": (wide_and_deep, X, Y, True),
    "flattened": (sequential(layers.Flatten, dense(), shape=(6, 6, 2)), IMAGES, Y, True),
    "softmax": (
        sequential(dense(5, "relu"), dense(3, "softmax"), **TO_CLASSES),
        X,
        CLASSES,
        True,
    ),
    "logits": (sequential(dense(3), loss=LOGITS), X, CLASSES, True),
    "penalties": (sequential(dense(5, "relu", kernel_regularizer=L1L2), dense()), X, Y, False),
    "penalised outputs": (
        sequential(dense(5, "relu", activity_regularizer="l2"), dense()),
        X,
        Y,
        False,
    ),
    "constraint": (
        sequential(dense(5, kernel_constraint=keras.constraints.MaxNorm(0.5)), dense()),
        X,
        Y,
        False,
    ),
    "embedding": (
        sequential(lambda: layers.Embedding(7, 3), layers.Flatten, dense()),
        CODES,
        Y,
        False,
    ),
    "normalization": (sequential(layers.Normalization, dense()), 3 * X + 1, Y, True),
    "rescaling": (
        sequential(lambda: layers.Rescaling([1, 2, 3, 4, 5, 6], 0.5), dense()),
        X,
        Y,
        True,
    ),
    "flattened by Reshape": (
        sequential(lambda: layers.Reshape((72,)), dense(), shape=(6, 6, 2)),
        IMAGES,
        Y,
        True,
    ),
    "convolution": (
        convolutional(layers.BatchNormalization, layers.MaxPooling2D, layers.Flatten, dense()),
        IMAGES,
        Y,
        False,
    ),
    "convolution to classes": (
        convolutional(layers.Flatten, dense(3, "softmax"), **TO_CLASSES),
        IMAGES,
        CLASSES,
        False,
    ),
    "recurrent": (
        sequential(lambda: layers.Reshape((3, 2)), lambda: layers.LSTM(3), dense()),
        X,
        Y,
        False,
    ),
    "attention": (functional(attention), X, Y, False),
    "residual": (functional(residual), X, Y, True),
    "activated beside": (functional(activated_beside), X, Y, True),
    "shared": (functional(shared), X, Y, False),
    "nested": (functional(nested), X, Y, False),
    "two outputs": (
        functional(
            two_outputs,
            loss={"first": "mse", "second": "mae"},
            loss_weights={"first": 0.7, "second": 0.2},
        ),
        X,
        np.column_stack([Y, 2 * Y, Y + 1]),
        False,
    ),
    "frozen": (frozen, X, Y, False),
    "registered layer": (sequential(lambda: Registered(4), dense()), X, Y, False),
    "own layer": (sequential(lambda: Own(4), dense()), X, Y, False),
    "subclassed": (subclassed, X, Y, False),
}


@pytest.mark.parametrize("case", CASES)
def test_losses_and_weights_equal_those_of_keras(case):
    build, rows, targets, is_known = CASES[case]
    estimator = KerasClassifier if targets is CLASSES else KerasRegressor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # three epochs teach little
        fitted = estimator(build, epochs=3, batch_size=32, shuffle=False, random_state=0)
        fitted.fit(rows, targets)
    spec = fitted._state.spec
    assert (spec.parts[0].name != WHOLE) == is_known

    with python_random_seeded(fitted._state.training.seed):  # as the fit called the function
        model = build()
        if case == "subclassed":
            model(rows[:1])
    if case == "normalization":
        model.layers[0].adapt(rows)
    inputs = [rows[:, :2], rows[:, 2:]] if case == "several inputs" else rows
    outputs = [targets[:, :1], targets[:, 1:]] if case == "two outputs" else targets
    settings = {"epochs": 3, "batch_size": 32, "shuffle": False, "verbose": 0}
    history = model.fit(inputs, outputs, **settings).history
    assert history.keys() <= fitted.history_.keys()
    for name in history if case != "two outputs" else ["loss"]:
        ours, theirs = fitted.history_[name], history[name]
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6, err_msg=name)
    weights = zip(fitted.model_.get_weights(), model.get_weights(), strict=True)
    for ours, theirs in weights:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-6)
    predicted = model.predict(inputs, verbose=0)
    predicted = np.hstack(predicted) if case == "two outputs" else predicted
    if targets is CLASSES:
        ours = (
            fitted.decision_function(rows) if case == "logits" else fitted.predict_proba(rows)
        )
    else:
        ours = fitted.predict(rows).reshape(N_ROWS, -1)
    np.testing.assert_allclose(ours, predicted, rtol=1e-4, atol=1e-5)
