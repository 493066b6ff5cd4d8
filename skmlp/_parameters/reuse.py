"""Parameters of layers that are taken from a network trained before."""

from os import PathLike
from typing import Any

from skmlp._network.layer_chain import LayerChain
from skmlp._parameters.parameter import parameter, with_parameters
from skmlp._parameters.ranges import COUNT_OR_ZERO, POSITIVE
from skmlp._sklearn import HasMethods, StrOptions


@with_parameters
class ReuseParameters:
    """Where the first weights come from, and how they are trained."""

    pretrained: Any = parameter(
        default=None,
        rule=[
            HasMethods("fit"),
            HasMethods(["get_config", "get_weights"]),
            str,
            PathLike,
            tuple,
            list,
            LayerChain,
            None,
        ],
        types="estimator, keras.Model, str, path-like, (coefs, intercepts) or None",
        text="""
        Network to begin with, layer by layer from the bottom: a fitted estimator, of this
        package (an autoencoder's encoder) or an MLP of scikit-learn, or a pipeline that ends
        in one; a `keras.Model`, or the path of a `.keras` file; or kernels and biases. It is
        never changed, and `clone` keeps it as it is; in a search's grid, wrap estimators in
        `sklearn.frozen.FrozenEstimator`. Other layers start as they would without it.
        """,
    )
    n_reused_layers: Any = parameter(
        default=None,
        rule=[COUNT_OR_ZERO, StrOptions({"all"}), None],
        types='int, "all" or None',
        text="""
        Number of layers to take, from the bottom; "all" takes the output layer too. None takes
        hidden layers up to the first whose shape differs, and at least the first.
        """,
    )
    n_frozen_layers: int = parameter(
        default=0,
        rule=[COUNT_OR_ZERO],
        types="int",
        text="""
        Number of reused hidden layers, from the bottom, that are not trained. Their batch
        normalisation keeps its averages, and penalties leave them out, as in Keras. Without
        dropout or other noise among them, their outputs are computed once for all epochs.
        With `warm_start`, a smaller number unfreezes layers, and those that were trained
        before keep the optimizer's state.
        """,
    )
    reused_rate_factor: float = parameter(
        default=1.0,
        rule=[POSITIVE],
        types="float",
        text="""
        Above 0: learning rate of the reused layers that are not frozen, as a multiple of that
        of the others.
        """,
    )
