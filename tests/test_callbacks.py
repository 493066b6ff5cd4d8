"""Keras callbacks work as documented, with the live model and its optimizer."""

import csv
import pickle
import threading

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skmlp import MLPClassifier, MLPRegressor
from skmlp._engine.live_model import LiveModel

RNG = np.random.RandomState(0)
X = RNG.normal(size=(75, 4)).astype(np.float32)
Y = X[:, 0] - X[:, 1] ** 2
X_VAL, Y_VAL = X[:20] + 0.1, Y[:20]
REGRESSOR = MLPRegressor(
    (6,),
    optimizer="sgd",
    learning_rate=0.05,
    batch_size=32,
    epochs=6,
    random_state=0,
    n_iter_no_change=np.inf,
)
HOOKS = [
    f"on_{what}_{when}"
    for what in ("train", "epoch", "train_batch", "test", "test_batch", "predict")
    for when in ("begin", "end")
]
EPOCH_HOOKS = [name for name in HOOKS if "batch" not in name]


def fit(callbacks, *, validates=True, **params):
    held = {"X_val": X_VAL, "y_val": Y_VAL} if validates else {}
    return clone(REGRESSOR).set_params(**params).fit(X, Y, callbacks=callbacks, **held)


def recorder(calls, hooks, stop_at=None):
    """A callback that records hooks, numbers and log names, and may stop after an epoch."""

    def hook(name):
        def note(self, *args, logs=None):
            *number, given = (*args, logs) if logs is not None else (*args, None)
            if args and isinstance(args[-1], dict):
                *number, given = args
            number = [n for n in number if n is not None]
            calls.append((name, *number, tuple(sorted(given or ()))))
            if calls[-1][:-1] == stop_at:
                self.model.stop_training = True

        return note

    methods = {name: hook(name) for name in hooks}
    return type("Recorder", (keras.callbacks.Callback,), methods)()


def keras_calls(hooks, *, validates, stop_at=None):
    calls = []
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    held = {"validation_data": (X_VAL, Y_VAL)} if validates else {}
    callbacks = [recorder(calls, hooks, stop_at)]
    model.fit(X, Y, batch_size=32, epochs=3, verbose=0, callbacks=callbacks, **held)
    return calls


@pytest.mark.parametrize("validates", [False, True])
@pytest.mark.parametrize(
    ("hooks", "stop_at"),
    [
        (HOOKS, None),
        (HOOKS, ("on_epoch_end", 1)),
        (HOOKS, ("on_train_batch_end", 1)),
        (HOOKS, ("on_test_end",)),
        (EPOCH_HOOKS, None),
        (EPOCH_HOOKS, ("on_epoch_begin", 1)),
    ],
)
def test_hooks_are_called_as_by_keras(validates, hooks, stop_at):
    calls = []

    class Kept(keras.callbacks.Callback):
        """A callback is copied for each fit; a list outside that it writes to is not."""

        def __deepcopy__(self, memo):
            return recorder(calls, hooks, stop_at)

    fit([Kept()], validates=validates, epochs=3)
    expected = keras_calls(hooks, validates=validates, stop_at=stop_at)
    assert [call[:-1] for call in calls] == [call[:-1] for call in expected]
    for ours, theirs in zip(calls, expected, strict=True):
        assert set(ours[-1]) >= set(theirs[-1]) - {"compile_metrics"}, ours


def test_early_stopping_stops_and_restores():
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=2, min_delta=0.5, restore_best_weights=True
    )
    regressor = fit([stop], epochs=50)
    losses = regressor.history_["val_loss"]
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - 0.5:
            best = epoch
    assert len(losses) == best + 3 < 50
    error = np.mean((regressor.predict(X_VAL) - Y_VAL) ** 2)
    assert error == pytest.approx(losses[best], rel=1e-4)
    assert stop.stopped_epoch == 0  # the user's own object is unchanged


