"""Shared by the tabular estimators: an ensemble of networks on any table."""

from __future__ import annotations

import math
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import (
    Tags,
    check_array,
    check_consistent_length,
    check_random_state,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from skmlp._checkpoints.learned import all_or_nothing
from skmlp._data.arrays import check_total_weight, check_validation_rows, encode_weight
from skmlp._data.encoded import EncodedData
from skmlp._data.table_columns import as_table
from skmlp._data.table_inputs import bin_edges
from skmlp._data.tables import TableEncoder
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.tabular_model import TabularModel
from skmlp._network.inference import predictions, raw_outputs
from skmlp._network.spec import TargetScaling
from skmlp._network.tabular import N_BINS, TabularSpec
from skmlp._parameters.fit_arguments import named_as_validation, one_validation_set
from skmlp._parameters.rules import hidden_units
from skmlp._sklearn import CallbackSupportMixin, fit_context, safe_indexing
from skmlp._training.job import Job
from skmlp._training.time_limit import TimeLimit
from skmlp._training.watchers import EpochWatcher, ProgressBar, ScikitLearnCallbacks

if TYPE_CHECKING:
    from typing_extensions import Self

# (training rows up to, batch size, epochs): many rows need fewer passes, each of which is long.
AUTOMATIC = ((1024, 64, 32), (8192, 128, 32), (30_000, 256, 20), (math.inf, 512, 16))
SMALL = 64  # rows up to which equal ones are merged, and all make one batch
# Networks in turn drop more and fewer units, since the mean of networks that differ in more
# than their seeds predicts better (Wenzel et al. 2020, https://arxiv.org/abs/2006.13570).
DROPOUT_EXPONENTS = (0.75, 1.25, 0.25, 1.75)  # of the share of units that are not dropped
MIN_ROWS = 2
# Networks that hold out the same rows. Their mean is judged, since it predicts best when each
# of them has trained for longer than is best for itself.
NETWORKS_OF_FOLD = 4
BETA_2 = 0.95  # of Adam's second moment, as in RealMLP

HeldOut = Mapping[EncodedData, Sequence[int]]  # positions of networks


class BaseTabular(CallbackSupportMixin, TabularModel, BaseEstimator):
    """Fitting and prediction; subclasses define the meaning of targets and outputs."""

    _learned_privately = ("_encoder", "_members", "_quantiles", "_range", "_scaling", "_seed")
    _y_dtype: type | None = None  # None: that of y
    _activation: str
    _learning_rate: float
    _members: tuple[FittedNetwork, ...]
    _seed: int
    history_: dict[str, list[float]]
    n_iter_: int
    n_outputs_: int

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
    def _output_layer(self) -> tuple[int, str]:
        """Units and activation of the output layer."""

    @abstractmethod
    def _loss(self) -> Any:
        """The loss of a row, by name or as a function."""

    @abstractmethod
    def _joint_loss(self, rows: EncodedData, raw: np.ndarray) -> float:
        """Loss of the mean of networks, given their raw outputs (networks, rows, units)."""

    @abstractmethod
    def _calibrate(self, held_out: HeldOut) -> None:
        """Learn from held-out rows, if any, each predicted by the networks that held it out."""

    def _scale_targets(
        self, data: EncodedData, validation: EncodedData | None, *, reset: bool
    ) -> Any:
        """Both with targets scaled for the network; with `reset`, learn the scale."""
        return data, validation

    def _target_scaling(self) -> TargetScaling | None:
        return None

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
        X : DataFrame or array-like of shape (n_samples, n_features)
            Training rows: numbers, booleans, categories, text labels and dates, with missing
            values anywhere.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets: numbers for a regressor; labels of any type, or a binary indicator
            matrix for several labels at once, for a classifier.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row, not negative.
        X_val : DataFrame or array-like of shape (n_val, n_features), default=None
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
            if len(kept) == self.n_estimators:
                self._warn_of_nothing_to_train()
                return self
            strata = self._strata(data.y)
            data, validation = self._scale_targets(data, validation, reset=is_new)
            jobs = self._jobs(data, validation, strata, self._seed)[len(kept) :]
            return self._train(jobs, kept, {"X": X, "y": y}, limit)

    def _kept(self) -> tuple[FittedNetwork, ...]:
        """The networks that a warm start keeps."""
        kept = self._members if self.warm_start and self.__sklearn_is_fitted__() else ()
        if len(kept) > self.n_estimators:
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
        self._check_table(X, reset=reset)
        y = check_array(y, ensure_2d=False, dtype=self._y_dtype, input_name="y", estimator=self)
        X = as_table(X)
        check_consistent_length(X, y)
        weight = self._row_weight(encode_weight(sample_weight, X), y)
        check_total_weight(weight)
        if (weight == 0).any():
            kept = np.flatnonzero(weight)
            X, y, weight = safe_indexing(X, kept), y[kept], weight[kept]
        target = self._encode_target(y, reset=reset)
        if reset:
            self._encoder = TableEncoder.learn(X, self.categorical_features, weight)
            if not self._encoder.n_inputs:
                raise ValueError(
                    "'X' must have a column of numbers or of several categories; got "
                    f"{self.n_features_in_} of one category each."
                )
        return EncodedData(self._encoder.encode(X), target, weight)

    def _encode_features(self, X: Any) -> np.ndarray:
        self._check_table(X, reset=False)
        return self._encoder.encode(X)

    def _check_table(self, X: Any, *, reset: bool) -> None:
        if hasattr(X, "columns"):
            if not X.shape[0]:
                raise ValueError("'X' must have at least one row; got 0 sample(s).")
            validate_data(self, X, reset=reset, skip_check_array=True)
        else:
            validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)

    def _jobs(
        self,
        data: EncodedData,
        validation: EncodedData | None,
        strata: np.ndarray | None,
        seed: int,
    ) -> list[Job]:
        """A job for each network, which does not depend on how many there are."""
        seeds = (np.random.SeedSequence(seed).generate_state(self.n_estimators) >> 1).tolist()
        if validation is not None or not self.early_stopping:
            job = self._job(data, validation, data.n_rows)
            return [self._of_network(k, job, seed=one) for k, one in enumerate(seeds)]
        folds = self._held_out(data, strata, seed)
        held_out = [data.rows(fold) for fold in folds]
        n_rows = data.n_rows - max(map(len, folds))  # the same number of batches for all
        job = self._job(data, None, n_rows)
        jobs = []
        for k, one in enumerate(seeds):
            fold = k // NETWORKS_OF_FOLD % len(folds)
            index = np.setdiff1d(np.arange(data.n_rows), folds[fold])[:n_rows]
            own = self._of_network(k, job, seed=one, validation=held_out[fold], index=index)
            jobs.append(own)
        return jobs

    def _of_network(self, k: int, job: Job, **own: Any) -> Job:
        """The job of network k, given that of all and its own settings."""
        exponent = DROPOUT_EXPONENTS[k % len(DROPOUT_EXPONENTS)]
        spec = replace(self._spec(), dropout=1 - (1 - float(self.dropout)) ** exponent)
        return replace(job, spec=spec, **own)

    def _held_out(
        self, data: EncodedData, strata: np.ndarray | None, seed: int
    ) -> list[np.ndarray]:
        """Positions of the rows that are held out, each by some of the networks."""
        if data.n_rows < MIN_ROWS:
            raise ValueError(
                f"'X' must have at least {MIN_ROWS} different rows of positive weight, since "
                f"some are held out; got n_samples={data.n_rows}; pass X_val and y_val, or set "
                "early_stopping=False."
            )
        n_folds = max(min(round(1 / self.validation_fraction), data.n_rows // 2), 2)
        if strata is not None and np.unique(strata, return_counts=True)[1].min() >= n_folds:
            splitter: Any = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        else:
            splitter = KFold(n_folds, shuffle=True, random_state=seed)
        folds = (fold for _, fold in splitter.split(data.X, strata))
        return list(islice(folds, -(-self.n_estimators // NETWORKS_OF_FOLD)))

    def _job(self, data: EncodedData, validation: EncodedData | None, n_rows: int) -> Job:
        """The job of all networks, each of which is trained on `n_rows` rows."""
        from skmlp._keras.tensorflow import keras, refuse_forked_process

        refuse_forked_process()
        rate = self._learning_rate if self.learning_rate == "auto" else self.learning_rate
        size, epochs = next(best for limit, *best in AUTOMATIC if n_rows <= limit)
        epochs = epochs if self.epochs == "auto" else self.epochs
        return Job(
            spec=self._spec(),
            data=data,
            validation=validation,
            bin_edges=edges_of_columns(data.X[:, : self._encoder.n_numeric], data.weight),
            start=None,
            seed=0,
            epochs=epochs,
            horizon=epochs,
            batch_size=size if self.batch_size == "auto" else self.batch_size,
            callbacks=[],
            score=None,
            joint_score=lambda rows, raw: -self._joint_loss(rows, raw),
            metrics={},
            loss=self._loss(),
            optimizer=keras.optimizers.AdamW(
                rate, beta_2=BETA_2, epsilon=1e-8, weight_decay=self.weight_decay
            ),
            learning_rate=rate,
            learning_rate_schedule="coslog4",
            fades=True,
        )

    def _spec(self) -> TabularSpec:
        """The network of a member."""
        n_outputs, output_activation = self._output_layer()
        return TabularSpec(
            n_numeric=self._encoder.n_numeric,
            n_indicators=self._encoder.n_indicators,
            n_levels=self._encoder.n_levels,
            hidden_units=hidden_units(self.hidden_layer_sizes, None, None),
            activation=self._activation,
            dropout=float(self.dropout),
            n_outputs=n_outputs,
            output_activation=output_activation,
            target_scaling=self._target_scaling(),
        )

    def _train(
        self,
        jobs: Sequence[Job],
        kept: tuple[FittedNetwork, ...],
        given: dict[str, Any],
        limit: TimeLimit | None,
    ) -> Self:
        """Train networks beside those that are kept; `given` are the arguments of `fit`."""
        from skmlp._training.train import train_ensemble

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
        histories = [member.training.history for member in fitted]
        if kept:
            histories += [self.history_] * len(kept)
        self._members = kept + tuple(member.at_rest() for member in fitted)
        self._calibrate(networks_by_held_out(jobs, first=len(kept)))
        self.n_iter_ = min(len(history["loss"]) for history in histories)
        self.history_ = {
            name: np.mean(
                [history[name][: self.n_iter_] for history in histories], axis=0
            ).tolist()
            for name in histories[0]
            if all(name in history for history in histories)
        }
        self._warn_of_mishaps(fitted)
        return self

    def _warn_of_nothing_to_train(self) -> None:
        warnings.warn(
            f"'n_estimators' must be raised for warm_start=True to train more networks; got "
            f"{self.n_estimators}, which {type(self).__name__} has already.",
            UserWarning,
            stacklevel=4,
        )

    def _warn_of_mishaps(self, fitted: Sequence[FittedNetwork]) -> None:
        reasons = [member.training.reason for member in fitted]
        mishaps = [reason for reason in reasons if reason is not None and reason.is_mishap]
        if mishaps:
            warnings.warn(
                f"{len(mishaps)} of the {len(fitted)} networks of {type(self).__name__} "
                f"stopped early and keep their best finite weights. {mishaps[0].value}",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _raw_outputs(self, members: Sequence[FittedNetwork], rows: np.ndarray) -> np.ndarray:
        """Raw outputs of networks for encoded rows, (n_members, n_samples, n_units).

        They are float64, since targets may be far from 0.
        """
        outputs = [raw_outputs(m.spec, m.weights, rows, np.float32) for m in members]
        return np.array(outputs, dtype=np.float64)

    def _held_out_outputs(self, held_out: HeldOut) -> list[np.ndarray]:
        """For each set of rows the raw outputs of the networks that held it out."""
        return [
            self._raw_outputs([self._members[i] for i in positions], rows.X)
            for rows, positions in held_out.items()
        ]

    def _predictions(self, X: Any) -> np.ndarray:
        """Predictions of each network, (n_estimators, n_samples, n_units) float64."""
        check_is_fitted(self, "_members")
        return self._activated(self._raw_outputs(self._members, self._encode_features(X)))

    def _activated(self, raw: np.ndarray) -> np.ndarray:
        """Predictions of networks from their raw outputs, which may be overwritten."""
        return predictions(self._members[0].spec, raw)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_members")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def networks_by_held_out(jobs: Sequence[Job], first: int = 0) -> HeldOut:
    """Positions of the networks, from `first` on, that held out each set of rows."""
    found: dict[EncodedData, list[int]] = {}
    for i, job in enumerate(jobs, first):
        if job.validation is not None:
            found.setdefault(job.validation, []).append(i)
    return found


def edges_of_columns(numeric: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Edges of each column's bins, (n_columns, N_BINS + 1) float32."""
    edges = [bin_edges(column, weight, N_BINS) for column in numeric.T]
    return np.array(edges, np.float32).reshape(-1, N_BINS + 1)
