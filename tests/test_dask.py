"""Searches on a Dask cluster of two worker processes."""

import pickle

import joblib
import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn import model_selection
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmlp import MLPClassifier, MLPRegressor
from skmlp import model_selection as stacked
from skmlp._search.stack_trainer import StackTrainer, with_shared_rows

dask = pytest.importorskip("dask", reason="the extra 'dask' is not installed")
distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
cloudpickle = pytest.importorskip("cloudpickle", reason="comes with the extra 'dask'")

RNG = np.random.RandomState(0)
X = RNG.normal(size=(110, 4))
Y = np.tanh(X[:, 0]) - 0.5 * X[:, 1]
REGRESSOR = make_pipeline(
    StandardScaler(), MLPRegressor((8,), batch_size=16, epochs=4, random_state=0)
)
SPACE = {"mlpregressor__learning_rate": loguniform(1e-3, 3e-2)}


@pytest.fixture
def cluster(forkserver):
    """Workers that have imported Keras, and that are held to one thread, as Dask's are."""
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            env={"OMP_NUM_THREADS": "1"},
        ) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


def assert_as_on_one_machine(search):
    here = clone(search).fit(X, Y)
    with joblib.parallel_config(backend="dask"):
        there = clone(search).fit(X, Y)
    scores = [one.cv_results_["mean_test_score"] for one in (there, here)]
    np.testing.assert_allclose(*scores, atol=1e-4)
    assert there.best_params_ == here.best_params_
    np.testing.assert_array_equal(there.predict(X), here.predict(X))
    return there


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_searches_are_as_on_one_machine(cluster):
    """One test, since starting the workers takes longer than all their work."""

    def programs():
        from skmlp._engine.store import STORE

        sizes = [program.n_members for program in STORE.idle()]
        return sum(n > 1 for n in sizes), sizes.count(1)

    settings = {"cv": 3, "random_state": 0}
    for module, is_stacked in ((stacked, True), (model_selection, False)):
        search = module.RandomizedSearchCV(REGRESSOR, SPACE, n_iter=4, **settings)
        assert_as_on_one_machine(search)
        for n_stacks, n_alone in cluster.run(programs).values():  # both have trained
            assert (n_stacks, n_alone) == (1, 0) if is_stacked else n_alone

    rounds = {"resource": "mlpregressor__epochs", "n_candidates": 4, "max_resources": 4}
    halving = stacked.HalvingRandomSearchCV(REGRESSOR, SPACE, factor=2, **rounds, **settings)
    assert_as_on_one_machine(halving)

    grid = {"mlpregressor__learning_rate_schedule": ["constant", lambda epoch: -1.0]}
    failing = stacked.GridSearchCV(REGRESSOR, grid, cv=2, error_score=-9.0)
    scores = assert_as_on_one_machine(failing).cv_results_["mean_test_score"]
    assert (scores == -9.0).tolist() == [False, True]


def test_what_is_sent_is_parameters_and_rows_once(monkeypatch):
    """Twelve fits in three folds are sent as three sets of rows, without TensorFlow objects."""
    sent = []
    train = StackTrainer._train_here

    def sending(self, turn, arrival_of, *rest):
        (stack,) = turn
        jobs = with_shared_rows([arrival_of[fit].item.job for fit in stack.fits])
        sent.append(cloudpickle.dumps((jobs, [fit.state for fit in stack.fits])))
        return train(self, turn, arrival_of, *rest)

    monkeypatch.setattr(StackTrainer, "_train_here", sending)
    rows = np.tile(X, (40, 1))
    labels = np.where(rows[:, 0] > 0, "yes", "no")
    classifier = MLPClassifier(
        (8,), batch_size=512, epochs=1, early_stopping=True, random_state=0
    )
    grid = {"learning_rate": [0.001, 0.002, 0.004, 0.008]}
    stacked.GridSearchCV(classifier, grid, cv=3, refit=False).fit(rows, labels)
    (payload,) = sent
    n_bytes = 3 * (2 / 3) * len(rows) * (4 * 4 + 4 + 8)  # X, y and weights
    assert len(payload) < n_bytes + 50_000
    assert len(pickle.loads(payload)[0]) == 12
    assert b"tensorflow" not in payload
