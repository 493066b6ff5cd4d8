"""Weights of each layer before and after training."""

import keras
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skmlp import (
    KerasRegressor,
    MLPRegressor,
    TabularRegressor,
    WeightHistogramDisplay,
    WideDeepRegressor,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
Y = X[:, 0] - X[:, 1]
REGRESSOR = MLPRegressor((4, 2), epochs=2, batch_size=32, random_state=0, normalization="batch")


@pytest.fixture(autouse=True)
def _figures_closed():
    mpl.use("agg")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fitted():
    return clone(REGRESSOR).fit(X, Y)


def test_kernels_after_training_and_those_that_training_began_with(fitted):
    display = WeightHistogramDisplay.from_estimator(make_pipeline(fitted))
    assert list(display.weights) == ["hidden_1", "hidden_2", "output"]
    for kernel, drawn in zip(fitted.coefs_, display.weights.values(), strict=True):
        np.testing.assert_array_equal(drawn, kernel.ravel())
    unmoved = clone(REGRESSOR).set_params(learning_rate=1e-30, epochs=1).fit(X, Y)
    for kernel, drawn in zip(unmoved.coefs_, display.initial_weights.values(), strict=True):
        np.testing.assert_array_equal(drawn, kernel.ravel())
    heights = [sum(bar.get_height() for bar in ax.containers[0]) for ax in display.axes_]
    assert heights == [3 * 4, 4 * 2, 2 * 1]
    assert [ax.get_title() for ax in display.axes_] == list(display.weights)
    assert display.figure_ is display.axes_[0].figure


def test_reused_layers_began_as_they_were_given(fitted):
    reusing = clone(REGRESSOR).set_params(pretrained=fitted, random_state=1).fit(X, Y)
    display = WeightHistogramDisplay.from_estimator(reusing)
    np.testing.assert_array_equal(display.initial_weights["hidden_1"], fitted.coefs_[0].ravel())
    assert not np.array_equal(display.initial_weights["output"], fitted.coefs_[2].ravel())


def test_an_ensemble_and_axes_of_the_user():
    tabular = TabularRegressor(
        2, hidden_layer_sizes=(4,), epochs=1, batch_size=64, learning_rate=1e-30, random_state=0
    )
    tabular.set_params(weight_decay=0.0).fit(X, Y)
    display = WeightHistogramDisplay.from_estimator(tabular)
    assert list(display.weights) == ["periodic", "piecewise", "hidden_1", "output"]
    assert display.weights["hidden_1"].shape == (2 * (3 + 9 + 9) * 4,)
    for before, after in zip(
        display.initial_weights.values(), display.weights.values(), strict=True
    ):
        np.testing.assert_allclose(before, after, atol=1e-29)
    _, axes = plt.subplots(1, 4)
    assert display.plot(axes).axes_ == list(axes)
    with pytest.raises(
        ValueError, match=r"'axes' must be one .* 4 layers; got 3; pass as many"
    ):
        display.plot(axes[:3])


def test_bad_input():
    with pytest.raises(ValueError, match=r"'estimator' must be .*; got DummyRegressor"):
        WeightHistogramDisplay.from_estimator(DummyRegressor().fit(X, Y))
    with pytest.raises(NotFittedError):
        WeightHistogramDisplay.from_estimator(clone(REGRESSOR))


def test_a_pruned_estimator():
    fitted = WideDeepRegressor((4,), wide_l1=10.0, epochs=1, random_state=0).fit(X, Y)
    WeightHistogramDisplay.from_estimator(fitted)
    with pytest.raises(
        ValueError, match=r"must not be pruned, .*; plot a copy made before prune"
    ):
        WeightHistogramDisplay.from_estimator(make_pipeline(fitted.prune()))


class Scaling(keras.layers.Layer):
    """Its only weight is no kernel."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1], 1), name="w")

    def call(self, inputs):
        return inputs @ self.w


def test_a_network_without_kernels():
    def build():
        return keras.Sequential([keras.Input((3,)), Scaling()])

    fitted = KerasRegressor(build, epochs=1, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match=r"must have weights named kernel, .* of model_\.$"):
        WeightHistogramDisplay.from_estimator(fitted)


@pytest.mark.parametrize(
    ("is_function", "own_layers"), [(True, [Scaling]), (True, []), (False, [])]
)
def test_a_network_of_the_user(is_function, own_layers):
    def build():
        layers = [*(make() for make in own_layers), keras.layers.Dense(1, name="dense")]
        network = keras.Sequential([keras.Input((3,)), *layers])
        network.compile(keras.optimizers.SGD(0.0), "mse")
        return network

    fitted = KerasRegressor(build if is_function else build(), epochs=1, random_state=0)
    display = WeightHistogramDisplay.from_estimator(fitted.fit(X, Y))
    np.testing.assert_array_equal(display.initial_weights["dense"], display.weights["dense"])
