"""Estimators that hold one network, as ONNX nodes."""

from __future__ import annotations

from typing import Any

from skl2onnx.common.utils_classifier import get_label_classes

from skmlp._estimators.keras.base import BaseKeras
from skmlp._estimators.wide_deep.base import BaseWideDeep
from skmlp._targets.target_types import Labels
from skmlp.onnx._activations import ACTIVATIONS
from skmlp.onnx._decisions import decision_function
from skmlp.onnx._graph import FLOAT, INT64, Graph, NotInONNXError, Value, dtype_of
from skmlp.onnx._inputs import columns, number_rows
from skmlp.onnx._network import network_output, predictions
from skmlp.onnx._outputs import (
    label_constant,
    of_all_classes,
    set_labels,
    set_numbers,
    write_labels,
)
from skmlp.onnx._wide_deep import wide_deep_rows


def regressor_shapes(operator: Any) -> None:
    if _is_transformer(operator):
        transformer_shapes(operator)
        return
    n_rows = operator.inputs[0].get_first_dimension()
    set_numbers(operator.outputs[0], n_rows, operator.raw_operator.n_outputs_)


def classifier_shapes(operator: Any) -> None:
    classifier, labels = operator.raw_operator, operator.outputs[0]
    n_rows, n_classes = operator.inputs[0].get_first_dimension(), len(classifier.classes_)
    has_columns = isinstance(classifier._target_type, Labels)
    shape = [n_rows, n_classes] if has_columns else [n_rows]
    set_labels(labels, get_label_classes(operator.scope_inst, classifier), shape)
    set_numbers(operator.outputs[1], n_rows, n_classes)


def transformer_shapes(operator: Any) -> None:
    n_rows = operator.inputs[0].get_first_dimension()
    set_numbers(operator.outputs[0], n_rows, operator.raw_operator._n_features_out)


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    regressor, graph = operator.raw_operator, Graph(scope, container)
    state, (output,) = regressor._state, operator.outputs
    if _is_transformer(operator):
        raw_outputs(operator, graph, state.spec.hidden_outputs[-1]).named(output)
        return
    raw = raw_outputs(operator, graph)
    predictions(state.spec, raw, dtype_of(output)).named(output)


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    classifier, graph = operator.raw_operator, Graph(scope, container)
    if _is_transformer(operator):
        raise NotInONNXError(
            f"'steps' must end with {type(classifier).__name__}, to be converted, as skl2onnx "
            "takes a classifier's predictions, where scikit-learn takes its hidden units; got "
            "steps after it; use an MLPAutoencoder or a regressor there."
        )
    label, probability = operator.outputs[:2]
    raw = raw_outputs(operator, graph)
    dtype = dtype_of(probability)
    predicted = predictions(classifier._state.spec, raw, dtype)
    classes = get_label_classes(scope, classifier)  # or their positions, with `nocl`
    write_labels(classifier, classes, predicted, label)
    options = container.get_options(classifier, {"raw_scores": False})
    scores = decision_function(raw, classifier, scope, asked=options["raw_scores"])
    if scores is not None:
        scores.named(probability)
    else:
        of_all_classes(classifier, predicted).named(probability)


def convert_keras_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Of several outputs: labels in columns, and a sequence of probabilities."""
    classifier = operator.raw_operator
    if not classifier._has_columns_of_classes():
        convert_classifier(scope, operator, container)
        return
    graph = Graph(scope, container)
    label, probability = operator.outputs[:2]
    raw = raw_outputs(operator, graph)
    labels, probabilities, start = [], [], 0
    for head, classes in zip(classifier._heads, classifier.classes_, strict=True):
        output = ACTIVATIONS[head.activation](raw[..., start : start + head.width])
        start += head.width
        if head.width == 1:
            output = graph.joined([1 - output, output])
        index = output.op("ArgMax", dtype=INT64, axis=1, keepdims=1)
        labels.append(label_constant(graph, classes).op("Gather", index, axis=0))
        probabilities.append(output)
    graph.joined(labels).named(label)
    graph.node("SequenceConstruct", *probabilities, output=probability.full_name)


def keras_classifier_shapes(operator: Any) -> None:
    classifier, (label, *_) = operator.raw_operator, operator.outputs
    if not classifier._has_columns_of_classes():
        classifier_shapes(operator)
        return
    kinds = {isinstance(one.tolist()[0], str) for one in classifier.classes_}
    if len(kinds) > 1:
        raise NotInONNXError(
            "'y' must hold text in all columns or whole numbers in all, to convert "
            "KerasClassifier, since ONNX's labels have one type; got both; encode the text "
            "columns by an OrdinalEncoder."
        )
    shape = [operator.inputs[0].get_first_dimension(), len(classifier.classes_)]
    set_labels(label, classifier.classes_[0], shape)


def convert_autoencoder(scope: Any, operator: Any, container: Any) -> None:
    graph, spec = Graph(scope, container), operator.raw_operator._state.spec
    raw_outputs(operator, graph, spec.code).named(operator.outputs[0])


def _is_transformer(operator: Any) -> bool:
    """Whether the estimator is a step before others, which take its hidden units."""
    return any(
        follower.raw_operator is not None
        or follower.type in ("SklearnConcat", "SklearnMultiply")
        for variable in operator.outputs
        for follower in variable.operators_inputs_
    )


def raw_outputs(operator: Any, graph: Graph, layer: str = "") -> Value:
    """Raw outputs of an estimator's network, or those of the layer of this name."""
    estimator = operator.raw_operator
    state, rows = estimator._state, network_rows(operator, graph)
    try:
        return network_output(state.spec, state.weights, rows, layer)
    except NotInONNXError as error:
        owner = "model" if isinstance(estimator, BaseKeras) else "estimator"
        raise NotInONNXError(
            f"'{owner}' must be made of layers that can be written as ONNX nodes, to convert "
            f"{type(estimator).__name__}; got {error}; replace the layer, or export by "
            "to_keras."
        ) from error


def network_rows(operator: Any, graph: Graph) -> Value:
    """The inputs of the network, (rows, inputs) float32."""
    estimator = operator.raw_operator
    if isinstance(estimator, BaseWideDeep):
        return wide_deep_rows(operator, graph)
    if getattr(estimator, "input_columns_", None):
        found = columns(operator, graph)
        chosen = [found[position][1] for position in estimator._chosen_columns]
        return graph.joined([value.cast(FLOAT) for value in chosen])
    return number_rows(operator, graph)
