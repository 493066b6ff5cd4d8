"""Networks of several widths, padded to one: each as it would be trained alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import model_selection
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401

from skmlp import MLPRegressor, WideDeepRegressor
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.store import STORE
from skmlp._kinds.noise import random_bits
from skmlp._program.network import Network
from skmlp._search.widths import joined_widths
from skmlp._training.padding import PaddedFits, takes_padding
from skmlp._training.stacks import SIZES, share_rows, train_fits
from skmlp._training.train import trained_by
from skmlp.model_selection import GridSearchCV, HalvingGridSearchCV

RNG = np.random.RandomState(0)
X = RNG.normal(size=(60, 4))
Y = np.tanh(X[:, 0]) - 0.5 * X[:, 1]
SETTINGS = {"batch_size": 16, "epochs": 3, "learning_rate": 0.01}
SHAPES = [(3, 5), (8, 8), (1, 7), (6, 2), (4, 4), (8, 3)]


class CaughtError(Exception):
    pass


def fit_of(estimator, **params):
    """The fit that an estimator's `fit` comes to."""
    caught = []

    def catch(job, fit):
        caught.append(fit)
        raise CaughtError

    with trained_by(catch), pytest.raises(CaughtError):
        clone(estimator).fit(X, Y, **params)
    return caught[0]


def fits_of(estimator):
    seeded = [
        clone(estimator).set_params(hidden_layer_sizes=shape, random_state=i)
        for i, shape in enumerate(SHAPES)
    ]
    fits = [fit_of(one, X_val=X[:20], y_val=Y[:20]) for one in seeded]
    share_rows(fits)
    return fits


def assert_same_networks(ours, theirs, rtol=1e-4):
    for one, other in zip(ours, theirs, strict=True):
        assert one.spec == other.spec
        assert one.training.epochs == other.training.epochs
        assert one.training.reason == other.training.reason
        vectors = [(one.training.now, other.training.now)]
        vectors += zip(one.training.optimizer, other.training.optimizer, strict=True)
        for pair in [*zip(one.arrays, other.arrays, strict=True), *vectors]:
            np.testing.assert_allclose(*pair, rtol=rtol, atol=1e-6)
        for name, values in other.training.history.items():
            np.testing.assert_allclose(one.training.history[name], values, rtol=rtol)


