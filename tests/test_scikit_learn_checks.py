"""scikit-learn's own checks of its contract, with no expected failure."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skmlp import MLPClassifier, MLPRegressor


@parametrize_with_checks([MLPRegressor(), MLPClassifier()])
def test_scikit_learn_contract(estimator, check):
    check(estimator)
