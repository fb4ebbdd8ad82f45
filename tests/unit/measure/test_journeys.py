"""Both arms of a journey compared: published intervals, true effects found, none invented, arms that were not drawn."""

from __future__ import annotations

import numpy as np
import pytest

from eachwise.contracts.arrays import Bools, Floats
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Between
from eachwise.contracts.relations import Contrast
from eachwise.measure import (
    PEOPLE_MIN,
    Arms,
    Compared,
    compare_means,
    compare_shares,
    sample_ratio,
    verdict_of,
)

RUNS = 400


def told(found: Compared) -> Contrast:
    """The contrast that must be there."""
    assert found.contrast is not None
    return found.contrast


def holds(between: Between, truth: float) -> bool:
    return between.low <= truth <= between.high


def drawn(generator: np.random.Generator, n: int, share: float = 0.2) -> Arms:
    return Arms(withheld=generator.random(n) < share, share=np.full(n, share))


def some(generator: np.random.Generator, arms: Arms, treated: float, held_out: float) -> Bools:
    chance = np.where(arms.withheld, held_out, treated)
    return np.asarray(generator.random(len(chance)) < chance, dtype=np.bool_)


def test_the_difference_of_two_shares_as_published() -> None:
    # Newcombe (1998), Statistics in Medicine 17, 873–890, table II: 56/70 and 48/80 by method 10.
    withheld = np.arange(150) >= 70
    hit = np.concatenate([np.arange(70) < 56, np.arange(80) < 48])
    found = compare_shares(Arms(withheld=withheld, share=np.full(150, 0.5)), hit)
    between = told(found).difference
    figures = (between.mean, between.low, between.high)
    assert figures == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert told(found).anytime.low < between.low
    assert told(found).anytime.high > between.high


@pytest.mark.parametrize(("treated", "held_out"), [(0.2, 0.2), (0.02, 0.02), (0.3, 0.2)])
def test_the_truth_is_held(treated: float, held_out: float) -> None:
    once = always = 0
    for run in range(RUNS):
        generator = np.random.default_rng([1, run])
        arms = drawn(generator, 600)
        found = told(compare_shares(arms, some(generator, arms, treated, held_out)))
        once += holds(found.difference, treated - held_out)
        always += holds(found.anytime, treated - held_out)
    assert once / RUNS >= 0.92
    assert always / RUNS >= 0.95


def test_ten_points_are_found_and_none_are_not() -> None:
    better = worse = 0
    for run in range(RUNS):
        generator = np.random.default_rng([2, run])
        arms = drawn(generator, 4_000)
        ratio = sample_ratio(arms)
        with_effect = compare_shares(arms, some(generator, arms, 0.3, 0.2))
        without = compare_shares(arms, some(generator, arms, 0.2, 0.2))
        better += verdict_of(with_effect.contrast, ratio) == "better"
        worse += verdict_of(without.contrast, ratio) in ("better", "worse")
    assert better / RUNS >= 0.95
    assert worse / RUNS <= 0.05


def test_looking_every_day_does_no_harm() -> None:
    wrong = {"once": 0, "always": 0}
    looks = range(400, 3_001, 100)
    for run in range(200):
        generator = np.random.default_rng([3, run])
        arms = drawn(generator, 3_000)
        hit = some(generator, arms, 0.2, 0.2)
        contrasts = [told(compare_shares(_first(arms, n), hit[:n])) for n in looks]
        wrong["once"] += not all(holds(each.difference, 0.0) for each in contrasts)
        wrong["always"] += not all(holds(each.anytime, 0.0) for each in contrasts)
    assert wrong["always"] / 200 <= 0.05
    # Why both are told: an interval for one look goes wrong when it is looked at again and again.
    assert wrong["once"] / 200 > 0.1


def _first(arms: Arms, n: int) -> Arms:
    return arms.only(np.arange(len(arms.share)) < n)


def test_money_holds_the_truth_although_few_buy() -> None:
    once = 0
    truth = 0.12 * 40.0 - 0.08 * 40.0
    for run in range(RUNS):
        generator = np.random.default_rng([4, run])
        arms = drawn(generator, 1_500, 0.3)
        bought = some(generator, arms, 0.12, 0.08)
        spent: Floats = bought * generator.gamma(1.0, 40.0, len(bought))
        once += holds(told(compare_means(arms, spent)).difference, truth)
    assert once / RUNS >= 0.92


def test_a_changed_holdout_is_no_effect() -> None:
    """Version 1 withholds from 10 % and 60 % reach the goal; version 2 from 50 % and 10 % do, in both arms alike."""
    generator = np.random.default_rng(5)
    one, two = drawn(generator, 3_000, 0.1), drawn(generator, 3_000, 0.5)
    arms = Arms(
        withheld=np.concatenate([one.withheld, two.withheld]),
        share=np.concatenate([one.share, two.share]),
    )
    hit = np.concatenate([some(generator, one, 0.6, 0.6), some(generator, two, 0.1, 0.1)])
    naive = hit[~arms.withheld].mean() - hit[arms.withheld].mean()
    assert naive > 0.15
    assert holds(told(compare_shares(arms, hit)).difference, 0.0)
    assert holds(told(compare_means(arms, hit * 10.0)).difference, 0.0)


def test_of_few_nothing_is_told() -> None:
    withheld = np.arange(100) < PEOPLE_MIN - 1
    arms = Arms(withheld=withheld, share=np.full(100, 0.3))
    found = compare_shares(arms, np.zeros(100, dtype=np.bool_))
    assert found.contrast is None
    assert found.treated is not None
    assert 0.0 < found.treated.high < 0.1
    assert verdict_of(found.contrast, sample_ratio(arms)) == "refused"
    enough = Arms(withheld=np.arange(100) < PEOPLE_MIN, share=np.full(100, 0.3))
    assert compare_shares(enough, np.zeros(100, dtype=np.bool_)).contrast is not None
    # Nobody bought: how much money varies is not known.
    assert compare_means(enough, np.zeros(100)).contrast is None


def test_only_people_whose_share_drew_both_arms_are_compared() -> None:
    share = np.array([0.0, 0.0, 0.5, 0.5, 0.2, 0.2])
    withheld = np.array([False, False, True, False, False, False])
    comparable = Arms(withheld=withheld, share=share).comparable()
    assert comparable.tolist() == [False, False, True, True, False, False]


def test_the_sample_ratio() -> None:
    withheld = np.arange(1_000) < 150
    arms = Arms(withheld=withheld, share=np.full(1_000, 0.2))
    found = sample_ratio(arms)
    assert found is not None
    # (150 − 200)²/200 + (850 − 800)²/800
    assert found.chi_square == pytest.approx(12.5 + 3.125)
    assert found.p_value == pytest.approx(7.7e-5, rel=0.01)
    assert found.suspect
    right = told(compare_shares(arms, np.arange(1_000) % 2 == 0))
    assert verdict_of(right, found) == "refused"
    even = sample_ratio(Arms(withheld=np.arange(1_000) < 200, share=np.full(1_000, 0.2)))
    assert even is not None
    assert (even.chi_square, even.p_value) == pytest.approx((0.0, 1.0))
    assert not even.suspect
    assert sample_ratio(Arms(withheld=np.zeros(9, dtype=np.bool_), share=np.zeros(9))) is None


def test_shares_outside_one_are_refused() -> None:
    with pytest.raises(InvalidInput, match="share"):
        Arms(withheld=np.array([True]), share=np.array([1.5]))
    with pytest.raises(InvalidInput, match="share"):
        Arms(withheld=np.array([True]), share=np.array([0.5, 0.5]))
