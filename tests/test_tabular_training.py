"""What the tabular estimators hold out and keep, warm starts, and scikit-learn's callbacks."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skmlp import TabularClassifier, TabularRegressor
from skmlp._engine.judging import JointLoss
from skmlp._engine.state import TrainingState
from skmlp._engine.stopping import Patience
from skmlp._engine.store import STORE
from skmlp._engine.watcher import Watcher
from skmlp._estimators.tabular.ensembles import Ensemble
from skmlp._training import train
from skmlp._training.stacks import train_fits

SMALL = {"hidden_layer_sizes": (16,), "epochs": 6, "batch_size": 64, "random_state": 0}
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(300, 3)), columns=["a", "b", "c"])
Y = (X["a"] - X["b"] ** 2).to_numpy()
LABELS = np.where(Y > -0.5, "yes", "no")
REGRESSOR = TabularRegressor(2, **SMALL)


def warm(**params):
    return clone(REGRESSOR).set_params(warm_start=True, **params)


def same_members(some, others):
    for ours, theirs in zip(some, others, strict=True):
        for array, other in zip(ours.arrays, theirs.arrays, strict=True):
            np.testing.assert_allclose(array, other, rtol=2e-3, atol=2e-4)


def two_and_then_four_are(at_once):
    """A warm start from two networks to four has the result of training four at once."""
    regressor = warm().fit(X, Y)
    first = regressor._members
    regressor.set_params(n_estimators=4).fit(X, Y)
    assert regressor._members[:2] == first  # the same objects
    same_members(regressor._members, at_once._members)
    for name, values in at_once.history_.items():
        np.testing.assert_allclose(regressor.history_[name], values, rtol=1e-3)
    np.testing.assert_allclose(regressor.noise_std_, at_once.noise_std_, rtol=1e-3)
    assert len(regressor.history_["loss"]) == regressor.n_iter_ == 6


@pytest.fixture(scope="module", autouse=True)
def _two_networks_hold_out_the_same_rows():
    with pytest.MonkeyPatch.context() as patch:
        for cls in (TabularRegressor, TabularClassifier):
            patch.setattr(cls, "_ensembles", ((math.inf, Ensemble(8, 2, 4)),))
        yield


@pytest.fixture(scope="module")
def four():
    return TabularRegressor(4, **SMALL).fit(X, Y)


class TestNumberOfNetworks:
    def test_is_chosen_by_the_number_of_rows(self, monkeypatch):
        ensembles = ((200, Ensemble(4, 2, 4)), (math.inf, Ensemble(2, 2, 4)))
        monkeypatch.setattr(TabularRegressor, "_ensembles", ensembles)
        regressor = warm(n_estimators="auto", epochs=1).fit(X, Y)
        assert len(regressor._members) == 2
        regressor.fit(X[:200], Y[:200])
        assert len(regressor._members) == 4
        with pytest.warns(UserWarning, match=r"got 'auto', and 4 are trained already"):
            regressor.fit(X, Y)
        assert len(regressor._members) == 4


def test_fits_of_other_numbers_of_rows_trace_nothing_new():
    regressor = clone(REGRESSOR).set_params(early_stopping=False, epochs=1).fit(X, Y)
    traces = sorted(program.traces for program in STORE.idle())
    regressor.fit(X[:200], Y[:200])
    assert sorted(program.traces for program in STORE.idle()) == traces


@pytest.mark.parametrize("ensemble", [Ensemble(2, 1, 4), Ensemble(2, 1, 4, 1)])
def test_losses_are_weighted_means_of_the_rows_of_the_epoch(monkeypatch, ensemble):
    fits, weight = [], np.ones(len(Y))
    weight[7] = len(Y)  # as much as all others together; one of the two networks lacks it

    def seen(given, n_members):
        fits.extend(given)
        return train_fits(given, n_members)

    monkeypatch.setattr(train, "train_fits", seen)
    monkeypatch.setattr(TabularRegressor, "_ensembles", ((math.inf, ensemble),))
    still = clone(REGRESSOR).set_params(
        learning_rate=1e-12, dropout=0, epochs=2, validation_fraction=0.5
    )
    still.fit(X, Y, sample_weight=weight)
    for fit in fits:
        for epoch in (0, 1):
            order = fit.order(epoch)
            assert len(order) == fit.n_rows
            assert len(np.unique(order)) == fit.n_distinct_rows
            rows = fit.rows.rows(order)
            # a regression begins with outputs of 0
            expected = np.average(rows.y**2, weights=rows.weight[:, None])
            assert fit.state.history["loss"][epoch] == pytest.approx(expected, rel=1e-4)


def test_an_ensemble_keeps_only_what_is_its_own(four):
    def owner(array):
        return array if array.base is None else owner(array.base)

    kept = [
        array
        for network in four._members
        for array in (*network.arrays, *map(np.asarray, network.training.optimizer))
    ]
    owners = {id(owner(array)): owner(array).nbytes for array in kept}
    assert sum(owners.values()) <= 1.01 * sum(array.nbytes for array in kept)


def best_epochs(losses):
    """The epoch that is kept if training ends after the first, the second, ..."""
    state = TrainingState(0, patience=Patience(math.inf, 0.0))
    kept = []
    for epoch, loss in enumerate(losses):
        state.after_epoch(
            {"loss": 1.0, "val_loss": loss.mean},
            None,
            entered=None,
            reached=epoch,
            has_validation=True,
            joint=loss,
        )
        kept.append(state.best)
    return kept


def means_of_three(losses):
    """Of each epoch and its neighbours; the first and the last count as their own."""
    padded = np.pad(losses, [(1, 1), (0, 0)], mode="edge")
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3


@pytest.mark.parametrize("tolerance", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(9))
def test_the_best_epoch_has_the_lowest_loss_with_its_neighbours(seed, tolerance):
    rng = np.random.default_rng(seed)
    losses, weight = rng.uniform(size=(12, 5)), rng.uniform(size=5)
    expected = []
    for n in range(1, len(losses) + 1):
        means = means_of_three(losses[:n])
        lowest = best = 0
        for epoch in range(1, n):
            difference = means[epoch] - means[lowest]
            excess = np.average(difference, weights=weight)
            share = weight / weight.sum()
            error = np.sqrt(np.sum((share * (difference - excess)) ** 2))
            best = epoch if excess <= tolerance * error else best
            lowest = epoch if excess < 0 else lowest
        expected.append(best)
    assert best_epochs([JointLoss(row, weight, tolerance) for row in losses]) == expected


def test_losses_of_other_rows_begin_anew():
    """The networks of one row have diverged; those of the others err more."""
    before = [JointLoss(np.full(3, loss), np.ones(3)) for loss in (1.0, 0.5, 0.6)]
    since = [JointLoss(np.full(2, loss), np.ones(2)) for loss in (0.9, 0.7, 0.9, 1.2)]
    expected = [0, 1, 2, *np.add(best_epochs(since), 3)]
    assert expected[-1] == 4
    assert best_epochs([*before, *since]) == expected


def test_a_network_whose_judges_have_diverged():
    """Then its training loss decides, and it keeps the weights before a step that fails."""
    state = TrainingState(0, patience=Patience(math.inf, 0.0))
    state.begin(-1)
    kept, safe = [], []
    for epoch, loss in enumerate([1.0, 0.9, 0.8, 0.7, math.nan]):
        judged = [JointLoss(np.full(3, joint), np.ones(3)) for joint in (0.9, 1.5)]
        state.after_epoch(
            {"loss": loss},
            None,
            entered=epoch - 1,
            reached=epoch,
            has_validation=False,
            joint=judged[epoch] if epoch < 2 else None,
        )
        kept.append(state.best)
        safe.append(state.safe)
    assert kept == [0, 0, 2, 3, 3]
    assert safe == [-1, 0, 1, 2, 2]
    assert state.to_keep(is_judged=True) == 2


class TestEarlyStopping:
    def test_without_it_all_rows_are_trained_on_to_the_last_epoch(self, monkeypatch):
        trained = []

        def train_and_keep(fits, n_members):
            fitted = train_fits(fits, n_members)
            trained.extend(zip(fits, fitted, strict=True))
            return fitted

        monkeypatch.setattr(train, "train_fits", train_and_keep)
        regressor = clone(REGRESSOR).set_params(early_stopping=False).fit(X, Y)
        assert regressor.history_.keys() == {"loss", "learning_rate"}
        assert len(trained) == 2
        for fit, network in trained:
            assert fit.n_rows == len(X)
            assert fit.validation is None
            np.testing.assert_array_equal(network.training.kept, network.training.now)

    def test_without_it_validation_data_choose_the_epoch_as_in_other_estimators(self):
        given = {"X_val": X[:50], "y_val": Y[:50]}
        plain = clone(REGRESSOR).fit(X, Y, **given)
        other = clone(REGRESSOR).set_params(early_stopping=False).fit(X, Y, **given)
        assert other.history_ == plain.history_
        np.testing.assert_array_equal(other.predict(X), plain.predict(X))

    def test_without_it_one_row_is_enough(self):
        regressor = clone(REGRESSOR).set_params(early_stopping=False).fit(X[:1], Y[:1])
        np.testing.assert_allclose(regressor.predict(X), np.full(len(X), Y[0]))
        with pytest.raises(ValueError, match=r"n_samples=1; .* set early_stopping=False"):
            clone(REGRESSOR).fit(X[:1], Y[:1])


class TestWarmStart:
    def test_networks_calibrate_by_the_rows_that_they_held_out(self, monkeypatch):
        seen = []
        monkeypatch.setattr(TabularRegressor, "_calibrate", lambda _, rows: seen.append(rows))

        def networks():
            positions = {id(m.weights): i for i, m in enumerate(regressor._members)}
            return [[positions[id(m.weights)] for m in of_set] for of_set in seen[-1].values()]

        regressor = warm(epochs=1).fit(X, Y, X_val=X[:50], y_val=Y[:50])
        regressor.set_params(n_estimators=3).fit(X, Y, X_val=X[:50], y_val=Y[:50])
        assert networks() == [[0, 1, 2]]
        regressor.set_params(n_estimators=4).fit(X, Y, X_val=X[50:], y_val=Y[50:])
        assert networks() == [[3]]
        regressor.set_params(n_estimators=5).fit(X, Y, X_val=X[:50], y_val=Y[:50])
        assert networks() == [[0, 1, 2, 4]]
        n_times = len(seen)
        regressor.set_params(n_estimators=6, early_stopping=False).fit(X, Y)
        assert len(seen) == n_times  # nothing new to learn from

    def test_more_networks_are_those_trained_at_once(self, four):
        two_and_then_four_are(four)

    def test_without_a_seed_networks_hold_out_what_the_others_do_not(self, monkeypatch):
        held_out = []

        def train_and_keep(fits, n_members):
            held_out.append(fits[0].validation.X)
            return train_fits(fits, n_members)

        monkeypatch.setattr(train, "train_fits", train_and_keep)
        regressor = warm(random_state=None, epochs=1, validation_fraction=0.5).fit(X, Y)
        regressor.set_params(n_estimators=4).fit(X, Y)
        assert len(np.unique(np.concatenate(held_out), axis=0)) == len(X)

    def test_without_more_networks_nothing_is_trained(self):
        regressor = warm().fit(X, Y)
        before = pickle.dumps(regressor)
        with pytest.warns(UserWarning, match="'n_estimators' must be raised .* got 2,"):
            regressor.fit(X, Y + 1)
        assert pickle.dumps(regressor) == before
        with pytest.raises(ValueError, match=r"'n_estimators' must be at least 2, .* got 1;"):
            regressor.set_params(n_estimators=1).fit(X, Y)
        with pytest.raises(ValueError, match="feature names should match"):
            regressor.set_params(n_estimators=4).fit(X[["a", "b"]], Y)
        np.testing.assert_array_equal(regressor.predict(X), pickle.loads(before).predict(X))

    def test_without_it_all_are_trained_anew(self, four):
        regressor = clone(REGRESSOR).fit(X, -Y)
        regressor.set_params(n_estimators=4).fit(X, Y)
        np.testing.assert_array_equal(regressor.predict(X), four.predict(X))

    def test_other_rows_and_networks_of_another_size(self):
        """Inputs and scale of targets stay; the range of predictions grows."""
        regressor = warm().fit(X, Y)
        mean = regressor._scaling.mean
        regressor.set_params(n_estimators=4, hidden_layer_sizes=(8,), epochs=3)
        regressor.fit(2 * X, 2 * Y)
        assert regressor._scaling.mean == mean
        assert regressor._range[0] == 2 * Y.min()
        assert [len(m.biases[0]) for m in regressor._members] == [16, 16, 8, 8]
        assert regressor.n_iter_ == len(regressor.history_["loss"]) == 3
        assert regressor.score(X, Y) > 0.3

    def test_classes_are_those_of_the_first_fit(self):
        classifier = TabularClassifier(2, **SMALL, warm_start=True).fit(X, LABELS)
        classifier.set_params(n_estimators=4)
        with pytest.raises(ValueError, match="'y' must hold the known classes only"):
            classifier.fit(X, np.where(Y > 1, "perhaps", LABELS))
        classifier.fit(X, np.full(len(X), "yes"))
        assert list(classifier.classes_) == ["no", "yes"]
        assert len(classifier._members) == 4


class TestJudges:
    @pytest.fixture(autouse=True)
    def _two_judges(self, monkeypatch):
        ensemble = Ensemble(8, 2, 4, n_folds_of_judges=1)
        monkeypatch.setattr(TabularRegressor, "_ensembles", ((math.inf, ensemble),))

    @pytest.fixture
    def four(self):
        return TabularRegressor(4, **SMALL).fit(X, Y)

    def test_more_networks_are_those_trained_at_once(self, four):
        two_and_then_four_are(four)

    def test_they_calibrate_networks_whose_rows_were_given_before(self, monkeypatch):
        regressor = warm().fit(X, Y, X_val=X[:50], y_val=Y[:50])
        seen = []
        monkeypatch.setattr(TabularRegressor, "_calibrate", lambda _, rows: seen.append(rows))
        regressor.set_params(n_estimators=3).fit(X, Y)
        (of_judges,) = seen
        ((rows, judges),) = of_judges.items()
        assert rows.n_rows == len(X) // 8 + 1
        assert len(judges) == 2
        assert not {id(judge.weights) for judge in judges} & {
            id(member.weights) for member in regressor._members
        }

    def test_callbacks_see_the_networks_alone(self, four):
        pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")
        watching = Watching()
        regressor = clone(four).set_callbacks(watching).fit(X, Y)
        assert len(watching.predictions) == SMALL["epochs"] + 1
        np.testing.assert_array_equal(watching.predictions[-1], regressor.predict(X))
        np.testing.assert_array_equal(regressor.predict(X), four.predict(X))

    def test_a_limit_of_time_is_theirs_too(self):
        regressor = clone(REGRESSOR).set_params(max_time=1e-9).fit(X, Y)
        assert {name: len(of) for name, of in regressor.history_.items()} == {
            "loss": 1,
            "val_loss": 1,
            "learning_rate": 1,
        }


class Watching:
    """A callback of scikit-learn that notes tasks and predictions, and may ask to stop."""

    def __init__(self, stop_after=None, method="predict"):
        self.stop_after, self.method = stop_after, method
        self.tasks, self.predictions = [], []

    def setup(self, estimator, context):
        self.tasks.append("setup")

    def teardown(self, estimator, context):
        self.tasks.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.tasks.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.tasks.append(f"end {context.task_name}")
        self.predictions.append(getattr(fitted_estimator, self.method)(X))
        return len(self.predictions) == self.stop_after


class TestCallbacks:
    @pytest.fixture(autouse=True)
    def module(self):
        return pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")

    def test_every_epoch_is_a_task_of_the_ensemble(self, four):
        watching = Watching()
        regressor = clone(four).set_callbacks(watching).fit(X, Y)
        epochs = ["begin epoch", "end epoch"] * 6
        assert watching.tasks == ["setup", "begin fit", *epochs, "end fit", "teardown"]
        np.testing.assert_array_equal(regressor.predict(X), four.predict(X))
        *of_epochs, at_end = watching.predictions
        np.testing.assert_array_equal(at_end, four.predict(X))
        assert not np.array_equal(of_epochs[0], of_epochs[1])

    @pytest.mark.parametrize(
        "estimator",
        [TabularRegressor(2, **SMALL, loss="quantile"), TabularClassifier(2, **SMALL)],
    )
    def test_a_fitted_estimator_is_calibrated(self, estimator):
        """As if the fit had stopped there."""
        is_classifier = isinstance(estimator, TabularClassifier)
        method = "predict_proba" if is_classifier else "predict_quantiles"
        watching = Watching(method=method)
        y = LABELS if is_classifier else Y
        fitted = clone(estimator).set_params(epochs=2).set_callbacks(watching).fit(X, y)
        assert [len(predicted) for predicted in watching.predictions] == [len(X)] * 3
        np.testing.assert_array_equal(watching.predictions[-1], getattr(fitted, method)(X))
        fitted._calibrate({})
        assert not np.array_equal(watching.predictions[-1], getattr(fitted, method)(X))

    def test_all_networks_stop_where_a_callback_asks(self):
        watching = Watching(stop_after=2)
        regressor = clone(REGRESSOR).set_params(early_stopping=False)
        regressor.set_callbacks(watching).fit(X, Y)
        assert regressor.n_iter_ == len(regressor.history_["loss"]) == 2
        np.testing.assert_array_equal(watching.predictions[1], regressor.predict(X))

    def test_networks_that_a_warm_start_keeps_predict_too(self):
        regressor = warm().fit(X, Y)
        watching = Watching()
        regressor.set_callbacks(watching).set_params(n_estimators=4).fit(X, Y)
        np.testing.assert_array_equal(watching.predictions[-1], regressor.predict(X))

    def test_epochs_that_a_limit_of_time_leaves_out_are_no_tasks(self):
        watching = Watching()
        clone(REGRESSOR).set_params(max_time=1e-9).set_callbacks(watching).fit(X, Y)
        assert watching.tasks[1:-1] == ["begin fit", "begin epoch", "end epoch", "end fit"]

    def test_a_bar_of_scikit_learn(self, module, capsys):
        clone(REGRESSOR).set_callbacks(module.ProgressBar()).fit(X, Y)
        assert "TabularRegressor" in capsys.readouterr().out


def test_networks_that_diverge_do_not_end_watching():
    """The bar goes on if the first network ends."""
    seen = []

    class Epochs(Watcher):
        def __init__(self, name):
            self.name = name

        def on_epoch_end(self, epoch, logs):
            seen.append((self.name, epoch))
            return epoch == 3

        def on_end(self, logs):
            seen.append((self.name, "end"))

    ensemble = train.EnsembleWatcher([Epochs("a"), Epochs("b")], 2)
    assert not ensemble.on_epoch_end(0, {})
    ensemble.on_end({})  # the first network's
    for epoch in (1, 2, 3):
        assert ensemble.on_epoch_end(epoch, {}) == (epoch == 3)
    ensemble.on_end({})
    expected = [(name, epoch) for epoch in (0, 1, 2, 3, "end") for name in "ab"]
    assert seen == expected