@pytest.mark.parametrize(
    "params",
    [
        {
            "activation": "sigmoid",
            "normalization": "batch",
            "dropout": 0.3,
            "input_dropout": 0.1,
            "l1": 1e-3,
            "l2": 1e-3,
            "optimizer": "adamw",
            "weight_decay": 0.1,
            "global_clipnorm": 0.5,
            "ema_decay": 0.8,
        },
        {"activation": "rrelu", "optimizer": "adagrad", "clipnorm": 0.2},
        pytest.param(
            {"activation": "selu", "dropout": 0.2, "optimizer": "rmsprop"},
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"activation": "prelu", "optimizer": "sgd", "momentum": 0.9},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["sigmoid and all else", "rrelu", "selu", "prelu"],
)
def test_padded_networks_are_as_networks_alone(params):
    assert_as_alone(MLPRegressor(**{**SETTINGS, **params}))


def test_wide_and_deep_networks_are_padded():
    params = {"wide_features": [0, 1], "aux_loss_weight": 0.2, "wide_l1": 1e-3}
    assert_as_alone(WideDeepRegressor(**SETTINGS, **params))


def assert_as_alone(regressor):
    padded = train_fits(fits_of(regressor), SIZES[0], units=(8, 8))
    # Each of these compiles a program.
    alone = [train_fits([fit])[0] for fit in fits_of(regressor)[:2]]
    assert_same_networks(padded[:2], alone)


def test_a_bit_of_a_real_unit_does_not_depend_on_padding():
    x, counters = tf.zeros((3, 5)), [tf.constant(7), tf.constant(1)]
    padded = random_bits(tf.zeros((2, 3, 8)), counters, width=tf.constant([[[5.0]], [[8.0]]]))
    np.testing.assert_array_equal(padded[0, :, :5], random_bits(x, counters))
    np.testing.assert_array_equal(padded[1], random_bits(tf.zeros((3, 8)), counters))


def test_padding_leaves_no_trace():
    """A state comes back as it was, and zeros stand where units are padded."""
    (fit, *_) = fits_of(MLPRegressor(**SETTINGS, normalization="batch", ema_decay=0.9))
    padding = PaddedFits([fit], (8, 8))
    network = Network(padding.fits[0].recipe.network)
    padded = padding.fits[0].first_weights(network.built_weights)
    kernel = padded[[layer.name for layer in network.spec.layers()].index("hidden_2")][0]
    assert kernel.shape == (8, 8)
    assert np.count_nonzero(kernel) == 15
    back = padding.without(0, FittedNetwork(padding.fits[0].spec, padded))
    real = fit.first_weights(Network(fit.recipe.network).built_weights)
    for ours, theirs in zip(back.arrays, (a for of in real for a in of), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "params",
    [
        {"activation": "softmax"},
        {"activation": lambda z: keras.ops.maximum(z, 0)},
        {"normalization": "layer"},
        {"optimizer": "nadam"},
        {"optimizer": keras.optimizers.Adam(epsilon=0.0)},
        {"optimizer": keras.optimizers.Ftrl(initial_accumulator_value=0.0)},
        {"verbose": 1},
        {"hidden_layer_sizes": ()},
    ],
    ids=lambda params: "-".join(params),
)
def test_networks_that_are_not_padded(params):
    assert not takes_padding([fit_of(MLPRegressor(**{**SETTINGS, **params}))])


def fits_of_widths(*widths, n=3, **params):
    estimator = MLPRegressor(**{**SETTINGS, "n_hidden": 2, **params})
    fits = [fit_of(clone(estimator).set_params(n_neurons=width)) for width in widths]
    return [[fit] * n for fit in fits]


def joined(groups):
    return [(len(fits), units) for fits, units in joined_widths(groups)]


def test_widths_are_joined_where_that_saves_time():
    assert joined(fits_of_widths(3, 17, 60)) == [(9, (64, 64))]
    # Training takes longer than compiling, but for small networks.
    assert joined(fits_of_widths(3, 5, 60, 150, epochs=30_000)) == [
        (6, (8, 8)),
        (3, None),
        (3, None),
    ]
    # Products of whole vectors take less time, where there are networks enough for a stack.
    assert joined(fits_of_widths(17)) == [(3, None)]
    assert joined(fits_of_widths(17, n=6)) == [(6, (24, 24))]
    assert joined(fits_of_widths(16, n=6)) == [(6, None)]
    assert joined(fits_of_widths(217, n=6)) == [(6, None)]  # 224 are too large
    # Above this size no stack would gain.
    assert joined(fits_of_widths(3, 300)) == [(3, None), (3, None)]
    deep, shallow = fits_of_widths(4, 5), fits_of_widths(4, 5, n_hidden=1)
    assert joined([*deep, *shallow]) == [(6, (8, 8)), (6, (8,))]


SPACE = {"n_neurons": [2, 3, 5, 8], "n_hidden": [0, 1], "learning_rate": [0.003, 0.03]}


def test_a_search_over_widths_compiles_one_program_for_each_depth():
    search = {"cv": 2, "refit": False}
    estimator = MLPRegressor(**SETTINGS, random_state=0)
    STORE.clear()
    ours = GridSearchCV(estimator, SPACE, **search).fit(X, Y)
    assert {program.n_members for program in STORE.idle()} == {16}
    assert len(STORE.idle()) == 2
    theirs = model_selection.GridSearchCV(estimator, SPACE, **search).fit(X, Y)
    scores = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[scores], theirs.cv_results_[scores], atol=1e-4)


def test_padded_networks_resume_in_a_halving_search():
    search = {"resource": "epochs", "factor": 2, "min_resources": 2, "max_resources": 4}
    widths = {"n_neurons": [2, 5, 8]}
    estimator = MLPRegressor(**SETTINGS, random_state=0)
    ours = HalvingGridSearchCV(estimator, widths, cv=2, refit=False, **search).fit(X, Y)
    theirs = model_selection.HalvingGridSearchCV(
        estimator, widths, cv=2, refit=False, **search
    ).fit(X, Y)
    scores = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[scores], theirs.cv_results_[scores], atol=1e-4)
