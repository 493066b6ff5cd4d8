"""Shared by the estimators: `fit`, from validation to fitted state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from skmlp._checkpoints.checkpoint import Saved
from skmlp._checkpoints.learned import all_or_nothing
from skmlp._data.arrays import (
    check_total_weight,
    check_validation_rows,
    encode_features_and_target,
    encode_weight,
    hold_out,
)
from skmlp._data.encoded import EncodedData
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.named import NamedParameters
from skmlp._estimators.network_jobs import NetworkJobs
from skmlp._parameters.fit_arguments import (
    checked_verbose,
    named_as_validation,
    one_validation_set,
)
from skmlp._parameters.other_names import explains_names
from skmlp._sklearn import CallbackSupportMixin, fit_context
from skmlp._targets.targets import Targets
from skmlp._training.bars import ProgressBar, progress
from skmlp._training.job import Job
from skmlp._training.mishaps import warn_of_mishap
from skmlp._training.watchers import ScikitLearnCallbacks

if TYPE_CHECKING:
    from typing_extensions import Self


class BaseNetwork(NamedParameters, CallbackSupportMixin, NetworkJobs, Targets):
    """Fitting; subclasses define the meaning of targets and outputs."""

    _y_is_numeric: bool
    label_smoothing: float = 0.0  # a parameter of classifiers

    # Hooks of subclasses

    @abstractmethod
    def _decode_target(self, target: np.ndarray) -> np.ndarray:
        """The reverse of `_encode_target`."""

    def _remark(self, job: Job, bars: Sequence[ProgressBar]) -> None:
        """Say how the network will be trained, where users may not expect it."""

    def _check_fit(self, job: Job) -> None:
        """Warn if the network predicts its own training rows badly."""

    # Fitting

    @explains_names
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        validation_data: tuple | None = None,
        epochs: int | None = None,
        batch_size: int | str | None = None,
        callbacks: Sequence[Any] | None = None,
        verbose: int | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows, finite; converted once to float32. Sparse rows stay sparse if at most
            2% of their values are not zero, or if dense ones would take more than 256 MB.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets: numbers for a regressor; labels of any type, or a binary indicator
            matrix for several labels at once, for a classifier.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative. A weight of 2 equals repeating the row.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation rows, measured after every epoch; the best epoch's weights are kept.
            With `transform_input=["X_val"]`, a `Pipeline` transforms them like X.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of `X_val`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the rows of `X_val`.
        validation_data : tuple (X, y) or (X, y, sample_weight), default=None
            `X_val`, `y_val` and `sample_weight_val` as a tuple, as in Keras.
        epochs : int, default=None
            Overrides the parameter `epochs` for this call.
        batch_size : int or "auto", default=None
            Overrides the parameter `batch_size` for this call.
        callbacks : list of keras.callbacks.Callback, default=None
            Overrides the parameter `callbacks` for this call.
        verbose : int, default=None
            Overrides the parameter `verbose` for this call.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or a parameter is invalid. An estimator that was fitted before stays
            as it was.
        """
        validation_set = one_validation_set(X_val, y_val, sample_weight_val, validation_data)
        return self._fit(
            X, y, sample_weight, validation_set, epochs, batch_size, callbacks, verbose
        )

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_set: tuple[Any, Any, Any] | None,
        epochs: int | None,
        batch_size: int | str | None,
        callbacks: Sequence[Any] | None,
        verbose: int | None,
    ) -> Self:
        """`fit` with validation rows as (X, y, sample_weight), if they are given."""
        with all_or_nothing(self):
            start = self._state if self.warm_start and self.__sklearn_is_fitted__() else None
            saved = self._saved()
            seed = self._seed(start, saved)
            is_new = start is None
            data = self._encode(X, y, sample_weight, reset=is_new, reset_target=is_new)
            validation = None
            holds_out = validation_set is None and self.early_stopping
            if validation_set is not None:
                validation = self._encode(
                    *validation_set, reset=False, reset_target=False, is_validation=True
                )
                check_validation_rows(validation.n_rows, "'X_val'")
            elif holds_out:
                strata = self._strata(data.y)
                data, validation = hold_out(
                    data, self.validation_fraction, stratify=strata, seed=seed
                )
            data, validation = self._scale_targets(data, validation, reset=is_new)
            job = self._job(
                data,
                validation,
                start,
                seed,
                epochs=epochs,
                batch_size=batch_size,
                callbacks=callbacks,
                holds_out=holds_out,
            )
            if self.checkpoint_dir is not None:
                job = replace(job, checkpoint=self._checkpoint(job, saved))
            verbose = self.verbose if verbose is None else checked_verbose(verbose)
            return self._train(job, {"X": X, "y": y}, verbose)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, *, reset_target: bool) -> Self:
        """Train one epoch on the given rows, from the current weights."""
        if self.early_stopping:
            raise ValueError(
                "'early_stopping' must be False for partial_fit, which trains one epoch a "
                "call; got True; score validation data between the calls instead."
            )
        start = self._state if self.__sklearn_is_fitted__() else None
        data = self._encode(X, y, sample_weight, reset=start is None, reset_target=reset_target)
        data, _ = self._scale_targets(data, None, reset=start is None)
        job = self._job(data, None, start, self._seed(start), epochs=1, is_part=True)
        return self._train(job, {"X": X, "y": y}, self.verbose)

    def _seed(self, start: FittedNetwork | None, saved: Saved | None = None) -> int:
        """Seed of a fit: that of the fit it resumes, otherwise drawn from `random_state`."""
        if start is not None:
            return start.training.seed
        if saved is not None and self.random_state is None:
            return saved.facts["seed"]
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _encode(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        reset: bool,
        reset_target: bool,
        is_validation: bool = False,
    ) -> EncodedData:
        with named_as_validation() if is_validation else nullcontext():
            self._check_target(y)
            inputs, y = self._encode_pairs(X, y, reset=reset, is_validation=is_validation)
            target = self._encode_target(y, reset=reset_target)
            weight = self._row_weight(encode_weight(sample_weight, inputs), y)
            check_total_weight(weight)
        data = EncodedData(inputs, target, weight)
        # Beside others, rows of weight 0 would still decide how many batches there are.
        return data if is_validation or weight.all() else data.rows(np.flatnonzero(weight))

    def _encode_pairs(
        self, X: Any, y: Any, *, reset: bool, is_validation: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """The network's inputs, as float32, and y as an array."""
        return encode_features_and_target(self, X, y, reset=reset, y_numeric=self._y_is_numeric)

    def _train(self, job: Job, fit_data: dict, verbose: int) -> Self:
        """Train and store the results; `fit_data` are the arguments of `fit`."""
        from skmlp._training.train import train_network

        name = type(self).__name__
        with progress(name, job.epochs, shown=bool(verbose)) as bars:
            callbacks = ScikitLearnCallbacks.of(
                self, job.epochs, fit_data, lambda network: {"_state": network}
            )
            self._remark(job, bars)
            fitted = train_network(job, [*bars, *callbacks])

        state = fitted.training
        assert state.reason is not None  # training has ended
        has_validation = job.validation is not None
        self._keep(fitted, has_validation=has_validation, earlier=self._earlier(job))
        warn_of_mishap(name, state)
        if not (state.reason.is_mishap or job.is_part):
            self._check_fit(job)
        return self
