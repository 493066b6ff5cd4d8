"""KerasClassifier with an output for each column of y, each of classes of its own."""

import pickle

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmlp import KerasClassifier, skops_trusted_types

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype(np.float32)
ANSWER = np.where(X[:, 0] > 0, "yes", "no")
LEVEL = np.digitize(X[:, 1], [-0.5, 0.5]) + 5
WEIGHT = RNG.uniform(0.5, 1.5, 200)


def build(from_logits=False, widths=(1, 3), n_neurons=16):
    rows = keras.Input((4,))
    hidden = layers.Dense(n_neurons, activation="relu")(rows)
    activations = [None, None] if from_logits else ["sigmoid", "softmax"]
    heads = [
        layers.Dense(width, activation, name=name)(hidden)
        for width, activation, name in zip(
            widths, activations, ["answer", "level"], strict=True
        )
    ]
    model = keras.Model(rows, heads)
    losses = {
        "answer": keras.losses.BinaryCrossentropy(from_logits=from_logits),
        "level": keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
    }
    model.compile("adam", losses, metrics={"level": ["accuracy"]})
    return model


def build_by_meta(meta, compile_kwargs):
    rows = keras.Input((meta["n_features_in_"],))
    heads = [layers.Dense(n, activation="softmax")(rows) for n in meta["n_classes_"]]
    model = keras.Model(rows, heads)
    model.compile(**compile_kwargs)
    return model


CLASSIFIER = KerasClassifier(
    build, learning_rate=0.02, epochs=20, batch_size=32, random_state=0
)


@pytest.fixture(scope="module")
def fitted():
    return clone(CLASSIFIER).fit(X, [ANSWER, LEVEL])


def test_attributes(fitted):
    assert [classes.tolist() for classes in fitted.classes_] == [["no", "yes"], [5, 6, 7]]
    assert (fitted.y_type_, fitted.n_outputs_) == ("multiclass-multioutput", 4)
    history = fitted.history_
    assert set(history) == {
        "loss",
        "answer_loss",
        "level_loss",
        "level_accuracy",
        "learning_rate",
    }
    np.testing.assert_allclose(
        history["loss"], np.add(history["answer_loss"], history["level_loss"]), rtol=1e-5
    )


def test_predictions_are_those_of_the_model(fitted):
    of_model = fitted.model_.predict(X, verbose=0)
    answer, level = fitted.predict_proba(X)
    np.testing.assert_allclose(answer[:, 1:], of_model[0], atol=1e-6)
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(level, of_model[1], atol=1e-6)
    predicted = fitted.predict(X)
    assert predicted.shape == (200, 2)
    assert (predicted[:, 0] == np.where(of_model[0][:, 0] > 0.5, "yes", "no")).all()
    assert (predicted[:, 1] == of_model[1].argmax(axis=1) + 5).all()
    for log, probability in zip(fitted.predict_log_proba(X), (answer, level), strict=True):
        np.testing.assert_allclose(np.exp(log), probability, atol=1e-6)
    with pytest.raises(ValueError, match="'decision_function' must be called for a single"):
        fitted.decision_function(X)


def test_score_is_the_share_of_rows_that_are_all_right(fitted):
    right = (fitted.predict(X)[:, 0] == ANSWER) & (fitted.predict(X)[:, 1] == LEVEL)
    assert fitted.score(X, [ANSWER, LEVEL]) == right.mean() > 0.9
    weighted = fitted.score(X, [ANSWER, LEVEL], WEIGHT)
    assert weighted == pytest.approx(np.average(right, weights=WEIGHT))
    rows = [np.array(row, dtype=object) for row in zip(ANSWER, LEVEL, strict=True)]
    assert fitted.score(X, rows) == fitted.score(X, np.array(rows)) == right.mean()
    with pytest.raises(
        ValueError, match=r"'y' must have the shape \(200, 2\), a column for ea"
    ):
        fitted.score(X, ANSWER[:, None])


def test_targets_with_one_axis_or_two(fitted):
    mixed = clone(CLASSIFIER).fit(X, [ANSWER, LEVEL[:, None]])
    np.testing.assert_array_equal(mixed.predict(X), fitted.predict(X))
    missing = np.where(X[:, 0] > 2, None, ANSWER)
    with pytest.raises(ValueError, match=r"'y' must have a label for each row; got \d missing"):
        clone(CLASSIFIER).fit(X, [missing, LEVEL[:, None]])


def test_losses_are_those_of_keras(fitted):
    model = fitted.model_
    targets = [np.float32(ANSWER == "yes")[:, None], LEVEL - 5]
    measured = model.evaluate(X, targets, 200, verbose=0, return_dict=True)
    frame = pd.DataFrame({"answer": ANSWER, "level": LEVEL})
    resumed = clone(CLASSIFIER).set_params(learning_rate=1e-9, epochs=1, batch_size=200)
    resumed.fit(X, frame)
    resumed._state = fitted._state
    again = resumed.set_params(warm_start=True).fit(X, frame).history_
    for name in ("loss", "answer_loss", "level_loss"):
        assert again[name][-1] == pytest.approx(measured[name], rel=1e-3)


