"""Columns on their way through a pipeline: raw ones, and those that its steps make.

A step is first checked: it takes columns and returns columns. Tensors are made when all steps
have been, so that a pipeline with an unknown step is refused before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from skmlp._keras.tensorflow import keras

ops = keras.ops
NUMBERS = "numbers"
TEXT = "text"
Tensor = Any  # of Keras, symbolic


@dataclass(eq=False)
class Block:
    """Numbers side by side, (n_samples, width) float32."""

    width: int
    make: Callable[[], Tensor]

    @cached_property
    def tensor(self) -> Tensor:
        return self.make()

    def take(self, positions: Sequence[int]) -> Tensor:
        """Some of the columns, (n_samples, n_positions)."""
        start, n = positions[0], len(positions)
        if list(positions) != list(range(start, start + n)):
            return ops.take(self.tensor, np.array(positions), axis=1)
        return self.tensor if n == self.width else self.tensor[:, start : start + n]

    def columns(self) -> list[Column]:
        return [Column(self, i) for i in range(self.width)]


class RawBlock(Block):
    """The columns that the pipeline was fitted on: a matrix of numbers, or an input each."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(len(names), lambda: self.inputs)
        self.names = names
        self.kinds: dict[int, str] = {}  # of the columns that are used

    def use(self, position: int, kind: str, step: str) -> None:
        """Note that a step takes a column as numbers or as text."""
        known = self.kinds.setdefault(position, kind)
        if known != kind:
            raise ValueError(
                "'estimator' must take each column either as numbers or as text; got column "
                f"{self.names[position]!r} as {known} and in {step} as {kind}; give one of the "
                "steps a copy of the column."
            )

    @property
    def is_matrix(self) -> bool:
        return [self.kinds.get(i) for i in range(self.width)] == [NUMBERS] * self.width

    @cached_property
    def inputs(self) -> Any:
        if self.is_matrix:
            return keras.Input((self.width,), name="X")
        dtypes = {NUMBERS: "float32", TEXT: "string"}
        return {
            name: keras.Input((1,), name=name, dtype=dtypes[self.kinds[i]])
            for i, name in enumerate(input_names(self.names))
            if i in self.kinds
        }

    def take(self, positions: Sequence[int]) -> Tensor:
        if self.is_matrix:
            return super().take(positions)
        names = input_names(self.names)
        return side_by_side([self.inputs[names[i]] for i in positions])


class Column(NamedTuple):
    """A column of a block; `filler` takes the place of a missing text."""

    block: Block
    position: int
    filler: str | None = None

    def use(self, kind: str, step: str) -> None:
        """Refuse a column that does not hold numbers, or text."""
        if isinstance(self.block, RawBlock):
            self.block.use(self.position, kind, step)
        elif kind == TEXT:
            raise ValueError(
                "'estimator' must encode text that is a raw column; got text in "
                f"{step}, of numbers that a step before it makes; swap the steps."
            )

    @property
    def tensor(self) -> Tensor:
        """(n_samples, 1), float32 or string."""
        return self.block.take([self.position])


def numbers(columns: Sequence[Column], step: str) -> Callable[[], Tensor]:
    """A function that makes one matrix of columns of numbers."""
    for column in columns:
        column.use(NUMBERS, step)

    def make() -> Tensor:
        groups = groupby(columns, lambda column: id(column.block))
        parts = [list(group) for _, group in groups]
        return side_by_side(
            [part[0].block.take([column.position for column in part]) for part in parts]
        )

    return make


def side_by_side(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else ops.concatenate(tensors, axis=1)


def input_names(names: Sequence[str]) -> list[str]:
    """Names of columns as TensorFlow takes them for inputs, each its own."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_.]", "_", str(name))
        plain = plain if plain[:1].isalnum() else f"x{plain}"
        candidate, n = plain, len(found)
        while candidate in found:
            candidate, n = f"{plain}_{n}", n + 1
        found.append(candidate)
    return found
