"""Classes of a network of several outputs: y has a column for each, with classes of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from skmlp._data.arrays import as_columns
from skmlp._data.encoded import EncodedData
from skmlp._estimators.classifier import NetworkClassifier
from skmlp._network.activations import numpy_activation
from skmlp._network.keras_network import Head

SEVERAL = "multiclass-multioutput"  # scikit-learn's name


class SeveralOutputs(NetworkClassifier):
    """Targets whose columns hold labels of different classes, beside all others."""

    _heads: tuple[Head, ...]  # of one unit for two classes, or one for each class

    def _has_heads(self) -> bool:
        return getattr(self, "y_type_", None) == SEVERAL

    def decision_function(self, X: Any) -> np.ndarray:
        if self._has_heads():
            raise ValueError(
                "'decision_function' must be called for a single output; got a network of "
                f"{len(self._heads)} outputs; call predict_proba."
            )
        return super().decision_function(X)

    def predict_log_proba(self, X: Any) -> Any:
        if self._has_heads():
            with np.errstate(divide="ignore"):
                return [np.log(one) for one in self.predict_proba(X)]
        return super().predict_log_proba(X)

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
        if self._has_heads():
            is_right = (self.predict(X) == as_columns(y)).all(axis=1)
            return float(np.average(is_right, weights=sample_weight))
        return super().score(X, y, sample_weight)

    # Hooks of the base class

    def _check_classes(self, classes: Any) -> None:
        if classes is not None and any(np.ndim(one) for one in classes):
            raise ValueError(
                "'classes' must be the labels of a single output; got a list for each of "
                f"{len(classes)}; call fit first, which finds the classes of several in y."
            )

    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        if not (has_columns_of_labels(y) if reset else self._has_heads()):
            return super()._encode_target(y, reset=reset)
        if y.ndim != 2 or (not reset and y.shape[1] != len(self.classes_)):
            raise ValueError(
                f"'y' must have {len(self.classes_)} columns, as in fit; got shape {y.shape}; "
                "give the same columns, or fit afresh."
            )
        columns = [np.array(column.tolist()) for column in y.T]
        if reset:
            for column in columns:
                check_classification_targets(column)
            classes: Any = [np.unique(column) for column in columns]
            self.classes_ = classes
            self._set_several_outputs()
        pairs = zip(columns, self.classes_, strict=True)
        return np.column_stack([positions(column, of_head) for column, of_head in pairs])

    def _set_several_outputs(self) -> None:
        single = [i for i, classes in enumerate(self.classes_) if len(classes) < 2]
        if single:
            raise ValueError(
                "'y' must have two classes or more in each column; got one in column "
                f"{single[0]}; drop that column."
            )
        self.y_type_, self.n_outputs_ = SEVERAL, len(self.classes_)

    def _decode_target(self, target: np.ndarray) -> np.ndarray:
        if not self._has_heads():
            return super()._decode_target(target)
        index = target.astype(int)
        return as_columns([of[i] for of, i in zip(self.classes_, index.T, strict=True)])

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        return None if self._has_heads() else super()._strata(target)

    def _is_single_class(self) -> bool:
        return not self._has_heads() and super()._is_single_class()

    def _has_class_indices(self) -> bool:
        return self._has_heads() or super()._has_class_indices()

    def _of_all_classes(self, probability: np.ndarray) -> Any:
        if not self._has_heads():
            return super()._of_all_classes(probability)
        ends = np.cumsum([head.width for head in self._heads])[:-1]
        outputs = np.split(probability, ends, axis=1)
        activated = [
            numpy_activation(head.activation)(output.copy())
            for head, output in zip(self._heads, outputs, strict=True)
        ]
        return [one if one.shape[1] > 1 else np.hstack([1 - one, one]) for one in activated]

    def _label_index(self, predictions: np.ndarray) -> np.ndarray:
        if not self._has_heads():
            return super()._label_index(predictions)
        return np.column_stack(
            [one.argmax(axis=1) for one in self._of_all_classes(predictions)]
        )

    def _labels(self, predictions: np.ndarray) -> Any:
        if not self._has_heads():
            return super()._labels(predictions)
        return self._decode_target(self._label_index(predictions))

    def _score_predictions(self, data: EncodedData, predictions: np.ndarray) -> float:
        if not self._has_heads():
            return super()._score_predictions(data, predictions)
        is_right = (self._label_index(predictions) == data.y).all(axis=1)
        return float(np.average(is_right, weights=data.weight))


def has_columns_of_labels(y: np.ndarray) -> bool:
    """Whether y has columns of labels, and is no matrix of indicators."""
    if y.ndim != 2 or y.shape[1] < 2:
        return False
    return y.dtype == object or type_of_target(y) == SEVERAL


def positions(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Where the labels are among the sorted classes, float32."""
    unknown = np.setdiff1d(labels, classes)
    if unknown.size:
        raise ValueError(
            f"'y' must hold the known classes of each column only, {classes.tolist()}; got "
            f"{unknown.tolist()} too."
        )
    return np.searchsorted(classes, labels).astype(np.float32)
