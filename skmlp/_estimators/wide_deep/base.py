"""Shared by the wide & deep estimators: inputs of both paths, and the auxiliary output."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._data.arrays import encode_features, output_dtype
from skmlp._data.categories import Categories, categories_of, with_codes
from skmlp._data.columns import (
    chosen,
    chosen_pairs,
    column_pairs,
    narrow,
    terms,
    values,
)
from skmlp._data.hashed_crosses import bucket_counts, crossed_inputs, wide_values
from skmlp._data.sparse_rows import Matrix, dense_if_full, side_by_side
from skmlp._data.table_columns import frame_of
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.mlp.base import BaseMLP
from skmlp._network.inference import predictions, raw_outputs
from skmlp._network.mlp import MLPSpec

if TYPE_CHECKING:
    from typing_extensions import Self

LEARNED = ("wide_inputs_", "cross_inputs_", "hashed_crosses_", "deep_inputs_", "categories_")


class BaseWideDeep(BaseMLP):
    """Chooses the columns of both paths and describes the network."""

    wide_inputs_: np.ndarray
    cross_inputs_: np.ndarray
    hashed_crosses_: np.ndarray
    deep_inputs_: np.ndarray
    categories_: Categories
    _is_pruned = False
    _of_shapes = f"{BaseMLP._of_shapes}, and whether 'aux_loss_weight' is 0,"
    _learned_privately = ("_state", "_is_pruned")

    def prune(self) -> Self:
        """Keep only what predictions need: wide inputs that have weights, no optimizer state.

        Inputs with only zero weights leave `wide_inputs_` and `cross_inputs_`, and their
        weights leave `coefs_` and exported models. `wide_optimizer="ftrl"` with an l1 penalty
        leaves many such zeros. Predictions stay the same up to rounding.

        Buckets of hashed crosses stay, since a hash finds them. The wide path keeps at least
        one input. `fit` trains afresh, but training cannot resume: for `partial_fit` or
        `warm_start`, keep a copy.

        Returns
        -------
        self : object
            The smaller estimator.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        state = self._state_or_raise()
        spec, names = state.spec, [layer.name for layer in state.spec.layers()]
        assert isinstance(spec, MLPSpec)
        kernel, *bias = state.weights[names.index("output")]
        wide, deep = np.split(kernel, [spec.n_wide])
        n_indicators = len(self.wide_inputs_)
        n_inputs = n_indicators + len(self.cross_inputs_)
        is_kept = np.count_nonzero(wide, axis=1) > 0
        is_kept[n_inputs:] = True
        is_kept[:1] |= not is_kept.any()
        by_name = dict(zip(names, state.weights, strict=True))
        by_name["output"] = np.vstack([wide[is_kept], deep]), *bias
        smaller = replace(spec, n_wide=int(is_kept.sum()))
        # Copies: the weights of a fit are views of all its numbers.
        weights = tuple(tuple(map(np.array, arrays)) for arrays in by_name.values())
        self._state = FittedNetwork(smaller, weights, state.training).to_predict()
        self.wide_inputs_ = self.wide_inputs_[is_kept[:n_indicators]]
        self.cross_inputs_ = self.cross_inputs_[is_kept[n_indicators:n_inputs]]
        self._is_pruned = True
        return self

    def _encode_pairs(
        self, X: Any, y: Any, *, reset: bool, is_validation: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        if not (reset or is_validation):
            self._check_resumable()
        X = frame_of(X)
        categories = categories_of(X) if reset else self.categories_
        rows, y = super()._encode_pairs(
            with_codes(X, categories), y, reset=reset, is_validation=is_validation
        )
        if not is_validation:
            self._learn_inputs(X if hasattr(X, "columns") else rows, rows, categories, reset)
        return self._network_inputs(rows), y

    def _check_resumable(self) -> None:
        """Refuse to resume training after `prune`."""
        if self._is_pruned:
            raise ValueError(
                "'warm_start' must be False, and partial_fit cannot resume training, after "
                "prune, which leaves out inputs and the optimizer's state; got a smaller "
                "estimator; resume a copy made before prune, or fit afresh."
            )

    def _encode_features(self, X: Any) -> Matrix:
        rows = encode_features(self, with_codes(frame_of(X), self.categories_))
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
        if not reset:
            is_same = (
                np.array_equal(wide_inputs, self.wide_inputs_)
                and np.array_equal(deep_inputs, self.deep_inputs_)
                and self._are_learned(pairs, rows, n_categories)
            )
            if not is_same:
                raise ValueError(
                    "'wide_features', 'deep_features' and 'wide_crosses' must pick the columns "
                    "they picked before to resume training; got others; set warm_start=False "
                    "to start afresh."
                )
            self._check_buckets()
            return
        crosses = crossed_inputs(rows, pairs, n_categories, self.wide_hash_buckets)
        if not any(map(len, (wide_inputs, deep_inputs, *crosses))):
            raise ValueError(
                "'X' must have a number or a category in the columns that 'wide_features', "
                "'deep_features' and 'wide_crosses' pick; got none; pick others."
            )
        self.categories_ = categories
        self.wide_inputs_, self.deep_inputs_ = narrow(wide_inputs), narrow(deep_inputs)
        self.cross_inputs_, self.hashed_crosses_ = narrow(crosses[0]), crosses[1]
        self.__dict__.pop("_is_pruned", None)

    def _are_learned(
        self, pairs: list[np.ndarray], rows: Any, n_categories: dict[int, int]
    ) -> bool:
        """Whether these pairs are crossed, but for those that have no cross in the rows.

        A pair whose categories never met in `fit` has no inputs.
        """
        crosses = np.concatenate([self.cross_inputs_, self.hashed_crosses_])
        learned = column_pairs(crosses).tolist()
        unknown = [pair for pair in pairs if pair.tolist() not in learned]
        has_all = len(pairs) - len(unknown) == len(learned)
        return has_all and not len(crossed_inputs(rows, unknown, n_categories, None)[0])

    def _check_buckets(self) -> None:
        """Refuse to resume where the parameter asks for other buckets than there are."""
        n_buckets, counts = self.wide_hash_buckets, bucket_counts(self.hashed_crosses_)
        _, exact = np.unique(self.cross_inputs_[:, :, 0], axis=0, return_counts=True)
        is_exceeded = n_buckets is not None and max(exact, default=0) > n_buckets
        if is_exceeded or not {n_buckets}.issuperset(counts.tolist()):
            raise ValueError(
                "'wide_hash_buckets' must stay as it was to resume training; got "
                f"{n_buckets} for crosses of {max([*counts, *exact])} inputs; set "
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
