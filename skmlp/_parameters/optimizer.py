"""Parameters of the objective's penalties, the optimizer and its learning rate."""

from typing import Any

from skmlp._parameters.parameter import parameter, with_parameters
from skmlp._parameters.ranges import (
    COUNT,
    COUNT_OR_ZERO,
    INSIDE_0_1,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
)
from skmlp._sklearn import HasMethods, StrOptions

SCHEDULES = (
    "constant",
    "cosine",
    "exponential",
    "inverse_time",
    "one_cycle",
    "plateau",
    "warmup_cosine",
)


@with_parameters
class OptimizerParameters:
    """How a step changes the weights."""

    l1: float = parameter(
        default=0.0,
        rule=[NOT_NEGATIVE],
        types="float",
        text="Weight of the sum of the kernels' absolute values in the objective.",
    )
    l2: float = parameter(
        default=0.0,
        rule=[NOT_NEGATIVE],
        types="float",
        text="""
        Weight of the sum of the kernels' squares in the objective, not halved, as in Keras.
        """,
    )
    optimizer: Any = parameter(
        default="adam",
        rule=[str, HasMethods(["get_config", "apply"])],
        types="str or keras.optimizers.Optimizer",
        text="Any Keras optimizer by name, or an object, which is copied and never changed.",
        takes_keras=True,
    )
    learning_rate: float = parameter(
        default=1e-3,
        rule=[POSITIVE],
        types="float",
        text="""
        Step size, above 0; `scipy.stats.loguniform(3e-4, 3e-2)` is a good space to search.
        An optimizer object keeps its own learning rate if this is left at its default.
        """,
    )
    learning_rate_schedule: Any = parameter(
        default=None,
        rule=[StrOptions(set(SCHEDULES)), callable, HasMethods("get_config"), None],
        types="str, callable, Keras schedule or None",
        text="""
        How the learning rate changes from step to step (a step is a batch; t is the number of
        steps made), as a factor of `learning_rate`:

        - "constant" or None: 1;
        - "exponential": ``decay_rate ** (t / decay_steps)``;
        - "inverse_time": ``1 / (1 + decay_rate * t / decay_steps)``;
        - "cosine": half a cosine wave from 1 to 0 over `decay_steps` [8]_;
        - "warmup_cosine": from 0 to 1 over `warmup_steps`, then as "cosine";
        - "one_cycle": half a cosine wave from 1/25 up to 1 over `warmup_steps`, then one
          down to 1/250,000 over `decay_steps` [9]_;
        - "plateau": multiplied by `decay_rate` whenever the validation loss (without
          validation data the training loss) has not fallen by `tol` for half of
          `n_iter_no_change` epochs.

        Or a function that returns the learning rate itself for an epoch's number, from 0; or
        an object of `keras.optimizers.schedules`, which brings its own learning rate.
        """,
        takes_keras=True,
    )
    decay_rate: float | None = parameter(
        default=None,
        rule=[POSITIVE, None],
        types="float",
        text="""
        Above 0; None is 0.96 for "exponential", 0.1 for "inverse_time", 0.2 for "plateau".
        """,
    )
    decay_steps: int | None = parameter(
        default=None,
        rule=[COUNT, None],
        types="int",
        text="""
        At least 1. None is one epoch for "exponential" and "inverse_time", otherwise all steps
        of this fit after the warm-up. Steps count from the start of training, warm starts
        included; only those of a schedule that spans the fit count from the start of the fit.
        """,
    )
    warmup_steps: int | None = parameter(
        default=None,
        rule=[COUNT_OR_ZERO, None],
        types="int",
        text="""
        At least 0; None is a tenth of the fit's steps for "warmup_cosine" and three tenths
        for "one_cycle".
        """,
    )
    momentum: float | None = parameter(
        default=None,
        rule=[SHARE, None],
        types="float",
        text="""
        In [0, 1), for optimizers that have momentum; None leaves the optimizer's own.
        """,
    )
    nesterov: bool | None = parameter(
        default=None,
        rule=["boolean", None],
        types="bool",
        text="""
        Whether momentum looks ahead, for optimizers that have momentum; None leaves the
        optimizer's own.
        """,
    )
    weight_decay: float | None = parameter(
        default=None,
        rule=[NOT_NEGATIVE, None],
        types="float",
        text="""
        Share of each weight that a step subtracts, times the learning rate; None leaves the
        optimizer's own.
        """,
    )
    clipnorm: float | None = parameter(
        default=None,
        rule=[POSITIVE, None],
        types="float",
        text="""
        Above 0: the gradient of each kernel, bias and so on is scaled down to this norm if
        its own is larger. At most one of the three ways of clipping can be set.
        """,
    )
    clipvalue: float | None = parameter(
        default=None,
        rule=[POSITIVE, None],
        types="float",
        text="Above 0: each number in the gradients is cut to [-clipvalue, clipvalue].",
    )
    global_clipnorm: float | None = parameter(
        default=None,
        rule=[POSITIVE, None],
        types="float",
        text="""
        Above 0: if the norm of all gradients together is larger, all are scaled down to it.
        """,
    )
    ema_decay: float | None = parameter(
        default=None,
        rule=[INSIDE_0_1, None],
        types="float",
        text="""
        In (0, 1): predictions and validation use an exponential moving average of the
        weights, ``average = ema_decay * average + (1 - ema_decay) * weights`` after every
        step, while training continues with the weights themselves. Between epochs,
        callbacks see the averages.
        """,
    )
