"""Rows for a user's network: arrays of several axes, and several inputs, as float32 rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from scipy import sparse

from skmlp._data.arrays import as_columns, encode_features
from skmlp._data.columns import column_positions
from skmlp._estimators.base import BaseNetwork
from skmlp._network.keras_network import KerasSpec
from skmlp._network.spec import NetworkSpec

# Outside the class: inside, type checkers would take an annotated name for a parameter.
LEARNED: tuple[str, ...] = ("X_shape_", "input_blocks_", "input_columns_")


class KerasInputs(BaseNetwork):
    """X as rows of numbers, of which each input of the network has some columns."""

    X_shape_: tuple[int, ...]
    input_blocks_: dict[str, tuple[int, int]]  # of the arrays that X held; empty for one
    input_columns_: dict[str, list[int]]  # by the parameter `inputs`; empty without it

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
        if not is_validation:
            self._learn_columns(X if hasattr(X, "columns") else rows, reset=reset)
        return self._network_inputs(rows), y

    def _encode_features(self, X: Any) -> np.ndarray | sparse.spmatrix:
        rows = self._network_inputs(encode_features(self, self._rows(X, reset=False)))
        check_entries(self._state.spec, rows)
        return rows

    def _learn_columns(self, X: Any, *, reset: bool) -> None:
        """Choose the columns of the inputs; without `reset`, refuse a choice unlike fit's."""
        chosen = (self.inputs or {}).items()
        columns = {name: column_positions("inputs", of, X).tolist() for name, of in chosen}
        if reset:
            self.input_columns_ = columns
        elif columns != self.input_columns_:
            raise ValueError(
                f"'inputs' must choose the columns of fit, {self.input_columns_}, to resume "
                f"training; got {columns}; fit afresh, or set it back."
            )

    @property
    def _chosen_columns(self) -> list[int]:
        """Positions of the columns that `inputs` chooses, input by input; empty without it."""
        return [column for of in self.input_columns_.values() for column in of]

    def _network_inputs(self, rows: Any) -> Any:
        """Of rows of X, the columns that the network takes."""
        return rows[:, self._chosen_columns] if self.input_columns_ else rows

    def _rows(self, X: Any, *, reset: bool) -> Any:
        """X with two axes: arrays for several inputs side by side, other axes flattened."""
        blocks: dict[str, tuple[int, int]] = {}
        if is_several(X):
            parts = self._parts(X, reset=reset)
            widths = {name: part.shape[1] for name, part in parts.items()}
            blocks = dict(zip(widths, spans(widths.values()), strict=True))
            if not reset and blocks != self.input_blocks_:
                raise ValueError(
                    "'X' must hold arrays as wide as in fit for the inputs of the model; got "
                    f"{widths}; give the arrays of fit."
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
        parts = {str(name): _flat_part(name, part) for name, part in items}
        if not parts:
            raise ValueError(
                "'X' must hold an array for each input of the model; got an empty "
                f"{type(X).__name__}."
            )
        lengths = sorted({len(part) for part in parts.values()})
        if len(lengths) > 1:
            raise ValueError(
                f"'X' must hold as many rows for each input of the model; got {lengths}; give "
                "all inputs the same rows."
            )
        if reset:
            return parts
        if not self.input_blocks_:
            raise ValueError(
                f"'X' must be one array, as in fit; got a {type(X).__name__} of {len(parts)}; "
                f"put their columns side by side, or give fit a {type(X).__name__} too."
            )
        if parts.keys() != self.input_blocks_.keys():
            raise ValueError(
                f"'X' must hold the inputs {list(self.input_blocks_)}, as in fit; got "
                f"{list(parts)}; give a dict or list as in fit."
            )
        return {name: parts[name] for name in self.input_blocks_}

    def _placed(self, spec: KerasSpec) -> KerasSpec:
        """The spec with the place of each input among the columns of the rows."""
        names = [entry.name for entry in spec.entries]
        widths = [entry.width for entry in spec.entries]
        blocks, n_inputs = self.input_blocks_, self.n_features_in_
        naming = "inputs" if self.input_columns_ else "X"
        if self.input_columns_:
            of_inputs = spans(map(len, self.input_columns_.values()))
            blocks = dict(zip(self.input_columns_, of_inputs, strict=True))
            n_inputs = len(self._chosen_columns)
        if not blocks:
            places = spans(widths)
        elif blocks.keys() == set(names):
            places = [blocks[name] for name in names]
        elif list(blocks) == [str(i) for i in range(len(blocks))]:  # of a list
            places = list(blocks.values())
        else:
            raise ValueError(
                f"'{naming}' must name the inputs of 'model', {names}; got "
                f"{list(blocks)}; use the names of its keras.Input layers."
            )
        found = [end - start for start, end in places]
        if found != widths or sum(widths) != n_inputs:
            raise ValueError(
                "'X' must have the columns that the inputs of 'model' take, "
                f"{dict(zip(names, widths, strict=True))}; got {n_inputs} in all; "
                "choose other columns or widths."
            )
        refuse_counted_names(naming, blocks)
        entries = zip(spec.entries, places, strict=True)
        placed = tuple(replace(entry, start=start) for entry, (start, _) in entries)
        return replace(spec, entries=placed)


def refuse_counted_names(naming: str, names: Iterable[str]) -> None:
    """Refuse names of several inputs that may be those of others in a model built anew."""
    counted = [name for name in names if re.fullmatch(r"input_layer(_\d+)?", name)]
    if len(counted) > 1:
        raise ValueError(
            f"'{naming}' must not use names of inputs that Keras counts in a process; got "
            f"{counted}; give each keras.Input a name of its own."
        )


def check_entries(spec: NetworkSpec, rows: Any) -> None:
    """Refuse rows that an input of the network does not take."""
    assert isinstance(spec, KerasSpec)
    for entry in spec.entries:
        entry.check(rows)


def flat(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), int(np.prod(X.shape[1:])))  # -1 fails for no rows


def _flat_part(name: Any, part: Any) -> np.ndarray:
    if sparse.issparse(part) or not np.ndim(part):
        raise ValueError(
            f"'X' must hold dense arrays with a row for each sample; got {type(part).__name__} "
            f"for input {name!r}; call its toarray(), or give all inputs as one sparse X."
        )
    return flat(np.asarray(part))


def is_several(X: Any) -> bool:
    """Whether X is a dict or list of arrays, one for each input."""
    if isinstance(X, Mapping):
        return not sparse.issparse(X)  # a dictionary of keys is a dict too
    is_list = isinstance(X, (list, tuple)) and len(X) > 0
    return is_list and all(getattr(one, "ndim", 0) >= 2 for one in X)


def columns_of_outputs(y: Any, n_rows: int) -> Any:
    """A list of the targets of several outputs as columns; any other y as it is."""
    if not isinstance(y, (list, tuple)) or len(y) == n_rows:
        return y
    return as_columns(y) if {np.shape(one)[:1] for one in y} == {(n_rows,)} else y


def spans(widths: Iterable[int]) -> list[tuple[int, int]]:
    """First and last column (exclusive) of blocks of these widths, side by side."""
    return list(pairwise([0, *accumulate(widths)]))
