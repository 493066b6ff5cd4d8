"""Optimizers: a Keras optimizer from a name or an object, with the given numbers set."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from skmlp._keras.objects import find_class, frozen_config
from skmlp._keras.tensorflow import keras
from skmlp._keras.text import is_of_keras

DEFAULT_LEARNING_RATE = 1e-3
# Keras's optimizers that update each number by its own gradient alone
ELEMENTWISE = (
    "SGD",
    "RMSprop",
    "Adam",
    "AdamW",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "Ftrl",
    "Lion",
)
CLIPPING_NAMES = ("clipvalue", "clipnorm", "global_clipnorm")
# Parameters of estimators that are settings of their optimizer.
OF_OPTIMIZERS = ("momentum", "nesterov", "weight_decay", *CLIPPING_NAMES)


# Settings that make a step depend on more than a number's gradient in this step.
MORE_THAN_A_STEP = ("use_ema", "gradient_accumulation_steps", *CLIPPING_NAMES)


@dataclass(frozen=True)
class OptimizerRecipe:
    """How to make an optimizer, as often as needed; the user's object is never touched.

    The learning rate is passed to a program at run time, so it is not part of the key. If the
    object brings its own schedule, `learning_rate` is None and the schedule is part of the
    key, as are the constants of Keras's graph (momentum, betas, decay).
    """

    key: Hashable
    name: str = field(compare=False)  # class and constants; optimizer state is resumed if equal
    learning_rate: float | None = field(compare=False)
    cls: type = field(compare=False)
    config: dict[str, Any] = field(compare=False)

    @property
    def is_elementwise(self) -> bool:
        """Whether a step of a number depends on its own gradient alone."""
        is_known = is_of_keras(self.cls) and self.cls.__name__ in ELEMENTWISE
        return is_known and not any(self.config.get(name) for name in MORE_THAN_A_STEP)

    @property
    def clipping(self) -> tuple[str | None, float]:
        """The optimizer's own way of clipping gradients, and its limit."""
        return clipping(**{name: self.config.get(name) for name in CLIPPING_NAMES})

    def without_clipping(self) -> OptimizerRecipe:
        """The same recipe for gradients that are clipped already."""
        return replace(self, config={**self.config, **dict.fromkeys(CLIPPING_NAMES)})

    def schedule(self) -> keras.optimizers.schedules.LearningRateSchedule | None:
        """The optimizer object's own schedule, if any."""
        rate = self.config["learning_rate"]
        if not isinstance(rate, dict):
            return None
        return keras.optimizers.schedules.deserialize(rate)

    def build(self) -> keras.optimizers.Optimizer:
        """An optimizer whose learning rate can be set."""
        config = dict(self.config)
        if self.learning_rate is None:
            config["learning_rate"] = DEFAULT_LEARNING_RATE
        return self.cls.from_config(config)  # type: ignore[attr-defined]

    def build_as_given(self) -> keras.optimizers.Optimizer:
        """An optimizer with the object's own schedule, if any."""
        return self.cls.from_config(dict(self.config))  # type: ignore[attr-defined]


def optimizer_recipe(
    optimizer: str | keras.optimizers.Optimizer,
    learning_rate: float,
    parameter: str = "optimizer",
    *,
    clips: bool = False,
    averages: bool = False,
    **settings: float | bool | None,
) -> OptimizerRecipe:
    """Recipe from the constructor's parameters; a setting of None keeps the optimizer's own.

    `clips` and `averages` say that the engine clips gradients or averages weights, so that the
    optimizer must not. Clipping among the settings replaces the optimizer's own. Raises
    ValueError for an unknown name, an optimizer that the engine cannot restart, a setting that
    the optimizer does not have, a learning rate beside a schedule, two averages, and clipping
    beside accumulated gradients.
    """
    recipe_of = _named_recipe if type(optimizer) is str else _recipe
    return recipe_of(
        optimizer, learning_rate, parameter, clips=clips, averages=averages, **settings
    )


