"""A fitted pipeline as one Keras model: its steps, from the raw columns to the predictions."""

from __future__ import annotations

from collections import UserList
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
)

from skmlp._estimators.autoencoder.mlp import MLPAutoencoder
from skmlp._estimators.mlp.classifier import MLPClassifier
from skmlp._estimators.mlp.regressor import MLPRegressor
from skmlp._export.categories import one_hot, ordinal
from skmlp._export.columns import Column, RawBlock
from skmlp._export.imputers import imputed
from skmlp._export.invertible import SCALERS, is_invertible
from skmlp._export.networks import NETWORKS, hidden, own_inputs_and_outputs, takes_own_inputs
from skmlp._export.scalers import computed, normalized, restored, scaled
from skmlp._keras.tensorflow import keras

Outputs = Callable[[], Any]  # makes predictions, a tensor or a list of them


def model_of(estimator: Any) -> keras.Model:
    """The Keras model of a fitted estimator; see `to_keras`."""
    estimator = getattr(estimator, "best_estimator_", estimator)  # of a search
    if takes_own_inputs(estimator):
        return keras.Model(*own_inputs_and_outputs(estimator), name="skmlp")
    raw = RawBlock(raw_names(estimator))
    make = outputs(estimator, raw.columns(), "")
    predictions = make()  # before the inputs, whose kinds the steps have decided
    return keras.Model(raw.inputs, predictions, name="skmlp")


def raw_names(estimator: Any) -> list[str]:
    """Names of the columns that the first step was fitted on."""
    inside = getattr(estimator, "regressor_", estimator)
    for step in [estimator, inside, *dict(getattr(inside, "steps", ())).values()]:
        if hasattr(step, "feature_names_in_"):
            return list(step.feature_names_in_)
        if hasattr(step, "n_features_in_"):
            return [f"x{i}" for i in range(step.n_features_in_)]
    raise refused(estimator, "")


def outputs(estimator: Any, columns: Sequence[Column], path: str) -> Outputs:
    """A function that makes the predictions of an estimator for columns."""
    if type(estimator) is Pipeline:
        *steps, (name, last) = estimator.steps
        for each, step in steps:
            columns = transformed(step, columns, inside(path, each))
        return outputs(last, columns, inside(path, name))
    if type(estimator) is TransformedTargetRegressor:
        of_regressor = outputs(estimator.regressor_, columns, inside(path, "regressor"))
        transformer = estimator.transformer_
        if not is_invertible(transformer):
            raise refused(transformer, inside(path, "transformer"))
        return lambda: restored(transformer, of_regressor())
    if type(estimator) not in NETWORKS:
        raise refused(estimator, path)
    return NETWORKS[type(estimator)](estimator, columns, described(estimator, path))


def transformed(step: Any, columns: Sequence[Column], path: str) -> list[Column]:
    """The columns that a step makes of others."""
    if step is None or isinstance(step, str):  # "passthrough" or "drop"
        return [] if step == "drop" else list(columns)
    if isinstance(step, SelectorMixin):
        return [columns[i] for i in step.get_support(indices=True)]
    if type(step) not in STEPS:
        raise refused(step, path)
    return STEPS[type(step)](step, columns, path)


def in_turn(pipeline: Pipeline, columns: Sequence[Column], path: str) -> list[Column]:
    for name, step in pipeline.steps:
        columns = transformed(step, columns, inside(path, name))
    return list(columns)


def of_union(union: FeatureUnion, columns: Sequence[Column], path: str) -> list[Column]:
    check_weights(union, path)
    return [
        made
        for name, step in union.transformer_list
        for made in transformed(step, columns, inside(path, name))
    ]


def by_columns(
    transformer: ColumnTransformer, columns: Sequence[Column], path: str
) -> list[Column]:
    check_weights(transformer, path)
    names = list(getattr(transformer, "feature_names_in_", range(len(columns))))
    return [
        made
        for name, step, key in transformer.transformers_
        for made in transformed(
            step, [columns[i] for i in positions(key, names)], inside(path, name)
        )
    ]


def check_weights(step: Any, path: str) -> None:
    if step.transformer_weights:
        raise ValueError(
            "'estimator' must have no 'transformer_weights', which scalers make superfluous; "
            f"got {step.transformer_weights!r} in {described(step, path)}; set them to None."
        )


def positions(key: Any, names: Sequence[Any]) -> list[int]:
    """Positions of the columns that a fitted ColumnTransformer picks."""
    if isinstance(key, slice):
        start = names.index(key.start) if isinstance(key.start, str) else key.start
        # a slice of names includes the last one
        stop = names.index(key.stop) + 1 if isinstance(key.stop, str) else key.stop
        return list(range(len(names)))[start : stop : key.step]
    if isinstance(key, UserList):  # scikit-learn < 1.7: the remainder's, which warns when read
        key = key.data
    picked = np.atleast_1d(np.asarray(key)).tolist()
    if picked and isinstance(picked[0], bool):
        return np.flatnonzero(picked).tolist()
    return [
        names.index(each) if isinstance(each, str) else each % len(names) for each in picked
    ]


def of_place(convert: Callable[..., list[Column]]) -> Callable[..., list[Column]]:
    """A converter that names a step by its class and place in errors."""
    return lambda step, columns, path: convert(step, columns, described(step, path))


STEPS: dict[type, Callable[[Any, Sequence[Column], str], list[Column]]] = {
    Pipeline: in_turn,
    FeatureUnion: of_union,
    ColumnTransformer: by_columns,
    FunctionTransformer: of_place(computed),
    Normalizer: of_place(normalized),
    OneHotEncoder: of_place(one_hot),
    OrdinalEncoder: of_place(ordinal),
    SimpleImputer: of_place(imputed),
    **dict.fromkeys(SCALERS, of_place(scaled)),
    **dict.fromkeys((MLPAutoencoder, MLPClassifier, MLPRegressor), of_place(hidden)),
}


def inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def described(step: Any, path: str) -> str:
    return f"{type(step).__name__} {path!r}" if path else type(step).__name__


def refused(step: Any, path: str) -> ValueError:
    place = f" in step {path!r}" if path else ""
    return ValueError(
        "'estimator' must be an estimator of skmlp, alone or after steps that to_keras takes, "
        f"which its documentation lists; got {type(step).__name__}{place}; replace it, or "
        "export by skl2onnx."
    )
