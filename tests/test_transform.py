"""Hidden layers' outputs as features."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from skmlp import MLPClassifier, MLPRegressor

X = np.random.RandomState(0).normal(size=(80, 4))
Y = X[:, 0] - X[:, 1] ** 2
REGRESSOR = MLPRegressor(
    (7, 5),
    activation="tanh",
    optimizer="sgd",
    epochs=3,
    normalization="batch",
    dropout=0.3,
    input_dropout=0.1,
    random_state=0,
)


@pytest.mark.parametrize("layer", [0, 1, -1, -2])
@pytest.mark.parametrize(
    "activation", ["tanh", ["prelu", keras.layers.ELU()]], ids=["name", "layers"]
)
def test_outputs_are_those_of_the_keras_layer(layer, activation):
    regressor = clone(REGRESSOR).set_params(activation=activation).fit(X, Y)
    model = regressor.model_
    inner = keras.Model(model.inputs, model.get_layer(f"activation_{layer % 2 + 1}").output)
    hidden = regressor.hidden_output(X, layer)
    assert hidden.shape == (80, (7, 5)[layer])
    np.testing.assert_allclose(hidden, inner.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_the_last_layer_s_are_features_with_names():
    classifier = MLPClassifier((6,), epochs=2, random_state=0).fit(X, Y > 0)
    np.testing.assert_array_equal(classifier.transform(X), classifier.hidden_output(X))
    names = [f"mlpclassifier{i}" for i in range(6)]
    assert list(classifier.get_feature_names_out()) == names
    frame = classifier.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == names


def test_as_a_step_of_a_pipeline():
    pipeline = make_pipeline(clone(REGRESSOR), LinearRegression()).fit(X, Y)
    assert pipeline[:-1].transform(X).shape == (80, 5)
    assert pipeline.predict(X).shape == (80,)


def test_large_inputs_go_through_in_chunks():
    regressor = clone(REGRESSOR).fit(X, Y)
    rows = np.tile(X, (1200, 1))
    many = regressor.hidden_output(rows, 0)
    np.testing.assert_allclose(many[-80:], regressor.hidden_output(X, 0), rtol=1e-4, atol=1e-5)
    assert regressor.predict(rows).dtype == np.float64
