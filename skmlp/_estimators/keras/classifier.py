"""`KerasClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import logit

from skmlp._data.encoded import EncodedData
from skmlp._estimators.keras.base import BaseKeras
from skmlp._estimators.keras.class_heads import SeveralOutputs
from skmlp._estimators.keras.inputs import LEARNED
from skmlp._estimators.network_jobs import Plan
from skmlp._network.keras_network import KerasSpec
from skmlp._network.spec import NetworkSpec
from skmlp._parameters.keras_network import KerasParameters, UserModel, takes_arguments
from skmlp._parameters.outputs import ClassifierParameters, ClassWeightParameter
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.reuse import ReuseParameters
from skmlp._parameters.texts import with_shared_parts
from skmlp._parameters.training import TrainingParameters
from skmlp._targets.target_types import (
    BINARY,
    MULTICLASS,
    MULTILABEL,
    OneHotLabels,
    TargetType,
)


@with_shared_parts
@takes_arguments
@with_parameters
class KerasClassifier(
    SeveralOutputs,
    BaseKeras,
    KerasParameters,
    TrainingParameters,
    ReuseParameters,
    ClassWeightParameter,
    ClassifierParameters,
    UserModel,
):
    """A Keras network of your own for two classes, many classes, or several labels at once.

    For two classes the network has one output, the probability of the second, or two; for
    more classes, or several labels, one for each. Outputs are probabilities, or raw where the
    loss says `from_logits=True`.

    A network of several outputs takes y with a column of labels for each, or a list of such
    columns. Then `classes_` is a list of arrays, `predict` returns a column for each output,
    and `predict_proba` a list of arrays; `y_type_` is "multiclass-multioutput". Columns that
    hold nothing but 0 and 1 are several labels at once, as for one output.

    {keras}

    {parameters}
    **arguments : dict
        Arguments of the function `model`, which are parameters of the estimator.

    Attributes
    ----------
    {classifier_attributes}
    {keras_attributes}
    {attributes}
    {reused_attribute}

    See Also
    --------
    MLPClassifier : Multilayer perceptron, described by parameters.

    {notes}

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import KerasClassifier
    >>> def build(meta, n_neurons=30):
    ...     return keras.Sequential(
    ...         [
    ...             keras.Input((meta["n_features_in_"],)),
    ...             keras.layers.Dense(n_neurons, activation="relu"),
    ...             keras.layers.Dense(meta["n_classes_"], activation="softmax"),
    ...         ]
    ...     )
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = KerasClassifier(build, learning_rate=0.01, epochs=50, random_state=0)
    >>> classifier = classifier.fit(X, y)
    >>> bool(classifier.score(X, y) > 0.9)
    True
    """

    _learned_from_data = (*SeveralOutputs._learned_from_data, *LEARNED)
    _learned_privately = (*BaseKeras._learned_privately, "_is_one_hot", "_heads")
    _default_loss = "log_loss"
    _is_one_hot = False  # whether several labels share a softmax

    @property
    def _target_type(self) -> TargetType:
        if self._is_one_hot and self.y_type_ == MULTILABEL:
            return OneHotLabels(self.n_outputs_, self.sparse_output_)
        return super()._target_type

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or of the shape given to `fit`
            Rows.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, n_classes)
            Natural logarithms of the probabilities that `predict_proba` returns.
        """
        activation = self._state_or_raise().spec.output_activation
        # `activation` is asked for before the network is known, and so whether it is one-hot.
        of_target = "softmax" if self._is_one_hot else self._target_type.activation
        if activation == of_target or self._has_columns_of_classes():
            return super().predict_log_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _decisions(self, raw: np.ndarray) -> np.ndarray:
        if self._state.spec.output_activation == "linear":  # the outputs are probabilities
            with np.errstate(divide="ignore"):
                raw = np.log(raw) if self.y_type_ == MULTICLASS else logit(raw)
        return super()._decisions(raw)

    def _set_target_type(self, is_multilabel: bool) -> None:
        super()._set_target_type(is_multilabel)
        if self.y_type_ == BINARY and len(self.classes_) == 2:
            from skmlp._network.keras_text import output_widths

            if sum(output_widths(self._built()[1])) == 2:
                self.y_type_, self.n_outputs_ = MULTICLASS, 2

    def _remark_single_class(self) -> None:
        from skmlp._network.keras_conversion import output_activation
        from skmlp._network.keras_text import output_widths

        _, model = self._built()
        if sum(output_widths(model)) > 1 or output_activation(model) == "softmax":
            raise ValueError(
                "'y' must hold two classes or more for a network with one output per class; "
                f"got one, {self.classes_.tolist()[0]!r}; add rows of another class."
            )
        super()._remark_single_class()

    def _plan(self, data: EncodedData | None = None, seed: int = 0) -> Plan:
        plan = super()._plan(data, seed)
        spec, loss = plan.spec, plan.settings["loss"]
        assert isinstance(spec, KerasSpec)
        if self._has_columns_of_classes():
            from skmlp._keras.losses import link_of_logits

            losses = [one.on_predictions for one in loss.losses]
            self._heads = tuple(
                head._replace(activation=link_of_logits(loss) or "linear")
                for head, loss in zip(spec.heads, losses, strict=True)
            )
            self.n_outputs_ = spec.n_outputs
        self._is_one_hot = self.y_type_ == MULTILABEL and spec.output_activation == "softmax"
        loss = self._resolved_loss(loss, spec)
        return plan._replace(settings=plan.settings | {"loss": loss})

    def _resolved_loss(self, loss: Any, spec: NetworkSpec) -> Any:
        """Names of cross-entropies go by the last activation; if that is hidden, by y."""
        from skmlp._keras.losses import CROSS_ENTROPIES, loss_of_output

        is_named = isinstance(loss, str) and loss in CROSS_ENTROPIES
        if not is_named or spec.output_activation != "linear" or self._has_columns_of_classes():
            return loss
        name = "binary_crossentropy" if self.y_type_ == MULTILABEL else loss
        return loss_of_output(name, spec.n_outputs, self._has_class_indices())

    def _meta(self) -> dict[str, Any]:
        classes, n_outputs = self.classes_, 1
        if self.y_type_ == MULTILABEL or self._has_columns_of_classes():
            n_outputs = len(classes)
        return {
            "classes_": classes,
            "n_classes_": list(map(len, classes))
            if self._has_columns_of_classes()
            else len(classes),
            "n_outputs_": n_outputs,
            "n_outputs_expected_": n_outputs,
            "target_type_": self.y_type_,
        }

    def _check_activation(self, activation: str | None, loss: Any) -> None:
        from skmlp._keras.losses import link_of_logits

        if activation == "linear" and link_of_logits(loss) is None:
            raise ValueError(
                "'model' must end in probabilities, unless the loss is an object of "
                "from_logits=True; got a last layer without activation; set it to 'softmax', "
                "or 'sigmoid' for a single unit; hinge losses are not taken."
            )

    def _check_outputs(self, spec: KerasSpec) -> None:
        if self._has_columns_of_classes():
            n_classes = list(map(len, self.classes_))
            widths = [head.width for head in spec.heads] or [spec.n_outputs]
            fits = len(widths) == len(n_classes) and all(
                width in (n, n - (n == 2)) for width, n in zip(widths, n_classes, strict=True)
            )
            if not fits:
                raise ValueError(
                    "'model' must have an output for each column of 'y', of as many units as "
                    f"it has classes, {n_classes}, or one unit for two; got {widths} units."
                )
        elif spec.n_outputs != self.n_outputs_:
            raise ValueError(
                f"'model' must have {self.n_outputs_} outputs for {len(self.classes_)} "
                f"{'labels' if self.y_type_ == MULTILABEL else 'classes'}; got "
                f"{spec.n_outputs}; set the units of its last layer."
            )
