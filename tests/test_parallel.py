"""Work in threads: as many as BLAS has, which afterwards are as before."""

import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from skmlp._network.parallel import in_threads


def blas_threads():
    return [library["num_threads"] for library in ThreadpoolController().info()]


@pytest.mark.parametrize("n_values", [1, 2, 7])
def test_results_are_in_order(n_values):
    matrices = np.random.default_rng(0).normal(size=(n_values, 30, 30))
    found = in_threads(np.linalg.det, matrices)
    np.testing.assert_allclose(found, np.linalg.det(matrices))


def test_blas_has_as_many_threads_afterwards():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        in_threads(np.sum, [1, 2])
        assert blas_threads() == before
        with pytest.raises(ZeroDivisionError):
            in_threads(lambda value: 1 / value, [1, 0])
        assert blas_threads() == before


def test_one_thread_of_blas_is_one_thread():
    with threadpool_limits(1, user_api="blas"):
        names = in_threads(lambda _: threading.current_thread().name, [0, 1])
    assert names == [threading.current_thread().name] * 2


def test_calls_in_calls_run_one_by_one():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        found = in_threads(lambda i: in_threads(lambda j: 10 * i + j, [0, 1]), [0, 1, 2])
        assert blas_threads() == before
    assert found == [[0, 1], [10, 11], [20, 21]]
