"""Wide & deep: the columns of each path, and equal networks in Keras's functional API."""

import copy

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import murmurhash3_32

from skmlp import MLPClassifier, MLPRegressor, WideDeepClassifier, WideDeepRegressor
from skmlp._data.columns import chosen_pairs
from skmlp._data.hashed_crosses import crossed_inputs, hashes, wide_values
from skmlp._data.sparse_rows import dense

RNG = np.random.RandomState(0)
X = RNG.normal(size=(75, 8))  # with batches of 32 the last batch has 11 rows
Y = X[:, 0] - X[:, 5] ** 2
WEIGHT = RNG.uniform(0.2, 2, 75)
NAMES = [f"x{i}" for i in range(8)]
FRAME = pd.DataFrame(X, columns=NAMES)
SMALL = {
    "hidden_layer_sizes": (6, 5),
    "optimizer": "sgd",  # compiles fastest
    "learning_rate": 0.01,
    "batch_size": 32,
    "epochs": 3,
    "random_state": 0,
}
REGRESSOR = WideDeepRegressor(**SMALL)


def keras_model(n_wide, n_deep, n_outputs, activation, *, auxiliary=False, l2=0.0):
    """The network as a Keras user would write it."""
    penalty = {"kernel_regularizer": keras.regularizers.L2(l2)}
    wide = keras.Input((n_wide,), name="wide_input")
    deep = keras.Input((n_deep,), name="deep_input")
    hidden = keras.layers.Dense(6, activation="relu", **penalty)(deep)
    hidden = keras.layers.Dense(5, activation="relu", **penalty)(hidden)
    joined = keras.layers.concatenate([wide, hidden])
    output = {"units": n_outputs, "activation": activation, **penalty}
    main = keras.layers.Dense(**output, name="main_output")(joined)
    if not auxiliary:
        return keras.Model([wide, deep], main)
    aux = keras.layers.Dense(**output, name="aux_output")(hidden)
    return keras.Model([wide, deep], [main, aux])


def initial_weights(estimator, y):
    """Initial weights of a fit, from a fit whose optimizer hardly changes them.

    Biases are reset to zero: for a row that leaves the first layer dead, they alone decide
    which units of the second layer are dead.
    """
    still = clone(estimator).set_params(learning_rate=1e-30, epochs=1, wide_optimizer=None)
    arrays = still.fit(X, y)._state.arrays
    return [np.where(np.abs(array) < 1e-20, 0, array) for array in arrays]


@pytest.mark.parametrize(
    "params",
    [
        {},  # experiment D3
        {"wide_features": slice(0, 5), "deep_features": slice(2, 8)},  # D4
        {  # D5
            "wide_features": slice(0, 5),
            "deep_features": slice(2, 8),
            "aux_loss_weight": 0.1,
        },
        {"aux_loss_weight": 0.3, "optimizer": "adam", "l2": 0.01, "wide_features": [7, 0]},
    ],
    ids=["D3", "D4", "D5", "adam"],
)
@pytest.mark.parametrize("kind", ["regression", "classes"])
def test_losses_and_weights_equal_those_of_keras(params, kind):
    wide = np.arange(8)[params.get("wide_features", slice(None))]
    deep = np.arange(8)[params.get("deep_features", slice(None))]
    is_classes = kind == "classes"
    y = np.digitize(Y, [-1, 0]) if is_classes else Y
    cls = WideDeepClassifier if is_classes else WideDeepRegressor
    common = {**SMALL, "epochs": 5, "shuffle": False, "n_iter_no_change": np.inf}
    estimator = cls(**{**common, **params})
    fitted = clone(estimator).fit(X, y, sample_weight=WEIGHT)

    has_aux = "aux_loss_weight" in params
    outputs = (3, "softmax") if is_classes else (1, "linear")
    model = keras_model(
        len(wide), len(deep), *outputs, auxiliary=has_aux, l2=params.get("l2", 0.0)
    )
    model.set_weights(initial_weights(estimator, y))
    share = params.get("aux_loss_weight", 0.0)
    loss = "sparse_categorical_crossentropy" if is_classes else "mse"
    model.compile(
        optimizer=type(keras.optimizers.get(estimator.optimizer))(0.01),
        loss=[loss] * 2 if has_aux else loss,
        loss_weights=[1 - share, share] if has_aux else None,
        run_eagerly=True,
    )
    target = y.reshape(-1, 1).astype(np.float32)
    weight = WEIGHT / WEIGHT.mean()
    history = model.fit(
        [X[:, wide], X[:, deep]],
        [target, target] if has_aux else target,
        sample_weight=[weight, weight] if has_aux else weight,
        batch_size=32,
        epochs=5,
        shuffle=False,
        verbose=0,
    )
    np.testing.assert_allclose(fitted.loss_curve_, history.history["loss"], rtol=2e-5)
    for ours, theirs in zip(fitted._state.arrays, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-6)


