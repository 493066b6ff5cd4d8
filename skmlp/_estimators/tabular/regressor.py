"""`TabularRegressor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skmlp._data.arrays import output_dtype
from skmlp._data.encoded import EncodedData
from skmlp._estimators.tabular.base import BaseTabular
from skmlp._estimators.tabular.calibration import (
    median_weights,
    noise_variance,
    quantile_shifts,
)
from skmlp._estimators.tabular.ensembles import HOLDING_OUT, WITH_JUDGES, Ensembles
from skmlp._estimators.tabular.held_out import HeldOut, errors_of
from skmlp._network.spec import TargetScaling
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.rules import increasing_quantiles
from skmlp._parameters.tabular import QuantileParameters, TabularParameters
from skmlp._targets.scaling import of_numbers, scaled, standard_scaling
from skmlp._targets.targets import NumericTargets


def _predicts_quantiles(regressor: TabularRegressor) -> bool:
    """Whether it was fitted, or before that will be, with the loss "quantile"."""
    if hasattr(regressor, "_quantiles"):
        has_quantiles = regressor._quantiles is not None
    else:
        has_quantiles = regressor.loss == "quantile"
    if not has_quantiles:
        raise AttributeError(
            "'loss' must be 'quantile' for predict_quantiles; got a fit or a parameter with "
            "another loss; set it and call fit."
        )
    return True


@with_parameters
class TabularRegressor(
    RegressorMixin,
    MultiOutputMixin,
    NumericTargets,
    BaseTabular,
    QuantileParameters,
    TabularParameters,
):
    """Ensemble of networks for numeric targets of any table, with nothing to prepare or tune.

    Each network is RealMLP (Holzmüller et al. 2024, https://arxiv.org/abs/2407.04491) with a
    piecewise linear encoding (Gorishniy et al. 2022, https://arxiv.org/abs/2203.05556) beside
    its periodic embeddings of numeric columns. All are trained at once, on all rows, and their
    predictions are averaged. Further networks, the judges, hold out some of the rows: all keep
    the epoch at which the mean of the judges predicts these rows best, and the judges are then
    dropped. With `loss="quantile"` the networks themselves hold out rows, by which their
    quantiles are calibrated. Given validation rows, none are held out and there are no judges.

    {parameters}

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, if X is a DataFrame whose names are all strings.
    n_outputs_ : int
        Number of targets.
    noise_std_ : ndarray of shape (n_outputs,), or None
        Standard deviation of each target that is not explained by the differences between the
        networks, learned from held-out rows; see `predict`. None with `loss="quantile"`, and
        if no rows were held out or every network that held out rows diverged.
    quantile_shifts_ : ndarray of shape (n_outputs, n_quantiles), or None
        Terms added to the quantiles, so that the right share of the targets of held-out rows
        is at or below each, where each row is predicted by the networks that held it out:
        conformalized quantile regression (Romano et al. 2019,
        https://arxiv.org/abs/1905.03222), each quantile by itself. None with
        `loss="squared_error"`.
    history_ : dict of str to list of float
        "loss", "val_loss" and "learning_rate" of each epoch, averaged over the networks;
        targets are standardised. "val_loss" is that of the judges, if there are any, averaged.
    histories_ : list of dict of str to list of float
        The same for each network; with judges, all have the judges' mean "val_loss".
    n_iter_ : int
        Number of epochs that all networks have trained.
    stop_reasons_ : list of str
        Why the training of each network ended.

    See Also
    --------
    TabularClassifier : The same for classes.
    MLPRegressor : One network, all of whose parts are parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skmlp import TabularRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"size": rng.uniform(size=200), "place": rng.choice(["a", "b"], 200)})
    >>> y = X["size"] ** 2 + (X["place"] == "a")
    >>> regressor = TabularRegressor(2, epochs=8, random_state=0).fit(X, y)
    >>> bool(regressor.score(X, y) > 0.9)
    True
    """

    _range: tuple[np.ndarray, np.ndarray]  # of y, lowest and highest of each target
    _scaling: TargetScaling
    _activation = "mish"
    _learning_rate = 0.2
    _joint_tolerance = 0.0  # a few large errors make the standard error too large to be of use
    _scales_of_few_columns = (1.0, 4.0, 8.0, 16.0)
    _scales_of_many_columns = (0.25, 0.5, 1.0, 2.0)

    def _target_array(self, y: Any) -> np.ndarray:
        with of_numbers():
            return check_array(
                y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self
            )

    def predict(
        self, X: Any, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict targets: the mean of the networks, inside the range of y in `fit`.

        With `loss="quantile"` it is the median instead: the quantile 0.5, interpolated
        linearly between its neighbours if it is not among `quantiles`, or the nearest one
        outside of them.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.
        return_std : bool, default=False
            Whether to return standard deviations too.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted targets, float32 if X is a float32 array, otherwise float64.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviations of the targets around `y`, in their units; only if `return_std`
            is true.

        Raises
        ------
        ValueError
            If `return_std` is true and `noise_std_` is None.

        Notes
        -----
        The square of `std` is the variance of the networks' predictions for the row plus the
        square of `noise_std_`. That is, for each target, the weighted mean squared error of
        held-out rows, each predicted by the mean of the judges that held it out (for `X_val`,
        of the networks), less the mean variance of their predictions for these rows, and at
        least 0.
        """
        check_is_fitted(self)
        noise_std = self._noise_std_or_raise() if return_std else None
        if self._quantiles is not None:
            median = self._calibrated_quantiles(X) @ median_weights(self._quantiles)
            return self._within_range(median, X)
        predicted = self._predictions(X)
        mean = self._within_range(predicted.mean(axis=0), X)
        if noise_std is None:
            return mean
        return mean, self._one_or_many(np.sqrt(predicted.var(axis=0) + noise_std**2), X)

    @available_if(_predicts_quantiles)
    def predict_quantiles(self, X: Any) -> np.ndarray:
        """Predict the quantiles of the targets; only with `loss="quantile"`.

        The networks' quantiles are averaged and shifted by `quantile_shifts_`, sorted, so that
        they do not cross (Chernozhukov et al. 2010, https://arxiv.org/abs/0704.3649), and
        clipped to the range of y in `fit`.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples, n_quantiles) or (n_samples, n_outputs, n_quantiles)
            The quantiles in the order of `quantiles`, float32 if X is a float32 array,
            otherwise float64.
        """
        return self._one_or_many(self._calibrated_quantiles(X), X)

    def _calibrated_quantiles(self, X: Any) -> np.ndarray:
        """(n_samples, n_outputs, n_quantiles) float64."""
        mean, shifts = self._predictions(X).mean(axis=0), self.quantile_shifts_
        assert shifts is not None
        shifted = mean.reshape(-1, *shifts.shape) + shifts
        low, high = self._range
        return np.sort(shifted, axis=-1).clip(low[:, None], high[:, None])

    def _noise_std_or_raise(self) -> np.ndarray:
        if self.noise_std_ is not None:
            return self.noise_std_
        if self._quantiles is not None:
            cause, remedy = "with loss='quantile'", "call predict_quantiles instead"
        else:
            cause = "that learned no noise from held-out rows"
            remedy = (
                "give validation rows to fit, or lower 'learning_rate' if the loss became "
                "infinite"
            )
        raise ValueError(f"'return_std' must be False after a fit {cause}; got True; {remedy}.")

    def _within_range(self, y: np.ndarray, X: Any) -> np.ndarray:
        return self._one_or_many(np.clip(y, *self._range), X)

    def _one_or_many(self, y: np.ndarray, X: Any) -> np.ndarray:
        """Of the dtype that predictions for X have, and without the axis of a single target."""
        y = y.astype(output_dtype(X), copy=False)
        return y[:, 0] if self.n_outputs_ == 1 else y

    # Hooks of the base class

    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        target = self._columns_of(y, reset=reset)
        quantiles = increasing_quantiles(self.quantiles) if self.loss == "quantile" else None
        if reset:
            self._quantiles = quantiles
        elif quantiles != self._quantiles:
            raise ValueError(
                "'loss' and 'quantiles' must be those of the networks that warm_start=True "
                f"keeps; got {self.loss!r} with {self.quantiles}; set warm_start=False."
            )
        return target

    def _scale_targets(
        self, data: EncodedData, validation: EncodedData | None, *, reset: bool
    ) -> tuple[EncodedData, EncodedData | None]:
        low, high = data.y.min(axis=0), data.y.max(axis=0)
        if not reset:
            low, high = np.minimum(low, self._range[0]), np.maximum(high, self._range[1])
        self._range = low, high
        if self._quantiles is not None:
            n = len(self._quantiles)
            data = replace(data, y=data.y.repeat(n, axis=1))
            validation = validation and replace(validation, y=validation.y.repeat(n, axis=1))
        if reset:
            self._scaling = standard_scaling(data)
        scaling = self._scaling
        return scaled(data, scaling), validation and scaled(validation, scaling)

    def _target_scaling(self) -> TargetScaling:
        return self._scaling

    @property
    def _ensembles(self) -> Ensembles:
        # A quantile is shifted by as much as the networks that predict it are wrong.
        return WITH_JUDGES if self._quantiles is None else HOLDING_OUT

    def _output_layer(self) -> tuple[int, str]:
        return self.n_outputs_ * len(self._quantiles or [None]), "linear"

    def _loss(self) -> Any:
        from skmlp._keras.losses import PinballLoss

        return self.loss if self._quantiles is None else PinballLoss(self._quantiles)

    def _keras_model(self) -> Any:
        from skmlp._estimators.tabular.exported import regressor_model

        return regressor_model(self._members, *self._range, self.quantile_shifts_)

    def _joint_losses(self, raw: Mapping[EncodedData, np.ndarray]) -> np.ndarray:
        errors = errors_of(raw)
        if self._quantiles is None:
            return (errors**2).mean(axis=1)
        alphas = np.array(self._quantiles * self.n_outputs_)
        return np.maximum(alphas * errors, (alphas - 1) * errors).mean(axis=1)

    def _calibrate(self, held_out: HeldOut) -> None:
        self.noise_std_ = self.quantile_shifts_ = None
        if self._quantiles is not None:
            self.quantile_shifts_ = self._quantile_shifts(held_out, self._quantiles)
        elif held_out:
            self.noise_std_ = self._noise_std(held_out)

    def _quantile_shifts(self, held_out: HeldOut, quantiles: Sequence[float]) -> np.ndarray:
        shape = self.n_outputs_, len(quantiles)
        if not held_out:
            return np.zeros(shape)
        residuals = errors_of(self._held_out_outputs(held_out)).reshape(-1, *shape)
        weight = np.concatenate([rows.weight for rows in held_out])
        shifts = quantile_shifts(residuals, weight, quantiles)
        return shifts * np.reshape(self._scaling.scale, shape)

    def _noise_std(self, held_out: HeldOut) -> np.ndarray:
        raw = self._held_out_outputs(held_out)
        variances = np.concatenate([of_set.var(axis=0) for of_set in raw.values()])
        weight = np.concatenate([rows.weight for rows in held_out])
        variance = noise_variance(errors_of(raw), variances, weight)
        return np.sqrt(variance) * self._scaling.scale
