"""Shared by the tabular estimators: an ensemble of networks on any table."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import (
    Tags,
    check_array,
    check_consistent_length,
    check_random_state,
)
from sklearn.utils.validation import check_is_fitted

from skmlp._checkpoints.learned import all_or_nothing
from skmlp._data.arrays import (
    check_n_entries,
    check_total_weight,
    check_validation_rows,
    encode_weight,
)
from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_rows import Matrix
from skmlp._data.sparse_tables import SparseEncoder
from skmlp._data.tables import TableEncoder
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.stopping import StopReason
from skmlp._estimators.named import NamedParameters
from skmlp._estimators.shown import ShownNetwork, Training
from skmlp._estimators.tabular_jobs import HeldOut, TabularJobs, networks_by_held_out
from skmlp._estimators.tabular_model import TabularModel
from skmlp._estimators.versioned import VersionedEstimator
from skmlp._network.inference import predictions, raw_outputs
from skmlp._network.parallel import in_threads
from skmlp._parameters.fit_arguments import named_as_validation, one_validation_set
from skmlp._parameters.other_names import explains_names
from skmlp._sklearn import CallbackSupportMixin, fit_context, safe_indexing
from skmlp._training.job import Job
from skmlp._training.time_limit import TimeLimit
from skmlp._training.watchers import EpochWatcher, ProgressBar, ScikitLearnCallbacks

if TYPE_CHECKING:
    from typing_extensions import Self

SMALL = 64  # rows up to which equal ones are merged, and all make one batch
MIN_ROWS_IN_THREADS = 512


class BaseTabular(
    NamedParameters,
    CallbackSupportMixin,
    TabularJobs,
    TabularModel,
    ShownNetwork,
    VersionedEstimator,
):
    """Fitting and prediction; subclasses define the meaning of targets and outputs."""

    _learned_privately = ("_encoder", "_members", "_quantiles", "_range", "_scaling", "_seed")
    _y_dtype: type | None = None  # None: that of y
    _members: tuple[FittedNetwork, ...]
    _seed: int
    histories_: list[dict[str, list[float]]]
    history_: dict[str, list[float]]
    n_iter_: int
    n_outputs_: int
    stop_reasons_: list[str]

    @abstractmethod
    def _encode_target(self, y: np.ndarray, *, reset: bool) -> np.ndarray:
        """Targets for the engine; with `reset`, learn their classes and number."""

    @abstractmethod
    def _row_weight(self, weight: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Sample weights, times class weights if any."""

    @abstractmethod
    def _strata(self, target: np.ndarray) -> np.ndarray | None:
        """Labels by which held-out rows are stratified; None for a plain split."""

    @abstractmethod
    def _calibrate(self, held_out: HeldOut) -> None:
        """Learn from held-out rows, if any, each predicted by the networks that held it out."""

    def _scale_targets(
        self, data: EncodedData, validation: EncodedData | None, *, reset: bool
    ) -> Any:
        """Both with targets scaled for the network; with `reset`, learn the scale."""
        return data, validation

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
    ) -> Self:
        """Train the networks.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            Training rows: numbers, booleans, categories, text labels and dates, with missing
            values anywhere. A sparse X of more than 100 columns stays sparse; its columns
            that are mostly zero are scaled, but not centred or embedded.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets: numbers for a regressor; labels of any type, or a binary indicator
            matrix for several labels at once, for a classifier.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative.
        X_val : DataFrame, array-like or sparse matrix, (n_val, n_features), default=None
            Validation rows, which take the place of held-out ones.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of `X_val`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the rows of `X_val`.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            For data or parameters that cannot be trained on. An estimator that was fitted
            before is left unchanged.
        """
        limit = None if self.max_time is None else TimeLimit(self.max_time)
        with all_or_nothing(self):
            kept = self._kept()
            is_new = not kept
            if is_new:
                drawn = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
                self._seed = int(drawn)
            data = self._encode(X, y, sample_weight, reset=is_new)
            if data.n_rows <= SMALL:
                data = data.merged()
            given = one_validation_set(X_val, y_val, sample_weight_val, None)
            validation = None
            if given is not None:
                with named_as_validation():
                    validation = self._encode(*given, reset=False)
                check_validation_rows(validation.n_rows, "'X_val'")
            if len(kept) >= self._n_networks(data.n_rows):
                self._warn_of_nothing_to_train()
                return self
            strata = self._strata(data.y)
            data, validation = self._scale_targets(data, validation, reset=is_new)
            jobs = self._jobs(data, validation, strata, self._seed)[len(kept) :]
            return self._train(jobs, kept, {"X": X, "y": y}, limit)

    def _kept(self) -> tuple[FittedNetwork, ...]:
        """The networks that a warm start keeps."""
        kept = self._members if self.warm_start and self.__sklearn_is_fitted__() else ()
        if not isinstance(self.n_estimators, str) and len(kept) > self.n_estimators:
            raise ValueError(
                f"'n_estimators' must be at least {len(kept)}, the number of networks that are "
                f"trained, with warm_start=True; got {self.n_estimators}; set warm_start=False "
                "to start afresh."
            )
        return kept

    def _encode(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> EncodedData:
        """Rows of positive weight."""
        if y is None:
            name = type(self).__name__
            raise ValueError(
                f"'y' must be given, since {name} requires y to be passed, but the target y is "
                "None."
            )
        X = self._table(X, reset=reset)
        y = check_array(y, ensure_2d=False, dtype=self._y_dtype, input_name="y", estimator=self)
        check_consistent_length(X, y)
        X, y, weight = _weighted(X, y, encode_weight(sample_weight, X))
        target = self._encode_target(y, reset=reset)
        X, target, weight = _weighted(X, target, self._row_weight(weight, y))
        if reset:
            if issparse(X):
                check_n_entries(X, "train on fewer rows")
            encoder = SparseEncoder if issparse(X) else TableEncoder
            self._encoder = encoder.learn(X, self.categorical_features, weight)
            if not self._encoder.n_inputs:
                raise ValueError(
                    "'X' must have a column of numbers or of several categories; got "
                    f"{self.n_features_in_} of one category each."
                )
        return EncodedData(self._encoder.encode(X), target, weight)

    def _train(
        self,
        jobs: Sequence[Job],
        kept: tuple[FittedNetwork, ...],
        given: dict[str, Any],
        limit: TimeLimit | None,
    ) -> Self:
        """Train networks beside those that are kept; `given` are the arguments of `fit`."""
        from skmlp._training.train import train_ensemble

        self._calibrate({})  # callbacks may ask for predictions before there is more to say
        epochs = jobs[0].epochs
        bar = ProgressBar(type(self).__name__, epochs) if self.verbose else None
        # The bar shows the number of epochs that the limit has decided on.
        watchers: list[EpochWatcher] = [each for each in (limit, bar) if each is not None]
        if getattr(self, "_skl_callbacks", None):
            callbacks = ScikitLearnCallbacks(
                self, epochs, given, lambda *members: {"_members": kept + members}
            )
            watchers.append(callbacks)
        with closing(bar) if bar else nullcontext():
            fitted = train_ensemble(jobs, watchers, compiles_first=limit is not None)
        earlier, reasons = (self.histories_, self.stop_reasons_) if kept else ([], [])
        self.histories_ = [*earlier, *(member.training.history for member in fitted)]
        self.stop_reasons_ = [*reasons, *(reason.value for reason in stop_reasons(fitted))]
        self._members = kept + tuple(member.to_predict() for member in fitted)
        self._calibrate(networks_by_held_out(jobs, first=len(kept)))
        self.n_iter_ = min(len(history["loss"]) for history in self.histories_)
        self.history_ = {
            name: np.mean(
                [history[name][: self.n_iter_] for history in self.histories_], axis=0
            ).tolist()
            for name in self.histories_[0]
            if all(name in history for history in self.histories_)
        }
        self._warn_of_mishaps(fitted)
        return self

    def _warn_of_nothing_to_train(self) -> None:
        warnings.warn(
            f"'n_estimators' must be raised for warm_start=True to train more networks; got "
            f"{self.n_estimators!r}, and {len(self._members)} are trained already.",
            UserWarning,
            stacklevel=4,
        )

    def _warn_of_mishaps(self, fitted: Sequence[FittedNetwork]) -> None:
        mishaps = [reason for reason in stop_reasons(fitted) if reason.is_mishap]
        if mishaps:
            warnings.warn(
                f"{len(mishaps)} of the {len(fitted)} networks of {type(self).__name__} "
                f"stopped early and keep their best finite weights. {mishaps[0].value}",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _raw_outputs(self, members: Sequence[FittedNetwork], rows: Matrix) -> np.ndarray:
        """Raw outputs of networks for encoded rows, (n_members, n_samples, n_units).

        They are float64, since targets may be far from 0.
        """

        def of_member(member: FittedNetwork) -> np.ndarray:
            return raw_outputs(member.spec, member.weights, rows, np.float32)

        apply = in_threads if rows.shape[0] >= MIN_ROWS_IN_THREADS else map
        return np.array(list(apply(of_member, members)), dtype=np.float64)

    def _held_out_outputs(self, held_out: HeldOut) -> list[np.ndarray]:
        """For each set of rows the raw outputs of the networks that held it out."""
        return [
            self._raw_outputs([self._members[i] for i in positions], rows.X)
            for rows, positions in held_out.items()
        ]

    def _predictions(self, X: Any) -> np.ndarray:
        """Predictions of each network, (n_networks, n_samples, n_units) float64."""
        check_is_fitted(self, "_members")
        return self._activated(self._raw_outputs(self._members, self._encode_features(X)))

    def _activated(self, raw: np.ndarray) -> np.ndarray:
        """Predictions of networks from their raw outputs, which may be overwritten."""
        return predictions(self._members[0].spec, raw)

    def _trainings(self) -> list[Training]:
        return [*zip(self._members, self.histories_, self.stop_reasons_, strict=True)]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_members")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def stop_reasons(fitted: Sequence[FittedNetwork]) -> list[StopReason]:
    """Why the training of each network ended."""
    reasons = [member.training.reason for member in fitted]
    return [reason for reason in reasons if reason is not None]  # all have one


def _weighted(X: Any, y: np.ndarray, weight: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
    """Rows of positive weight, of which there must be one."""
    check_total_weight(weight)
    if weight.all():
        return X, y, weight
    kept = np.flatnonzero(weight)
    return safe_indexing(X, kept), y[kept], weight[kept]
