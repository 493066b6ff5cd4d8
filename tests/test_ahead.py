"""Programs compiled ahead of their networks, in a search with a free processor."""

import threading
from typing import NamedTuple

import keras
import numpy as np
import pytest
from sklearn import model_selection

from skmlp import MLPRegressor
from skmlp._engine.program import Program
from skmlp._engine.store import STORE
from skmlp._training import ahead, together
from skmlp._training.ahead import AheadCompiler
from skmlp.model_selection import GridSearchCV

TIMEOUT = 30  # seconds

RNG = np.random.RandomState(0)
X = RNG.normal(size=(90, 3))
Y = X[:, 0] - np.abs(X[:, 1])


class NamedStack(NamedTuple):
    """As much of a stack as the compiler looks at."""

    key: str


class Compiling:
    """A compilation that lasts until it is released, and notes what it compiled."""

    def __init__(self, monkeypatch):
        self.begun, self.error = [], None
        self.started, self.released = threading.Semaphore(0), threading.Semaphore(0)
        monkeypatch.setattr(ahead, "compile_program", self)

    def __call__(self, stack):
        self.begun.append(stack.key)
        self.started.release()
        assert self.released.acquire(timeout=TIMEOUT)
        if self.error:
            raise self.error


@pytest.fixture
def compiling(monkeypatch):
    return Compiling(monkeypatch)


def test_it_is_one_program_ahead(compiling):
    compiled_after = {"a": "b", "b": "bc", "c": "bc"}
    stacks = [NamedStack(key) for key in "aabbbc"]
    compiling.released.release(2)
    with AheadCompiler(stacks) as compiler:
        for stack, is_first in zip(
            stacks, [True, False, True, False, False, False], strict=True
        ):
            compiler.begin(stack)
            if is_first:
                assert compiling.started.acquire(timeout=TIMEOUT)
            assert "".join(compiling.begun) == compiled_after[stack.key]


def test_a_stack_waits_for_its_own_program_alone(compiling):
    first, second = NamedStack("a"), NamedStack("b")
    with AheadCompiler([first, second]) as compiler:
        compiler.begin(first)  # does not wait for b
        waiting = threading.Thread(target=compiler.begin, args=[second])
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        compiling.released.release()
        waiting.join(TIMEOUT)
        assert not waiting.is_alive()


def test_an_error_is_left_to_training(compiling):
    compiling.error = ValueError("no such thing")
    compiling.released.release()
    stacks = [NamedStack("a"), NamedStack("b")]
    with AheadCompiler(stacks) as compiler:
        for stack in stacks:
            compiler.begin(stack)
    assert compiling.begun == ["b"]


@pytest.fixture
def threads_that_compile(monkeypatch):
    """The threads that ran a program's first batch, one for each program."""
    threads = []
    run_batches = Program.run_batches

    def run(self, *arguments):
        if not self.traces:
            threads.append(threading.current_thread())
        return run_batches(self, *arguments)

    monkeypatch.setattr(Program, "run_batches", run)
    return threads


@pytest.mark.parametrize(("n_processors", "is_ahead"), [(2, True), (1, False)])
def test_a_search_compiles_ahead_where_a_processor_is_free(
    monkeypatch, threads_that_compile, n_processors, is_ahead
):
    """Each program is compiled once, and results are the same bits as without.

    The initializer draws other numbers at each call.
    """
    monkeypatch.setattr(together, "cpu_count", lambda: n_processors)
    estimator = MLPRegressor((4,), batch_size=32, epochs=3, early_stopping=True, random_state=0)
    estimator.set_params(kernel_initializer=keras.initializers.RandomNormal(seed=3))
    grid = {"activation": ["relu", "tanh", "elu"]}
    STORE.clear()
    ours = GridSearchCV(estimator, grid, cv=2, refit=False).fit(X, Y)
    assert len(threads_that_compile) == 3
    assert (len(set(threads_that_compile)) == 2) == is_ahead
    # an epoch, and measuring
    assert [program.traces for program in STORE.idle()] == [2] * 3
    theirs = model_selection.GridSearchCV(estimator, grid, cv=2, refit=False).fit(X, Y)
    np.testing.assert_array_equal(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )
