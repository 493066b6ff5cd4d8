"""`LossCurveDisplay`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skmlp._displays.trained import trained_estimator
from skmlp._sklearn import check_matplotlib_support

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from typing_extensions import Self


class Curve(NamedTuple):
    """A measure by epoch."""

    name: str  # for the legend
    epochs: np.ndarray  # (n_epochs,)
    values: np.ndarray  # (n_networks, n_epochs)
    is_validation: bool


class LossCurveDisplay:
    """A loss or metric of training and validation rows, drawn against the epochs.

    The loss of the training rows is a running mean over an epoch, during which the network
    changes, while all else is measured at its end. So the curve of a training loss is drawn
    half an epoch earlier. A training loss includes penalties. For an ensemble, the line is the
    mean, and the band is the range of its networks.

    Parameters
    ----------
    histories : dict of str to list of dict
        For each estimator, by name, the histories of its networks.
    metric : str
        Name of the measure.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the drawing.
    figure_ : matplotlib Figure
        Figure of the axes.
    lines_ : list of matplotlib Line2D
        For each estimator the line of training rows, then that of validation rows, where they
        were measured.

    See Also
    --------
    LearningRateDisplay : The loss against the learning rate.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmlp import LossCurveDisplay, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = MLPClassifier((8,), epochs=5, early_stopping=True, random_state=0).fit(X, y)
    >>> display = LossCurveDisplay.from_estimator(mlp)
    >>> [line.get_label() for line in display.lines_]
    ['training', 'validation']
    """

    ax_: Axes

    def __init__(
        self, *, histories: Mapping[str, Sequence[Mapping[str, Sequence[float]]]], metric: str
    ) -> None:
        self.histories = histories
        self.metric = metric

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, metric: str = "loss", ax: Axes | None = None
    ) -> Self:
        """Draw the curves of one or several fitted estimators.

        Parameters
        ----------
        estimator : estimator, list of estimators or dict of str to estimator
            Fitted estimators of skmlp; or pipelines that end in one, or searches, whose best
            estimator is drawn. Names for the legend are the keys of a dict.
        metric : str, default="loss"
            A measure of training rows in `history_`: the loss, the learning rate, or one of the
            estimator's `metrics`.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : LossCurveDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If no estimator is given, or one is not from skmlp or lacks the metric.
        NotFittedError
            If an estimator is not fitted.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        return cls(histories=_histories(estimator, metric), metric=metric).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : LossCurveDisplay
            This object.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.lines_ = []
        for k, (name, histories) in enumerate(self.histories.items()):
            for curve in _curves(name, histories, self.metric):
                style = "-" if curve.is_validation else "--"
                mean = curve.values.mean(axis=0)
                (line,) = ax.plot(
                    curve.epochs, mean, style, color=f"C{k % 10}", label=curve.name
                )
                self.lines_.append(line)
                if len(curve.values) > 1:
                    low, high = curve.values.min(axis=0), curve.values.max(axis=0)
                    ax.fill_between(curve.epochs, low, high, color=line.get_color(), alpha=0.15)
        ax.set(xlabel="Epoch", ylabel=self.metric.replace("_", " ").capitalize())
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _histories(given: Any, metric: str) -> dict[str, list[Mapping[str, Sequence[float]]]]:
    """Histories of the networks of each estimator, by the name in the legend."""
    if isinstance(given, Mapping):
        named = dict(given)
    elif isinstance(given, (list, tuple)):
        named = {f"{type(one).__name__} {i}": one for i, one in enumerate(given, 1)}
    else:
        named = {"": given}
    if not named:
        raise ValueError(
            f"'estimator' must hold at least one fitted estimator; got {given!r}; there is "
            "nothing to draw."
        )
    return {name: _histories_of(estimator, metric) for name, estimator in named.items()}


def _histories_of(estimator: Any, metric: str) -> list[Mapping[str, Sequence[float]]]:
    fitted = trained_estimator(estimator)
    known = [name for name in fitted.history_ if not name.startswith("val_")]
    if metric not in known:
        raise ValueError(
            f"'metric' must be one of {', '.join(known)}, which 'history_' holds; got "
            f"{metric!r}; name it in 'metrics' and fit again."
        )
    return getattr(fitted, "histories_", [fitted.history_])


def _curves(
    name: str, histories: Sequence[Mapping[str, Sequence[float]]], metric: str
) -> list[Curve]:
    """The curve of training rows and, where they were measured, that of validation rows."""
    curves = []
    # A history lists losses before the learning rate, and metrics after it.
    losses = list(takewhile(lambda name: name != "learning_rate", histories[0]))
    of_training = 0.5 if metric in losses and metric.endswith("loss") else 0.0
    for prefix, of_rows, shift in (("", "training", of_training), ("val_", "validation", 0.0)):
        if not all(prefix + metric in history for history in histories):
            continue
        n_epochs = min(len(history[metric]) for history in histories)
        values = np.array([history[prefix + metric][:n_epochs] for history in histories])
        label = f"{name}, {of_rows}" if name else of_rows
        curves.append(Curve(label, np.arange(1, n_epochs + 1) - shift, values, bool(prefix)))
    return curves
