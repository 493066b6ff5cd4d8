"""How TensorFlow is imported: without its start-up log, with the environment unchanged."""

import os
import re
import subprocess
import sys

import pytest

from skmlp._keras.tensorflow import LOG_LEVEL, _quiet_start

FIT = f"""
import os
import numpy as np
from skmlp import MLPClassifier
X = np.random.RandomState(0).normal(size=(40, 3))
MLPClassifier((4,), epochs=1, random_state=0).fit(X, X[:, 0] > 0)
assert os.environ.get("{LOG_LEVEL}") in (None, "3")
"""
IN_A_WORKER = """
import numpy as np
from sklearn.model_selection import cross_val_score
from skmlp import MLPClassifier
X = np.random.RandomState(0).normal(size=(40, 3))
classifier = MLPClassifier((4,), epochs=1, random_state=0)
cross_val_score(classifier, X, X[:, 0] > 0, cv=[(range(20), range(20, 40))], n_jobs=2)
"""


def started(script, level=None):
    """Run a script in a new process with this log level of TensorFlow."""
    environment = {k: v for k, v in os.environ.items() if k != LOG_LEVEL}
    if level is not None:
        environment[LOG_LEVEL] = level
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(process):
    """The lines that a process wrote, sorted, without times and addresses."""
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out == ""
    return sorted(re.sub(r"^.*?\] |0x[0-9a-f]+", "", line) for line in err.splitlines())


def test_a_fit_says_no_more_than_tensorflow_does_with_its_log_turned_off():
    """Some versions write a few lines before they read the level; those remain."""
    quiet, turned_off, worker = started(FIT), started(FIT, "3"), started(IN_A_WORKER)
    left = said(turned_off)
    assert said(quiet) == left
    assert said(worker) == left
    assert not [line for line in left if "cuInit" in line or "CPU instructions" in line]


@pytest.mark.parametrize(("given", "within"), [(None, "3"), ("0", "0"), ("", "")])
def test_the_level_of_the_log_is_the_users(monkeypatch, given, within):
    monkeypatch.delitem(sys.modules, "tensorflow")
    monkeypatch.delenv(LOG_LEVEL, raising=False)
    if given is not None:
        monkeypatch.setenv(LOG_LEVEL, given)
    with _quiet_start():
        assert os.environ[LOG_LEVEL] == within
    assert os.environ.get(LOG_LEVEL) == given


def test_a_tensorflow_that_runs_is_left_alone(monkeypatch):
    monkeypatch.delenv(LOG_LEVEL, raising=False)
    with _quiet_start():
        assert LOG_LEVEL not in os.environ
