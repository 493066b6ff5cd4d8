"""Parameters that describe the layers of a network."""

from typing import Any

from skmlp._kinds.activations import known_names
from skmlp._parameters.parameter import parameter, with_parameters
from skmlp._parameters.ranges import COUNT, COUNT_OR_ZERO, SHARE
from skmlp._sklearn import HasMethods, StrOptions

NORMALIZATIONS = {"batch": "BatchNormalization", "layer": "LayerNormalization"}


@with_parameters
class HiddenLayerSizes:
    """The only positional parameter; groups that inherit it come after it."""

    hidden_layer_sizes: Any = parameter(
        default=(100,),
        rule=["array-like", COUNT],
        types="int or sequence of int",
        text="Units of each hidden layer; () is a linear model.",
        kw_only=False,
    )


@with_parameters
class ArchitectureParameters(HiddenLayerSizes):
    """The hidden layers."""

    n_hidden: int | None = parameter(
        default=None,
        rule=[COUNT_OR_ZERO, None],
        types="int",
        text="""
        If set, the number of hidden layers, at least 0; layers beyond those of
        `hidden_layer_sizes` are as wide as its last one. Useful in searches.
        """,
    )
    n_neurons: int | None = parameter(
        default=None,
        rule=[COUNT, None],
        types="int",
        text="If set, the units of each hidden layer, at least 1. Useful in searches.",
    )
    activation: Any = parameter(
        default="relu",
        rule=[StrOptions(set(known_names())), callable, list, tuple],
        types="str, callable, keras.layers.Layer or list of these",
        text="""
        Activation of the hidden layers, one for all or one for each: any name that Keras
        knows ("relu", "elu", "selu", "gelu", "silu", "mish", "tanh", ...), scikit-learn's
        "logistic" and "identity", "leaky_relu" (slope 0.01), "prelu" (learned slopes that
        start at zero) [1]_, "rrelu" (slopes drawn from [1/8, 1/3) in training, their mean
        afterwards) [5]_, a function of an array of units, or a Keras layer, which needs
        TensorFlow to predict.
        """,
        takes_keras=True,
    )
    kernel_initializer: Any = parameter(
        default="auto",
        rule=[str, HasMethods("get_config")],
        types="str or keras.initializers.Initializer",
        text="""
        Initial values of the kernels: the name of a Keras initializer, or an object, whose
        seed is replaced by one derived from `random_state`. Biases start at zero. "auto" is
        Glorot's uniform initializer [3]_, from which the hidden layers' biases are drawn
        too, as in scikit-learn's MLP; after "selu" it is LeCun's normal initializer [2]_. A
        rectified output layer gets a tenth of Glorot's values and biases of 0.1, because an
        output that starts below zero would stay there. For deep networks of
        rectifiers "he_normal" may be better [1]_.
        """,
        takes_keras=True,
    )
    normalization: Any = parameter(
        default=None,
        rule=[StrOptions(set(NORMALIZATIONS)), HasMethods("get_config"), None],
        types='"batch", "layer", keras.layers.Layer or None',
        text="""
        Normalisation of every hidden layer before its activation: "batch" normalises each
        unit over the rows of a batch, and by moving averages after training [6]_; "layer"
        normalises each row over its units [7]_. A `keras.layers.BatchNormalization` or
        `LayerNormalization` brings its own settings. Batch normalisation replaces the
        layer's bias, and its averages weight rows by their sample weights.
        """,
        takes_keras=True,
    )
    dropout: Any = parameter(
        default=0.0,
        rule=["array-like", SHARE],
        types="float or sequence of float",
        text="""
        Share of units, in [0, 1), that each hidden layer drops at random in training [4]_:
        one number for all layers or one for each. After "selu" it is alpha dropout [2]_.
        """,
    )
    input_dropout: float = parameter(
        default=0.0,
        rule=[SHARE],
        types="float",
        text="""
        Share of features, in [0, 1), dropped at random in training. With a wide path, only
        features of the deep path are dropped.
        """,
    )
