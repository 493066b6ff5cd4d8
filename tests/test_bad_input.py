"""Bad input raises one clear sentence, and a fitted estimator stays as it was."""

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from skmlp import MLPClassifier, MLPRegressor, WideDeepRegressor

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 3))
Y = X[:, 0]
LABELS = np.where(Y > 0, "up", "down")
REGRESSOR = MLPRegressor((4,), epochs=2, random_state=0)
CLASSIFIER = MLPClassifier((4,), epochs=2, random_state=0)


def with_value(array, value):
    array = np.array(array, dtype=float)
    array[3] = value
    return array


BAD_DATA = {
    "NaN in X": (with_value(X, np.nan), Y, {}, "contains NaN"),
    "infinity in X": (with_value(X, np.inf), Y, {}, "contains infinity"),
    "X beyond float32": (with_value(X, 1e300), Y, {}, "too large for dtype"),
    "text in y": (X, LABELS, {}, "'y' must hold numbers for a regressor.*use a classifier"),
    "a list of one pair": (X, Y, {"validation_data": [(X, Y)]}, "got a list of 1"),
    "NaN in y": (X, with_value(Y, np.nan), {}, "contains NaN"),
    "infinity in y": (X, with_value(Y, -np.inf), {}, "contains infinity"),
    "y beyond float32": (X, with_value(Y, 1e300), {}, "'y' must fit into float32"),
    "no rows": (X[:0], Y[:0], {}, "0 sample"),
    "complex X": (X + 1j, Y, {}, "Complex data not supported"),
    "text in X": (np.full((40, 3), "a", dtype=object), Y, {}, "must hold numbers; got text"),
    "y of the wrong length": (X, Y[:-1], {}, "inconsistent numbers of samples"),
    "durations in y": (
        X,
        np.full(40, 5, "m8[h]"),
        {},
        "'y' must hold numbers for a regressor; got dates or dur",
    ),
    "periods in y": (
        X,
        pd.Series(pd.period_range("2020", periods=40, freq="D")),
        {},
        "'y' must hold numbers for a regressor; got dates or dur",
    ),
    "dates in y": (
        X,
        pd.Series(pd.to_datetime(["2020-01-01", None] * 20, utc=True)),
        {},
        "'y' must hold numbers for a regressor; got dates or dur",
    ),
    "y of three axes": (X, Y.reshape(-1, 1, 1), {}, "dim 3"),
    "y is missing": (X, None, {}, "requires y"),
    "negative weight": (
        X,
        Y,
        {"sample_weight": with_value(np.ones(40), -1)},
        "Negative values",
    ),
    "weights of zero": (X, Y, {"sample_weight": np.zeros(40)}, "non-zero|must be positive"),
    "weights of the wrong length": (X, Y, {"sample_weight": np.ones(3)}, "sample_weight.shape"),
    "X_val without y_val": (X, Y, {"X_val": X}, "'X_val' and 'y_val'"),
    "weights without X_val": (X, Y, {"sample_weight_val": Y}, "'X_val' and 'y_val'"),
    "two validation sets": (X, Y, {"X_val": X, "y_val": Y, "validation_data": (X, Y)}, "both"),
    "validation_data is no pair": (X, Y, {"validation_data": (X,)}, r"tuple \(X, y\)"),
    "other columns in X_val": (X, Y, {"X_val": X[:, :2], "y_val": Y}, "expecting 3 features"),
    "other outputs in y_val": (X, Y, {"X_val": X, "y_val": X[:, :2]}, "as many columns"),
    "one validation row": (
        X,
        Y,
        {"X_val": X[:1], "y_val": Y[:1]},
        "2 validation rows, .* got 1; give",
    ),
    "no validation weight": (
        X,
        Y,
        {"X_val": X, "y_val": Y, "sample_weight_val": np.zeros(40)},
        "non-zero|'sample_weight_val' must be positive",
    ),
    "no epochs": (X, Y, {"epochs": 0}, "'epochs' must be a whole number, at least 1; got 0"),
    "no callbacks": (X, Y, {"callbacks": [print]}, "'callbacks' must hold"),
}

