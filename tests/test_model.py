"""`model_` is compiled: Keras can evaluate it and continue training it."""

import keras
import numpy as np
import pytest
from sklearn.base import clone

from skmlp import MLPClassifier, MLPRegressor, WideDeepClassifier, WideDeepRegressor

RNG = np.random.RandomState(0)
X = RNG.normal(size=(75, 4)).astype(np.float32)
SIGNAL = X[:, 0] - X[:, 1] ** 2
CLASSES = np.digitize(SIGNAL, [-1, 0])
NAMES = np.array(["low", "middle", "top"])[CLASSES]
LABELS = np.column_stack([SIGNAL > 0, X[:, 2] > 0, X[:, 3] > 0.5]).astype(int)
# One epoch that changes no weights: its loss is that of the fitted weights.
STANDING_STILL = {
    "hidden_layer_sizes": (7,),
    "batch_size": 32,
    "epochs": 1,
    "shuffle": False,
    "optimizer": "sgd",
    "learning_rate": 1e-30,
    "random_state": 0,
}
REGRESSOR = MLPRegressor(**STANDING_STILL)
CLASSIFIER = MLPClassifier(**STANDING_STILL)
WIDE = {"wide_features": [0, 1], "aux_loss_weight": 0.3}


def evaluated(fitted, target, **arguments):
    """Keras's loss and metrics, by name."""
    inputs = fitted._state.spec.inputs(fitted._encode_features(X))
    inputs = list(inputs.values()) if len(inputs) > 1 else X
    return fitted.model_.evaluate(inputs, target, verbose=0, return_dict=True, **arguments)


