"""Keras objects among the parameters as text, for saving and printing.

Pickle and skops cannot save a Keras object safely, nor so that it loads without TensorFlow. Its
class and configuration hold all that an estimator uses.
"""

from __future__ import annotations

import builtins
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from types import FunctionType
from typing import Any

import numpy as np

WAITING = "_waiting"  # attribute of a loaded estimator: {parameter: value with KerasText}
# Modules of the functions that Keras saves, as if they were builtins
FUNCTIONS = ("keras.activations", "keras.losses", "keras.metrics")
UNTOLD = ("name", "dtype")  # entries of a configuration that have no effect here


@dataclass(frozen=True, repr=False)
class KerasText:
    """A Keras object as text; prints as the call that would make it."""

    call: str  # without arguments that are at their defaults
    config: str = ""  # JSON of `keras.saving.serialize_keras_object`, if there is one

    def __repr__(self) -> str:
        return self.call


def to_save(value: Any) -> Any:
    """A parameter's value with Keras's own objects as text, alone or in a list.

    An object of a user's class stays as it is, since its configuration may be incomplete, and
    so does one that Keras's safe mode could not restore.
    """
    return _each(_saved, value)


def to_use(value: Any) -> Any:
    """A parameter's value with Keras objects made from their saved text."""
    return _each(_made, value)


def to_show(value: Any) -> Any:
    """A parameter's value with Keras objects, of users' subclasses too, as text."""
    return _each(_shown, value)


def results_to_show(results: dict[str, Any]) -> dict[str, Any]:
    """Search results with Keras objects in the columns of parameters as text."""
    columns = {
        name: column.copy()
        for name, column in results.items()
        if name.startswith("param_") and column.dtype == object
    }
    for column in columns.values():
        for i in np.flatnonzero(~np.ma.getmaskarray(column)):
            shown = to_show(column[i])
            if shown is not column[i]:
                column[i] = repr(shown)
    return results | columns


def holds_text(value: Any) -> bool:
    """Whether a parameter's value is, or contains, an object that was saved as text."""
    several = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(one, KerasText) for one in several)


def made_safely(serialized: Any) -> Any:
    """The object that a serialized configuration describes, made in Keras's safe mode.

    Earlier releases of Keras import any module that a configuration names; here it may name
    only Keras's own classes and registered ones.
    """
    from skmlp._keras.tensorflow import keras

    refuse_strange(serialized)
    return keras.saving.deserialize_keras_object(serialized, safe_mode=True)


def refuse_strange(serialized: Any) -> None:
    """Refuse a configuration that names a class that is neither Keras's nor registered."""
    for module, name in _strange(serialized):
        raise ValueError(
            "A saved Keras object must be of Keras's own classes or of registered ones; got "
            f"{name!r} of {module!r}; register it with "
            "keras.saving.register_keras_serializable."
        )


def full_config(keras_object: Any) -> dict[str, Any]:
    """An object's configuration, with arguments that only its base class reports.

    `keras.losses.Huber`, for one, leaves out its `delta`.
    """
    cls = type(keras_object)
    config = keras_object.get_config()
    left_out = set(_parameters(cls)) - {*config, *UNTOLD}
    of_base = getattr(super(cls, keras_object), "get_config", None)
    if left_out and of_base and is_of_keras(cls):
        return config | {name: value for name, value in of_base().items() if name in left_out}
    return config


def _each(change: Callable[[Any], Any], value: Any) -> Any:
    """The value, or each item of a list or tuple, changed; the same object if none changes."""
    if type(value) not in (list, tuple):
        return change(value)
    changed = type(value)(map(change, value))
    is_same = all(one is other for one, other in zip(changed, value, strict=True))
    return value if is_same else changed


def _saved(value: Any) -> Any:
    is_function = isinstance(value, FunctionType) and is_of_keras(value)
    has_config = is_of_keras(type(value)) and hasattr(value, "get_config")
    if not (is_function or has_config):
        return value
    from skmlp._keras.tensorflow import keras

    try:
        serialized = keras.saving.serialize_keras_object(value)
        if has_config:
            serialized["config"] = full_config(value) | serialized["config"]
        text = json.dumps(serialized)
        can_be_made = "__lambda__" not in text and not _strange(serialized)
        if not can_be_made or (is_function and made_safely(serialized) is not value):
            return value
    except (TypeError, ValueError):  # a configuration that is not plain values
        return value
    return KerasText(_text(serialized), text)


