"""Trained layers of any library as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from skmlp._kinds.activations import Activation, LeakyReLU, activation_kind
from skmlp._kinds.base import Concatenate, Dense, Kind, Shape, Weights
from skmlp._kinds.keras_layers import KerasLayer
from skmlp._network.spec import Layer, NetworkSpec, TargetScaling

Arrays = tuple[np.ndarray, ...]


class NotAChainError(Exception):
    """Raised for layers that do not follow each other."""


@dataclass(frozen=True, eq=False)
class ChainLayer:
    """A dense layer, and the layers with it up to the next one, but for noise."""

    parts: tuple[tuple[Kind, Arrays], ...]  # in order; linear activations are left out
    knows_activation: bool = True

    @property
    def shape(self) -> Shape:
        """Shape of its kernel."""
        return next(arrays[0].shape for kind, arrays in self.parts if isinstance(kind, Dense))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(kind for kind, _ in self.parts)

    def with_outputs(self, scale: np.ndarray, mean: np.ndarray) -> ChainLayer:
        """The layer with linear outputs multiplied by `scale`, then shifted by `mean`."""
        *before, (kind, arrays) = self.parts
        assert isinstance(kind, Dense)
        kernel, *bias = arrays
        shifted = (bias[0] if bias else 0) * scale + mean
        scaled = float32(kernel * scale), float32(shifted)
        return ChainLayer((*before, (Dense(kind.n_units), scaled)))


@dataclass(frozen=True, eq=False, repr=False)
class LayerChain:
    """Layers one after the other: hidden ones, then perhaps an output layer, whose outputs are
    in the user's units.
    """

    layers: tuple[ChainLayer, ...]
    n_hidden: int

    def __repr__(self) -> str:
        units = [self.layers[0].shape[0], *(layer.shape[1] for layer in self.layers)]
        return f"<trained layers of {', '.join(map(str, units))} units>"

    @property
    def arrays(self) -> list[np.ndarray]:
        return [array for layer in self.layers for _, of in layer.parts for array in of]


def network_chain(spec: NetworkSpec, weights: Weights) -> LayerChain:
    """The layers of a network up to its main output, or as many as are reusable.

    Raises NotAChainError.
    """
    of_layers = dict(zip((layer.name for layer in spec.layers()), weights, strict=True))
    blocks = main_blocks(spec)
    n_hidden = spec.n_reusable
    if n_hidden < len(spec.hidden_units):
        blocks = [*blocks[: n_hidden - 1], _up_to(blocks[n_hidden - 1], spec)]
    _check_chain(blocks)
    layers = [
        chain_layer((layer.kind, of_layers[layer.name]) for layer in block) for block in blocks
    ]
    scaling = spec.target_scaling
    if len(layers) == n_hidden:
        return LayerChain(tuple(layers), n_hidden)
    if scaling:
        layers[-1] = layers[-1].with_outputs(np.array(scaling.scale), np.array(scaling.mean))
    else:
        layers[-1] = chain_layer(
            [*layers[-1].parts, (activation_kind(spec.output_activation), ())]
        )
    return LayerChain(tuple(layers), n_hidden)


def _up_to(block: Sequence[Layer], spec: NetworkSpec) -> list[Layer]:
    """The layers of a block up to the output of the last reusable hidden layer."""
    last = spec.hidden_outputs[spec.n_reusable - 1]
    return list(block[: [layer.name for layer in block].index(last) + 1])


def is_chain(spec: NetworkSpec) -> bool:
    """Whether a network is a chain of dense layers, perhaps with a wide path."""
    try:
        _check_chain(main_blocks(spec))
    except NotAChainError:
        return False
    return True


def chain_layer(parts: Iterable[tuple[Kind, Arrays]]) -> ChainLayer:
    """A layer of those parts that have an effect after training."""
    return ChainLayer(tuple(_part(*part) for part in parts if has_effect(part[0])))


def _part(kind: Kind, arrays: Arrays) -> tuple[Kind, Arrays]:
    """A part; of a subclass of dense layers, the kernel and the bias."""
    if isinstance(kind, Dense):
        return Dense(kind.n_units, kind.use_bias), arrays[: 1 + kind.use_bias]
    return kind, arrays


def has_effect(kind: Kind) -> bool:
    """Whether a kind changes its only input after training."""
    is_identity = type(kind).numpy is Kind.numpy or kind == Activation("linear")
    return not (is_identity or isinstance(kind, Concatenate))


def main_blocks(spec: NetworkSpec) -> list[list[Layer]]:
    """The blocks up to the main output, without the layers that make predictions."""
    blocks = spec.blocks()[: len(spec.hidden_units) + 1]
    kept = [[layer for layer in block if layer.name not in spec.outputs] for block in blocks]
    if not all(any(isinstance(layer.kind, Dense) for layer in block) for block in kept):
        raise NotAChainError
    return kept


def _check_chain(blocks: Sequence[Sequence[Layer]]) -> None:
    """Raise NotAChainError unless layers follow each other; wide inputs may join at the end."""
    before, joined = None, False
    for block in blocks:
        for layer in block:
            joins = isinstance(layer.kind, Concatenate) and before in layer.sources
            follows = before is None or layer.sources == (before,) or joins
            if not follows or (joined and block is not blocks[-1]):
                raise NotAChainError
            before, joined = layer.name, joined or joins


def dense_chain(
    kernels: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    activations: Sequence[str] | None = None,
) -> LayerChain:
    """Dense layers; without `activations`, theirs are not known."""
    layers = []
    for i, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        dense = Dense(kernel.shape[1]), (float32(kernel), float32(bias))
        if activations is None:
            layers.append(ChainLayer((dense,), knows_activation=False))
        else:
            layers.append(chain_layer([dense, (activation_kind(activations[i]), ())]))
    return LayerChain(tuple(layers), max(len(layers) - 1, 1))


def rescaled(layer: ChainLayer, scaling: TargetScaling) -> ChainLayer:
    """An output layer for standardised targets."""
    scale = 1 / np.array(scaling.scale)
    return layer.with_outputs(scale, -np.array(scaling.mean) * scale)


def float32(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float32)


def names_of(kinds: Iterable[Kind]) -> str:
    """Kinds beside a dense layer, for errors."""
    others = [kind for kind in kinds if not isinstance(kind, Dense)]
    return " and ".join(map(_name, others)) or "identity"


def _name(kind: Kind) -> str:
    if isinstance(kind, Activation):
        function = kind.function
        return function if isinstance(function, str) else getattr(function, "__name__", "?")
    if isinstance(kind, KerasLayer):
        return kind.class_name
    slope = f" of slope {kind.slope:.3g}" if isinstance(kind, LeakyReLU) else ""
    return f"{type(kind).__name__}{slope}"
