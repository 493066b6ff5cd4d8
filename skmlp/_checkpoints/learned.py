"""The attributes that fitting sets: kept after a failure, computed, saved and checked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from skmlp._checkpoints.portable import to_json
from skmlp._engine.state import TrainingState


@contextmanager
def all_or_nothing(estimator: BaseEstimator) -> Iterator[None]:
    """Restore the attributes that fitting had set before, if the block raises."""
    before = learned(estimator)
    try:
        yield
    except BaseException:
        forget(estimator)
        vars(estimator).update(before)
        raise


def learned(estimator: BaseEstimator) -> dict[str, Any]:
    """The attributes that fitting sets."""
    private = getattr(estimator, "_learned_privately", ("_state",))
    return {
        name: value
        for name, value in vars(estimator).items()
        if name in private or (name.endswith("_") and not name.startswith("_"))
    }


def shallow_copy(estimator: Any) -> Any:
    """A copy with the same attributes; `copy.copy` would save all Keras objects as text."""
    copied = object.__new__(type(estimator))
    vars(copied).update(vars(estimator))
    return copied


def forget(estimator: BaseEstimator) -> None:
    """Delete the attributes that fitting sets."""
    for name in learned(estimator):
        delattr(estimator, name)


NOT_ENDED = "Training had not ended when this checkpoint was written; fit resumes it."


def results(
    state: TrainingState, *, has_validation: bool, earlier: Mapping[str, Any]
) -> dict[str, Any]:
    """The attributes that report how training went.

    `earlier` holds the "history" and "scores" of the calls that this one resumed.
    """
    past = earlier["history"]
    unmeasured = [math.nan] * len(past.get("loss", []))
    is_scored = has_validation and math.isfinite(state.best_value)
    new, left_out = state.history, [math.nan] * state.epochs
    whole = {
        name: past.get(name, unmeasured) + new.get(name, left_out) for name in {**past, **new}
    }
    return {
        "history_": whole,
        "loss_curve_": whole["loss"],
        # No epoch is run if a callback restores a finished training.
        "loss_": whole["loss"][-1] if whole["loss"] else math.nan,
        "n_iter_": state.epochs,
        # As in scikit-learn, a value that is not watched is None.
        "best_loss_": None if has_validation else state.best_value,
        "best_validation_score_": -state.best_value if is_scored else None,
        "validation_scores_": earlier["scores"] + state.scores if has_validation else None,
        "stop_reason_": state.reason.value if state.reason else NOT_ENDED,
    }


def portable(from_data: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes learned from data, as JSON.

    Raises ValueError for labels and categories of types that a checkpoint cannot hold.
    """
    encoded = {}
    for name, value in from_data.items():
        columns = value.items() if name == "categories_" else [(None, value)]
        try:
            for column, part in columns:
                place = name if column is None else f"column {column!r} of X"
                to_json(part)
        except TypeError as error:
            raise ValueError(
                "'checkpoint_dir' must be None unless labels and categories are text, numbers, "
                "dates, intervals or tuples of these, which a checkpoint can hold; got "
                f"{error} in {place}; convert them to strings."
            ) from error
        encoded[name] = to_json(value)
    return encoded


def check_learned(values: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise an error of any type unless these are valid attributes learned from data."""
    n_features, n_outputs = values["n_features_in_"], values["n_outputs_"]
    names = values.get("feature_names_in_")
    categories = values.get("categories_", {})
    rules = [
        set(values) | {"feature_names_in_"} == set(known),
        type(n_features) is type(n_outputs) is int and min(n_features, n_outputs) > 0,
        names is None or names.shape == (n_features,),
        names is None or all(isinstance(name, str) for name in names),
        "classes_" not in values or _are_targets(values, n_outputs),
        all(isinstance(name, str) and type(of) is list for name, of in categories.items()),
        all(
            type(column) is int and 0 <= column < n_features
            for of in values.get("input_columns_", {}).values()
            for column in of
        ),
    ]
    n_categories = max(map(len, categories.values()), default=0)
    for name, shape, n_codes in (
        ("wide_inputs_", (), n_categories),
        ("deep_inputs_", (), n_categories),
        ("cross_inputs_", (2,), n_categories),
        ("hashed_crosses_", (2,), np.inf),
    ):
        terms = values.get(name, np.empty((0, *shape, 2), dtype=int))
        rules += [terms.dtype.kind == "i", terms.shape[1:] == (*shape, 2)]
        rules += [bool(((terms >= [0, -1]) & (terms < [n_features, n_codes])).all())]
        if name == "hashed_crosses_":
            rules += [bool((terms[:, :, 1].max(axis=1) > 0).all())]
    if not all(rules):
        raise ValueError("attributes that no fit sets")


def _are_targets(values: Mapping[str, Any], n_outputs: int) -> bool:
    kind = values["y_type_"]
    if kind == "multiclass-multioutput":
        return type(values["classes_"]) is list and all(
            classes.ndim == 1 and len(classes) > 1 for classes in values["classes_"]
        )
    (n_classes,) = values["classes_"].shape
    if kind == "binary":
        return n_classes in (1, 2) and n_outputs == 1
    if kind == "multiclass":
        return n_classes == n_outputs > 1
    return kind == "multilabel-indicator" and n_classes == n_outputs
