"""The tabular estimators: any table in, and what the ensemble promises."""

import itertools
import math
import pickle
import subprocess
import sys
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest
import tensorflow as tf
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_squared_error

from skmlp import TabularClassifier, TabularRegressor
from skmlp._engine.state import TrainingState
from skmlp._engine.stopping import StopReason
from skmlp._estimators.tabular.ensembles import Ensemble
from skmlp._network.tabular import TabularSpec, first_tabular_weights
from skmlp._program.network import Network
from skmlp._training import train
from skmlp._training.stacks import train_fits

SMALL = {
    "n_estimators": 2,
    "hidden_layer_sizes": (16,),
    "epochs": 12,
    "batch_size": 64,
    "random_state": 0,
}
RNG = np.random.default_rng(0)
N = 300


def table():
    """Numbers, whole numbers, booleans, categories, text and dates, with missing values."""
    size = RNG.normal(size=N)
    size[::7] = np.nan
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 400, N), unit="D")
    frame = pd.DataFrame(
        {
            "size": size,
            "rooms": pd.array(RNG.integers(1, 6, N), dtype="Int64"),
            "new": RNG.random(N) > 0.5,
            "kind": pd.Categorical(RNG.choice(["flat", "house", "hut"], N)),
            "town": RNG.choice(["Oslo", "Rome"], N),
            "sold": days,
        }
    )
    frame.loc[::11, "town"] = None
    return frame


X = table()
Y = (
    X["size"].fillna(0.0)
    + (X["kind"] == "hut")
    - 0.3 * X["rooms"].astype(float)
    + 0.5 * X["new"]
    + X["sold"].dt.month / 12
).to_numpy()
LABELS = np.where(np.median(Y) < Y, "dear", "cheap")


def polars_frame():
    plain = X.astype(object).where(X.notna(), None)
    return pl.DataFrame({name: plain[name].tolist() for name in X})


@pytest.fixture(scope="module")
def regressor():
    return TabularRegressor(**SMALL).set_params(epochs=24).fit(X, Y)


@pytest.fixture(scope="module")
def classifier():
    return TabularClassifier(**SMALL).fit(X, LABELS)


def test_a_table_is_learned_as_it_is(regressor, classifier):
    assert regressor.score(X, Y) > 0.9
    assert classifier.score(X, LABELS) > 0.9
    assert list(classifier.classes_) == ["cheap", "dear"]
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1)
    assert regressor.feature_names_in_.tolist() == list(X.columns)
    assert len(regressor.history_["val_loss"]) == regressor.n_iter_ == 24


def test_pandas_and_polars_predict_the_same(regressor):
    np.testing.assert_array_equal(regressor.predict(polars_frame()), regressor.predict(X))


def test_unknown_categories_and_new_missing_values(regressor):
    rows = X.head(4).copy()
    rows["kind"] = ["castle", None, "flat", "hut"]
    rows["rooms"] = pd.array([1, None, 2, 3], dtype="Int64")
    assert np.isfinite(regressor.predict(rows)).all()


def test_predictions_stay_in_the_range_of_y(regressor):
    rows = X.head(2).copy()
    rows["size"] = [1e30, -1e30]
    predicted = regressor.predict(rows)
    assert (predicted >= Y.min()).all()
    assert (predicted <= Y.max()).all()


def test_columns_are_checked_by_name(regressor):
    with pytest.raises(ValueError, match="feature names should match"):
        regressor.predict(X.drop(columns="town"))
    with pytest.raises(ValueError, match="'X' must hold numbers in column 'size'"):
        regressor.predict(X.assign(size="large"))


def test_same_seed_same_bits(regressor):
    again = clone(regressor).fit(X, Y).predict(X)
    np.testing.assert_array_equal(again, regressor.predict(X))
    other = clone(regressor).set_params(random_state=1).fit(X, Y).predict(X)
    assert not np.array_equal(other, again)


def test_a_weight_of_two_equals_repeating_the_row():
    """To the bit, in any order of rows; a weight of 0 equals leaving the row out."""
    rows, labels = X.head(40), LABELS[:40]
    weight = RNG.integers(0, 3, 40)
    index = RNG.permutation(np.repeat(np.arange(40), weight))
    weighted = TabularClassifier(**SMALL).fit(rows, labels, sample_weight=weight)
    repeated = TabularClassifier(**SMALL).fit(rows.iloc[index], labels[index])
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))


