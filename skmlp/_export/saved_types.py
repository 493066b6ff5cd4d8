"""The types that a skops file of a fitted estimator may hold."""

from __future__ import annotations

import numpy as np
from sklearn.compose import make_column_selector

from skmlp._data.sparse_tables import SparseEncoder
from skmlp._data.table_inputs import CategoryInputs, NumberInputs, Scale
from skmlp._data.tables import TableEncoder
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.state import TrainingState
from skmlp._estimators.autoencoder.mlp import MLPAutoencoder
from skmlp._estimators.keras.classifier import KerasClassifier
from skmlp._estimators.keras.regressor import KerasRegressor
from skmlp._estimators.mlp.classifier import MLPClassifier
from skmlp._estimators.mlp.regressor import MLPRegressor
from skmlp._estimators.tabular.classifier import TabularClassifier
from skmlp._estimators.tabular.regressor import TabularRegressor
from skmlp._estimators.wide_deep.classifier import WideDeepClassifier
from skmlp._estimators.wide_deep.regressor import WideDeepRegressor
from skmlp._keras.text import KerasText
from skmlp._kinds.activations import Activation, LeakyReLU, PReLU
from skmlp._kinds.base import (
    Add,
    AlphaDropout,
    Concatenate,
    Dense,
    Dropout,
    Kind,
    Rescaling,
    Standardization,
)
from skmlp._kinds.keras_layers import BatchNormalization, KerasLayer, LayerNormalization
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp._network.keras_entries import Entry, Head
from skmlp._network.keras_network import KerasNetwork, KerasSpec
from skmlp._network.layer_chain import ChainLayer, LayerChain
from skmlp._network.mlp import MLPSpec
from skmlp._network.model_text import ModelText
from skmlp._network.spec import Layer, TargetScaling
from skmlp._network.tabular import TabularSpec

SAVED_TYPES = (
    # Estimators: loading sets their attributes and calls nothing else.
    KerasClassifier,
    KerasRegressor,
    MLPAutoencoder,
    MLPClassifier,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
    WideDeepClassifier,
    WideDeepRegressor,
    # Records of numbers, names and arrays; loading calls none of their methods.
    FittedNetwork,
    AutoencoderSpec,
    CategoryInputs,
    Entry,
    Head,
    KerasNetwork,
    KerasSpec,
    LayerChain,
    MLPSpec,
    ModelText,
    NumberInputs,
    Scale,
    SparseEncoder,
    ChainLayer,
    TableEncoder,
    TabularSpec,
    TargetScaling,
    TrainingState,
    # Layers of a user's network, which are records too
    Activation,
    Add,
    AlphaDropout,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Kind,
    Layer,
    LayerNormalization,
    LeakyReLU,
    PReLU,
    Rescaling,
    Standardization,
    # Text, from which Keras makes objects in its safe mode when they are used.
    KerasLayer,
    KerasText,
    # scikit-learn's selector of columns by name and dtype, for `wide_features`
    make_column_selector,
    # Of scikit-learn's imputers
    np.dtype,
)


def skops_trusted_types() -> list[str]:
    """Types to trust in a skops file of a fitted estimator, besides those that skops trusts.

    Loading objects of these types sets attributes and runs no other code. Keras objects among
    the parameters are saved as text, which Keras turns into objects in its safe mode when they
    are used. Your own functions and classes are not in the list: add their names.

    Returns
    -------
    types : list of str
        Full names, sorted, for `trusted` of `skops.io.load` or `skops_trusted_types` of
        `mlflow.sklearn.log_model`.

    Examples
    --------
    >>> from skmlp import skops_trusted_types
    >>> len(skops_trusted_types())
    45
    """
    return sorted(f"{cls.__module__}.{cls.__qualname__}" for cls in SAVED_TYPES)
