"""Parameter names of other libraries, so that an error can give the name used here."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache, wraps
from typing import Any, TypeVar

from skmlp._parameters.parameter import parameters_of

F = TypeVar("F", bound=Callable[..., Any])

OF_CONSTRUCTORS = {
    # scikit-learn's MLP
    "alpha": "use 'l2', which is not divided by the rows of a batch",
    "beta_1": "use optimizer=keras.optimizers.Adam(beta_1=...)",
    "beta_2": "use optimizer=keras.optimizers.Adam(beta_2=...)",
    "epsilon": "use optimizer=keras.optimizers.Adam(epsilon=...)",
    "learning_rate_init": "use 'learning_rate'",
    "max_fun": "there is no solver 'lbfgs' here; use 'epochs' to bound training",
    "max_iter": "use 'epochs'",
    "nesterovs_momentum": "use 'nesterov'",
    "power_t": "use 'learning_rate_schedule' and 'decay_rate'",
    "solver": "use 'optimizer'",
    # Keras, its wrappers, and other libraries
    "bias_regularizer": "only kernels are penalised, by 'l1' and 'l2'",
    "dropout_rate": "use 'dropout'",
    "hidden_layers": "use 'hidden_layer_sizes'",
    "kernel_regularizer": "use 'l1' and 'l2'",
    "loss_weights": "the wide & deep estimators have 'aux_loss_weight'",
    "lr": "use 'learning_rate'",
    "max_epochs": "use 'epochs'",
    "nb_epoch": "use 'epochs'",
    "patience": "use 'n_iter_no_change' with early_stopping=True",
    "units": "use 'hidden_layer_sizes' or 'n_neurons'",
    "validation_split": "use 'validation_fraction' with early_stopping=True",
    # Trees
    "cat_features": "use 'categorical_features'",
    "categorical_feature": "use 'categorical_features'",
    "depth": "there are no trees here; use 'hidden_layer_sizes'",
    "early_stopping_rounds": "use 'early_stopping'",
    "eta": "use 'learning_rate'",
    "iterations": "use 'epochs'",
    "l2_leaf_reg": "use 'weight_decay'",
    "max_depth": "there are no trees here; use 'hidden_layer_sizes'",
    "n_jobs": "TensorFlow uses all processors",
    "num_leaves": "there are no trees here; use 'hidden_layer_sizes'",
    "objective": "use 'loss'",
    "random_seed": "use 'random_state'",
    "reg_alpha": "use 'weight_decay'",
    "reg_lambda": "use 'weight_decay'",
    "subsample": "each epoch goes through all rows",
    "task_type": "TensorFlow uses a GPU if there is one",
    "thread_count": "TensorFlow uses all processors",
}
OF_FIT = {
    "cat_features": "use 'categorical_features' in the constructor",
    "categorical_feature": "use 'categorical_features' in the constructor",
    "class_weight": "it is a parameter of the classifiers' constructor",
    "eval_set": "use 'X_val' and 'y_val'",
    "initial_epoch": "use warm_start=True to train on",
    "shuffle": "it is a parameter of the constructor",
    "steps_per_epoch": "an epoch goes through all rows once",
    "validation_batch_size": "validation rows are measured together",
    "validation_split": (
        "set early_stopping=True and 'validation_fraction' in the constructor"
    ),
    "x": "use 'X'",
}


@cache
def constructor_names(cls: type) -> list[str] | None:
    """Parameters of a class's constructor; None if it takes any keyword."""
    parameters = inspect.signature(cls.__init__).parameters  # type: ignore[misc]
    if any(known.kind is known.VAR_KEYWORD for known in parameters.values()):
        return None
    return [*parameters][1:]


def refuse_other_names(
    owner: str,
    known: list[str],
    given: Iterable[str],
    elsewhere: dict[str, str],
    others: Iterable[str] = (),
    error: type[Exception] = TypeError,
) -> None:
    """Raise an error for the first given name that `owner` does not know.

    Remedies may name what is known and `others`.
    """
    for name in given:
        if name not in known:
            remedy = known_remedy(elsewhere.get(name, ""), [*known, *others])
            remedy = remedy or f"its parameters are {', '.join(known)}"
            raise error(f"{name!r} is not a parameter of {owner}; {remedy}.")


def known_remedy(remedy: str, known: Iterable[str]) -> str:
    """The remedy, or nothing if it says to use a parameter of other estimators."""
    _, _, used = remedy.partition("use ")
    return remedy if set(known) >= set(re.findall(r"'(\w+)'", used)) else ""


def refuse_nested(given: Iterable[str]) -> None:
    """Raise ValueError for a parameter of the estimator in `pretrained`."""
    for name in given:
        if name.startswith("pretrained__"):
            raise ValueError(
                f"'pretrained' must be set as a whole, since its estimator is never changed; "
                f"got {name!r}; fit another one, and set pretrained to it."
            )


def explains_names(method: F) -> F:
    """Decorate a method to refuse unknown arguments, naming the public class in the error."""
    known = [name for name in inspect.signature(method).parameters if name != "self"]

    @wraps(method)
    def explained(estimator: Any, *args: Any, **kwargs: Any) -> Any:
        owner = f"{type(estimator).__name__}.{method.__name__}"
        refuse_other_names(owner, known, kwargs, OF_FIT, parameters_of(type(estimator)))
        return method(estimator, *args, **kwargs)

    return explained  # type: ignore[return-value]