def test_a_class_without_weight_is_a_class():
    """Else voting and stacking would meet other classes than those of y."""
    labels = np.where(np.arange(len(X)) % 3, LABELS, "free")
    classifier = TabularClassifier(**SMALL).fit(X, labels, sample_weight=labels != "free")
    assert classifier.classes_.tolist() == ["cheap", "dear", "free"]
    assert classifier.predict_proba(X)[:, 2].mean() < 0.2
    validated = clone(classifier).fit(X, labels, labels != "free", X_val=X, y_val=labels)
    assert validated.classes_.tolist() == ["cheap", "dear", "free"]
    unknown = np.where(np.arange(len(X)) % 5, LABELS, "unknown")
    weighted = {"X_val": X, "y_val": unknown, "sample_weight_val": unknown != "unknown"}
    assert clone(classifier).fit(X, LABELS, **weighted).classes_.tolist() == ["cheap", "dear"]


@pytest.mark.parametrize("n_rows", [64, 65])
def test_few_rows_of_few_kinds(n_rows):
    """Some rows of each kind are held out, not all rows of some kinds."""
    rng = np.random.default_rng(0)
    group = np.arange(n_rows) % 2
    y = np.where(rng.random(n_rows) < 0.1, 1 - group, group)
    rows = group[:, None].astype(float)
    classifier = TabularClassifier(2, random_state=0).fit(rows, y)
    assert classifier.score(rows, y) > 0.8
    _, std = TabularRegressor(2, random_state=0).fit(rows, y).predict(rows, return_std=True)
    assert std.max() < 0.5  # of y: 0.5


@pytest.mark.parametrize("weight", [1e-200, 1e16])
def test_equal_weights_are_no_weights(weight):
    regressor = TabularRegressor(2, epochs=4, random_state=0)
    expected = clone(regressor).fit(X, Y).predict(X)
    weighted = clone(regressor).fit(X, Y, sample_weight=np.full(N, weight))
    np.testing.assert_array_equal(weighted.predict(X), expected)