def test_the_wide_path_has_its_own_optimizer_as_two_in_keras():
    """FTRL with L1 trains the wide rows, Adam the rest: two `keras` optimizers by hand."""
    import tensorflow as tf

    ftrl = keras.optimizers.Ftrl(0.05, l1_regularization_strength=0.01)
    regressor = clone(REGRESSOR).set_params(wide_optimizer=ftrl, shuffle=False, epochs=5)
    regressor.set_params(optimizer="adam", learning_rate=0.001)
    fitted = clone(regressor).fit(X, Y)
    model = keras_model(8, 8, 1, "linear")
    model.set_weights(initial_weights(regressor, Y))
    kernel = model.get_layer("main_output").kernel
    wide, deep = keras.Variable(kernel[:8]), keras.Variable(kernel[8:])
    variables = [deep if v is kernel else v for v in model.trainable_variables]
    adam, ftrl = keras.optimizers.Adam(), type(ftrl).from_config(ftrl.get_config())
    rows, y = X.astype(np.float32), Y.astype(np.float32)[:, None]
    for _ in range(5):
        for start in range(0, 75, 32):
            batch = slice(start, start + 32)
            with tf.GradientTape() as tape:
                error = model([rows[batch], rows[batch]]) - y[batch]
                loss = tf.reduce_mean(error**2)
            gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
            at = [v is kernel for v in model.trainable_variables].index(True)
            of_kernel = gradients[at]
            gradients[at] = of_kernel[8:]
            adam.apply(gradients, variables)
            ftrl.apply([of_kernel[:8]], [wide])
            kernel.assign(tf.concat([wide.value, deep.value], axis=0))
    for ours, theirs in zip(fitted._state.arrays, model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=5e-4, atol=5e-6)


def test_a_wide_optimizer_by_name_steps_at_the_rate_of_the_other():
    schedule = {"learning_rate_schedule": "cosine", "learning_rate": 0.02}
    one = clone(REGRESSOR).set_params(**schedule)
    two = clone(one).set_params(wide_optimizer="sgd", global_clipnorm=0.5)
    one.set_params(global_clipnorm=0.5)
    for ours, theirs in zip(one.fit(X, Y).coefs_, two.fit(X, Y).coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_wide_penalties_draw_the_wide_weights_alone():
    free = clone(REGRESSOR).set_params(optimizer="adam", epochs=60, learning_rate=0.02)
    free.fit(X, Y)
    for penalty in ("wide_l1", "wide_l2"):
        drawn = clone(free).set_params(**{penalty: 1.0}).fit(X, Y)
        assert np.abs(drawn.coefs_[-1][:8]).max() < 0.2 * np.abs(free.coefs_[-1][:8]).max()
        assert np.abs(drawn.coefs_[-1][8:]).max() > 0.3 * np.abs(free.coefs_[-1][8:]).max()


def test_penalties_of_the_wide_path_are_keras_s():
    regressor = clone(REGRESSOR).set_params(epochs=1, learning_rate=1e-30)
    plain = clone(regressor).fit(X, Y)
    wide = plain.coefs_[-1][:8]
    both = clone(regressor).set_params(wide_l1=0.3, wide_l2=0.2).fit(X, Y)
    expected = plain.loss_ + 0.3 * np.abs(wide).sum() + 0.2 * (wide**2).sum()
    np.testing.assert_allclose(both.loss_, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("wide_deep", "mlp"),
    [(WideDeepRegressor, MLPRegressor), (WideDeepClassifier, MLPClassifier)],
)
def test_every_parameter_of_the_mlp_with_its_default(wide_deep, mlp):
    assert wide_deep().get_params().items() >= mlp().get_params().items()


FIRST_FIVE = np.arange(8) < 5


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        (slice(0, 5), X),
        (slice(None, -3), X),
        (np.arange(5), X),
        ([0, 1, 2, 3, -4], X),
        (FIRST_FIVE, X),
        (FIRST_FIVE.tolist(), X.tolist()),
        (NAMES[:5], FRAME),
        (NAMES[:5], pl.DataFrame(X, schema=NAMES)),
        (slice("x0", "x4"), FRAME),
        (lambda frame: list(frame.columns[:5]), FRAME),
        (make_column_selector(pattern="x[0-4]"), FRAME),
        (make_column_selector(pattern="x[0-4]", dtype_include=np.number), FRAME),
    ],
)
def test_columns_are_chosen_in_every_way(selection, rows):
    expected = clone(REGRESSOR).set_params(wide_features=[0, 1, 2, 3, 4]).fit(X, Y)
    other = clone(REGRESSOR).set_params(wide_features=selection).fit(rows, Y)
    np.testing.assert_array_equal(other.predict(rows), expected.predict(X))
    np.testing.assert_array_equal(other.wide_inputs_[:, 0], [0, 1, 2, 3, 4])


def test_columns_keep_their_order_and_may_overlap():
    regressor = clone(REGRESSOR).set_params(wide_features=[3, 0], deep_features=[0, 5, 3])
    regressor.fit(X, Y)
    wide, deep = X[:, [3, 0]], X[:, [0, 5, 3]]
    ours = regressor.predict(X)
    theirs = regressor.model_.predict([wide, deep], verbose=0)
    np.testing.assert_allclose(theirs[:, 0], ours, rtol=1e-5, atol=1e-6)
    assert [kernel.shape for kernel in regressor.coefs_] == [(3, 6), (6, 5), (7, 1)]


