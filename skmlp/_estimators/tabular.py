"""Shared by the tabular estimators: an ensemble of networks on any table."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
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
from skmlp._data.table_inputs import quantiles
from skmlp._data.tables import TableEncoder
from skmlp._engine.fitted import FittedNetwork
from skmlp._network.inference import predictions, raw_outputs
from skmlp._network.parallel import in_threads
from skmlp._network.spec import TargetScaling
from skmlp._network.tabular import N_BINS, TabularSpec
from skmlp._parameters.fit_arguments import named_as_validation, one_validation_set
from skmlp._parameters.rules import hidden_units
from skmlp._sklearn import fit_context, safe_indexing
from skmlp._training.job import Job
from skmlp._training.watchers import ProgressBar

if TYPE_CHECKING:
    from typing_extensions import Self

BATCH_SIZES = ((1024, 64), (8192, 128), (30_000, 256))  # (rows up to, batch size)
LARGEST_BATCH = 512
MIN_ROWS = 2
MIN_ROWS_IN_THREADS = 512
BETA_2 = 0.95  # of Adam's second moment, as in RealMLP


class BaseTabular(BaseEstimator, ABC):
    """Fitting and prediction; subclasses define the meaning of targets and outputs."""

    _learned_privately = ("_encoder", "_members", "_range", "_scaling")
    _y_dtype: type | None = None  # None: that of y
    _activation: str
    _learning_rate: float
    _loss: str
    _members: tuple[FittedNetwork, ...]
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

    def _scale_targets(self, data: EncodedData, validation: EncodedData | None) -> Any:
        """Both with targets scaled for the network."""
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
            Validation rows, by which each network's best epoch is chosen.
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
        with all_or_nothing(self):
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
            data = self._encode(X, y, sample_weight, reset=True)
            if data.n_rows <= BATCH_SIZES[0][1]:
                data = data.merged()
            given = one_validation_set(X_val, y_val, sample_weight_val, None)
            validation = None
            if given is not None:
                with named_as_validation():
                    validation = self._encode(*given, reset=False)
                check_validation_rows(validation.n_rows, "'X_val'")
            strata = self._strata(data.y)
            data, validation = self._scale_targets(data, validation)
            return self._train(self._jobs(data, validation, strata, seed))

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
        """A job for each network."""
        seeds = (np.random.SeedSequence(seed).generate_state(self.n_estimators) >> 1).tolist()
        if validation is not None:
            job = self._job(data, validation, data.n_rows)
            return [replace(job, seed=one) for one in seeds]
        folds = self._held_out(data, strata, seed)
        n_rows = data.n_rows - max(map(len, folds))  # the same number of batches for all
        job = self._job(data, None, n_rows)
        jobs = []
        for k, one in enumerate(seeds):
            fold = folds[k % len(folds)]
            index = np.setdiff1d(np.arange(data.n_rows), fold)[:n_rows]
            jobs.append(replace(job, validation=data.rows(fold), index=index, seed=one))
        return jobs

    def _held_out(
        self, data: EncodedData, strata: np.ndarray | None, seed: int
    ) -> list[np.ndarray]:
        """Positions of the rows that each network holds out, in turn."""
        if data.n_rows < MIN_ROWS:
            raise ValueError(
                f"'X' must have at least {MIN_ROWS} different rows of positive weight, since "
                f"some are held out; got n_samples={data.n_rows}; pass X_val and y_val instead."
            )
        n_folds = max(min(round(1 / self.validation_fraction), data.n_rows // 2), 2)
        if strata is not None and np.unique(strata, return_counts=True)[1].min() >= n_folds:
            splitter: Any = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        else:
            splitter = KFold(n_folds, shuffle=True, random_state=seed)
        folds = (fold for _, fold in splitter.split(data.X, strata))
        return list(islice(folds, self.n_estimators))

    def _job(self, data: EncodedData, validation: EncodedData | None, n_rows: int) -> Job:
        """The job of all networks, each of which is trained on `n_rows` rows."""
        from skmlp._keras.tensorflow import keras, refuse_forked_process

        refuse_forked_process()
        rate = self._learning_rate if self.learning_rate == "auto" else self.learning_rate
        size = next((size for limit, size in BATCH_SIZES if n_rows <= limit), LARGEST_BATCH)
        return Job(
            spec=self._spec(),
            data=data,
            validation=validation,
            bin_edges=bin_edges(data.X[:, : self._encoder.n_numeric], data.weight),
            start=None,
            seed=0,
            epochs=self.epochs,
            horizon=self.epochs,
            batch_size=size if self.batch_size == "auto" else self.batch_size,
            callbacks=[],
            score=None,
            metrics={},
            loss=self._loss,
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

    def _train(self, jobs: Sequence[Job]) -> Self:
        from skmlp._training.train import train_ensemble

        bar = ProgressBar(type(self).__name__, self.epochs) if self.verbose else None
        with closing(bar) if bar else nullcontext():
            fitted = train_ensemble(jobs, [bar] if bar else [])
        self._members = tuple(member.at_rest() for member in fitted)
        histories = [member.training.history for member in fitted]
        self.n_iter_ = min(member.training.epochs for member in fitted)
        self.history_ = {
            name: np.mean(
                [history[name][: self.n_iter_] for history in histories], axis=0
            ).tolist()
            for name in histories[0]
        }
        self._warn_of_mishaps(fitted)
        return self

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

    def _predictions(self, X: Any) -> np.ndarray:
        """Predictions of each network, (n_estimators, n_samples, n_outputs)."""
        check_is_fitted(self, "_members")
        rows = self._encode_features(X)

        def of_member(member: FittedNetwork) -> np.ndarray:
            raw = raw_outputs(member.spec, member.weights, rows, np.float32)
            return predictions(member.spec, raw.astype(float))  # targets may be far from 0

        apply = in_threads if len(rows) >= MIN_ROWS_IN_THREADS else map
        return np.array(list(apply(of_member, self._members)))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_members")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def bin_edges(numeric: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Quantiles of each column, (n_columns, N_BINS + 1) float32."""
    shares = np.linspace(0, 1, N_BINS + 1)
    edges = [quantiles(column, weight, shares) for column in numeric.T]
    return np.array(edges, np.float32).reshape(-1, N_BINS + 1)
