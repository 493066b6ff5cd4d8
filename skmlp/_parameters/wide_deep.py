"""Parameters of a wide path beside the hidden layers."""

from typing import Any

from skmlp._parameters.architecture import HiddenLayerSizes
from skmlp._parameters.parameter import parameter, with_parameters
from skmlp._parameters.ranges import COUNT, NOT_NEGATIVE, SHARE
from skmlp._sklearn import HasMethods


@with_parameters
class WideDeepParameters(HiddenLayerSizes):
    """The columns of both paths, the wide path's training, and an auxiliary output."""

    wide_features: Any = parameter(
        default=None,
        rule=["array-like", slice, callable, None],
        types="slice, array-like, callable or None",
        text="""
        Columns of the wide path, in any order: a slice or list of positions, a boolean mask,
        a list of column names, or a function of X that gives one of these, such as
        `sklearn.compose.make_column_selector`; None is all columns. A column of a frame's
        categorical dtype becomes one indicator for each category seen in fit; a missing
        value, or a category not seen in fit, sets none of them.
        """,
    )
    deep_features: Any = parameter(
        default=None,
        rule=["array-like", slice, callable, None],
        types="slice, array-like, callable or None",
        text="""
        Columns of the deep path, given as `wide_features`; a column may be in both. Without
        hidden layers there is no deep path.
        """,
    )
    wide_crosses: Any = parameter(
        default=None,
        rule=["array-like", None],
        types="list of pairs of columns",
        text="""
        Further wide inputs: for each pair, given by names or positions, the product of the
        two columns; for columns of categorical dtype, an indicator for each combination of
        categories seen in fit.
        """,
    )
    wide_hash_buckets: int | None = parameter(
        default=None,
        rule=[COUNT, None],
        types="int",
        text="""
        If set, the most inputs that a pair of `wide_crosses` may have. A pair with more
        combinations of categories in fit gets this number of inputs: each is a bucket of
        combinations, chosen by a hash of the two categories, that share a weight [11]_. A
        combination not seen in fit has a bucket too, and so the weight of others. In
        `partial_fit` the first call decides which pairs are hashed.
        """,
    )
    wide_l1: float = parameter(
        default=0.0,
        rule=[NOT_NEGATIVE],
        types="float",
        text="Penalty on the wide path's weights alone, added to `l1`.",
    )
    wide_l2: float = parameter(
        default=0.0,
        rule=[NOT_NEGATIVE],
        types="float",
        text="Penalty on the wide path's weights alone, added to `l2`.",
    )
    wide_optimizer: Any = parameter(
        default=None,
        rule=[str, HasMethods(["get_config", "apply"]), None],
        types="str, keras.optimizers.Optimizer or None",
        text="""
        Optimizer of the wide path's weights, such as "ftrl"; None is `optimizer`. A name
        uses the learning rate and schedule of `optimizer`; an object keeps its own
        learning rate.
        """,
        takes_keras=True,
    )
    aux_loss_weight: float = parameter(
        default=0.0,
        rule=[SHARE],
        types="float",
        text="""
        In [0, 1). Above 0 the deep path has an auxiliary output, trained on the same targets:
        the objective is this weight times its loss plus the rest, 1 - `aux_loss_weight`,
        times the loss of the main output.
        """,
    )
