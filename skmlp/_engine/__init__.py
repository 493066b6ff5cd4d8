"""The engine: arrays and a Keras model in, trained weights and a history out."""

import skmlp._keras.tensorflow  # noqa: F401  # first, since it imports quietly what all here import
from skmlp._engine.callbacks import KerasCallbacks
from skmlp._engine.loop import Plan, Run, Validation, Watcher, train
from skmlp._engine.noise import Noise, alpha_dropped_out, dropped_out, random_leaks
from skmlp._engine.program import Program, Rows, place
from skmlp._engine.recipe import Knobs, Recipe, WidePath
from skmlp._engine.schedules import SCHEDULES
from skmlp._engine.stack import StackProgram
from skmlp._engine.stack_loop import Member, RowSet, train_stack
from skmlp._engine.stopping import Patience, Plateau, StopReason
from skmlp._engine.store import STACKS, STORE

__all__ = [
    "SCHEDULES",
    "STACKS",
    "STORE",
    "KerasCallbacks",
    "Knobs",
    "Member",
    "Noise",
    "Patience",
    "Plan",
    "Plateau",
    "Program",
    "Recipe",
    "RowSet",
    "Rows",
    "Run",
    "StackProgram",
    "StopReason",
    "Validation",
    "Watcher",
    "WidePath",
    "alpha_dropped_out",
    "dropped_out",
    "place",
    "random_leaks",
    "train",
    "train_stack",
]