DECAY = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
BAD_PARAMETERS = {
    "activation": ("swoosh", "'activation' parameter"),
    "activation ": (["swoosh"], "'activation' must hold names out of .*celu.*got 'swoosh'"),
    "normalization": ("group", "'normalization' parameter"),
    "normalization ": (keras.layers.Dropout(0.1), "'normalization' must be 'batch', 'layer'"),
    "input_dropout": (1, "'input_dropout' parameter"),
    "learning_rate_schedule": ("saw", "'learning_rate_schedule' parameter .*'one_cycle'"),
    "decay_rate": (0.5, "'decay_rate' must be None for learning_rate_schedule=None"),
    "decay_steps": (0, "'decay_steps' parameter"),
    "warmup_steps": (5, "'warmup_steps' must be None"),
    "clipnorm": (0, "'clipnorm' parameter"),
    "ema_decay": (1.0, r"'ema_decay' parameter .*\(0.0, 1.0\)"),
    "scoring": ("best", "'scoring' must be None, 'loss', .*accuracy.*got 'best'"),
    "metrics": ("bset", "'metrics' must be one of .*mean_squared_error.*got 'bset'"),
    "metrics ": ([len], "'metrics' must hold names"),
    "checkpoint_every": (0, "'checkpoint_every' parameter"),
    "hidden_layer_sizes": ((4, 0), "'hidden_layer_sizes' must hold"),
    "n_hidden": (-1, "'n_hidden' parameter"),
    "n_neurons": (0, "'n_neurons' parameter"),
    "kernel_initializer": ("he", "'kernel_initializer' must be one of .*he_uniform"),
    "dropout": (1.0, "'dropout' parameter"),
    "loss": ("square", "'loss' must be one of absolute_error"),
    "optimizer": ("adamant", "'optimizer' must be one of .*adam, .*got 'adamant'"),
    "learning_rate": (0, "'learning_rate' parameter"),
    "learning_rate ": ("constant", "leave 'learning_rate_schedule' at its default"),
    "learning_rate  ": ("adaptive", "learning_rate_schedule='plateau'"),
    "learning_rate   ": (DECAY, "give it as 'learning_rate_schedule'"),
    "momentum": (0.9, "'momentum' must be None .*Adam"),
    "nesterov": (True, "'nesterov' must be None"),
    "weight_decay": (-0.1, "'weight_decay' parameter"),
    "batch_size": (0, "'batch_size' parameter"),
    "epochs": (0, "'epochs' parameter"),
    "tol": (-1, "'tol' parameter"),
    "n_iter_no_change": (0.5, "'n_iter_no_change' parameter"),
    "l1": (-1, "'l1' parameter"),
    "l2": ("much", "'l2' parameter"),
    "validation_fraction": (1.0, "'validation_fraction' parameter"),
    "random_state": ("seed", "'random_state' parameter"),
    "callbacks": (3, "'callbacks' parameter"),
}


