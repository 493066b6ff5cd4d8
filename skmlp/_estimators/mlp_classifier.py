"""`MLPClassifier`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, issparse
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from skmlp._checkpoints.learned import all_or_nothing
from skmlp._data.encoded import EncodedData
from skmlp._estimators.base import BaseMLP
from skmlp._parameters.architecture import ArchitectureParameters
from skmlp._parameters.other_names import explains_names
from skmlp._parameters.outputs import ClassifierParameters
from skmlp._parameters.parameter import with_parameters
from skmlp._parameters.texts import with_shared_parts
from skmlp._parameters.training import TrainingParameters
from skmlp._sklearn import fit_context, is_first_call

MULTILABEL = "multilabel-indicator"
# Outside the class: inside, type checkers would take an annotated name for a parameter.
LEARNED: tuple[str, ...] = (
    "n_features_in_",
    "feature_names_in_",
    "classes_",
    "y_type_",
    "n_outputs_",
    "sparse_output_",
)


@with_shared_parts
@with_parameters
class MLPClassifier(
    ClassifierMixin, BaseMLP, TrainingParameters, ClassifierParameters, ArchitectureParameters
):
    """Multilayer perceptron for two classes, many classes, or several labels at once.

    Two classes share one logistic output; more classes get one softmax output each; the
    columns of an indicator matrix get one logistic output each.

    {objective}

    {parameters}

    Attributes
    ----------
    {classifier_attributes}
    {attributes}

    See Also
    --------
    MLPRegressor : Multilayer perceptron for numeric targets.
    sklearn.neural_network.MLPClassifier : scikit-learn's, without dropout or a GPU.

    {notes}

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmlp import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((20,), learning_rate=0.01, random_state=0)
    >>> scores = cross_val_score(make_pipeline(StandardScaler(), classifier), X, y)
    >>> bool(scores.mean() > 0.9)
    True
    """

    _learned_from_data = LEARNED
    _y_is_numeric = False

    @explains_names
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Train one epoch on the given rows, resuming from the weights learned so far.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels, or an indicator matrix.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative.
        classes : array-like of shape (n_classes,), default=None
            All classes that any call will see, or the column numbers of an indicator matrix;
            required in the first call.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with all_or_nothing(self):
            if self.class_weight == "balanced":
                raise ValueError(
                    "'class_weight' must not be 'balanced' for partial_fit, which sees part "
                    "of the rows; got 'balanced'; give the weights as a dict."
                )
            if is_first_call(self, classes):
                self._set_target_type(type_of_target(y).startswith("multilabel"))
                self.sparse_output_ = issparse(y)
            return self._partial_fit(X, y, sample_weight, reset_target=False)

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : {ndarray, csr_matrix} of shape (n_samples,) or (n_samples, n_labels)
            Labels, or an indicator matrix if the training targets were one, sparse if they
            were sparse.
        """
        index = self._label_index(self._predictions(X))
        if self.y_type_ != MULTILABEL:
            return self.classes_[index]
        return csr_matrix(index) if self.sparse_output_ else index

    def decision_function(self, X: Any) -> np.ndarray:
        """Raw outputs of the network: log-odds, where the loss is a cross-entropy.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes, a number above 0 where the second class is predicted; for more
            classes, a number per class, the highest of which is predicted; for several labels,
            a number per label, above 0 where the label is predicted.
        """
        raw = self._raw_outputs(X)
        return raw[:, 0] if self.y_type_ == "binary" else raw

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Probability of each class, in the order of `classes_`, or of each label if there
            are several. Float32 if X is float32, otherwise float64.
        """
        return self._of_all_classes(self._predictions(X))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict logarithms of probabilities, exact even where a probability is nearly 0 or 1.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, n_classes)
            Natural logarithms of the probabilities that `predict_proba` returns.
        """
        raw = self._raw_outputs(X)
        if self.y_type_ == "multiclass":
            return log_softmax(raw, axis=1)
        if self._is_single_class():
            return np.zeros_like(raw)
        return log_expit(np.hstack([-raw, raw]) if self.y_type_ == "binary" else raw)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    # Hooks of the base class

    def _encode(
        self, X: Any, y: Any, sample_weight: Any, *, reset_target: bool, **others: bool
    ) -> EncodedData:
        if reset_target:
            self.sparse_output_ = issparse(y)
        return super()._encode(X, y, sample_weight, reset_target=reset_target, **others)

    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        check_classification_targets(y)
        is_multilabel = type_of_target(y) == MULTILABEL
        if not is_multilabel:
            y = column_or_1d(y, warn=True)
        if reset:
            self.classes_ = np.arange(y.shape[1]) if is_multilabel else np.unique(y)
            self._set_target_type(is_multilabel)
        if is_multilabel != (self.y_type_ == MULTILABEL):
            raise ValueError(
                "'y' must be labels or an indicator matrix as in the first call to fit, "
                f"{self.y_type_}; got {type_of_target(y)}."
            )
        return self._encode_indicators(y) if is_multilabel else self._encode_labels(y)

    def _encode_indicators(self, y: np.ndarray) -> np.ndarray:
        if y.shape[1] != self.n_outputs_:
            raise ValueError(
                f"'y' must have as many columns as there are labels, {self.n_outputs_}; got "
                f"{y.shape[1]}."
            )
        return y.astype(np.float32)

    def _encode_labels(self, y: np.ndarray) -> np.ndarray:
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(
                f"'y' must hold the known classes only, {self.classes_.tolist()}; got "
                f"{unknown.tolist()} too; fit on rows of all classes, or name them in the "
                "first call to partial_fit."
            )
        index = np.searchsorted(self.classes_, y).astype(np.int32)
        return index[:, None].astype(np.float32) if self.y_type_ == "binary" else index

    def _set_target_type(self, is_multilabel: bool) -> None:
        """Set `y_type_` and `n_outputs_` from `classes_`."""
        n_classes = len(self.classes_)
        if n_classes == 1 and not is_multilabel:
            warnings.warn(
                f"'y' holds a single class, {self.classes_.tolist()[0]!r}, which "
                f"{type(self).__name__} will always predict.",
                UserWarning,
                stacklevel=8,
            )
        is_binary = n_classes <= 2 and not is_multilabel
        self.y_type_ = MULTILABEL if is_multilabel else "binary" if is_binary else "multiclass"
        self.n_outputs_ = 1 if is_binary else n_classes

    def _decode_target(self, target: np.ndarray) -> np.ndarray:
        if self.y_type_ == MULTILABEL:
            return target.astype(int)
        return self.classes_[target.reshape(len(target)).astype(int)]

    def _row_weight(self, weight: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.class_weight is None:
            return weight
        return weight * compute_sample_weight(self.class_weight, y)

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        return None if self.y_type_ == MULTILABEL else self._decode_target(target)

    def _output_layer(self) -> tuple[int, str]:
        return self.n_outputs_, "softmax" if self.y_type_ == "multiclass" else "sigmoid"

    def _has_class_indices(self) -> bool:
        return self.y_type_ == "multiclass"

    def _score_predictions(self, data: EncodedData, predictions: np.ndarray) -> float:
        """Accuracy; for several labels, the share of rows with all labels right."""
        truth = data.y[:, 0] if self.y_type_ == "binary" else data.y
        index = self._label_index(predictions)
        return accuracy_score(truth, index, sample_weight=data.weight)

    def _of_all_classes(self, probability: np.ndarray) -> np.ndarray:
        if self._is_single_class():
            return np.ones_like(probability)
        if self.y_type_ == "binary":
            return np.hstack([1 - probability, probability])
        return probability

    def _is_single_class(self) -> bool:
        return len(self.classes_) == 1 and self.y_type_ != MULTILABEL

    def _label_index(self, predictions: np.ndarray) -> np.ndarray:
        """Positions in `classes_`, (n_samples,), or indicators, (n_samples, n_labels)."""
        if self.y_type_ == "multiclass":
            return predictions.argmax(axis=1)
        if self._is_single_class():
            return np.zeros(len(predictions), dtype=int)
        above = (predictions > 0.5).astype(int)
        return above[:, 0] if self.y_type_ == "binary" else above
