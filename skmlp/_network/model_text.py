"""A Keras model as text, and models made of it that do not depend on earlier random draws."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

# Held while Python's generator is seeded, also by a function that builds a model, which may
# itself fit estimators in other threads.
SEEDING = RLock()
MAX_SEED = np.iinfo(np.int32).max


@dataclass(frozen=True)
class ModelText:
    """A Keras model without its weights, or how it is compiled, as text.

    The text is JSON of `keras.saving.serialize_keras_object`, or of `get_compile_config`.
    """

    text: str
    objects: tuple[tuple[str, Any], ...] = ()  # the user's own classes and functions, by name

    def made(self, seed: int = 0) -> keras.Model:
        """A new model, whose initializers and random layers are seeded where they were not.

        Layers of the user's own may hide their initializers from the configuration. Keras draws
        the seeds of these from Python's generator, which is seeded meanwhile.
        """
        from skmlp._keras.tensorflow import keras

        config = _seeded(json.loads(self.text), np.random.SeedSequence(seed))
        own_objects = keras.saving.custom_object_scope(dict(self.objects))
        with own_objects, python_random_seeded(seed):
            return _made(config)

    def compile(self, model: keras.Model) -> None:
        """Compile a model in this way."""
        from skmlp._keras.tensorflow import keras
        from skmlp._keras.text import refuse_strange

        config = json.loads(self.text)
        with keras.saving.custom_object_scope(dict(self.objects)):
            refuse_strange(config)
            model.compile_from_config(config)


@contextmanager
def python_random_seeded(seed: int) -> Iterator[None]:
    """Seed Python's generator, from which Keras draws seeds, and restore it afterwards."""
    with SEEDING:
        state = random.getstate()
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(state)


def _seeded(config: Any, source: np.random.SeedSequence) -> Any:
    """The configuration with a number for each seed that is None."""
    if isinstance(config, list):
        return [_seeded(one, source) for one in config]
    if not isinstance(config, dict):
        return config
    filled = {key: _seeded(value, source) for key, value in config.items()}
    if "seed" in filled and filled["seed"] is None:
        filled["seed"] = int(source.spawn(1)[0].generate_state(1)[0] % MAX_SEED)
    return filled


def _made(serialized: dict[str, Any]) -> keras.Model:
    """The model of a configuration; Keras would build a Sequential anew after each layer."""
    from skmlp._keras.tensorflow import keras
    from skmlp._keras.text import made_safely

    if (serialized["module"], serialized["class_name"]) != ("keras", "Sequential"):
        return made_safely(serialized)
    config = serialized["config"]
    layers = [made_safely(layer) for layer in config["layers"]]
    return keras.Sequential(layers, name=config["name"])
