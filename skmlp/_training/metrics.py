"""Measures of raw outputs: scikit-learn's scorers and Keras's metrics."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import get_scorer, get_scorer_names

from skmlp._checkpoints.learned import shallow_copy
from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_rows import Matrix, dense
from skmlp._engine.fit import Measure
from skmlp._engine.fitted import FittedNetwork
from skmlp._keras.objects import find_class
from skmlp._keras.tensorflow import keras, tf
from skmlp._keras.text import is_of_keras
from skmlp._network.inference import predictions
from skmlp._network.keras_network import KerasSpec
from skmlp._network.keras_text import OutputMetric
from skmlp._network.spec import NetworkSpec

# Keras's short names; which cross-entropy is meant follows from the targets.
SHORT_NAMES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "acc": "accuracy",
    "accuracy": "accuracy",
    "ce": "crossentropy",
}
# Keras's metrics of which more is better; of its others, less is
RISING = re.compile(
    "Accuracy|AUC|Precision|Recall|F1|FBeta|R2|IoU|Similarity|Correlation|True|Sensitivity|"
    "Specificity"
)


def named_measures(metrics: Any, estimator: Any, spec: NetworkSpec) -> dict[str, Measure]:
    """The measures that the parameter `metrics` lists, by name."""
    if metrics is None:
        return {}
    several = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    measures: dict[str, Measure] = {}
    given: dict[str, Any] = {}
    for metric in several:
        name, measure = _named(metric, estimator, spec)
        if name in ("loss", "learning_rate") or name.startswith("val_"):
            raise ValueError(
                "'metrics' must not have the names of other columns of 'history_', 'loss', "
                f"'learning_rate' and those that begin with 'val_'; got {name!r}; rename it."
            )
        if given.setdefault(name, metric) != metric:
            raise ValueError(
                f"'metrics' must have different names; got {name!r} twice; rename one of them."
            )
        measures[name] = measure
    return measures


def keras_metrics(metrics: Any, spec: NetworkSpec) -> list[keras.metrics.Metric]:
    """New objects of the Keras metrics among them."""
    several = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    return [
        _keras_metric(one, spec) for one in several if one is not None and not _scorer_name(one)
    ]


def modes_of_metrics(metrics: Any, spec: NetworkSpec) -> dict[str, str]:
    """Whether the "max" or the "min" of a measure is best, by name, where that is known."""
    several = metrics if isinstance(metrics, (list, tuple)) else [metrics]
    found: dict[str, str] = {}
    for metric in several:
        if isinstance(metric, str) and _scorer_name(metric):
            found[metric] = "max"
        elif metric is not None:
            name, own = _named_metric(metric, spec)
            cls = type(own)
            if is_of_keras(cls) and cls is not keras.metrics.MeanMetricWrapper:
                found[name] = "max" if RISING.search(cls.__name__) else "min"
    return found


def takes_indices(metric: keras.metrics.Metric) -> bool:
    """Whether a metric of classes takes their numbers, and not one-hot rows."""
    return "Sparse" in type(metric).__name__


def _named(metric: Any, estimator: Any, spec: NetworkSpec) -> tuple[str, Measure]:
    if isinstance(metric, OutputMetric):
        assert isinstance(spec, KerasSpec)
        name, own = _named_metric(metric, spec)
        return name, _measure_of_output(own, spec, metric.output)
    scorer = _scorer_name(metric)
    if scorer:
        if not hasattr(estimator, "predict"):
            raise ValueError(
                "'metrics' must hold Keras metrics where there is no 'predict' to score; got "
                f"{metric!r}; use 'mse' or another metric of Keras's."
            )
        return metric, scorer_measure(scorer, estimator, spec, "metrics")
    name, own = _named_metric(metric, spec)
    if isinstance(metric, FunctionType):
        own = keras.metrics.MeanMetricWrapper(_of_rows(metric), name=name)
    return name, _keras_measure(own, spec)


def _named_metric(metric: Any, spec: NetworkSpec) -> tuple[str, keras.metrics.Metric]:
    """The name in `history_`, and a new object of Keras's."""
    if isinstance(metric, OutputMetric):
        assert isinstance(spec, KerasSpec)
        head = spec.heads[metric.output]
        own = _metric_of_output(metric.metric, spec, head.width)
        return f"{head.name}_{own.name}", own
    own = _keras_metric(metric, spec)
    return own.name, own


def _scorer_name(metric: Any) -> str | None:
    """The scikit-learn scorer that a name means, if any."""
    name = SHORT_NAMES.get(metric.lower(), metric) if isinstance(metric, str) else None
    return name if name in get_scorer_names() else None


def _keras_metric(metric: Any, spec: NetworkSpec) -> keras.metrics.Metric:
    if isinstance(metric, str):
        return _metric_class(SHORT_NAMES.get(metric.lower(), metric), spec)(name=metric)
    if isinstance(metric, keras.metrics.Metric):
        return _made_again(metric)
    if isinstance(metric, FunctionType):
        return keras.metrics.MeanMetricWrapper(metric, name=metric.__name__)
    raise ValueError(
        "'metrics' must hold names of scikit-learn scorers, names of Keras metrics, Keras "
        f"metric objects or functions; got {metric!r}; for example 'mse'."
    )


