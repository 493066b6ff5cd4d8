"""`MLPRegressor`."""

from __future__ import annotations

from skmlp._estimators.mlp.base import BaseMLP
from skmlp._estimators.regressor import NetworkRegressor
from skmlp._parameters.architecture import ArchitectureParameters
from skmlp._parameters.outputs import RegressorParameters
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.reuse import ReuseParameters
from skmlp._parameters.texts import with_shared_parts
from skmlp._parameters.training import TrainingParameters


@with_shared_parts
@with_parameters
class MLPRegressor(
    NetworkRegressor,
    BaseMLP,
    TrainingParameters,
    ReuseParameters,
    RegressorParameters,
    ArchitectureParameters,
):
    """Multilayer perceptron for one or many numeric targets.

    {objective}

    {parameters}

    Attributes
    ----------
    {regressor_attributes}
    {attributes}
    {reused_attribute}

    See Also
    --------
    MLPClassifier : Multilayer perceptron for classes and labels.
    sklearn.neural_network.MLPRegressor : scikit-learn's, without dropout or a GPU.

    {notes}

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.model_selection import train_test_split
    >>> from skmlp import MLPRegressor
    >>> X, y = make_regression(n_features=5, random_state=0)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y / y.std(), random_state=0)
    >>> regressor = MLPRegressor((30, 30), learning_rate=0.01, random_state=0)
    >>> regressor.fit(X_train, y_train).predict(X_test).shape
    (25,)
    >>> bool(regressor.score(X_test, y_test) > 0.9)
    True
    """
