"""Outputs and weights of a fitted network, for any kind of target."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skmlp._data.arrays import encode_features, output_dtype
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.shown import NetworkTraining, ShownNetwork
from skmlp._estimators.versioned import VersionedEstimator
from skmlp._keras.text import WAITING, holds_text, to_save, to_show
from skmlp._network.inference import hidden_outputs, predictions, raw_outputs
from skmlp._parameters.parameter import parameters_of
from skmlp._sklearn import is_printing

if TYPE_CHECKING:
    import keras


@contextmanager
def model_needs_tensorflow() -> Iterator[None]:
    """Without TensorFlow, there is no attribute `model_`."""
    try:
        yield
    except ImportError as error:
        raise AttributeError(
            f"'model_' must be read where TensorFlow can be imported; got {error}; install "
            "tensorflow."
        ) from error


@lru_cache(maxsize=64)
def names_of_parameters(cls: type[BaseEstimator]) -> tuple[str, ...]:
    """Names of the constructor's parameters, sorted.

    scikit-learn reads the signature in each call, which takes a search as long as a tenth of
    the rest of a small fit.
    """
    unfitted = object.__new__(cls)
    unfitted.__dict__.update(dict.fromkeys(inspect.signature(cls.__init__).parameters))
    return tuple(BaseEstimator.get_params(unfitted, deep=False))


class NetworkEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ShownNetwork, VersionedEstimator
):
    """Outputs and weights of the network in `_state`, which a subclass trains."""

    _state: FittedNetwork
    history_: dict[str, list[float]]
    stop_reason_: str

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Has no effect: an estimator in `pretrained` is one value, which is never changed.

        Returns
        -------
        params : dict
            Values by name; scikit-learn's printers get Keras objects as text.
        """
        if not is_printing():
            return {name: getattr(self, name) for name in names_of_parameters(type(self))}
        stored = vars(self).get(WAITING, {}) | vars(self)
        names = inspect.signature(type(self)).parameters
        return {name: to_show(stored[name]) for name in names if name in stored}

    def hidden_output(self, X: Any, layer: int = -1) -> np.ndarray:
        """Activated outputs of a hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.
        layer : int, default=-1
            Number of the hidden layer, from 0; negative numbers count from the last layer.

        Returns
        -------
        output : ndarray of shape (n_samples, units of the layer)
            Float32 if X is float32, otherwise float64; without dropout.

        Raises
        ------
        ValueError
            If there is no such hidden layer.
        """
        state = self._state_or_raise()
        n_hidden = len(state.spec.hidden_units)
        if not n_hidden:
            raise ValueError(
                f"'layer' must name a hidden layer; got {layer} for a network without dense "
                "hidden layers; use the layers of model_."
            )
        if not isinstance(layer, Integral) or not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"'layer' must be the number of one of the {n_hidden} hidden layers, from "
                f"{-n_hidden} to {n_hidden - 1}; got {layer!r}."
            )
        rows = self._encode_features(X)
        return hidden_outputs(
            state.spec, state.weights, rows, output_dtype(X), layer % n_hidden
        )

    def transform(self, X: Any) -> np.ndarray:
        """Activated outputs of the last hidden layer: features that the network has learned.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        output : ndarray or DataFrame of shape (n_samples, units of the last hidden layer)
            `hidden_output(X)`, in the container chosen by `set_output`.
        """
        return self.hidden_output(X)

    @property
    def _n_features_out(self) -> int:
        units = self._state_or_raise().spec.hidden_units
        return units[-1] if units else 0

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_state")

    def _encode_features(self, X: Any) -> np.ndarray | sparse.spmatrix:
        """The network's inputs, as float32, for rows to predict."""
        return encode_features(self, X)

    def _raw_outputs(self, X: Any) -> np.ndarray:
        """Outputs of the last layer before its activation, (n_samples, n_outputs)."""
        state, rows = self._state_or_raise(), self._encode_features(X)
        return raw_outputs(state.spec, state.weights, rows, output_dtype(X))

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

        It predicts as `predict` of a regressor or `predict_proba` of a classifier; for two
        classes, the probability of the second class only. `model_.evaluate(X, y)` measures
        the estimator's loss (with `normalize_y`, in the units of y) and the Keras metrics
        among `metrics`; the loss includes the penalties `l1` and `l2`, but not `wide_l1` and
        `wide_l2`. `model_.fit` resumes training from the fitted weights, with a new optimizer
        at the estimator's learning rate.

        Targets of a regressor are numbers; of two classes or several labels, 0 and 1, in the
        order of `classes_`; of more classes, positions in `classes_` if the loss is a
        cross-entropy by name without `label_smoothing`, otherwise one-hot rows. A model with
        an auxiliary output takes a list that holds the targets twice.
        """
        state = self._state_or_raise()
        with model_needs_tensorflow():
            from skmlp._estimators.exported import compiled_model
        return compiled_model(state, self, has_class_indices=self._has_class_indices())

    def _trainings(self) -> list[NetworkTraining]:
        return [(self._state, self.history_, self.stop_reason_)]

    def _has_class_indices(self) -> bool:
        """Whether the engine's targets are positions in `classes_`."""
        return False

    def _state_or_raise(self) -> FittedNetwork:
        check_is_fitted(self)
        return self._state

    def __getstate__(self) -> dict[str, Any]:
        """Save Keras objects as text, and a fitted estimator without its callbacks, which
        belong to the process of the fit.
        """
        state = dict(super().__getstate__())
        state = state.pop(WAITING, {}) | state
        for name, parameter in parameters_of(type(self)).items():
            if parameter.takes_keras and name in state:
                state[name] = to_save(state[name])
        return {**state, "callbacks": None} if "_state" in state else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load Keras objects as text, until they are used."""
        waiting = {name: value for name, value in state.items() if holds_text(value)}
        here = {name: value for name, value in state.items() if name not in waiting}
        super().__setstate__({**here, WAITING: waiting} if waiting else here)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
