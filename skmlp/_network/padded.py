"""Networks with units of padding beside the real ones, so that widths share a program.

Kernels and biases of padded units are zero. A padded unit's output may not be (a sigmoid's is
1/2), but it meets rows of zeros in the next kernel. In training its output is set to zero, and
with it the gradients of those rows, of its own kernel column and of its bias.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from skmlp._kinds.base import Dense, Kind
from skmlp._kinds.layer_values import Batch, TrainingOutput
from skmlp._network.mlp import MLPSpec
from skmlp._network.spec import Layer, NetworkSpec

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True)
class RealUnits(Kind):
    """The first units of its input, and zeros behind them."""

    rate: float  # number of real units, passed at run time
    has_rate: ClassVar[bool] = True

    def in_training(
        self, arrays: Sequence[tf.Tensor], inputs: Sequence[tf.Tensor], batch: Batch
    ) -> TrainingOutput:
        from skmlp._keras.tensorflow import tf

        units = tf.range(inputs[0].shape[-1], dtype=tf.float32)
        return TrainingOutput(tf.where(units < batch.rate, inputs[0], 0.0))


@dataclass(frozen=True)
class PaddedSpec(MLPSpec):
    """A multilayer perceptron whose hidden layers have `real_units` and units of padding."""

    real_units: tuple[int, ...] = ()

    def _hidden_layers(self) -> Iterator[tuple[str, Kind]]:
        """The layers, and at the end of each hidden layer's block a `RealUnits`."""
        n_hidden = 0
        for name, kind in super()._hidden_layers():
            if isinstance(kind, Dense):
                yield from self._end_of_block(n_hidden)
                n_hidden += 1
            yield name, kind
        yield from self._end_of_block(n_hidden)

    def _end_of_block(self, n: int) -> Iterator[tuple[str, Kind]]:
        if n:
            yield f"real_units_{n}", RealUnits(self.real_units[n - 1])

    def structure(self) -> PaddedSpec:
        structure = super().structure()
        assert isinstance(structure, PaddedSpec)
        return replace(structure, real_units=(0,) * len(self.real_units))


def padded_spec(spec: NetworkSpec, units: Sequence[int]) -> PaddedSpec:
    """The network, one that can be padded, with so many units in its hidden layers."""
    values = {**vars(spec), "hidden_units": tuple(units), "real_units": spec.hidden_units}
    return PaddedSpec(**values)


def can_be_padded(spec: NetworkSpec) -> bool:
    """Whether units of padding leave the others as they are."""
    return (
        type(spec) is MLPSpec
        and bool(spec.hidden_units)
        and not spec.n_reused
        and all(la.kind.is_unitwise for la in spec.layers() if la.name not in spec.outputs)
    )


def layers_of_real_units(layers: Iterable[Layer]) -> dict[str, str]:
    """For each layer beside padded units, the one that knows how many are real."""
    found: dict[str, str] = {}
    block: list[str] = []
    for layer in layers:
        if isinstance(layer.kind, Dense):
            block = []
        elif isinstance(layer.kind, RealUnits):
            found.update(dict.fromkeys(block, layer.name))
        block.append(layer.name)
    return found