def _recipe(
    optimizer: str | keras.optimizers.Optimizer,
    learning_rate: float,
    parameter: str,
    *,
    clips: bool,
    averages: bool,
    **settings: float | bool | None,
) -> OptimizerRecipe:
    if isinstance(optimizer, str):
        base = keras.optimizers.Optimizer
        cls = find_class(keras.optimizers, base, optimizer, parameter)
        config = {**_default_config(cls), "learning_rate": float(learning_rate)}
    else:
        cls, config = type(optimizer), optimizer.get_config()
        _check_object(cls, config, parameter)
        _check_decays_alike(optimizer, parameter)
        if learning_rate != DEFAULT_LEARNING_RATE:
            config = _with_rate(config, learning_rate)
    if clips or any(settings.get(name) is not None for name in CLIPPING_NAMES):
        _check_does_not_accumulate(config, parameter)
        config = {**config, **dict.fromkeys(CLIPPING_NAMES)}
    config = _with_settings(config, settings, cls.__name__)
    if config.get("loss_scale_factor"):
        # In float32, scaling the loss and unscaling its gradients changes nothing.
        config = {**config, "loss_scale_factor": None}
    if averages and config["use_ema"]:
        raise ValueError(
            "'ema_decay' must be None where the optimizer object averages weights itself; got "
            "both; drop one of the two."
        )

    rate = config["learning_rate"]
    is_constant = not isinstance(rate, dict)
    constants = {k: v for k, v in config.items() if k != "learning_rate" or not is_constant}
    # The configuration of a user's class may be incomplete.
    says_all = isinstance(optimizer, str) or is_of_keras(cls)
    name = f"{cls.__module__}.{cls.__qualname__} {frozen_config(constants)}"
    key = name if says_all else (name, optimizer)
    return OptimizerRecipe(key, name, float(rate) if is_constant else None, cls, config)


_named_recipe = lru_cache(_recipe)


def optimizer_object(
    optimizer: str | keras.optimizers.Optimizer, learning_rate: float | None
) -> keras.optimizers.Optimizer:
    """A new optimizer by name or like an object, with its own learning rate for None."""
    if isinstance(optimizer, str):
        base = keras.optimizers.Optimizer
        optimizer = find_class(keras.optimizers, base, optimizer, "optimizer")()
    _check_decays_alike(optimizer)
    config = optimizer.get_config()
    if learning_rate is not None:
        config = _with_rate(config, learning_rate)
    return type(optimizer).from_config(config)


def _check_decays_alike(
    optimizer: keras.optimizers.Optimizer, parameter: str = "optimizer"
) -> None:
    """Refuse an object that excludes weights from decay, which its configuration leaves out."""
    # Keras has no other way to ask.
    names = "_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"
    if any(getattr(optimizer, name, None) for name in names):
        raise ValueError(
            f"'{parameter}' must decay all weights alike; got {type(optimizer).__name__} after "
            "exclude_from_weight_decay, which its configuration leaves out; do not call it."
        )


@lru_cache
def _default_config(cls: type) -> dict[str, Any]:
    return cls(name="optimizer").get_config()


def _check_object(cls: type, config: dict[str, Any], parameter: str) -> None:
    if "learning_rate" not in config:
        raise ValueError(
            f"'{parameter}' must be an optimizer with a learning rate of its own; got "
            f"{cls.__name__}, which wraps others; give a wrapped one instead."
        )
    if issubclass(cls, getattr(keras.optimizers, "ScheduleFreeAdamW", ())):
        raise ValueError(
            f"'{parameter}' must be an optimizer whose state begins at zero; got "
            f"{cls.__name__}, whose averages begin at the weights; use 'adamw' and 'ema_decay'."
        )


def _check_does_not_accumulate(config: dict[str, Any], parameter: str) -> None:
    steps = config.get("gradient_accumulation_steps")
    if steps:
        raise ValueError(
            f"{' and '.join(map(repr, CLIPPING_NAMES))} must be None where '{parameter}' "
            f"accumulates gradients; got gradient_accumulation_steps={steps}; give the limit "
            "to the optimizer object, which clips what it has accumulated."
        )


def _with_rate(config: dict[str, Any], learning_rate: float) -> dict[str, Any]:
    if isinstance(config["learning_rate"], dict):
        raise ValueError(
            "'learning_rate' must be left at its default where the optimizer object brings a "
            f"schedule of its own; got {learning_rate}; drop one of the two."
        )
    return {**config, "learning_rate": float(learning_rate)}


def _with_settings(
    config: dict[str, Any], settings: dict[str, float | bool | None], optimizer: str
) -> dict[str, Any]:
    given = {name: value for name, value in settings.items() if value is not None}
    for name, value in given.items():
        if name not in config:
            raise ValueError(
                f"'{name}' must be None for an optimizer that has no such setting; got "
                f"{value} with {optimizer}; drop it or choose another optimizer."
            )
    # Keras takes only Python's own numbers, and a momentum of 0 only as a float.
    plain = {n: bool(v) if n == "nesterov" else float(v) for n, v in given.items()}
    return {**config, **plain}


def clipping(**limits: float | None) -> tuple[str | None, float]:
    """The requested way of clipping gradients and its limit; at most one may be set."""
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if len(given) > 1:
        names = " and ".join(f"'{name}'" for name in given)
        values = ", ".join(f"{name}={limit}" for name, limit in given.items())
        raise ValueError(f"{names} must not be set together; got {values}; drop all but one.")
    return next(iter(given.items()), (None, 0.0))
