"""`TabularRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import column_or_1d

from skmlp._data.arrays import output_dtype
from skmlp._data.encoded import EncodedData
from skmlp._estimators.mlp_regressor import scaled, standard_scaling
from skmlp._estimators.tabular import BaseTabular
from skmlp._network.spec import TargetScaling
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.tabular import TabularParameters


@with_parameters
class TabularRegressor(RegressorMixin, MultiOutputMixin, BaseTabular, TabularParameters):
    """Ensemble of networks for numeric targets of any table, with nothing to prepare or tune.

    Each network is RealMLP (Holzmüller et al. 2024, https://arxiv.org/abs/2407.04491) with a
    piecewise linear encoding (Gorishniy et al. 2022, https://arxiv.org/abs/2203.05556) beside
    its periodic embeddings of numeric columns. All are trained at once, each keeps its best
    epoch on the rows that it holds out, and their predictions are averaged.

    {parameters}

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X is a DataFrame whose names are all strings.
    n_outputs_ : int
        Number of targets.
    history_ : dict of str to list of float
        "loss", "val_loss" and "learning_rate" of each epoch, averaged over the networks;
        targets are standardised.
    n_iter_ : int
        Number of epochs that all networks have trained.

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
    _y_dtype = np.float64
    _activation = "mish"
    _learning_rate = 0.2
    _loss = "squared_error"

    def predict(self, X: Any) -> np.ndarray:
        """Predict targets: the mean of the networks, inside the range of y in `fit`.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predicted targets, float32 if X is a float32 array, otherwise float64.
        """
        mean = self._predictions(X).mean(axis=0, dtype=np.float64)
        within = np.clip(mean, *self._range).astype(output_dtype(X), copy=False)
        return within[:, 0] if self.n_outputs_ == 1 else within

    # Hooks of the base class

    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        target = y.reshape(len(y), -1)
        if reset:
            self.n_outputs_ = target.shape[1]
        elif target.shape[1] != self.n_outputs_:
            raise ValueError(
                f"'y' must have as many columns as in fit, {self.n_outputs_}; got "
                f"{target.shape[1]}."
            )
        return target

    def _scale_targets(
        self, data: EncodedData, validation: EncodedData | None, *, reset: bool
    ) -> tuple[EncodedData, EncodedData | None]:
        low, high = data.y.min(axis=0), data.y.max(axis=0)
        if reset:
            self._scaling = standard_scaling(data)
        else:
            low, high = np.minimum(low, self._range[0]), np.maximum(high, self._range[1])
        self._range, scaling = (low, high), self._scaling
        return scaled(data, scaling), validation and scaled(validation, scaling)

    def _target_scaling(self) -> TargetScaling:
        return self._scaling

    def _row_weight(self, weight: np.ndarray, y: np.ndarray) -> np.ndarray:
        return weight

    def _strata(self, target: np.ndarray) -> None:
        return None

    def _output_layer(self) -> tuple[int, str]:
        return self.n_outputs_, "linear"
