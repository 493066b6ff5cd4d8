"""Rows for a user's network: arrays of several axes, and several inputs, as float32 rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from scipy import sparse

from skmlp._data.arrays import as_columns, encode_features
from skmlp._estimators.base import BaseNetwork
from skmlp._network.keras_network import KerasSpec
from skmlp._network.spec import NetworkSpec
from skmlp._sklearn import column_indices

# Outside the class: inside, type checkers would take an annotated name for a parameter.
LEARNED: tuple[str, ...] = ("X_shape_", "input_blocks_")


class KerasInputs(BaseNetwork):
    """X as rows of numbers, of which each input of the network has some columns."""

    X_shape_: tuple[int, ...]
    input_blocks_: dict[str, tuple[int, int]]  # of the arrays that X held; empty for one

    def _encode_pairs(
        self, X: Any, y: Any, *, reset: bool, is_validation: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(y, Mapping) and not sparse.issparse(y):
            raise ValueError(
                "'y' must be a list of targets, or one array with all columns; got a dict; "
                "list its values in the order of the model's outputs."
            )
        X = self._rows(X, reset=reset)
        n_rows = getattr(X, "shape", (0,))[0]
        y = columns_of_outputs(y, n_rows)
        rows, y = super()._encode_pairs(X, y, reset=reset, is_validation=is_validation)
        if reset and len(self.X_shape_) < 2:
            self.X_shape_ = rows.shape
        return rows, y

    def _encode_features(self, X: Any) -> np.ndarray | sparse.spmatrix:
        rows = encode_features(self, self._rows(X, reset=False))
        check_entries(self._state.spec, rows)
        return rows

    def _rows(self, X: Any, *, reset: bool) -> Any:
        """X with two axes: arrays for several inputs side by side, other axes flattened."""
        blocks: dict[str, tuple[int, int]] = {}
        if self.inputs is not None:
            X = {name: taken(X, columns) for name, columns in self.inputs.items()}
        if is_several(X):
            parts = self._parts(X, reset=reset)
            ends = [0, *accumulate(part.shape[1] for part in parts.values())]
            blocks = dict(zip(parts, pairwise(ends), strict=True))
            if not reset and blocks != self.input_blocks_:
                raise ValueError(
                    "'X' must hold arrays as wide as in fit for the inputs of the model; got "
                    f"{ {name: part.shape[1] for name, part in parts.items()} }; give the "
                    "arrays of fit."
                )
            X = np.hstack(list(parts.values()))
        shape = tuple(getattr(X, "shape", ()))
        has_axes = len(shape) > 2
        if reset:
            self.X_shape_, self.input_blocks_ = shape, blocks
        elif has_axes and shape[1:] != self.X_shape_[1:]:
            raise ValueError(
                f"'X' must have rows of shape {self.X_shape_[1:]}, as in fit; got {shape[1:]}; "
                "reshape X."
            )
        return flat(np.asarray(X)) if has_axes else X

    def _parts(self, X: Any, *, reset: bool) -> dict[str, np.ndarray]:
        """The arrays of the inputs, each with two axes, in the order of `fit`."""
        items = X.items() if isinstance(X, Mapping) else enumerate(X)
        parts = {str(name): flat(np.asarray(part)) for name, part in items}
        lengths = sorted({len(part) for part in parts.values()})
        if len(lengths) > 1:
            raise ValueError(
                f"'X' must hold as many rows for each input of the model; got {lengths}; give "
                "all inputs the same rows."
            )
        if reset:
            return parts
        if parts.keys() != self.input_blocks_.keys():
            raise ValueError(
                f"'X' must hold the inputs {list(self.input_blocks_)}, as in fit; got "
                f"{list(parts)}; give the inputs of fit."
            )
        return {name: parts[name] for name in self.input_blocks_}

    def _placed(self, spec: KerasSpec) -> KerasSpec:
        """The spec with the place of each input among the columns of the rows."""
        names = [entry.name for entry in spec.entries]
        widths = [entry.width for entry in spec.entries]
        blocks = self.input_blocks_
        if not blocks:
            places = list(pairwise([0, *accumulate(widths)]))
        elif blocks.keys() == set(names):
            places = [blocks[name] for name in names]
        elif list(blocks) == [str(i) for i in range(len(blocks))]:  # of a list
            places = list(blocks.values())
        else:
            naming = "X" if self.inputs is None else "inputs"
            raise ValueError(
                f"'{naming}' must name the inputs of 'model', {names}; got "
                f"{list(blocks)}; use the names of its keras.Input layers."
            )
        found = [end - start for start, end in places]
        if found != widths or sum(widths) != self.n_features_in_:
            raise ValueError(
                "'X' must have the columns that the inputs of 'model' take, "
                f"{dict(zip(names, widths, strict=True))}; got {self.n_features_in_} in all; "
                "choose other columns or widths."
            )
        entries = zip(spec.entries, places, strict=True)
        placed = tuple(replace(entry, start=start) for entry, (start, _) in entries)
        return replace(spec, entries=placed)


def check_entries(spec: NetworkSpec, rows: Any) -> None:
    """Refuse rows that an input of the network does not take."""
    assert isinstance(spec, KerasSpec)
    for entry in spec.entries:
        entry.check(rows)


def flat(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1)


def is_several(X: Any) -> bool:
    """Whether X is a dict or list of arrays, one for each input."""
    if isinstance(X, Mapping):
        return not sparse.issparse(X)  # a dictionary of keys is a dict too
    return isinstance(X, (list, tuple)) and all(getattr(one, "ndim", 0) >= 2 for one in X)


def columns_of_outputs(y: Any, n_rows: int) -> Any:
    """A list of the targets of several outputs as columns; any other y as it is."""
    if not isinstance(y, (list, tuple)) or len(y) == n_rows:
        return y
    return as_columns(y) if {np.shape(one)[:1] for one in y} == {(n_rows,)} else y


def taken(X: Any, columns: Any) -> np.ndarray:
    """Columns of a frame or array, by name or position."""
    try:
        index = column_indices(X, columns)
    except ValueError as error:
        raise ValueError(
            f"'inputs' must hold columns of X, by name or position; got {columns!r} ({error}); "
            "correct the names."
        ) from error
    return np.asarray(X.iloc[:, index] if hasattr(X, "iloc") else np.asarray(X)[:, index])
