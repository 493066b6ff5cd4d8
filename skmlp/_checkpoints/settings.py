"""The settings of a fit as text: equal in any process for equal fits.

Functions and classes are compared by their code and all that it refers to, or by name if they
belong to a well-known library; other objects are compared by the state that pickle would save.
Values that cannot be compared so are refused: mistaking one for another would resume the wrong
fit.
"""

from __future__ import annotations

import copyreg
import dis
import hashlib
import inspect
import sys
from collections.abc import Iterator
from numbers import Integral, Real
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from skmlp._keras.layer_names import with_names_of_its_own

# Parameters that are not compared: callbacks may affect training, but cannot be compared;
# random_state and pretrained are, by the seed and the weights that follow from them.
NOT_COMPARED = {"callbacks", "checkpoint_dir", "checkpoint_every", "verbose"}
NOT_COMPARED |= {"pretrained", "random_state"}
LIBRARIES = {"keras", "numpy", "pandas", "polars", "scipy", "sklearn", "skmlp", "tensorflow"}
LIBRARIES |= set(sys.stdlib_module_names) - {"__main__"}
MAX_LENGTH = 100

Around = tuple[Any, ...]  # the values that contain a value, outermost first


class IncomparableError(Exception):
    """Raised for a value that cannot be compared with another."""


def settings_text(estimator: Any) -> dict[str, str]:
    """The parameters that decide the result of a fit, each as text.

    Raises ValueError for a value that cannot be compared.
    """
    params = estimator.get_params(deep=False)
    return {
        name: _parameter_text(name, value)
        for name, value in params.items()
        if name not in NOT_COMPARED
    }


def shortened(text: str) -> str:
    """The text, or its beginning and a hash."""
    if len(text) <= MAX_LENGTH:
        return text
    return f"{text[:MAX_LENGTH]}... {hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def _parameter_text(name: str, value: Any) -> str:
    try:
        return shortened(_text(value, ()))
    except (IncomparableError, RecursionError) as error:
        raise ValueError(
            f"'{name}' must be a value that can be compared with that of a checkpoint; got "
            f"{value!r} ({error}); give a plain function, import names instead of modules at "
            "the top, or set checkpoint_dir=None."
        ) from error


def _text(value: Any, around: Around) -> str:
    """A value as text; numbers are compared by value, tuples and arrays as lists."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str, bytes, complex)):
        return repr(value)
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    if isinstance(value, ModuleType):
        _check_module(value.__name__)
        return value.__name__
    for depth, outer in enumerate(around):
        if outer is value:
            return f"<{depth}>"
    around = (*around, value)
    if isinstance(value, (type, FunctionType)):
        return _definition_text(value, around)
    if isinstance(value, (list, tuple, range)):
        return f"[{', '.join(_text(item, around) for item in value)}]"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(_text(item, around) for item in value))}}}"
    if type(value) is dict:
        items = (f"{_text(k, around)}: {_text(v, around)}" for k, v in value.items())
        return f"{{{', '.join(sorted(items))}}}"
    if hasattr(value, "__array__"):
        return _text(np.asarray(value).tolist(), around)
    return _keras_text(value, around) if hasattr(value, "get_config") else _state(value, around)


def _is_of_library(module: str) -> bool:
    return module.partition(".")[0] in LIBRARIES


def _check_module(name: str) -> None:
    if not _is_of_library(name):
        raise IncomparableError(f"it uses the module {name}, whose code is not compared")


def _definition_text(value: Any, around: Around) -> str:
    """A function or class as text: its name if a library defines it, otherwise its code."""
    module = getattr(value, "__module__", None) or ""
    if _is_of_library(module):
        found: Any = sys.modules.get(module)
        for part in value.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is value:
            return f"{module}.{value.__qualname__}"
    if isinstance(value, FunctionType):
        return f"{value.__qualname__} {_text(_function_parts(value), around)}"
    return f"{value.__qualname__} {_text(_class_parts(value), around)}"


def _function_parts(function: FunctionType) -> list[Any]:
    closure = [_cell_contents(cell) for cell in function.__closure__ or ()]
    names = sorted(set(_global_names(function.__code__)) & set(function.__globals__))
    used = {name: function.__globals__[name] for name in names}
    defaults = function.__defaults__, function.__kwdefaults__
    return [_code(function.__code__), *defaults, closure, used]


def _cell_contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return None


def _global_names(code: CodeType) -> Iterator[str]:
    """Names that code looks up in its module; a module that it imports must be a library's."""
    instructions = list(dis.get_instructions(code))
    for i, instruction in enumerate(instructions):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
        if instruction.opname == "IMPORT_NAME":
            level = instructions[i - 2].argval  # dots of a relative import
            _check_module("." * level + instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)


def _code(code: Any) -> Any:
    """The parts of a code object that affect its behaviour; or one of its constants."""
    if isinstance(code, CodeType):
        constants = [_code(constant) for constant in code.co_consts]
        exceptions = getattr(code, "co_exceptiontable", b"")
        return [code.co_code, exceptions, code.co_names, code.co_varnames, constants]
    if isinstance(code, (tuple, frozenset)):
        return type(code)(repr(_code(constant)) for constant in code)
    return repr(code)  # 2 and 2.0 are different code


def _class_parts(cls: type) -> list[Any]:
    members = {
        name: _member(member)
        for name, member in vars(cls).items()
        if isinstance(member, FunctionType)
        or not (name.startswith("__") or name == "_abc_impl")
    }
    return [list(cls.__bases__), members]


def _member(member: Any) -> Any:
    if isinstance(member, property):
        return [member.fget, member.fset, member.fdel]
    return getattr(member, "__func__", member)  # of a static or class method


def _keras_text(value: Any, around: Around) -> str:
    """A Keras object by class and configuration, and by attributes too if that is incomplete.

    Layers and optimizers are rebuilt from their configuration, which is all that counts.
    """
    config = value.get_config()
    parameters = list(inspect.signature(type(value).__init__).parameters)[1:]
    if not (set(parameters) <= set(config) or hasattr(value, "variables")):
        config = {**config, **vars(value)}
    settings = {name: one for name, one in config.items() if name != "name"}
    settings = with_names_of_its_own(settings)
    text = f"{_text(type(value), around)} {_text(settings, around)}"
    if "'class_name': 'function'" in text or "'class_name': '__lambda__'" in text:
        raise IncomparableError("its get_config gives only the name of a function")
    return text


def _state(value: Any, around: Around) -> str:
    """Any other object by the state that pickle would save."""
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        reduced: Any = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception as error:
        raise IncomparableError(f"{type(value).__name__} objects hide their state") from error
    if isinstance(reduced, str):
        return f"{getattr(value, '__module__', None)}.{reduced}"
    parts = [list(part) if isinstance(part, Iterator) else part for part in reduced]
    return _text(parts, around)
