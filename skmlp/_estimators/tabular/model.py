"""Rows of the tabular estimators, checked and encoded; outputs for them, and `model_`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_rows import Matrix, dense
from skmlp._data.sparse_tables import MAX_COLUMNS, SparseEncoder
from skmlp._data.table_columns import as_table, frame_of
from skmlp._data.tables import TableEncoder
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.fitted import model_needs_tensorflow
from skmlp._estimators.tabular.held_out import HeldOut
from skmlp._network.inference import predictions, raw_outputs
from skmlp._network.parallel import in_threads

MIN_ROWS_IN_THREADS = 512

if TYPE_CHECKING:
    import keras


class TabularModel(ABC):
    """The Keras model of a fitted ensemble, the rows that it takes, and outputs for them."""

    _encoder: TableEncoder | SparseEncoder
    _members: tuple[FittedNetwork, ...]

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

    def _raw_outputs(self, members: Sequence[FittedNetwork], rows: Matrix) -> np.ndarray:
        """Raw outputs of networks for encoded rows, (n_members, n_samples, n_units).

        They are float64, since targets may be far from 0.
        """

        def of_member(member: FittedNetwork) -> np.ndarray:
            return raw_outputs(member.spec, member.weights, rows, np.float32)

        apply = in_threads if rows.shape[0] >= MIN_ROWS_IN_THREADS else map
        return np.array(list(apply(of_member, members)), dtype=np.float64)

    def _held_out_outputs(self, held_out: HeldOut) -> dict[EncodedData, np.ndarray]:
        """For each set of rows the raw outputs of the networks that held it out."""
        return {
            rows: self._raw_outputs(networks, rows.X) for rows, networks in held_out.items()
        }

    def _predictions(self, X: Any) -> np.ndarray:
        """Predictions of each network, (n_networks, n_samples, n_units) float64."""
        check_is_fitted(self, "_members")
        return self._activated(self._raw_outputs(self._members, self._encode_features(X)))

    def _activated(self, raw: np.ndarray) -> np.ndarray:
        """Predictions of networks from their raw outputs, which may be overwritten."""
        return predictions(self._members[0].spec, raw)
