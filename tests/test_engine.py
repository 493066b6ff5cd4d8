"""The engine's rules, tested with lists of floats, and the number of compilations."""

import math
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone

from skmlp import MLPClassifier, MLPRegressor
from skmlp._engine.state import TrainingState
from skmlp._engine.stopping import Patience, StopReason
from skmlp._engine.store import STORE, ProgramStore
from skmlp._program.program import Program

X = np.random.RandomState(0).normal(size=(90, 3))
Y = X[:, 0] + X[:, 1] * X[:, 2]
# SGD compiles fastest
REGRESSOR = MLPRegressor((6,), optimizer="sgd", batch_size=16, epochs=3, random_state=0)


def epochs_until_stop(values, limit, tol):
    patience = Patience(limit, tol)
    for epoch, value in enumerate(values, 1):
        patience = patience.after(value)
        if patience.exhausted:
            return epoch
    return None


@pytest.mark.parametrize(
    ("values", "limit", "tol", "stops"),
    [
        ([5, 4, 3, 2, 1], 1, 0.5, None),
        ([5, 5, 5, 5, 5], 2, 0.1, 4),
        ([5, 4.95, 4.9, 4.85], 2, 0.1, 4),  # better each time, but never by tol
        ([5, 5, 5, 1, 1, 1, 1], 2, 0.1, 7),
        ([5, 5, 5], 10, 0, None),
        ([1, 1, 1], math.inf, 0, None),
        ([-0.5, -0.6, -0.6, -0.6], 1, 0.01, 4),  # negated scores
        ([3, 3, 3, 3], 1, 0, None),  # with tol=0, a value equal to the best resets the count
        ([5, math.inf, math.inf, 4, math.inf], 1, 0, 3),
        ([math.inf, math.inf, math.inf], 1, 0, 2),
    ],
)
def test_patience(values, limit, tol, stops):
    assert epochs_until_stop(values, limit, tol) == stops


@pytest.mark.parametrize(
    ("scores", "start", "best", "stops"),
    [
        ([0.9, 0.1, 0.5, 0.6, 0.5, 0.5], 0, 0.9, 4),
        ([0.9, 0.1, 0.5, 0.6, 0.5, 0.5, 0.5], 2, 0.6, 7),
        ([0.9, 0.1, 0.5], 3, 0.9, None),  # the best, because no epoch counts
        ([0.9, 0.1, 0.5, 0.2], 3, 0.2, None),
        ([0.9, 0.1, 0.5, math.nan], 3, 0.9, 4),
    ],
)
def test_the_best_epoch_is_sought_from_the_one_to_start_from(scores, start, best, stops):
    state = TrainingState(seed=0, now=0, best=0, safe=0, patience=Patience(2, 0))
    for epoch, score in enumerate(scores, 1):
        state.after_epoch(
            {"loss": score if math.isnan(score) else 1.0},
            score,
            entered=0,
            reached=score,
            has_validation=True,
            start_from_epoch=start,
        )
        assert (state.reason is not None) == (epoch == stops)
        if state.reason is not None:
            break
    assert state.best == -state.best_value == best


@pytest.mark.parametrize(
    ("scores", "best", "stops"),
    [
        ([math.nan, 0.5, 0.7, 0.6], 3, None),
        ([0.5, math.nan, math.nan, math.nan], 1, 4),
        ([math.nan] * 3, 3, 3),
    ],
)
def test_a_score_that_is_nan_is_the_worst(scores, best, stops):
    state = TrainingState(seed=0, now=0, best=0, safe=0, patience=Patience(2, 0))
    for epoch, score in enumerate(scores, 1):
        state.after_epoch({"loss": 1.0}, score, entered=0, reached=epoch, has_validation=True)
        assert (state.reason is not None) == (epoch == stops)
    assert state.best == best
    np.testing.assert_equal(state.scores, scores)


