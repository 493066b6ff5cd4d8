"""Tells skl2onnx how to convert the estimators."""

from __future__ import annotations

from skl2onnx import update_registered_converter

import skmlp
from skmlp.onnx._estimators import (
    classifier_shapes,
    convert_autoencoder,
    convert_classifier,
    convert_regressor,
    regressor_shapes,
    transformer_shapes,
)

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
    for regressor in (skmlp.MLPRegressor, skmlp.WideDeepRegressor):
        update_registered_converter(
            regressor, f"Skmlp{regressor.__name__}", regressor_shapes, convert_regressor
        )
    update_registered_converter(
        skmlp.MLPAutoencoder, "SkmlpMLPAutoencoder", transformer_shapes, convert_autoencoder
    )