def test_few_different_rows_are_no_few_rows():
    """The share of a class among equal rows is learned from their number."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 2, (2000, 2)), columns=["a", "b"])
    share = np.where(frame["a"] == 1, 0.8, 0.3)
    labels = rng.random(2000) < share
    fitted = TabularClassifier(**SMALL).fit(frame, labels)
    probability = fitted.predict_proba(frame)[:, 1]
    np.testing.assert_allclose(probability, share, atol=0.1)


def test_targets_far_from_zero():
    far = TabularRegressor(**SMALL).set_params(epochs=24).fit(X, 1.7e9 + 100 * Y)
    assert far.score(X, 1.7e9 + 100 * Y) > 0.9


def test_polars_in_fit_and_one_network():
    one = TabularRegressor(**{**SMALL, "n_estimators": 1})
    weight = np.arange(N) % 4
    pandas = clone(one).fit(X, Y, sample_weight=weight).predict(X)
    polars = clone(one).fit(polars_frame(), Y, sample_weight=weight).predict(polars_frame())
    np.testing.assert_array_equal(polars, pandas)


@pytest.mark.parametrize(("cls", "y"), [(TabularRegressor, Y), (TabularClassifier, LABELS)])
def test_networks_hold_out_different_rows_and_are_as_if_trained_alone(monkeypatch, cls, y):
    """Judges of a regressor, all networks of a classifier."""
    fits, networks = [], []

    def train_and_keep(several, n_members):
        fits.extend(replace(fit, state=deepcopy(fit.state)) for fit in several)
        networks.extend(train_fits(several, n_members))
        return networks

    monkeypatch.setattr(train, "train_fits", train_and_keep)
    has_judges = cls is TabularRegressor
    monkeypatch.setattr(cls, "_ensembles", ((math.inf, Ensemble(2, 1, 4, 2 * has_judges)),))
    estimator = cls(**SMALL).fit(X, y)
    assert len(fits) == 2 + 2 * has_judges
    assert (
        len({fit.n_batches for fit in fits}) == len({len(fit.index) for fit in fits[:2]}) == 1
    )
    assert not np.array_equal(fits[0].index, fits[1].index)
    assert not np.array_equal(fits[0].validation.X, fits[1].validation.X)
    for network, fit in zip(networks[:2], fits[:2], strict=True):
        if has_judges:
            fit.joint_loss = replace(fit.joint_loss)  # its own rows are the judgement
        (alone,) = train_fits([fit])
        ours, theirs = (one.training.now for one in (network, alone))
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)
    predicting = networks[2:] if has_judges else networks
    for member, network in zip(estimator._members, predicting, strict=True):
        np.testing.assert_array_equal(member.arrays[0], network.arrays[0])


def test_all_networks_keep_the_epoch_at_which_the_mean_of_judges_is_best(monkeypatch):
    fits, raw, reached = [], [], {}
    after_epoch = TrainingState.after_epoch

    def after_epoch_and_keep(state, *arguments, **named):
        reached.setdefault(id(state), []).append(np.array(named["reached"]))
        after_epoch(state, *arguments, **named)

    monkeypatch.setattr(TrainingState, "after_epoch", after_epoch_and_keep)

    def train_and_keep(several, n_members):
        fits.extend(several)
        measure = several[0].joint_loss

        def measure_and_keep(of_sets):
            raw.append(of_sets)
            return measure(of_sets)

        for fit in several:
            fit.joint_loss = measure_and_keep
        return train_fits(several, n_members)

    monkeypatch.setattr(train, "train_fits", train_and_keep)
    ensemble = Ensemble(2, 2, 4, n_folds_of_judges=2)
    monkeypatch.setattr(TabularRegressor, "_ensembles", ((math.inf, ensemble),))
    estimator = TabularRegressor(**SMALL).fit(X, Y)
    *judges, first, second = fits
    sets = [judges[0].validation, judges[2].validation]
    assert [judge.validation for judge in judges] == np.repeat(sets, 2).tolist()
    assert first.validation is second.validation is first.index is second.index is None
    losses = [
        mean_squared_error(
            np.concatenate([rows.y for rows in sets]),
            np.concatenate([of_sets[rows].mean(axis=0) for rows in sets]),
        )
        for of_sets in raw
    ]
    for fit in fits:
        np.testing.assert_allclose(fit.state.scores, np.negative(losses), rtol=1e-6)
        around = np.convolve(np.pad(losses, 1, mode="edge"), np.full(3, 1 / 3), "valid")
        best = reached[id(fit.state)][np.argmin(around)]
        np.testing.assert_array_equal(fit.state.kept, best)
    of_judges = []
    for k, judge in enumerate(judges):
        of_rows = [of_sets[judge.validation][k % 2] for of_sets in raw]
        own = [mean_squared_error(judge.validation.y, one) for one in of_rows]
        np.testing.assert_allclose(judge.state.history["val_loss"], own, rtol=1e-4)
        of_judges.append(own)
    for history in (estimator.history_, *estimator.histories_):
        np.testing.assert_allclose(history["val_loss"], np.mean(of_judges, 0), rtol=1e-4)


def test_an_interrupt_between_two_judges(monkeypatch):
    """One of four judges has seen an epoch more than the others."""
    after_epoch, n_calls = TrainingState.after_epoch, itertools.count(1)

    def interrupted(state, *args, **kwargs):
        if next(n_calls) == 8:
            raise KeyboardInterrupt
        after_epoch(state, *args, **kwargs)

    monkeypatch.setattr(TrainingState, "after_epoch", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        estimator = TabularRegressor(**SMALL).fit(X[:70], Y[:70])
    assert estimator.n_iter_ == 1
    assert np.isfinite(estimator.predict(X)).all()


@pytest.mark.parametrize("diverging", [slice(1), slice(2)], ids=["one", "all"])
def test_judges_that_diverge_judge_no_more(monkeypatch, diverging):
    def train_and_break(several, n_members):
        for judge in several[diverging]:
            judge.numbers = judge.numbers._replace(learning_rate=1e30)
        networks = train_fits(several, n_members)
        stopped = [network.training.reason is StopReason.NOT_FINITE for network in networks]
        assert stopped == [k < diverging.stop for k in range(4)]
        return networks

    monkeypatch.setattr(train, "train_fits", train_and_break)
    ensemble = Ensemble(2, 2, 4, n_folds_of_judges=1)
    monkeypatch.setattr(TabularRegressor, "_ensembles", ((math.inf, ensemble),))
    with pytest.warns(ConvergenceWarning, match=r"of the 2 judges of TabularRegressor"):
        estimator = TabularRegressor(**SMALL).fit(X, Y)
    is_judged = diverging.stop < 2
    assert len(estimator.history_["loss"]) == SMALL["epochs"]
    assert (len(estimator.history_.get("val_loss", ())) == SMALL["epochs"]) == is_judged
    assert (estimator.noise_std_ is not None) == is_judged
    assert estimator.score(X, Y) > 0.8


def test_networks_that_diverge_beside_judges_are_those_before_the_step(monkeypatch):
    """The training loss of an epoch does not show its last step."""
    ensemble = Ensemble(2, 2, 4, n_folds_of_judges=1)
    monkeypatch.setattr(TabularRegressor, "_ensembles", ((math.inf, ensemble),))
    wild = TabularRegressor(2, learning_rate=1e30, hidden_layer_sizes=(8,), epochs=4)
    with pytest.warns(ConvergenceWarning, match="2 of the 2 networks of TabularRegressor"):
        wild.fit(X[:70], Y[:70])
    assert np.isfinite(wild.predict(X)).all()


@pytest.fixture
def jobs_of(monkeypatch):
    """A function that returns the jobs of a fit, which are not trained."""

    class NotTrainedError(Exception):
        pass

    def keep(jobs, watchers, *, compiles_first):
        kept[:] = jobs
        raise NotTrainedError

    def jobs_of(estimator, X, y):
        with pytest.raises(NotTrainedError):
            estimator.fit(X, y)
        return kept

    kept = []
    monkeypatch.setattr(train, "train_ensemble", keep)
    return jobs_of


@pytest.mark.parametrize(
    ("n_rows", "n_columns", "n_networks", "units", "batch_size", "epochs"),
    [
        (900, 150, 32, 256, 64, 32),
        (900, 151, 16, 256, 64, 32),
        (1100, 1, 16, 256, 64, 32),
        (4600, 12, 12, 256, 256, 64),
        (8192, 12, 12, 256, 256, 48),
        (8192, 13, 12, 256, 128, 32),
        (9400, 1, 6, 224, 256, 20),
        (34_500, 1, 6, 224, 512, 16),
        (70_000, 1, 6, 224, 512, 12),
    ],
)
def test_jobs_follow_the_number_of_rows_and_columns(
    jobs_of, n_rows, n_columns, n_networks, units, batch_size, epochs
):
    rows = RNG.normal(size=(n_rows, n_columns))
    kept = jobs_of(TabularClassifier(), rows, rows[:, 0] > 0)
    assert len(kept) == n_networks
    assert {(job.batch_size, job.epochs) for job in kept} == {(batch_size, epochs)}
    assert {job.spec.hidden_units for job in kept} == {(units,) * 3}
    held_out = [job.validation for job in kept]
    size = 3 if n_networks == 6 else 4
    assert all(of is held_out[k // size * size] for k, of in enumerate(held_out))
    assert len({id(of) for of in held_out}) == n_networks // size
    assert len({job.joint_loss for job in kept}) == n_networks // size
    for job in kept:  # trains on all but the rows that it holds out
        assert len(np.unique(job.index)) == n_rows - -(-n_rows // 8)
        left = np.setdiff1d(np.arange(n_rows), job.index)
        assert np.isin(job.validation.X, job.data.X[left]).all()
    shares = [0.85**0.75, 0.85**1.25, 0.85**0.25, 0.85**1.75]
    dropped = [job.spec.dropout for job in kept]
    np.testing.assert_allclose(dropped, 1 - np.array((8 * shares)[:n_networks]))
    scales = [job.spec.frequency_scale for job in kept]
    expected = [0.1, 0.3, 1, 2] if n_columns <= 12 else [0.05, 0.1, 0.25, 0.5]
    assert scales == (8 * expected)[:n_networks]
    assert len({job.spec.structure() for job in kept}) == 1  # so they are one stack


@pytest.mark.parametrize(
    ("n_rows", "n_networks", "n_judges", "n_folds", "epochs"),
    [(1100, 16, 8, 2, 48), (4600, 8, 4, 1, 32), (9400, 4, 3, 1, 20)],
)
def test_networks_of_a_regressor_hold_out_nothing(
    jobs_of, n_rows, n_networks, n_judges, n_folds, epochs
):
    rows = RNG.normal(size=(n_rows, 1))
    kept = jobs_of(TabularRegressor(), rows, rows[:, 0])
    judges, networks = kept[:n_judges], kept[n_judges:]
    assert len(networks) == n_networks
    assert {job.epochs for job in kept} == {epochs}
    assert all(job.validation is job.index is None for job in networks)
    assert len({job.validation for job in judges}) == n_folds
    assert {job.rows_of_epoch for job in judges} == {n_rows}
    assert len({job.joint_loss for job in kept}) == 1
    assert len({job.seed for job in kept}) == len(kept)
    assert [job.spec.frequency_scale for job in networks[:4]] == [1, 4, 8, 16]
    of_fold = n_judges // n_folds
    specs = [job.spec for job in networks[:of_fold]]
    assert [judge.spec for judge in judges] == specs * n_folds
    # a mean of as many networks is judged, at most four
    assert len(jobs_of(TabularRegressor(1), rows, rows[:, 0])) == n_folds + 1


def test_steps_are_those_of_the_paper():
    """Rates by kind of weight, fading decay, waves of rates: as written out step by step."""
    data = np.random.default_rng(3).normal(size=(32, 3)).astype(np.float32)
    y = data[:, 0] > data[:, 1] ** 2
    params = {**SMALL, "n_estimators": 1, "epochs": 4, "dropout": 0.0, "weight_decay": 0.3}
    estimator = TabularClassifier(**params).fit(data, y, X_val=data, y_val=y)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
    (seed,) = (np.random.SeedSequence(seed).generate_state(1) >> 1).tolist()
    (member,) = estimator._members
    layers = zip(member.spec.layers(), member.weights, strict=True)
    edges = next(arrays[-1] for layer, arrays in layers if layer.name == "piecewise")
    first = first_tabular_weights(member.spec, edges, seed)
    inputs = estimator._encoder.encode(data)
    expected = trained_by_hand(member.spec, first, inputs, y, n_steps=4)
    for ours, theirs in zip(member.arrays, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3)


def trained_by_hand(spec, weights, inputs, y, n_steps):
    """Arrays after the best epoch of full batches, in the order of the layers."""
    network = Network(spec)
    flat = [array for of_layer in weights for array in of_layer]
    is_trained = [array.is_trained for array in network.arrays]
    pairs = list(zip(flat, is_trained, strict=True))
    values = [tf.Variable(array) for array, is_one in pairs if is_one]
    fixed = [tf.constant(array) for array, is_one in pairs if not is_one]
    labels = tf.constant(y[:, None].astype(np.float32))

    def mean_loss():
        raw = network.outputs(tf.constant(inputs), values, fixed)[0]
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, raw))

    first, second = ([np.zeros(value.shape) for value in values] for _ in range(2))
    best, kept = np.inf, []
    for step in range(n_steps):
        with tf.GradientTape() as tape:
            loss = mean_loss()
        gradients = tape.gradient(loss, values)
        share = step / n_steps
        n_waves = np.log2(1 + 15 * (step + 0.5) / n_steps)
        rate = 0.04 * 0.5 * (1 - np.cos(2 * np.pi * n_waves))
        fading = 1 if share < 0.5 else 0.5 * (1 + np.cos(np.pi * (2 * share - 1)))
        for i, (value, array) in enumerate(zip(values, network.trained, strict=True)):
            gradient = gradients[i].numpy().astype(float)
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.95 * second[i] + 0.05 * gradient**2
            moment = first[i] / (1 - 0.9 ** (step + 1))
            spread = np.sqrt(second[i] / (1 - 0.95 ** (step + 1)))
            own = rate * array.rate_factor
            decayed = value * (1 - own * 0.3 * fading * array.decays)
            value.assign(decayed - own * moment / (spread + 1e-8))
        if mean_loss() <= best:
            best, kept = mean_loss(), [value.numpy() for value in values]
    trained, untrained = iter(kept), iter(fixed)
    return [next(trained) if is_one else next(untrained).numpy() for is_one in is_trained]


def test_a_validation_set_takes_the_place_of_held_out_rows():
    estimator = TabularClassifier(**SMALL)
    estimator.fit(X[:200], LABELS[:200], X_val=X[200:], y_val=LABELS[200:])
    assert estimator.score(X[200:], LABELS[200:]) > 0.8
    with pytest.raises(ValueError, match="'y_val' must hold the known classes"):
        estimator.fit(X[:200], LABELS[:200], X_val=X[200:], y_val=["costly"] * 100)


def test_many_targets_and_labels():
    several = TabularRegressor(**SMALL).fit(X, np.column_stack([Y, -Y]))
    assert several.predict(X).shape == (N, 2)
    assert several.score(X, np.column_stack([Y, -Y])) > 0.7
    indicators = np.column_stack([Y > 0, X["new"]]).astype(int)
    labels = TabularClassifier(**SMALL).set_params(epochs=2).fit(X, csr_matrix(indicators))
    assert issparse(labels.predict(X))
    assert labels.predict(X).shape == (N, 2)
    assert labels.predict_proba(X).shape == (N, 2)


FRAMES = {
    "one column": (pd.DataFrame({"a": np.arange(40.0)}), np.arange(40.0)),
    "three rows": (pd.DataFrame({"a": [1, 2, 3], "b": list("xyz")}), np.array([1.0, 2, 3])),
    "nothing but missing": (
        pd.DataFrame({"a": np.arange(40.0), "b": np.full(40, np.nan), "c": [None] * 40}),
        np.arange(40.0),
    ),
    "constant": (pd.DataFrame({"a": np.arange(40.0), "b": 1.0, "c": "x"}), np.arange(40.0)),
    "constant target": (pd.DataFrame({"a": np.arange(40.0)}), np.ones(40)),
    "huge": (pd.DataFrame({"a": np.geomspace(1, 1e30, 40)}), np.arange(40.0)),
    "many categories": (
        pd.DataFrame({"a": [f"id {i // 2}" for i in range(120)]}),
        np.arange(120.0),
    ),
}


@pytest.mark.parametrize("name", list(FRAMES))
def test_tables_at_the_edge(name):
    frame, y = FRAMES[name]
    predicted = TabularRegressor(**SMALL).fit(frame, y).predict(frame)
    assert np.isfinite(predicted).all()
    assert ((predicted >= y.min()) & (predicted <= y.max())).all()


def test_what_no_table_holds_is_refused():
    estimator = TabularRegressor(**SMALL)
    for frame, words in (
        (X.assign(size=np.inf), "got infinity .* in column 'size'"),
        (X.assign(size=1j), "must hold real numbers; got complex ones in column 'size'"),
        (pd.DataFrame({"a": ["x"] * N}), "a column of numbers or of several categories"),
    ):
        with pytest.raises(ValueError, match=words):
            estimator.fit(frame, Y)
    with pytest.raises(ValueError, match="'X' must have at least 2 rows of positive weight"):
        estimator.fit(X.head(1), Y[:1])


def test_a_failed_fit_changes_nothing(classifier):
    before = classifier.predict_proba(X)
    with pytest.raises(ValueError, match="infinity"):
        classifier.fit(X.assign(size=np.inf), LABELS)
    with pytest.raises(ValueError, match="'y_val' must hold the known classes"):
        classifier.fit(X[["size"]], Y > 0, X_val=X[["size"]], y_val=LABELS)
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    assert list(classifier.classes_) == ["cheap", "dear"]


def test_networks_that_diverge_keep_their_best_weights():
    with pytest.warns(ConvergenceWarning, match="2 of the 2 networks of TabularRegressor"):
        estimator = TabularRegressor(**SMALL, learning_rate=1e30).fit(X, Y)
    assert np.isfinite(estimator.predict(X)).all()


def test_a_pickle_predicts_without_tensorflow(regressor, tmp_path):
    (tmp_path / "estimator.pkl").write_bytes(pickle.dumps((regressor, X)))
    code = (
        "import pickle, sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "estimator, X = pickle.load(open('estimator.pkl', 'rb'))\n"
        "print(float(estimator.predict(X).sum()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert float(run.stdout) == pytest.approx(regressor.predict(X).sum(), rel=1e-6)


def test_the_bar_counts_epochs(capsys):
    TabularRegressor(**SMALL, verbose=1).fit(X, Y)
    assert "12/12" in capsys.readouterr().err


def test_networks_without_numbers_or_without_indicators():
    for n_numeric, n_indicators, n_levels in (
        (2, 0, ()),
        (0, 3, ()),
        (0, 0, (50,)),
        (1, 1, (9, 7)),
    ):
        spec = TabularSpec(n_numeric, n_indicators, n_levels, (4,), "mish", 0.1, 1, "linear")
        assert spec.layers_and_widths()[-1][0].name == "prediction"
