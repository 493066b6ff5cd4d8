"""A constructor parameter, declared once: name, default, rule and documentation.

A class declares parameters as a dataclass declares fields, under `with_parameters`:

    epochs: int = parameter(default=200, rule=[COUNT], types="int", text="Passes ...")

Order is a dataclass's too: parameters of the last base come first. But estimators are not
dataclasses, because other libraries treat dataclasses as plain values and would compare fitted
estimators by their parameters alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from inspect import cleandoc, get_annotations
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar

from skmlp._keras.text import WAITING, to_use

T = TypeVar("T")

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Callable[[T], T]:
        """Stands in for a decorator that only type checkers and editors read."""
        return lambda decorator: decorator


@dataclass(eq=False, repr=False)
class Parameter:
    """A parameter as an attribute of the class that declares it.

    It has no `__set__`, so Python calls `__get__` only if the estimator lacks the attribute. In
    a loaded estimator that is a Keras object saved as text, which is then made and stored on
    the estimator. The default is never returned.
    """

    default: Any
    rule: list[Any]
    types: str
    text: str
    takes_keras: bool
    kw_only: bool

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.annotation = get_annotations(owner)[name]

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        if estimator is None:
            return self
        waiting = vars(estimator).get(WAITING, {})
        if self.name not in waiting:
            raise AttributeError(
                f"{type(estimator).__name__!r} object has no attribute {self.name!r}"
            )
        try:
            value = to_use(waiting[self.name])
        except ImportError as error:
            raise AttributeError(
                f"'{self.name}' holds a Keras object, which needs TensorFlow; it failed to "
                "import."
            ) from error
        setattr(estimator, self.name, value)
        return value

    def __repr__(self) -> str:
        return f"parameter(default={self.default!r})"

    def documentation(self) -> str:
        """The parameter's entry in a numpydoc section."""
        default = f'"{self.default}"' if isinstance(self.default, str) else repr(self.default)
        return f"{self.name} : {self.types}, default={default}\n{indent(self.text, '    ')}"


def parameter(
    *,
    default: Any,
    rule: list[Any],
    types: str,
    text: str,
    takes_keras: bool = False,
    kw_only: bool = True,
) -> Any:
    """Declare a parameter of a class that `with_parameters` decorates.

    `rule` is a list of scikit-learn's constraints, at least one of which a value must meet;
    `types` and `text` are documentation. `takes_keras` says that the value may be, or contain,
    Keras objects, which are saved as text.
    """
    return Parameter(default, rule, types, cleandoc(text), takes_keras, kw_only)


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(parameter,))
def with_parameters(cls: type[T]) -> type[T]:
    """Class decorator that makes a class's code and documentation from its parameters.

    From the declared and inherited parameters it makes the constructor, scikit-learn's table
    of rules, and the docstring's section of parameters, which replaces `{parameters}`.
    """
    parameters = parameters_of(cls)
    made: Any = cls
    made.__init__ = _constructor(cls, parameters)
    made._parameter_constraints = {name: declared.rule for name, declared in parameters.items()}
    if cls.__doc__:
        entries = (declared.documentation() for declared in parameters.values())
        section = "\n".join(["Parameters", "----------", *entries])
        made.__doc__ = cleandoc(cls.__doc__).replace("{parameters}", section)
    return cls


def _found(cls: type) -> dict[str, Parameter]:
    """Parameters by name; a parameter that is declared again keeps its place."""
    found: dict[str, Parameter] = {}
    for base in reversed(cls.__mro__):
        attributes = vars(base).items()
        found |= {name: value for name, value in attributes if isinstance(value, Parameter)}
    return found


parameters_of: Callable[[type], dict[str, Parameter]] = cache(_found)


def _constructor(cls: type, parameters: dict[str, Parameter]) -> Callable[..., None]:
    """The `__init__` of a dataclass with these fields: it only stores each value."""
    fields = [
        (name, declared.annotation, field(default=declared.default, kw_only=declared.kw_only))
        for name, declared in parameters.items()
    ]
    init: Any = make_dataclass(cls.__name__, fields).__init__  # type: ignore[misc]
    init.__module__, init.__qualname__ = cls.__module__, f"{cls.__qualname__}.__init__"
    return init
