"""`find_learning_rate` and `LearningRateDisplay`."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from skmlp._estimators.base import BaseNetwork
from skmlp._sklearn import check_matplotlib_support
from skmlp._warnings import warn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from typing_extensions import Self

FEWEST_STEPS = 20


def find_learning_rate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    min_rate: float = 1e-5,
    max_rate: float = 10.0,
    n_steps: int = 500,
    sample_weight: Any = None,
) -> Bunch:
    """Try learning rates from low to high on one network, and suggest one.

    A clone of the estimator is trained for some steps; after each of them the rate is
    multiplied by the same number. The test ends early where the smoothed loss is four times its
    lowest value. It is the range test of Smith 2017, "Cyclical learning rates for training
    neural networks", https://arxiv.org/abs/1506.01186, section 3.3, with a rate that grows
    exponentially instead of linearly.

    Parameters
    ----------
    estimator : estimator
        An MLP, wide & deep or Keras estimator or an autoencoder, alone or at the end of a
        `Pipeline`. It is cloned, never changed. Its own learning rate and schedule have no
        effect.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Targets. An autoencoder needs none.
    min_rate : float, default=1e-5
        Rate of the first step, above 0.
    max_rate : float, default=10.0
        Rate of the last step, above `min_rate`.
    n_steps : int, default=500
        Number of steps, at least 20. One step trains one batch.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        With the attributes

        rates : ndarray of shape (n_tried,)
            Learning rates, at most `n_steps` of them.
        losses : ndarray of shape (n_tried,)
            Loss of each step's batch before the step.
        smoothed_losses : ndarray of shape (n_tried,)
            Running mean of the losses over about a twentieth of `n_steps`.
        suggestion : float
            A tenth of the rate at which the smoothed loss is lowest; beyond that, it climbs.

    Raises
    ------
    ValueError
        If the estimator is another one, or a number is out of its range.

    Warns
    -----
    UserWarning
        If the loss, smoothed, does not fall and then climb by more than its noise, so that the
        range should be moved.

    See Also
    --------
    LearningRateDisplay : The losses drawn against the rates.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmlp import MLPClassifier, find_learning_rate
    >>> X, y = load_digits(return_X_y=True)
    >>> found = find_learning_rate(MLPClassifier((32,), random_state=0), X / 16, y, n_steps=100)
    >>> bool(1e-3 < found.suggestion < 0.1)
    True
    """
    from skmlp._training.range_test import RateRange, losses_by_rate

    _check_range(min_rate, max_rate, n_steps)
    estimator = clone(estimator)
    last, prefix = estimator, ""
    if isinstance(estimator, Pipeline):
        prefix, last = f"{estimator.steps[-1][0]}__", estimator.steps[-1][1]
    if not isinstance(last, BaseNetwork):
        raise ValueError(
            "'estimator' must be an MLP, wide & deep or Keras estimator or an autoencoder of "
            f"skmlp, or a Pipeline that ends in one; got {type(last).__name__}, which has no "
            "learning rate to find."
        )
    if "verbose" in last.get_params():
        last.set_params(verbose=0)
    weights = {} if sample_weight is None else {f"{prefix}sample_weight": sample_weight}
    range_of_rates = RateRange(min_rate, max_rate, n_steps)
    losses, smoothed = losses_by_rate(lambda: estimator.fit(X, y, **weights), range_of_rates)
    rates = np.geomspace(min_rate, max_rate, n_steps)[: len(losses)]
    if not len(losses):
        raise ValueError(
            f"'min_rate' must be low enough for a finite loss; got {min_rate}; lower it, and "
            "standardise X and y."
        )
    lowest = int(np.argmin(smoothed))
    before, after = smoothed[: lowest + 1].max(), smoothed[lowest:].max()
    noise = np.median(np.abs(np.diff(losses[: lowest + 1]))) if lowest else 0.0
    if len(losses) == n_steps and after - smoothed[lowest] <= noise:
        _warn_of_range(f"does not climb at rates up to {max_rate}; raise 'max_rate'")
    elif before - smoothed[lowest] <= noise:
        _warn_of_range(f"does not fall at rates from {min_rate} on; lower 'min_rate'")
    return Bunch(
        rates=rates,
        losses=losses,
        smoothed_losses=smoothed,
        suggestion=float(rates[lowest] / 10),
    )


def _warn_of_range(reason: str) -> None:
    warn(
        f"The suggested learning rate means little, since the loss {reason}.",
    )


def _check_range(min_rate: Any, max_rate: Any, n_steps: Any) -> None:
    if not (isinstance(min_rate, Real) and 0 < float(min_rate) < math.inf):
        raise ValueError(f"'min_rate' must be a finite number above 0; got {min_rate!r}.")
    if not (isinstance(max_rate, Real) and min_rate < float(max_rate) < math.inf):
        raise ValueError(
            f"'max_rate' must be a finite number above 'min_rate', which is {min_rate}; got "
            f"{max_rate!r}."
        )
    if not (isinstance(n_steps, Integral) and int(n_steps) >= FEWEST_STEPS):
        raise ValueError(
            f"'n_steps' must be a whole number, at least {FEWEST_STEPS}; got {n_steps!r}."
        )


class LearningRateDisplay:
    """Losses of a learning-rate range test, drawn against the rates.

    Parameters
    ----------
    rates : ndarray of shape (n_tried,)
        Learning rates.
    losses : ndarray of shape (n_tried,)
        Loss of each step.
    smoothed_losses : ndarray of shape (n_tried,)
        Running mean of the losses.
    suggestion : float
        Suggested rate.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the drawing.
    figure_ : matplotlib Figure
        Figure of the axes.
    line_ : matplotlib Line2D
        Line of the smoothed losses.

    See Also
    --------
    find_learning_rate : The test itself.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmlp import LearningRateDisplay, MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> mlp = MLPClassifier((32,), random_state=0)
    >>> display = LearningRateDisplay.from_estimator(mlp, X / 16, y, n_steps=100)
    >>> display.ax_.get_xscale()
    'log'
    """

    ax_: Axes

    def __init__(
        self,
        *,
        rates: np.ndarray,
        losses: np.ndarray,
        smoothed_losses: np.ndarray,
        suggestion: float,
    ) -> None:
        self.rates = rates
        self.losses = losses
        self.smoothed_losses = smoothed_losses
        self.suggestion = suggestion

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        ax: Axes | None = None,
        **range_of_rates: Any,
    ) -> Self:
        """Test an estimator and draw the losses.

        Parameters
        ----------
        estimator : estimator
            An MLP, wide & deep or Keras estimator or an autoencoder, alone or at the end of a
            `Pipeline`.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets. An autoencoder needs none.
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.
        **range_of_rates : dict
            `min_rate`, `max_rate`, `n_steps` and `sample_weight` of `find_learning_rate`.

        Returns
        -------
        display : LearningRateDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the estimator is another one, or a number is out of its range.

        Warns
        -----
        UserWarning
            If the loss, smoothed, does not fall and then climb by more than its noise, so that
            the range should be moved.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        return cls(**find_learning_rate(estimator, X, y, **range_of_rates)).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the losses.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : LearningRateDisplay
            This object.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        ax.plot(self.rates, self.losses, color="C0", alpha=0.25, label="loss of a step")
        (self.line_,) = ax.plot(self.rates, self.smoothed_losses, color="C0", label="smoothed")
        label = f"suggestion: {self.suggestion:.2g}"
        ax.axvline(self.suggestion, color="C1", linestyle="--", label=label)
        first, lowest = self.smoothed_losses[0], self.smoothed_losses.min()
        margin = 0.1 * (first - lowest)
        if margin > 0:  # the last losses may be out of all proportion
            ax.set_ylim(lowest - margin, max(first, np.quantile(self.losses, 0.9)) + margin)
        ax.set(xscale="log", xlabel="Learning rate", ylabel="Loss")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self
