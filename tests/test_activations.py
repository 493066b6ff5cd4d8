"""Activations in NumPy against Keras's."""

import keras
import numpy as np
import pytest

from skmlp import MLPRegressor
from skmlp._kinds.activation_functions import (
    ACTIVATIONS,
    SYNONYMS,
    leaky_relu,
    numpy_activation,
)
from skmlp._kinds.activations import canonical

Z = np.linspace(-12, 12, 482).reshape(-1, 2).astype(np.float32)
# Keras cannot use these by name in a layer either: `threshold` has arguments without
# defaults, and `glu` halves the number of units.
OF_KERAS = {
    name
    for name, function in vars(keras.activations).items()
    if callable(function) and name.islower() and name not in ("get", "serialize", "deserialize")
} - {"threshold", "glu"}


def test_every_name_of_keras_is_known():
    assert ACTIVATIONS.keys() | SYNONYMS.keys() >= OF_KERAS


@pytest.mark.parametrize("name", sorted(OF_KERAS))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_are_those_of_keras(name, dtype):
    activated = numpy_activation(canonical(name))(Z.astype(dtype))
    assert activated.dtype == dtype
    # Keras's function has a slope of 0.2, the paper and this package 0.01.
    settings = {"negative_slope": 0.01} if name == "leaky_relu" else {}
    expected = keras.ops.convert_to_numpy(keras.activations.get(name)(Z, **settings))
    np.testing.assert_allclose(activated, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("slope", [0.3, 1.0, 2.0])
def test_slopes_of_leaky_relu_are_those_of_keras(slope):
    made = leaky_relu(Z.copy(), slope)
    expected = keras.ops.convert_to_numpy(keras.layers.LeakyReLU(negative_slope=slope)(Z))
    np.testing.assert_allclose(made, expected, rtol=1e-6)


# for two hidden layers, so that one compilation tests two activations
HIDDEN = {
    "elu and leaky_relu": ["elu", "leaky_relu"],
    "mish and prelu": ["mish", "prelu"],
    "rrelu and selu": ["rrelu", "selu"],
    "softmax and tanh": ["softmax", "tanh"],
    "function and layer": [keras.activations.leaky_relu, keras.layers.PReLU()],
    "layers": [keras.layers.LeakyReLU(negative_slope=0.2), keras.layers.ReLU(max_value=1.0)],
    "one for both": "prelu",
}


@pytest.mark.parametrize(
    ("activation", "normalization"),
    [
        *(pytest.param(pair, None, id=name) for name, pair in HIDDEN.items()),
        ("prelu", "batch"),
        ("relu", "layer"),
    ],
)
def test_hidden_layers_predict_like_keras(activation, normalization):
    X = np.random.RandomState(0).normal(size=(30, 3))
    regressor = MLPRegressor(
        (4, 6),
        activation=activation,
        normalization=normalization,
        optimizer="sgd",
        learning_rate=0.1,
        epochs=2,
        random_state=0,
    ).fit(X, X[:, 0])
    np.testing.assert_allclose(
        np.asarray(regressor.model_(X))[:, 0], regressor.predict(X), rtol=1e-4, atol=1e-6
    )


def test_names_of_scikit_learn_and_functions_of_keras_are_names_of_keras():
    assert canonical("logistic") == canonical(keras.activations.sigmoid) == "sigmoid"
    assert canonical("identity") == "linear"
    assert canonical(np.tanh) is np.tanh
    # The name has another slope than Keras's function, so the function is kept.
    assert canonical(keras.activations.leaky_relu) is keras.activations.leaky_relu


def test_penalties_of_layers_given_as_activations_count():
    X = np.random.default_rng(0).normal(size=(50, 3))
    plain, penalised = (
        MLPRegressor((4,), activation=activation, epochs=1, random_state=0).fit(X, X[:, 0])
        for activation in (
            keras.layers.ReLU(),
            keras.layers.ReLU(activity_regularizer=keras.regularizers.L1(100)),
        )
    )
    assert penalised.loss_ > 10 * plain.loss_


def test_batch_statistics_of_layers_given_as_activations_leave_padding_out():
    rng = np.random.default_rng(0)
    X = np.concatenate([[[1000.0]], rng.normal(size=(199, 1))])
    scaled = MLPRegressor(
        (1,),
        activation=keras.layers.BatchNormalization(momentum=0.0),
        batch_size=256,
        learning_rate=1e-9,
        epochs=1,
        random_state=0,
    ).fit(X, X[:, 0])
    hidden = X @ scaled.coefs_[0] + scaled.intercepts_[0]
    _, _, mean, _ = scaled.model_.layers[1].get_weights()
    np.testing.assert_allclose(mean, hidden.mean(axis=0), rtol=1e-3)


def test_layers_given_as_activations_do_not_assign_their_weights():
    layer = keras.layers.SpectralNormalization(keras.layers.Dense(4))
    with pytest.raises(ValueError, match="'activation' must leave changes of its traina"):
        MLPRegressor((4,), activation=layer, epochs=1).fit(np.eye(3), [1, 2, 3])
