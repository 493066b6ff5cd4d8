"""`WeightHistogramDisplay`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._displays.trained import trained_estimator
from skmlp._engine.fitted import FittedNetwork
from skmlp._sklearn import check_matplotlib_support

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from typing_extensions import Self

    from skmlp._kinds.base import Weights

BINS = 50
COLUMNS = 3  # of axes in a figure
MATRICES = ("kernel", "embeddings", "table")  # arrays that are drawn, by name


class WeightHistogramDisplay:
    """Histograms of the weights of each layer, before and after training.

    Matrices of weights are drawn, not biases. Those of an ensemble's networks are taken
    together.

    Parameters
    ----------
    weights : dict of str to ndarray
        Weights of each layer.
    initial_weights : dict of str to ndarray
        Those that training began with.

    Attributes
    ----------
    axes_ : list of matplotlib Axes
        Axes of each layer.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    LossCurveDisplay : The loss against the epochs.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import MLPClassifier, WeightHistogramDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier((8,), epochs=5, random_state=0).fit(X, y)
    >>> display = WeightHistogramDisplay.from_estimator(mlp)
    >>> [ax.get_title() for ax in display.axes_]
    ['hidden_1', 'output']
    """

    axes_: list[Axes]

    def __init__(
        self,
        *,
        weights: Mapping[str, np.ndarray],
        initial_weights: Mapping[str, np.ndarray],
    ) -> None:
        self.weights = weights
        self.initial_weights = initial_weights

    @classmethod
    def from_estimator(cls, estimator: Any, *, axes: Sequence[Axes] | None = None) -> Self:
        """Draw the weights of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted estimator of skmlp, or a `Pipeline` that ends in one, or a search, whose best
            estimator is drawn.
        axes : sequence of matplotlib Axes, default=None
            Axes to draw on, one for each layer; None makes a figure.

        Returns
        -------
        display : WeightHistogramDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the estimator is not from skmlp, is pruned or has no such weights, or if the
            number of axes differs from that of layers.
        NotFittedError
            Before `fit`.

        Notes
        -----
        Initial weights are drawn again from the seed of the fit, and those of reused layers
        taken from `pretrained`. They are the ones before the first call of `fit`, also after
        a warm start, but not those of layers that `greedy=True` has trained.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        fitted = trained_estimator(estimator)
        if getattr(fitted, "_is_pruned", False):
            raise ValueError(
                "'estimator' must not be pruned, which leaves out weights that training began "
                f"with; got a pruned {type(fitted).__name__}; plot a copy made before prune."
            )
        networks = fitted._members if hasattr(fitted, "_members") else [fitted._state]
        pairs = [_weights_of(network, fitted) for network in networks]
        before, after = ([pair[i] for pair in pairs] for i in (0, 1))
        weights = _together(after)
        if not weights:
            raise ValueError(
                f"'estimator' must have weights named {', '.join(MATRICES[:-1])} or "
                f"{MATRICES[-1]} to draw; got none; draw those of model_."
            )
        return cls(weights=weights, initial_weights=_together(before)).plot(axes)

    def plot(self, axes: Sequence[Axes] | None = None) -> Self:
        """Draw the histograms.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, default=None
            Axes to draw on, one for each layer; None makes a figure.

        Returns
        -------
        display : WeightHistogramDisplay
            This object.

        Raises
        ------
        ValueError
            If there are not as many axes as layers.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if axes is None:
            axes = _new_axes(len(self.weights))
        if len(axes) != len(self.weights):
            raise ValueError(
                f"'axes' must be one for each of the {len(self.weights)} layers; got "
                f"{len(axes)}; pass as many, or None."
            )
        for ax, (name, values) in zip(axes, self.weights.items(), strict=True):
            initial = self.initial_weights[name]
            bins = np.histogram_bin_edges(np.concatenate([initial, values]), BINS).tolist()
            ax.hist(initial, bins, color="0.8", label="before training")
            ax.hist(values, bins, color="C0", histtype="step", label="after training")
            ax.set(title=name, xlabel="Weight", ylabel="Count")
        axes[0].legend(fontsize="small")
        self.axes_, self.figure_ = list(axes), axes[0].figure
        return self


def _weights_of(
    network: FittedNetwork, estimator: Any
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Matrices of a network before and after training, flat, by layer."""
    from skmlp._estimators.pretrained import reused_layers
    from skmlp._network.building import building
    from skmlp._program.network import Network
    from skmlp._training.reuse import with_reused

    spec = network.spec
    with building(spec):
        built = Network(spec)
    first = _first_weights(network, built.built_weights, estimator)
    if spec.n_reused:
        n_reused = estimator.n_reused_layers
        _, arrays = reused_layers(estimator.pretrained, spec, n_reused)
        first = with_reused(first, spec, arrays)
    names = [array.name for array in built.arrays]
    return _matrices(names, first), _matrices(names, network.weights)


def _first_weights(network: FittedNetwork, built: Weights, estimator: Any) -> Weights:
    """Weights before training; the matrices among them do not depend on the rows."""
    from skmlp._network.keras_network import KerasSpec
    from skmlp._network.tabular import N_BINS, TabularSpec
    from skmlp._training.first_weights import DrawnKernels, DrawnTabular, First

    spec, seed = network.spec, network.training.seed
    if isinstance(spec, KerasSpec):
        X = np.zeros((1, sum(spec.input_widths().values())), np.float32)
        _, functional = estimator._built(seed)
        first: First = estimator._first(functional, spec, X, seed)
    elif isinstance(spec, TabularSpec):
        first = DrawnTabular(np.zeros((spec.n_numeric, N_BINS + 1), np.float32))
    else:
        first = DrawnKernels(estimator.kernel_initializer)
    return first(spec, seed, built)


def _matrices(names: Sequence[str], weights: Weights) -> dict[str, np.ndarray]:
    arrays = [array for of_layer in weights for array in of_layer]
    found = {}
    for name, array in zip(names, arrays, strict=True):
        layer, _, kind = name.rpartition("/")
        if layer.startswith("/"):  # a path in a model of the user's own
            _, _, layer = layer[1:].partition("/")
        if kind in MATRICES:
            found[layer] = array.ravel()
    return found


def _together(several: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([one[name] for one in several]) for name in several[0]}


def _new_axes(n: int) -> list[Axes]:
    """Axes side by side in a new figure."""
    import matplotlib.pyplot as plt

    n_columns = min(n, COLUMNS)
    n_rows = math.ceil(n / n_columns)
    size = (3.2 * n_columns, 2.6 * n_rows)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=size, layout="constrained", squeeze=False
    )
    for unused in axes.flat[n:]:
        figure.delaxes(unused)
    return list(axes.flat[:n])
