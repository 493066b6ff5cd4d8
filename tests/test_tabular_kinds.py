"""Kinds of layer of the tabular network, in NumPy, on tensors and in Keras."""

import json
import math
from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf

import skmlp.layers
from skmlp import MLPRegressor
from skmlp._kinds.activation_functions import ACTIVATIONS
from skmlp._kinds.activations import ACTIVATION_LAYERS
from skmlp._kinds.embeddings import (
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    cosine_of_turns,
)
from skmlp._kinds.tabular import LevelEmbedding, NTKDense, ParametricActivation, Scaling

N_ROWS = 12
# kind and width of its input
KINDS = {
    "periodic": (PeriodicEmbedding(5, 3), 4),
    "piecewise linear": (PiecewiseLinearEmbedding(6, 3), 4),
    "one bin": (PiecewiseLinearEmbedding(1, 2), 3),
    "levels": (LevelEmbedding((7,), 3), 1),
    "levels of three columns": (LevelEmbedding((7, 2, 5), 3), 3),
    "scaling": (Scaling(), 4),
    "dense": (NTKDense(3), 4),
    "dense without bias": (NTKDense(3, use_bias=False), 4),
    **{name: (ParametricActivation(name), 4) for name in ("mish", "selu", "relu", "silu")},
}
EACH_KIND = pytest.mark.parametrize(
    ("kind", "width"), [pytest.param(*pair, id=name) for name, pair in KINDS.items()]
)


def drawn_input(kind, width, rng, n_rows=N_ROWS):
    if isinstance(kind, LevelEmbedding):
        return rng.integers(kind.n_levels, size=(n_rows, width)).astype(np.float32)
    return rng.normal(scale=2, size=(n_rows, width)).astype(np.float32)


def drawn_arrays(kind, width, rng):
    """First arrays with a little noise, and edges among the inputs, two of them equal."""
    arrays = [
        array + rng.normal(scale=0.1, size=array.shape).astype(np.float32)
        for array in kind.first_arrays(width, rng)
    ]
    if isinstance(kind, PiecewiseLinearEmbedding):
        arrays[2] = np.sort(rng.normal(size=(width, kind.n_bins + 1)).astype(np.float32))
        arrays[2][0, -2:] = arrays[2][0, -2]
        arrays[2][-1, :2] = arrays[2][-1, 1]
    return arrays


def stacked(kind, width, n_members=3):
    """Inputs and arrays of several networks."""
    rng = np.random.default_rng(0)
    X = np.stack([drawn_input(kind, width, rng) for _ in range(n_members)])
    members = [drawn_arrays(kind, width, rng) for _ in range(n_members)]
    return X, members, [np.stack(arrays) for arrays in zip(*members, strict=True)]


# Independent formulas in double precision


def expected(kind, X, arrays):
    X, arrays = X.astype(float), [array.astype(float) for array in arrays]
    if isinstance(kind, PeriodicEmbedding):
        return by_feature(X, *arrays[2:], lambda i: wave(X[:, i], arrays[0][i], arrays[1][i]))
    if isinstance(kind, PiecewiseLinearEmbedding):
        return by_feature(X, *arrays[:2], lambda i: shares(X[:, i], arrays[2][i]))
    if isinstance(kind, LevelEmbedding):
        tables = np.split(arrays[0], np.cumsum(kind.n_levels)[:-1])
        one_hot = zip(kind.n_levels, X.T.astype(int), strict=True)
        return np.hstack([np.eye(n)[c] @ t for (n, c), t in zip(one_hot, tables, strict=True)])
    if isinstance(kind, Scaling):
        return X @ np.diag(arrays[0])
    if isinstance(kind, NTKDense):
        bias = arrays[1] if kind.use_bias else 0
        return np.einsum("rd,du->ru", X, arrays[0]) / math.sqrt(X.shape[1]) + bias
    return (1 - arrays[0]) * X + arrays[0] * ACTIVATIONS[kind.function](X.copy())


def by_feature(X, kernel, bias, values):
    outputs = [values(i) @ kernel[i] + bias[i] for i in range(X.shape[1])]
    return np.hstack(outputs)


def wave(x, frequencies, phases):
    pairs = zip(frequencies, phases, strict=True)
    return np.stack([np.cos(2 * np.pi * x * f + phase) for f, phase in pairs], axis=1)


