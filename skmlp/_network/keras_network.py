"""A user's Keras network as a frozen description.

Where all layers are known kinds, it is made of these, so that it predicts in NumPy and is
trained in stacks. Any other network is one kind that Keras runs as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skmlp._kinds.base import Add, Concatenate, Dense, Dropout, Kind
from skmlp._kinds.keras_layers import SeedStates, refuse_assigned
from skmlp._kinds.layer_values import Array, Batch, Shape, TrainingOutput
from skmlp._network.keras_entries import Entry, Head
from skmlp._network.model_text import ModelText
from skmlp._network.spec import Layer, NetworkSpec, TargetScaling, with_arrows

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

WHOLE = "/network"  # the layer that is a whole Keras network; no layer of Keras's is named so


@dataclass(frozen=True)
class KerasSpec(NetworkSpec):
    """A user's Keras network: `parts` are its layers up to the raw outputs, the last one."""

    model: ModelText | None  # None in a structure
    entries: tuple[Entry, ...]
    parts: tuple[Layer, ...]
    hidden_units: tuple[int, ...]  # of known dense layers
    n_outputs: int
    output_activation: str
    target_scaling: TargetScaling | None = None
    link: str | None = None  # activation of the loss, which predictions need beside the model
    heads: tuple[Head, ...] = ()  # the outputs, if there are several
    n_reused: int = 0
    n_frozen: int = 0

    outputs: ClassVar[tuple[str, ...]] = ("/prediction",)

    def input_widths(self) -> dict[str, int]:
        return {entry.name: entry.width for entry in self.entries}

    def inputs(self, X: Any) -> dict[str, Any]:
        if len(self.entries) == 1:
            return {self.entries[0].name: X}
        return {e.name: X[..., e.start : e.start + e.width] for e in self.entries}

    def shape(self) -> tuple[int, ...]:
        n_features = sum(self.input_widths().values())
        return (n_features, *self.hidden_units, self.n_outputs)

    def outline(self) -> str:
        """Units of all layers, or the number of layers where they are no simple chain."""
        if all(len(part.sources) == 1 and part.name != WHOLE for part in self.parts):
            return super().outline()
        inputs = " + ".join("x".join(map(str, entry.shape)) for entry in self.entries)
        assert self.model is not None
        layers = json.loads(self.model.text)["config"].get("layers", ())
        n_layers = sum(layer["class_name"] != "InputLayer" for layer in layers)
        return with_arrows((inputs, f"{n_layers} Keras layers", self.n_outputs))

    def _made_layers(self) -> Iterator[Layer]:
        yield from self.parts
        yield Layer(self.outputs[0], self.final_layer(), (self.parts[-1].name,))

    @property
    def loss_names(self) -> tuple[str, ...]:
        return tuple(head.name for head in self.heads)

    @property
    def hidden_outputs(self) -> tuple[str, ...]:
        """Each dense layer but the last, or the activation or normalisation that follows it."""
        hidden = [part.name for part in self.parts if isinstance(part.kind, Dense)][:-1]
        for part in self.parts:
            is_other = isinstance(part.kind, (Add, Concatenate, Dense, Dropout))
            if not is_other and part.sources[0] in hidden:
                hidden[hidden.index(part.sources[0])] = part.name
        return tuple(hidden)

    def known_shapes(self) -> list[list[Shape]]:
        """Shapes of the arrays, layer by layer, also of those that only Keras knows."""
        return [
            [array.initial.shape for array in layer.kind.built(width).arrays(width)]
            for layer, width in self.layers_and_widths()
        ]

    def structure(self) -> NetworkSpec:
        parts = tuple(
            part._replace(kind=replace(part.kind, rate=0.5))
            if isinstance(part.kind, Dropout)
            else part
            for part in self.parts
        )
        return replace(
            self, model=None, parts=parts, target_scaling=None, link=None, n_reused=0
        )


@dataclass(frozen=True)
class KerasNetwork(Kind):
    """A whole Keras network, up to its raw outputs, which are laid side by side."""

    model: ModelText
    entries: tuple[Entry, ...]
    n_outputs: int
    widest: int  # numbers of a row's largest layer
    not_for_xla: tuple[str, ...]  # classes of layers
    draws_unseeded: bool = False  # whether a layer draws random numbers that no seed decides
    returns_input: ClassVar[bool] = False
    is_random: ClassVar[bool] = True  # perhaps
    in_stacks: ClassVar[bool] = False

    @property
    def layers_not_for_xla(self) -> tuple[str, ...]:
        return self.not_for_xla

    @property
    def is_repeatable(self) -> bool:
        return not self.draws_unseeded

    def units(self, width: int) -> int:
        return self.n_outputs

    def values_of_row(self, width: int) -> int:
        return self.widest

    def shapes(self, width: int) -> list[Shape] | None:
        return None

    def numpy(self, arrays: Sequence[np.ndarray], *inputs: np.ndarray) -> np.ndarray:
        from skmlp._keras.tensorflow import refuse_forked_process

        refuse_forked_process()
        outputs = _compiled(self)(list(arrays), [np.float32(x) for x in inputs])
        return outputs.numpy().astype(inputs[0].dtype)

    def built(self, width: int) -> KerasNetwork:
        return self.of(self.model.made())

    def of(self, network: keras.Model) -> BuiltKerasNetwork:
        """The kind, ready to run this network."""
        own = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return BuiltKerasNetwork(**own, network=network)


