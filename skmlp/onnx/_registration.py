"""Tells skl2onnx how to convert the estimators."""

from __future__ import annotations

from typing import Any

from skl2onnx import get_model_alias, update_registered_converter
from skl2onnx._parse import _parse_sklearn_classifier, _parse_sklearn_multi_output_classifier
from sklearn.compose import TransformedTargetRegressor

import skmlp
import skmlp.onnx._keras  # its kinds of layer
from skmlp.onnx._estimators import (
    classifier_shapes,
    convert_autoencoder,
    convert_classifier,
    convert_keras_classifier,
    convert_regressor,
    keras_classifier_shapes,
    regressor_shapes,
    transformer_shapes,
)
from skmlp.onnx._tabular import convert_tabular_classifier, convert_tabular_regressor
from skmlp.onnx._targets import convert_transformed_target, transformed_target_shapes

OF_CLASSIFIERS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}


def register() -> None:
    """Register a converter for each estimator."""
    for classifier in (skmlp.MLPClassifier, skmlp.WideDeepClassifier):
        update_registered_converter(
            classifier,
            f"Skmlp{classifier.__name__}",
            classifier_shapes,
            convert_classifier,
            options=OF_CLASSIFIERS,
        )
    update_registered_converter(
        skmlp.KerasClassifier,
        "SkmlpKerasClassifier",
        keras_classifier_shapes,
        convert_keras_classifier,
        parser=_parse_keras_classifier,
        options=OF_CLASSIFIERS,
    )
    for regressor in (skmlp.MLPRegressor, skmlp.WideDeepRegressor, skmlp.KerasRegressor):
        update_registered_converter(
            regressor, f"Skmlp{regressor.__name__}", regressor_shapes, convert_regressor
        )
    update_registered_converter(
        skmlp.TabularClassifier,
        "SkmlpTabularClassifier",
        classifier_shapes,
        convert_tabular_classifier,
        options={name: given for name, given in OF_CLASSIFIERS.items() if name != "raw_scores"},
    )
    update_registered_converter(
        skmlp.TabularRegressor,
        "SkmlpTabularRegressor",
        regressor_shapes,
        convert_tabular_regressor,
    )
    update_registered_converter(
        skmlp.MLPAutoencoder, "SkmlpMLPAutoencoder", transformer_shapes, convert_autoencoder
    )
    try:
        get_model_alias(TransformedTargetRegressor)
    except RuntimeError:  # neither skl2onnx nor anybody else has a converter
        update_registered_converter(
            TransformedTargetRegressor,
            "SkmlpTransformedTargetRegressor",
            transformed_target_shapes,
            convert_transformed_target,
        )


def _parse_keras_classifier(scope: Any, model: Any, inputs: Any, **others: Any) -> Any:
    """As any classifier, or with several outputs, as a `MultiOutputClassifier`."""
    several = model._has_columns_of_classes()
    parse = _parse_sklearn_multi_output_classifier if several else _parse_sklearn_classifier
    return parse(scope, model, inputs, **others)
