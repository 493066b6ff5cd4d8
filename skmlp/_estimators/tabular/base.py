"""Shared by the tabular estimators: an ensemble of networks on any table."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import (
    Tags,
    check_array,
    check_consistent_length,
    check_random_state,
)

from skmlp._checkpoints.learned import all_or_nothing, shallow_copy
from skmlp._data.arrays import (
    check_n_entries,
    check_validation_rows,
    encode_weight,
)
from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_tables import SparseEncoder
from skmlp._data.tables import TableEncoder
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.watcher import Watcher
from skmlp._estimators.named import NamedParameters
from skmlp._estimators.shown import NetworkTraining, ShownNetwork
from skmlp._estimators.tabular.held_out import (
    HeldOut,
    digests_of_held_out,
    networks_by_held_out,
)
from skmlp._estimators.tabular.histories import (
    is_sound,
    judged_histories,
    mean_history,
    reason_of,
)
from skmlp._estimators.tabular.jobs import Jobs, TabularJobs
from skmlp._estimators.tabular.model import TabularModel
from skmlp._estimators.tabular.weights import SMALL, repeated, weighted
from skmlp._estimators.versioned import VersionedEstimator
from skmlp._parameters.fit_arguments import named_as_validation, one_validation_set
from skmlp._parameters.other_names import explains_names
from skmlp._sklearn import CallbackSupportMixin, fit_context
from skmlp._training.bars import progress
from skmlp._training.mishaps import warn_of_mishaps
from skmlp._training.time_limit import TimeLimit
from skmlp._training.watchers import ScikitLearnCallbacks
from skmlp._warnings import warn

if TYPE_CHECKING:
    from typing_extensions import Self


class BaseTabular(
    NamedParameters,
    CallbackSupportMixin,
    TabularJobs,
    TabularModel,
    ShownNetwork,
    VersionedEstimator,
):
    """Fitting and prediction; subclasses define the meaning of targets and outputs."""

    _learned_privately = (
        "_encoder",
        "_held_out_rows",
        "_members",
        "_quantiles",
        "_range",
        "_scaling",
        "_seed",
    )
    _members: tuple[FittedNetwork, ...]
    _held_out_rows: tuple[str | None, ...]  # of each network: a digest, or None
    _seed: int
    histories_: list[dict[str, list[float]]]
    history_: dict[str, list[float]]
    n_iter_: int
    n_outputs_: int
    stop_reasons_: list[str]

    def _target_array(self, y: Any) -> np.ndarray:
        return check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=self)

    @abstractmethod
    def _calibrate(self, held_out: HeldOut) -> None:
        """Learn from held-out rows, if any, each predicted by the networks that held it out."""

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
            If the data or a parameter is invalid. An estimator that was fitted before stays
            as it was.
        """
        limit = None if self.max_time is None else TimeLimit(self.max_time)
        with all_or_nothing(self):
            kept = self._members_to_keep()
            is_new = not kept
            if is_new:
                drawn = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
                self._seed = int(drawn)
            data = self._encode(X, y, sample_weight, reset=is_new)
            if data.n_rows <= SMALL:
                data = data.in_order()
            validation_set = one_validation_set(X_val, y_val, sample_weight_val, None)
            validation = None
            if validation_set is not None:
                with named_as_validation():
                    validation = self._encode(*validation_set, reset=False)
                check_validation_rows(validation.n_rows, "'X_val'")
            if len(kept) >= self._n_networks(data.n_rows):
                self._warn_of_nothing_to_train()
                return self
            strata = self._strata(data.y)
            data, validation = self._scale_targets(data, validation, reset=is_new)
            jobs = self._jobs(data, validation, strata, self._seed)
            return self._train(jobs, kept, {"X": X, "y": y}, limit)

    def _members_to_keep(self) -> tuple[FittedNetwork, ...]:
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
        self._check_target(y)
        X = self._table(X, reset=reset)
        y = self._target_array(y)
        check_consistent_length(X, y)
        rows, weight = np.arange(len(y)), encode_weight(sample_weight, X)
        X, rows, weight = repeated(*weighted(X, rows, weight))
        if reset:
            target = self._encode_target(y, reset=True)[rows]  # a class may have no weight
        else:
            target = self._encode_target(y[rows], reset=False)
        of_rows = np.arange(len(rows))
        X, kept, weight = weighted(X, of_rows, self._row_weight(weight, y[rows]))
        target = target[kept]
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
        jobs: Jobs,
        kept: tuple[FittedNetwork, ...],
        fit_data: dict[str, Any],
        limit: TimeLimit | None,
    ) -> Self:
        """Train the networks beyond those that are kept; `fit_data` are arguments of `fit`."""
        from skmlp._training.train import train_ensemble

        judges, new = jobs.judges, jobs.networks[len(kept) :]
        n_judges = len(judges)
        epochs, name = new[0].epochs, type(self).__name__
        with progress(name, epochs, shown=bool(self.verbose)) as bars:
            # The bars show the number of epochs that the limit has decided on.
            watchers: list[Watcher] = [*([limit] if limit else []), *bars]
            watchers += ScikitLearnCallbacks.of(
                self, epochs, fit_data, partial(self._stopped, jobs, kept)
            )
            all_fitted = train_ensemble(
                [*judges, *new], watchers, compiles_first=limit is not None
            )
        judging, fitted = all_fitted[:n_judges], all_fitted[n_judges:]
        earlier, reasons = (self.histories_, self.stop_reasons_) if kept else ([], [])
        self.histories_ = [*earlier, *judged_histories(fitted, judging)]
        self.stop_reasons_ = [*reasons, *map(reason_of, fitted)]
        self._members = kept + tuple(member.to_predict() for member in fitted)
        self._learn_from_held_out(jobs, judging, n_kept=len(kept))
        self.n_iter_ = min(len(history["loss"]) for history in self.histories_)
        self.history_ = mean_history(self.histories_, self.n_iter_)
        states = [[one.training for one in several] for several in (fitted, judging)]
        warn_of_mishaps(name, *states)
        return self

    def _stopped(
        self, jobs: Jobs, kept: tuple[FittedNetwork, ...], *fitted: FittedNetwork
    ) -> dict[str, Any]:
        """Attributes of an estimator whose training has stopped with these networks."""
        stopped, n_judges = shallow_copy(self), len(jobs.judges)
        stopped._members = kept + fitted[n_judges:]
        stopped._learn_from_held_out(jobs, fitted[:n_judges], n_kept=len(kept))
        before = vars(self)
        return {name: of for name, of in vars(stopped).items() if of is not before.get(name)}

    def _learn_from_held_out(
        self, jobs: Jobs, judging: Sequence[FittedNetwork], n_kept: int
    ) -> None:
        """Calibrate by the rows that judges, or each network, held out: kept networks may have
        held out others.

        If nothing is held out, the calibration of the networks that are kept remains.
        """
        digests = digests_of_held_out(jobs.networks)
        self._held_out_rows = (*self._held_out_rows, *digests[n_kept:]) if n_kept else digests
        own = [one == other for one, other in zip(self._held_out_rows, digests, strict=True)]
        may_judge = [*map(is_sound, judging)]
        held_out = networks_by_held_out(
            [*compress(jobs.judges, may_judge), *compress(jobs.networks, own)],
            [*compress(judging, may_judge), *compress(self._members, own)],
        )
        if held_out or not n_kept:
            self._calibrate(held_out)

    def _warn_of_nothing_to_train(self) -> None:
        warn(
            f"'n_estimators' must be raised for warm_start=True to train more networks; got "
            f"{self.n_estimators!r}, and {len(self._members)} are trained already."
        )

    def _trainings(self) -> list[NetworkTraining]:
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
