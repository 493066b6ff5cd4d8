"""Other processes: the same bits, a start without TensorFlow's log, no training in a fork.

Few processes for all tests, since each takes long to load TensorFlow.
"""

import io
import os
import pickle
import re
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.base import clone

from skmlp import MLPRegressor
from skmlp._keras.tensorflow import LOG_LEVEL

X = np.random.RandomState(0).normal(size=(150, 4))
Y = X[:, 0] - X[:, 1] ** 2
REGRESSOR = MLPRegressor(
    (8,), dropout=0.2, batch_size=16, epochs=5, early_stopping=True, random_state=7
)
# Reads a pickle of an estimator and its data; writes pickles of the fitted estimator, its
# predictions, and the answer of a forked process in which it predicts and is fitted again.
FIT = f"""
import os, pickle, sys
estimator, X, y = pickle.load(sys.stdin.buffer)
assert "tensorflow" not in sys.modules
fitted = estimator.fit(X, y)
assert os.environ.get("{LOG_LEVEL}") in (None, "3")
pickle.dump((fitted, fitted.predict(X)), sys.stdout.buffer)
sys.stdout.flush()
if hasattr(os, "fork") and not os.fork():
    fitted.predict(X)
    try:
        fitted.fit(X, y)
    except RuntimeError as error:
        pickle.dump(str(error), sys.stdout.buffer)
    sys.stdout.flush()
    os._exit(0)
if hasattr(os, "fork"):
    os.wait()
"""
# The same again in one of joblib's workers, who keep to the level of the log.
IN_A_WORKER = """
from sklearn.model_selection import cross_val_score
cross_val_score(estimator, X, y, cv=[(range(75), range(75, 150))], n_jobs=2)
"""


class Ended(NamedTuple):
    """All that a process has written."""

    fitted: MLPRegressor
    predictions: np.ndarray
    after_fork: str | None
    log: list[str]  # sorted lines, without times and addresses


def ended(script, level=None):
    """A new process that has run a script at this log level of TensorFlow."""
    environment = {k: v for k, v in os.environ.items() if k != LOG_LEVEL}
    if level is not None:
        environment[LOG_LEVEL] = level
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        input=pickle.dumps((REGRESSOR, X, Y)),
        env=environment,
        capture_output=True,
        timeout=300,
    )
    error = process.stderr.decode()
    assert process.returncode == 0, error
    written, end = io.BytesIO(process.stdout), len(process.stdout)
    fitted, predictions = pickle.load(written)
    after_fork = pickle.load(written) if hasattr(os, "fork") else None
    assert written.tell() == end  # no other output
    log = sorted(re.sub(r"^.*?\] |0x[0-9a-f]+", "", line) for line in error.splitlines())
    return Ended(fitted, predictions, after_fork, log)


@pytest.fixture(scope="module")
def silenced():
    """A process in which the user has turned off TensorFlow's log."""
    return ended(FIT, "3")


def test_same_bits_in_another_process(silenced):
    fitted = clone(REGRESSOR).fit(X, Y)
    np.testing.assert_array_equal(silenced.predictions, fitted.predict(X))
    ours, theirs = silenced.fitted._state, fitted._state
    for one, other in (
        (ours.arrays, theirs.arrays),
        (ours.training.optimizer, theirs.training.optimizer),
    ):
        for pair in zip(one, other, strict=True):
            np.testing.assert_array_equal(*pair)
    assert silenced.fitted.history_ == fitted.history_
    assert silenced.fitted.validation_scores_ == fitted.validation_scores_


def test_a_fit_says_no_more_than_tensorflow_does_with_its_log_turned_off(silenced):
    """Some versions write a few lines before they read the level; those remain."""
    left = silenced.log
    assert not [line for line in left if "cuInit" in line or "CPU instructions" in line]
    assert ended(FIT + IN_A_WORKER).log == sorted([*left, *left])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_is_told_not_to_train(silenced):
    """TensorFlow would wait forever there; prediction does not need it."""
    assert re.match(
        r"TensorFlow must not run in a process forked .*'loky'", silenced.after_fork
    )