def refused(estimator, X, y, message, **fit):
    """The error is one sentence (or scikit-learn's), and the estimator is as it was."""
    before = {name: id(value) for name, value in vars(estimator).items()}
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(X, y, **fit)
    assert {name: id(value) for name, value in vars(estimator).items()} == before


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data(case):
    rows, y, fit, message = BAD_DATA[case]
    refused(clone(REGRESSOR), rows, y, message, **fit)
    fitted = clone(REGRESSOR).fit(X, Y)
    expected = fitted.predict(X)
    refused(fitted, rows, y, message, **fit)
    np.testing.assert_array_equal(fitted.predict(X), expected)


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_bad_parameters(name):
    value, message = BAD_PARAMETERS[name]
    fitted = clone(REGRESSOR).fit(X, Y)
    refused(fitted.set_params(**{name.strip(): value}), X, Y, message)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"dropout": (0.1, 0.2)}, "'dropout' must be .* 2 values for 1 hidden"),
        ({"activation": ["relu", "elu"]}, "'activation' must be .* 2 values for 1 hidden"),
        ({"clipnorm": 1.0, "clipvalue": 2.0}, "together; got clipvalue=2.0, clipnorm=1.0; "),
        (
            {"learning_rate_schedule": "cosine", "decay_rate": 0.5},
            "'decay_rate' must be None for learning_rate_schedule='cosine'",
        ),
        (
            {"learning_rate_schedule": "plateau", "n_iter_no_change": np.inf},
            "'plateau' must have a finite 'n_iter_no_change'",
        ),
        (
            {"learning_rate_schedule": "cosine", "optimizer": keras.optimizers.SGD(DECAY)},
            "'learning_rate_schedule' must be None where .* drop one",
        ),
        (
            {"learning_rate_schedule": DECAY, "learning_rate": 0.1},
            "'learning_rate' must be left at its default where 'learning_rate_schedule'",
        ),
        ({"learning_rate_schedule": np.negative}, "finite, non-negative rate.* epoch 1"),
        (
            {"learning_rate_schedule": lambda epoch: None},
            "finite, non-negative .* got None for epoch",
        ),
        (
            {"ema_decay": 0.9, "optimizer": keras.optimizers.SGD(use_ema=True)},
            "'ema_decay' must be None where the optimizer",
        ),
        ({"dropout": (1.5,)}, r"'dropout' must hold numbers in \[0, 1\)"),
        ({"hidden_layer_sizes": (), "n_hidden": 2}, "'n_hidden' must be 0 or None where"),
        ({"loss": lambda y, p: keras.ops.mean(y - p)}, "'loss' must give one value for each"),
        (
            {"early_stopping": True, "validation_fraction": 0.99},
            r"got 0.99 of 3 rows of positive weight \(.*\); pass .* instead\.$",
        ),
        ({"early_stopping": True, "validation_fraction": 0.01}, "at least 2 validation rows"),
        (
            {"optimizer": keras.optimizers.SGD(DECAY), "learning_rate": 0.1},
            "'learning_rate' must be left at its default",
        ),
    ],
)
def test_contradictions(parameters, message):
    if parameters.get("validation_fraction") == 0.99:
        refused(clone(REGRESSOR).set_params(**parameters), X[:3], Y[:3], message)
    else:
        refused(clone(REGRESSOR).set_params(**parameters), X, Y, message)


def test_poisson_needs_targets_that_are_not_negative():
    refused(clone(REGRESSOR).set_params(loss="poisson"), X, Y, "'y' must not be negative")


def test_bad_labels():
    several = np.column_stack([LABELS, LABELS])
    refused(clone(CLASSIFIER), X, several, "got 2 columns of labels; use a KerasClassifier")
    refused(clone(CLASSIFIER), X, Y, "Unknown label type: continuous")
    days = pd.Series(pd.to_datetime(["2020-01-01", None] * 20))
    refused(clone(CLASSIFIER), X, days, "'y' must have a label for each row; got 20 missing;")
    unseen = np.where(Y > 1, "far up", LABELS)
    refused(clone(CLASSIFIER), X, LABELS, "known classes only.*far up", X_val=X, y_val=unseen)
    categorical = keras.losses.CategoricalCrossentropy()
    refused(clone(CLASSIFIER).set_params(loss=categorical), X, LABELS, "use 'log_loss'")
    rare = np.r_[["up"], np.full(39, "down")]
    stopping = clone(CLASSIFIER).set_params(early_stopping=True)
    refused(stopping, X, rare, r"of every class; .* a single row of 'up' \(.*\); pass")
    indicators = np.column_stack([Y > 0, Y > 1]).astype(int)
    refused(clone(CLASSIFIER), X, LABELS, "known classes|as in the first", X_val=X, y_val=Y > 0)
    refused(clone(CLASSIFIER), X, LABELS, "binary; got multilabel", X_val=X, y_val=indicators)


def test_scores_are_numbers():
    silent = clone(CLASSIFIER).set_params(scoring=lambda estimator, X, y: None)
    refused(
        silent, X, LABELS, "'scoring' must return a number; got None", X_val=X, y_val=LABELS
    )


