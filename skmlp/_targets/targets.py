"""The meaning of targets: hooks that classifiers, regressors and autoencoders fill in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import column_or_1d

from skmlp._data.encoded import EncodedData
from skmlp._data.table_columns import DATES, DURATIONS, OF_TYPES
from skmlp._network.spec import TargetScaling

TIMES = OF_TYPES[DATES] + OF_TYPES[DURATIONS]


class Targets(ABC):
    """Targets as the engine takes them; by default neither scaled nor of classes."""

    def _check_target(self, y: Any) -> None:  # noqa: B027, an autoencoder has none
        """Refuse a y, as it was given, that NumPy would take for something else."""

    @abstractmethod
    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        """Targets for the engine; with `reset`, learn their classes and number."""

    @abstractmethod
    def _output_layer(self) -> tuple[int, str]:
        """Units and activation of the output layer."""

    def _row_weight(self, weight: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Sample weights, times class weights if any."""
        return weight

    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        """Labels by which held-out rows are stratified; None for a plain split."""
        return None

    def _scale_targets(
        self, data: EncodedData, validation: EncodedData | None, *, reset: bool
    ) -> tuple[EncodedData, EncodedData | None]:
        """Both with targets scaled for the network; with `reset`, learn the scale."""
        return data, validation

    def _target_scaling(self) -> TargetScaling | None:
        """The learned scale of the targets, if there is one."""
        return None


class NumericTargets(Targets):
    """Targets of a regressor."""

    n_outputs_: int

    def _check_target(self, y: Any) -> None:
        """Refuse dates and durations, which are whole numbers of some unit to NumPy."""
        for target in as_arrays(y):
            values = target.ravel().tolist() if target.dtype == object else []
            if target.dtype.kind in "mM" or any(map(is_time, values)):
                raise ValueError(
                    "'y' must hold numbers for a regressor; got dates or durations; convert "
                    "them, for example by dt.total_seconds(), and leave out missing ones."
                )

    def _columns_of(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        """Each target as a column; with `reset`, learn their number."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        target = y.reshape(len(y), -1)
        if reset:
            self.n_outputs_ = target.shape[1]
        elif target.shape[1] != self.n_outputs_:
            raise ValueError(
                f"'y' must have as many columns as in the first call to fit, "
                f"{self.n_outputs_}; got {target.shape[1]}; give the same, or fit afresh."
            )
        return target


def as_arrays(y: Any) -> list[np.ndarray]:
    """The array of y, or several of different shapes; none if y is sparse or missing."""
    if y is None or issparse(y):
        return []
    try:
        return [np.asarray(y)]
    except ValueError:  # targets of several outputs, with one axis and with two
        return [*map(np.asarray, y)]


def is_time(value: Any) -> bool:
    return isinstance(value, TIMES) or type(value).__name__ == "Period"  # of pandas
