"""A network that runs on tensors, and the order of all its numbers in one vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from skmlp._keras.tensorflow import tf
from skmlp._kinds.base import Array, Batch, Weights
from skmlp._kinds.noise import random_bits
from skmlp._kinds.sparse_inputs import SparseInputs
from skmlp._network.frozen_part import n_layers_up_to, widths_behind
from skmlp._network.padded import layers_of_real_units
from skmlp._network.spec import Layer, NetworkSpec, flow, split_columns


class Network:
    """The layers of a spec with the arrays that they have before training.

    In a vector, trained numbers come first, in the order of the layers, then untrained ones.
    With a `cut`, rows are those of `rows_behind` it, and only the layers behind it run.
    """

    def __init__(self, spec: NetworkSpec, cut: str | None = None) -> None:
        self.spec = spec
        self.input_widths = widths_behind(spec, cut)
        self._takes_sparse = spec.takes_sparse()
        self._n_skipped = n_layers_up_to(spec, cut)
        self._layers: list[Layer] = []
        self._indices: dict[str, list[int]] = {}  # of each layer's arrays
        self.arrays: list[Array] = []
        owners: list[str] = []  # the layer of each array
        for layer, width in spec.layers_and_widths():
            kind = layer.kind.built(width)
            start = len(self.arrays)
            arrays = [
                array._replace(
                    name=f"{layer.name}/{array.name}",
                    is_trained=array.is_trained and not layer.is_frozen,
                )
                for array in kind.arrays(width)
            ]
            self.arrays += arrays
            owners += [layer.name] * len(arrays)
            is_frozen = layer.is_frozen and bool(arrays)
            self._layers.append(layer._replace(kind=kind, is_frozen=is_frozen))
            self._indices[layer.name] = list(range(start, len(self.arrays)))
        self._trained = [i for i, array in enumerate(self.arrays) if array.is_trained]
        self._untrained = [i for i, array in enumerate(self.arrays) if not array.is_trained]
        self.layers_of_trained = [owners[i] for i in self._trained]
        self._sizes = [array.initial.size for array in self.arrays]
        self.n_trained = sum(self._sizes[i] for i in self._trained)
        self.n_numbers = sum(self._sizes)
        self._drawing = [layer.name for layer in self._layers if layer.kind.takes_bits]
        self._with_number = [layer.name for layer in self._layers if layer.kind.has_rate]
        self._layers_of_real_units = layers_of_real_units(self._layers)

    @property
    def trained(self) -> list[Array]:
        return [self.arrays[i] for i in self._trained]

    @property
    def untrained(self) -> list[Array]:
        return [self.arrays[i] for i in self._untrained]

    @property
    def n_layer_numbers(self) -> int:
        """Layers that take a number in training, as those of dropout take their rate."""
        return len(self._with_number)

    def index(self, layer: str) -> int:
        """Position of a layer's first array, its kernel, among the trained ones."""
        return self._trained.index(self._indices[layer][0])

    def reset(self, seed: int, epoch: int) -> None:
        """Set the seeds of the user's own random layers for an epoch."""
        for layer in self._layers:
            layer.kind.reset(seed, epoch)

    # Weights, layer by layer, and vectors

    @property
    def built_weights(self) -> Weights:
        return self._by_layer([array.initial for array in self.arrays])

    def flat(self, weights: Weights) -> np.ndarray:
        """The vector of these weights, (n_numbers,) float32."""
        arrays = [array for of_layer in weights for array in of_layer]
        ordered = [arrays[i].ravel() for i in (*self._trained, *self._untrained)]
        return np.concatenate([np.zeros(0, np.float32), *ordered], dtype=np.float32)

    def weights(self, vector: np.ndarray) -> Weights:
        """Views of a vector's numbers, layer by layer."""
        shaped, start = {}, 0
        for i in (*self._trained, *self._untrained):
            end = start + self._sizes[i]
            shaped[i] = vector[start:end].reshape(self.arrays[i].initial.shape)
            start = end
        return self._by_layer(shaped)

    def _by_layer(
        self, arrays: Sequence[Any] | Mapping[int, Any]
    ) -> tuple[tuple[Any, ...], ...]:
        return tuple(tuple(arrays[i] for i in self._indices[la.name]) for la in self._layers)

    # Outputs

    def outputs(
        self,
        X: tf.Tensor | SparseInputs,
        trained: Sequence[tf.Tensor],
        untrained: Sequence[tf.Tensor],
    ) -> list[tf.Tensor]:
        """Raw outputs of any rows, the main one first."""

        def run(layer: Layer, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
            return layer.kind.tensor(arrays, *inputs)

        return self._flow(X, trained, untrained, run)

    def outputs_in_training(
        self,
        X: tf.Tensor | SparseInputs,
        trained: Sequence[tf.Tensor],
        untrained: Sequence[tf.Tensor],
        weight: tf.Tensor,
        share: tf.Tensor,
        layer_numbers: tf.Tensor,
        when: Sequence[tf.Tensor],
    ) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
        """Raw outputs of a batch, the new values of the arrays that are not trained, and losses
        of the layers themselves.

        `when` identifies the batch: integers, (...,) or ().
        """
        moved = dict(zip(self._untrained, untrained, strict=True))
        losses: list[tf.Tensor] = []

        def run(layer: Layer, arrays: Sequence[tf.Tensor], *inputs: tf.Tensor) -> tf.Tensor:
            if layer.is_frozen:
                return layer.kind.tensor(arrays, *inputs)
            trained = layer.kind.in_training(arrays, inputs, batch_of(layer.name))
            if trained.loss is not None:
                losses.append(trained.loss)
            if trained.states:
                indices = [i for i in self._indices[layer.name] if i in moved]
                moved.update(zip(indices, trained.states, strict=True))
            return trained.output

        def batch_of(name: str) -> Batch:
            bits: Callable = _no_bits
            if name in self._drawing:
                counters = [*when, self._drawing.index(name)]
                width = number_of(self._layers_of_real_units.get(name))
                bits = partial(random_bits, counters=counters, width=width)
            return Batch(weight, share, bits, number_of(name))

        def number_of(name: str | None) -> tf.Tensor | None:
            if name not in self._with_number:
                return None
            return layer_numbers[..., self._with_number.index(name), None, None]

        return self._flow(X, trained, untrained, run), list(moved.values()), losses

    def _flow(
        self,
        X: tf.Tensor | SparseInputs,
        trained: Sequence[tf.Tensor],
        untrained: Sequence[tf.Tensor],
        run: Callable[..., tf.Tensor],
    ) -> list[tf.Tensor]:
        pairs = zip([*self._trained, *self._untrained], [*trained, *untrained], strict=True)
        arrays = dict(pairs)

        def run_layer(layer: Layer, *inputs: tf.Tensor) -> tf.Tensor:
            return run(layer, [arrays[i] for i in self._indices[layer.arrays_of]], *inputs)

        if isinstance(X, SparseInputs) and not self._takes_sparse:
            X = X.dense()
        layers = [layer for layer in self._layers if layer.name not in self.spec.outputs]
        inputs = split_columns(X, self.input_widths) if self._n_skipped else self.spec.inputs(X)
        values = flow(layers[self._n_skipped :], inputs, run_layer)
        return [values[name] for name in self.spec.raw_outputs]


def _no_bits(x: tf.Tensor) -> tf.Tensor:
    raise AssertionError("a kind that draws random bits must say takes_bits")