@dataclass(frozen=True)
class BuiltKerasNetwork(KerasNetwork):
    """A Keras network that runs with given arrays instead of its own weights."""

    network: Any = field(default=None, compare=False)

    @cached_property
    def _seeds(self) -> SeedStates:
        weights = {id(variable) for variable in self.network.weights}
        others = self.network.non_trainable_variables
        return SeedStates([variable for variable in others if id(variable) not in weights])

    def reset(self, seed: int, epoch: int) -> None:
        self._seeds.reset(seed, epoch)

    def arrays(self, width: int) -> list[Array]:
        return [
            Array(
                variable.value.numpy().astype(np.float32),
                is_trained=variable.trainable,
                is_penalised=variable.trainable and variable.name == "kernel",
                constraint=variable.constraint,
                regularizer=variable.regularizer if variable.trainable else None,
                name=variable.path,
            )
            for variable in self.network.weights
        ]

    def tensor(self, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
        return self._run(arrays, inputs, training=False)[0]

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        from skmlp._keras.tensorflow import tf

        outputs, scope = self._run(arrays, inputs, training=True)
        self._seeds.assign(self._seeds.after(scope))
        states = [v for v in self.network.weights if not v.trainable]
        new = [tf.cast(scope.get_current_value(state), tf.float32) for state in states]
        losses = map(tf.reduce_sum, scope.losses)  # a layer may add a vector
        return TrainingOutput(outputs, new, sum(losses, tf.zeros(())))

    def differs_when_repeated(self) -> bool:
        """Whether the outputs of the same rows differ in training from the same seeds."""
        rng = np.random.default_rng(0)
        rows = [np.float32(rng.random((2, entry.width))) for entry in self.entries]
        weights = self.network.get_weights()

        def outputs() -> np.ndarray:
            self.network.set_weights(weights)
            self.reset(seed=0, epoch=0)
            outputs = self.network(self._arranged(rows), training=True)
            return self._side_by_side(outputs).numpy()

        return not np.array_equal(outputs(), outputs(), equal_nan=True)

    def _run(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], *, training: bool
    ) -> tuple[tf.Tensor, keras.StatelessScope]:
        """Outputs, and what the call has left."""
        from skmlp._keras.tensorflow import keras, tf

        network = self.network
        mapping = [
            (variable, tf.cast(array, variable.dtype))
            for variable, array in zip(network.weights, arrays, strict=True)
        ]
        with keras.StatelessScope(mapping, collect_losses=True) as scope:
            finalize(network)
            outputs = network(self._arranged(inputs), training=training)
        refuse_assigned(mapping, scope, "model")
        return self._side_by_side(outputs), scope

    def _arranged(self, inputs: Sequence[tf.Tensor]) -> Any:
        """The inputs in the shapes, dtypes and structure that the network takes."""
        from skmlp._keras.tensorflow import keras, tf

        arranged = [
            tf.cast(tf.reshape(x, [-1, *entry.shape]), entry.dtype)
            for x, entry in zip(inputs, self.entries, strict=True)
        ]
        if len(arranged) == 1:
            return arranged[0]
        return keras.tree.pack_sequence_as(self.network.input, arranged)

    def _side_by_side(self, outputs: Any) -> tf.Tensor:
        from skmlp._keras.tensorflow import keras, tf

        flat = [tf.cast(one, tf.float32) for one in keras.tree.flatten(outputs)]
        if len(flat) == 1 and flat[0].shape.rank == 2:
            return flat[0]
        return tf.concat([tf.reshape(one, [tf.shape(one)[0], -1]) for one in flat], axis=-1)


def layers_in(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """A layer or model, and the layers inside it."""
    from skmlp._keras.tensorflow import keras

    yield layer
    for inner in (*getattr(layer, "layers", ()), getattr(layer, "layer", None)):
        if isinstance(inner, keras.layers.Layer):
            yield from layers_in(inner)


def finalize(model: keras.Model) -> None:
    """Let `keras.layers.Normalization` compute with the mean and variance that it now has."""
    from skmlp._keras.tensorflow import keras

    for layer in layers_in(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


@lru_cache(maxsize=16)
def _compiled(kind: KerasNetwork) -> Callable[..., tf.Tensor]:
    """The network after training, for chunks of any number of rows."""
    from skmlp._keras.tensorflow import tf

    built: Any = kind.built(0)
    arrays = [tf.TensorSpec(v.shape, tf.float32) for v in built.network.weights]
    rows = [tf.TensorSpec((None, entry.width), tf.float32) for entry in kind.entries]
    # Of functions that share their code, TensorFlow takes many traces for a mistake.
    return tf.function(
        lambda arrays, inputs: built.tensor(arrays, *inputs),
        input_signature=(arrays, rows),
        autograph=False,
    ).get_concrete_function()
