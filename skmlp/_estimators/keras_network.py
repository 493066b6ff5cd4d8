"""Shared by the estimators that train a user's own Keras network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate, pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from skmlp._data.arrays import dense, encode_features
from skmlp._estimators.base import BaseNetwork
from skmlp._estimators.fitted import model_needs_tensorflow
from skmlp._keras.text import WAITING, to_show
from skmlp._network.keras_network import KerasSpec, ModelText, python_random_kept
from skmlp._parameters.keras_network import (
    OF_SCIKERAS,
    arguments_of,
    check_arguments,
    given_model,
    named_arguments,
    takes_any,
)
from skmlp._parameters.parameter import parameters_of
from skmlp._sklearn import column_indices, is_printing

if TYPE_CHECKING:
    import keras
    from typing_extensions import Self

LEARNED: tuple[str, ...] = ("X_shape_", "input_blocks_")


class BaseKeras(BaseNetwork, ABC):
    """The network of the parameter `model`, and its arguments as parameters."""

    _of_shapes = "'model' and its arguments"
    _learned_privately = ("_state", "_compiled")
    _compiled: ModelText | None  # the compile arguments of a model that was compiled
    X_shape_: tuple[int, ...]
    input_blocks_: dict[str, tuple[int, int]]

    # Hooks of subclasses

    @abstractmethod
    def _meta(self) -> dict[str, Any]:
        """What `fit` has learned about the targets, under scikeras's names."""

    @abstractmethod
    def _check_outputs(self, n_outputs: int) -> None:
        """Refuse a network whose outputs do not fit the targets."""

    _default_loss: str

    # Parameters

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
        own = parameters_of(type(self))
        if is_printing():
            stored = vars(self).get(WAITING, {}) | vars(self)
            shown = {name: to_show(stored[name]) for name in own if name in stored}
            return shown | self._set_arguments()
        params = {name: getattr(self, name) for name in own if name != "model"}
        model = given_model(self)
        params |= {"model": model, **self._set_arguments()}
        for name in named_arguments(model):
            default = arguments_of(model)[name].default
            is_unset = name not in params or (name in own and params[name] == own[name].default)
            if is_unset and default is not arguments_of(model)[name].empty:
                params[name] = default
        return params

    def _set_arguments(self) -> dict[str, Any]:
        """Arguments of the function that were given, beside the estimator's own parameters."""
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
        """
        params = {name.removeprefix(OF_SCIKERAS): value for name, value in params.items()}
        own = parameters_of(type(self))
        if "model" in params:
            self.model = params.pop("model")
        arguments = {name: params.pop(name) for name in [*params] if name not in own}
        check_arguments(self, arguments)
        for name, value in params.items():
            setattr(self, name, value)
        if arguments:
            before = vars(self).get("_model_arguments", {})
            self._model_arguments = {**before, **arguments}
        return self

    # The network

    def _spec(self) -> KerasSpec:
        return self._plan()[0]

    def _plan(self) -> tuple[KerasSpec, dict[str, Any]]:
        from skmlp._keras.losses import link_of_logits
        from skmlp._network.keras_conversion import compile_text, keras_spec

        model = self._built()
        settings = self._settings() | self._compiled_settings(model)
        link = link_of_logits(settings["loss"])
        spec = keras_spec(self._with_inputs(model), link, self._target_scaling())
        self._check_outputs(spec.n_outputs)
        self._compiled = compile_text(model) if model.compiled else None
        return self._placed(spec), settings

    def _built(self) -> keras.Model:
        """The user's model, of its own or copied, with all its layers built."""
        from skmlp._keras.tensorflow import keras
        from skmlp._network.keras_conversion import unchanged

        given = given_model(self)
        with python_random_kept():
            model = given if isinstance(given, keras.Model) else given(**self._arguments())
            if not isinstance(model, keras.Model):
                raise ValueError(
                    "'model' must be a keras.Model or a function that returns one; got "
                    f"{model!r}; return the model from the function."
                )
            if not model.built and isinstance(model, keras.Sequential):
                model = unchanged(model) if model is given else model
                model.build((None, *self.X_shape_[1:]))
        return model

    def _with_inputs(self, model: keras.Model) -> keras.Model:
        """The model, or for a subclassed one, a functional model that calls it."""
        if getattr(model, "inputs", None):
            return model
        from skmlp._keras.tensorflow import keras

        inputs = keras.Input(self.X_shape_[1:])
        try:
            return keras.Model(inputs, model(inputs))
        except Exception as error:
            raise ValueError(
                "'model' must have inputs that Keras knows, or take rows of shape "
                f"{self.X_shape_[1:]}; got {type(model).__name__}, which failed with: {error}"
            ) from error

    def _compiled_settings(self, model: keras.Model | None) -> dict[str, Any]:
        """Loss, optimizer, metrics and learning rate; those of a compiled model, if given."""
        from skmlp._keras.optimizers import DEFAULT_LEARNING_RATE, optimizer_recipe
        from skmlp._network.keras_conversion import compiled_loss, compiled_metrics

        names = named_arguments(given_model(self))
        rate = None if "learning_rate" in names else self.learning_rate
        loss, optimizer, metrics = self.loss, self.optimizer, self.metrics
        if model is not None and model.compiled:
            self._refuse_beside_compiled()
            loss, optimizer = compiled_loss(model), model.optimizer
            metrics = compiled_metrics(model) if metrics is None else metrics
        optimizer = optimizer or "adam"
        if isinstance(optimizer, str) and rate is None:
            optimizer = optimizer_recipe(optimizer, DEFAULT_LEARNING_RATE).cls()
        return {
            "loss": loss or self._default_loss,
            "optimizer": optimizer,
            "metrics": metrics,
            "learning_rate": DEFAULT_LEARNING_RATE if rate is None else rate,
        }

    def _refuse_beside_compiled(self) -> None:
        taken = arguments_of(given_model(self))
        for name in ("loss", "optimizer"):
            if getattr(self, name) is not None and not {name, "compile_kwargs"} & taken.keys():
                raise ValueError(
                    f"'{name}' must be None for a model that is compiled; got "
                    f"{getattr(self, name)!r}; drop it, or let the function take it as an "
                    "argument."
                )

    def _arguments(self) -> dict[str, Any]:
        """Arguments for the function: those that were set, and those that `fit` fills in."""
        model, own = given_model(self), parameters_of(type(self))
        if not callable(model):
            raise ValueError(
                f"'model' must be a keras.Model or a function that returns one; got {model!r}."
            )
        shared = [name for name in named_arguments(model) if name in own]
        values = {name: getattr(self, name) for name in shared}
        arguments = {n: value for n, value in values.items() if value != own[n].default}
        filled_in = {"meta": self._whole_meta, "compile_kwargs": self._compile_arguments}
        arguments |= {n: make() for n, make in filled_in.items() if n in arguments_of(model)}
        arguments |= self._set_arguments()
        # Searches draw NumPy's numbers, which Keras refuses.
        return {n: v.item() if isinstance(v, np.generic) else v for n, v in arguments.items()}

    def _whole_meta(self) -> dict[str, Any]:
        names = ("n_features_in_", "feature_names_in_", "X_shape_")
        of_rows = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return {**of_rows, "X_dtype_": np.dtype(np.float32), **self._meta()}

    def _compile_arguments(self) -> dict[str, Any]:
        return {
            "loss": self.loss or self._default_loss,
            "optimizer": self.optimizer or "adam",
            "metrics": self.metrics,
        }

    # Inputs

    def _placed(self, spec: KerasSpec) -> KerasSpec:
        """The spec with the place of each input among the columns of the rows."""
        blocks = list(self.input_blocks_.items())
        by_name = {entry.name for entry in spec.entries} == self.input_blocks_.keys()
        if not blocks:
            ends = [0, *accumulate(entry.width for entry in spec.entries)]
            blocks = [(str(i), pair) for i, pair in enumerate(pairwise(ends))]
        found = (
            dict(blocks)
            if by_name
            else dict(
                zip(
                    (entry.name for entry in spec.entries), (b for _, b in blocks), strict=False
                )
            )
        )
        entries = tuple(
            replace(entry, start=found[entry.name][0]) if entry.name in found else entry
            for entry in spec.entries
        )
        widths = [(entry.name, entry.width) for entry in entries]
        given = [(name, end - start) for name, (start, end) in found.items()]
        if sorted(widths) != sorted(given) or sum(w for _, w in given) != self.n_features_in_:
            raise ValueError(
                "'X' must have the columns that the inputs of 'model' take, "
                f"{dict(widths)}; got {self.n_features_in_} in all."
            )
        return replace(spec, entries=entries)

    def _encode_pairs(
        self, X: Any, y: Any, *, reset: bool, is_validation: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        X = self._rows(X, reset=reset)
        n_rows = getattr(X, "shape", (0,))[0]
        if isinstance(y, (list, tuple)) and {np.shape(one)[:1] for one in y} == {(n_rows,)}:
            y = np.column_stack(y) if len(y) != n_rows else y  # of several outputs
        rows, y = super()._encode_pairs(X, y, reset=reset, is_validation=is_validation)
        if reset and len(self.X_shape_) < 2:
            self.X_shape_ = rows.shape
        return rows, y

    def _encode_features(self, X: Any) -> np.ndarray:
        return dense(encode_features(self, self._rows(X, reset=False)))

    def _rows(self, X: Any, *, reset: bool) -> Any:
        """X with two axes: arrays for several inputs side by side, other axes flattened."""
        blocks: dict[str, tuple[int, int]] = {}
        if self.inputs is not None:
            X = {name: safe_columns(X, columns) for name, columns in self.inputs.items()}
        if is_several(X):
            items = X.items() if isinstance(X, Mapping) else enumerate(X)
            parts = {str(name): flat(np.asarray(part)) for name, part in items}
            ends = [0, *accumulate(part.shape[1] for part in parts.values())]
            blocks = dict(zip(parts, pairwise(ends), strict=True))
            lengths = {len(part) for part in parts.values()}
            if len(lengths) > 1:
                raise ValueError(
                    "'X' must hold as many rows for each input of the model; got "
                    f"{sorted(lengths)}."
                )
            X = np.hstack(list(parts.values()))
        shape = tuple(getattr(X, "shape", ()))
        has_axes = len(shape) > 2
        if reset:
            self.X_shape_, self.input_blocks_ = shape, blocks
        elif has_axes and shape[1:] != self.X_shape_[1:]:
            raise ValueError(
                f"'X' must have rows of shape {self.X_shape_[1:]}, as in fit; got {shape[1:]}."
            )
        return flat(np.asarray(X)) if has_axes else X

    # The fitted network

    @property
    def model_(self) -> keras.Model:
        """The fitted Keras model, compiled as the user's was, built anew at each access."""
        state = self._state_or_raise()
        with model_needs_tensorflow():
            from skmlp._estimators.exported import fitted_model
        has_indices = self._has_class_indices()
        params = SimpleNamespace(**self.get_params()) if self._compiled is None else None
        if params is not None:
            params.label_smoothing = self.label_smoothing
            vars(params).update(self._compiled_settings(None))
        return fitted_model(state, params, self._compiled, has_class_indices=has_indices)


def flat(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1)


def is_several(X: Any) -> bool:
    """Whether X is a dict or list of arrays, one for each input."""
    if isinstance(X, Mapping):
        return not sparse.issparse(X)  # a dictionary of keys is a dict too
    return isinstance(X, (list, tuple)) and all(getattr(one, "ndim", 0) >= 2 for one in X)


def safe_columns(X: Any, columns: Any) -> np.ndarray:
    index = column_indices(X, columns)
    taken = X.iloc[:, index] if hasattr(X, "iloc") else np.asarray(X)[:, index]
    return np.asarray(taken)
