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


# Under this a mass counts as nothing and is stored as 0: subnormal numbers have no precision left to keep a law with.
NEGLIGIBLE = 1e-280


def rate(half_life_s: float) -> float:
    """The decay rate of a half-life, per second: ln 2 / half-life. What remains after t seconds is exp(-rate·t)."""
    return _LN2 / half_life_s


def remaining(mass: float, elapsed_s: float, rate_per_s: float) -> float:
    """``mass`` after ``elapsed_s`` ≥ 0 seconds at :func:`rate`; 0 where it has become negligible. Never overflows."""
    left = mass * math.exp(-rate_per_s * elapsed_s)
    return left if left > NEGLIGIBLE else 0.0


def add(total: list[float], mass: float, at_s: float, rate_per_s: float) -> None:
    """Add a mass that arose at ``at_s`` to a decayed sum ``[mass, reference_s]``, in place; a late one decayed."""
    elapsed = at_s - total[1]
    if total[0] == 0.0:
        total[0], total[1] = mass, at_s
    elif elapsed >= 0.0:
        total[0] = remaining(total[0], elapsed, rate_per_s) + mass
        total[1] = at_s
    else:
        total[0] += remaining(mass, -elapsed, rate_per_s)


def merged(a: list[float], b: list[float], rate_per_s: float) -> list[float]:
    """The sum of two decayed sums ``[mass, reference_s]`` at the later reference; ``[0, …]`` is the identity."""
    if a[0] == 0.0 or b[0] == 0.0:
        return list(b if a[0] == 0.0 else a)
    if a[1] < b[1]:
        a, b = b, a
    return [a[0] + remaining(b[0], a[1] - b[1], rate_per_s), a[1]]
