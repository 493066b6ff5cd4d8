"""How TensorFlow is imported: quietly, with the environment unchanged."""

import os
import sys

import pytest

from skmlp._keras.tensorflow import LOG_LEVEL, _quiet_start


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