def shares(x, edges):
    """By interpolation in each bin, with the outer bins prolonged far out."""
    n_bins, columns = len(edges) - 1, []
    for i, (low, high) in enumerate(pairwise(edges)):
        if high == low:
            columns.append(np.zeros_like(x))
            continue
        start = -1000 if i == 0 else 0
        end = 1000 if i == n_bins - 1 else 1
        places = [low + share * (high - low) for share in (start, end)]
        columns.append(np.interp(x, places, [start, end]) - 0.5)
    return np.stack(columns, axis=1)


def test_a_bin_by_hand():
    kind = PiecewiseLinearEmbedding(3, 3)
    arrays = [np.eye(3, dtype=np.float32)[None], np.zeros((1, 3), np.float32)]
    edges = np.array([[0, 2, 3, 7]], np.float32)
    encoded = kind.numpy([*arrays, edges], np.array([[-2], [1], [2.25], [9]], np.float32))
    by_hand = np.array([[-1, 0, 0], [0.5, 0, 0], [1, 0.25, 0], [1, 1, 1.5]])
    np.testing.assert_allclose(encoded, by_hand - 0.5, atol=1e-6)


@EACH_KIND
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_follows_the_formula(kind, width, dtype):
    rng = np.random.default_rng(0)
    X, arrays = drawn_input(kind, width, rng), drawn_arrays(kind, width, rng)
    X, arrays = X.astype(dtype), [array.astype(dtype) for array in arrays]
    before = X.copy()
    output = kind.numpy(arrays, X)
    assert output.dtype == dtype
    assert output.shape == (N_ROWS, kind.units(width))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(output, expected(kind, before, arrays), atol=tolerance)
    np.testing.assert_array_equal(X, before)  # other layers may read it too


@EACH_KIND
def test_tensors_and_the_keras_layer_give_the_same(kind, width):
    rng = np.random.default_rng(1)
    X, arrays = drawn_input(kind, width, rng), drawn_arrays(kind, width, rng)
    output = kind.numpy(arrays, X)
    tensors = [tf.constant(array) for array in arrays]
    np.testing.assert_allclose(kind.tensor(tensors, tf.constant(X)), output, atol=1e-5)
    layer = keras_layer(kind, width, arrays)
    np.testing.assert_allclose(layer(X), output, atol=1e-5)


def keras_layer(kind, width, arrays):
    layer = kind.keras_layer(name="layer", dtype="float32")
    layer.build((None, width))
    assert [weight.name for weight in layer.weights] == [a.name for a in kind.arrays(width)]
    layer.set_weights(arrays)
    return layer


@EACH_KIND
def test_what_is_returned_may_be_overwritten_where_a_kind_says_so(kind, width):
    X, members, _ = stacked(kind, width)
    made = kind.prepared(members[0])(X[0])
    assert not kind.returns_input
    assert not np.shares_memory(made, X[0])


@EACH_KIND
def test_networks_side_by_side_are_each_network_alone(kind, width):
    X, members, arrays = stacked(kind, width)
    alone = [kind.numpy(one, rows) for one, rows in zip(members, X, strict=True)]
    tensors = [tf.constant(array) for array in arrays]
    np.testing.assert_allclose(kind.tensor(tensors, tf.constant(X)), alone, atol=1e-5)
    on_first_rows = [kind.numpy(one, X[0]) for one in members]
    shared = kind.tensor(tensors, tf.constant(X[0]))
    np.testing.assert_allclose(shared, on_first_rows, atol=1e-5)


@EACH_KIND
def test_gradients_are_dense_and_those_of_the_keras_layer(kind, width):
    X, members, arrays = stacked(kind, width)
    output_weights = tf.constant(
        np.random.default_rng(0).normal(size=(N_ROWS, kind.units(width))), tf.float32
    )

    @tf.function(jit_compile=True)
    def gradients(arrays, X):
        with tf.GradientTape() as tape:
            tape.watch([*arrays, X])
            loss = tf.reduce_sum(kind.tensor(arrays, X) * output_weights)
        found = tape.gradient(loss, arrays, unconnected_gradients="zero")
        assert not any(isinstance(one, tf.IndexedSlices) for one in found)
        return found

    found = gradients([tf.constant(array) for array in arrays], tf.constant(X))
    n_trained = sum(array.is_trained for array in kind.arrays(width))
    for member, of_member in enumerate(members):
        layer = keras_layer(kind, width, of_member)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(X[member]) * output_weights)
        of_layer = tape.gradient(loss, [weight.value for weight in layer.trainable_weights])
        assert len(of_layer) == n_trained
        for one, of_keras in zip(found[:n_trained], of_layer, strict=True):
            of_keras = tf.convert_to_tensor(of_keras)
            np.testing.assert_allclose(one[member], of_keras, rtol=1e-4, atol=1e-4)


