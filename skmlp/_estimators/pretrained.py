"""The sources that `pretrained` takes, each turned into trained layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from os import PathLike
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skmlp._engine.fitted import FittedNetwork
from skmlp._kinds.activations import canonical
from skmlp._network.keras_network import KerasSpec
from skmlp._network.layer_chain import (
    Arrays,
    LayerChain,
    NotAChainError,
    dense_chain,
    is_chain,
    network_chain,
)
from skmlp._network.reuse import reused_arrays, whole_arrays
from skmlp._network.spec import NetworkSpec

OF_SCIKIT_LEARN = (neural_network.MLPClassifier, neural_network.MLPRegressor)
NOT_A_CHAIN = (
    "'pretrained' must be a chain of dense layers, each after the one before, with known "
    "activations and normalisations; got {}; give the kernels and biases to reuse as "
    "(coefs, intercepts)."
)


def trained_layers(pretrained: Any) -> LayerChain:
    """The layers of a fitted estimator, a Keras model, its file, or arrays.

    Raises ValueError for anything else, and for layers that do not follow each other.
    """
    source = last_estimator(pretrained)
    try:
        if isinstance(source, LayerChain):
            return source
        if isinstance(source, (str, PathLike)) or is_keras_model(source):
            from skmlp._network.keras_chain import keras_chain

            return keras_chain(keras_model(source))
        if isinstance(source, (tuple, list)):
            return _of_arrays(source)
        return _of_estimator(source)
    except NotAChainError:
        raise ValueError(NOT_A_CHAIN.format(type(source).__name__)) from None


def reused_layers(
    pretrained: Any, spec: NetworkSpec, n_reused: int | str | None
) -> tuple[int, dict[str, Arrays]]:
    """Number of layers to reuse, and the arrays to begin with, by layer of the network.

    A network that is not a chain of dense layers takes all weights of one like it.
    """
    if is_chain(spec):
        return reused_arrays(trained_layers(pretrained), spec, n_reused)
    assert isinstance(spec, KerasSpec)
    if n_reused not in (None, "all"):
        raise ValueError(
            "'n_reused_layers' must be None or 'all' for a network that is not a chain of "
            f"dense layers, which takes all weights; got {n_reused!r}."
        )
    return 1, whole_arrays(spec, all_weights(pretrained))


def all_weights(pretrained: Any) -> list[np.ndarray]:
    """All arrays of a Keras model, its file, or a fitted estimator of ours."""
    source = last_estimator(pretrained)
    if isinstance(source, (str, PathLike)) or is_keras_model(source):
        return [weight.astype(np.float32) for weight in keras_model(source).get_weights()]
    return fitted_network(source).arrays


def last_estimator(pretrained: Any) -> Any:
    """The estimator that has the network: in a pipeline, a search, or a FrozenEstimator."""
    if isinstance(pretrained, Pipeline):
        return last_estimator(pretrained.steps[-1][1])
    if hasattr(pretrained, "best_estimator_"):
        return last_estimator(pretrained.best_estimator_)
    if isinstance(pretrained, FrozenEstimator):
        return last_estimator(pretrained.estimator)
    return pretrained


def is_keras_model(value: Any) -> bool:
    """Whether a value is a `keras.Model`, without an import of Keras."""
    return all(hasattr(value, name) for name in ("get_weights", "get_config", "layers"))


def keras_model(source: Any) -> Any:
    """A Keras model, loaded if a path is given; refuses one that has no weights yet."""
    from skmlp._network.keras_chain import loaded_model

    model = loaded_model(source) if isinstance(source, (str, PathLike)) else source
    if isinstance(model, type) or not getattr(model, "built", False):
        raise ValueError(
            "'pretrained' must be a Keras model that has weights; got one that is not built; "
            "build or fit it first."
        )
    return model


def fitted_network(source: Any) -> FittedNetwork:
    """The network of a fitted estimator of ours."""
    is_fitted = isinstance(getattr(source, "_state", None), FittedNetwork)
    if not is_fitted:
        raise ValueError(
            "'pretrained' must be a fitted estimator of skmlp with one network, a fitted MLP "
            "of scikit-learn, a pipeline that ends in one, a Keras model, the path of a "
            f".keras file, or (coefs, intercepts); got {_named(source)}."
        )
    return source._state


def _of_estimator(source: Any) -> LayerChain:
    if isinstance(source, type) or not isinstance(source, OF_SCIKIT_LEARN):
        network = fitted_network(source)
        return network_chain(network.spec, network.weights)
    if not hasattr(source, "coefs_"):
        raise ValueError(f"'pretrained' must be fitted; got {_named(source)}; fit it first.")
    n_hidden = len(source.coefs_) - 1
    activations = [source.activation] * n_hidden + [source.out_activation_]
    return dense_chain(source.coefs_, source.intercepts_, [*map(canonical, activations)])


def _of_arrays(pair: Sequence[Any]) -> LayerChain:
    try:
        coefs, intercepts = ([np.asarray(of, np.float32) for of in several] for several in pair)
    except (TypeError, ValueError):
        raise _not_arrays(f"{type(pair).__name__} of {len(pair)}") from None
    shapes = [coef.shape for coef in coefs]
    is_chain = all(len(shape) == 2 for shape in shapes) and all(
        before[1] == after[0] for before, after in pairwise(shapes)
    )
    biases = [intercept.shape for intercept in intercepts]
    if not coefs or not is_chain or biases != [shape[1:] for shape in shapes]:
        raise _not_arrays(f"kernels of shapes {shapes} and biases of shapes {biases}")
    if not all(np.isfinite(array).all() for array in (*coefs, *intercepts)):
        raise _not_arrays("numbers that are not finite")
    return dense_chain(coefs, intercepts)


def _not_arrays(got: str) -> ValueError:
    return ValueError(
        "'pretrained' must hold a kernel of shape (units in, units out) and a bias of shape "
        f"(units out,) for each layer, as (coefs, intercepts); got {got}."
    )


def _named(source: Any) -> str:
    if isinstance(source, type):
        return f"the class {source.__name__}"
    name = type(source).__name__
    if hasattr(source, "n_features_in_") or not hasattr(source, "fit"):
        return name
    return (
        f"an unfitted {name}; fit it first, or in a grid, wrap it in "
        "sklearn.frozen.FrozenEstimator"
    )
