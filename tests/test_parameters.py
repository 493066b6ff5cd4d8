"""Combinations of the architecture's parameters."""

import keras
import numpy as np
import pytest

from skmlp import MLPRegressor
from skmlp._kinds.activations import canonical
from skmlp._network.keras_model import initial_weights
from skmlp._network.mlp import MLPSpec
from skmlp._parameters.rules import hidden_units
from skmlp._training.preparation import automatic_batch_size


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


@pytest.mark.parametrize("activation", ["relu", "tanh", np.tanh])
def test_automatic_initial_weights_are_those_of_scikit_learn(activation):
    hidden, hidden_bias, output, output_bias = automatic_weights(activation, seed=0)
    spread = np.sqrt(6 / 500)  # Glorot's
    assert np.abs(hidden).max() == pytest.approx(spread, rel=1e-3)
    assert spread * 0.95 < np.abs(hidden_bias).max() <= spread
    assert hidden_bias.mean() == pytest.approx(0, abs=5 * spread / np.sqrt(3 * 300))
    assert np.abs(output).max() == pytest.approx(np.sqrt(6 / 400), rel=0.02)
    assert not output_bias.any()
    np.testing.assert_array_equal(automatic_weights(activation, seed=0)[0], hidden)
    for one, other in zip(
        automatic_weights(activation, seed=1)[:3], (hidden, hidden_bias, output), strict=True
    ):
        assert np.any(one != other)


def test_automatic_initial_weights_of_selu():
    hidden = automatic_weights("selu", seed=0)[0]
    assert hidden.std() == pytest.approx(np.sqrt(1 / 200), rel=0.01)  # LeCun


def automatic_weights(activation, seed, initializer="auto", output_activation="linear"):
    spec = MLPSpec(200, (300,), (canonical(activation),), (0.0,), 100, output_activation)
    dense = [
        (np.zeros(shape, np.float32), np.zeros(shape[1], np.float32))
        for shape in ((200, 300), (300, 100))
    ]
    hidden, _, output, _ = initial_weights(
        (dense[0], (), dense[1], ()), spec, initializer, seed
    )
    return *hidden, *output


@pytest.mark.parametrize(
    "initializer",
    [
        *(
            f"{who}_{kind}"
            for who in ("he", "glorot", "lecun")
            for kind in ("uniform", "normal")
        ),
        "RandomNormal",
        *(
            keras.initializers.VarianceScaling(2.0, mode=mode, distribution="uniform")
            for mode in ("fan_in", "fan_out", "fan_avg")
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.mode,
)
def test_initializers_draw_as_keras_does(initializer):
    hidden, _, output, _ = automatic_weights("relu", 0, initializer)
    for kernel in (hidden, output):
        theirs = np.asarray(keras.initializers.get(initializer)(kernel.shape))
        assert kernel.std() == pytest.approx(theirs.std(), rel=0.03)
        ours, theirs = (np.quantile(np.abs(values), 0.99) for values in (kernel, theirs))
        assert ours == pytest.approx(theirs, rel=0.06)
    again, *_ = automatic_weights("relu", 0, initializer)
    np.testing.assert_array_equal(again, hidden)
    assert np.any(automatic_weights("relu", 1, initializer)[0] != hidden)


def test_initializers_of_all_kinds():
    X = np.random.RandomState(0).normal(size=(20, 3))
    for initializer in ("zeros", "HeNormal", keras.initializers.Orthogonal(gain=0.5)):
        regressor = MLPRegressor((4,), kernel_initializer=initializer, epochs=1)
        assert np.isfinite(regressor.fit(X, X[:, 0]).loss_)


@pytest.mark.parametrize(
    ("n_rows", "size"),
    [(20, 32), (1249, 32), (1250, 50), (2499, 50), (2500, 100), (4999, 100), (5000, 200)],
)
def test_automatic_batches_of_a_fit_that_stops_early(n_rows, size):
    assert automatic_batch_size(n_rows, stops_early=True) == size
    assert automatic_batch_size(n_rows, stops_early=False) == 200


def test_rectified_outputs_begin_above_zero():
    """An output that starts below zero would have no gradient to leave it."""
    _, _, output, bias = automatic_weights("relu", seed=0, output_activation="relu")
    assert (bias == np.float32(0.1)).all()
    assert np.abs(output).max() == pytest.approx(0.1 * np.sqrt(6 / 400), rel=0.02)
