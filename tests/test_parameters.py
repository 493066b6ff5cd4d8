"""What the architecture's parameters say together."""

import keras
import numpy as np
import pytest

from skmlp import MLPRegressor
from skmlp._network import initial_weights
from skmlp._params import automatic_initializer, hidden_units
from skmlp._spec import NetworkSpec


@pytest.mark.parametrize(
    ("sizes", "n_hidden", "n_neurons", "units"),
    [
        ((100,), None, None, (100,)),
        (30, None, None, (30,)),
        (np.array([5, 4]), None, None, (5, 4)),
        ((), None, None, ()),
        ((100,), 3, None, (100, 100, 100)),
        ((300, 100), 3, None, (300, 100, 100)),
        ((300, 100), 1, None, (300,)),
        ((300, 100), None, 7, (7, 7)),
        ((100,), 2, 42, (42, 42)),
        ((100,), 0, 42, ()),
        ((), 2, np.int64(3), (3, 3)),
    ],
)
def test_hidden_units(sizes, n_hidden, n_neurons, units):
    assert hidden_units(sizes, n_hidden, n_neurons) == units


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [
        ("relu", "he_uniform"),
        ("elu", "he_uniform"),
        ("swish", "he_uniform"),
        ("selu", "lecun_normal"),
        ("tanh", "glorot_uniform"),
        ("logistic", "glorot_uniform"),
        (np.tanh, "glorot_uniform"),
    ],
)
def test_automatic_initializer(activation, initializer):
    assert automatic_initializer(activation) == initializer


def test_initial_weights_have_the_spread_of_their_initializer():
    spec = NetworkSpec(200, (300,), "relu", (0.0,), 100, "linear")
    shapes = [(200, 300), (300,), (300, 100), (100,)]
    hidden, hidden_bias, output, output_bias = initial_weights(shapes, spec, "auto", seed=0)
    assert np.abs(hidden).max() == pytest.approx(np.sqrt(6 / 200), rel=1e-3)  # He
    assert np.abs(output).max() == pytest.approx(np.sqrt(6 / 400), rel=1e-3)  # Glorot
    assert not hidden_bias.any()
    assert not output_bias.any()
    again = initial_weights(shapes, spec, "auto", seed=0)
    other = initial_weights(shapes, spec, keras.initializers.HeUniform(seed=5), seed=1)
    np.testing.assert_array_equal(again[0], hidden)
    assert np.any(other[0] != hidden)


def test_initializers_of_all_kinds():
    X = np.random.RandomState(0).normal(size=(20, 3))
    for initializer in ("zeros", "HeNormal", keras.initializers.Orthogonal(gain=0.5)):
        regressor = MLPRegressor((4,), kernel_initializer=initializer, epochs=1)
        assert np.isfinite(regressor.fit(X, X[:, 0]).loss_)