# kind -> estimator, y, targets for Keras
PROBLEMS = {
    "regression": (REGRESSOR, SIGNAL, SIGNAL),
    "outputs": (REGRESSOR, X[:, :2] ** 2, X[:, :2] ** 2),
    "huber": (
        clone(REGRESSOR).set_params(loss="huber", l1=0.01, l2=0.02),
        SIGNAL,
        SIGNAL[:, None],
    ),
    "poisson": (clone(REGRESSOR).set_params(loss="poisson"), SIGNAL**2, SIGNAL**2),
    "binary": (CLASSIFIER, SIGNAL > 0, (SIGNAL > 0).astype(int)),
    "multiclass": (CLASSIFIER, NAMES, CLASSES),
    "multilabel": (clone(CLASSIFIER).set_params(l2=0.02), LABELS, LABELS),
    "smoothed binary": (
        clone(CLASSIFIER).set_params(label_smoothing=0.1),
        SIGNAL > 0,
        (SIGNAL > 0).astype(np.float32),
    ),
    "smoothed multiclass": (
        clone(CLASSIFIER).set_params(label_smoothing=0.1),
        NAMES,
        np.eye(3)[CLASSES],
    ),
    "brier": (
        clone(CLASSIFIER).set_params(loss="squared_error"),
        NAMES,
        np.eye(3)[CLASSES],
    ),
    "sparse": (
        MLPClassifier(**STANDING_STILL, loss=keras.losses.SparseCategoricalCrossentropy(True)),
        NAMES,
        CLASSES,
    ),
    "wide and deep": (
        WideDeepRegressor(**STANDING_STILL, **WIDE, l2=0.02),
        SIGNAL,
        [SIGNAL] * 2,
    ),
    "wide and deep classes": (
        WideDeepClassifier(**STANDING_STILL, **WIDE),
        NAMES,
        [CLASSES] * 2,
    ),
    "wide": (WideDeepClassifier(**STANDING_STILL, wide_features=[0]), NAMES, CLASSES),
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_evaluate_gives_the_estimators_loss(kind):
    estimator, y, target = PROBLEMS[kind]
    fitted = clone(estimator).fit(X, y)
    np.testing.assert_allclose(evaluated(fitted, target)["loss"], fitted.loss_, rtol=2e-5)
    # In one batch, since Keras averages each output's loss over batches of any size.
    measured = evaluated(fitted, target, batch_size=75)
    if tuple(map(int, keras.__version__.split(".")[:2])) < (3, 6):
        return  # it reports the outputs' losses times their weights
    for name in {"main_output_loss", "aux_output_loss"} & set(measured):
        np.testing.assert_allclose(measured[name], fitted.history_[name][0], rtol=2e-5)


def test_penalties_of_a_wide_path_alone_are_left_out():
    params = {**STANDING_STILL, "wide_features": [0, 1]}
    plain = WideDeepRegressor(**params).fit(X, SIGNAL)
    penalised = WideDeepRegressor(**params, wide_l2=0.5).fit(X, SIGNAL)
    assert penalised.loss_ > plain.loss_
    np.testing.assert_allclose(evaluated(penalised, SIGNAL)["loss"], plain.loss_, rtol=2e-5)


def test_metrics_of_keras_are_measured_too():
    listed = ["r2", "mean_absolute_error", keras.metrics.RootMeanSquaredError(name="rmse")]
    fitted = clone(REGRESSOR).set_params(metrics=listed).fit(X, SIGNAL)
    measured = evaluated(fitted, SIGNAL)
    assert set(measured) == {"loss", "mean_absolute_error", "rmse"}
    for name in set(measured) - {"loss"}:
        np.testing.assert_allclose(measured[name], fitted.history_[name][0], rtol=2e-5)


def test_metrics_take_the_targets_of_the_loss():
    listed = ["sparse_categorical_accuracy", keras.metrics.CategoricalAccuracy(name="other")]
    fitted = clone(CLASSIFIER).set_params(metrics=listed).fit(X, NAMES)
    measured = evaluated(fitted, CLASSES)
    assert set(measured) == {"loss", "sparse_categorical_accuracy"}
    assert measured["sparse_categorical_accuracy"] == pytest.approx(fitted.score(X, NAMES))
    fitted.set_params(label_smoothing=0.1)
    assert set(evaluated(fitted, np.eye(3)[CLASSES])) == {"loss", "other"}


def test_metrics_of_two_outputs_are_those_of_the_main_one():
    estimator = WideDeepRegressor(**STANDING_STILL, **WIDE, metrics=["mean_absolute_error"])
    fitted = estimator.fit(X, SIGNAL)
    measured = evaluated(fitted, [SIGNAL] * 2)
    assert measured["main_output_mean_absolute_error"] == pytest.approx(
        fitted.history_["mean_absolute_error"][0], rel=2e-5
    )


def test_keras_trains_on_at_the_estimators_rate():
    params = {"optimizer": "adam", "learning_rate": 0.02, "clipnorm": 0.5, "epochs": 1}
    fitted = clone(REGRESSOR).set_params(**params).fit(X, SIGNAL)
    model = fitted.model_
    settings = model.optimizer.get_config()
    assert settings["learning_rate"] == pytest.approx(0.02)
    assert settings["clipnorm"] == 0.5
    history = model.fit(X, SIGNAL, epochs=4, batch_size=75, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert evaluated(fitted, SIGNAL)["loss"] > history[-1]  # the estimator is unchanged


def test_a_schedule_object_comes_along():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    fitted = MLPRegressor((7,), learning_rate_schedule=schedule, epochs=1).fit(X, SIGNAL)
    rate = fitted.model_.optimizer.get_config()["learning_rate"]
    assert rate["config"]["initial_learning_rate"] == 0.1


def test_a_saved_model_is_keras_alone(tmp_path):
    params = {"l1": 0.01, "optimizer": "adam", "metrics": "sparse_categorical_accuracy"}
    model = clone(CLASSIFIER).set_params(**params).fit(X, NAMES).model_
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    arguments = {"x": X, "y": CLASSES, "verbose": 0}
    np.testing.assert_allclose(loaded.evaluate(**arguments), model.evaluate(**arguments))


def test_scaled_targets_are_evaluated_in_the_users_units():
    y = 1000 * SIGNAL + 5000
    fitted = clone(REGRESSOR).set_params(normalize_y=True).fit(X, y)
    loss = evaluated(fitted, y)["loss"]
    assert loss == pytest.approx(fitted.loss_ * fitted.target_scale_[0] ** 2, rel=1e-4)
