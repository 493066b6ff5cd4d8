"""The arguments of the function `model` as parameters of an estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator

from skmlp._keras.text import WAITING, to_show
from skmlp._parameters.keras_network import (
    OF_SCIKERAS,
    arguments_of,
    given_model,
    is_model,
    named_arguments,
    split_arguments,
    takes_any,
)
from skmlp._parameters.other_names import constructor_names
from skmlp._parameters.parameter import parameters_of
from skmlp._sklearn import is_printing
from skmlp._training.job import SETTINGS

if TYPE_CHECKING:
    from typing_extensions import Self


class KerasArguments(BaseEstimator):
    """Gets and sets parameters, and arguments of the function by their own names."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters and the arguments of the function `model`.

        Parameters
        ----------
        deep : bool, default=True
            Has no effect, since no parameter is an estimator.

        Returns
        -------
        params : dict
            Values by name.
        """
        # None: any, as the function has them
        names = constructor_names(type(self))  # type: ignore[arg-type]
        own = parameters_of(type(self)) if names is None else names
        if is_printing():
            stored = vars(self).get(WAITING, {}) | vars(self)
            shown = {name: to_show(stored[name]) for name in own if name in stored}
            return shown | self._set_arguments()
        model = given_model(self)
        params = {name: getattr(self, name) for name in own if name != "model"}
        if names is not None:
            return params | ({"model": model} if "model" in names else {})
        params["model"] = model
        for name in named_arguments(model):
            default = arguments_of(model)[name].default
            is_free = name not in params or name in self._shared()
            if is_free and default is not arguments_of(model)[name].empty:
                params[name] = default
        return params | self._set_arguments()

    def __sklearn_clone__(self) -> Self:
        cloned = self._cloned()
        # scikit-learn sets the function's defaults too, which another `model` does not have.
        given = self._set_arguments()
        arguments = cloned.__dict__.pop("_model_arguments", {})
        kept = {name: value for name, value in arguments.items() if name in given}
        if kept:
            cloned._model_arguments = kept
        for name in self._shared():
            if name not in given:
                setattr(cloned, name, getattr(self, name))
        return cloned

    def _cloned(self) -> Self:
        try:
            return super().__sklearn_clone__()
        except (TypeError, ValueError) as error:
            if not is_model(given_model(self)):
                raise
            raise ValueError(
                "'model' must be a model that Keras can make again, for clone and searches; "
                f"got a {type(given_model(self)).__name__} with functions or classes that it "
                "cannot find; register them with keras.saving.register_keras_serializable, or "
                "give a function that makes the model."
            ) from error

    def _set_arguments(self) -> dict[str, Any]:
        """Arguments of the function that were given."""
        model = given_model(self)
        arguments = vars(self).get("_model_arguments", {})
        known = arguments
        if callable(model) and not takes_any(model):
            known = dict.fromkeys(named_arguments(model))
        return {name: value for name, value in arguments.items() if name in known}

    def __getattr__(self, name: str) -> Any:
        """The value of an argument of the function `model`."""
        arguments = vars(self).get("_model_arguments", {})
        if name in arguments:
            return arguments[name]
        argument = arguments_of(vars(self).get("model")).get(name)
        if argument is not None and argument.default is not argument.empty:
            return argument.default
        if hasattr(type(self), name):  # a property has failed: let it say why
            return object.__getattribute__(self, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def set_params(self, **params: Any) -> Self:
        """Set parameters, and arguments of the function `model`.

        Parameters
        ----------
        **params : dict
            Parameters by name.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            For names that are neither parameters nor arguments of the function.
        """
        params = {name.removeprefix(OF_SCIKERAS): value for name, value in params.items()}
        model = params.get("model", given_model(self))
        arguments = split_arguments(type(self), model, params, error=ValueError)
        for name, value in params.items():
            setattr(self, name, value)
        if arguments:
            before = vars(self).get("_model_arguments", {})
            self._model_arguments = {**before, **arguments}
        return self

    def _shared(self) -> list[str]:
        """Arguments of the function that are settings of the estimator too: the function's."""
        own = parameters_of(type(self))
        names = named_arguments(given_model(self))
        return [name for name in names if name in own and name in (*SETTINGS, "metrics")]
