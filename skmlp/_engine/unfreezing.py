"""The training state of a network whose set of frozen layers changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.state import TrainingState
from skmlp._keras.optimizers import OptimizerRecipe
from skmlp._network.building import building
from skmlp._network.spec import NetworkSpec
from skmlp._program.network import Network
from skmlp._program.optimizer import State, fresh_moments


def refrozen(start: FittedNetwork, spec: NetworkSpec, recipe: OptimizerRecipe) -> TrainingState:
    """The state of a fitted network, for a spec that differs in which layers are frozen.

    Layers that stay trained keep the state of their optimizer, which `recipe` builds; others
    begin with a new one, and their averages with the weights. An optimizer that does not treat
    all numbers alike starts afresh.
    """
    with building(spec):
        before, after = Network(start.spec), Network(spec)
        fresh = fresh_moments(recipe.build) if recipe.is_elementwise else None
    state = start.training
    optimizer: State = ()
    if state.optimizer and fresh is not None:
        steps, *moments = state.optimizer
        n_new = after.n_trained - before.n_trained
        own = [_resized(*pair, n_new) for pair in zip(moments, fresh, strict=False)]
        optimizer = (steps, *own, *moments[len(fresh) :])
    return replace(state, optimizer=optimizer, now=_now(state.now, before, after))


def _resized(vector: np.ndarray, fresh: float, n_new: int) -> np.ndarray:
    """A moment's numbers with `n_new` more in front, or fewer: frozen layers are the first."""
    if n_new < 0:
        return vector[-n_new:]
    return np.concatenate([np.full(n_new, fresh, vector.dtype), vector])


def _now(snapshot: np.ndarray | None, before: Network, after: Network) -> np.ndarray | None:
    if snapshot is None:
        return None
    numbers, averages = np.split(snapshot, [before.n_numbers])
    untrained = numbers[before.n_trained :]
    new = after.flat(before.weights(numbers))
    averaged = after.flat(before.weights(np.concatenate([averages, untrained])))
    # Layers that are frozen from now on keep their averages, which the fitted network has.
    new[after.n_trained :] = averaged[after.n_trained :]
    return np.concatenate([new, averaged[: after.n_trained]])
