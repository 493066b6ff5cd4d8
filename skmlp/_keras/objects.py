"""Keras objects that users give by name or as they are: looked up and compared."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Hashable
from functools import lru_cache
from types import ModuleType
from typing import Any

from skmlp._keras.tensorflow import keras
from skmlp._keras.text import full_config

# Classes that need no argument and still are of no use: no metric of targets, or one that warns
# of weights; no initializer of kernels; an optimizer whose state does not begin at zero.
NOT_BY_NAME = ("Mean", "Sum", "BinaryIoU", "STFT", "ScheduleFreeAdamW")


def find_class(
    module: ModuleType, base: type, name: str, parameter: str, other: str = "a Keras object"
) -> type:
    """The public class of a Keras module that a name means.

    Underscores and capitals make no difference. Raises ValueError that lists the names, and
    what `other` value would do.
    """
    known = _known_classes(module, base)
    try:
        return known[_bare(name)]
    except KeyError:
        names = sorted({_readable(cls) for cls in known.values()})
        raise ValueError(
            f"'{parameter}' must be one of {', '.join(names)}, or {other}; got {name!r}."
        ) from None


@lru_cache
def _known_classes(module: ModuleType, base: type) -> dict[str, type]:
    """Classes that a name is enough for, by their bare names."""
    return {
        _bare(name): cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base)
        and cls is not base
        and cls.__name__ not in NOT_BY_NAME
        and _needs_no_argument(cls)
    }


def _bare(name: str) -> str:
    return name.lower().replace("_", "")


def _readable(cls: type) -> str:
    """MeanSquaredError is "mean_squared_error"; the optimizer AdamW "adamw", as in Keras."""
    name = cls.__name__
    if not issubclass(cls, keras.optimizers.Optimizer):
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z].)|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()


def config_key(keras_object: Any) -> Hashable:
    """A value that is equal for two objects that do the same.

    Keras's own objects are told apart by class and configuration, so that the copies which
    `sklearn.base.clone` makes count as one. Of a user's class the configuration may not say
    all: such an object, like a function, equals itself alone.
    """
    cls = type(keras_object)
    if cls.__module__.startswith("keras.") and hasattr(keras_object, "get_config"):
        return cls, frozen_config(full_config(keras_object))
    return keras_object


def frozen_config(config: dict[str, Any]) -> str:
    """A Keras configuration as text, to compare and to hash; names are of no account."""
    unnamed = {key: value for key, value in config.items() if key != "name"}
    return json.dumps(unnamed, sort_keys=True, default=repr)


def _needs_no_argument(cls: type) -> bool:
    parameters = inspect.signature(cls).parameters.values()
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        for p in parameters
    )
