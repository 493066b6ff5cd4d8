"""scikit-learn's own checks of its contract, with no expected failure."""

from unittest import SkipTest

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from skmlp import MLPClassifier, MLPRegressor, WideDeepClassifier, WideDeepRegressor

CHECKS = [
    pytest.param(estimator, check, id=f"{type(estimator).__name__}-{check.func.__name__}-{i}")
    for cls in (MLPRegressor, MLPClassifier, WideDeepRegressor, WideDeepClassifier)
    for i, (estimator, check) in enumerate(estimator_checks_generator(cls()))
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learn_contract(estimator, check):
    try:
        check(estimator)
    except SkipTest as skip:  # scikit-learn's own, for what the estimator does not have
        pytest.skip(str(skip))
