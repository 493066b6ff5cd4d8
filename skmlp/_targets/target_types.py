"""Types of a classifier's target: y encoded for a network, and outputs decoded to labels.

Their names are scikit-learn's (`sklearn.utils.multiclass.type_of_target`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import log_expit, log_softmax
from sklearn.utils.multiclass import type_of_target

from skmlp._data.arrays import as_columns
from skmlp._kinds.activation_functions import numpy_activation
from skmlp._network.keras_entries import Head

BINARY = "binary"
MULTICLASS = "multiclass"
MULTILABEL = "multilabel-indicator"
SEVERAL = "multiclass-multioutput"


class TargetType(ABC):
    """The kind of labels that a row has, and how a network's outputs are read as them.

    Encoded targets are float32 or int32, with a row for each row of y; predictions are
    activated outputs, (n_samples, n_outputs), and raw ones are those before activation.
    """

    activation: ClassVar[str] = "sigmoid"  # of the output layer
    # Whether encoded targets are positions in the classes.
    has_class_indices: ClassVar[bool] = False

    @property
    @abstractmethod
    def classes_of_columns(self) -> list[np.ndarray]:
        """The known classes of each column of y."""

    @abstractmethod
    def encoded(self, y: np.ndarray) -> np.ndarray:
        """Targets of the network. Raises ValueError for unknown labels."""

    @abstractmethod
    def decoded(self, target: np.ndarray) -> np.ndarray:
        """Labels of encoded targets."""

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        """Labels by which held-out rows are stratified; None for a plain split."""
        return None

    @abstractmethod
    def positions(self, predictions: np.ndarray) -> np.ndarray:
        """Positions of the predicted labels in the classes, or indicators."""

    @abstractmethod
    def labels(self, predictions: np.ndarray) -> Any:
        """Predicted labels, as `fit` takes them."""

    def are_right(self, predictions: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Whether all labels of each row are predicted, (n_samples,)."""
        return (self.positions(predictions) == target).all(axis=1)

    def probabilities(self, predictions: np.ndarray) -> Any:
        """Probabilities of all classes."""
        return predictions

    @abstractmethod
    def log_probabilities(self, raw: np.ndarray) -> np.ndarray:
        """Logarithms of the probabilities, exact where these are nearly 0 or 1."""

    def decisions(self, raw: np.ndarray) -> np.ndarray:
        """Raw outputs in the shape of a decision function."""
        return raw


@dataclass(frozen=True)
class Classes(TargetType):
    """One of several classes, each of which has an output."""

    classes: np.ndarray  # sorted

    activation = "softmax"
    has_class_indices = True

    @property
    def classes_of_columns(self) -> list[np.ndarray]:
        return [self.classes]

    def encoded(self, y: np.ndarray) -> np.ndarray:
        unknown = np.setdiff1d(y, self.classes)
        if unknown.size:
            raise ValueError(
                f"'y' must hold the known classes only, {self.classes.tolist()}; got "
                f"{unknown.tolist()} too; fit afresh on rows of all classes, or name them in "
                "the first partial_fit of estimators that have it."
            )
        return np.searchsorted(self.classes, y).astype(np.int32)

    def decoded(self, target: np.ndarray) -> np.ndarray:
        return self.classes[target.reshape(len(target)).astype(int)]

    def strata(self, target: np.ndarray) -> np.ndarray | None:
        return self.decoded(target)

    def positions(self, predictions: np.ndarray) -> np.ndarray:
        return predictions.argmax(axis=1)

    def labels(self, predictions: np.ndarray) -> np.ndarray:
        return self.classes[self.positions(predictions)]

    def are_right(self, predictions: np.ndarray, target: np.ndarray) -> np.ndarray:
        return self.positions(predictions) == target.reshape(len(target))

    def log_probabilities(self, raw: np.ndarray) -> np.ndarray:
        return log_softmax(raw, axis=1)

    def decisions(self, raw: np.ndarray) -> np.ndarray:
        # A user's network may have two outputs for two classes.
        return raw[:, 1] - raw[:, 0] if len(self.classes) == 2 else raw


class TwoClasses(Classes):
    """One of two classes; the output is the probability of the second."""

    activation = "sigmoid"
    has_class_indices = False

    def encoded(self, y: np.ndarray) -> np.ndarray:
        return super().encoded(y)[:, None].astype(np.float32)

    def positions(self, predictions: np.ndarray) -> np.ndarray:
        return (predictions[:, 0] > 0.5).astype(int)

    def probabilities(self, predictions: np.ndarray) -> np.ndarray:
        return np.hstack([1 - predictions, predictions])

    def log_probabilities(self, raw: np.ndarray) -> np.ndarray:
        return log_expit(np.hstack([-raw, raw]))

    def decisions(self, raw: np.ndarray) -> np.ndarray:
        return raw[:, 0]


