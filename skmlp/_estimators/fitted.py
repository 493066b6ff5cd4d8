"""What a fitted estimator can do, whatever its targets mean: outputs of all layers."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skmlp._data.arrays import encode_features, output_dtype
from skmlp._keras.text import WAITING, holds_text, to_save, to_show
from skmlp._network.inference import hidden_outputs, predictions, raw_outputs
from skmlp._network.state import FittedState
from skmlp._parameters.parameter import parameters_of
from skmlp._sklearn import is_printing

if TYPE_CHECKING:
    import keras


class FittedNetwork(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Outputs and weights of the network in `_state`, which a subclass trains."""

    _state: FittedState

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether those of estimators among them are given too.

        Returns
        -------
        params : dict
            Values by name. scikit-learn's printers get text in place of Keras objects.
        """
        if not is_printing():
            return super().get_params(deep)
        held = vars(self).get(WAITING, {}) | vars(self)
        names = inspect.signature(type(self)).parameters
        return {name: to_show(held[name]) for name in names if name in held}

    def hidden_output(self, X: Any, layer: int = -1) -> np.ndarray:
        """Activated outputs of a hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        layer : int, default=-1
            Which hidden layer, from 0 for the first; from -1 backwards for the last.

        Returns
        -------
        output : ndarray of shape (n_samples, units of the layer)
            Float32 if X is and else float64; nothing is dropped out.

        Raises
        ------
        ValueError
            If there is no such hidden layer.
        """
        state = self._state_or_raise()
        n_hidden = len(state.spec.hidden_units)
        if not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"'layer' must name one of the {n_hidden} hidden layers, from {-n_hidden} to "
                f"{n_hidden - 1}; got {layer}."
            )
        rows = self._encode_features(X)
        return hidden_outputs(state, rows, output_dtype(X), layer % n_hidden)

    def transform(self, X: Any) -> np.ndarray:
        """Activated outputs of the last hidden layer: features that the network has learned.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        output : ndarray or DataFrame of shape (n_samples, units of the last hidden layer)
            `hidden_output(X)`, in the container that `set_output` asks for.
        """
        return self.hidden_output(X)

    @property
    def _n_features_out(self) -> int:
        return self._state_or_raise().spec.hidden_units[-1]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_state")

    def _encode_features(self, X: Any) -> np.ndarray | sparse.spmatrix:
        """The network's inputs, as float32, for rows to predict."""
        return encode_features(self, X)

    def _raw_outputs(self, X: Any) -> np.ndarray:
        """Outputs of the last layer before its activation, (n_samples, n_outputs)."""
        return raw_outputs(self._state_or_raise(), self._encode_features(X), output_dtype(X))

    def _predictions(self, X: Any) -> np.ndarray:
        """Outputs of the last layer in the user's units, (n_samples, n_outputs)."""
        raw = self._raw_outputs(X)
        return predictions(self._state.spec, raw)

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The i-th kernel has shape (units of layer i, units of layer i + 1)."""
        return self._state_or_raise().kernels

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The i-th bias vector belongs to layer i + 1."""
        return self._state_or_raise().biases

    @property
    def model_(self) -> keras.Model:
        """A Keras model with the fitted weights, compiled, built anew at each access.

        It gives what `predict` of a regressor or `predict_proba` of a classifier gives; of a
        binary classifier, the probability of the second class. `model_.evaluate(X, y)` gives
        the estimator's loss (with `normalize_y` in the units of y) with the penalties `l1` and
        `l2`, but without those of a wide path alone, and Keras's own among `metrics`;
        `model_.fit` trains on from the fitted weights, with a fresh optimizer at the
        estimator's learning rate.

        Targets are numbers for a regressor; 0 and 1, by the order of `classes_`, for two
        classes or several labels; and positions in `classes_` for more classes, or one-hot
        rows where the loss is not a cross-entropy by name without `label_smoothing`. A model
        with an auxiliary output takes them twice, in a list.
        """
        state = self._state_or_raise()
        try:
            from skmlp._estimators.exported import compiled_model  # imports TensorFlow
        except ImportError as error:
            raise AttributeError(
                "'model_' needs TensorFlow, which failed to import."
            ) from error
        return compiled_model(state, self, has_class_indices=self._has_class_indices())

    def _has_class_indices(self) -> bool:
        """Whether targets are positions in `classes_`, as the engine takes them."""
        return False

    def _state_or_raise(self) -> FittedState:
        check_is_fitted(self)
        return self._state

    def __getstate__(self) -> dict[str, Any]:
        """Keras objects leave as text, and a fitted estimator's callbacks stay behind: they
        belong to the process of the fit.
        """
        state = dict(super().__getstate__())
        state = state.pop(WAITING, {}) | state
        for name, parameter in parameters_of(type(self)).items():
            if parameter.takes_keras and name in state:
                state[name] = to_save(state[name])
        return {**state, "callbacks": None} if "_state" in state else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Keras objects are made when somebody asks for them."""
        waiting = {name: value for name, value in state.items() if holds_text(value)}
        here = {name: value for name, value in state.items() if name not in waiting}
        super().__setstate__({**here, WAITING: waiting} if waiting else here)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
