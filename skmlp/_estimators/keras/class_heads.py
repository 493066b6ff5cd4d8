"""Classes of a network of several outputs: y has a column for each, with classes of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from skmlp._data.arrays import encode_weight
from skmlp._estimators.classifier import NetworkClassifier
from skmlp._estimators.keras.inputs import columns_of_outputs
from skmlp._network.keras_entries import Head
from skmlp._targets.target_types import (
    SEVERAL,
    ColumnsOfClasses,
    TargetType,
    has_columns_of_classes,
    typed_columns,
)


class SeveralOutputs(NetworkClassifier):
    """Targets of any classifier, and also several columns with classes of their own."""

    _heads: tuple[Head, ...] = ()  # of the network; none until it is built

    @property
    def _target_type(self) -> TargetType:
        if self._has_columns_of_classes():
            return ColumnsOfClasses(self.classes_, self._heads)
        return super()._target_type

    def _has_columns_of_classes(self) -> bool:
        return getattr(self, "y_type_", None) == SEVERAL

    def decision_function(self, X: Any) -> np.ndarray:
        """Raw outputs of the network: log-odds, where the loss is a cross-entropy.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or of the shape given to `fit`
            Rows.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes, a number above 0 where the second class is predicted; for more
            classes, a number per class, the highest of which is predicted; for several labels,
            a number per label, above 0 where the label is predicted.
        """
        if self._has_columns_of_classes():
            raise ValueError(
                "'decision_function' must be called for a single output; got a network of "
                f"{len(self._heads)} outputs; call predict_proba."
            )
        return super().decision_function(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of the predictions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or of the shape given to `fit`
            Rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Share of rows whose labels are all right.
        """
        if self._has_columns_of_classes():
            predicted = self.predict(X)
            true = np.asarray(columns_of_outputs(y, len(predicted)))
            if true.shape != predicted.shape:
                raise ValueError(
                    f"'y' must have the shape {predicted.shape}, a column for each output; got "
                    f"{true.shape}; give the labels of all outputs."
                )
            is_right = (predicted == true).all(axis=1)
            return float(np.average(is_right, weights=encode_weight(sample_weight, is_right)))
        return super().score(X, y, sample_weight)

    # Hooks of the base class

    def _check_classes(self, classes: Any) -> None:
        if classes is not None and any(np.ndim(one) for one in classes):
            raise ValueError(
                "'classes' must be the labels of a single output; got a list for each of "
                f"{len(classes)}; call fit first, which finds the classes of several in y."
            )
        super()._check_classes(classes)

    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        if not (has_columns_of_classes(y) if reset else self._has_columns_of_classes()):
            return super()._encode_target(y, reset=reset)
        if reset:
            self._set_columns(typed_columns(y))
        return self._target_type.encoded(y)

    def _set_columns(self, columns: list[np.ndarray]) -> None:
        for column in columns:
            check_classification_targets(column)
        classes = [np.unique(column) for column in columns]
        single = [i for i, of_column in enumerate(classes) if len(of_column) < 2]
        if single:
            raise ValueError(
                "'y' must have two classes or more in each column; got one in column "
                f"{single[0]}; drop that column."
            )
        # skl2onnx takes texts of different lengths for different types.
        texts = [one.dtype for one in classes if one.dtype.kind == "U"]
        if texts:
            widest = max(texts, key=lambda dtype: dtype.itemsize)
            classes = [one.astype(widest) if one.dtype.kind == "U" else one for one in classes]
        self.classes_, self.y_type_, self.n_outputs_ = classes, SEVERAL, len(classes)
