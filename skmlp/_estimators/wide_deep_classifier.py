"""`WideDeepClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._estimators.mlp_classifier import MLPClassifier
from skmlp._estimators.wide_deep import LEARNED, BaseWideDeep
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.texts import with_shared_sections
from skmlp._parameters.wide_deep import WidePath


@with_shared_sections
@with_parameters
class WideDeepClassifier(BaseWideDeep, MLPClassifier, WidePath):
    """Wide & deep network for two classes, many classes, or several labels at once.

    Some columns go straight to the output (wide: simple rules), some through hidden layers
    first (deep: patterns), and both paths are trained together [10]_. The raw output is

    .. math::
        W_{wide}^T [x_{wide}, c(x)] + W_{deep}^T h(x_{deep}) + b

    with the crosses :math:`c` (`wide_crosses`) and the last hidden layer :math:`h`; the
    objective is that of `MLPClassifier`.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels; for an indicator matrix the numbers of its columns.
    y_type_ : str
        "binary", "multiclass" or "multilabel-indicator".
    n_outputs_ : int
        Number of outputs: 1 for two classes, else the number of classes or labels.
    {wide_deep_attributes}
    {attributes}

    See Also
    --------
    MLPClassifier : The same without a wide path.

    {notes}
    .. [10] Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems",
       https://arxiv.org/abs/1606.07792

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import WideDeepClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> classifier = WideDeepClassifier(
    ...     (20,), wide_features=[0, 1], aux_loss_weight=0.1, random_state=0
    ... )
    >>> pipeline = make_pipeline(StandardScaler(), classifier).fit(X, y)
    >>> bool(pipeline.score(X, y) > 0.95)
    True
    >>> [probability.shape for probability in classifier.predict_outputs(X)]
    [(569, 2), (569, 2)]
    """

    _learned_from_data = (*MLPClassifier._learned_from_data, *LEARNED)

    def predict_outputs(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Predict by both outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        main, auxiliary : ndarray of shape (n_samples, n_classes)
            What `predict_proba` gives, and the same from the deep path alone.

        Raises
        ------
        ValueError
            If there is no auxiliary output.
        """
        main, auxiliary = self._predictions_of_outputs(X)
        return self._of_all_classes(main), self._of_all_classes(auxiliary)
