"""Exponential decay of sums that carry their own reference time (forward decay, Cormode et al. 2009).

A decayed sum is a pair (mass, reference_s). Reading it at time t multiplies by 2^(-(t - reference)/half_life). Two
sums with different references meet at the later one, so adding is commutative and associative up to rounding.
"""

from __future__ import annotations

import math

_LN2 = math.log(2.0)
MICROSECONDS = 1_000_000


def factor(elapsed_s: float, half_life_s: float) -> float:
    """What remains of a mass after ``elapsed_s`` seconds: 2^(-elapsed/half-life), in (0, 1] for elapsed ≥ 0."""
    return math.exp(-_LN2 * elapsed_s / half_life_s)


def seconds(time_us: int) -> float:
    """Microseconds as float seconds: exact to a microsecond until the year 2255."""
    return time_us / MICROSECONDS
