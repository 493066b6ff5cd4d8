"""`WideDeepRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np

from skmlp._estimators.mlp.regressor import MLPRegressor
from skmlp._estimators.wide_deep.base import LEARNED, BaseWideDeep
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.texts import with_shared_parts
from skmlp._parameters.wide_deep import WideDeepParameters


@with_shared_parts
@with_parameters
class WideDeepRegressor(BaseWideDeep, MLPRegressor, WideDeepParameters):
    """Wide & deep network for one or many numeric targets.

    {wide_deep}

    {parameters}

    Attributes
    ----------
    {regressor_attributes}
    {wide_deep_attributes}
    {attributes}
    {reused_attribute}

    See Also
    --------
    MLPRegressor : Multilayer perceptron without a wide path.

    {notes}
    {wide_deep_reference}

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import WideDeepRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> regressor = WideDeepRegressor(
    ...     (30, 30),
    ...     wide_features=["age", "sex", "bmi"],
    ...     deep_features=slice(2, 10),
    ...     wide_crosses=[("bmi", "bp")],
    ...     learning_rate=0.01,
    ...     random_state=0,
    ... )
    >>> regressor.fit(X, y / 100).predict(X).shape
    (442,)
    >>> [entry.name for entry in regressor.model_.inputs]
    ['wide_input', 'deep_input']
    """

    _learned_from_data = (*MLPRegressor._learned_from_data, *LEARNED)

    def predict_outputs(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Predict with the main and the auxiliary output.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        main, auxiliary : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions as of `predict`, and those of the deep path alone.

        Raises
        ------
        ValueError
            If there is no auxiliary output.
        """
        main, auxiliary = self._predictions_of_outputs(X)
        return self._one_or_many(main), self._one_or_many(auxiliary)