class SingleClass(TwoClasses):
    """The only class in y, which is always predicted; encoded as the first of two."""

    def positions(self, predictions: np.ndarray) -> np.ndarray:
        return np.zeros(len(predictions), dtype=int)

    def probabilities(self, predictions: np.ndarray) -> np.ndarray:
        return np.ones_like(predictions)

    def log_probabilities(self, raw: np.ndarray) -> np.ndarray:
        return np.zeros_like(raw)


@dataclass(frozen=True)
class Labels(TargetType):
    """Any of several labels, each of which has a column of indicators and an output."""

    n_labels: int
    is_sparse: bool = False  # whether `fit` was given a sparse y

    @property
    def classes_of_columns(self) -> list[np.ndarray]:
        return [np.arange(2)] * self.n_labels

    def encoded(self, y: np.ndarray) -> np.ndarray:
        if y.shape[1] != self.n_labels:
            raise ValueError(
                f"'y' must have as many columns as there are labels, {self.n_labels}; got "
                f"{y.shape[1]}; give the columns of the first fit, or fit afresh."
            )
        return y.astype(np.float32)

    def decoded(self, target: np.ndarray) -> np.ndarray:
        return target.astype(int)

    def positions(self, predictions: np.ndarray) -> np.ndarray:
        return (predictions > 0.5).astype(int)

    def labels(self, predictions: np.ndarray) -> Any:
        indicators = self.positions(predictions)
        return csr_matrix(indicators) if self.is_sparse else indicators

    def log_probabilities(self, raw: np.ndarray) -> np.ndarray:
        return log_expit(raw)


class OneHotLabels(Labels):
    """One of several labels, for a user's network that ends in a softmax."""

    def positions(self, predictions: np.ndarray) -> np.ndarray:
        return np.eye(self.n_labels, dtype=int)[predictions.argmax(axis=1)]

    def log_probabilities(self, raw: np.ndarray) -> np.ndarray:
        return log_softmax(raw, axis=1)


@dataclass(frozen=True)
class ColumnsOfClasses(TargetType):
    """Columns of labels of different classes; a network has a head for each."""

    classes: list[np.ndarray]  # of each column, sorted
    heads: tuple[Head, ...] = ()  # of one unit for two classes, or one for each class

    has_class_indices = True

    @property
    def classes_of_columns(self) -> list[np.ndarray]:
        return self.classes

    def encoded(self, y: np.ndarray) -> np.ndarray:
        if y.ndim != 2 or y.shape[1] != len(self.classes):
            raise ValueError(
                f"'y' must have {len(self.classes)} columns, as in fit; got shape {y.shape}; "
                "give the same columns, or fit afresh."
            )
        pairs = zip(typed_columns(y), self.classes, strict=True)
        return np.column_stack([_positions(column, classes) for column, classes in pairs])

    def decoded(self, target: np.ndarray) -> np.ndarray:
        pairs = zip(self.classes, target.astype(int).T, strict=True)
        return as_columns([classes[i] for classes, i in pairs])

    def positions(self, predictions: np.ndarray) -> np.ndarray:
        return np.column_stack([one.argmax(axis=1) for one in self.probabilities(predictions)])

    def labels(self, predictions: np.ndarray) -> np.ndarray:
        return self.decoded(self.positions(predictions))

    def probabilities(self, predictions: np.ndarray) -> list[np.ndarray]:
        """Probabilities of each head, (n_samples, n_classes)."""
        ends = np.cumsum([head.width for head in self.heads])[:-1]
        outputs = np.split(predictions, ends, axis=1)
        activated = [
            numpy_activation(head.activation)(output.copy())
            for head, output in zip(self.heads, outputs, strict=True)
        ]
        return [one if one.shape[1] > 1 else np.hstack([1 - one, one]) for one in activated]

    def log_probabilities(self, raw: np.ndarray) -> Any:
        """Logarithms of the probabilities of each head; raw outputs are the predictions."""
        with np.errstate(divide="ignore"):
            return [np.log(one) for one in self.probabilities(raw)]


def has_columns_of_classes(y: np.ndarray) -> bool:
    """Whether y has columns of labels, and is no matrix of indicators."""
    if y.ndim != 2 or y.shape[1] < 2:
        return False
    return y.dtype == object or type_of_target(y) == SEVERAL


def typed_columns(y: np.ndarray) -> list[np.ndarray]:
    """The columns of y, each with a dtype of its own."""
    return [np.array(column.tolist()) for column in y.T]


def _positions(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Where the labels of a column are among its classes, float32."""
    unknown = np.setdiff1d(labels, classes)
    if unknown.size:
        raise ValueError(
            f"'y' must hold the known classes of each column only, {classes.tolist()}; got "
            f"{unknown.tolist()} too."
        )
    return np.searchsorted(classes, labels).astype(np.float32)
