"""Intervals: for shares, means, paired differences, any statistic by bootstrap, and at any time one cares to look.

Every function returns an :class:`Interval`, or None where nothing can be estimated (too few observations): that is a
result of its own and never an interval of width 0 or infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.draws import integers, word

_NORMAL = NormalDist()
# Above this many degrees of freedom the expansion of the t quantile is exact to 1e-9.
_SERIES_DF_MAX = 200
_SEQUENCE_N_MIN = 2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate ``value`` with ``low`` ≤ ``high`` that hold the truth with the stated level, from ``n`` units."""

    value: float
    low: float
    high: float
    n: int

    def separate(self, other: Interval) -> bool:
        """Whether the two intervals do not touch."""
        return self.high < other.low or other.high < self.low


def wilson(successes: int, n: int, level: float = 0.95) -> Interval | None:
    """Wilson's (1927) score interval of a share; None for n = 0. Always within [0, 1].

    (p̂ + z²/2n ± z √(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n), z the normal quantile at (1 + level)/2.
    """
    if not 0 <= successes <= n:
        raise InvalidInput(f"{successes} successes of {n} cannot be", field="successes")
    if n == 0:
        return None
    low, high = score_bounds(successes / n, float(n), level)
    return Interval(successes / n, low, high, n)


def score_bounds(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Wilson's bounds of a share that is worth ``n`` > 0 independent observations, whole or not (an effective n)."""
    z = _normal_quantile(level)
    centre = share + z * z / (2.0 * n)
    half = z * math.sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n))
    scale = 1.0 + z * z / n
    low = 0.0 if share == 0.0 else (centre - half) / scale
    high = 1.0 if share == 1.0 else (centre + half) / scale
    return low, high


def mean_interval(values: Floats, level: float = 0.95) -> Interval | None:
    """Student's t interval of the mean of independent values; None below two values."""
    n = len(values)
    if n < 2:
        return None
    mean = float(np.mean(values))
    half = t_quantile((1.0 + level) / 2.0, n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def moments_interval(n: int, mean: float, variance: float, level: float = 0.95) -> Interval | None:
    """The same from sufficient statistics: ``variance`` is the unbiased sample variance."""
    if n < 2:
        return None
    half = t_quantile((1.0 + level) / 2.0, n - 1) * math.sqrt(max(variance, 0.0) / n)
    return Interval(mean, mean - half, mean + half, n)


def paired_difference(left: Floats, right: Floats, level: float = 0.95) -> Interval | None:
    """Interval of the mean of left − right, value by value (common random numbers, same persons, same seeds)."""
    if np.shape(left) != np.shape(right):
        raise InvalidInput("paired values must have the same length", field="right")
    return mean_interval(np.asarray(left, dtype=np.float64) - np.asarray(right), level)


def bootstrap(
    values: Floats,
    statistic: Callable[[Floats], float],
    *,
    seed: int,
    replicates: int = 1000,
    level: float = 0.95,
) -> Interval | None:
    """Percentile bootstrap (Efron 1979) over the first axis of ``values``; None below two rows.

    Replicate r resamples rows with a generator keyed by (seed, r): replayable, in any order.
    """
    values = np.asarray(values, dtype=np.float64)
    n = len(values)
    if n < 2:
        return None
    results = np.array(
        [
            statistic(values[integers(word(seed, replicate), n, n)])
            for replicate in range(replicates)
        ]
    )
    low, high = np.quantile(results, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(float(statistic(values)), float(low), float(high), n)


def confidence_sequence(
    n: int, mean: float, variance: float, *, tightest_at: int, level: float = 0.95
) -> Interval | None:
    """Asymptotic confidence sequence of a mean: valid at every n at once, so one may look and stop at any time.

    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021), Theorem 2.2, with α = 1 − level:

        μ̂ ± σ̂ √( 2(nρ² + 1)/(n²ρ²) · ln(√(nρ² + 1)/α) )

    ``variance`` is σ̂²; ``tightest_at`` is the n for which ρ makes the interval (nearly) narrowest, and must be fixed
    before the data are seen. Asymptotic: below a few dozen observations it promises little. None below n = 2.
    """
    if tightest_at < 1:
        raise InvalidInput("tightest_at must be at least 1", field="tightest_at")
    if n < _SEQUENCE_N_MIN:
        return None
    alpha = 1.0 - level
    log_term = -2.0 * math.log(alpha)
    rho_squared = (log_term + math.log(log_term + 1.0)) / tightest_at
    grown = n * rho_squared + 1.0
    width = 2.0 * grown / (n * n * rho_squared) * math.log(math.sqrt(grown) / alpha)
    half = math.sqrt(max(variance, 0.0) * width)
    return Interval(mean, mean - half, mean + half, n)


def t_quantile(probability: float, df: int) -> float:
    """Quantile of Student's t with ``df`` ≥ 1 degrees of freedom, to about 1e-9; probability in (0, 1).

    Bisection on the finite series of its distribution (Abramowitz & Stegun 26.7.3–4); for many degrees of freedom the
    Cornish–Fisher expansion (26.7.5).
    """
    if not 0.0 < probability < 1.0 or df < 1:
        raise InvalidInput(f"no t quantile at {probability} with {df} degrees", field="df")
    if probability < 0.5:
        return -t_quantile(1.0 - probability, df)
    if df > _SERIES_DF_MAX:
        return _expanded_quantile(_NORMAL.inv_cdf(probability), df)
    low, high = 0.0, 1.0
    while _t_distribution(high, df) < probability:
        high *= 2.0
    for _ in range(80):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _t_distribution(middle, df) < probability else (low, middle)
    return (low + high) / 2.0


def _t_distribution(t: float, df: int) -> float:
    """P(T ≤ t) for t ≥ 0, by the finite series in θ = atan(t / √df)."""
    angle = math.atan(t / math.sqrt(df))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = df % 2
    term = cosine if odd else 1.0
    total = 0.0 if df == 1 else term
    for k in range(3 if odd else 2, df - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    inside = 2.0 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + inside / 2.0


def _expanded_quantile(z: float, df: int) -> float:
    """Abramowitz & Stegun 26.7.5: the t quantile from the normal one."""
    g1 = (z**3 + z) / 4.0
    g2 = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    g3 = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    g4 = (79.0 * z**9 + 776.0 * z**7 + 1482.0 * z**5 - 1920.0 * z**3 - 945.0 * z) / 92160.0
    return z + g1 / df + g2 / df**2 + g3 / df**3 + g4 / df**4


def _normal_quantile(level: float) -> float:
    """The two-sided normal quantile of a level in (0, 1)."""
    if not 0.0 < level < 1.0:
        raise InvalidInput(f"a level lies between 0 and 1, not {level}", field="level")
    return _NORMAL.inv_cdf((1.0 + level) / 2.0)