@pytest.mark.parametrize("name", ["scoring", "metrics"])
def test_scorers_fit_the_targets(name):
    """Scikit-learn's own error tells neither the parameter nor the scorer."""
    scored = clone(CLASSIFIER).set_params(**{name: "f1"})
    message = f"'{name}' must fit the targets and .*; got 'f1', which failed with pos_label=1"
    refused(scored, X, LABELS, message, X_val=X, y_val=LABELS)


def test_scorers_that_take_no_weights_or_other_predictions():
    """Of a user's own callable, the weights are left out; scikit-learn's must take them."""
    weight = np.arange(1.0, len(X) + 1)
    seen = []

    def score(estimator, rows, y):
        seen.append(rows.shape)
        return estimator.score(rows.copy(), y)

    scored = clone(REGRESSOR).set_params(scoring=score)
    scored.fit(X, Y, X_val=X, y_val=Y, sample_weight_val=weight)
    assert set(seen) == {X.shape}
    unweighted = clone(REGRESSOR).fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_allclose(scored.validation_scores_, unweighted.validation_scores_)
    validation = {"X_val": X, "y_val": Y, "sample_weight_val": weight}
    for scoring in ("neg_max_error", "roc_auc", lambda e, rows, y: e.score(rows[:3], y[:3])):
        refused(
            clone(REGRESSOR).set_params(scoring=scoring),
            X,
            Y,
            "'scoring' must fit the targets and their weights",
            **validation,
        )


@pytest.mark.parametrize("name", ["loss", "learning_rate", "val_loss"])
def test_metrics_have_names_of_their_own(name):
    def gap(y_true, y_pred):
        return y_true - y_pred

    gap.__name__ = name
    named = clone(REGRESSOR).set_params(metrics=[gap])
    refused(named, X, Y, f"'metrics' must not have the names of other .* got '{name}'")
    twice = clone(REGRESSOR).set_params(metrics=[lambda t, p: t - p, lambda t, p: p - t])
    refused(twice, X, Y, "'metrics' must have different names; got '<lambda>' twice")
    squares = keras.metrics.MeanSquaredError(name="mean_absolute_error")
    for pair in (
        ["mean_absolute_error", squares],
        [keras.metrics.MeanAbsoluteError(), squares],
    ):
        named.set_params(metrics=pair)
        refused(named, X, Y, "different names; got 'mean_absolute_error' twice")


def test_metrics_that_cannot_be_copied():
    wrapper = keras.metrics.MeanMetricWrapper(lambda y_true, y_pred: y_true - y_pred, "gap")
    message = "'metrics' must hold metrics that can be made again .* got 'gap', which failed"
    refused(clone(REGRESSOR).set_params(metrics=[wrapper]), X, Y, message)


def test_held_out_rows_need_weight():
    stopping = clone(REGRESSOR).set_params(early_stopping=True)
    weight = np.eye(1, len(X))[0]
    message = "must leave rows on both sides of the split.*; got 0.1 of 1 row"
    refused(stopping, X, Y, message, sample_weight=weight)


def test_label_smoothing_needs_a_cross_entropy():
    smooth = clone(CLASSIFIER).set_params(label_smoothing=0.1, loss="squared_error")
    refused(smooth, X, LABELS, "'label_smoothing' must be 0 for a loss")
    refused(smooth.set_params(label_smoothing=1.0), X, LABELS, "'label_smoothing' parameter")


def test_no_such_hidden_layer():
    fitted = clone(REGRESSOR).fit(X, Y)
    for layer in (-2, 1, "hidden_1"):
        with pytest.raises(ValueError, match="'layer' must be the number of one of the 1 hid"):
            fitted.hidden_output(X, layer)
    with pytest.raises(ValueError, match="'layer' must name a hidden layer; got"):
        clone(REGRESSOR).set_params(hidden_layer_sizes=()).fit(X, Y).transform(X)


def test_class_weights_must_leave_something():
    weightless = clone(CLASSIFIER).set_params(class_weight={"up": 0, "down": 0})
    refused(weightless, X, LABELS, "positive for at least one row")
    for weight in (-2, "2", np.inf):
        weightless.set_params(class_weight={"up": weight})
        refused(weightless, X, LABELS, "'class_weight' must hold finite, non-negative numbers")
    by_position = weightless.set_params(class_weight={0: 1, 1: 2})
    refused(by_position, X, LABELS, r"must name classes of y, \['down', 'up'\]; got \[0, 1\]")