def test_names_reach_through_a_pipeline():
    regressor = clone(REGRESSOR).set_params(
        wide_features=["x0", "x1"], deep_features=["x5", "x2"], early_stopping=True
    )
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, regressor).fit(FRAME, Y)
    by_position = clone(regressor).set_params(wide_features=[0, 1], deep_features=[5, 2])
    other = by_position.fit(StandardScaler().fit_transform(X), Y)
    np.testing.assert_allclose(
        pipeline.predict(FRAME), other.predict(StandardScaler().fit_transform(X))
    )


def test_searched_like_the_mlp():
    space = {"aux_loss_weight": [0.1, 0.4], "wide_l2": [0.01, 0.1], "n_hidden": [1, 2]}
    regressor = clone(REGRESSOR).set_params(n_neurons=4, wide_features=[0, 1])
    search = GridSearchCV(regressor, space, cv=2).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


class TestCrosses:
    def test_products_of_numbers(self):
        crossed = clone(REGRESSOR).set_params(
            wide_features=[0], deep_features=[1, 2], wide_crosses=[(5, 5), (0, 3)]
        )
        by_hand = np.column_stack([X[:, 0], X[:, 5] ** 2, X[:, 0] * X[:, 3], X[:, 1:3]])
        other = clone(REGRESSOR).set_params(
            wide_features=slice(0, 3), deep_features=slice(3, 5)
        )
        np.testing.assert_allclose(
            crossed.fit(X, Y).predict(X), other.fit(by_hand, Y).predict(by_hand), rtol=1e-5
        )

    def test_crosses_alone_are_a_wide_path(self):
        linear = WideDeepRegressor(
            (), wide_features=[], wide_crosses=[(5, 5)], learning_rate=0.05, random_state=0
        )
        assert linear.fit(X, X[:, 5] ** 2).score(X, X[:, 5] ** 2) > 0.99

    FRUIT = np.array(["apple", "pear", "plum"])[np.arange(75) % 3]
    SIZE = np.array(["big", "small"])[np.arange(75) % 5 % 2]
    TARGET = Y + 2.0 * ((FRUIT == "pear") & (SIZE == "small"))

    def frames(self):
        columns = {"fruit": self.FRUIT, "x": X[:, 0], "size": self.SIZE, "y": X[:, 5]}
        as_category = {"fruit": "category", "size": "category"}
        yield pd.DataFrame(columns).astype(as_category)
        yield pl.DataFrame(columns).with_columns(
            pl.col("fruit").cast(pl.Categorical), pl.col("size").cast(pl.Enum(["small", "big"]))
        )

    def test_combinations_of_categories(self):
        estimator = clone(REGRESSOR).set_params(
            wide_features=["x"], deep_features=["x", "y"], wide_crosses=[("fruit", "size")]
        )
        estimator.set_params(epochs=80, learning_rate=0.02)
        pairs = [f"{fruit} {size}" for fruit, size in zip(self.FRUIT, self.SIZE, strict=True)]
        indicators = OneHotEncoder(sparse_output=False).fit_transform(np.c_[pairs])
        by_hand = np.column_stack([X[:, 0], indicators, X[:, [0, 5]]])
        other = clone(estimator).set_params(
            wide_features=slice(0, 7), deep_features=slice(7, 9), wide_crosses=None
        )
        expected = other.fit(by_hand, self.TARGET).predict(by_hand)
        for frame in self.frames():
            fitted = clone(estimator).fit(frame, self.TARGET)
            np.testing.assert_allclose(fitted.predict(frame), expected, rtol=1e-4, atol=1e-5)
            assert fitted.cross_inputs_.shape == (6, 2, 2)
            assert fitted.categories_["size"] == ["big", "small"]

    def test_a_category_with_a_number(self):
        frame = next(self.frames())
        estimator = clone(REGRESSOR).set_params(
            wide_features=["x"], deep_features=["x"], wide_crosses=[("x", "size")]
        )
        fitted = estimator.fit(frame, self.TARGET)
        assert fitted.cross_inputs_.tolist() == [[[1, -1], [2, 0]], [[1, -1], [2, 1]]]

    def test_categorical_columns_are_indicators_in_both_paths(self):
        encoder = make_column_transformer(
            (OneHotEncoder(sparse_output=False), [0, 2]), remainder="passthrough"
        )
        for frame in self.frames():
            fitted = clone(REGRESSOR).fit(frame, self.TARGET)
            assert len(fitted.wide_inputs_) == len(fitted.deep_inputs_) == 3 + 1 + 2 + 1
            rows = encoder.fit_transform(next(self.frames()))
            order = [0, 1, 2, 5, 3, 4, 6]  # the encoder puts numbers last
            other = clone(REGRESSOR).fit(rows[:, order], self.TARGET)
            np.testing.assert_allclose(
                fitted.predict(frame), other.predict(rows[:, order]), rtol=1e-5, atol=1e-6
            )

    def test_an_unknown_category_sets_no_indicator(self):
        frame = next(self.frames())
        linear = WideDeepRegressor((), wide_features=["fruit"], random_state=0, epochs=3)
        fitted = linear.fit(frame, self.TARGET)
        other = frame.assign(fruit="cherry")
        np.testing.assert_allclose(fitted.predict(other), fitted.intercepts_[-1][0], rtol=1e-6)

    def test_categories_need_a_frame_later_too(self):
        fitted = clone(REGRESSOR).fit(next(self.frames()), Y)
        with pytest.raises(ValueError, match="'X' must be a DataFrame with the columns"):
            fitted.predict(X[:, :4])


