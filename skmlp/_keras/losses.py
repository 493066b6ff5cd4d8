"""Losses: looked up by name or object, and applied to a network's raw outputs."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from skmlp._keras.loss_rules import check_is_mean
from skmlp._keras.objects import config_key
from skmlp._keras.tensorflow import keras, tf

# Keras's own names work too; these are scikit-learn's.
SCIKIT_LEARN_NAMES = {
    "squared_error": "MeanSquaredError",
    "absolute_error": "MeanAbsoluteError",
    "huber": "Huber",
    "poisson": "Poisson",
    "log_cosh": "LogCosh",
}
# The targets decide which cross-entropy is meant, so these names are interchangeable.
CROSS_ENTROPIES = frozenset(
    {
        "log_loss",
        "cross_entropy",
        "crossentropy",
        "ce",
        "bce",
        "binary_crossentropy",
        "categorical_crossentropy",
        "sparse_categorical_crossentropy",
    }
)
BINARY = (keras.losses.BinaryCrossentropy, keras.losses.BinaryFocalCrossentropy)
BINARY_FUNCTIONS = (
    keras.losses.binary_crossentropy,
    keras.losses.binary_focal_crossentropy,
)


@dataclass(frozen=True)
class RowLoss:
    """A loss that gives one value per row; equal keys mean equal losses."""

    key: Hashable
    on_predictions: Any = field(compare=False)  # for `keras.Model.compile`
    # (targets, raw outputs (n, n_outputs)) -> (n,); targets are (n, n_outputs) floats, or
    # (n,) class indices
    on_raw: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = field(compare=False)


@dataclass(frozen=True)
class PinballLoss:
    """The loss that quantiles minimise (Koenker and Bassett 1978, "Regression quantiles").

    Targets and outputs have a column for each quantile of the first target, then of the next.
    """

    quantiles: tuple[float, ...]

    def __call__(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        n_targets = outputs.shape[-1] // len(self.quantiles)
        shares = tf.constant(self.quantiles * n_targets)
        errors = y - outputs
        return tf.maximum(shares * errors, (shares - 1) * errors)


@dataclass(frozen=True)
class SumOfLosses:
    """Losses of outputs that lie side by side, each times a weight.

    Targets have a column for each column of the outputs; or one for each output, which holds
    class indices where the output has several columns.
    """

    losses: tuple[RowLoss, ...]
    widths: tuple[int, ...]
    weights: tuple[float, ...]

    def __call__(self, y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        parts = zip(self.weights, self.parts(y, outputs), strict=True)
        return tf.add_n([weight * part for weight, part in parts])

    def parts(self, y: tf.Tensor, outputs: tf.Tensor) -> list[tf.Tensor]:
        """Losses of each output, (rows,), without their weights."""
        of_classes = y.shape[-1] < sum(self.widths)
        targets = tf.split(y, [1] * len(self.widths) if of_classes else self.widths, axis=-1)
        of_outputs = tf.split(outputs, self.widths, axis=-1)
        return [
            loss.on_raw(
                target if target.shape[-1] == width else tf.cast(target[:, 0], tf.int32), output
            )
            for loss, target, output, width in zip(
                self.losses, targets, of_outputs, self.widths, strict=True
            )
        ]


def row_loss(
    loss: Any, output_activation: str, n_outputs: int, label_smoothing: float = 0.0
) -> RowLoss:
    """The loss that the engine minimises, from the parameters `loss` and `label_smoothing`.

    A cross-entropy that matches the output activation is computed from the raw outputs, even
    if its object says otherwise: the function is the same, and exact where outputs saturate.
    """
    is_fixed = isinstance(loss, str) and (loss in SCIKIT_LEARN_NAMES or loss in CROSS_ENTROPIES)
    find = _fixed_row_loss if is_fixed else _row_loss
    return find(loss, output_activation, n_outputs, label_smoothing)


def _row_loss(
    loss: Any, output_activation: str, n_outputs: int, label_smoothing: float
) -> RowLoss:
    found = _find(loss, "binary" if output_activation == "sigmoid" else "categorical")
    if label_smoothing:
        found = _smoothed(found, float(label_smoothing))
    link = _link_of_logits(found)
    if link == "softmax" and n_outputs == 1 and output_activation == "softmax":
        raise ValueError(
            "'model' must end in a sigmoid for a single output, since a softmax of one unit is "
            "always 1; got softmax; use activation='sigmoid', or a unit for each class."
        )
    if link == "softmax" and n_outputs == 1:
        raise ValueError(
            "'loss' must fit the network's single output; got a categorical loss, "
            f"{loss!r}; use 'log_loss' for two classes, 'squared_error' for numbers."
        )
    if link == output_activation and _takes_logits_if_set(found):
        on_raw = _per_row(_with_logits(found, True), "linear", n_outputs)
        found = _with_logits(found, False)
    else:
        on_raw = _per_row(found, output_activation, n_outputs)
    return RowLoss((config_key(found), output_activation, n_outputs), found, on_raw)


_fixed_row_loss = lru_cache(_row_loss)  # of names that mean the same in every call


def loss_of_output(loss: Any, width: int, has_indices: bool = False) -> Any:
    """A loss of one of several outputs, of this width, as `row_loss` takes it.

    `has_indices`: targets are class indices.
    """
    if not isinstance(loss, str) or loss not in CROSS_ENTROPIES:
        return loss
    if width == 1 or loss in ("bce", "binary_crossentropy"):
        return keras.losses.BinaryCrossentropy()
    if has_indices or loss == "sparse_categorical_crossentropy":
        return keras.losses.SparseCategoricalCrossentropy()
    return keras.losses.CategoricalCrossentropy()


def keras_loss(
    loss: Any,
    n_outputs: int,
    output_activation: str,
    has_indices: bool,
    label_smoothing: float = 0.0,
) -> Any:
    """The loss for `keras.Model.compile`; `has_indices`: y holds class indices."""
    is_named = isinstance(loss, str) and loss in CROSS_ENTROPIES
    if has_indices and is_named and not label_smoothing:
        return keras.losses.SparseCategoricalCrossentropy()
    return row_loss(loss, output_activation, n_outputs, label_smoothing).on_predictions


@lru_cache
def check_row_loss(loss: RowLoss, n_outputs: int, n_targets: int | None) -> None:
    """Try the loss on two rows, so that a loss that cannot work fails before training.

    Targets have `n_targets` columns, or are class indices for None.
    """
    try:
        y = tf.zeros(2, tf.int32) if n_targets is None else tf.zeros((2, n_targets))
        loss.on_raw(y, tf.zeros((2, n_outputs)))
    except Exception as error:
        raise ValueError(
            "'loss' must give one value for each row of (y_true, y_pred); got "
            f"{loss.on_predictions!r}, which failed on two rows ({error}); take no mean over "
            "rows, and test it on two rows of zeros."
        ) from error


def link_of_logits(loss: Any) -> str | None:
    """The activation that a loss object applies itself to the raw outputs, if it does."""
    return _link_of_logits(loss) if _config(loss).get("from_logits") else None


def is_binary(loss: Any) -> bool:
    """Whether a loss of numbers, by name or object, is a cross-entropy of shares in [0, 1]."""
    found = _find(loss, "binary")
    return isinstance(found, BINARY) or found in BINARY_FUNCTIONS


def mean_loss(loss: Any, y: np.ndarray, predictions: np.ndarray, weight: np.ndarray) -> float:
    """Weighted mean over rows of a regressor's loss; targets and predictions are
    (n_samples, n_outputs).
    """
    of_rows = row_loss(loss, "linear", y.shape[1]).on_raw
    losses = of_rows(tf.convert_to_tensor(y), tf.convert_to_tensor(predictions))
    return float(np.average(losses, weights=weight))


def _per_row(
    loss: Any, activation: str, n_outputs: int
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    value = loss.call if isinstance(loss, keras.losses.Loss) else loss
    activate = keras.activations.get(activation)
    takes_indices = isinstance(loss, keras.losses.SparseCategoricalCrossentropy)

    def on_raw(y: tf.Tensor, raw: tf.Tensor) -> tf.Tensor:
        if y.shape.rank == 1:
            y = y[:, None] if takes_indices else tf.one_hot(y, n_outputs)
        losses = tf.convert_to_tensor(value(y, activate(raw)))
        if losses.shape.rank != 1:
            losses = tf.reduce_mean(tf.reshape(losses, (tf.shape(raw)[0], -1)), axis=1)
        return losses

    return on_raw


def _find(loss: Any, cross_entropy: str) -> Any:
    """The Keras loss object or function behind a name, an object or a function."""
    if isinstance(loss, str) and loss in CROSS_ENTROPIES:
        return keras.losses.get(f"{cross_entropy.capitalize()}Crossentropy")
    if not isinstance(loss, str):
        check_is_mean(loss)
        return loss
    try:
        found = keras.losses.get(SCIKIT_LEARN_NAMES.get(loss, loss))
    except (ValueError, TypeError):  # unknown, or a class that needs arguments
        found = None
    if found is None or type(found) is keras.losses.Loss:
        raise ValueError(
            f"'loss' must be one of {', '.join(sorted(SCIKIT_LEARN_NAMES))}, log_loss, or a "
            f"Keras loss by name or object; got {loss!r}."
        )
    return found


def _smoothed(loss: Any, label_smoothing: float) -> Any:
    if "label_smoothing" not in _config(loss):
        raise ValueError(
            "'label_smoothing' must be 0 for a loss that has no such setting; got "
            f"{label_smoothing} with {loss!r}; use 'log_loss' or another cross-entropy of "
            "Keras's that takes probabilities of all classes."
        )
    return type(loss).from_config({**_config(loss), "label_smoothing": label_smoothing})


def _link_of_logits(loss: Any) -> str | None:
    """The activation that a loss applies itself with `from_logits=True`, if it has that."""
    if "from_logits" not in _config(loss):
        return None
    if isinstance(loss, BINARY) or "Binary" in type(loss).__name__:
        return "sigmoid"
    return "softmax"


def _takes_logits_if_set(loss: Any) -> bool:
    """Whether a loss is computed from raw outputs if `from_logits` is set.

    A `call` that a user wrote may take probabilities whatever the setting.
    """
    is_of_keras = type(loss).call is keras.losses.BinaryCrossentropy.call
    return is_of_keras or _config(loss)["from_logits"]


def _with_logits(loss: Any, from_logits: bool) -> Any:
    return type(loss).from_config({**_config(loss), "from_logits": from_logits})


def _config(loss: Any) -> dict[str, Any]:
    return loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
