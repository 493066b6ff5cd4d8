"""The engine: arrays and a Keras model in, trained weights and a history out."""

from skmlp._engine.callbacks import KerasCallbacks
from skmlp._engine.loop import Plan, Run, Validation, Watcher, train
from skmlp._engine.program import Knobs, Program, Recipe, Rows, place
from skmlp._engine.stopping import Patience, StopReason
from skmlp._engine.store import STORE

__all__ = [
    "STORE",
    "KerasCallbacks",
    "Knobs",
    "Patience",
    "Plan",
    "Program",
    "Recipe",
    "Rows",
    "Run",
    "StopReason",
    "Validation",
    "Watcher",
    "place",
    "train",
]
