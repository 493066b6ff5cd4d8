"""`WideDeepClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._estimators.mlp.classifier import MLPClassifier
from skmlp._estimators.wide_deep.base import LEARNED, BaseWideDeep
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.texts import with_shared_parts
from skmlp._parameters.wide_deep import WideDeepParameters


@with_shared_parts
@with_parameters
class WideDeepClassifier(BaseWideDeep, MLPClassifier, WideDeepParameters):
    """Wide & deep network for two classes, many classes, or several labels at once.

    {wide_deep}

    {parameters}

    Attributes
    ----------
    {classifier_attributes}
    {wide_deep_attributes}
    {attributes}
    {reused_attribute}

    See Also
    --------
    MLPClassifier : Multilayer perceptron without a wide path.

    {notes}
    {wide_deep_reference}

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
        """Predict with the main and the auxiliary output.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        main, auxiliary : ndarray of shape (n_samples, n_classes)
            Probabilities as of `predict_proba`, and those of the deep path alone.

        Raises
        ------
        ValueError
            If there is no auxiliary output.
        """
        outputs = self._predictions_of_outputs(X)
        main, auxiliary = map(self._target_type.probabilities, outputs)
        return main, auxiliary
