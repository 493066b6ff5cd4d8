"""A fitted network as a table, and in scikit-learn's diagrams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

from sklearn.utils.validation import check_is_fitted

from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.stopping import StopReason
from skmlp._sklearn import diagram_block, fitted_attributes

# A network, its values per epoch by name, and why its training ended
NetworkTraining = tuple[FittedNetwork, dict[str, list[float]], str]
IN_SHORT = {reason.value: reason.in_short for reason in StopReason}


class ShownNetwork(ABC):
    """`summary`, and the caption of a fitted estimator in scikit-learn's diagrams."""

    @property
    @abstractmethod
    def model_(self) -> Any:
        """The Keras model."""

    @abstractmethod
    def _trainings(self) -> list[NetworkTraining]:
        """Each network of the fitted estimator."""

    @abstractmethod
    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is one."""

    def __dir__(self) -> list[str]:
        """Attributes but for `model_`, since tools that list them also take their values.

        scikit-learn's own list would build it, and so would skl2onnx and debuggers.
        """
        names = [name for name in object.__dir__(self) if name != "model_"]
        return [name for name in names if name == "model" or hasattr(self, name)]

    def summary(self, **options: Any) -> None:
        """Print the layers of `model_`: shapes of outputs, numbers of weights.

        Parameters
        ----------
        **options : dict
            Arguments of `keras.Model.summary`, such as `expand_nested` and `print_fn`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_is_fitted(self)
        model = self.model_
        model.optimizer = None  # Keras would count its state among the parameters
        model.summary(**options)

    def _sk_visual_block_(self) -> Any:
        """For scikit-learn's diagrams."""
        is_fitted = self.__sklearn_is_fitted__()
        return diagram_block(self, caption(self._trainings()) if is_fitted else None)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        """For scikit-learn's diagrams, from release 1.9: without `model_`, which takes long."""
        return fitted_attributes(self, doc_link, leave_out="model_")


def caption(trainings: list[NetworkTraining]) -> str:
    """Networks, number of weights, epochs and reasons to stop, in a line."""
    networks, histories, reasons = zip(*trainings, strict=True)
    outline = networks[0].spec.outline()
    if len(networks) > 1:
        outline = f"{len(networks)} networks of {outline}"
    n_weights = sum(array.size for network in networks for array in network.arrays)
    epochs = sorted({len(history["loss"]) for history in histories})
    span = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    counts = Counter(IN_SHORT.get(reason, "not ended") for reason in reasons)
    ends = [
        reason if len(counts) == 1 else f"{reason}: {count}"
        for reason, count in counts.most_common()
    ]
    return f"{outline} · {n_weights:,} weights · {span} epochs ({', '.join(ends)})"
