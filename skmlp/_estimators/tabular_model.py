"""`encode` and `model_` of the tabular estimators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmlp._data.sparse_rows import Matrix, dense
from skmlp._estimators.fitted import model_needs_tensorflow

if TYPE_CHECKING:
    import keras


class TabularModel(ABC):
    """The Keras model of a fitted ensemble, and the rows that it takes."""

    @abstractmethod
    def _encode_features(self, X: Any) -> Matrix:
        """Rows as inputs of the networks."""

    @abstractmethod
    def _keras_model(self) -> keras.Model:
        """The model with the fitted weights."""

    def encode(self, X: Any) -> np.ndarray:
        """Rows as numbers, the inputs of `model_`.

        Columns of numbers come first, standardised, then indicators of categories and of
        missing values, then the codes of columns with more than 40 categories.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        encoded : ndarray of shape (n_samples, n_inputs)
            Float32, without missing values.
        """
        check_is_fitted(self)
        return dense(self._encode_features(X))

    @property
    def model_(self) -> keras.Model:
        """A Keras model of the whole ensemble, built anew at each access.

        It takes `encode(X)`, and predicts in float32 what the estimator does: targets,
        (n_samples, n_outputs), or with `loss="quantile"` what `predict_quantiles` returns;
        probabilities of the classes or labels, or for two classes, of the second class only,
        (n_samples, 1). It is not compiled. A saved model loads once `skmlp.layers` is
        imported.
        """
        check_is_fitted(self)
        with model_needs_tensorflow():
            return self._keras_model()
