"""Keras objects, given by name or as objects: looked up and compared."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Hashable
from functools import lru_cache
from types import ModuleType
from typing import Any

from skmlp._keras.tensorflow import keras
from skmlp._keras.text import bare_name, full_config, is_of_keras

# Classes that need no argument but do not work here: metrics that ignore targets or warn about
# weights, an initializer not for kernels, an optimizer whose state does not start at zero.
NOT_BY_NAME = ("Mean", "Sum", "BinaryIoU", "STFT", "ScheduleFreeAdamW")


def find_class(
    module: ModuleType, base: type, name: str, parameter: str, other: str = "a Keras object"
) -> type:
    """The public class of a Keras module by its name, ignoring case and underscores.

    Raises ValueError that lists the names and `other`, the alternative to a name.
    """
    known = _known_classes(module, base)
    try:
        return known[bare_name(name)]
    except KeyError:
        names = sorted({_readable(cls) for cls in known.values()})
        raise ValueError(
            f"'{parameter}' must be one of {', '.join(names)}, or {other}; got {name!r}."
        ) from None


@lru_cache
def _known_classes(module: ModuleType, base: type) -> dict[str, type]:
    """Classes that can be made from a name alone, by bare name."""
    return {
        bare_name(name): cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base)
        and cls is not base
        and cls.__name__ not in NOT_BY_NAME
        and _needs_no_argument(cls)
    }


def _readable(cls: type) -> str:
    """MeanSquaredError is "mean_squared_error"; the optimizer AdamW "adamw", as in Keras."""
    name = cls.__name__
    if not issubclass(cls, keras.optimizers.Optimizer):
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z].)|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()


def config_key(keras_object: Any) -> Hashable:
    """A key that is equal for objects that behave alike.

    Keras's own objects are compared by class and configuration, so that copies made by
    `sklearn.base.clone` are equal. The configuration of a user's class may be incomplete: such
    an object, like a function, equals only itself.
    """
    cls = type(keras_object)
    if is_of_keras(cls) and hasattr(keras_object, "get_config"):
        return cls, frozen_config(full_config(keras_object))
    return keras_object


def frozen_config(config: dict[str, Any]) -> str:
    """A Keras configuration as text, to compare and to hash; names are ignored."""
    unnamed = {key: value for key, value in config.items() if key != "name"}
    return json.dumps(unnamed, sort_keys=True, default=repr)


def _needs_no_argument(cls: type) -> bool:
    parameters = inspect.signature(cls).parameters.values()
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        for p in parameters
    )
