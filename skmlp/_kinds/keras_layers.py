"""Kinds of layer from Keras: any layer as it is, and normalisation, which stacks."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skmlp._kinds.base import Kind
from skmlp._kinds.layer_values import Array, Batch, Shape, TrainingOutput

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# Layers for XLA. Its convolutions take three times as long as TensorFlow's on a CPU; batch
# statistics and penalties of outputs must not see rows that fill up a batch, which only XLA
# needs; and some layers it cannot compile.
IN_XLA = re.compile(
    "Functional|Sequential|InputLayer|Identity|Dense|EinsumDense|Embedding|Activation|Softmax"
    "|.*ReLU|ELU|Concatenate|Add|Subtract|Multiply|Average|Maximum|Minimum|Dot|Flatten|Reshape"
    "|Permute|RepeatVector|.*Attention|LayerNormalization|GroupNormalization|UnitNormalization"
    "|RMSNormalization|Normalization|Rescaling|.*Dropout|GaussianNoise|Global.*Pooling1D"
)


@lru_cache(maxsize=128)
def _parsed(config: str) -> dict[str, Any]:
    """Settings of a layer, cached outside the kind: predicting must not change an estimator."""
    return json.loads(config)


@dataclass(frozen=True)
class KerasLayer(Kind):
    """A Keras layer without its weights, as text; for a user's own class, the class too.

    Only Keras knows its arrays, so networks that contain it are trained one by one.
    """

    layer_class: str | type  # the name in keras.layers, or a class that is not Keras's
    config: str  # JSON, without name and dtype
    is_random: ClassVar[bool] = True  # perhaps; its random bits are Keras's
    in_stacks: ClassVar[bool] = False

    @property
    def class_name(self) -> str:
        cls = self.layer_class
        return cls if isinstance(cls, str) else cls.__name__

    @property
    def settings(self) -> dict[str, Any]:
        return _parsed(self.config)

    @property
    def layers_not_for_xla(self) -> tuple[str, ...]:
        is_penalised = self.settings.get("activity_regularizer")
        suits = isinstance(self.layer_class, str) and IN_XLA.fullmatch(self.class_name)
        return () if suits and not is_penalised else (self.class_name,)

    def shapes(self, width: int) -> list[Shape] | None:
        return None

    def keras_layer(self, regularizer: Any = None, **name_and_dtype: Any) -> keras.layers.Layer:
        from skmlp._keras.text import made_safely

        cls: Any = self.layer_class
        config = {**json.loads(self.config), **name_and_dtype}  # Keras may change it
        if not isinstance(cls, str):
            return cls.from_config(config)
        # The text may come from somebody else's file.
        return made_safely({"module": "keras.layers", "class_name": cls, "config": config})

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        layer = self.keras_layer(name="activation", dtype="float32")
        layer.build(inputs[0].shape)
        layer.set_weights(list(arrays))
        outputs = layer(inputs[0].astype(np.float32), training=False)
        return np.asarray(outputs, dtype=inputs[0].dtype)

    def built(self, width: int) -> KerasLayer:
        layer = self.keras_layer(name="layer", dtype="float32")
        layer.build((None, width))
        weights = list(layer.weights)
        others = [v for v in layer.variables if not any(v is weight for weight in weights)]
        return BuiltKerasLayer(self.layer_class, self.config, layer, SeedStates(others))


class SeedStates:
    """The states of Keras's seed generators, from which a layer's random bits follow."""

    def __init__(self, variables: Sequence[Any]) -> None:
        self._variables = list(variables)
        self._firsts = [int(variable.value.numpy()[0]) for variable in variables]

    def reset(self, seed: int, epoch: int) -> None:
        """Set the states for an epoch, so that training in one go and in parts is the same."""
        for i, pair in enumerate(zip(self._variables, self._firsts, strict=True)):
            variable, first = pair
            drawn = np.random.SeedSequence([seed, epoch, i, first]).generate_state(1)[0]
            variable.assign(np.array([drawn >> 1, 0], dtype=variable.dtype))

    def assign(self, values: Sequence[Any]) -> None:
        """Set the states that a call has left; None leaves one as it is."""
        for variable, value in zip(self._variables, values, strict=True):
            if value is not None:
                variable.assign(value)

    def after(self, scope: keras.StatelessScope) -> list[Any]:
        """The states that a call in this scope has left."""
        return [scope.get_current_value(variable) for variable in self._variables]


@dataclass(frozen=True)
class BuiltKerasLayer(KerasLayer):
    """A Keras layer that runs with given arrays instead of its own weights."""

    layer: Any = field(compare=False)
    seeds: SeedStates = field(compare=False)

    def reset(self, seed: int, epoch: int) -> None:
        self.seeds.reset(seed, epoch)

    def arrays(self, width: int) -> list[Array]:
        return [
            Array(
                variable.value.numpy(),
                is_trained=variable.trainable,
                is_penalised=variable.trainable and variable.name == "kernel",
                constraint=variable.constraint,
                regularizer=variable.regularizer if variable.trainable else None,
                name=variable.name,
            )
            for variable in self.layer.weights
        ]

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        return self._run(arrays, inputs, training=False)[0]

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        output, scope = self._run(arrays, inputs, training=True)
        self.seeds.assign(self.seeds.after(scope))
        untrained = [variable for variable in self.layer.weights if not variable.trainable]
        states = [scope.get_current_value(variable) for variable in untrained]
        return TrainingOutput(output, states, sum(scope.losses) if scope.losses else None)

    def _run(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], *, training: bool
    ) -> tuple[Any, keras.StatelessScope]:
        from skmlp._keras.tensorflow import keras

        mapping = list(zip(self.layer.weights, arrays, strict=True))
        with keras.StatelessScope(mapping, collect_losses=True) as scope:
            output = self.layer(inputs[0], training=training)
        refuse_assigned(mapping, scope, "activation")
        return output, scope


def refuse_assigned(
    mapping: Sequence[tuple[keras.Variable, Any]], scope: keras.StatelessScope, parameter: str
) -> None:
    """Refuse layers that give trainable weights other values than these in a call."""
    for variable, value in mapping:
        if variable.trainable and scope.get_current_value(variable) is not value:
            raise ValueError(
                f"'{parameter}' must leave changes of its trainable weights to the optimizer; "
                f"got a layer that assigns {variable.path}; write a constraint instead."
            )


@dataclass(frozen=True)
class Normalization(KerasLayer):
    """Units normalised to mean 0 and variance 1, then scaled and shifted by learned numbers."""

    returns_input: ClassVar[bool] = False
    is_random: ClassVar[bool] = False
    in_stacks: ClassVar[bool] = True
    n_moments: ClassVar[int] = 0  # arrays that are not trained

    @property
    def settings(self) -> dict[str, Any]:
        return {"epsilon": 1e-3, "center": True, "scale": True, **super().settings}

    @property
    def layers_not_for_xla(self) -> tuple[str, ...]:
        return ()

    def shapes(self, width: int) -> list[Shape]:
        n_learned = self.settings["scale"] + self.settings["center"]
        return [(width,)] * (n_learned + self.n_moments)

    def built(self, width: int) -> KerasLayer:
        return self

    def arrays(self, width: int) -> list[Array]:
        return KerasLayer.built(self, width).arrays(width)

    def _gamma_and_beta(self, arrays: Sequence[Any]) -> tuple[Any, Any, list[Any]]:
        """Gamma and beta, or None, and the arrays after them, all with an axis for rows."""
        left = [array[..., None, :] for array in arrays]
        gamma = left.pop(0) if self.settings["scale"] else None
        beta = left.pop(0) if self.settings["center"] else None
        return gamma, beta, left

    def _moments(self, left: Sequence[Any], x: Any) -> tuple[Any, Any]:
        """Mean and variance after training."""
        raise NotImplementedError

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        gamma, beta, left = self._gamma_and_beta(arrays)
        mean, variance = self._moments(left, inputs[0])
        output = (inputs[0] - mean) / np.sqrt(variance + self.settings["epsilon"])
        output *= 1.0 if gamma is None else gamma
        return output if beta is None else output + beta

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        gamma, beta, left = self._gamma_and_beta(arrays)
        return self._normalized(inputs[0], *self._moments(left, inputs[0]), gamma, beta)

    def _normalized(self, x: Any, mean: Any, variance: Any, gamma: Any, beta: Any) -> tf.Tensor:
        from skmlp._keras.tensorflow import tf

        epsilon = self.settings["epsilon"]
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


@dataclass(frozen=True)
class BatchNormalization(Normalization):
    """Each unit is normalised over the rows of a batch (Ioffe and Szegedy 2015)."""

    n_moments: ClassVar[int] = 2
    is_unitwise: ClassVar[bool] = True

    def _moments(self, left: Sequence[Any], x: Any) -> tuple[Any, Any]:
        mean, variance = left
        if isinstance(x, np.ndarray):
            return mean, variance
        from skmlp._keras.tensorflow import tf

        # Outside XLA, `rsqrt` gives the last numbers of an array, which fill no vector of the
        # processor, other bits; with rows, those are numbers of padding.
        return mean, tf.broadcast_to(variance, tf.shape(x))

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        """Normalise by the weighted moments of the batch, which Keras's layer does not compute.

        A row of weight 2 counts as two rows. Rows that fill up the last batch have weight 0.
        """
        from skmlp._keras.tensorflow import tf

        gamma, beta, moving = self._gamma_and_beta(arrays)
        x = inputs[0]
        total = tf.reduce_sum(batch.weight, axis=-1, keepdims=True)
        share = (batch.weight / tf.maximum(total, 1e-12))[..., None]
        mean = tf.reduce_sum(share * x, axis=-2, keepdims=True)
        variance = tf.reduce_sum(share * tf.square(x - mean), axis=-2, keepdims=True)
        momentum = self.settings.get("momentum", 0.99)
        moved = [
            (momentum * old + (1 - momentum) * new)[..., 0, :]
            for old, new in zip(moving, (mean, variance), strict=True)
        ]
        return TrainingOutput(self._normalized(x, mean, variance, gamma, beta), moved)


@dataclass(frozen=True)
class LayerNormalization(Normalization):
    """Each row is normalised over its units (Ba et al. 2016)."""

    def _moments(self, left: Sequence[Any], x: Any) -> tuple[Any, Any]:
        if isinstance(x, np.ndarray):
            return x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
        from skmlp._keras.tensorflow import tf

        return tf.nn.moments(x, axes=[-1], keepdims=True)


def normalization_kind(layer: KerasLayer) -> KerasLayer:
    """A normalisation layer as one of the kinds above where possible, otherwise as it is."""
    if layer.layer_class == "BatchNormalization":
        return BatchNormalization(layer.layer_class, layer.config)
    if layer.layer_class == "LayerNormalization" and not layer.settings.get("rms_scaling"):
        return LayerNormalization(layer.layer_class, layer.config)
    return layer
