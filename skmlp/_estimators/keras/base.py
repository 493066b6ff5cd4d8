"""Shared by the estimators that train a user's own Keras network."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._estimators.fit_warnings import warn_of_unseeded
from skmlp._estimators.fitted import model_needs_tensorflow
from skmlp._estimators.keras.arguments import KerasArguments
from skmlp._estimators.keras.inputs import KerasInputs, check_entries
from skmlp._estimators.network_jobs import Plan
from skmlp._network.keras_network import KerasSpec
from skmlp._network.model_text import ModelText, python_random_seeded
from skmlp._network.spec import NetworkSpec
from skmlp._parameters.keras_network import (
    arguments_of,
    given_model,
    is_model,
    named_arguments,
    own_objects,
)
from skmlp._parameters.parameter import parameters_of
from skmlp._training.bars import ProgressBar
from skmlp._training.job import Job

if TYPE_CHECKING:
    import keras

    from skmlp._training.first_weights import AsBuilt


class BaseKeras(KerasArguments, KerasInputs, ABC):
    """The network of the parameter `model`, and its arguments as parameters."""

    _of_shapes = "'model' and its arguments"
    _learned_privately: tuple[str, ...] = ("_state", "_compiled")
    _compiled: ModelText | None  # the compile arguments of a model that was compiled

    # Hooks of subclasses

    @abstractmethod
    def _meta(self) -> dict[str, Any]:
        """What `fit` has learned about the targets, under scikeras's names."""

    @abstractmethod
    def _check_outputs(self, spec: KerasSpec) -> None:
        """Refuse a network whose outputs do not fit the targets."""

    def _resolved_loss(self, loss: Any, spec: NetworkSpec) -> Any:
        """The loss, where its name says too little about a network like this."""
        return loss

    def _check_activation(self, activation: str | None, loss: Any) -> None:
        """Refuse an activation of the only output that does not fit the loss."""

    _default_loss: str

    def _has_columns_of_classes(self) -> bool:
        """Whether y has columns with classes of their own, each for an output."""
        return False

    # The network

    def _spec(self) -> KerasSpec:
        spec = self._plan().spec
        assert isinstance(spec, KerasSpec)
        return spec

    def _job(
        self, data: EncodedData, validation: EncodedData | None, *args: Any, **kwargs: Any
    ) -> Job:
        job = super()._job(data, validation, *args, **kwargs)
        for rows in (data, validation):
            if rows is not None:
                check_entries(job.spec, rows.X)
        return job

    def _plan(self, data: EncodedData | None = None, seed: int = 0) -> Plan:
        from skmlp._keras.losses import link_of_logits
        from skmlp._keras.optimizers import OF_OPTIMIZERS, optimizer_recipe
        from skmlp._network.keras_conversion import keras_spec, output_activation
        from skmlp._network.keras_text import compile_text

        model, functional = self._built(seed)
        if not functional.trainable_variables:
            raise ValueError(
                "'model' must have weights to train; got one whose layers have none or are all "
                "frozen; set trainable=True on a layer."
            )
        settings = self._settings() | self._compiled_settings(model, functional)
        link = link_of_logits(settings["loss"])
        spec = keras_spec(functional, link)
        self._check_outputs(spec)
        self._check_activation(output_activation(functional), settings["loss"])
        self._compiled = None
        if model.compiled and model.loss is not None:
            names = ("optimizer", "learning_rate", *OF_OPTIMIZERS)
            optimizer = optimizer_recipe(**{name: settings[name] for name in names}).build()
            self._compiled = compile_text(model, optimizer, own_objects(given_model(self)))
        spec, metrics = self._placed(spec), settings.pop("metrics")
        first = None if data is None else self._first(functional, spec, data.X, seed)
        return Plan(spec, settings, metrics, first)

    def _first(
        self, functional: keras.Model, spec: KerasSpec, X: np.ndarray, seed: int
    ) -> AsBuilt:
        """Weights to begin with: of a model drawn anew, of a function's as they are.

        `functional` was built by the function, from this seed.
        """
        from skmlp._network.keras_model import adapted_weights
        from skmlp._training.first_weights import AsBuilt

        if is_model(given_model(self)):
            assert spec.model is not None
            functional = spec.model.made(seed)
        return AsBuilt(adapted_weights(functional, spec, X))

    def _settings(self) -> dict[str, Any]:
        """Settings of the fit, without those that are arguments of the function."""
        own = parameters_of(type(self))
        shared = {name: own[name].default for name in self._shared()}
        return super()._settings() | shared

    def _built(self, seed: int = 0) -> tuple[keras.Model, keras.Model]:
        """The user's model, and the same with known inputs and all layers built.

        A function builds it while Python's generator is seeded.
        """
        from skmlp._keras.tensorflow import keras
        from skmlp._network.keras_text import model_text, refuse_own_training
        from skmlp._training.train import train_alone, trained_by

        given = given_model(self)
        if is_model(given) and not isinstance(given, keras.Model):
            raise ValueError(
                "'model' must be a keras.Model or a function that returns one; got the layer "
                f"{type(given).__name__}; put it into a keras.Sequential."
            )
        # A fit inside the function must not wait for the other fits of a search.
        with python_random_seeded(seed), trained_by(train_alone):
            model = given if isinstance(given, keras.Model) else given(**self._arguments())
            if not isinstance(model, keras.Model):
                raise ValueError(
                    "'model' must be a keras.Model or a function that returns one; got "
                    f"{model!r}; return the model from the function."
                )
            refuse_own_training(model)
            if isinstance(model, keras.Sequential) and not model.layers:
                raise ValueError(
                    "'model' must have layers; got a Sequential without any; add a Dense layer."
                )
            built = model
            if model is given and not getattr(model, "inputs", None):
                built = model_text(model).made()  # building it would change the user's
            if isinstance(built, keras.Sequential) and not built.built:
                built.build((None, *self.X_shape_[1:]))
            return model, self._with_inputs(built)

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
                f"{self.X_shape_[1:]}; got {type(model).__name__}, which failed with "
                f"{error}; make it a functional model."
            ) from error

    def _compiled_settings(
        self, model: keras.Model | None, outputs: keras.Model | None = None
    ) -> dict[str, Any]:
        """Loss, optimizer and metrics; those of a compiled model, if given.

        `outputs` is the model with the same outputs, and known inputs.
        """
        from skmlp._keras.optimizers import DEFAULT_LEARNING_RATE, optimizer_object
        from skmlp._network.keras_text import compiled_metrics, loss_of_outputs, output_names

        loss, optimizer, metrics = self.loss or self._default_loss, self.optimizer, self.metrics
        rate = None if "learning_rate" in self._shared() else self.learning_rate
        loss_weights = None
        if model is not None and outputs is not None and model.compiled:
            self._refuse_beside_compiled()
            loss, optimizer = model.loss or loss, model.optimizer
            loss_weights = model.get_compile_config().get("loss_weights")
            if metrics is None or "metrics" in self._shared():
                objects = own_objects(given_model(self))
                metrics = compiled_metrics(model, output_names(outputs), objects)
        return {
            "loss": loss if outputs is None else loss_of_outputs(outputs, loss, loss_weights),
            "optimizer": optimizer_object(optimizer or "adam", rate),
            "learning_rate": DEFAULT_LEARNING_RATE,  # an object keeps its own
            "metrics": metrics,
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
        names = [name for name in named_arguments(model) if name in own]
        arguments = {name: getattr(self, name) for name in names if name not in self._shared()}
        filled_in = {"meta": self._whole_meta, "compile_kwargs": self._compile_arguments}
        arguments |= {n: make() for n, make in filled_in.items() if n in arguments_of(model)}
        arguments |= self._set_arguments()
        for name in named_arguments(model):
            is_required = arguments_of(model)[name].default is inspect.Parameter.empty
            if is_required and name not in arguments:
                raise ValueError(
                    f"'{name}' must be given, since the function 'model' has no default for "
                    f"it; got none; set {type(self).__name__}(model, {name}=...)."
                )
        # Searches draw NumPy's numbers, which Keras refuses.
        return {n: v.item() if isinstance(v, np.generic) else v for n, v in arguments.items()}

    def _whole_meta(self) -> dict[str, Any]:
        names = ("n_features_in_", "feature_names_in_", "X_shape_")
        of_rows = {name: getattr(self, name) for name in names if hasattr(self, name)}
        return {**of_rows, "X_dtype_": np.dtype(np.float32), **self._meta()}

    def _compile_arguments(self) -> dict[str, Any]:
        """Arguments of `keras.Model.compile`, from the parameters."""
        from skmlp._keras.losses import keras_loss
        from skmlp._keras.optimizers import optimizer_object

        loss: Any = self.loss or self._default_loss
        if self._has_columns_of_classes():
            loss = self.loss  # that of an output depends on its width
        else:
            loss = keras_loss(loss, *self._output_layer(), self._has_class_indices())
        return {
            "loss": loss,
            "optimizer": optimizer_object(self.optimizer or "adam", self.learning_rate),
            "metrics": self.metrics,
        }

    def _remark(self, job: Job, bars: Sequence[ProgressBar]) -> None:
        name, layers = type(self).__name__, job.spec.layers_not_for_xla()
        if layers and job.start is None:
            for bar in bars:
                bar.say(f"{name} trains without XLA because of {', '.join(layers)}.")
        if not job.spec.is_repeatable():
            warn_of_unseeded(name)

    # The fitted network

    @property
    def model_(self) -> keras.Model:
        """The fitted Keras model, compiled as the user's was, built anew at each access."""
        state = self._state_or_raise()
        with model_needs_tensorflow():
            from skmlp._estimators.exported import fitted_model
        settings = self.get_params() | self._settings()
        if self._compiled is None:
            settings |= self._compiled_settings(None)
            settings["loss"] = self._resolved_loss(settings["loss"], state.spec)
            settings["label_smoothing"] = self.label_smoothing
        params, has_indices = SimpleNamespace(**settings), self._has_class_indices()
        return fitted_model(state, params, self._compiled, has_class_indices=has_indices)
