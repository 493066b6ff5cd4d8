"""Adding a kind of layer and a per-network option from outside, each in one place."""

from dataclasses import dataclass, replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone

from skmlp import MLPRegressor
from skmlp._kinds.activations import ACTIVATION_LAYERS, Activation, PReLU
from skmlp._kinds.autoencoder import ActivityPenalty, GaussianNoise
from skmlp._kinds.base import (
    Add,
    Array,
    Concatenate,
    Dense,
    Kind,
    Rescaling,
    Standardization,
)
from skmlp._kinds.keras_layers import KerasLayer, normalization_kind
from skmlp._kinds.tabular import ParametricActivation, Scaling
from skmlp._network.inference import raw_outputs
from skmlp._network.keras_entries import Entry
from skmlp._network.keras_network import KerasSpec
from skmlp._network.padded import RealUnits
from skmlp._network.spec import Layer
from skmlp._program import clipping
from skmlp._training import train as training
from skmlp._training.stacks import SIZES
from skmlp.model_selection import GridSearchCV

X = np.random.RandomState(0).normal(size=(90, 3))
Y = X[:, 0] + X[:, 1] * X[:, 2]
REGRESSOR = MLPRegressor((6,), optimizer="sgd", batch_size=16, epochs=3, random_state=0)


class KerasScaled(keras.layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=shape[-1:], initializer="ones", name="factor")

    def call(self, inputs):
        return inputs * self.factor


@dataclass(frozen=True)
class Scaled(Kind):
    """Multiplies each unit by a learned factor."""

    def shapes(self, width):
        return [(width,)]

    def arrays(self, width):
        return [Array(np.ones(width, np.float32))]

    def keras_layer(self, regularizer=None, **name_and_dtype):
        return KerasScaled(**name_and_dtype)

    def numpy(self, arrays, *inputs):
        return inputs[0] * arrays[0]

    def tensor(self, arrays, *inputs):
        return inputs[0] * arrays[0][..., None, :]


@pytest.fixture
def scaled(monkeypatch):
    """A regressor with the new kind after its hidden layer."""
    monkeypatch.setitem(ACTIVATION_LAYERS, "scaled", Scaled())
    return clone(REGRESSOR).set_params(activation=["scaled"])


def test_a_kind_of_layer_is_trained_predicted_and_exported(scaled):
    scaled.fit(X, Y)
    (factor,) = scaled._state.weights[1]
    assert factor.shape == (6,)
    assert (factor != 1).all()
    np.testing.assert_allclose(
        scaled.model_.predict(X, verbose=0)[:, 0], scaled.predict(X), atol=1e-6
    )
    longer = clone(scaled).set_params(epochs=6).fit(X, Y)
    resumed = scaled.set_params(warm_start=True).fit(X, Y)
    np.testing.assert_array_equal(resumed.predict(X), longer.predict(X))


def test_a_kind_of_layer_is_stacked_and_saved(scaled, tmp_path, capsys):
    grid = {"learning_rate": [0.001, 0.01, 0.02]}
    search = GridSearchCV(scaled, grid, cv=2, verbose=1).fit(X, Y)
    assert "one by one" not in capsys.readouterr().out
    best = clone(scaled).set_params(**search.best_params_, checkpoint_dir=tmp_path).fit(X, Y)
    np.testing.assert_array_equal(search.predict(X), best.predict(X))
    loaded = clone(best).load_checkpoint()
    np.testing.assert_array_equal(loaded.predict(X), best.predict(X))


def by_sign(gradients, limit):
    """Replaces each number of a gradient by its sign, times the limit."""
    return [clipping.beside(limit, one) * tf.sign(one) for one in gradients]


class Unchanged(Kind):
    """Says nothing of its memory."""


@pytest.mark.parametrize(
    "kind", [Unchanged(), GaussianNoise(0.1), ActivityPenalty(0.1), RealUnits(2)], ids=repr
)
def test_a_kind_that_returns_its_input_leaves_it_to_others(kind):
    """The sum of x and relu(x), where the kind stands before the activation."""
    parts = (
        Layer("x", Rescaling((1.0,), (0.0,)), ("X",)),
        Layer("same", kind, ("x",)),
        Layer("relu", Activation("relu"), ("same",)),
        Layer("sum", Add(2), ("x", "relu")),
    )
    entries = (Entry("X", (2,), "float32"),)
    spec = KerasSpec(None, entries, parts, (), n_outputs=2, output_activation="linear")
    rows = np.float32([[-1, 2], [3, -4]])
    made = raw_outputs(spec, ((),) * 5, rows, np.float32)
    np.testing.assert_array_equal(made, rows + np.maximum(rows, 0))


@pytest.mark.parametrize(
    ("kind", "n_inputs"),
    [
        (Dense(2), 1),
        (Concatenate(), 2),
        (Add(2), 2),
        (Rescaling((1.0,), (0.0,)), 1),
        (Standardization(), 1),
        (PReLU(), 1),
        (ParametricActivation("relu"), 1),
        (ParametricActivation("mish"), 1),
        (ParametricActivation("selu"), 1),
        (Scaling(), 1),
        (normalization_kind(KerasLayer("BatchNormalization", "{}")), 1),
        (normalization_kind(KerasLayer("LayerNormalization", "{}")), 1),
    ],
    ids=repr,
)
def test_kinds_that_make_a_new_array(kind, n_inputs):
    assert not kind.returns_input
    rows = np.float32([[-1, 2], [3, -4]])
    kept = [rows.copy() for _ in range(n_inputs)]
    arrays = [np.float32(array.initial) for array in kind.arrays(2)]
    made = kind.prepared(arrays)(*kept)
    made += 1
    for one in kept:
        np.testing.assert_array_equal(one, rows)


def test_an_option_of_each_network_of_a_stack(monkeypatch):
    """Another way of clipping, with a limit for each network."""
    monkeypatch.setitem(clipping.CLIPPINGS, "sign", by_sign)
    limits = np.linspace(0.1, 0.6, SIZES[0])
    still = clone(REGRESSOR).set_params(learning_rate=1.0, epochs=1, batch_size=90)
    before = clone(still).set_params(learning_rate=1e-30).fit(X, Y)
    fits = []

    def kept(job, fit):
        recipe = replace(fit.recipe, key=(fit.recipe.key, "sign"), clipping="sign")
        fit.recipe, fit.numbers = recipe, fit.numbers._replace(clip=limits[len(fits)])
        fits.append(fit)
        return training.train_fits([fit])[0]

    token = training.TRAIN.set(kept)
    alone = [clone(still).fit(X, Y) for _ in limits]
    training.TRAIN.reset(token)
    for fit in fits:
        fit.state = replace(fit.state, best=None, now=None, reason=None, history={"loss": []})
        fit.state.optimizer = ()
    stacked = training.train_fits(fits, SIZES[0])
    for limit, network, fitted in zip(limits, stacked, alone, strict=True):
        step = network.kernels[0] - before.coefs_[0]
        np.testing.assert_allclose(np.abs(step), limit, rtol=1e-4)
        np.testing.assert_allclose(network.kernels[0], fitted.coefs_[0], rtol=1e-5)
