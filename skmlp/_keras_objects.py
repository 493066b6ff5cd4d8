"""Keras objects that users give by name or as they are: looked up and compared."""

from __future__ import annotations

import inspect
import json
from collections.abc import Hashable
from functools import lru_cache
from types import ModuleType
from typing import Any

import keras

from skmlp._keras_text import full_config
from skmlp._workers import hold_to_share

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "skmlp trains with Keras on TensorFlow, but Keras runs on "
        f"{keras.backend.backend()!r}; set the environment variable "
        "KERAS_BACKEND=tensorflow before Keras is first imported."
    )


def find_class(
    module: ModuleType, base: type, name: str, parameter: str, other: str = "a Keras object"
) -> type:
    """The public class of a Keras module that a name means.

    Underscores and capitals make no difference. Raises ValueError that lists the names, and
    what `other` value would do.
    """
    known = _known_classes(module, base)
    try:
        return known[name.lower().replace("_", "")]
    except KeyError:
        raise ValueError(
            f"'{parameter}' must be one of {', '.join(sorted(known))}, or {other}; "
            f"got {name!r}."
        ) from None


# Here, since every module that uses Keras imports this one before its first operation.
hold_to_share()


@lru_cache
def _known_classes(module: ModuleType, base: type) -> dict[str, type]:
    """Classes that can be made without an argument, by their names in lower case."""
    return {
        name.lower(): cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, base) and _needs_no_argument(cls)
    }


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
