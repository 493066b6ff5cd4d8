"""Estimates of how long compiling and training take, measured on two cores.

The machine's load never enters, nor what ran before: results must not depend on them.
"""

from __future__ import annotations

from collections.abc import Iterable

# Seconds, (alone, in a stack): of compiling a program; of a network's step, apart from its
# products. Then of a product, for each weight and row.
COMPILING = 1.0, 1.5
STEP = 25e-6, 5e-6
WEIGHT_AND_ROW = 0.5e-9


def seconds_of(
    epochs: Iterable[tuple[int, int, int]], n_weights: int, *, in_stack: bool
) -> float:
    """Seconds to train networks of so many weights, each for (epochs, batches, rows)."""
    each = list(epochs)
    n_steps = sum(n * batches for n, batches, _ in each)
    n_rows = sum(n * rows for n, _, rows in each)
    return n_steps * STEP[in_stack] + n_rows * n_weights * WEIGHT_AND_ROW
