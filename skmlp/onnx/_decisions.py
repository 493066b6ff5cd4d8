"""Raw outputs of a classifier in place of its probabilities.

scikit-learn calibrates what `decision_function` gives, and stacks it if it is asked to.
skl2onnx asks an estimator for it by the option `raw_scores`, but not inside a pipeline or
a search, where it would take probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.pipeline import Pipeline

from skmlp._estimators.keras.base import BaseKeras
from skmlp._targets.target_types import Classes
from skmlp.onnx._graph import Value


def decision_function(raw: Value, classifier: Any, scope: Any, *, asked: bool) -> Value | None:
    """Raw outputs, if they are asked for or an estimator around the classifier takes them.

    Two classes have a column each, as of skl2onnx's own classifiers, but in a stack, where
    scikit-learn's final estimator was fitted on one.
    """
    models = [operator.raw_operator for operator in scope.operators.values()]
    is_stacked = any(each is classifier for model in models for each in _stacked(model))
    is_calibrated = any(each is classifier for model in models for each in _calibrated(model))
    if not (asked or is_stacked or is_calibrated):
        return None
    target_type = classifier._target_type
    is_linear = classifier._state.spec.output_activation == "linear"
    if is_linear and isinstance(classifier, BaseKeras):  # the outputs are probabilities
        raw = (raw if target_type.has_class_indices else raw / (1 - raw)).op("Log")
    if not isinstance(target_type, Classes) or len(target_type.classes) > 2:
        return raw
    if target_type.has_class_indices:
        raw = raw[..., 1:2] - raw[..., 0:1]
    return raw if is_stacked else raw.graph.joined([-raw, raw])


def _calibrated(model: Any) -> Iterator[Any]:
    """The classifiers whose decisions a model calibrates."""
    if isinstance(model, CalibratedClassifierCV):
        yield from (_last(each.estimator) for each in model.calibrated_classifiers_)


def _stacked(model: Any) -> Iterator[Any]:
    """The classifiers whose decisions a model stacks."""
    if isinstance(model, StackingClassifier):
        for estimator, method in zip(model.estimators_, model.stack_method_, strict=False):
            if method == "decision_function":
                yield _last(estimator)


def _last(model: Any) -> Any:
    """The estimator at the end of a pipeline, and the best one of a search."""
    while isinstance(model, Pipeline) or hasattr(model, "best_estimator_"):
        model = model[-1] if isinstance(model, Pipeline) else model.best_estimator_
    return model
