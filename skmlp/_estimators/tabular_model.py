"""Rows of the tabular estimators, checked and encoded, and their `model_`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp._data.sparse_rows import Matrix, dense
from skmlp._data.sparse_tables import MAX_COLUMNS, SparseEncoder
from skmlp._data.table_columns import as_table, frame_of
from skmlp._data.tables import TableEncoder
from skmlp._estimators.fitted import model_needs_tensorflow

if TYPE_CHECKING:
    import keras


class TabularModel(ABC):
    """The Keras model of a fitted ensemble, and the rows that it takes."""

    _encoder: TableEncoder | SparseEncoder

    @abstractmethod
    def _keras_model(self) -> keras.Model:
        """The model with the fitted weights."""

    def encode(self, X: Any) -> np.ndarray:
        """Rows as numbers, the inputs of `model_`.

        Columns of numbers come first, standardised, then indicators of categories and of
        missing values, then the codes of columns with more than 40 categories. After a fit on
        sparse rows of more than 100 columns, those that are mostly zero come before them.

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

    def _encode_features(self, X: Any) -> Matrix:
        """Rows as inputs of the networks."""
        return self._encoder.encode(self._table(X, reset=False))

    def _table(self, X: Any, *, reset: bool) -> Any:
        """A checked frame or array, or CSR rows for a `SparseEncoder`."""
        X = frame_of(X)
        if reset:
            is_sparse = issparse(X) and X.shape[-1] > MAX_COLUMNS
        else:
            is_sparse = isinstance(self._encoder, SparseEncoder)
        if is_sparse or issparse(X):
            X = validate_data(
                self,
                X,
                reset=reset,
                accept_sparse="csr",
                dtype=[np.float64, np.float32] if is_sparse else None,
                ensure_all_finite="allow-nan",
            )
            return csr_array(X) if is_sparse else X.toarray()
        if hasattr(X, "columns"):
            if not X.shape[0]:
                raise ValueError("'X' must have at least one row; got 0 sample(s).")
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)
        return as_table(X)
