"""Labels, probabilities and targets as skl2onnx's users expect them."""

from __future__ import annotations

from typing import Any

import numpy as np
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)

from skmlp._targets.target_types import Labels, OneHotLabels, SingleClass, TwoClasses
from skmlp.onnx._graph import INT64, STRING, Graph, Value


def set_numbers(variable: Any, n_rows: int | None, n_columns: int) -> None:
    """Declare an output of numbers, double if skl2onnx has made it so."""
    is_double = isinstance(variable.type, DoubleTensorType)
    variable.set_type((DoubleTensorType if is_double else FloatTensorType)([n_rows, n_columns]))


def set_labels(variable: Any, classes: np.ndarray, shape: list[int | None]) -> None:
    """Declare an output of labels."""
    is_text = isinstance(classes.tolist()[0], str)
    variable.set_type((StringTensorType if is_text else Int64TensorType)(shape))


def label_constant(graph: Graph, classes: np.ndarray) -> Value:
    """The classes as ONNX has labels: whole numbers or text."""
    labels = classes.tolist()
    if all(isinstance(label, str) for label in labels):
        return graph.constant(classes.astype(object), STRING)
    if all(isinstance(label, (int, float)) and label == int(label) for label in labels):
        return graph.constant(classes.astype(np.int64), INT64)
    raise ValueError(
        "'y' must hold labels that are text or whole numbers, to convert a classifier to ONNX; "
        f"got {labels[:5]}; encode them by a LabelEncoder."
    )


def write_labels(classifier: Any, classes: np.ndarray, predicted: Value, variable: Any) -> None:
    """Labels of predictions; `predicted` holds outputs of the network, activated."""
    graph, target_type = predicted.graph, classifier._target_type
    if isinstance(target_type, OneHotLabels):
        index = predicted.op("ArgMax", dtype=INT64, axis=1, keepdims=0)
        unit = graph.constant(np.eye(classifier.n_outputs_), INT64)
        unit.op("Gather", index, axis=0).named(variable)
        return
    if isinstance(target_type, Labels):
        (predicted > 0.5).cast(INT64).named(variable)
        return
    labels = label_constant(graph, classes)
    if isinstance(target_type, TwoClasses):
        limit = np.inf if isinstance(target_type, SingleClass) else 0.5  # always position 0
        index = (predicted > limit).cast(INT64).reshaped(-1)
    else:
        index = predicted.op("ArgMax", dtype=INT64, axis=1, keepdims=0)
    labels.op("Gather", index, axis=0).named(variable)


def of_all_classes(classifier: Any, predicted: Value) -> Value:
    """Probabilities of all classes, from the activated outputs."""
    target_type = classifier._target_type
    if isinstance(target_type, SingleClass):
        return predicted * 0 + 1
    if isinstance(target_type, TwoClasses):
        return predicted.graph.joined([1 - predicted, predicted])
    return predicted
