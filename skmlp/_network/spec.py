"""The frozen description of a network that a fitted estimator keeps; see `mlp.py` for one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from skmlp._kinds.activations import activation_kind
from skmlp._kinds.base import Dense, Kind, Rescaling, Shape
from skmlp._kinds.keras_layers import KerasLayer

# A canonical name, the user's own function, or a Keras layer.
ActivationLike = str | Callable | KerasLayer


class Layer(NamedTuple):
    """One layer of a network."""

    name: str  # in the Keras model
    kind: Kind
    sources: tuple[str, ...]  # names of its input layers, or of the network's inputs
    # Its arrays are not trained. A layer that has any runs in training as it does afterwards.
    is_frozen: bool = False
    shares: str = ""  # the layer whose arrays it uses, for a kind without arrays of its own

    @property
    def arrays_of(self) -> str:
        """Name of the layer that holds its arrays."""
        return self.shares or self.name


def flow(
    layers: Iterable[Layer], inputs: Mapping[str, Any], run: Callable[..., Any]
) -> dict[str, Any]:
    """Outputs of all inputs and layers, by name; `run(layer, *values)` computes a layer's.

    Values may be Keras's symbols, the engine's tensors or NumPy's arrays.
    """
    values = dict(inputs)
    for layer in layers:
        values[layer.name] = run(layer, *(values[source] for source in layer.sources))
    return values


def needed_layers(layers: Sequence[Layer], name: str, given: str = "") -> list[Layer]:
    """The layers that the named one depends on after `given`, itself included, in order."""
    wanted, found = {name}, []
    for layer in reversed(layers):
        if layer.name in wanted and layer.name != given:
            wanted.update(layer.sources)
            found.append(layer)
    return found[::-1]


@dataclass(frozen=True)
class TargetScaling:
    """Converts between the user's targets and the standardised ones that the network learns."""

    mean: tuple[float, ...]  # (n_outputs,)
    scale: tuple[float, ...]  # (n_outputs,)

    def standardised(self, y: np.ndarray) -> np.ndarray:
        return (y - np.array(self.mean)) / np.array(self.scale)

    def layer(self) -> Rescaling:
        """The layer that restores outputs."""
        return Rescaling(self.scale, self.mean)

    def restored(self, y: np.ndarray) -> np.ndarray:
        """Targets or predictions in the user's units, of the dtype of y."""
        return self.layer().numpy((), y)


