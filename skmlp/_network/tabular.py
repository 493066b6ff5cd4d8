"""The network of the tabular estimators as a frozen description, and its first weights.

It is RealMLP's (Holzmüller et al. 2024, https://arxiv.org/abs/2407.04491) with a second numeric
embedding. Numeric features enter three ways side by side: as they are, through cosines, and
through a piecewise linear encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from skmlp._kinds.base import AlphaDropout, Concatenate, Dropout, Weights
from skmlp._kinds.embeddings import PeriodicEmbedding, PiecewiseLinearEmbedding
from skmlp._kinds.tabular import LevelEmbedding, NTKDense, ParametricActivation, Scaling
from skmlp._network.spec import Layer, NetworkSpec, TargetScaling

N_BINS = 32  # of the piecewise linear embedding
LEVEL_UNITS = 8  # of the embedding of a column with many levels, as in RealMLP


@dataclass(frozen=True)
class TabularSpec(NetworkSpec):
    """Embedded inputs, scaled, and a multilayer perceptron on top of them."""

    n_numeric: int
    n_indicators: int
    n_levels: tuple[int, ...]  # of each column of codes
    hidden_units: tuple[int, ...]
    activation: str
    dropout: float
    n_outputs: int
    output_activation: str
    target_scaling: TargetScaling | None = None
    n_sparse: int = 0  # inputs of sparse rows, mostly zero
    frequency_scale: float = 1.0  # of the cosines

    def shape(self) -> tuple[int, ...]:
        n_features = sum(self.input_widths().values())
        return (n_features, *self.hidden_units, self.n_outputs)

    def input_widths(self) -> dict[str, int]:
        widths = {"sparse": self.n_sparse, "numeric": self.n_numeric}
        widths |= {"indicators": self.n_indicators, "codes": len(self.n_levels)}
        return {name: width for name, width in widths.items() if width}

    def _made_layers(self) -> Iterator[Layer]:
        inputs = [name for name in self.input_widths() if name not in ("sparse", "codes")]
        if self.n_numeric:
            waves = PeriodicEmbedding(frequency_scale=self.frequency_scale)
            yield Layer("periodic", waves, ("numeric",))
            yield Layer("piecewise", PiecewiseLinearEmbedding(N_BINS), ("numeric",))
            inputs[1:1] = ["periodic", "piecewise"]
        if self.n_levels:
            yield Layer("levels", LevelEmbedding(self.n_levels, LEVEL_UNITS), ("codes",))
            inputs.append("levels")
        if len(inputs) > 1:
            yield Layer("joined", Concatenate(), tuple(inputs))
            inputs = ["joined"]
        if inputs:
            yield Layer("scaling", Scaling(), tuple(inputs))
        name = "scaling" if inputs else "sparse"
        if inputs and self.n_sparse:
            yield Layer("beside_sparse", Concatenate(), ("sparse", "scaling"))
            name = "beside_sparse"
        for i, units in enumerate(self.hidden_units, 1):
            yield Layer(f"hidden_{i}", NTKDense(units), (name,))
            name = f"activation_{i}"
            yield Layer(name, ParametricActivation(self.activation), (f"hidden_{i}",))
            if self.dropout:
                drop = AlphaDropout if self.activation == "selu" else Dropout
                yield Layer(f"dropout_{i}", drop(self.dropout), (name,))
                name = f"dropout_{i}"
        # A regression starts at the mean of its standardised targets.
        starts_at_zero = self.target_scaling is not None
        output = NTKDense(self.n_outputs, is_output=True, starts_at_zero=starts_at_zero)
        yield Layer("output", output, (name,))
        yield Layer("prediction", self.final_layer(), ("output",))

    def sparse_inputs(self) -> set[str]:
        return {"sparse"}

    def structure(self) -> NetworkSpec:
        return replace(
            self,
            dropout=0.5 * (self.dropout > 0),
            target_scaling=None,
            frequency_scale=1.0,  # first weights alone depend on it
        )


def first_tabular_weights(
    spec: TabularSpec, bin_edges: np.ndarray | None, seed: int
) -> Weights:
    """Arrays that training begins with; `bin_edges` are (n_numeric, n_bins + 1)."""
    rng = np.random.default_rng(seed)
    weights = []
    for layer, width in spec.layers_and_widths():
        if isinstance(layer.kind, PiecewiseLinearEmbedding):
            assert bin_edges is not None
            weights.append((*layer.kind.first_arrays(width, rng)[:-1], bin_edges))
        else:
            weights.append(tuple(layer.kind.first_arrays(width, rng)))
    return tuple(weights)
