"""`MLPClassifier`."""

from __future__ import annotations

from skmlp._estimators.classifier import NetworkClassifier
from skmlp._estimators.mlp.base import BaseMLP
from skmlp._parameters.architecture import ArchitectureParameters
from skmlp._parameters.outputs import ClassifierParameters, ClassWeightParameter
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.reuse import ReuseParameters
from skmlp._parameters.texts import with_shared_parts
from skmlp._parameters.training import TrainingParameters


@with_shared_parts
@with_parameters
class MLPClassifier(
    NetworkClassifier,
    BaseMLP,
    TrainingParameters,
    ReuseParameters,
    ClassWeightParameter,
    ClassifierParameters,
    ArchitectureParameters,
):
    """Multilayer perceptron for two classes, many classes, or several labels at once.

    Two classes share one logistic output; more classes get one softmax output each; the
    columns of an indicator matrix get one logistic output each.

    {objective}

    {parameters}

    Attributes
    ----------
    {classifier_attributes}
    {attributes}
    {reused_attribute}

    See Also
    --------
    MLPRegressor : Multilayer perceptron for numeric targets.
    sklearn.neural_network.MLPClassifier : scikit-learn's, without dropout or a GPU.

    {notes}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((20,), learning_rate=0.01, random_state=0)
    >>> scores = cross_val_score(make_pipeline(StandardScaler(), classifier), X, y)
    >>> bool(scores.mean() > 0.9)
    True
    """
