"""Ranges of numbers that the rules of several parameters share."""

from __future__ import annotations

from numbers import Integral, Real

from skmlp._sklearn import Interval

COUNT = Interval(Integral, 1, None, closed="left")
COUNT_OR_ZERO = Interval(Integral, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="left")  # 0 switches a feature off
UP_TO_HALF = Interval(Real, 0, 0.5, closed="right")
INSIDE_0_1 = Interval(Real, 0, 1, closed="neither")
