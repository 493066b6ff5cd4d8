"""How many rows shapes are made for, so that data sets of nearly one size share programs."""

from __future__ import annotations

MIN_CAPACITY = 512  # rows; padding so few costs next to nothing, and small data sets share
LARGE = 32_768  # rows; above, programs leave less room


def capacity_for(n_rows: int) -> int:
    """Rows that a new program takes: twice `n_rows`, or 1.125 times above 32,768."""
    spare = n_rows if n_rows <= LARGE else n_rows // 8
    return max(n_rows + spare + 1, MIN_CAPACITY)


def rounded_up(n_rows: int) -> int:
    """The next number of at most four binary digits and zeros: at most an eighth more.

    It depends on the number of rows alone, so that results never depend on what ran before.
    """
    step = 1 << max(n_rows.bit_length() - 4, 0)
    return -(-n_rows // step) * step
