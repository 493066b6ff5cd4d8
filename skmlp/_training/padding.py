"""A fit of a network with units of padding, and the network without them that it becomes.

Nothing else knows of padding: the engine trains the padded fit like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skmlp._engine.fit import Fit
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.state import TrainingState
from skmlp._kinds.base import Array, Weights
from skmlp._network.building import building
from skmlp._network.padded import can_be_padded, padded_spec
from skmlp._program.network import Network
from skmlp._program.recipe import Recipe

Units = tuple[int, ...]  # of the hidden layers


def takes_padding(fits: Sequence[Fit]) -> bool:
    """Whether units of padding change nothing in how fits of one recipe are trained."""
    recipe = fits[0].recipe
    may_be_padded = (
        can_be_padded(fits[0].spec)
        and len(recipe.optimizers) == 1
        and recipe.optimizer.is_elementwise
        and not (recipe.fades or recipe.cut)
        and not any(fit.watchers or fit.checkpoint for fit in fits)
    )
    return may_be_padded and _moves_by_zero(recipe.optimizer.build())


def _moves_by_zero(optimizer: Any) -> bool:
    """Whether a step with a gradient of zero is zero, not 0 / 0."""
    of_ftrl = type(optimizer).__name__ == "Ftrl"
    return getattr(optimizer, "initial_accumulator_value" if of_ftrl else "epsilon", 1) > 0


def padded_recipe(recipe: Recipe, units: Units) -> Recipe:
    """The recipe of a network with so many units in its hidden layers."""
    assert isinstance(recipe.key, tuple)  # the structure is its first item
    structure = padded_spec(recipe.network, units).structure()
    return replace(recipe, key=(structure, *recipe.key[1:]), network=structure)


class PaddedFits:
    """Fits with so many units in their hidden layers, or as they are."""

    def __init__(self, fits: Sequence[Fit], units: Units | None) -> None:
        self._given = fits
        recipes = dict.fromkeys(fit.recipe for fit in fits)
        self._paddings = {recipe: Padding(recipe, units) for recipe in recipes if units}
        self.fits = [self._paddings[fit.recipe].padded(fit) if units else fit for fit in fits]

    def without(self, k: int, network: FittedNetwork) -> FittedNetwork:
        """The network of fit `k` as it was given."""
        if not self._paddings:
            return network
        fit = self._given[k]
        return self._paddings[fit.recipe].without(fit, network)


class Padding:
    """Between fits of a recipe and fits of its network with so many units."""

    def __init__(self, recipe: Recipe, units: Units) -> None:
        self._units = units
        self._recipe = padded_recipe(recipe, units)
        with building(recipe.network):
            self._real, self._padded = Network(recipe.network), Network(self._recipe.network)
        trained = _where_real(self._real.trained, self._padded.trained)
        untrained = _where_real(self._real.untrained, self._padded.untrained)
        numbers = np.concatenate([trained, untrained])
        # Vectors hold moments, all numbers, or these and averages of the trained ones.
        kinds = (trained, numbers, np.concatenate([numbers, trained]))
        self._is_real = {int(is_real.sum()): is_real for is_real in kinds}
        self._is_real_in_padded = {is_real.size: is_real for is_real in kinds}

    def padded(self, fit: Fit) -> Fit:
        """The fit with units of padding. It shares the history of `fit`, which watchers see."""
        spec = padded_spec(fit.spec, self._units)
        return replace(
            fit,
            spec=spec,
            recipe=self._recipe,
            numbers=fit.numbers._replace(layer_numbers=spec.layer_numbers()),
            state=_changed(fit.state, self._widened),
            first_weights=lambda _: self._first_weights(fit),
        )

    def without(self, fit: Fit, network: FittedNetwork) -> FittedNetwork:
        """A fit's network, given the one with units of padding."""
        numbers = self._cut(self._padded.flat(network.weights))
        state = _changed(network.training, self._cut)
        return FittedNetwork(fit.spec, self._real.weights(numbers), state)

    def _first_weights(self, fit: Fit) -> Weights:
        real = fit.first_weights(self._real.built_weights)
        return self._padded.weights(self._widened(self._real.flat(real)))

    def _widened(self, vector: np.ndarray) -> np.ndarray:
        is_real = self._is_real[vector.size]
        widened = np.zeros(is_real.size, np.float32)
        widened[is_real] = vector
        return widened

    def _cut(self, vector: np.ndarray) -> np.ndarray:
        return vector[self._is_real_in_padded[vector.size]]


def _where_real(real: Sequence[Array], padded: Sequence[Array]) -> np.ndarray:
    """Where the numbers of the real network lie in the vector of the padded one, (n,) bool."""
    found = [np.zeros(0, bool)]
    for one, other in zip(real, padded, strict=True):
        is_real = np.zeros(other.initial.shape, bool)
        is_real[tuple(map(slice, one.initial.shape))] = True
        found.append(is_real.ravel())
    return np.concatenate(found)


def _changed(state: TrainingState, change: Callable) -> TrainingState:
    """The state with other vectors, and the same history and scores."""

    def changed(vector: np.ndarray | None) -> np.ndarray | None:
        return None if vector is None else change(vector)

    return replace(
        state,
        optimizer=(*state.optimizer[:1], *map(change, state.optimizer[1:])),
        now=changed(state.now),
        best=changed(state.best),
        safe=changed(state.safe),
        kept=changed(state.kept),
    )
