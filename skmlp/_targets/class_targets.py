"""Targets that are classes or labels: what `fit` learns of them, and weights of classes."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from skmlp._data.table_columns import is_missing
from skmlp._targets.target_types import (
    BINARY,
    MULTICLASS,
    MULTILABEL,
    Classes,
    Labels,
    SingleClass,
    TargetType,
    TwoClasses,
)
from skmlp._targets.targets import Targets, as_arrays
from skmlp._warnings import warn


class ClassTargets(Targets):
    """The classes that `fit` has seen, and labels from the network's outputs."""

    class_weight: Any
    classes_: Any
    y_type_: str
    n_outputs_: int
    sparse_output_: bool

    @property
    def _target_type(self) -> TargetType:
        if self.y_type_ == MULTILABEL:
            return Labels(self.n_outputs_, self.sparse_output_)
        if self.y_type_ == MULTICLASS:
            return Classes(self.classes_)
        return (
            TwoClasses(self.classes_) if len(self.classes_) > 1 else SingleClass(self.classes_)
        )

    def _check_target(self, y: Any) -> None:
        """Refuse missing labels among objects or dates, which cannot be sorted."""
        for labels in as_arrays(y):
            missing = np.isnat(labels) if labels.dtype.kind in "mM" else np.array([])
            if labels.dtype == object and labels.ndim:
                missing = np.array([*map(is_missing, labels.ravel().tolist())])
            if missing.any():
                raise ValueError(
                    f"'y' must have a label for each row; got {missing.sum()} "
                    "missing; drop these rows, or give them a label."
                )

    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        check_classification_targets(y)
        is_multilabel = type_of_target(y) == MULTILABEL
        if not is_multilabel:
            if y.ndim == 2 and y.shape[1] > 1:
                raise ValueError(
                    "'y' must be a column of labels, or an indicator matrix of 0 and 1; got "
                    f"{y.shape[1]} columns of labels; use a KerasClassifier of several "
                    "outputs, or scikit-learn's MultiOutputClassifier."
                )
            y = column_or_1d(y, warn=True)
        if reset:
            self.classes_ = np.arange(y.shape[1]) if is_multilabel else np.unique(y)
            self._set_target_type(is_multilabel)
        if is_multilabel != (self.y_type_ == MULTILABEL):
            raise ValueError(
                "'y' must be labels or an indicator matrix as in the first call to fit, "
                f"{self.y_type_}; got {type_of_target(y)}; give the same kind, or fit afresh."
            )
        return self._target_type.encoded(y)

    def _set_target_type(self, is_multilabel: bool) -> None:
        """Set `y_type_` and `n_outputs_` from `classes_`."""
        n_classes = len(self.classes_)
        is_binary = n_classes <= 2 and not is_multilabel
        self.y_type_ = MULTILABEL if is_multilabel else BINARY if is_binary else MULTICLASS
        self.n_outputs_ = 1 if is_binary else n_classes
        if isinstance(self._target_type, SingleClass):
            self._remark_single_class()

    def _remark_single_class(self) -> None:
        warn(
            f"'y' holds a single class, {self.classes_.tolist()[0]!r}, which "
            f"{type(self).__name__} will always predict.",
        )

    def _decode_target(self, target: np.ndarray) -> np.ndarray:
        return self._target_type.decoded(target)

    def _row_weight(self, weight: np.ndarray, y: np.ndarray) -> np.ndarray:
        if self.class_weight is None:
            return weight
        if isinstance(self.class_weight, str):
            return balanced(weight, y)
        # scikit-learn's `compute_sample_weight` refuses a part of the rows that lacks a class.
        return weight * by_class(self.class_weight, y, self._target_type.classes_of_columns)

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        return self._target_type.strata(target)

    def _output_layer(self) -> tuple[int, str]:
        return self.n_outputs_, self._target_type.activation

    def _has_class_indices(self) -> bool:
        return self._target_type.has_class_indices


def by_class(class_weight: dict | list, y: np.ndarray, classes: list[np.ndarray]) -> np.ndarray:
    """Weights of rows, (n_samples,), from those of classes: a dict for each column of y.

    Classes without a weight have 1. The factors of several columns are multiplied.
    """
    several = class_weight if isinstance(class_weight, list) else [class_weight]
    if len(several) != len(classes) or not all(isinstance(one, dict) for one in several):
        raise ValueError(
            f"'class_weight' must be a dict, or for several columns of y a list with one dict "
            f"for each of the {len(classes)}; got {class_weight!r}."
        )
    factors = np.ones(len(y))
    for of_class, known, labels in zip(several, classes, y.reshape(len(y), -1).T, strict=True):
        weights = [of_class.get(name, 1) for name in known]
        if not all(
            isinstance(weight, Real) and 0 <= float(weight) < np.inf for weight in weights
        ):
            raise ValueError(
                "'class_weight' must hold finite, non-negative numbers; got "
                f"{class_weight!r}; a weight of 0 leaves a class out."
            )
        n_named = sum(name in of_class for name in known)
        if n_named < min(len(known), len(of_class)):
            raise ValueError(
                f"'class_weight' must name classes of y, {known.tolist()}; got "
                f"{list(of_class)}; name them as y does, not by their positions."
            )
        index = np.searchsorted(known, labels.astype(known.dtype))
        factors *= np.array(weights, dtype=float)[index]
    return factors


def balanced(weight: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights of rows, (n_samples,), with the same total for each class in y.

    With several columns of labels the factors of all columns multiply the weights. This is
    `compute_class_weight` of scikit-learn >= 1.7; its `compute_sample_weight` counts rows, so
    that a weight of 2 would differ from repeating the row.
    """
    factors = np.ones_like(weight)
    for labels in y.reshape(len(y), -1).T:
        _, index = np.unique(labels, return_inverse=True)
        totals = np.bincount(index, weight)
        with np.errstate(over="ignore", invalid="ignore"):  # such sums are refused later
            shares = np.count_nonzero(totals) * totals / totals.sum()
        factors /= np.where(totals > 0, shares, 1)[index]
    return weight * factors
