"""Parameters of the estimators that train a user's own Keras network."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import cleandoc
from typing import Any

from skmlp._parameters.parameter import Parameter, parameter, parameters_of, with_parameters
from skmlp._parameters.ranges import POSITIVE
from skmlp._sklearn import HasMethods

OF_SCIKERAS = "model__"  # the prefix of a function's arguments there
FILLED_IN = ("meta", "compile_kwargs")  # arguments that `fit` fills in


class ModelParameter(Parameter):
    """`model`: what the user gave, or once fitted, the fitted Keras model.

    Code written for Keras's old wrappers finds the fitted model there. `get_params` returns
    what was given.
    """

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        if estimator is None:
            return self
        is_fitted = estimator.__sklearn_is_fitted__()
        return estimator.model_ if is_fitted else self.given(estimator)

    def __set__(self, estimator: Any, value: Any) -> None:
        vars(estimator)[self.name] = value

    def given(self, estimator: Any) -> Any:
        """The value of the parameter."""
        if self.name in vars(estimator):
            return vars(estimator)[self.name]
        return super().__get__(estimator)


@with_parameters
class UserModel:
    """The only positional parameter."""

    model: Any = ModelParameter(
        default=None,
        rule=[callable, HasMethods(["get_config", "get_weights"]), None],
        types="callable or keras.Model",
        text=cleandoc("""
        A function that returns a `keras.Model`, whose arguments are parameters of the
        estimator; or a model, whose structure and compile arguments are used, and which is
        never changed. An argument `meta` gets a dict of what `fit` has learned from the data
        (`n_features_in_`, `X_shape_`, `n_outputs_`, `target_type_`, for a classifier `classes_`
        and `n_classes_`), and `compile_kwargs` a dict of `loss`, `optimizer` and `metrics`. A
        fitted estimator has the fitted model here, as `model_`; `get_params` returns what was
        given.
        """),
        takes_keras=True,
        kw_only=False,
    )


@with_parameters
class KerasParameters:
    """What a model that is not compiled is compiled with, and its inputs."""

    inputs: Any = parameter(
        default=None,
        rule=[dict, None],
        types="dict or None",
        text="""
        For a model of several inputs, the columns of X for each, by the input's name: names
        or positions. None takes the columns of X in the order of the inputs, or, from a
        dict or a list of arrays, an array for each input.
        """,
    )
    loss: Any = parameter(
        default=None,
        rule=[str, callable, None],
        types="str, keras.losses.Loss, callable or None",
        text="""
        Loss of a model that is not compiled; it takes the names that the MLP estimators take.
        None is the squared error for a regressor and the cross-entropy for a classifier.
        """,
        takes_keras=True,
    )
    optimizer: Any = parameter(
        default=None,
        rule=[str, HasMethods(["get_config", "apply"]), None],
        types="str, keras.optimizers.Optimizer or None",
        text='Optimizer of a model that is not compiled; None is "adam".',
        takes_keras=True,
    )
    learning_rate: Any = parameter(
        default=None,
        rule=[POSITIVE, None],
        types="float or None",
        text="Learning rate, above 0, in place of the optimizer's own, which None keeps.",
    )


def takes_arguments(cls: type) -> type:
    """Class decorator: the constructor also takes the arguments of the function `model`."""
    made: Any = cls
    made.__init__ = _with_arguments(cls, cls.__init__)  # type: ignore[misc]
    return cls


def _with_arguments(cls: type, init: Callable[..., None]) -> Callable[..., None]:
    own = parameters_of(cls)

    @wraps(init)
    def constructor(self: Any, *args: Any, **values: Any) -> None:
        values = {name.removeprefix(OF_SCIKERAS): value for name, value in values.items()}
        arguments = {name: values.pop(name) for name in [*values] if name not in own}
        init(self, *args, **values)
        if arguments:
            check_arguments(self, arguments)
            self._model_arguments = arguments

    signature = inspect.signature(init)
    others = inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)
    constructor.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), others]
    )
    return constructor


def given_model(estimator: Any) -> Any:
    """The value of the parameter `model`."""
    return parameters_of(type(estimator))["model"].given(estimator)  # type: ignore[attr-defined]


def arguments_of(model: Any) -> dict[str, inspect.Parameter]:
    """The arguments of the function `model`; none of a model."""
    if not callable(model) or hasattr(model, "get_weights"):
        return {}
    return dict(inspect.signature(model).parameters)


def takes_any(model: Any) -> bool:
    """Whether the function takes keyword arguments that it does not name."""
    return any(one.kind is one.VAR_KEYWORD for one in arguments_of(model).values())


def named_arguments(model: Any) -> list[str]:
    """Names of the function's arguments that `fit` does not fill in."""
    return [
        name
        for name, one in arguments_of(model).items()
        if name not in FILLED_IN and one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)
    ]


def check_arguments(estimator: Any, names: Any) -> None:
    """Raise TypeError for arguments that the function `model` does not have."""
    model = given_model(estimator)
    known = named_arguments(model)
    for name in names:
        if name not in known and callable(model) and not takes_any(model):
            owner = type(estimator).__name__
            raise TypeError(
                f"{name!r} is neither a parameter of {owner} nor an argument of its 'model'; "
                f"the model's arguments are {', '.join(known) or 'none'}."
            )
