"""Shared by the regressors that train one network: targets that are numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.metrics import r2_score

from skmlp._checkpoints.learned import all_or_nothing
from skmlp._data.encoded import EncodedData
from skmlp._estimators.base import BaseNetwork
from skmlp._estimators.fit_warnings import warn_if_worse_than_mean, warn_of_other_units
from skmlp._kinds.activations import canonical
from skmlp._network.spec import TargetScaling
from skmlp._parameters.other_names import explains_names
from skmlp._sklearn import fit_context
from skmlp._targets.scaling import as_float32, as_float64, scaled, standard_scaling
from skmlp._targets.targets import NumericTargets
from skmlp._training.job import Job

if TYPE_CHECKING:
    from typing_extensions import Self

# Outside the class: inside, type checkers would take an annotated name for a parameter.
LEARNED: tuple[str, ...] = (
    "n_features_in_",
    "feature_names_in_",
    "n_outputs_",
    "target_mean_",
    "target_scale_",
)


class NetworkRegressor(RegressorMixin, MultiOutputMixin, NumericTargets, BaseNetwork):
    """The meaning of targets and outputs; subclasses describe the network."""

    _learned_from_data = LEARNED
    _y_is_numeric = True

    @explains_names
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on the given rows, resuming from the weights learned so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with all_or_nothing(self):
            is_new = not self.__sklearn_is_fitted__()
            return self._partial_fit(X, y, sample_weight, reset_target=is_new)

    def predict(self, X: Any) -> np.ndarray:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted targets, float32 if X is float32, otherwise float64.
        """
        return self._one_or_many(self._predictions(X))

    # Hooks of the base class

    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        target = as_float64(self._columns_of(y, reset=reset))
        if not self.normalize_y:
            target = as_float32(target)
        if self.loss == "poisson" and (target < 0).any():
            raise ValueError(
                f"'y' must not be negative for loss='poisson'; got {target.min()}; choose "
                "another loss."
            )
        return target

    def _scale_targets(
        self, data: EncodedData, validation: EncodedData | None, *, reset: bool
    ) -> tuple[EncodedData, EncodedData | None]:
        if validation is not None:
            warn_of_other_units(data.y, validation.y)
        if reset:
            self._learn_scale(data)
        elif self.normalize_y != (self.target_mean_ is not None):
            raise ValueError(
                "'normalize_y' must stay as it was to resume training; got "
                f"{self.normalize_y}; set warm_start=False to start afresh."
            )
        scaling = self._target_scaling()
        if scaling is None:
            return data, validation

        return scaled(data, scaling), validation and scaled(validation, scaling)

    def _learn_scale(self, data: EncodedData) -> None:
        self.target_mean_ = self.target_scale_ = None
        if not self.normalize_y:
            return
        _, activation = self._output_layer()
        if activation != "linear":
            raise ValueError(
                "'normalize_y' must be False where outputs are not linear, since standardised "
                f"targets have no bounds; got True with {activation!r} outputs; set "
                "output_activation='identity' and another loss than 'poisson'."
            )
        scaling = standard_scaling(data)
        self.target_mean_ = np.array(scaling.mean)
        self.target_scale_ = np.array(scaling.scale)

    def _target_scaling(self) -> TargetScaling | None:
        if self.target_mean_ is None or self.target_scale_ is None:
            return None
        mean, scale = self.target_mean_.tolist(), self.target_scale_.tolist()
        return TargetScaling(tuple(mean), tuple(scale))

    def _check_fit(self, job: Job) -> None:
        remedy = ", ".join(self._remedies())
        warn_if_worse_than_mean(type(self).__name__, job.loss, self._state, job.data, remedy)

    def _remedies(self) -> list[str]:
        """For a network that predicts worse than the mean of y."""
        can_scale = not self.normalize_y and self._output_layer()[1] == "linear"
        return ["set normalize_y=True" if can_scale else "change 'learning_rate'", "scale X"]

    def _decode_target(self, target: np.ndarray) -> np.ndarray:
        scaling = self._target_scaling()
        return self._one_or_many(target if scaling is None else scaling.restored(target))

    def _one_or_many(self, y: np.ndarray) -> np.ndarray:
        """(n_samples,) for a single target, otherwise (n_samples, n_outputs)."""
        return y[:, 0] if self.n_outputs_ == 1 else y

    def _output_layer(self) -> tuple[int, str]:
        natural = "exponential" if self.loss == "poisson" else "linear"
        return self.n_outputs_, canonical(self.output_activation or natural)

    def _score_predictions(self, data: EncodedData, predictions: np.ndarray) -> float:
        return r2_score(data.y, predictions, sample_weight=data.weight)
