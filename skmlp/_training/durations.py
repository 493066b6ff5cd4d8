"""Estimates of how long compiling and training take, measured on two cores.

The machine's load never enters, nor what ran before: results must not depend on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

# Seconds (alone, in a stack)
COMPILING = 1.0, 1.5  # of a program
STEP = 25e-6, 5e-6  # of a network, besides its products
WEIGHT_AND_ROW = 0.5e-9  # of products, for each weight and row, in both


def seconds_of(
    epochs: Iterable[tuple[int, int, int]], n_weights: int, *, in_stack: bool
) -> float:
    """Seconds to train networks of so many weights, each for (epochs, batches, rows)."""
    each = list(epochs)
    n_steps = sum(n * batches for n, batches, _ in each)
    n_rows = sum(n * rows for n, _, rows in each)
    return n_steps * STEP[in_stack] + n_rows * n_weights * WEIGHT_AND_ROW


def parts_of(seconds: float, seconds_of_thread: float) -> int:
    """Number of threads to split fits of one program over, if they take `seconds` in all,
    compilation included, and each thread has work for `seconds_of_thread`.

    Each part compiles a program of its own, which it has to repay.
    """
    n_parts = max(1, ceil(seconds / seconds_of_thread)) if seconds_of_thread else 1
    training = seconds - COMPILING[True]
    return n_parts if training - training / n_parts >= COMPILING[True] else 1
