"""Tabular estimators as ONNX nodes."""

from __future__ import annotations

from typing import Any

from skl2onnx.common.utils_classifier import get_label_classes

from skmlp._estimators.tabular.calibration import median_weights
from skmlp.onnx._graph import DOUBLE, Graph, Value
from skmlp.onnx._network import network_output, predictions
from skmlp.onnx._outputs import of_all_classes, write_labels
from skmlp.onnx._tables import encoded_rows


def convert_tabular_classifier(scope: Any, operator: Any, container: Any) -> None:
    classifier, graph = operator.raw_operator, Graph(scope, container)
    label, probability = operator.outputs[:2]
    mean = _mean(operator, graph, divisor=classifier.temperature_)
    write_labels(classifier, get_label_classes(scope, classifier), mean, label)
    of_all_classes(classifier, mean).named(probability)


def convert_tabular_regressor(scope: Any, operator: Any, container: Any) -> None:
    regressor, graph = operator.raw_operator, Graph(scope, container)
    mean, (low, high) = _mean(operator, graph), regressor._range
    if regressor._quantiles is not None:
        shifts = regressor.quantile_shifts_
        ordered = graph.ordered(mean.reshaped(-1, *shifts.shape) + shifts)
        clipped = ordered.op("Max", low[:, None]).op("Min", high[:, None])
        mean = (clipped @ median_weights(regressor._quantiles)[:, None]).reshaped(-1, len(low))
    mean.op("Max", low).op("Min", high).named(operator.outputs[0])


def _mean(operator: Any, graph: Graph, divisor: float = 1.0) -> Value:
    """Mean of the networks' predictions, double as in `predict`."""
    estimator = operator.raw_operator
    rows = encoded_rows(estimator._encoder, operator, graph)
    spec, found = estimator._members[0].spec, []
    for member in estimator._members:
        raw = network_output(member.spec, member.weights, rows).cast(DOUBLE)
        found.append(predictions(spec, raw if divisor == 1 else raw / divisor, DOUBLE))
    total = graph.node("Sum", *found)
    return total * (1 / len(found))
