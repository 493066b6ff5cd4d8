"""Shared by the classifiers that train one network: outputs that are probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import type_of_target

from skmlp._checkpoints.learned import all_or_nothing
from skmlp._data.encoded import EncodedData
from skmlp._estimators.base import BaseNetwork
from skmlp._parameters.other_names import explains_names
from skmlp._sklearn import fit_context, is_first_call
from skmlp._targets.class_targets import ClassTargets
from skmlp._targets.target_types import MULTILABEL

if TYPE_CHECKING:
    from typing_extensions import Self

# Outside the class: inside, type checkers would take an annotated name for a parameter.
LEARNED: tuple[str, ...] = (
    "n_features_in_",
    "feature_names_in_",
    "classes_",
    "y_type_",
    "n_outputs_",
    "sparse_output_",
)


class NetworkClassifier(ClassifierMixin, ClassTargets, BaseNetwork):
    """The meaning of targets and outputs; subclasses describe the network."""

    _learned_from_data = LEARNED
    _y_is_numeric = False

    @explains_names
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> Self:
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
            self._check_classes(classes)
            if is_first_call(self, classes):
                # A user's network may depend on the number of features.
                self._encode_pairs(X, y, reset=True, is_validation=False)
                self.sparse_output_ = issparse(y)
                self._set_target_type(type_of_target(y) == MULTILABEL)
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
        predictions = self._predictions(X)
        return self._target_type.labels(predictions)

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
        return self._decisions(raw)

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
        predictions = self._predictions(X)
        return self._target_type.probabilities(predictions)

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
        return self._target_type.log_probabilities(raw)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _check_classes(self, classes: Any) -> None:
        """Refuse an argument `classes` of another form than the estimator takes."""
        if classes is not None and not np.size(classes):
            raise ValueError(
                "'classes' must name the classes of y; got none; list all of them."
            )

    def _decisions(self, raw: np.ndarray) -> np.ndarray:
        """The decision function of raw outputs."""
        return self._target_type.decisions(raw)

    # Hooks of the base class

    def _encode(
        self, X: Any, y: Any, sample_weight: Any, *, reset_target: bool, **others: bool
    ) -> EncodedData:
        if reset_target:
            self.sparse_output_ = issparse(y)
        return super()._encode(X, y, sample_weight, reset_target=reset_target, **others)

    def _score_predictions(self, data: EncodedData, predictions: np.ndarray) -> float:
        """Accuracy; for several labels, the share of rows with all labels right."""
        # accuracy_score checks labels, which takes longer than an epoch of a few rows.
        is_right = self._target_type.are_right(predictions, data.y)
        return float(np.average(is_right, weights=data.weight))