@EACH_KIND
def test_a_saved_model_is_loaded_without_custom_objects(kind, width, tmp_path):
    rng = np.random.default_rng(0)
    X, arrays = drawn_input(kind, width, rng), drawn_arrays(kind, width, rng)
    layer = keras_layer(kind, width, arrays)
    copy = type(layer).from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    model = keras.Sequential([keras.Input((width,)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.layers[0]) is getattr(skmlp.layers, type(kind).__name__)
    np.testing.assert_array_equal(loaded(X), model(X))


@pytest.mark.parametrize("n_levels", [3, np.int64(3), (3,), np.array([3])])
def test_numbers_of_levels(n_levels):
    layer = skmlp.layers.LevelEmbedding(n_levels, 2)
    assert layer(np.zeros((4, 1))).shape == (4, 2)
    config = json.loads(json.dumps(layer.get_config()))
    assert skmlp.layers.LevelEmbedding.from_config(config).n_levels == [3]


def test_codes_are_exact_in_half_precision():
    layer = skmlp.layers.LevelEmbedding(3000, 2, dtype="mixed_float16", seed=0)
    codes = np.array([[2049.0], [2999.0]], np.float32)
    expected = np.asarray(layer(codes))
    assert expected.dtype == np.float16
    table = layer.get_weights()[0]
    np.testing.assert_array_equal(expected, table[[2049, 2999]].astype(np.float16))


# Arrays before training


@EACH_KIND
def test_first_arrays_fit_the_arrays(kind, width):
    first = kind.first_arrays(width, np.random.default_rng(0))
    arrays = kind.arrays(width)
    assert [array.shape for array in first] == kind.shapes(width)
    assert {array.dtype for array in first} == {np.dtype(np.float32)}
    again = kind.first_arrays(width, np.random.default_rng(0))
    for one, other, array in zip(first, again, arrays, strict=True):
        np.testing.assert_array_equal(one, other)
        assert array.initial.shape == one.shape
        assert array.rate_factor == (
            {"scale": 6, "table": 1}.get(array.name, 0.1)
            if array.is_trained and not array.is_penalised
            else 1
        )
        assert array.decays == (array.name not in ("bias", "phases", "edges"))
        assert array.is_penalised == (isinstance(kind, NTKDense) and array.name == "kernel")


STANDARD_NORMAL = 0, 1, None  # mean, standard deviation, bound


def uniform(bound):
    return 0, bound / math.sqrt(3), bound


@pytest.mark.parametrize(
    ("kind", "width", "moments"),
    [
        (
            PeriodicEmbedding(16, 20, frequency_scale=4.0),
            200,
            [(0, 4, None), uniform(math.pi), uniform(0.25), uniform(0.25)],
        ),
        (PiecewiseLinearEmbedding(16, 20), 200, [uniform(0.25), uniform(0.25), (0, 0, 0)]),
        (LevelEmbedding((1000,), 4), 1, [(0, 0.5, None)]),
        (Scaling(), 5, [(1, 0, 1)]),
        (ParametricActivation("selu"), 5, [(1, 0, 1)]),
        (NTKDense(3000), 5, [STANDARD_NORMAL, STANDARD_NORMAL]),
        (NTKDense(3000, is_output=True), 5, [STANDARD_NORMAL, (0, 0, 0)]),
        (NTKDense(3, is_output=True, starts_at_zero=True), 5, [(0, 0, 0), (0, 0, 0)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_moments_of_first_arrays(kind, width, moments):
    """Of those that are drawn, and of those that the Keras layer draws by itself."""
    first = kind.first_arrays(width, np.random.default_rng(0))
    drawn = [first]
    if not isinstance(kind, NTKDense):
        layer = kind.keras_layer(name="layer", dtype="float32")
        layer.build((None, width))
        drawn.append(layer.get_weights())
    elif not kind.is_output:
        keras.utils.set_random_seed(0)
        layer = skmlp.layers.NTKDense(kind.n_units)
        layer.build((None, width))
        drawn.append(layer.get_weights())
    for arrays in drawn:
        for array, (mean, deviation, bound) in zip(arrays, moments, strict=True):
            assert abs(array.mean() - mean) <= 6 * deviation / math.sqrt(array.size)
            assert array.std() == pytest.approx(deviation, rel=0.1)
            assert bound is None or np.abs(array).max() <= np.float32(bound)
        for one, other in pairwise(arrays):
            n = min(one.size, other.size)
            if one.std() and other.std():
                assert abs(np.corrcoef(one.ravel()[:n], other.ravel()[:n])[0, 1]) < 0.2


def test_a_feature_without_bins_has_its_bias():
    kind = PiecewiseLinearEmbedding(4, 2)
    kernel, bias, edges = kind.first_arrays(2, np.random.default_rng(0))
    X = np.array([[1, -3], [0, 1e30]], np.float32)
    for output in (
        kind.numpy([kernel, bias, edges], X),
        kind.tensor([kernel, bias, edges], tf.constant(X)).numpy(),
        np.asarray(keras_layer(kind, 2, [kernel, bias, edges])(X)),
    ):
        np.testing.assert_allclose(output, [bias.ravel()] * 2, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mish_is_that_of_keras(dtype):
    z = np.linspace(-90, 90, 2001).astype(dtype)
    exact = z.astype(float) * np.tanh(np.logaddexp(z.astype(float), 0))
    output = ACTIVATIONS["mish"](z.copy())
    assert output.dtype == dtype
    np.testing.assert_allclose(output, exact, rtol=3e-6 if dtype == np.float32 else 1e-12)
    output = ParametricActivation("mish").tensor([tf.ones(1, dtype)], tf.constant(z[:, None]))
    np.testing.assert_allclose(output[:, 0], exact, rtol=1e-5, atol=1e-6)


def test_cosine_and_its_gradient():
    turns = tf.constant([*np.linspace(-3, 3, 1201), 1000.25, -4096.5], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(turns)
        cosine = cosine_of_turns(turns)
    angles = 2 * np.pi * turns.numpy().astype(float)
    np.testing.assert_allclose(cosine, np.cos(angles), atol=5e-7)
    slope = tape.gradient(cosine, turns)
    np.testing.assert_allclose(slope, -2 * np.pi * np.sin(angles), atol=5e-6)


# In the engine


class Started:
    """Random arrays as built, in ascending order as edges must be."""

    def arrays(self, width):
        rng = np.random.default_rng(0)
        arrays = super().arrays(width)
        values = [np.sort(rng.normal(size=array.initial.shape)) for array in arrays]
        pairs = zip(arrays, values, strict=True)
        return [array._replace(initial=value.astype(np.float32)) for array, value in pairs]


class StartedPiecewise(Started, PiecewiseLinearEmbedding):
    pass


class StartedPeriodic(Started, PeriodicEmbedding):
    pass


def test_the_engine_trains_kinds_and_keeps_edges(monkeypatch):
    kinds = [
        StartedPiecewise(4, 2),
        Scaling(),
        ParametricActivation("mish"),
        StartedPeriodic(3, 2),
    ]
    widths = (4, 3, 5, 2)
    names = [f"kind {i}" for i in range(len(kinds))]
    for name, kind in zip(names, kinds, strict=True):
        monkeypatch.setitem(ACTIVATION_LAYERS, name, kind)
    X = np.random.default_rng(0).normal(size=(60, 3))
    regressor = MLPRegressor(
        widths, activation=names, optimizer="sgd", batch_size=20, epochs=2, random_state=0
    ).fit(X, X[:, 0])
    np.testing.assert_allclose(
        regressor.model_.predict(X, verbose=0)[:, 0], regressor.predict(X), atol=1e-5
    )
    weights = regressor._state.weights[1::2]
    for kind, width, arrays in zip(kinds, widths, weights, strict=False):
        for built, array in zip(kind.arrays(width), arrays, strict=True):
            assert (built.initial != array).any() == built.is_trained


def test_a_large_table_in_a_variable_of_its_own_has_a_dense_gradient():
    """As the engine reads it."""
    kind = LevelEmbedding((2000,), 4)
    variable = keras.Variable(kind.first_arrays(1, np.random.default_rng(0))[0])
    codes = tf.constant([[3.0], [1999.0], [3.0]])
    value = tf.convert_to_tensor(variable.value)
    with tf.GradientTape() as tape:
        tape.watch(value)
        loss = tf.reduce_sum(kind.tensor([value], codes))
    gradient = tape.gradient(loss, value)
    assert isinstance(gradient, tf.Tensor)
    counted = np.bincount([3, 1999, 3], minlength=2000)
    np.testing.assert_array_equal(gradient, np.tile(counted[:, None], (1, 4)))