@pytest.mark.parametrize(
    ("metrics", "monitor"),
    [("neg_mean_absolute_error", "val_neg_mean_absolute_error"), ("r2_score", "r2_score")],
)
def test_early_stopping_knows_which_measures_rise(metrics, monitor):
    """As in Keras, `mode` need not be given; a mode of "min" would stop at once."""
    stop = keras.callbacks.EarlyStopping(monitor=monitor, patience=1)
    regressor = fit([stop], metrics=metrics, learning_rate=0.01)
    assert regressor.n_iter_ == 6
    assert np.all(np.diff(regressor.history_[monitor]) > 0)
    assert stop.mode == "auto"  # the user's own object is unchanged


def test_a_metric_of_unknown_meaning_needs_a_mode():
    def size(y_true, y_pred):
        return keras.ops.abs(y_pred)

    stop = keras.callbacks.EarlyStopping(monitor="size", patience=1)
    with pytest.raises(ValueError, match="Pass `mode='max'`"):
        fit([stop], metrics=size)


@pytest.mark.parametrize("weights_only", [False, True])
def test_model_checkpoint_keeps_the_best(tmp_path, weights_only):
    path = tmp_path / ("best.weights.h5" if weights_only else "best.keras")
    keep = keras.callbacks.ModelCheckpoint(
        path, save_best_only=True, save_weights_only=weights_only, monitor="val_loss"
    )
    regressor = fit([keep], scoring="loss", learning_rate=0.3)
    if weights_only:
        model = regressor.model_
        model.set_weights([np.zeros_like(array) for array in model.get_weights()])
        model.load_weights(path)
    else:
        model = keras.saving.load_model(path)
    np.testing.assert_allclose(
        model.predict(X, verbose=0)[:, 0], regressor.predict(X), rtol=1e-5, atol=1e-6
    )


def test_model_checkpoint_of_every_epoch(tmp_path):
    path = tmp_path / "{epoch:02d}.weights.h5"
    keep = keras.callbacks.ModelCheckpoint(path, save_weights_only=True)
    fit([keep], epochs=3, validates=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{epoch:02d}.weights.h5" for epoch in (1, 2, 3)
    ]


def test_backup_and_restore_goes_on_where_a_fit_broke_off(tmp_path):
    class Break(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise RuntimeError("lights out")

    whole = fit(None, optimizer="adam", validates=False)
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(RuntimeError, match="lights out"):
        fit([backup, Break()], optimizer="adam", validates=False)
    resumed = fit([backup], optimizer="adam", validates=False)
    assert resumed.n_iter_ == 3
    np.testing.assert_array_equal(resumed.coefs_[0], whole.coefs_[0])
    again = fit([backup], optimizer="adam", validates=False)
    assert again.n_iter_ == 6  # a backup is deleted at the end of a fit
    kept = keras.callbacks.BackupAndRestore(tmp_path / "kept", delete_checkpoint=False)
    fit([kept], optimizer="adam", validates=False)
    restored = fit([kept], optimizer="adam", validates=False)
    assert restored.n_iter_ == 0
    np.testing.assert_array_equal(restored.coefs_[0], whole.coefs_[0])


def test_reduce_on_plateau_and_scheduler_set_the_rate():
    reduce = keras.callbacks.ReduceLROnPlateau(
        monitor="loss", factor=0.5, patience=1, min_delta=9.0
    )
    rates = fit([reduce], validates=False).history_["learning_rate"]
    np.testing.assert_allclose(rates, 0.05 * 0.5 ** np.array([0, 0, 1, 2, 3, 4]), rtol=1e-6)
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9)
    rates = fit([schedule], validates=False).history_["learning_rate"]
    np.testing.assert_allclose(rates, 0.05 * 0.9 ** np.arange(1, 7), rtol=1e-6)


