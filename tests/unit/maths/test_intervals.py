"""Intervals against published values and simulated coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.intervals import (
    Interval,
    bootstrap,
    confidence_sequence,
    mean_interval,
    moments_interval,
    paired_difference,
    t_quantile,
    wilson,
)


def bounds(interval: Interval | None) -> tuple[float, float]:
    """Low and high of an interval that must be there."""
    assert interval is not None
    return interval.low, interval.high


# Newcombe (1998), Statistics in Medicine 17, table I, method 3 (score, without continuity correction).
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(successes: int, n: int, low: float, high: float) -> None:
    assert bounds(wilson(successes, n)) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_edges() -> None:
    assert wilson(0, 0) is None
    assert bounds(wilson(20, 20))[1] == 1.0
    with pytest.raises(InvalidInput):
        wilson(3, 2)


# Standard tables of Student's t.
@pytest.mark.parametrize(
    ("probability", "df", "value"),
    [
        (0.975, 1, 12.7062047364),
        (0.975, 2, 4.3026527297),
        (0.975, 4, 2.7764451052),
        (0.95, 10, 1.8124611228),
        (0.995, 30, 2.7499956536),
        (0.975, 1000, 1.9623390808),
    ],
)
def test_t_quantiles_as_tabled(probability: float, df: int, value: float) -> None:
    assert t_quantile(probability, df) == pytest.approx(value, abs=1e-8)
    assert t_quantile(1.0 - probability, df) == pytest.approx(-value, abs=1e-8)


def test_the_median_is_zero_and_nonsense_is_refused() -> None:
    assert t_quantile(0.5, 7) == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(InvalidInput):
        t_quantile(1.0, 3)


def test_mean_interval_by_hand() -> None:
    found = mean_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    half = 2.7764451052 * math.sqrt(2.5 / 5)
    assert bounds(found) == pytest.approx((3.0 - half, 3.0 + half))
    assert bounds(moments_interval(5, 3.0, 2.5)) == pytest.approx(bounds(found))
    assert mean_interval(np.array([1.0])) is None
    assert moments_interval(1, 3.0, 0.0) is None


def test_pairing_takes_out_what_is_common() -> None:
    generator = np.random.default_rng(1)
    common = generator.normal(size=50) * 10
    left, right = common + generator.normal(size=50) + 1.0, common + generator.normal(size=50)
    found = paired_difference(left, right)
    assert found is not None
    assert 0.0 < found.low < 1.0 < found.high
    with pytest.raises(InvalidInput):
        paired_difference(left, right[:-1])


def test_bootstrap_of_a_mean_agrees_with_theory_and_repeats() -> None:
    values = np.random.default_rng(2).normal(size=300)

    def mean(sample: Floats) -> float:
        return float(sample.mean())

    found = bootstrap(values, mean, seed=3)
    assert bounds(found) == pytest.approx(bounds(mean_interval(values)), abs=0.02)
    assert found == bootstrap(values, mean, seed=3)
    assert bootstrap(values[:1], mean, seed=3) is None


def test_intervals_know_whether_they_touch() -> None:
    assert Interval(0.1, 0.0, 0.2, 9).separate(Interval(0.4, 0.3, 0.5, 9))
    assert not Interval(0.1, 0.0, 0.3, 9).separate(Interval(0.4, 0.3, 0.5, 9))


def test_the_sequence_is_nearly_tightest_where_it_was_asked_to_be() -> None:
    def width(tightest_at: int) -> float:
        low, high = bounds(confidence_sequence(1000, 0.0, 1.0, tightest_at=tightest_at))
        return high - low

    best = min(width(at) for at in range(200, 5000, 50))
    assert width(1000) < 1.001 * best
    # Wider than the interval for one look, by what looking always costs.
    assert 1.3 < width(1000) / (2 * 1.96 / math.sqrt(1000)) < 1.8


def test_the_sequence_holds_at_every_look_at_once() -> None:
    generator = np.random.default_rng(4)
    runs, length = 400, 2000
    clicks = (generator.random((runs, length)) < 0.1).astype(float)
    n = np.arange(1, length + 1)
    means = clicks.cumsum(axis=1) / n
    missed_once = missed_fixed = 0
    for run in range(runs):
        outside = fixed = False
        for look in range(99, length, 50):
            mean = float(means[run, look])
            variance = mean * (1.0 - mean)
            low, high = bounds(confidence_sequence(int(n[look]), mean, variance, tightest_at=1000))
            outside |= not low <= 0.1 <= high
            fixed |= abs(mean - 0.1) > 1.96 * math.sqrt(variance / n[look])
        missed_once += outside
        missed_fixed += fixed
    assert missed_once / runs <= 0.05
    assert (
        missed_fixed / runs > 0.15
    )  # what looking again and again does to an interval for one look


def test_too_little_is_no_sequence() -> None:
    assert confidence_sequence(1, 0.0, 1.0, tightest_at=100) is None
    with pytest.raises(InvalidInput):
        confidence_sequence(10, 0.0, 1.0, tightest_at=0)