def test_stop_reasons_name_a_remedy():
    assert "'learning_rate'" in StopReason.NOT_FINITE.value
    assert "'epochs'" in StopReason.EPOCHS.value
    assert [reason for reason in StopReason if reason.is_mishap] == [
        StopReason.NOT_FINITE,
        StopReason.INTERRUPTED,
    ]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"learning_rate": 0.1},
        {"random_state": 1, "epochs": 5, "tol": 0.1},
        {"kernel_initializer": "he_normal"},
        {"dropout": 0.4},
        {"l2": 0.3},
    ],
)
def test_a_second_fit_traces_nothing_new(change):
    regressor = clone(REGRESSOR).set_params(dropout=0.1, l2=0.1)
    regressor.fit(X, Y)
    built, traces = STORE.built, [program.traces for program in STORE.idle()]
    clone(regressor).set_params(**change).fit(X[:-1], Y[:-1])
    assert STORE.built == built
    assert sorted(program.traces for program in STORE.idle()) == sorted(traces)


@pytest.mark.parametrize(
    ("change", "n_iter"),
    [
        ({"tol": 0, "n_iter_no_change": math.inf}, 120),
        ({"tol": 0.02, "n_iter_no_change": 4}, None),
        ({"learning_rate": 0.3, "n_iter_no_change": math.inf}, 13),  # the loss becomes infinite
    ],
    ids=["all epochs", "patience", "not finite"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_epochs_that_nobody_watches_share_calls(monkeypatch, change, n_iter):
    """Same bits as one by one, as with a bar, and the same state to resume from."""
    calls, run_batches = [], Program.run_batches

    def run(self, rows, orders, *arguments):
        calls.append(len(orders))
        return run_batches(self, rows, orders, *arguments)

    monkeypatch.setattr(Program, "run_batches", run)
    monkeypatch.setattr("skmlp._program.plans.EPOCHS_THAT_PAY_LATER", 100)
    regressor = clone(REGRESSOR).set_params(epochs=120, warm_start=True, **change)
    fits = [clone(regressor).fit(2 * X, Y), clone(regressor).fit(2 * X, Y, verbose=1)]
    assert max(calls) > 4
    assert n_iter in (None, fits[0].n_iter_)
    for fit in fits:
        fit.set_params(epochs=2).fit(2 * X, Y)
    together, one_by_one = fits
    np.testing.assert_equal(together.history_, one_by_one.history_)
    for pair in zip(together._state.arrays, one_by_one._state.arrays, strict=True):
        np.testing.assert_array_equal(*pair)


def test_equal_optimizer_objects_share_a_program():
    STORE.clear()
    built = STORE.built
    for rate in (0.01, 0.02):
        optimizer = keras.optimizers.Adam(rate, beta_1=0.8)
        clone(REGRESSOR).set_params(optimizer=optimizer).fit(X, Y)
    assert STORE.built == built + 1
    other = keras.optimizers.Adam(0.01, beta_1=0.7)
    clone(REGRESSOR).set_params(optimizer=other).fit(X, Y)
    assert STORE.built == built + 2


def test_the_store_is_bounded_and_forgets_the_oldest():
    built = []

    class Stub:
        def __init__(self, key, capacity):
            self.key, self.capacity = key, capacity
            built.append(key)

        def is_sound(self):
            return self.key != "damaged"

    store = ProgramStore(Stub, max_idle=2)
    for recipe in ("a", "b", "a", "c"):
        with store.lend(recipe, 10):
            pass
    assert built == ["a", "b", "c"]
    assert [program.key for program in store.idle()] == ["a", "c"]
    with store.lend("a", 10) as one, store.lend("a", 10) as two:
        assert one is not two
    with pytest.raises(ZeroDivisionError), store.lend("a", 10):
        raise ZeroDivisionError
    assert [program.key for program in store.idle()] == ["a", "a"]  # failed, but still usable
    with pytest.raises(ZeroDivisionError), store.lend("damaged", 10):
        raise ZeroDivisionError
    assert "damaged" not in [program.key for program in store.idle()]
    with pytest.raises(tf.errors.ResourceExhaustedError), store.lend("a", 10) as program:
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
    assert program not in store.idle()
    with store.lend("a", 1000) as larger:
        assert larger.capacity > 1000
    with store.lend("a", 1001) as again:
        assert again is larger


def test_threads_train_at_once_and_do_not_mix(sine):
    with_state = clone(REGRESSOR).set_params(momentum=0.9, learning_rate=0.02)
    expected = clone(with_state).fit(X, Y).predict(X)
    other = clone(with_state).set_params(random_state=1).fit(X, -Y).predict(X)
    results = {}

    def train(name, seed, y):
        results[name] = clone(with_state).set_params(random_state=seed).fit(X, y).predict(X)

    threads = [
        threading.Thread(target=train, args=(i, i % 2, [Y, -Y][i % 2])) for i in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(6):
        np.testing.assert_array_equal(results[i], [expected, other][i % 2])


@pytest.mark.parametrize(
    "name",
    ["adadelta", "adafactor", "adagrad", "adamax", "ftrl", "lamb", "lion", "nadam", "Muon"],
)
def test_every_optimizer_of_keras_trains(name):
    if not hasattr(keras.optimizers, name.capitalize()):
        pytest.skip(f"this version of Keras has no {name}")
    regressor = clone(REGRESSOR).set_params(optimizer=name, learning_rate=0.02, epochs=8)
    losses = regressor.fit(X, Y).loss_curve_
    assert losses[-1] < losses[0]


class SeesPaths(keras.optimizers.SGD):
    """An optimizer of the user's, who may treat layers differently."""

    seen = ()

    def build(self, variables):
        type(self).seen = [variable.path for variable in variables]
        super().build(variables)


def test_an_optimizer_of_the_user_s_sees_the_paths_of_the_keras_model():
    regressor = clone(REGRESSOR).set_params(optimizer=SeesPaths(0.01), epochs=1).fit(X, Y)
    model_paths = [variable.path for variable in regressor.model_.trainable_variables]
    regressor.fit(X, Y)
    assert SeesPaths.seen == model_paths


def test_an_optimizer_object_keeps_its_settings_and_is_never_changed():
    optimizer = keras.optimizers.SGD(0.02, momentum=0.5)
    config = optimizer.get_config()
    regressor = clone(REGRESSOR).set_params(optimizer=optimizer)
    by_object = regressor.fit(X, Y)
    by_name = clone(REGRESSOR).set_params(optimizer="sgd", momentum=0.5, learning_rate=0.02)
    np.testing.assert_array_equal(by_object.predict(X), by_name.fit(X, Y).predict(X))
    assert regressor.optimizer is optimizer
    assert optimizer.get_config() == config
    assert not optimizer.built
    searched = clone(regressor).set_params(learning_rate=0.07).fit(X, Y)
    np.testing.assert_allclose(searched.history_["learning_rate"], 0.07, rtol=1e-6)


def test_a_schedule_inside_an_optimizer_object():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=6, decay_rate=0.5)
    regressor = clone(REGRESSOR).set_params(optimizer=keras.optimizers.SGD(schedule))
    rates = regressor.fit(X, Y).history_["learning_rate"]
    last_steps = np.array([5, 11, 17])  # 6 batches an epoch
    np.testing.assert_allclose(rates, 0.1 * 0.5 ** (last_steps / 6), rtol=1e-5)


ONES = np.ones((400, 501), dtype=np.float32)


def bits(*counters):
    """Random bits of one layer in one batch."""
    import tensorflow as tf

    from skmlp._kinds.noise import random_bits

    return random_bits(tf.constant(ONES), counters)


def test_random_bits_are_uniform_and_told_apart_by_every_counter():
    from skmlp._kinds.noise import uniform

    numbers = uniform(bits(7, 0, 0, 0)).numpy()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    # 200,400 draws: bounds of five standard errors
    counts = np.histogram(numbers, bins=100, range=(0, 1))[0]
    assert np.abs(counts - 2004).max() < 5 * np.sqrt(2004)
    others = [(8, 0, 0, 0), (7, 1, 0, 0), (7, 0, 1, 0), (7, 0, 0, 1), (0, 7, 0, 0)]
    for other in [uniform(bits(*counters)).numpy() for counters in others]:
        assert abs(np.corrcoef(numbers.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(200_400)
    for shifted in (numbers[:, 1:] * numbers[:, :-1], numbers[1:] * numbers[:-1]):
        assert shifted.mean() == pytest.approx(0.25, abs=0.003)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_dropout_keeps_the_mean(rate):
    from skmlp._kinds.noise import dropped_out

    masks = [dropped_out(ONES, rate, bits(7, 0, i, 0)).numpy() for i in (0, 1)]
    kept = masks[0] > 0
    assert np.mean(kept) == pytest.approx(1 - rate, abs=0.005)
    assert np.unique(masks[0][kept]) == pytest.approx(1 / (1 - rate))
    assert np.array_equal(*masks) == (rate == 0)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    from skmlp._kinds.noise import alpha_dropped_out

    units = np.random.RandomState(0).normal(size=ONES.shape).astype(np.float32)
    dropped = alpha_dropped_out(units, np.float32(rate), bits(7, 0, 0, 0)).numpy()
    assert dropped.mean() == pytest.approx(0, abs=0.01)
    assert dropped.std() == pytest.approx(1, abs=0.01)
    regressor = clone(REGRESSOR).set_params(activation="selu", dropout=rate or 0.1)
    layers = [type(layer).__name__ for layer in regressor.fit(X, Y).model_.layers]
    assert "AlphaDropout" in layers
    assert "Dropout" not in layers


def test_random_leaks_are_uniform_in_training_and_their_mean_at_test():
    from skmlp._kinds.noise import random_leaks

    slopes = -random_leaks(1 / 8, 1 / 3)(-ONES, None, bits(7, 0, 0, 0)).numpy()
    assert slopes.min() == pytest.approx(1 / 8, abs=1e-4)
    assert slopes.max() == pytest.approx(1 / 3, abs=1e-4)
    assert slopes.std() == pytest.approx((1 / 3 - 1 / 8) / np.sqrt(12), rel=0.01)
    np.testing.assert_array_equal(random_leaks(0.1, 0.2)(ONES, None, bits(1, 2, 3, 4)), ONES)
    regressor = clone(REGRESSOR).set_params(activation="rrelu").fit(X, Y)
    leaky = regressor.model_.get_layer("activation_1")
    assert leaky.negative_slope == pytest.approx((1 / 8 + 1 / 3) / 2)


@pytest.mark.parametrize("random", [{"dropout": 0.5}, {"input_dropout": 0.5}])
def test_dropout_is_for_training_only(random):
    regressor = clone(REGRESSOR).set_params(**random, epochs=1).fit(X, Y)
    still = clone(REGRESSOR).set_params(epochs=1).fit(X, Y)
    assert regressor.loss_ != still.loss_
    np.testing.assert_array_equal(regressor.predict(X), regressor.predict(X))
    np.testing.assert_allclose(
        regressor.model_.predict(X, verbose=0)[:, 0], regressor.predict(X), atol=1e-6
    )


def test_dropout_one_rate_per_layer():
    regressor = clone(REGRESSOR).set_params(hidden_layer_sizes=(6, 5), dropout=(0.0, 0.25))
    layers = regressor.fit(X, Y).model_.layers
    assert [layer.rate for layer in layers if hasattr(layer, "rate")] == [0.25]


def test_a_batch_larger_than_the_data_is_a_full_batch():
    one = clone(REGRESSOR).set_params(batch_size=90).fit(X, Y)
    other = clone(REGRESSOR).set_params(batch_size=30_000).fit(X, Y)
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-4, atol=1e-6)


def test_a_users_own_classes_are_told_apart():
    """Objects of a user's class may differ in settings missing from their configuration."""

    class Scaled(keras.losses.Loss):
        def __init__(self, scale):
            super().__init__(name="scaled")
            self.scale = scale

        def call(self, y_true, y_pred):
            return keras.ops.mean(self.scale * keras.ops.square(y_true - y_pred), axis=-1)

    first = [
        clone(REGRESSOR).set_params(loss=Scaled(s)).fit(X, Y).loss_curve_[0] for s in (1, 9)
    ]
    assert first[1] > 4 * first[0]


def test_subclasses_of_a_cross_entropy():
    """One with Keras's `call` is that cross-entropy; one with its own takes probabilities."""
    binary = keras.losses.BinaryCrossentropy

    class Renamed(binary):
        pass

    class Brier(binary):
        def call(self, y_true, y_pred):
            return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    classifier = MLPClassifier((4,), epochs=2, random_state=0)
    losses = {
        loss: clone(classifier).set_params(loss=loss()).fit(X, Y > 0).loss_curve_
        for loss in (binary, Renamed, Brier)
    }
    assert losses[Renamed] == losses[binary]
    squares = clone(classifier).set_params(loss="squared_error").fit(X, Y > 0)
    np.testing.assert_allclose(losses[Brier], squares.loss_curve_, rtol=1e-5)


def test_functions_for_activation_and_loss():
    def cube(x):
        return x**3

    def quartic(y_true, y_pred):
        return keras.ops.mean((y_true - y_pred) ** 4, axis=-1)

    regressor = clone(REGRESSOR).set_params(activation=cube, loss=quartic, learning_rate=1e-3)
    regressor.fit(X, Y)
    np.testing.assert_allclose(
        regressor.model_.predict(X, verbose=0)[:, 0], regressor.predict(X), rtol=1e-4, atol=1e-5
    )


class TestCallbacks:
    """Hooks are called as by `keras.Model.fit`, on copies."""

    class Counting(keras.callbacks.Callback):
        log = None  # shared by copies

        def on_train_begin(self, logs=None):
            self.log.append("train begin")

        def on_epoch_begin(self, epoch, logs=None):
            self.log.append(f"begin {epoch}")

        def on_epoch_end(self, epoch, logs=None):
            self.log.append(f"end {epoch} {sorted(logs)}")
            assert self.model.optimizer.built

        def on_train_end(self, logs=None):
            self.log.append("train end")

    class CountingBatches(Counting):
        def on_train_batch_end(self, batch, logs=None):
            self.log.append(f"batch {batch}")

    def keras_log(self, callback_class):
        log = []
        cls = type("Keras", (callback_class,), {"log": log})
        model = clone(REGRESSOR).fit(X, Y).model_
        model.compile("adam", "mse")
        model.fit(X, Y, batch_size=16, epochs=3, callbacks=[cls()], verbose=0)
        return [entry.replace("'loss'", "'learning_rate', 'loss'") for entry in log]

    def test_epoch_hooks(self):
        log = []
        cls = type("Ours", (self.Counting,), {"log": log})
        callback = cls()
        clone(REGRESSOR).fit(X, Y, callbacks=[callback])
        assert log == self.keras_log(self.Counting)
        assert callback.model is None

    def test_batch_hooks_run_the_same_training_batch_by_batch(self):
        log = []
        cls = type("Ours", (self.CountingBatches,), {"log": log})
        regressor = clone(REGRESSOR).fit(X, Y, callbacks=[cls()])
        assert log == self.keras_log(self.CountingBatches)
        whole = clone(REGRESSOR).fit(X, Y)
        np.testing.assert_array_equal(regressor.coefs_[0], whole.coefs_[0])
        np.testing.assert_allclose(regressor.loss_curve_, whole.loss_curve_, rtol=1e-6)

    def test_early_stopping_and_the_learning_rate(self):
        stopping = keras.callbacks.EarlyStopping("loss", patience=2, min_delta=1e9)
        halving = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
        regressor = clone(REGRESSOR).set_params(epochs=50, callbacks=[stopping, halving])
        regressor.fit(X, Y)
        assert regressor.n_iter_ == 3
        assert regressor.stop_reason_ == StopReason.CALLBACK.value
        np.testing.assert_allclose(
            regressor.history_["learning_rate"], [5e-4, 2.5e-4, 1.25e-4], rtol=1e-5
        )
        assert stopping.model is None

    def test_a_checkpoint_holds_the_network_with_its_output(self, tmp_path):
        path = tmp_path / "best.keras"
        checkpoint = keras.callbacks.ModelCheckpoint(path, monitor="loss", save_best_only=True)
        labels = Y > 0
        classifier = MLPClassifier((6,), epochs=3, random_state=0, callbacks=checkpoint)
        probability = classifier.fit(X, labels).predict_proba(X)[:, 1]
        saved = keras.models.load_model(path)
        np.testing.assert_allclose(saved.predict(X, verbose=0)[:, 0], probability, atol=1e-6)
