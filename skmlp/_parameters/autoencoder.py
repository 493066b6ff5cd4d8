"""Parameters of autoencoders."""

from typing import Any

from skmlp._kinds.activations import known_names, output_names
from skmlp._parameters.architecture import HiddenLayerSizes
from skmlp._parameters.parameter import parameter, with_parameters
from skmlp._parameters.ranges import COUNT, NOT_NEGATIVE, SHARE
from skmlp._parameters.training import TrainingParameters
from skmlp._sklearn import HasMethods, StrOptions

ACTIVATION = [StrOptions(set(known_names())), callable]


@with_parameters
class AutoencoderParameters(HiddenLayerSizes):
    """Encoder, code and decoder, and the ways to keep the code from being a mere copy."""

    hidden_layer_sizes: Any = parameter(
        default=(64, 16),
        rule=["array-like", COUNT],
        types="int or sequence of int",
        text="Units of each layer of the encoder; the last one makes the code.",
        kw_only=False,
    )
    decoder_layer_sizes: Any = parameter(
        default=None,
        rule=["array-like", COUNT, None],
        types="int, sequence of int or None",
        text="""
        Units of each layer between the code and the output; None mirrors the encoder, and ()
        goes from the code straight to the output.
        """,
    )
    activation: Any = parameter(
        default="relu",
        rule=ACTIVATION,
        types="str, callable or keras.layers.Layer",
        text="""
        Activation of all hidden layers except the code: any name that Keras knows ("relu",
        "elu", "selu", "gelu", "silu", "mish", "tanh", ...), scikit-learn's "logistic" and
        "identity", "leaky_relu", "prelu", "rrelu", a function of an array of units, or a
        Keras layer, which needs TensorFlow to predict.
        """,
        takes_keras=True,
    )
    code_activation: Any = parameter(
        default="identity",
        rule=[*ACTIVATION, None],
        types="str, callable, keras.layers.Layer or None",
        text="""
        Activation of the code, as `activation`; None is the same as `activation`.
        """,
        takes_keras=True,
    )
    output_activation: str | None = parameter(
        default=None,
        rule=[StrOptions(set(output_names())), None],
        types="str",
        text="""
        Activation of the reconstruction: any name that `activation` takes, such as "logistic"
        for features in [0, 1]. None is "logistic" for a cross-entropy and "identity" for all
        other losses.
        """,
    )
    kernel_initializer: Any = parameter(
        default="auto",
        rule=[str, HasMethods("get_config")],
        types="str or keras.initializers.Initializer",
        text="""
        Initial values of the kernels: the name of a Keras initializer, or an object, whose
        seed is replaced by one derived from `random_state`. "auto" is Glorot's uniform
        initializer, from which the hidden layers' biases are drawn too; after "selu" it is
        LeCun's normal initializer.
        """,
        takes_keras=True,
    )
    tied_weights: bool = parameter(
        default=False,
        rule=["boolean"],
        types="bool",
        text="""
        Whether the kernels of the decoder are those of the encoder, transposed; biases are
        its own. Needs a decoder that mirrors the encoder.
        """,
    )
    noise_std: float = parameter(
        default=0.0,
        rule=[NOT_NEGATIVE],
        types="float",
        text="""
        Standard deviation of normal noise that is added to the features in training: a
        denoising autoencoder reconstructs the clean rows [2]_.
        """,
    )
    masking: float = parameter(
        default=0.0,
        rule=[SHARE],
        types="float",
        text="""
        Share of the features of each row, in [0, 1), set to 0 at random in training; the
        others keep their values (masking noise [1]_, [2]_).
        """,
    )
    activity_l1: float = parameter(
        default=0.0,
        rule=[NOT_NEGATIVE],
        types="float",
        text="""
        Weight of a penalty that makes the code sparse: the sum of its absolute values, as a
        mean over the rows. It is part of the training loss; "val_loss" has none of it.
        """,
    )
    greedy: bool = parameter(
        default=False,
        rule=["boolean"],
        types="bool",
        text="""
        Whether the layers are trained one by one first [3]_: the first as an autoencoder of
        the rows, and each further one as an autoencoder of the codes below it, by squared
        errors, for up to `epochs` each. Noise, masking and `activity_l1` apply to each of
        them. Callbacks, metrics and checkpoints are of the whole network's training. Needs a
        decoder that mirrors the encoder.
        """,
    )
    fine_tune: bool = parameter(
        default=True,
        rule=["boolean"],
        types="bool",
        text="""
        Whether the whole network is trained after its layers, with `greedy`. If False,
        `history_` and the like are those of the last layer's training, callbacks and metrics
        have no effect, and `checkpoint_dir` is refused.
        """,
    )
    loss: Any = parameter(
        default="squared_error",
        rule=[str, callable],
        types="str, keras.losses.Loss or callable",
        text="""
        "squared_error", "absolute_error", "huber", "log_cosh", "binary_crossentropy" for
        features in [0, 1], the name of any Keras loss, or a Keras loss object or function of
        (rows, reconstruction) that gives one value per row. Losses are means over rows and
        features, scaled as in Keras: "squared_error" is not halved.
        """,
        takes_keras=True,
    )


@with_parameters
class AutoencoderTrainingParameters(TrainingParameters):
    """Training that watches the reconstruction."""

    scoring: Any = parameter(
        default=None,
        rule=[StrOptions({"loss"}), None],
        types='"loss" or None',
        text="""
        Score of the validation data by which the best epoch is chosen: None is `score`, minus
        the mean squared error, and "loss" is the loss.
        """,
    )
    metrics: Any = parameter(
        default=None,
        rule=[str, list, tuple, callable, HasMethods(["update_state", "result"]), None],
        types="str, Keras metric, function, list of these or None",
        text="""
        Keras metrics of the reconstruction by name ("mse", "mae" and the like too), as
        objects, or as functions of (rows, reconstruction), measured after every epoch and
        stored in `history_`, for validation rows with the prefix `"val_"`.
        """,
        takes_keras=True,
    )

    tol: float = parameter(
        default=1e-6,
        rule=[NOT_NEGATIVE],
        types="float",
        text="""
        Smallest improvement that counts, of the training loss or the validation score. It is
        smaller than that of the other estimators, because squared errors of features in [0, 1]
        are small.
        """,
    )
