"""The jobs of an ensemble: what each network is, which rows it holds out, how it is trained."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from skmlp._data.distributions import bin_edges
from skmlp._data.encoded import EncodedData
from skmlp._data.sparse_rows import Joined, Matrix, dense
from skmlp._data.sparse_tables import SparseEncoder
from skmlp._data.tables import TableEncoder
from skmlp._engine.judging import JointMeasure
from skmlp._estimators.tabular.ensembles import (
    HOLDING_OUT,
    Ensemble,
    Ensembles,
    ensemble_for,
)
from skmlp._network.tabular import N_BINS, TabularSpec
from skmlp._parameters.rules import hidden_units
from skmlp._targets.targets import Targets
from skmlp._training.job import Job

# (training rows up to, batch size, epochs): many rows need fewer passes, each of which is long.
AUTOMATIC = (
    (1024, 64, 32),
    (8192, 128, 32),
    (30_000, 256, 20),
    (60_000, 512, 16),
    (math.inf, 512, 12),
)
# Networks of few columns learn jagged functions late, and memorise hardly any rows.
FEW_COLUMNS = 12
OF_FEW_COLUMNS = (AUTOMATIC[0], (4096, 256, 64), (8192, 256, 48), *AUTOMATIC[2:])
# The mean of more networks, trained on all rows, needs fewer.
OF_FEW_COLUMNS_WITH_JUDGES = (AUTOMATIC[0], (4096, 256, 48), (8192, 256, 32), *AUTOMATIC[2:])
# Networks in turn drop more and fewer units, since the mean of networks that differ in more
# than their seeds predicts better (Wenzel et al. 2020, https://arxiv.org/abs/2006.13570).
DROPOUT_EXPONENTS = (0.75, 1.25, 0.25, 1.75)  # of the share of units that are not dropped
MIN_ROWS = 2
BETA_2 = 0.95  # of Adam's second moment, as in RealMLP


# Adam moves all weights in each step, so those of sparse inputs in the first layer are bounded.
MAX_SPARSE_WEIGHTS = 2**22
MIN_FIRST_UNITS = 32


class Jobs(NamedTuple):
    """The jobs of an ensemble."""

    judges: list[Job]
    networks: list[Job]


class TabularJobs(Targets):
    """Makes the jobs of an ensemble from the parameters of an estimator."""

    n_estimators: int | str
    hidden_layer_sizes: Sequence[int] | str
    epochs: int | str
    learning_rate: float | str
    batch_size: int | str
    dropout: float
    weight_decay: float
    validation_fraction: float
    early_stopping: bool
    _activation: str
    _learning_rate: float
    _joint_tolerance: float
    # Networks in turn begin with frequencies of these scales, since nothing tells in advance
    # how jagged the function is; high ones identify rows, which are then memorised.
    _scales_of_few_columns: Sequence[float]
    _scales_of_many_columns: Sequence[float]
    _encoder: TableEncoder | SparseEncoder
    n_features_in_: int

    @abstractmethod
    def _loss(self) -> Any:
        """The loss of a row, by name or as a function."""

    @abstractmethod
    def _joint_losses(self, raw: Mapping[EncodedData, np.ndarray]) -> np.ndarray:
        """Losses of all rows, (n_rows,), one set after the other; each row is predicted by the
        mean of networks, whose raw outputs for a set are (networks, rows, units).
        """

    def _joint_measure(self) -> JointMeasure:
        """A new measure; networks that share the same object are judged together."""
        return JointMeasure(self._joint_losses, self._joint_tolerance)

    @property
    def _ensembles(self) -> Ensembles:
        return HOLDING_OUT

    def _ensemble(self, n_rows: int) -> Ensemble:
        n_inputs, n_sparse = self._encoder.n_inputs, self._encoder.n_sparse
        return ensemble_for(self._ensembles, n_rows, n_inputs, is_sparse=n_sparse > 0)

    def _n_networks(self, n_rows: int) -> int:
        n_networks = self.n_estimators
        return self._ensemble(n_rows).n_networks if isinstance(n_networks, str) else n_networks

    def _jobs(
        self,
        data: EncodedData,
        validation: EncodedData | None,
        strata: np.ndarray | None,
        seed: int,
    ) -> Jobs:
        """A job for each network, which does not depend on how many there are."""
        ensemble, n_networks = self._ensemble(data.n_rows), self._n_networks(data.n_rows)
        if validation is not None or not self.early_stopping:
            job = self._job(data, data.n_rows)
            if validation is not None:
                job = replace(job, validation=validation, joint_loss=self._joint_measure())
            return Jobs([], self._several(job, n_networks, seed))
        n_of_fold = min(ensemble.n_of_fold, n_networks)
        n_folds = ensemble.n_folds_of_judges or -(-n_networks // n_of_fold)
        folds = self._held_out(data, strata, seed, n_folds)
        if ensemble.n_folds_of_judges:
            return self._judged_jobs(data, folds, n_of_fold, n_networks, seed)
        job = self._job(data, data.n_rows - max(map(len, folds)))
        networks = self._holding_out(self._several(job, n_networks, seed), folds, n_of_fold)
        measures = {one.validation: self._joint_measure() for one in networks}
        return Jobs([], [replace(one, joint_loss=measures[one.validation]) for one in networks])

    def _judged_jobs(
        self,
        data: EncodedData,
        folds: Sequence[np.ndarray],
        n_of_fold: int,
        n_networks: int,
        seed: int,
    ) -> Jobs:
        """Networks trained on all rows, and judges, which choose one epoch for all."""
        job = replace(self._job(data, data.n_rows), joint_loss=self._joint_measure())
        # As many batches as the networks have, since all are trained in one stack
        judge = replace(job, rows_of_epoch=data.n_rows)
        seeds = (seed, 1)  # others than those of the networks
        judges = self._several(judge, len(folds) * n_of_fold, seeds, n_specs=n_of_fold)
        return Jobs(
            self._holding_out(judges, folds, n_of_fold),
            self._several(job, n_networks, seed),
        )

    def _several(
        self, job: Job, n: int, seed: int | tuple[int, int], n_specs: int | None = None
    ) -> list[Job]:
        """Jobs of n networks, each with a seed of its own, and with a spec that is repeated
        after `n_specs` of them, if given.
        """
        seeds = (np.random.SeedSequence(seed).generate_state(n) >> 1).tolist()
        return [
            replace(job, spec=self._spec(k % (n_specs or n), job.data.n_rows), seed=one)
            for k, one in enumerate(seeds)
        ]

    def _holding_out(
        self, jobs: Sequence[Job], folds: Sequence[np.ndarray], n_of_fold: int
    ) -> list[Job]:
        """The jobs, `n_of_fold` in a row for each of the folds, whose rows they hold out."""
        data = jobs[0].data
        n_training = data.n_rows - max(map(len, folds))  # the same number of batches for all
        held_out = [data.rows(fold) for fold in folds]
        indices = [np.setdiff1d(np.arange(data.n_rows), fold)[:n_training] for fold in folds]
        which = [k // n_of_fold % len(folds) for k in range(len(jobs))]
        return [
            replace(job, validation=held_out[fold], index=indices[fold])
            for job, fold in zip(jobs, which, strict=True)
        ]

    def _held_out(
        self, data: EncodedData, strata: np.ndarray | None, seed: int, n_wanted: int
    ) -> list[np.ndarray]:
        """Positions of the rows that are held out, each by some of the networks.

        They are at most `n_wanted` arrays, and fewer for few rows.
        """
        if data.n_rows < MIN_ROWS:
            raise ValueError(
                f"'X' must have at least {MIN_ROWS} rows of positive weight, since "
                f"some are held out; got n_samples={data.n_rows}; pass X_val and y_val, or set "
                "early_stopping=False."
            )
        n_folds = max(min(round(1 / self.validation_fraction), data.n_rows // 2), 2)
        if strata is not None and np.unique(strata, return_counts=True)[1].min() >= n_folds:
            splitter: Any = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
        else:
            splitter = KFold(n_folds, shuffle=True, random_state=seed)
        folds = (fold for _, fold in splitter.split(data.weight, strata))
        return list(islice(folds, n_wanted))

    def _job(self, data: EncodedData, n_rows: int) -> Job:
        """The job of network 0, on `n_rows` rows an epoch; others differ in a few fields."""
        from skmlp._keras.tensorflow import keras, refuse_forked_process
        from skmlp._training.first_weights import DrawnTabular

        refuse_forked_process()
        automatic = self._automatic(self._ensemble(data.n_rows))
        size, epochs = next(best for limit, *best in automatic if n_rows <= limit)
        epochs = epochs if isinstance(self.epochs, str) else self.epochs
        rate = self.learning_rate
        rate = self._learning_rate if isinstance(rate, str) else rate
        return Job(
            spec=self._spec(0, data.n_rows),
            data=data,
            validation=None,
            first=DrawnTabular(edges_of_columns(self._numeric(data.X), data.weight)),
            start=None,
            seed=0,
            epochs=epochs,
            horizon=epochs,
            batch_size=size if self.batch_size == "auto" else self.batch_size,
            callbacks=[],
            score=None,
            metrics={},
            loss=self._loss(),
            optimizer=keras.optimizers.AdamW(
                rate, beta_2=BETA_2, epsilon=1e-8, weight_decay=self.weight_decay
            ),
            learning_rate=rate,
            learning_rate_schedule="coslog4",
            fades=True,
        )

    def _automatic(self, ensemble: Ensemble) -> tuple[tuple[float, int, int], ...]:
        if not self._has_few_columns():
            return AUTOMATIC
        return OF_FEW_COLUMNS_WITH_JUDGES if ensemble.n_folds_of_judges else OF_FEW_COLUMNS

    def _has_few_columns(self) -> bool:
        return self.n_features_in_ <= FEW_COLUMNS

    def _numeric(self, rows: Matrix) -> np.ndarray:
        """The standardised inputs, (n_samples, n_numeric)."""
        start, n = self._encoder.n_sparse, self._encoder.n_numeric
        if isinstance(rows, Joined):
            return rows.columns(start, start + n) if n else np.zeros((rows.shape[0], 0))
        return dense(rows[:, start : start + n])

    def _spec(self, k: int, n_rows: int) -> TabularSpec:
        """Network k of an ensemble for so many rows."""
        sizes = self.hidden_layer_sizes
        if isinstance(sizes, str):
            units = self._ensemble(n_rows).units
            sizes = (first_units(self._encoder.n_sparse, units), units, units)
        n_outputs, output_activation = self._output_layer()
        exponent = DROPOUT_EXPONENTS[k % len(DROPOUT_EXPONENTS)]
        has_few = self._has_few_columns()
        scales = self._scales_of_few_columns if has_few else self._scales_of_many_columns
        return TabularSpec(
            n_numeric=self._encoder.n_numeric,
            n_indicators=self._encoder.n_indicators,
            n_levels=self._encoder.n_levels,
            hidden_units=hidden_units(sizes, None, None),
            activation=self._activation,
            dropout=1 - (1 - float(self.dropout)) ** exponent,
            n_outputs=n_outputs,
            output_activation=output_activation,
            target_scaling=self._target_scaling(),
            n_sparse=self._encoder.n_sparse,
            frequency_scale=scales[k % len(scales)],
        )


def first_units(n_sparse: int, units: int) -> int:
    """Units of the first hidden layer, fewer for many sparse inputs."""
    return min(units, max(MAX_SPARSE_WEIGHTS // max(n_sparse, 1), MIN_FIRST_UNITS))


def edges_of_columns(numeric: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Edges of each column's bins, (n_columns, N_BINS + 1) float32."""
    edges = [bin_edges(column, weight, N_BINS) for column in numeric.T]
    return np.array(edges, np.float32).reshape(-1, N_BINS + 1)