def test_logits_become_probabilities(fitted):
    logits = clone(CLASSIFIER).set_params(from_logits=True).fit(X, [ANSWER, LEVEL])
    for ours, theirs in zip(logits.predict_proba(X), fitted.predict_proba(X), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_losses_follow_from_the_classes():
    """Two units for two classes; the best epoch of held-out rows; a second time by a search."""
    numbers = np.column_stack([ANSWER == "yes", LEVEL])
    classifier = KerasClassifier(
        build_by_meta, learning_rate=0.05, epochs=20, early_stopping=True, random_state=0
    )
    search = GridSearchCV(classifier, {"learning_rate": [1e-4, 0.05]}, cv=2)
    best = search.fit(X, numbers).best_estimator_
    assert best.learning_rate == 0.05
    assert [one.shape[1] for one in best.predict_proba(X)] == [2, 3]
    losses = [type(loss).__name__ for loss in best.model_.loss]
    assert losses == ["SparseCategoricalCrossentropy"] * 2
    best.model_.evaluate(X, [numbers[:, 0], LEVEL - 5], verbose=0)


def test_files(fitted, tmp_path):
    expected = fitted.predict(X)
    assert (pickle.loads(pickle.dumps(fitted)).predict(X) == expected).all()
    saved = clone(CLASSIFIER).set_params(checkpoint_dir=tmp_path).fit(X, [ANSWER, LEVEL])
    loaded = clone(saved).load_checkpoint()
    assert (loaded.predict(X) == saved.predict(X)).all()
    assert (saved.predict(X) == expected).all()


def test_skops_file(fitted):
    skops_io = pytest.importorskip("skops.io", reason="skops is not installed")
    copy = pickle.loads(pickle.dumps(fitted)).set_params(model=None)
    loaded = skops_io.loads(skops_io.dumps(copy), trusted=skops_trusted_types())
    assert (loaded.predict(X) == fitted.predict(X)).all()


def test_indicators_are_several_labels():
    """With an output for each, as with one output for all."""
    rows = keras.Input((4,))
    heads = [layers.Dense(1, activation="sigmoid")(rows) for _ in range(2)]
    classifier = KerasClassifier(
        keras.Model(rows, heads), learning_rate=0.05, epochs=20, batch_size=32, random_state=0
    )
    labels = [(ANSWER == "yes").astype(int), (LEVEL > 5).astype(int)]
    classifier.fit(X, labels)
    assert classifier.y_type_ == "multilabel-indicator"
    assert classifier.predict_proba(X).shape == (200, 2)
    assert classifier.score(X, np.column_stack(labels)) > 0.8
    assert set(classifier.history_) == {"loss", "dense_loss", "dense_1_loss", "learning_rate"}
    measured = classifier.model_.evaluate(
        X, [np.float32(one)[:, None] for one in labels], 200, verbose=0
    )
    assert measured[0] < classifier.history_["loss"][-1]


def test_partial_fit_of_a_fitted_one(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    copy.partial_fit(X[:50], [ANSWER[:50], LEVEL[:50]])
    assert len(copy.history_["loss"]) == 21
    with pytest.raises(ValueError, match="'classes' must be the labels of a single output"):
        clone(copy).partial_fit(X, [ANSWER, LEVEL], classes=[["no", "yes"], [5, 6, 7]])


@pytest.mark.parametrize(
    ("y", "widths", "message"),
    [
        (
            [ANSWER, LEVEL],
            (1, 2),
            r"an output for each column of 'y', .* \[2, 3\], .* \[1, 2\]",
        ),
        (
            [LEVEL, ANSWER],
            (1, 3),
            r"an output for each column of 'y', .* \[3, 2\], .* \[1, 3\]",
        ),
        ([ANSWER, np.full(200, 5)], (1, 3), "two classes or more in each column; got one in"),
        ([ANSWER, LEVEL, LEVEL], (1, 3), "an output for each column of 'y'"),
    ],
)
def test_targets_that_do_not_fit(y, widths, message):
    with pytest.raises(ValueError, match=message):
        clone(CLASSIFIER).set_params(widths=widths).fit(X, y)


def test_other_targets_than_in_fit(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    for y, message in (
        ([ANSWER, LEVEL + 1], r"known classes of each column only, .* got \[8\] too"),
        ([ANSWER, LEVEL, LEVEL], "'y' must have 2 columns, as in fit"),
        (ANSWER, "'y' must have 2 columns, as in fit"),
    ):
        with pytest.raises(ValueError, match=message):
            copy.partial_fit(X, y)
    assert (copy.predict(X) == fitted.predict(X)).all()
