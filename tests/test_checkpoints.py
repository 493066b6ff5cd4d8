"""A killed fit resumes from its checkpoint and ends with the same bits."""

import dataclasses
import datetime
import json
import pickle
import signal
import subprocess
import sys
import time
from fractions import Fraction
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skmlp import (
    KerasRegressor,
    MLPClassifier,
    MLPRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
)
from skmlp._checkpoints.checkpoint import read
from skmlp._checkpoints.learned import learned

RNG = np.random.RandomState(0)
X = RNG.normal(size=(90, 4))
Y = X[:, 0] - X[:, 1] ** 2
SETTINGS = {
    "hidden_layer_sizes": (8,),
    "dropout": 0.2,
    "batch_size": 16,
    "epochs": 12,
    "n_iter_no_change": np.inf,
}
ALL_THAT_CHANGES = {
    "normalization": "batch",
    "ema_decay": 0.9,
    "learning_rate_schedule": "cosine",
    "metrics": "r2",
}


class KilledError(Exception):
    """Simulates the end of the process."""


class KillAfter(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KilledError


def assert_same_bits(ours, other):
    assert ours.history_ == other.history_
    assert ours.stop_reason_ == other.stop_reason_
    assert ours.validation_scores_ == other.validation_scores_
    assert ours.best_loss_ == other.best_loss_
    one, two = ours._state, other._state
    progress = (one.training.optimizer, two.training.optimizer)
    for pair in ((one.arrays, two.arrays), progress):
        for mine, theirs in zip(*pair, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("params", "every"),
    [
        (ALL_THAT_CHANGES, 3),
        ({**ALL_THAT_CHANGES, "early_stopping": True}, 1),
        ({"early_stopping": True, "tol": 0.5, "n_iter_no_change": 2}, 1),
        ({"learning_rate_schedule": "plateau", "n_iter_no_change": 4, "tol": 0.1}, 1),
        ({"optimizer": "sgd"}, 5),
    ],
    ids=str,
)
def test_resumed_fits_end_with_the_same_bits(tmp_path, params, every):
    whole = MLPRegressor(**{**SETTINGS, **params}, random_state=0).fit(X, Y)
    regressor = clone(whole).set_params(checkpoint_dir=tmp_path, checkpoint_every=every)
    for epoch in (5, 8):
        if epoch < whole.n_iter_:
            with pytest.raises(KilledError):
                regressor.fit(X, Y, callbacks=[KillAfter(epoch)])
            assert len(read(tmp_path / "checkpoint.npz").facts["history"]["loss"]) == (
                epoch // every * every
            )
    assert_same_bits(regressor.fit(X, Y), whole)
    assert_same_bits(clone(regressor).fit(X, Y), whole)  # no epoch is left to train


def test_without_a_seed_the_checkpoint_s_is_taken(tmp_path):
    regressor = MLPRegressor(**SETTINGS, early_stopping=True, checkpoint_dir=tmp_path)
    with pytest.raises(KilledError):
        regressor.fit(X, Y, callbacks=[KillAfter(4)])
    seed = int(read(tmp_path / "checkpoint.npz").facts["settings"]["random_state"])
    assert regressor.fit(X, Y)._state.training.seed == seed


# Trains up to a given epoch, where it waits to be killed.
CHILD = """
import time
import keras

class WaitFrom(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        while epoch >= last:
            time.sleep(1)

regressor.fit(X, y, callbacks=[WaitFrom()])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_a_child_killed_at_five_moments_ends_with_the_same_bits(tmp_path, forkserver):
    settings = {**SETTINGS, "ema_decay": 0.9, "epochs": 150}
    directory = tmp_path / "checkpoints"
    regressor = MLPRegressor(**settings, random_state=0, checkpoint_dir=directory)
    rng = np.random.default_rng()
    reached = [0]
    for kill in range(5):
        wanted = reached[-1] + rng.integers(1, 10)
        names = {"regressor": regressor, "X": X, "y": Y, "last": wanted + 15}
        child = forkserver.Process(target=exec, args=(CHILD, names))
        child.start()
        try:
            while child.is_alive() and epochs_in(directory) < wanted:
                time.sleep(0.05)
            assert child.is_alive(), "the child must not end by itself"
            if kill == 0:
                reader = clone(regressor).load_checkpoint()
                assert np.isfinite(reader.predict(X)).all()
            else:
                time.sleep(rng.uniform(0, 0.05))
        finally:
            child.kill()  # SIGKILL
            child.join()
        reached.append(epochs_in(directory))
    assert all(np.diff(reached) > 0)
    assert reached[-1] < settings["epochs"]

    whole = clone(regressor).set_params(checkpoint_dir=None).fit(X, Y)
    assert_same_bits(regressor.fit(X, Y), whole)


def epochs_in(directory):
    """Epochs of the newest checkpoint, while another process may be writing the next."""
    saved = read(Path(directory) / "checkpoint.npz")
    return 0 if saved is None else len(saved.facts["history"]["loss"])


def test_a_half_written_checkpoint_is_never_read(tmp_path):
    regressor = MLPRegressor(**SETTINGS, random_state=0, checkpoint_dir=tmp_path)
    with pytest.raises(KilledError):
        regressor.fit(X, Y, callbacks=[KillAfter(4)])
    whole_file = (tmp_path / "checkpoint.npz").read_bytes()
    leftover = tmp_path / "checkpoint.0123.part"
    leftover.write_bytes(whole_file[: len(whole_file) // 2])
    assert clone(regressor).load_checkpoint().n_iter_ == 4
    resumed = regressor.fit(X, Y)
    assert_same_bits(resumed, clone(regressor).set_params(checkpoint_dir=None).fit(X, Y))
    assert not leftover.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize(
    ("params", "data", "named"),
    [
        ({"learning_rate": 0.1}, {}, "learning_rate changed .learning_rate was 0.001, is 0.1"),
        ({"dropout": 0.3, "epochs": 13}, {}, "dropout and epochs changed"),
        ({"random_state": 1}, {}, "random_state changed"),
        ({}, {"X": X + 1}, "X changed"),
        ({}, {"y": Y[::-1]}, "y changed"),
        ({"learning_rate": np.float64(0.001)}, {"X": X * 2}, "X changed"),
        ({}, {"sample_weight": np.arange(90)}, "sample_weight changed"),
        ({}, {"X_val": X, "y_val": Y}, "validation data changed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_changed_is_refused_by_name(tmp_path, params, data, named):
    regressor = MLPRegressor(**SETTINGS, random_state=0, checkpoint_dir=tmp_path)
    with pytest.raises(KilledError):
        regressor.fit(X, Y, callbacks=[KillAfter(3)])
    with pytest.raises(ValueError, match=f"'checkpoint_dir' .*{named}"):
        clone(regressor).set_params(**params).fit(**{"X": X, "y": Y, **data})


def test_another_estimator_loads_the_newest_checkpoint(tmp_path):
    labels = np.array(["low", "high", "higher"], dtype=object)[np.digitize(Y, [-1, 0])]
    classifier = MLPClassifier(**SETTINGS, ema_decay=0.9, metrics="accuracy", random_state=0)
    classifier.set_params(checkpoint_dir=tmp_path)
    seen = []

    class Reader(keras.callbacks.Callback):
        """Reads the checkpoint as another process would, and scores it."""

        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 7:
                reader = clone(classifier).load_checkpoint()
                seen.append((reader.n_iter_, reader.score(X, labels), reader.history_))

    classifier.fit(X, labels, callbacks=[Reader()])
    ((n_iter, score, history),) = seen
    assert n_iter == 7
    assert score == pytest.approx(classifier.history_["accuracy"][6])
    assert history["loss"] == classifier.history_["loss"][:7]
    with pytest.raises(ValueError, match="classes_ changed"):
        clone(classifier).fit(X, np.char.upper(labels.astype(str)))
    loaded = clone(classifier).load_checkpoint()
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))
    assert loaded.classes_.dtype == object


def test_loading_says_what_is_wrong(tmp_path):
    regressor = MLPRegressor(**SETTINGS, random_state=0)
    with pytest.raises(ValueError, match="'checkpoint_dir' must name"):
        regressor.load_checkpoint()
    regressor.set_params(checkpoint_dir=tmp_path)
    with pytest.raises(FileNotFoundError, match="must hold a checkpoint"):
        regressor.load_checkpoint()
    regressor.fit(X, Y)
    with pytest.raises(ValueError, match="activation changed"):
        clone(regressor).set_params(activation="elu").load_checkpoint()


def constant(rate, epoch):
    return rate


@pytest.mark.parametrize(
    ("name", "value", "other"),
    [
        ("learning_rate_schedule", lambda epoch: 0.01, lambda epoch: 0.02),
        ("learning_rate_schedule", partial(constant, 0.01), partial(constant, 0.02)),
        ("loss", lambda y, p: (y - p) ** 2, lambda y, p: (y - p) ** 4),
        ("random_state", np.random.RandomState(0), np.random.RandomState(1)),
    ],
    ids=["lambda", "partial", "loss", "RandomState"],
)
def test_another_function_or_generator_is_refused(tmp_path, name, value, other):
    regressor = MLPRegressor(**{**SETTINGS, "random_state": 0, name: value})
    regressor.set_params(checkpoint_dir=tmp_path)
    again = clone(regressor)
    with pytest.raises(KilledError):
        regressor.fit(X, Y, callbacks=[KillAfter(3)])
    with pytest.raises(ValueError, match=f"'checkpoint_dir' .*{name} changed"):
        clone(regressor).set_params(**{name: other}).fit(X, Y)
    whole = clone(again).set_params(checkpoint_dir=None).fit(X, Y)
    assert_same_bits(again.fit(X, Y), whole)


def test_what_cannot_be_compared_is_refused_before_training(tmp_path):
    regressor = MLPRegressor(**SETTINGS)
    regressor.set_params(learning_rate_schedule=(rate for rate in [0.1]).send)
    with pytest.raises(
        ValueError, match="'learning_rate_schedule' must be a value that can be"
    ):
        regressor.set_params(checkpoint_dir=tmp_path).fit(X, Y)
    assert not hasattr(regressor, "n_features_in_")


def test_a_model_that_is_built_again_is_the_same_setting(tmp_path):
    """Keras counts the names of layers in a process."""

    def network(units=3):
        inputs = keras.Input((X.shape[1],))
        hidden = keras.layers.Dense(units)(inputs)
        gates = keras.layers.GRU(units, recurrent_activation="elu", unroll=True)
        states = keras.layers.ELU()(gates(keras.layers.Reshape((1, -1))(inputs)))
        joined = keras.layers.Add()([hidden, states])
        return keras.Model(inputs, keras.layers.Dense(1)(joined))

    settings = {"epochs": 1, "random_state": 0, "checkpoint_dir": tmp_path}
    fitted = KerasRegressor(network(), **settings).fit(X, Y)
    again = KerasRegressor(network(), **settings).fit(X, Y)
    assert again.loss_curve_ == fitted.loss_curve_
    with pytest.raises(ValueError, match="model changed"):
        KerasRegressor(network(4), **settings).fit(X, Y)


def test_equal_values_of_other_types_are_the_same_settings(tmp_path):
    regressor = MLPRegressor(**SETTINGS, random_state=0, checkpoint_dir=str(tmp_path))
    with pytest.raises(KilledError):
        regressor.fit(X, Y, callbacks=[KillAfter(3)])
    again = clone(regressor).set_params(
        hidden_layer_sizes=[np.int64(8)],
        dropout=np.float64(0.2),
        l2=0,
        l1=np.float32(0),
        shuffle=np.True_,
        tol=np.float64(1e-4),
        batch_size=np.int32(16),
        checkpoint_dir=tmp_path,
    )
    assert again.fit(X, Y).loss_curve_[:3] == clone(regressor).load_checkpoint().loss_curve_[:3]


@pytest.mark.parametrize("where", ["", "file", "file/inside", "locked"])
def test_a_directory_that_cannot_be_is_refused(tmp_path, where, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "file").touch()
    if where == "locked":
        monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    regressor = MLPRegressor(**SETTINGS, checkpoint_dir=where and tmp_path / where)
    with pytest.raises(ValueError, match=r"'checkpoint_dir' must name a directory[^.]*; got '"):
        regressor.fit(X, Y)
    assert not hasattr(regressor, "n_features_in_")


FRAME = pd.DataFrame(X, columns=list("abcd")).assign(
    e=pd.Categorical(np.array(["low", "high"])[(Y > 0).astype(int)])
)
VALIDATION = {"X_val": X[:20] + 0.1, "y_val": Y[:20]}
HARD = {"learning_rate": 0.3, "ema_decay": 0.9, "normalization": "batch"}


@pytest.mark.parametrize(
    ("estimator", "rows", "y", "validation"),
    [
        (MLPRegressor(**SETTINGS), X, Y, {}),
        (MLPRegressor(**{**SETTINGS, **HARD}), X, Y, VALIDATION),
        (
            MLPRegressor(
                **{**SETTINGS, "n_iter_no_change": 2, "tol": 0.5},
                learning_rate_schedule="plateau",
            ),
            X,
            Y,
            {},
        ),
        (MLPRegressor(**SETTINGS, learning_rate=1e30, optimizer="sgd"), X, Y, {}),
        (MLPClassifier(**SETTINGS), X, np.digitize(Y, [-1, 0]) / 1, {}),
        (
            WideDeepClassifier(**SETTINGS, wide_optimizer="ftrl", aux_loss_weight=0.2),
            FRAME,
            Y > 0,
            {},
        ),
    ],
    ids=["plain", "best epoch", "stopped", "not finite", "classes", "wide and deep"],
)
@pytest.mark.filterwarnings("ignore:.*keeps its best:sklearn.exceptions.ConvergenceWarning")
def test_a_loaded_estimator_is_as_the_fit_left_it(tmp_path, estimator, rows, y, validation):
    first = clone(estimator).set_params(random_state=0, checkpoint_dir=tmp_path / "first")
    fitted = clone(first).fit(rows, y, **validation)
    loaded = clone(first)
    if validation:
        assert fitted.best_validation_score_ > fitted.validation_scores_[-1]
        # All attributes that it had learned before are gone.
        loaded.set_params(checkpoint_dir=None).fit(pd.DataFrame(rows, columns=list("abcd")), y)
        loaded.set_params(checkpoint_dir=tmp_path / "first")
    assert_as_fitted(loaded.load_checkpoint(), fitted)
    # A fit that resumes a finished one equals it too.
    assert_as_fitted(clone(first).fit(rows, y, **validation), fitted)

    for one in (loaded, fitted):
        one.set_params(checkpoint_dir=None).partial_fit(rows, y)
    assert_as_fitted(loaded, fitted)
    again = {"warm_start": True, "epochs": 3, "checkpoint_dir": tmp_path / "again"}
    loaded.set_params(**again).fit(rows, y, **validation)
    fitted.set_params(**again, checkpoint_every=2).fit(rows, y, **validation)
    assert_as_fitted(loaded, fitted)
    assert_as_fitted(clone(fitted).load_checkpoint(), fitted)


def assert_as_fitted(loaded, fitted):
    for name, value in learned(fitted).items():
        other = getattr(loaded, name)
        if name == "_state":
            value, other = dataclasses.asdict(value), dataclasses.asdict(other)
        assert type(other) is type(value), name
        assert getattr(other, "dtype", None) == getattr(value, "dtype", None), name
        np.testing.assert_equal(other, value, err_msg=name)
    assert set(learned(loaded)) == set(learned(fitted))


def test_a_fit_that_has_not_ended_loads_as_far_as_it_came(tmp_path):
    regressor = MLPRegressor(**{**SETTINGS, **HARD}, random_state=0)
    eight = clone(regressor).set_params(epochs=8).fit(X, Y)
    regressor.set_params(checkpoint_dir=tmp_path)
    with pytest.raises(KilledError):
        regressor.fit(X, Y, callbacks=[KillAfter(8)])
    loaded = clone(regressor).load_checkpoint()
    assert loaded.stop_reason_.startswith("Training had not ended")
    eight.stop_reason_ = loaded.stop_reason_
    assert_as_fitted(loaded, eight)


def test_ctrl_c_leaves_a_checkpoint_to_resume(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 5:
                raise KeyboardInterrupt

    regressor = MLPRegressor(**SETTINGS, random_state=0, checkpoint_dir=tmp_path)
    with pytest.warns(UserWarning, match="interrupted by the keyboard"):
        regressor.fit(X, Y, callbacks=[Interrupt()])
    whole = clone(regressor).set_params(checkpoint_dir=None).fit(X, Y)
    assert_same_bits(clone(regressor).fit(X, Y), whole)


def test_loading_needs_no_tensorflow(tmp_path):
    regressor = MLPRegressor(**SETTINGS, random_state=0, checkpoint_dir=tmp_path)
    expected = regressor.fit(X, Y).predict(X)
    (tmp_path / "estimator.pkl").write_bytes(pickle.dumps((clone(regressor), X)))
    script = (
        "import pickle, sys\n"
        "sys.modules.update(tensorflow=None, keras=None)\n"
        "regressor, X = pickle.load(open(sys.argv[1], 'rb'))\n"
        "print(regressor.load_checkpoint().predict(X).tolist())\n"
    )
    arguments = [sys.executable, "-c", script, tmp_path / "estimator.pkl"]
    printed = subprocess.run(arguments, check=True, capture_output=True, text=True).stdout
    np.testing.assert_array_equal(json.loads(printed), expected)


DAY = pd.Timestamp("2026-01-01")
CATEGORIES = {
    "interval": [pd.Interval(0, 1), pd.Interval(1, 2.5, closed="right")],
    "interval of days": [pd.Interval(DAY, DAY + pd.Timedelta("1D"))],
    "timestamp": [DAY, DAY + pd.Timedelta("1ns")],
    "timestamp of a zone": [DAY.tz_localize("Europe/Berlin")],
    "period": [pd.Period("2026-01", "M"), pd.Period("2026-02", "M")],
    "timedelta": [pd.Timedelta("2ns"), pd.Timedelta("1D")],
    "date": [datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)],
    "tuple": [("a", 1), ("b", 2.5)],
    "bool": [False, True],
    "number": [1.5, 2.5],
}


@pytest.mark.parametrize("kind", CATEGORIES)
def test_categories_of_every_kind(tmp_path, kind):
    categories = pd.Index(CATEGORIES[kind], tupleize_cols=False)
    codes = np.arange(len(X)) % len(categories)
    column = pd.Categorical.from_codes(codes, categories=categories)
    frame = pd.DataFrame({"a": X[:, 0], "column": column})
    regressor = WideDeepRegressor((8,), epochs=2, random_state=0, checkpoint_dir=tmp_path)
    with pytest.raises(KilledError):
        regressor.fit(frame, Y, callbacks=[KillAfter(1)])
    fitted = clone(regressor).fit(frame, Y)
    loaded = clone(regressor).load_checkpoint()
    assert_as_fitted(loaded, fitted)
    assert loaded.categories_ == {"column": list(categories)}
    assert [type(one) for one in loaded.categories_["column"]] == [
        type(one) for one in fitted.categories_["column"]
    ]
    np.testing.assert_array_equal(loaded.predict(frame), fitted.predict(frame))


def test_other_categories_are_refused_before_training(tmp_path):
    column = pd.Categorical([Fraction(1, 3), Fraction(2, 3)] * 45)
    frame = pd.DataFrame({"a": X[:, 0], "size": column})
    regressor = WideDeepRegressor((8,), epochs=2, checkpoint_dir=tmp_path)
    regressor.fit(FRAME, Y)
    before = regressor.categories_
    with pytest.raises(
        ValueError, match=r"'checkpoint_dir' must be None .* column 'size' of X"
    ):
        regressor.set_params(checkpoint_dir=tmp_path / "other").fit(frame, Y)
    assert regressor.categories_ is before


@pytest.mark.parametrize(
    "labels",
    [[False, True], [3, 5], [2.0, 3.0], ["no", "yes"], np.array(["no", "yes"], dtype=object)],
    ids=["bool", "int", "float", "str", "object"],
)
def test_labels_keep_their_type(tmp_path, labels):
    y = np.asarray(labels)[(Y > 0).astype(int)]
    classifier = MLPClassifier(**SETTINGS, random_state=0, checkpoint_dir=tmp_path)
    fitted = clone(classifier).fit(X, y)
    loaded = clone(classifier).load_checkpoint()
    assert_as_fitted(loaded, fitted)
    assert loaded.predict(X).dtype == y.dtype
    assert loaded.classes_.tolist() == list(labels)


def test_a_checkpoint_is_arrays_and_json(tmp_path):
    MLPRegressor(**SETTINGS, random_state=0, checkpoint_dir=tmp_path).fit(X, Y)
    with np.load(tmp_path / "checkpoint.npz", allow_pickle=False) as file:
        assert json.loads(str(file["facts"]))["format"] == 4
        assert all(file[name].dtype != object for name in file.files)