class NetworkSpec(ABC):
    """A network without its weights: layers, each after its sources. Specs are frozen values.

    The values of the last product are the raw outputs. Predictions are made from them by
    `output_activation`, or by `target_scaling` if there is one.
    """

    hidden_units: tuple[int, ...]
    activations: tuple[
        ActivationLike, ...
    ]  # of the hidden layers, where an initializer draws the kernels
    n_outputs: int
    output_activation: str  # canonical name
    target_scaling: TargetScaling | None
    n_wide: int = 0  # columns of a wide path
    has_auxiliary: bool = False  # whether a second output sees the last hidden layer alone
    n_reused: int = 0  # dense layers from the bottom that were taken from another network
    n_frozen: int = 0  # of these, from the bottom

    @abstractmethod
    def input_widths(self) -> dict[str, int]:
        """Number of columns of each input, by name, in the order of the columns in a row."""

    @abstractmethod
    def _made_layers(self) -> Iterator[Layer]:
        """All layers, each after its sources."""

    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Units of all layers, from the features to the raw outputs."""

    def outline(self) -> str:
        """The network in a few words: units of all layers."""
        return with_arrows(self.shape())

    @abstractmethod
    def structure(self) -> NetworkSpec:
        """The same with all positive dropout rates set to 0.5, and no target scaling.

        A compiled program depends only on where there is dropout, since rates are passed at
        run time. Targets are scaled before it sees them, and where weights came from does not
        matter.
        """

    @property
    def hidden_outputs(self) -> tuple[str, ...]:
        """Names of the layers whose outputs are the hidden layers' activated ones."""
        return tuple(f"activation_{i}" for i in range(1, len(self.hidden_units) + 1))

    def without_scaling(self) -> NetworkSpec:
        """The network that predicts standardised targets."""
        return replace(self, target_scaling=None)  # type: ignore[type-var]

    @property
    def n_reusable(self) -> int:
        """Hidden layers, from the bottom, that another network begins with by default."""
        return len(self.hidden_units)

    @property
    def is_sequential(self) -> bool:
        """Whether each layer follows the one before, from one input to one output."""
        return False

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the prediction layers, the main one first."""
        return ("prediction",)

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the outputs whose losses are reported beside their sum, if any."""
        return self.outputs if len(self.outputs) > 1 else ()

    def inputs(self, X: Any) -> dict[str, Any]:
        """Each input's columns of X, an array or tensor, by name."""
        widths = self.input_widths()
        if len(widths) == 1:
            return dict.fromkeys(widths, X)
        return split_columns(X, widths)

    def final_layer(self) -> Kind:
        """The layer that makes predictions from raw outputs."""
        if self.target_scaling:
            return self.target_scaling.layer()
        return activation_kind(self.output_activation)

    def layers(self) -> tuple[Layer, ...]:
        """All layers, each after its sources."""
        return _layers(self)

    def blocks(self) -> tuple[tuple[Layer, ...], ...]:
        """The dense layers, each with those that follow it up to the next one.

        The first block has the layers before it too.
        """
        layers = self.layers()
        numbers = _blocks_of(layers)
        return tuple(
            tuple(layer for layer, n in zip(layers, numbers, strict=True) if n == block)
            for block in range(1, max(numbers) + 1)
        )

    @property
    def raw_outputs(self) -> tuple[str, ...]:
        """Names of the layers whose outputs the prediction layers activate."""
        return tuple(layer.sources[0] for layer in self.layers() if layer.name in self.outputs)

    def weighted(self) -> tuple[Any, ...]:
        """Layers with weights, and their shapes; these must be equal for a warm start."""
        found: list[tuple[str, Any]] = []
        for layer, width in self.layers_and_widths():
            shapes = layer.kind.shapes(width)
            if shapes is None or (shapes and isinstance(layer.kind, KerasLayer)):
                found.append((layer.name, layer.kind))
            elif shapes:
                found.append((layer.name, shapes))
        return tuple(found)

    def layers_and_widths(self) -> list[tuple[Layer, int]]:
        """All layers, each with the total width of its inputs."""
        found = []

        def run(layer: Layer, *widths: int) -> int:
            found.append((layer, sum(widths)))
            return layer.kind.units(sum(widths))

        flow(self.layers(), self.input_widths(), run)
        return found

    def n_weights(self) -> int:
        """Number of weights in the kernels of all dense layers."""
        return sum(
            width * layer.kind.n_units
            for layer, width in self.layers_and_widths()
            if isinstance(layer.kind, Dense)
        )

    def weight_shapes(self) -> list[list[Shape] | None]:
        """Shapes of the arrays, layer by layer; None where only Keras knows them."""
        return [layer.kind.shapes(width) for layer, width in self.layers_and_widths()]

    def layer_numbers(self) -> list[float]:
        """Numbers of the layers that take one in training, in order."""
        kinds: list[Any] = [layer.kind for layer in self.layers()]
        return [kind.rate for kind in kinds if kind.has_rate]

    def layers_not_for_xla(self) -> list[str]:
        """Classes of layers that keep training from being compiled by XLA."""
        return sorted(
            {name for layer in self.layers() for name in layer.kind.layers_not_for_xla}
        )

    def sparse_inputs(self) -> set[str]:
        """Names of the inputs that are sparse in sparse rows."""
        return set(self.input_widths())

    def takes_sparse(self) -> bool:
        """Whether inputs reach only products with kernels, so that rows may stay sparse."""
        kept = self.sparse_inputs()
        for layer in self.layers():
            if not kept.isdisjoint(layer.sources):
                if layer.kind.keeps_sparse:
                    kept.add(layer.name)
                elif not layer.kind.takes_sparse:
                    return False
        return kept.isdisjoint(self.raw_outputs)

    def is_repeatable(self) -> bool:
        """Whether a fit's seed decides all random numbers of its training."""
        return all(layer.kind.is_repeatable for layer in self.layers())

    def is_random(self) -> bool:
        """Whether training draws random numbers besides the order of the rows."""
        return any(layer.kind.is_random for layer in self.layers())


def with_arrows(sizes: Iterable[Any]) -> str:
    """Sizes of layers, one after the other."""
    return " → ".join(map(str, sizes))


def split_columns(X: Any, widths: Mapping[str, int]) -> dict[str, Any]:
    """Columns of X, an array or tensor, by the name of the input that they belong to."""
    columns = zip(widths, pairwise([0, *accumulate(widths.values())]), strict=True)
    return {name: X[..., start:end] for name, (start, end) in columns}


@lru_cache(maxsize=128)
def _layers(spec: NetworkSpec) -> tuple[Layer, ...]:
    """Made once for a network: for one row, making them takes as long as running them."""
    layers = tuple(spec._made_layers())
    if not spec.n_frozen:
        return layers
    return tuple(
        layer._replace(is_frozen=n <= spec.n_frozen)
        for layer, n in zip(layers, _blocks_of(layers), strict=True)
    )


def _blocks_of(layers: Iterable[Layer]) -> list[int]:
    """The number of each layer's block, from 1; see `NetworkSpec.blocks`."""
    return [max(n, 1) for n in accumulate(isinstance(layer.kind, Dense) for layer in layers)]
