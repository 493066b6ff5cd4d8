"""A fit that was killed goes on from its checkpoint and ends with the same bits."""

import json
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skmlp import MLPClassifier, MLPRegressor
from skmlp._checkpoint import read

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
    """Stands for the end of a process, in the same process."""


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
    progress = (one.progress.optimizer, two.progress.optimizer)
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
    assert_same_bits(clone(regressor).fit(X, Y), whole)  # nothing is left to train


def test_without_a_seed_the_checkpoint_s_is_taken(tmp_path):
    regressor = MLPRegressor(**SETTINGS, early_stopping=True, checkpoint_dir=tmp_path)
    with pytest.raises(KilledError):
        regressor.fit(X, Y, callbacks=[KillAfter(4)])
    seed = int(read(tmp_path / "checkpoint.npz").facts["settings"]["random_state"])
    assert regressor.fit(X, Y)._state.progress.seed == seed


# Trains up to an epoch of no return, where it waits to be killed.
CHILD = """
import pickle, sys, time
import keras
from skmlp import MLPRegressor

class WaitFrom(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        while epoch >= int(sys.argv[2]):
            time.sleep(1)

with open(sys.argv[1], "rb") as file:
    regressor, X, y = pickle.load(file)
regressor.fit(X, y, callbacks=[WaitFrom()])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_a_child_killed_at_five_moments_ends_with_the_same_bits(tmp_path):
    settings = {**SETTINGS, "ema_decay": 0.9, "epochs": 150}
    directory = tmp_path / "checkpoints"
    regressor = MLPRegressor(**settings, random_state=0, checkpoint_dir=directory)
    (tmp_path / "fit.pkl").write_bytes(pickle.dumps((regressor, X, Y)))
    rng = np.random.default_rng()
    reached = [0]
    for kill in range(5):
        wanted = reached[-1] + rng.integers(1, 10)
        arguments = [tmp_path / "fit.pkl", wanted + 15]
        child = subprocess.Popen([sys.executable, "-c", CHILD, *map(str, arguments)])
        try:
            while child.poll() is None and epochs_in(directory) < wanted:
                time.sleep(0.002)
            assert child.poll() is None, "the child must not end by itself"
            if kill == 0:
                reader = clone(regressor).load_checkpoint()
                assert np.isfinite(reader.predict(X)).all()
            else:
                time.sleep(rng.uniform(0, 0.05))
        finally:
            child.kill()  # SIGKILL
            child.wait()
        reached.append(epochs_in(directory))
    assert all(np.diff(reached) > 0)
    assert reached[-1] < settings["epochs"]

    whole = clone(regressor).set_params(checkpoint_dir=None).fit(X, Y)
    assert_same_bits(regressor.fit(X, Y), whole)


def epochs_in(directory):
    """Epochs of the newest checkpoint, read while another process may be writing the next."""
    saved = read(Path(directory) / "checkpoint.npz")
    return 0 if saved is None else len(saved.facts["history"]["loss"])


def test_a_half_written_checkpoint_is_never_read(tmp_path):
    regressor = MLPRegressor(**SETTINGS, random_state=0, checkpoint_dir=tmp_path)
    with pytest.raises(KilledError):
        regressor.fit(X, Y, callbacks=[KillAfter(4)])
    whole_file = (tmp_path / "checkpoint.npz").read_bytes()
    (tmp_path / "checkpoint.part").write_bytes(whole_file[: len(whole_file) // 2])
    assert clone(regressor).load_checkpoint().n_iter_ == 4
    resumed = regressor.fit(X, Y)
    assert_same_bits(resumed, clone(regressor).set_params(checkpoint_dir=None).fit(X, Y))
    assert not (tmp_path / "checkpoint.part").exists()


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
        """Reads as another process would, and measures what training itself measured."""

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
    with pytest.raises(FileNotFoundError, match="no checkpoint in"):
        regressor.load_checkpoint()
    regressor.fit(X, Y)
    with pytest.raises(ValueError, match="activation changed"):
        clone(regressor).set_params(activation="elu").load_checkpoint()


def test_a_checkpoint_is_arrays_and_json(tmp_path):
    MLPRegressor(**SETTINGS, random_state=0, checkpoint_dir=tmp_path).fit(X, Y)
    with np.load(tmp_path / "checkpoint.npz", allow_pickle=False) as file:
        assert json.loads(str(file["facts"]))["format"] == 1
        assert all(file[name].dtype != object for name in file.files)
