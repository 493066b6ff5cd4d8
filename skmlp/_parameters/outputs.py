"""Parameters of a network's outputs: their meaning and their loss."""

from typing import Any

from skmlp._kinds.activations import output_names
from skmlp._parameters.parameter import parameter, with_parameters
from skmlp._parameters.ranges import SHARE
from skmlp._sklearn import StrOptions


@with_parameters
class ClassWeightParameter:
    """Weights of classes."""

    class_weight: Any = parameter(
        default=None,
        rule=[dict, list, StrOptions({"balanced"}), None],
        types='dict, list of dict, "balanced" or None',
        text="""
        Weights of the classes, which multiply the sample weights: {class: weight}, or a list
        with one dict per label if there are several; "balanced" gives all classes the same
        total of sample weights.
        """,
    )


@with_parameters
class ClassifierParameters:
    """Outputs that are probabilities of classes."""

    loss: Any = parameter(
        default="log_loss",
        rule=[str, callable],
        types="str, keras.losses.Loss or callable",
        text="""
        "log_loss" (cross-entropy, averaged over the labels if there are several),
        "squared_error" of the probabilities (Brier's score), the name of any Keras loss, or
        a Keras loss object or function of (y_true, y_pred) that gives one value per row.
        There y_true is one-hot if there are more than two classes, and y_pred are
        probabilities.
        """,
        takes_keras=True,
    )
    label_smoothing: float = parameter(
        default=0.0,
        rule=[SHARE],
        types="float",
        text="""
        Share of each label, in [0, 1), that cross-entropies spread evenly over all classes;
        with one logistic output per label, over yes and no.
        """,
    )


@with_parameters
class RegressorParameters:
    """Outputs that are numbers."""

    loss: Any = parameter(
        default="squared_error",
        rule=[str, callable],
        types="str, keras.losses.Loss or callable",
        text="""
        "squared_error", "absolute_error", "huber", "poisson", "log_cosh", the name of any
        Keras loss, or a Keras loss object or function of (y_true, y_pred) that gives one
        value per row. Losses are means over rows and outputs, scaled as in Keras:
        "squared_error" is not halved.
        """,
        takes_keras=True,
    )
    output_activation: str | None = parameter(
        default=None,
        rule=[StrOptions(set(output_names())), None],
        types="str",
        text="""
        Any name that `activation` takes: "softplus", "relu" or "exponential" for targets
        that are never negative, "logistic" for targets in [0, 1], "tanh" for [-1, 1] (for
        other ranges, scale the targets with `TransformedTargetRegressor`). None is
        "exponential" for the Poisson loss and "identity" for all others.
        """,
    )
    normalize_y: bool = parameter(
        default=False,
        rule=["boolean"],
        types="bool",
        text="""
        Whether to train on standardised targets: their mean over the training rows is
        subtracted and the result divided by their standard deviation, both weighted by the
        sample weights (constant targets are not divided). Predictions, scores and `metrics`
        are in the units of y; losses are in those of the standardised targets. Needs an
        output activation of "identity".
        """,
    )