def test_tensorboard_writes_scalars_and_histograms_of_several_runs(tmp_path):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    for run in ("first", "second"):
        log = keras.callbacks.TensorBoard(tmp_path / run, histogram_freq=1, write_graph=True)
        fit([log], epochs=3)
    for run in ("first", "second"):
        tags = {}
        for part in ("train", "validation"):
            events = event_accumulator.EventAccumulator(str(tmp_path / run / part))
            events.Reload()
            tags[part] = {tag: len(events.Tensors(tag)) for tag in events.Tags()["tensors"]}
        assert tags["train"]["epoch_loss"] == 3
        assert tags["validation"]["epoch_loss"] == 3
        assert any("kernel" in tag and "histogram" in tag for tag in tags["train"]), tags


def test_csv_logger(tmp_path):
    regressor = fit([keras.callbacks.CSVLogger(tmp_path / "log.csv")])
    with open(tmp_path / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_loss"]) for row in rows] == regressor.history_["val_loss"]


def test_lambda_callback_with_model_and_optimizer():
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((epoch, logs["loss"]))
    )
    regressor = fit([watch], validates=False)
    assert [loss for _, loss in seen] == regressor.loss_curve_

    class Live(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((self.model.get_weights(), int(self.model.optimizer.iterations)))

    regressor = fit([Live()], validates=False)
    weights, steps = seen[-1]
    assert steps == 6 * 3
    np.testing.assert_array_equal(weights[0], regressor.coefs_[0])


def test_weights_that_a_callback_sets_are_trained_on():
    class Zero(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 5:
                self.model.set_weights([w * 0 for w in self.model.get_weights()])

    assert not fit([Zero()], validates=False).predict(X).any()


def test_the_model_is_shown_to_those_alone_who_may_look_at_it(monkeypatch):
    shown = []
    look = LiveModel.looked_at

    def noted(self, **how):
        shown.append(1)
        return look(self, **how)

    monkeypatch.setattr(LiveModel, "looked_at", noted)
    fit([keras.callbacks.EarlyStopping(patience=1), keras.callbacks.TerminateOnNaN()])
    assert not shown
    fit([keras.callbacks.EarlyStopping(patience=9, restore_best_weights=True)])
    assert len(shown) >= 6


def test_terminate_on_nan():
    with pytest.warns(UserWarning, match="not finite|NaN"):
        regressor = fit([keras.callbacks.TerminateOnNaN()], learning_rate=1e12)
    assert regressor.n_iter_ < 6
    assert np.isfinite(regressor.coefs_[0]).all()


def test_swapped_averages():
    averaging = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.5)
    regressor = fit(
        [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)],
        optimizer=averaging,
        validates=False,
    )
    plain = fit(None, optimizer=averaging, validates=False)
    np.testing.assert_allclose(regressor.predict(X), plain.predict(X), rtol=1e-4, atol=1e-6)


def test_callbacks_are_neither_changed_nor_pickled():
    class Unpicklable(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            self.epochs += 1

        def __reduce__(self):
            raise TypeError("not to be pickled")

        def __deepcopy__(self, memo):
            return type(self)()

    callback = Unpicklable()
    classifier = MLPClassifier((4,), epochs=2, callbacks=[callback], random_state=0)
    classifier.fit(X, Y > 0)
    assert classifier.get_params()["callbacks"] == [callback]
    assert callback.epochs == 0
    assert callback.model is None
    copy = pickle.loads(pickle.dumps(classifier))
    assert copy.callbacks is None
    np.testing.assert_array_equal(copy.predict(X), classifier.predict(X))
    with pytest.raises(TypeError, match="not to be pickled"):  # on the way to a worker
        pickle.dumps(clone(classifier))


def test_callbacks_that_cannot_be_copied_are_refused():
    callback = keras.callbacks.Callback()
    callback.lock = threading.Lock()
    with pytest.raises(ValueError, match="'callbacks' must hold objects that can be copied"):
        MLPRegressor(callbacks=[callback]).fit(np.eye(3), [1, 2, 3])
