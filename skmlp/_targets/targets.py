"""The meaning of targets: hooks that classifiers, regressors and autoencoders fill in."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from sklearn.utils.validation import column_or_1d

from skmlp._data.encoded import EncodedData
from skmlp._network.spec import TargetScaling


class Targets(ABC):
    """Targets as the engine takes them; by default neither scaled nor of classes."""

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
