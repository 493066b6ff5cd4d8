"""Parameters of the tabular estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skmlp._parameters.parameter import parameter, with_parameters
from skmlp._parameters.ranges import COUNT, NOT_NEGATIVE, POSITIVE, SHARE, UP_TO_HALF
from skmlp._sklearn import StrOptions


@with_parameters
class TabularParameters:
    """An ensemble of networks, how its members are trained, and what they hold out."""

    n_estimators: int | str = parameter(
        default="auto",
        rule=[StrOptions({"auto"}), COUNT],
        types='int or "auto"',
        text="""
        Number of networks, whose predictions are averaged. "auto" is 32 for up to 1,024 rows,
        16 for up to 2,048, 12 for up to 8,192, and 6 for more rows or many sparse columns. For
        a regressor with `loss="squared_error"` it is 16 for up to 2,048 rows, 8 for up to
        8,192, and otherwise 4; unless given validation data, such a regressor also trains
        validation networks, the judges, which choose the epoch and do not predict. Tables of
        more than 150 inputs never have the highest of these numbers, but the second.
        """,
        kw_only=False,
    )
    hidden_layer_sizes: Sequence[int] | str = parameter(
        default="auto",
        rule=[StrOptions({"auto"}), "array-like"],
        types='array-like of int or "auto"',
        text="""
        Units of each hidden layer. "auto" is three layers of 256 units for up to 8,192 rows and
        of 224 for more rows or many sparse columns; the first of these has fewer, down to 32,
        where its kernel would have more than 4,194,304 weights for sparse columns.
        """,
    )
    epochs: int | str = parameter(
        default="auto",
        rule=[StrOptions({"auto"}), COUNT],
        types='int or "auto"',
        text="""
        Passes over the training rows; the learning rate, `dropout` and `weight_decay` are laid
        out over them. "auto" is 32 for up to 8,192 training rows, 20 up to 30,000, 16 up to
        60,000 and otherwise 12. For X of at most 12 columns it is 64 from 1,025 to 4,096
        training rows, and 48 up to 8,192; with `loss="squared_error"` 48 and 32.
        """,
    )
    learning_rate: float | str = parameter(
        default="auto",
        rule=[StrOptions({"auto"}), POSITIVE],
        types='float or "auto"',
        text="""
        Highest learning rate of Adam on the schedule "coslog4", four waves of growing length.
        Each kind of weight has a multiple of it: input scales 6, biases, embeddings and
        strengths of activations 0.1. "auto" is 0.2 for a regressor and 0.04 for a classifier.
        """,
    )
    batch_size: int | str = parameter(
        default="auto",
        rule=[StrOptions({"auto"}), COUNT],
        types='int or "auto"',
        text="""
        Rows per step. "auto" is 64 for up to 1,024 training rows, 128 up to 8,192, or 256 for
        X of at most 12 columns, 256 up to 30,000 and otherwise 512.
        """,
    )
    dropout: float = parameter(
        default=0.15,
        rule=[SHARE],
        types="float",
        text="""
        Share of hidden units dropped in a step, in [0, 1); constant for half of the training,
        and then falling to 0 along half a cosine wave. Networks in turn keep the share
        1 - `dropout` to the power of 3/4, 5/4, 1/4 and 7/4.
        """,
    )
    weight_decay: float = parameter(
        default=0.02,
        rule=[NOT_NEGATIVE],
        types="float",
        text="""
        Decoupled weight decay (Loshchilov and Hutter 2017), per step times the learning rate;
        falling as `dropout` does. Biases do not decay.
        """,
    )
    validation_fraction: float = parameter(
        default=0.125,
        rule=[UP_TO_HALF],
        types="float",
        text="""
        Share of the rows that a network (of a regressor with `loss="squared_error"`, a judge)
        holds out, in (0, 0.5], rounded to 1/k for a whole number k. Networks hold out rows in
        groups of four (three above 8,192 rows), and each group holds out other rows. Unused
        with validation data in `fit` or with `early_stopping=False`.
        """,
    )
    early_stopping: bool = parameter(
        default=True,
        rule=["boolean"],
        types="bool",
        text="""
        Whether to hold out rows and to keep the epoch at which the networks predict them best,
        each row by the mean of those that hold it out. The loss of an epoch is averaged with
        those of the epochs before and after it. A regressor keeps the epoch with the lowest
        average, a classifier the last one at most one standard error above it. Standard
        deviations, quantiles and probabilities are calibrated on these rows too. If False, no
        rows are held out and the last epoch is kept, unless `fit` is given validation data,
        which then serve in any case.
        """,
    )
    max_time: float | None = parameter(
        default=None,
        rule=[POSITIVE, None],
        types="float or None",
        text="""
        Seconds that `fit` may take, roughly; None sets no limit. After each epoch, the number
        of epochs is lowered to fit the remaining time, and the schedules of the learning rate,
        `dropout` and `weight_decay` are stretched over the new number. At least one epoch is
        trained. Results then depend on the speed of the machine; where the time suffices, they
        are those without a limit.
        """,
    )
    categorical_features: Any = parameter(
        default="from_dtype",
        rule=["array-like", StrOptions({"from_dtype"}), None],
        types='array-like of {bool, int, str}, "from_dtype" or None',
        text="""
        Columns whose values are categories, by a mask, positions or names. "from_dtype" takes
        the columns of a DataFrame that hold categories; columns of text are categories in any
        case.
        """,
    )
    warm_start: bool = parameter(
        default=False,
        rule=["boolean"],
        types="bool",
        text="""
        Whether `fit` keeps the networks of the last call and trains only as many as
        `n_estimators` adds, with the inputs and the target scale learned before. Where rows are
        held out, adding whole groups (four networks, or three above 8,192 rows and for many
        sparse columns) to whole groups has the same result as training all at once. On other
        rows, only networks that held out exactly these rows, or new judges, are used for
        calibration; without held-out rows, the calibration stays.
        """,
    )
    random_state: Any = parameter(
        default=None,
        rule=["random_state"],
        types="int, RandomState or None",
        text="Seed of initial weights, held-out rows, order of rows and dropout.",
    )
    verbose: int = parameter(
        default=0,
        rule=["verbose"],
        types="int",
        text="If not 0, show a progress bar over the epochs.",
    )


@with_parameters
class QuantileParameters:
    """Means or quantiles of a regressor's targets."""

    loss: str = parameter(
        default="squared_error",
        rule=[StrOptions({"squared_error", "quantile"})],
        types='{"squared_error", "quantile"}',
        text="""
        "squared_error" predicts means. "quantile" predicts `quantiles`, all by the same
        networks, with the pinball loss (Koenker and Bassett 1978); `predict` then returns
        medians.
        """,
    )
    quantiles: Sequence[float] = parameter(
        default=(0.05, 0.5, 0.95),
        rule=["array-like"],
        types="array-like of float",
        text="""
        Quantiles that `predict_quantiles` predicts, in (0, 1) and increasing; unused unless
        `loss` is "quantile".
        """,
    )