@pytest.fixture(scope="module")
def hashed():
    cls = TestHashedCrosses
    return clone(cls.ESTIMATOR).fit(cls.FRAME, cls.TARGET)


class TestHashedCrosses:
    BUCKETS = 4  # of 6 combinations
    FRAME, TARGET = next(TestCrosses().frames()), TestCrosses.TARGET
    ESTIMATOR = clone(REGRESSOR).set_params(
        wide_features=["x"],
        deep_features=["x", "y"],
        wide_crosses=[("fruit", "size"), ("x", "size"), ("fruit", "x")],
        wide_hash_buckets=BUCKETS,
    )

    def test_as_many_combinations_as_buckets_stay_exact(self):
        rows = np.array([[0, 0], [1, 1], [0, 1], [0, 1], [-1, 0]])
        pairs, sizes = [np.array([0, 1]), np.array([1, 0])], {0: 2, 1: 2}
        exact, hashed = crossed_inputs(rows, pairs, sizes, 3)
        np.testing.assert_array_equal(exact, crossed_inputs(rows, pairs, sizes, None)[0])
        assert exact.shape == (6, 2, 2)
        assert hashed.shape == (0, 2, 2)

    def test_more_combinations_share_buckets(self, hashed):
        assert hashed.hashed_crosses_.tolist() == [[[0, self.BUCKETS], [2, self.BUCKETS]]]
        assert len(hashed.cross_inputs_) == 2 + 3  # of a number with categories
        assert hashed.cross_inputs_.nbytes == 5 * 4  # most of a file of many crosses
        assert hashed.coefs_[-1].shape == (1 + 5 + self.BUCKETS + 5, 1)
        buckets = hashed._encode_features(self.FRAME)[:, 6:-2]
        assert (buckets.sum(axis=1) == 1).all()
        of_pair = self.FRAME.assign(bucket=buckets.argmax(axis=1)).groupby(
            ["fruit", "size"], observed=True
        )["bucket"]
        assert (of_pair.nunique() == 1).all()
        assert of_pair.first().nunique() > 1

    def test_a_combination_that_fit_did_not_see_has_a_bucket(self, hashed):
        is_new = (self.FRAME["fruit"] == "plum") & (self.FRAME["size"] == "small")
        seen, new = self.FRAME[~is_new], self.FRAME[is_new]
        fitted = clone(self.ESTIMATOR).fit(seen, self.TARGET[~is_new])
        np.testing.assert_array_equal(
            fitted._encode_features(new), hashed._encode_features(new)
        )
        unknown = dense(fitted._encode_features(new.assign(fruit="cherry")))
        np.testing.assert_array_equal(unknown[:, 6:-2], 0)

    def test_numbers_and_many_buckets(self):
        """Against one hash at a time; sparse where most buckets are empty."""
        rng = np.random.RandomState(0)
        codes = rng.randint(-1, 30, (200, 2))
        rows = np.column_stack([rng.randn(200), codes]).astype(np.float32)
        crosses = np.array([[[1, 500], [2, 500]], [[0, -1], [2, 9]], [[1, 7], [0, -1]]])

        def key(code, side):
            hashed = murmurhash3_32(int(code), seed=side, positive=True)
            return hashed % (2**31 - 2) + 1

        expected = np.zeros((200, 516), np.float32)
        for row, (value, left, right) in zip(expected, rows, strict=True):
            if left >= 0 and right >= 0:
                row[key(left, 0) * key(right, 1) % (2**31 - 1) % 500] = 1
            if right >= 0:
                row[500 + key(right, 1) % 9] = value
            if left >= 0:
                row[509 + key(left, 0) % 7] = value
        none = np.empty((0, 2), int), np.empty((0, 2, 2), int)
        found = wide_values(rows, *none, crosses)
        np.testing.assert_array_equal(found.toarray(), expected)
        found = wide_values(rows, *none, crosses[1:])
        np.testing.assert_array_equal(found, expected[:, 500:])

    def test_hashes_are_those_of_all_processes_and_releases(self):
        assert hashes(np.arange(-1, 3), 0).tolist() == [0, 593689055, 2079408173, 1085422464]
        assert hashes(np.arange(-1, 3), 1).tolist() == [0, 2028806446, 1578231157, 1536851599]

    @pytest.mark.parametrize("zeros", [slice(2, 5), slice(0, -5), slice(0, 6)])
    def test_prune_keeps_buckets(self, hashed, zeros):
        fitted = copy.deepcopy(hashed)
        kernel, *_ = fitted._state._dense()[-1]
        kernel[zeros] = 0
        small = copy.deepcopy(fitted).prune()
        kept = fitted.coefs_[-1].any(axis=1)
        kept[6:] = True
        np.testing.assert_array_equal(small.coefs_[-1], fitted.coefs_[-1][kept])
        assert len(small.wide_inputs_) + len(small.cross_inputs_) == kept[:6].sum()
        predicted = fitted.predict(self.FRAME)
        np.testing.assert_allclose(small.predict(self.FRAME), predicted, rtol=1e-6)
        other = small.fit(self.FRAME, self.TARGET)
        np.testing.assert_array_equal(other.predict(self.FRAME), hashed.predict(self.FRAME))

    def test_prune_keeps_one_wide_input(self):
        columns = {"wide_features": ["x0", "x1"], "deep_features": ["x2"]}
        fitted = clone(REGRESSOR).set_params(**columns, warm_start=True).fit(FRAME, Y)
        kernel, *_ = fitted._state._dense()[-1]
        kernel[:2] = 0
        predicted = fitted.predict(FRAME)
        small = copy.deepcopy(fitted).prune()
        assert small.wide_inputs_.tolist() == [[0, -1]]
        np.testing.assert_allclose(small.predict(FRAME), predicted, rtol=1e-6)
        names = [entry.name for entry in small.model_.inputs]
        assert names == ["wide_input", "deep_input"]

    def test_resuming(self, hashed):
        parts = clone(self.ESTIMATOR).set_params(epochs=1, warm_start=True)
        for _ in range(3):
            parts.fit(self.FRAME, self.TARGET)
        for ours, whole in zip(parts._state.arrays, hashed._state.arrays, strict=True):
            np.testing.assert_array_equal(ours, whole)
        few = self.FRAME[:4]  # of two combinations
        assert parts.partial_fit(few, self.TARGET[:4]).coefs_[-1].shape == (15, 1)
        for other in (None, self.BUCKETS + 1, 2):
            parts.set_params(wide_hash_buckets=other)
            with pytest.raises(ValueError, match="'wide_hash_buckets' must stay as it was"):
                parts.fit(self.FRAME, self.TARGET)

    def test_resuming_with_one_cross_and_other_buckets(self):
        one = clone(self.ESTIMATOR).set_params(
            wide_crosses=self.ESTIMATOR.wide_crosses[:1], epochs=1, warm_start=True
        )
        for first, second in ((2, None), (None, 2), (2, 3)):
            fitted = clone(one).set_params(wide_hash_buckets=first).fit(self.FRAME, self.TARGET)
            fitted.set_params(wide_hash_buckets=second)
            with pytest.raises(ValueError, match="'wide_hash_buckets' must stay as it was"):
                fitted.fit(self.FRAME, self.TARGET)


