"""`KerasRegressor`."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import r2_score

from skmlp._estimators.keras.base import BaseKeras
from skmlp._estimators.keras.inputs import LEARNED, columns_of_outputs
from skmlp._estimators.regressor import NetworkRegressor
from skmlp._network.keras_network import KerasSpec
from skmlp._parameters.keras_network import KerasParameters, UserModel, takes_arguments
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.reuse import ReuseParameters
from skmlp._parameters.texts import with_shared_parts
from skmlp._parameters.training import TrainingParameters


@with_shared_parts
@takes_arguments
@with_parameters
class KerasRegressor(
    NetworkRegressor,
    BaseKeras,
    KerasParameters,
    TrainingParameters,
    ReuseParameters,
    UserModel,
):
    """A Keras network of your own for one or many numeric targets.

    {keras}

    {parameters}
    **arguments : dict
        Arguments of the function `model`, which are parameters of the estimator.

    Attributes
    ----------
    n_outputs_ : int
        Number of targets.
    {keras_attributes}
    {attributes}
    {reused_attribute}

    See Also
    --------
    MLPRegressor : Multilayer perceptron, described by parameters.

    {notes}

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import load_diabetes
    >>> from skmlp import KerasRegressor
    >>> def build(n_neurons=30, learning_rate=0.01):
    ...     model = keras.Sequential(
    ...         [
    ...             keras.Input((10,)),
    ...             keras.layers.Dense(n_neurons, activation="relu"),
    ...             keras.layers.Dense(1),
    ...         ]
    ...     )
    ...     model.compile("adam", "mse")
    ...     return model
    >>> X, y = load_diabetes(return_X_y=True)
    >>> regressor = KerasRegressor(build, n_neurons=20, epochs=20, random_state=0)
    >>> regressor.fit(X, y / 100).predict(X).shape
    (442,)
    >>> regressor.model_.count_params()
    241
    """

    _learned_from_data = (*NetworkRegressor._learned_from_data, *LEARNED)
    _default_loss = "squared_error"
    normalize_y = False

    def _remedies(self) -> list[str]:
        return ["standardise y (TransformedTargetRegressor)", "scale X"]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² of the predictions, its mean over several targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or of the shape given to `fit`
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or list of these
            True targets, as in `fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Coefficient of determination.
        """
        predicted = self.predict(X)
        true = columns_of_outputs(y, len(predicted))
        return r2_score(true, predicted, sample_weight=sample_weight)

    def _output_layer(self) -> tuple[int, str]:
        return self.n_outputs_, "linear"

    def _meta(self) -> dict[str, Any]:
        return {
            "n_outputs_": self.n_outputs_,
            "n_outputs_expected_": self.n_outputs_,
            "target_type_": "continuous" if self.n_outputs_ == 1 else "continuous-multioutput",
        }

    def _check_outputs(self, spec: KerasSpec) -> None:
        if spec.n_outputs != self.n_outputs_:
            raise ValueError(
                f"'model' must have {self.n_outputs_} outputs, one for each column of y; got "
                f"{spec.n_outputs}; set the units of its last layer."
            )
