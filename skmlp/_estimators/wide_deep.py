"""Inputs of the wide path and the deep path, and the auxiliary output."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from skmlp._data.arrays import encode_features, output_dtype
from skmlp._data.columns import (
    Categories,
    categories_of,
    chosen,
    chosen_pairs,
    column_pairs,
    terms,
    values,
    with_codes,
)
from skmlp._data.hashed_crosses import bucket_counts, crossed_inputs, wide_values
from skmlp._data.sparse_rows import Matrix, dense_if_full, side_by_side
from skmlp._estimators.mlp import BaseMLP
from skmlp._network.inference import predictions, raw_outputs
from skmlp._network.mlp import MLPSpec

LEARNED = ("wide_inputs_", "cross_inputs_", "hashed_crosses_", "deep_inputs_", "categories_")


class BaseWideDeep(BaseMLP):
    """Chooses the columns of both paths and describes the network."""

    wide_inputs_: np.ndarray
    cross_inputs_: np.ndarray
    hashed_crosses_: np.ndarray
    deep_inputs_: np.ndarray
    categories_: Categories

    def _encode_pairs(
        self, X: Any, y: Any, *, reset: bool, is_validation: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        categories = categories_of(X) if reset else self.categories_
        rows, y = super()._encode_pairs(
            with_codes(X, categories), y, reset=reset, is_validation=is_validation
        )
        if not is_validation:
            self._learn_inputs(X if hasattr(X, "columns") else rows, rows, categories, reset)
        return self._network_inputs(rows), y

    def _encode_features(self, X: Any) -> Matrix:
        rows = encode_features(self, with_codes(X, self.categories_))
        return self._network_inputs(dense_if_full(rows))

    def _learn_inputs(self, X: Any, rows: Any, categories: Categories, reset: bool) -> None:
        """Choose the inputs; without `reset`, refuse a choice unlike the learned one."""
        wide = chosen("wide_features", self.wide_features, X)
        deep = chosen("deep_features", self.deep_features, X)
        pairs = chosen_pairs("wide_crosses", self.wide_crosses, X)
        self._check_columns(wide, deep, pairs)
        n_categories = {
            list(X.columns).index(name): len(known) for name, known in categories.items()
        }
        wide_inputs, deep_inputs = terms(wide, n_categories), terms(deep, n_categories)
        if not self._hidden_units():
            deep_inputs = deep_inputs[:0]
        crosses = crossed_inputs(rows, pairs, n_categories, self.wide_hash_buckets)
        if reset:
            self.categories_ = categories
            self.wide_inputs_, self.deep_inputs_ = wide_inputs, deep_inputs
            self.cross_inputs_, self.hashed_crosses_ = crosses
            return
        before = self.cross_inputs_, self.hashed_crosses_
        learned = self.wide_inputs_, self.deep_inputs_, column_pairs(np.concatenate(before))
        now = wide_inputs, deep_inputs, column_pairs(np.concatenate(crosses))
        if not all(map(np.array_equal, learned, now)):
            raise ValueError(
                "'wide_features', 'deep_features' and 'wide_crosses' must pick the columns "
                "they picked before to resume training; got others; set warm_start=False to "
                "start afresh."
            )
        self._check_buckets()

    def _check_buckets(self) -> None:
        """Refuse to resume where the parameter asks for other buckets than there are."""
        n_buckets, counts = self.wide_hash_buckets, bucket_counts(self.hashed_crosses_)
        _, exact = np.unique(self.cross_inputs_[:, :, 0], axis=0, return_counts=True)
        is_exceeded = n_buckets is not None and max(exact, default=0) > n_buckets
        if is_exceeded or not {n_buckets}.issuperset(counts.tolist()):
            raise ValueError(
                "'wide_hash_buckets' must stay as it was to resume training; got "
                f"{n_buckets} for crosses of {max(*counts, *exact)} inputs; set "
                "warm_start=False to start afresh."
            )

    def _check_columns(
        self, wide: np.ndarray, deep: np.ndarray, pairs: list[np.ndarray]
    ) -> None:
        if not (wide.size or pairs):
            raise ValueError(
                "'wide_features' must pick at least one column where 'wide_crosses' gives no "
                f"pair; got {self.wide_features!r}; use an MLP estimator for no wide path."
            )
        if self._hidden_units() and not deep.size:
            raise ValueError(
                "'deep_features' must pick at least one column where there are hidden layers; "
                f"got {self.deep_features!r}; set hidden_layer_sizes=() for no deep path."
            )
        if self.aux_loss_weight and not self._hidden_units():
            raise ValueError(
                "'aux_loss_weight' must be 0 where there is no hidden layer, and so no deep "
                f"path; got {self.aux_loss_weight}."
            )

    def _network_inputs(self, rows: Any) -> Matrix:
        """Wide inputs, crosses, buckets of crosses and deep inputs, side by side."""
        wide = self.wide_inputs_, self.cross_inputs_, self.hashed_crosses_
        return side_by_side(wide_values(rows, *wide), values(rows, self.deep_inputs_))

    def _spec(self) -> MLPSpec:
        n_buckets = int(bucket_counts(self.hashed_crosses_).sum())
        return replace(
            super()._spec(),
            n_features=len(self.deep_inputs_),
            n_wide=len(self.wide_inputs_) + len(self.cross_inputs_) + n_buckets,
            has_auxiliary=self.aux_loss_weight > 0,
        )

    def _predictions_of_outputs(self, X: Any) -> list[np.ndarray]:
        """Predictions of the main and the auxiliary output, (n_samples, n_outputs) each."""
        state = self._state_or_raise()
        if not state.spec.has_auxiliary:
            raise ValueError(
                "'aux_loss_weight' must be above 0 in fit for predict_outputs, which gives the "
                f"auxiliary output too; got {self.aux_loss_weight}; use predict."
            )
        rows, dtype = self._encode_features(X), output_dtype(X)
        return [
            predictions(
                state.spec,
                raw_outputs(state.spec, state.weights, rows, dtype, auxiliary=auxiliary),
            )
            for auxiliary in (False, True)
        ]
