"""Keras layers of the tabular network behind its embeddings."""

from __future__ import annotations

import math
from typing import Any

from skmlp._keras.tensorflow import keras

ops = keras.ops


@keras.saving.register_keras_serializable(package="skmlp")
class Scaling(keras.layers.Layer):
    """Each feature times a learned factor.

    Parameters
    ----------
    **kwargs
        As in `keras.layers.Layer`, such as `name` and `dtype`.

    Attributes
    ----------
    scale : variable of shape (n_features,)
        Factors, initially 1.

    Notes
    -----
    Input and output have shape (..., n_features).

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.layers import Scaling
    >>> layer = Scaling()
    >>> layer.build((None, 3))
    >>> layer.set_weights([np.array([1, 2, 3])])
    >>> np.asarray(layer(np.ones((1, 3))))
    array([[1., 2., 3.]], dtype=float32)
    """

    def build(self, input_shape: tuple) -> None:
        shape = (input_shape[-1],)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale


@keras.saving.register_keras_serializable(package="skmlp")
class NTKDense(keras.layers.Dense):
    """A dense layer whose product is divided by the root of the number of its inputs.

    The output is inputs @ kernel / sqrt(n_features) + bias, the neural tangent parametrisation
    [1]_. Weights start at size 1 for any number of inputs, so that one learning rate suits all
    layers.

    Parameters
    ----------
    units : int
        Number of output units.
    kernel_initializer, bias_initializer : Keras initializer, default=None
        None draws from a standard normal distribution.
    **kwargs
        As in `keras.layers.Dense`.

    Notes
    -----
    The input has shape (..., n_features), the output (..., units).

    References
    ----------
    .. [1] A. Jacot et al., "Neural tangent kernel: convergence and generalization in neural
       networks", 2018, https://arxiv.org/abs/1806.07572.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.layers import NTKDense
    >>> layer = NTKDense(2, kernel_initializer="ones", bias_initializer="zeros")
    >>> np.asarray(layer(np.ones((1, 4))))
    array([[2., 2.]], dtype=float32)
    """

    def __init__(
        self,
        units: int,
        *,
        kernel_initializer: Any = None,
        bias_initializer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            kernel_initializer=kernel_initializer or _standard_normal(),
            bias_initializer=bias_initializer or _standard_normal(),
            **kwargs,
        )

    def call(self, inputs: Any, training: Any = None) -> Any:
        return super().call(inputs / math.sqrt(inputs.shape[-1]), training=training)


@keras.saving.register_keras_serializable(package="skmlp")
class ParametricActivation(keras.layers.Layer):
    """An activation of learned strength for each unit, x + strength * (f(x) - x) [1]_.

    Parameters
    ----------
    function : str
        The activation f, by its name in Keras, such as "mish", "selu", "relu" or "silu".
    **kwargs
        As in `keras.layers.Layer`, such as `name` and `dtype`.

    Attributes
    ----------
    strength : variable of shape (units,)
        Initially 1, which is f itself; 0 is no activation.

    Notes
    -----
    Input and output have shape (..., units).

    References
    ----------
    .. [1] D. Holzmüller et al., "Better by default: strong pre-tuned MLPs and boosted trees on
       tabular data", 2024, https://arxiv.org/abs/2407.04491.

    Examples
    --------
    >>> import numpy as np
    >>> from skmlp.layers import ParametricActivation
    >>> layer = ParametricActivation("relu")
    >>> layer.build((None, 2))
    >>> layer.set_weights([np.array([1, 0.5])])
    >>> np.asarray(layer(np.array([[-2.0, -2.0], [2.0, 2.0]])))
    array([[ 0., -1.],
           [ 2.,  2.]], dtype=float32)
    """

    def __init__(self, function: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.function = function

    def build(self, input_shape: tuple) -> None:
        shape = (input_shape[-1],)
        self.strength = self.add_weight(name="strength", shape=shape, initializer="ones")

    def call(self, inputs: Any) -> Any:
        activated = keras.activations.get(self.function)(inputs)
        return inputs + self.strength * (activated - inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function}


def _standard_normal() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=1.0)