def test_class_weights_count_in_parts_that_lack_a_class():
    parts = clone(CLASSIFIER).set_params(class_weight={"up": 2.0})
    parts.partial_fit(X[Y < 0], LABELS[Y < 0], classes=["down", "up"])
    plain = clone(CLASSIFIER).partial_fit(X[Y < 0], LABELS[Y < 0], classes=["down", "up"])
    np.testing.assert_array_equal(parts.predict_proba(X), plain.predict_proba(X))


def test_bad_rows_to_predict():
    fitted = clone(REGRESSOR).fit(pd.DataFrame(X, columns=list("abc")), Y)
    with pytest.raises(ValueError, match="expecting 3 features"):
        clone(REGRESSOR).fit(X, Y).predict(X[:, :2])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(pd.DataFrame(X, columns=list("abd")))
    with pytest.raises(ValueError, match="contains NaN"):
        fitted.predict(pd.DataFrame(with_value(X, np.nan), columns=list("abc")))


@pytest.mark.parametrize("dtype", [object, "string"])
@pytest.mark.parametrize("missing", [pd.NA, None, np.nan])
def test_text_is_named_after_a_missing_value(missing, dtype):
    frame = pd.DataFrame(X, columns=list("abc"))
    frame["b"] = pd.Series([missing, *LABELS[1:]], dtype=dtype)
    refused(
        clone(REGRESSOR),
        frame,
        Y,
        "got text in 'b'; .* or use a tabular",
    )


def test_columns_may_have_the_names_of_attributes():
    frame = pd.DataFrame(X, columns=["dtype", "collect", "to_pandas"])
    np.testing.assert_array_equal(
        clone(REGRESSOR).fit(frame, Y).predict(frame), clone(REGRESSOR).fit(X, Y).predict(X)
    )


@pytest.mark.parametrize("attribute", ["coefs_", "intercepts_", "model_"])
def test_unfitted_estimators_say_so(attribute):
    with pytest.raises(AttributeError, match="not fitted"):
        getattr(clone(REGRESSOR), attribute)


def test_partial_fit_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="'early_stopping' must be False"):
        clone(REGRESSOR).set_params(early_stopping=True).partial_fit(X, Y)
    with pytest.raises(ValueError, match="classes must be passed"):
        clone(CLASSIFIER).partial_fit(X, LABELS)
    with pytest.raises(ValueError, match="'classes' must name the classes of y; got none"):
        clone(CLASSIFIER).partial_fit(X, LABELS, classes=[])
    with pytest.raises(ValueError, match="'class_weight' must not be 'balanced'"):
        clone(CLASSIFIER).set_params(class_weight="balanced").partial_fit(X, LABELS)
    fitted = clone(CLASSIFIER).fit(X, LABELS)
    with pytest.raises(ValueError, match="known classes only"):
        fitted.partial_fit(X, np.where(Y > 1, "far up", LABELS))
    assert list(fitted.classes_) == ["down", "up"]
    assert fitted.n_iter_ == 2


def test_going_on_needs_the_same_network():
    fitted = clone(REGRESSOR).set_params(warm_start=True).fit(X, Y)
    refused(fitted.set_params(hidden_layer_sizes=(5,)), X, Y, "must stay as they were")
    normalised = fitted.set_params(hidden_layer_sizes=(4,), normalization="batch")
    refused(normalised, X, Y, "layers hidden_1, normalization_1, output for hidden_1, output;")
    wide = WideDeepRegressor((3,), epochs=1, warm_start=True).fit(X, Y)
    refused(wide.set_params(aux_loss_weight=0.2), X, Y, "whether 'aux_loss_weight' is 0, must")


def test_a_failing_callback_leaves_the_estimator_as_it_was():
    class Failing(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise ValueError("no space left")

    fitted = clone(REGRESSOR).fit(X, Y)
    refused(fitted, X[:, :2], Y, "no space left", callbacks=[Failing()])
    assert fitted.n_features_in_ == 3
