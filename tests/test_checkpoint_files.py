"""Checkpoint files of other fits, damaged files, and files that cannot be written."""

import dataclasses
import errno
import io
import json
import os
import re
import threading
import warnings

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skmlp import MLPClassifier, MLPRegressor, WideDeepRegressor
from skmlp._checkpoints.checkpoint import read

RNG = np.random.RandomState(0)
X = RNG.normal(size=(90, 4))
Y = X[:, 0] - X[:, 1] ** 2
SETTINGS = {
    "hidden_layer_sizes": (8,),
    "dropout": 0.2,
    "batch_size": 16,
    "epochs": 6,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}


def assert_same_bits(ours, other):
    assert ours.history_ == other.history_
    ours, other = dataclasses.asdict(ours._state), dataclasses.asdict(other._state)
    np.testing.assert_equal(ours, other)


def run(threads):
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestSharedDirectories:
    def test_a_fit_leaves_another_fit_s_checkpoint_alone(self, tmp_path):
        regressor = MLPRegressor(**SETTINGS, checkpoint_dir=tmp_path)
        whole = clone(regressor).set_params(checkpoint_dir=None).fit(X, Y)
        theirs = []

        class Takeover(keras.callbacks.Callback):
            """Resumes and ends the same fit, as a user would who believes it was killed."""

            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 3:
                    other = clone(regressor).fit(X, Y)
                    theirs.append((other, (tmp_path / "checkpoint.npz").read_bytes()))

        with pytest.warns(UserWarning, match="'checkpoint_dir' must be for one fit") as told:
            fitted = clone(regressor).fit(X, Y, callbacks=[Takeover()])
        assert len(told) == 1
        ((other, written),) = theirs
        assert_same_bits(fitted, whole)
        assert_same_bits(other, whole)
        assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
        assert (tmp_path / "checkpoint.npz").read_bytes() == written

    def test_two_fits_at_once(self, tmp_path):
        """Both fits end, and the file is always a whole checkpoint of one of them."""
        meet = threading.Barrier(2, timeout=60)
        fitted = {}

        class Meet(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                meet.wait()

            def __deepcopy__(self, memo):
                return Meet()

        def fit(seed):
            regressor = MLPRegressor(**{**SETTINGS, "random_state": seed})
            regressor.set_params(checkpoint_dir=tmp_path)
            fitted[seed] = regressor.fit(X, Y, callbacks=[Meet()])

        threads = [threading.Thread(target=fit, args=[seed]) for seed in (0, 1)]
        with pytest.warns(UserWarning, match="'checkpoint_dir' must be for one fit alone"):
            run(threads)
        for seed in (0, 1):
            alone = MLPRegressor(**{**SETTINGS, "random_state": seed}).fit(X, Y)
            assert_same_bits(fitted[seed], alone)
        saved = read(tmp_path / "checkpoint.npz").facts
        assert saved["history"] in [one.history_ for one in fitted.values()]
        assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]

    def test_what_a_living_fit_writes_is_not_tidied_away(self, tmp_path):
        fcntl = pytest.importorskip("fcntl")
        regressor = MLPRegressor(**SETTINGS, checkpoint_dir=tmp_path)
        part = tmp_path / "checkpoint.abc.part"
        with open(part, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            regressor.fit(X, Y)
            assert part.exists()
        regressor.fit(X, Y)
        assert not part.exists()


class TestDisks:
    def test_a_full_disk_costs_no_training(self, tmp_path, monkeypatch):
        regressor = MLPRegressor(**SETTINGS, checkpoint_dir=tmp_path)
        whole = clone(regressor).set_params(checkpoint_dir=None).fit(X, Y)
        sync, calls = os.fsync, []

        def fsync(file):
            calls.append(file)
            if 3 <= len(calls) < 6:
                raise OSError(errno.ENOSPC, "No space left on device")
            sync(file)

        monkeypatch.setattr(os, "fsync", fsync)
        place = re.escape(repr(str(tmp_path / "checkpoint.npz")))
        with pytest.warns(
            UserWarning, match=f"{place} could not be written .*No space"
        ) as told:
            fitted = clone(regressor).fit(X, Y)
        assert len(told) == 1
        assert_same_bits(fitted, whole)
        assert_same_bits(clone(regressor).load_checkpoint(), whole)  # there was space again
        assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]

    def test_the_last_checkpoint_stays_where_no_other_can_be_written(
        self, tmp_path, monkeypatch
    ):
        regressor = MLPRegressor(**SETTINGS, checkpoint_dir=tmp_path)

        class Fill(keras.callbacks.Callback):
            def on_epoch_begin(self, epoch, logs=None):
                if epoch == 4:
                    monkeypatch.setattr(os, "fsync", full)

        def full(file):
            raise OSError(errno.ENOSPC, "No space left on device")

        with pytest.warns(UserWarning, match="could not be written"):
            fitted = clone(regressor).fit(X, Y, callbacks=[Fill()])
        assert clone(regressor).load_checkpoint().n_iter_ == 4
        monkeypatch.undo()
        assert_same_bits(clone(regressor).fit(X, Y), fitted)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A fitted estimator and its checkpoint."""
    directory = tmp_path_factory.mktemp("whole")
    regressor = MLPRegressor(**SETTINGS, ema_decay=0.9, checkpoint_dir=directory)
    regressor.set_params(learning_rate_schedule="plateau", n_iter_no_change=50)
    return regressor.fit(X, Y), (directory / "checkpoint.npz").read_bytes()


def assert_equal_or_refused(fitted, directory):
    """Whether the checkpoint loads unchanged; otherwise one clear error must refuse it."""
    path = directory / "checkpoint.npz"
    estimator = clone(fitted).set_params(checkpoint_dir=directory)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            estimator.load_checkpoint()
        except ValueError as error:
            told = str(error)
        else:
            assert_same_bits(estimator, fitted)
            return True
    assert str(path) in told
    assert re.fullmatch(r"'checkpoint_dir' must [^\n]*\.", told)
    assert "pickle" not in told
    assert vars(estimator).keys() == vars(clone(fitted)).keys()
    return False


class TestDamage:
    def test_a_file_cut_short(self, tmp_path, whole):
        fitted, contents = whole
        for end in np.linspace(0, len(contents) - 1, 60).astype(int):
            (tmp_path / "checkpoint.npz").write_bytes(contents[:end])
            assert not assert_equal_or_refused(fitted, tmp_path)

    def test_changed_bytes(self, tmp_path, whole):
        fitted, contents = whole
        rng = np.random.default_rng(0)
        refused = 0
        tails = rng.integers(len(contents) - 1500, len(contents), 200)
        for place in [*rng.integers(len(contents), size=300), *tails]:
            changed = bytearray(contents)
            changed[place] ^= rng.integers(1, 256)
            (tmp_path / "checkpoint.npz").write_bytes(changed)
            refused += not assert_equal_or_refused(fitted, tmp_path)
        assert refused > 250  # times in the archive, for example, may change

    @pytest.mark.parametrize("contents", [b"", b"PK", b"\x80\x04K\x01.", b"\x93NUMPY" * 20])
    def test_files_of_another_kind(self, tmp_path, whole, contents):
        (tmp_path / "checkpoint.npz").write_bytes(contents)
        assert not assert_equal_or_refused(whole[0], tmp_path)
        with pytest.raises(ValueError, match="is damaged; delete it and fit anew"):
            clone(whole[0]).set_params(checkpoint_dir=tmp_path).fit(X, Y)

    def test_another_format(self, tmp_path, whole):
        craft(tmp_path, whole[1], lambda facts, arrays: facts.update(format=1))
        with pytest.raises(ValueError, match=r"was written by another one .format 1, not 4"):
            clone(whole[0]).set_params(checkpoint_dir=tmp_path).load_checkpoint()

    def test_every_fact_and_array_is_needed(self, tmp_path, whole):
        fitted, contents = whole
        facts, arrays = opened(contents)
        for name in facts:
            craft(tmp_path, contents, lambda facts, arrays, name=name: facts.pop(name))
            assert not assert_equal_or_refused(fitted, tmp_path), name
        for name in arrays:
            craft(tmp_path, contents, lambda facts, arrays, name=name: arrays.pop(name))
            assert not assert_equal_or_refused(fitted, tmp_path), name

    def test_facts_of_another_type(self, tmp_path, whole):
        fitted, contents = whole
        for name in opened(contents)[0]:
            for value in (None, "x", 1.5, [], {}, ["x"], {"x": 1}, [[]], True):
                if (name, value) in BELIEVED:
                    continue
                craft(
                    tmp_path,
                    contents,
                    lambda facts, arrays, name=name, value=value: facts.update({name: value}),
                )
                assert not assert_equal_or_refused(fitted, tmp_path), (name, value)

    def test_arrays_of_another_shape_type_or_value(self, tmp_path, whole):
        fitted, contents = whole
        for name, array in opened(contents)[1].items():
            if name.startswith(("weights", "raw_weights")):
                changes = [array[:-1], array[None], array.astype(float), array * np.nan]
                for change in changes:
                    craft(
                        tmp_path,
                        contents,
                        lambda facts, arrays, name=name, change=change: arrays.update(
                            {name: change}
                        ),
                        is_consistent=True,
                    )
                    assert not assert_equal_or_refused(fitted, tmp_path), name

    @pytest.mark.parametrize(
        "change",
        [
            lambda facts, arrays: arrays.update({"now/0": arrays["now/0"][:-1]}),
            lambda facts, arrays: arrays.update({"best/0": arrays["best/0"] * np.nan}),
            lambda facts, arrays: arrays.update({"safe/0": arrays["now/0"][None]}),
            lambda facts, arrays: arrays.update({"now/0": arrays["now/0"].astype(int)}),
            lambda facts, arrays: arrays.update({"optimizer/1": arrays["optimizer/2"][:-1]}),
            lambda facts, arrays: arrays.popitem(),
            lambda facts, arrays: facts.update(patience=[1.0]),
            lambda facts, arrays: facts.update(reason="BOREDOM"),
        ],
        ids=["now", "best", "safe", "type", "optimizer", "missing", "patience", "reason"],
    )
    def test_a_fit_resumes_no_damaged_run(self, tmp_path, whole, change):
        craft(tmp_path, whole[1], change, is_consistent=True)
        with pytest.raises(ValueError, match="'checkpoint_dir' must hold a whole checkpoint"):
            clone(whole[0]).set_params(checkpoint_dir=tmp_path).fit(X, Y)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("predict", 1),
            ("_state", 1),
            ("n_features_in_", "4"),
            ("n_features_in_", 5),
            ("n_outputs_", True),
            ("n_outputs_", 2),
            ("n_outputs_", {"os.system": "ls"}),
            ("n_outputs_", {"array": ["|O", [1], "00" * 8]}),
            ("feature_names_in_", {"objects": ["a", "b"]}),
            ("feature_names_in_", {"objects": [1, 2, 3, 4]}),
        ],
    )
    def test_attributes_that_no_fit_learns_are_not_set(self, tmp_path, whole, name, value):
        craft(tmp_path, whole[1], lambda facts, arrays: facts["learned"].update({name: value}))
        assert not assert_equal_or_refused(whole[0], tmp_path)

    @pytest.mark.parametrize(
        ("estimator", "name", "value"),
        [
            (MLPClassifier, "classes_", {"array": ["<i8", [3], "00" * 24]}),
            (MLPClassifier, "classes_", "abc"),
            (MLPClassifier, "y_type_", "multiclass"),
            (WideDeepRegressor, "wide_inputs_", {"array": ["<i8", [1, 2], "09" * 16]}),
            (WideDeepRegressor, "cross_inputs_", {"array": ["<i8", [0, 2], ""]}),
            (WideDeepRegressor, "hashed_crosses_", {"array": ["<i8", [1, 2, 2], "00" * 32]}),
            (WideDeepRegressor, "categories_", {"dict": [["a"], [1]]}),
        ],
    )
    def test_nor_are_labels_and_columns_that_cannot_be(self, tmp_path, estimator, name, value):
        fitted = estimator(**{**SETTINGS, "epochs": 1}, checkpoint_dir=tmp_path).fit(X, Y > 0)
        contents = (tmp_path / "checkpoint.npz").read_bytes()
        craft(tmp_path, contents, lambda facts, arrays: facts["learned"].update({name: value}))
        assert not assert_equal_or_refused(fitted, tmp_path)


# Facts of the right type.
BELIEVED = [
    ("settings", {}),  # refused as the settings of another fit
    ("scores", []),
    ("best_value", 1.5),
    ("patience", []),  # checked only by fit
    ("plateau", None),
    ("reason", None),
    ("reason", "x"),
    ("stop_reason", "x"),
    ("has_validation", True),
    ("optimizer_name", "x"),
]


def opened(contents):
    """Facts and arrays of a checkpoint."""
    with np.load(io.BytesIO(contents)) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(str(arrays.pop("facts"))), arrays


def craft(directory, contents, change, *, is_consistent=False):
    """Write a changed checkpoint; if `is_consistent`, its list of arrays matches."""
    facts, arrays = opened(contents)
    change(facts, arrays)
    if is_consistent:
        facts["arrays"] = {
            name: [array.dtype.str, *array.shape]
            for name, array in arrays.items()
            if name != "token"
        }
    np.savez(directory / "checkpoint.npz", **{**arrays, "facts": json.dumps(facts)})