class TestAuxiliaryOutput:
    def test_predict_gives_the_main_output(self):
        fitted = clone(REGRESSOR).set_params(aux_loss_weight=0.1).fit(X, Y)
        main, auxiliary = fitted.predict_outputs(X)
        np.testing.assert_array_equal(main, fitted.predict(X))
        model = fitted.model_
        assert [entry.name for entry in model.inputs] == ["wide_input", "deep_input"]
        assert model.output_names == ["main_output", "aux_output"]
        for ours, theirs in zip(
            (main, auxiliary), model.predict([X, X], verbose=0), strict=True
        ):
            np.testing.assert_allclose(theirs[:, 0], ours, rtol=1e-5, atol=1e-6)

    def test_probabilities_of_classes(self):
        fitted = WideDeepClassifier(**SMALL, aux_loss_weight=0.2).fit(X, Y > 0)
        main, auxiliary = fitted.predict_outputs(X)
        np.testing.assert_array_equal(main, fitted.predict_proba(X))
        assert main.shape == auxiliary.shape == (75, 2)

    def test_losses_of_both_outputs(self):
        still = clone(REGRESSOR).set_params(epochs=1, learning_rate=1e-30)
        fitted = still.set_params(aux_loss_weight=0.3).fit(X, Y)
        errors = [np.mean((Y - predicted) ** 2) for predicted in fitted.predict_outputs(X)]
        names = ["main_output_loss", "aux_output_loss", "loss"]
        np.testing.assert_allclose(
            [fitted.history_[name][0] for name in names],
            [*errors, 0.7 * errors[0] + 0.3 * errors[1]],
            rtol=1e-5,
        )

    def test_validation_losses_and_resuming(self):
        six = clone(REGRESSOR).set_params(aux_loss_weight=0.1, epochs=6, wide_optimizer="ftrl")
        whole = clone(six).fit(X, Y, X_val=X[:20], y_val=Y[:20])
        for name in ("loss", "main_output_loss", "aux_output_loss"):
            assert len(whole.history_[name]) == len(whole.history_[f"val_{name}"]) == 6
        weighted = 0.9 * np.array(whole.history_["val_main_output_loss"])
        weighted += 0.1 * np.array(whole.history_["val_aux_output_loss"])
        np.testing.assert_allclose(whole.history_["val_loss"], weighted, rtol=1e-5)

        straight = clone(six).fit(X, Y)
        parts = clone(six).set_params(epochs=2, warm_start=True).fit(X, Y)
        parts.set_params(epochs=4).fit(X, Y)
        for ours, theirs in zip(parts._state.arrays, straight._state.arrays, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_checkpoints_hold_the_columns(self, tmp_path):
        frame = next(TestCrosses().frames())
        params = {"aux_loss_weight": 0.1, "wide_crosses": [("fruit", "size")]}
        params |= {"wide_hash_buckets": 4}
        saving = clone(REGRESSOR).set_params(**params, checkpoint_dir=tmp_path)
        fitted = clone(saving).fit(frame, Y)
        np.testing.assert_array_equal(
            clone(saving).load_checkpoint().predict(frame), fitted.predict(frame)
        )

    def test_callbacks_see_both_losses_and_both_outputs(self):
        seen = {}

        class Evaluate(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                target = Y[:, None].astype(np.float32)
                losses = self.model.evaluate([X, X], [target] * 2, batch_size=75, verbose=0)
                seen.update(losses=losses, logs=logs)

        fitted = clone(REGRESSOR).set_params(aux_loss_weight=0.25, shuffle=False)
        fitted.fit(X, Y, X_val=X, y_val=Y, callbacks=[Evaluate()])
        np.testing.assert_allclose(seen["logs"]["val_loss"], seen["losses"][0], rtol=1e-4)
        assert {"main_output_loss", "val_aux_output_loss"} <= set(seen["logs"])


def test_a_model_saved_with_a_wide_optimizer_can_be_loaded(tmp_path):
    saving = keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")
    fitted = clone(REGRESSOR).set_params(wide_optimizer="ftrl").fit(X, Y, callbacks=[saving])
    loaded = keras.models.load_model(tmp_path / "model.keras")
    predicted = loaded.predict([X, X], verbose=0)[:, 0]
    np.testing.assert_allclose(predicted, fitted.predict(X), rtol=1e-5, atol=1e-6)


class TestLinearModels:
    LINEAR = {
        "hidden_layer_sizes": (),
        "batch_size": 75,
        "tol": 0,
        "n_iter_no_change": np.inf,
        "random_state": 0,
    }

    def test_least_squares(self):
        regressor = WideDeepRegressor(**self.LINEAR, learning_rate=0.05, epochs=1500)
        target = X @ np.arange(8) + 1
        expected = LinearRegression().fit(X, target)
        fitted = regressor.set_params(deep_features=[]).fit(X, target)
        np.testing.assert_allclose(fitted.coefs_[0][:, 0], expected.coef_, atol=1e-3)
        np.testing.assert_allclose(fitted.intercepts_[0][0], expected.intercept_, atol=1e-3)
        assert [entry.name for entry in fitted.model_.inputs] == ["wide_input"]

    def test_logistic_regression(self):
        labels = (X[:, 0] + X[:, 3] + np.random.RandomState(1).normal(size=75)) > 0
        classifier = WideDeepClassifier(**self.LINEAR, learning_rate=0.1, epochs=1500)
        expected = LogisticRegression(C=np.inf, max_iter=1000).fit(X, labels)
        fitted = classifier.fit(X, labels)
        np.testing.assert_allclose(
            fitted.predict_proba(X), expected.predict_proba(X), atol=2e-3
        )


def test_without_wide_path_weight_it_is_the_mlp():
    """With untrained wide rows of zero, the deep path is an MLP."""
    frozen = keras.optimizers.SGD(1e-30)
    regressor = clone(REGRESSOR).set_params(
        wide_features=[0], kernel_initializer="zeros", wide_optimizer=frozen
    )
    mlp = MLPRegressor(**SMALL, kernel_initializer="zeros").fit(X, Y)
    np.testing.assert_allclose(regressor.fit(X, Y).predict(X), mlp.predict(X), rtol=1e-6)


@pytest.mark.parametrize(
    ("params", "rows", "named"),
    [
        ({"wide_features": ["x9"]}, FRAME, "'wide_features' must pick columns of X.*x9"),
        ({"deep_features": ["x0"]}, X, "'deep_features' must pick columns of X"),
        (
            {"deep_features": [8]},
            X,
            r"'deep_features' .* has 8; got \[8\] .*; give .* 0 to 7\.$",
        ),
        ({"wide_features": [-9]}, X, "'wide_features' must pick columns of X, which has 8"),
        ({"wide_features": [True] * 7}, X, "'wide_features' must pick columns of X"),
        ({"wide_features": [1.5]}, X, "'wide_features' must pick columns of X"),
        ({"wide_features": slice(8, 9)}, X, "'wide_features' must pick at least one column"),
        ({"deep_features": []}, X, "'deep_features' must pick at least one column where"),
        ({"deep_features": [False] * 8}, X, "'deep_features' must pick at least one column"),
        (
            {"deep_features": make_column_selector(pattern="z"), "hidden_layer_sizes": ()},
            FRAME,
            "'deep_features' must pick at least one column; the selector",
        ),
        ({"wide_features": make_column_selector("x")}, X, "'wide_features' must pick columns"),
        (
            {"wide_features": [0, 7, -1]},
            X,
            "'wide_features' .* once; .* repeats 7; drop",
        ),
        (
            {"deep_features": ["x1", "x0", "x1", "x0"]},
            FRAME,
            "'deep_features' must pick each column once; got .* repeats 'x1', 'x0'; drop",
        ),
        ({"wide_crosses": [(0, 1), (0, 1)]}, X, r"each pair once; .* repeats \(0, 1\); drop"),
        (
            {"wide_crosses": [("x0", "x1"), ("x2", "x2"), ("x0", "x1")]},
            FRAME,
            r"'wide_crosses' must pick each pair once; .* which repeats \('x0', 'x1'\); drop",
        ),
        ({"wide_crosses": [(0, 1, 2)]}, X, "'wide_crosses' must hold pairs"),
        (
            {"wide_crosses": ["ab"]},
            FRAME,
            "must hold pairs .* got 'ab' .*; write each as",
        ),
        ({"wide_crosses": [(0, 8)]}, X, "'wide_crosses' must pick columns of X"),
        ({"wide_crosses": [("x0", "nope")]}, FRAME, "'wide_crosses' must pick columns.*nope"),
        ({"aux_loss_weight": 1.0}, X, "'aux_loss_weight' parameter"),
        ({"aux_loss_weight": 0.1, "hidden_layer_sizes": ()}, X, "'aux_loss_weight' must be 0"),
        ({"wide_optimizer": "nope"}, X, "'wide_optimizer' must be one of"),
        ({"wide_l1": -1.0}, X, "'wide_l1' parameter"),
        (
            {"wide_optimizer": keras.optimizers.SGD(use_ema=True)},
            X,
            "'wide_optimizer' must not average weights itself",
        ),
        (
            {"wide_optimizer": "sgd", "optimizer": keras.optimizers.SGD(use_ema=True)},
            X,
            "'optimizer' must not average weights itself",
        ),
    ],
)
def test_bad_input_is_named_and_loses_nothing(params, rows, named):
    fitted = clone(REGRESSOR).fit(X, Y)
    before = fitted.predict(X)
    fitted.set_params(**params)
    with pytest.raises(ValueError, match=named):
        fitted.fit(rows, Y)
    np.testing.assert_array_equal(fitted.predict(X), before)


def test_squares_and_columns_of_several_pairs_are_no_repeats():
    pairs = chosen_pairs("wide_crosses", [("x0", "x0"), ("x0", "x1"), ("x1", "x2")], FRAME)
    assert [pair.tolist() for pair in pairs] == [[0, 0], [0, 1], [1, 2]]


def test_other_columns_cannot_go_on_with_trained_weights():
    fitted = clone(REGRESSOR).set_params(warm_start=True, wide_features=[0, 1]).fit(X, Y)
    fitted.fit(X, Y)
    with pytest.raises(ValueError, match="must pick the columns they picked before"):
        fitted.set_params(wide_features=[1, 0]).fit(X, Y)
    with pytest.raises(ValueError, match="must pick the columns they picked before"):
        fitted.set_params(wide_features=[0, 1], wide_crosses=[(0, 1)]).fit(X, Y)


def test_columns_that_hold_nothing():
    nothing = pd.DataFrame({"t": pd.Categorical([None] * 4)})
    with pytest.raises(ValueError, match="'X' must have a number or a category in the columns"):
        WideDeepRegressor((), epochs=1).fit(nothing, np.arange(4.0))


def test_names_of_columns_and_those_that_are_missing():
    frame = pd.DataFrame({"self": pd.Categorical(list("abab")), "size": np.arange(4.0)})
    fitted = WideDeepRegressor((2,), epochs=1, random_state=0).fit(frame, np.arange(4.0))
    assert fitted.predict(frame).shape == (4,)
    own = pl.Series(list("abab"), dtype=pl.Categorical)
    of_polars = pl.DataFrame({"self": own, "size": np.arange(4.0)})
    np.testing.assert_array_equal(fitted.predict(of_polars), fitted.predict(frame))
    with pytest.raises(ValueError, match=r"got DataFrame without \['self'\]; add these"):
        fitted.predict(frame[["size"]])


def test_training_resumes_on_rows_without_a_known_combination():
    frame = pd.DataFrame(
        {"f": ["a", "b", "a", "b"], "g": ["u", "v", "v", "u"]}, dtype="category"
    )
    fitted = WideDeepRegressor((4,), wide_crosses=[("f", "g")], epochs=1, random_state=0)
    fitted.fit(frame, np.arange(4.0))
    missing = frame.assign(g=pd.Categorical([None] * 4, categories=["u", "v"]))
    fitted.partial_fit(missing, np.arange(4.0))
    assert len(fitted.history_["loss"]) == 2
    with pytest.raises(ValueError, match="must pick the columns they picked before"):
        fitted.set_params(wide_crosses=[("g", "f")]).partial_fit(frame, np.arange(4.0))


def test_predict_outputs_needs_an_auxiliary_output():
    with pytest.raises(ValueError, match="'aux_loss_weight' must be above 0 in fit"):
        clone(REGRESSOR).fit(X, Y).predict_outputs(X)
    for estimator in (WideDeepClassifier(), WideDeepRegressor()):
        with pytest.raises(NotFittedError):
            estimator.predict_outputs(X)


def test_fits_of_other_columns_and_numbers_share_a_program():
    from skmlp._engine.store import STORE

    regressor = clone(REGRESSOR).set_params(
        wide_features=[0, 1], deep_features=[2, 3], aux_loss_weight=0.1, wide_l1=0.1
    )
    regressor.fit(X, Y)
    built = STORE.built
    regressor.set_params(
        wide_features=[5, 1], deep_features=[0, 7], aux_loss_weight=0.7, wide_l1=0.3
    )
    regressor.fit(X, Y)
    assert STORE.built == built


def test_wide_and_deep_is_at_least_as_good_on_california_housing(housing):
    """Experiments D2 and D3 at equal width and epochs, medians of three seeds."""
    rows, y = housing
    train, test = slice(0, 11610), slice(15480, None)
    common = {"optimizer": "sgd", "batch_size": 32, "epochs": 20}
    scores = {}
    for estimator in (MLPRegressor((30,)), WideDeepRegressor((30, 30))):
        fits = [
            clone(estimator).set_params(**common, random_state=seed).fit(rows[train], y[train])
            for seed in range(3)
        ]
        scores[type(estimator)] = np.median([fit.score(rows[test], y[test]) for fit in fits])
    assert scores[WideDeepRegressor] >= scores[MLPRegressor] > 0.5


CATEGORICAL = WideDeepRegressor(
    (4,),
    wide_features=["kind"],
    deep_features=["a"],
    wide_crosses=[("kind", "size")],
    batch_size=16,
    epochs=2,
    random_state=0,
)


def frame_with(kinds, sizes=("s", "l")):
    kinds, sizes = list(kinds) * 24, list(sizes) * 24
    return pd.DataFrame(
        {
            "a": RNG.normal(size=24),
            "kind": pd.Categorical(kinds[:24]),
            "size": pd.Categorical(sizes[:24]),
        }
    )


@pytest.mark.parametrize("frames", ["pandas", "polars"])
def test_a_missing_category_sets_no_indicator(frames):
    rows = frame_with(["u", "v", None])
    if frames == "polars":
        columns = {name: rows[name].astype(object).tolist() for name in ("kind", "size")}
        columns["kind"] = [kind if isinstance(kind, str) else None for kind in columns["kind"]]
        rows = pl.DataFrame(
            {"a": rows["a"].to_numpy(), **columns},
            schema_overrides=dict.fromkeys(columns, pl.Categorical),
        )
    fitted = clone(CATEGORICAL).fit(rows, np.arange(24) / 24)
    assert fitted.categories_ == {"kind": ["u", "v"], "size": ["l", "s"]}
    inputs = fitted._encode_features(rows)
    assert inputs[:3, :2].tolist() == [[1, 0], [0, 1], [0, 0]]
    assert inputs[2, 2:6].tolist() == [0, 0, 0, 0]  # no cross of it either
    assert inputs.shape == (24, 2 + 4 + 1)
    unknown = frame_with(["w"])
    np.testing.assert_array_equal(fitted._encode_features(unknown)[:, :6], 0)


class ArrowTable:
    """A frame as pyarrow, which need not be installed, shows it: columns without dtypes."""

    def __init__(self, frame):
        self._frame = frame
        self.shape = frame.shape
        self.column_names = list(frame.columns)
        self.columns = [frame[name].to_numpy() for name in frame.columns]

    def to_pandas(self):
        return self._frame


def test_a_table_of_arrow_is_its_frame():
    rows, y = frame_with("uv"), np.arange(24) / 24
    expected = clone(CATEGORICAL).fit(rows, y, X_val=rows, y_val=y)
    table = ArrowTable(rows)
    fitted = clone(CATEGORICAL).fit(table, y, X_val=table, y_val=y)
    assert fitted.categories_ == expected.categories_
    np.testing.assert_array_equal(fitted.predict(table), expected.predict(rows))
    with pytest.raises(ValueError, match=r"'X' must be a table in memory; .* pass X.collect()"):
        fitted.predict(pl.DataFrame(X).lazy())


@pytest.mark.parametrize(
    "kinds",
    [
        [1, "one"],
        [pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01")],
        [pd.Interval(0, 1), pd.Interval(1, 2)],
        [("a", 1), ("b", 2)],
        [True, "yes", 2.5],
    ],
    ids=str,
)
def test_categories_of_any_type(kinds):
    rows = frame_with(kinds)
    fitted = clone(CATEGORICAL).fit(rows, np.arange(24) / 24)
    assert set(fitted.categories_["kind"]) == set(kinds)
    assert np.isfinite(fitted.predict(rows)).all()


def test_fractional_categories_in_another_precision():
    rows = frame_with([0.1, 0.7, 3.0])
    fitted = clone(CATEGORICAL).fit(rows, np.arange(24) / 24)
    single = rows.assign(kind=rows["kind"].astype(np.float32).astype("category"))
    np.testing.assert_array_equal(fitted.predict(single), fitted.predict(rows))


def test_two_columns_of_categories_need_two_names():
    rows = frame_with("uv")
    rows = pd.concat([rows, rows[["kind"]]], axis=1)
    with pytest.raises(ValueError, match=r"'X' must give each column .* got 2 columns 'kind'"):
        clone(CATEGORICAL).fit(rows, np.arange(24))


def test_categories_read_as_another_type_are_refused():
    X = pd.DataFrame({"a": ["1", "2"] * 5, "b": np.arange(10.0)}).astype({"a": "category"})
    regressor = WideDeepRegressor((4,), epochs=1).fit(X, X["b"])
    message = "'X' must hold in column 'a' what it held in fit; got 1 for '1'"
    with pytest.raises(ValueError, match=message):
        regressor.predict(X.assign(a=X["a"].astype(int).astype("category")))
    missing = pd.Categorical([None] * len(X), categories=[1, 2])
    assert np.isfinite(regressor.predict(X.assign(a=missing))).all()