def _made_again(metric: keras.metrics.Metric) -> keras.metrics.Metric:
    try:
        return type(metric).from_config(metric.get_config())
    except Exception as error:
        raise ValueError(
            "'metrics' must hold metrics that can be made again from their configuration; got "
            f"{metric.name!r}, which failed with {error}; give the function itself, or a class "
            "with a get_config."
        ) from error


def _of_rows(metric: Callable[[Any, Any], Any]) -> Callable[[Any, Any], tf.Tensor]:
    """A user's function with a value for each row; a single value is that of all rows."""

    def of_rows(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        values = tf.cast(metric(y_true, y_pred), tf.float32)
        return values if values.shape.rank else tf.fill(tf.shape(y_pred)[:1], values)

    return of_rows


def _metric_class(name: str, spec: NetworkSpec) -> type:
    if name == "crossentropy":
        kind = "categorical" if spec.output_activation == "softmax" else "binary"
        name = f"{kind}_crossentropy"
    other = f"one of {', '.join(SHORT_NAMES)}, a scikit-learn scorer or a Keras metric object"
    return find_class(keras.metrics, keras.metrics.Metric, name, "metrics", other)


def scorer_measure(
    scoring: Any, estimator: Any, spec: NetworkSpec, parameter: str = "scoring"
) -> Measure:
    """A scikit-learn scorer, by name or as a callable (estimator, X, y).

    It scores a copy of the estimator that takes raw outputs instead of rows, so that
    nothing is computed twice. A user's callable is given the rows, as the network takes them,
    and predictions for these alone.
    """
    try:
        scorer = get_scorer(scoring)
    except ValueError:
        raise ValueError(
            "'scoring' must be None, 'loss', a scorer, or the name of one: "
            f"{', '.join(get_scorer_names())}; got {scoring!r}."
        ) from None
    stand_in = shallow_copy(estimator)
    stand_in._state = FittedNetwork(spec, ())
    is_users = not type(scorer).__module__.startswith("sklearn.")
    takes_weight = not is_users or _takes_weight(scorer)

    def measure(data: EncodedData, raw: np.ndarray) -> float:
        def outputs(rows: Any) -> np.ndarray:
            if rows is not raw and not _are_equal(rows, data.X):
                raise ValueError("a call to predict for rows other than those it is given")
            return np.array(raw)  # a copy, since activations may work in place

        stand_in._raw_outputs = outputs
        given = _weight_if_any(data) if takes_weight else None
        weight = {} if given is None else {"sample_weight": given}
        y, rows = estimator._decode_target(data.y), data.X if is_users else raw
        try:
            score = scorer(stand_in, rows, y, **weight)
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(
                f"'{parameter}' must fit the targets and their weights; got {scoring!r}, which "
                f"failed with {error}; correct it, or choose another scorer."
            ) from error
        try:
            return float(score)
        except (TypeError, ValueError):
            raise ValueError(
                f"'scoring' must return a number; got {score!r}; return a float, of which more "
                "is better."
            ) from None

    return measure


def _are_equal(rows: Any, own: Matrix) -> bool:
    if rows is own or issparse(rows) or issparse(own):
        return np.shape(rows) == own.shape
    return np.array_equal(np.asarray(rows), own)


def _weight_if_any(data: EncodedData) -> np.ndarray | None:
    """Weights that differ; a metric of one value for all rows takes none."""
    return data.weight if np.ptp(data.weight) else None


def _takes_weight(scorer: Any) -> bool:
    try:
        parameters = inspect.signature(scorer).parameters
    except (TypeError, ValueError):
        return False
    has_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    return has_any or "sample_weight" in parameters


def _metric_of_output(metric: Any, spec: KerasSpec, width: int) -> keras.metrics.Metric:
    """Which accuracy or cross-entropy is meant follows from the width of the output."""
    name = SHORT_NAMES.get(metric.lower()) if isinstance(metric, str) else None
    if name not in ("accuracy", "crossentropy"):
        return _keras_metric(metric, spec)
    kind = "binary" if width == 1 else "categorical"
    return _metric_class(f"{kind}_{name}", spec)(name=metric)


def _measure_of_output(metric: keras.metrics.Metric, spec: KerasSpec, output: int) -> Measure:
    """A metric of one of several outputs that lie side by side."""
    widths = [head.width for head in spec.heads]
    start, width = sum(widths[:output]), widths[output]

    def measure(data: EncodedData, raw: np.ndarray) -> float:
        y = data.y[:, start : start + width]
        if data.y.shape[1] < sum(widths):  # numbers of classes
            y = data.y[:, output : output + 1]
            y = y if width == 1 or takes_indices(metric) else np.eye(width)[y[:, 0].astype(int)]
        predicted = predictions(spec, raw.copy())[:, start : start + width]
        metric.reset_state()
        metric.update_state(y, predicted, sample_weight=_weight_if_any(data))
        return float(np.mean(metric.result()))

    return measure


def _keras_measure(metric: keras.metrics.Metric, spec: NetworkSpec) -> Measure:

    def measure(data: EncodedData, raw: np.ndarray) -> float:
        y = dense(data.y)
        if y.ndim == 1:
            y = y[:, None] if takes_indices(metric) else tf.one_hot(y, spec.n_outputs)
        elif spec.target_scaling:
            y = spec.target_scaling.restored(y)
        metric.reset_state()
        predicted = predictions(spec, raw.copy())
        metric.update_state(y, predicted, sample_weight=_weight_if_any(data))
        return float(np.mean(metric.result()))

    return measure
