"""Parameters of the estimators that train a user's own Keras network."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from inspect import cleandoc
from types import FunctionType
from typing import Any

from skmlp._keras.text import is_of_keras
from skmlp._parameters.other_names import OF_CONSTRUCTORS, known_remedy
from skmlp._parameters.parameter import Parameter, parameter, parameters_of, with_parameters
from skmlp._parameters.ranges import COUNT, POSITIVE
from skmlp._sklearn import HasMethods, StrOptions

OF_SCIKERAS = "model__"  # the prefix of a function's arguments there
OF_SCIKERAS_NAMES = {
    "build_fn": "use 'model'",
    "fit_kwargs": "give them to fit",
    "model_kwargs": "give them by name",
    "run_eagerly": "training is always compiled",
    "validation_batch_size": "validation rows are measured together",
}
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
    """Compile arguments for a model that is not compiled, its inputs and its batches."""

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
    batch_size: int | str | None = parameter(
        default=None,
        rule=[StrOptions({"auto"}), COUNT, None],
        types='int, "auto" or None',
        text="""
        Rows per step; None is 32, as in Keras, and "auto" is as in the MLP estimators. The
        last batch of an epoch may be smaller and is averaged over its own rows.
        """,
    )


def takes_arguments(cls: type) -> type:
    """Class decorator: the constructor also takes the arguments of the function `model`."""
    made: Any = cls
    made.__init__ = _with_arguments(cls, cls.__init__)  # type: ignore[misc]
    return cls


def _with_arguments(cls: type, init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def constructor(self: Any, *args: Any, **values: Any) -> None:
        values = {name.removeprefix(OF_SCIKERAS): value for name, value in values.items()}
        model = args[0] if args else values.get("model")
        arguments = split_arguments(cls, model, values)
        init(self, *args, **values)
        if arguments:
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
    if is_model(model) or not callable(model):
        return {}
    return dict(inspect.signature(model).parameters)


def is_model(model: Any) -> bool:
    """Whether this is a Keras model, not a function or class that makes one."""
    return hasattr(model, "get_weights") and not isinstance(model, type)


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


def split_arguments(
    cls: type, model: Any, values: dict[str, Any], error: type[Exception] = TypeError
) -> dict[str, Any]:
    """The function's arguments among values by name; others than parameters are taken out.

    Raises an error for names that are neither.
    """
    own, known = parameters_of(cls), named_arguments(model)
    for name in values:
        is_unknown = name not in known and not takes_any(model)
        if name not in own and is_unknown and (model is None or callable(model)):
            remedy = {**OF_CONSTRUCTORS, **OF_SCIKERAS_NAMES}.get(name, "")
            listed = f"the model's arguments are {', '.join(known) or 'none'}"
            raise error(
                f"{name!r} is neither a parameter of {cls.__name__} nor an argument of its "
                f"'model'; {known_remedy(remedy, own) or listed}."
            )
    arguments = {name: value for name, value in values.items() if name in known}
    others = [name for name in values if name not in own]
    return arguments | {name: values.pop(name) for name in others}


def own_objects(model: Any) -> dict[str, Any]:
    """Functions and classes of the user's own that the function `model` refers to, by name."""
    if not isinstance(model, FunctionType):
        return {}
    referred = inspect.getclosurevars(model)
    return {
        name: value
        for name, value in {**referred.globals, **referred.nonlocals}.items()
        if isinstance(value, (FunctionType, type)) and not is_of_keras(value)
    }