def _made(value: Any) -> Any:
    return made_safely(json.loads(value.config)) if isinstance(value, KerasText) else value


def _shown(value: Any) -> Any:
    if isinstance(value, FunctionType):
        return KerasText(value.__name__) if is_of_keras(value) else value
    classes = type(value).__mro__
    printer = next(cls for cls in classes if "__repr__" in vars(cls))
    is_plain = printer is object or is_of_keras(printer)
    if not (is_plain and any(map(is_of_keras, classes))):
        return value
    name = type(value).__name__
    if hasattr(value, "layers"):  # a model
        return KerasText(f"{name}(...)")
    try:
        return KerasText(_call(name, full_config(value), type(value)))
    except Exception:  # printing must never fail; callbacks have no configuration
        return KerasText(f"{name}(...)")


def is_of_keras(thing: Any) -> bool:
    """Whether a class or function is defined in Keras."""
    return str(getattr(thing, "__module__", None)).split(".")[0] == "keras"


def overrides(cls: type, method: str) -> bool:
    """Whether a user's class has its own version of a method of Keras's base class."""
    return not is_of_keras(next(base for base in cls.__mro__ if method in vars(base)))


def _strange(serialized: Any) -> list[tuple[Any, str]]:
    """(module, name) of classes in a configuration that are neither Keras's nor registered."""
    from skmlp._keras.tensorflow import keras

    if isinstance(serialized, list):
        return [found for one in serialized for found in _strange(one)]
    if not isinstance(serialized, dict):
        return []
    found = _strange(list(serialized.values()))
    if "class_name" in serialized and "module" in serialized:
        module = serialized["module"]
        name = serialized.get("registered_name") or serialized["class_name"]
        is_known = _is_known(str(module), serialized)
        if not is_known and keras.saving.get_registered_object(name) is None:
            found.append((module, name))
    return found


def _is_known(module: str, serialized: dict[str, Any]) -> bool:
    """Whether it is a class of Keras, or one of its functions that compute with tensors."""
    name = serialized["class_name"]
    if name == "function":
        function = str(serialized.get("config"))
        if module == "builtins":  # or of a user, who has told Keras of it
            return _is_of(FUNCTIONS, function) or not hasattr(builtins, function)
        return module in FUNCTIONS and _is_of([module], function)
    if module.split(".")[0] != "keras":
        return module == "builtins"
    return not isinstance(_class_of(module, name), FunctionType)


def _is_of(modules: Sequence[str], name: str) -> bool:
    return any(_class_of(module, name) for module in modules)


def _call(name: str, config: dict[str, Any], cls: type | None) -> str:
    """The call that makes an object, without arguments known to be at their defaults."""
    parameters = _parameters(cls) if cls else {}
    names = [n for n in parameters or config if n in config and n not in UNTOLD]
    texts = {n: _text(config[n]) for n in names}
    arguments = [
        f"{n}={text}"
        for n, text in texts.items()
        if n not in parameters or not _means(text, parameters[n].default)
    ]
    return f"{name}({', '.join(arguments)})"


def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Named parameters of `__init__`; a `__new__` of Keras's may hide them from `signature`."""
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {n: one for n, one in parameters.items() if n != "self" and one.kind in named}


def _text(value: Any) -> str:
    """An entry of a configuration as text."""
    if isinstance(value, dict) and "class_name" in value:
        name, config = value["class_name"], value.get("config")
        if name == "__lambda__":
            return "<lambda>"
        if not isinstance(config, dict):
            return str(config)  # a function's name
        return _call(name, config, _class_of(str(value.get("module")), name))
    if isinstance(value, float):
        return repr(_short(value))
    return repr(value)


def _class_of(module: str, name: str) -> type | None:
    """A class by its public name, if its module is imported."""
    package, *parts = module.split(".")
    found = reduce(lambda one, part: getattr(one, part, None), parts, sys.modules.get(package))
    return getattr(found, name, None)


def _means(text: str, default: Any) -> bool:
    """Whether a text shows the default value, which may be an object's name."""
    if isinstance(default, str) and not text.startswith("'"):
        return bare_name(text.removesuffix("()")) == bare_name(default)
    return text == _text(default)


def bare_name(name: str) -> str:
    """A name without case and underscores, by which Keras finds it."""
    return name.lower().replace("_", "")


def _short(value: float) -> float:
    """The shortest decimal for a number that came from float32; any other number as it is.

    Keras keeps a learning rate of 0.01 as 0.009999999776482582.
    """
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return float(str(single)) if float(single) == value else value
