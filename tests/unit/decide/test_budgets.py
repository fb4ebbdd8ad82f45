"""Budgets: never exceeded, and spent where they bring most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.experience import Budget, Experience
from eachwise.decide.budgets import PARTS, Spent, charge, exhausted, price_of, units_of, used

SECOND_US = 1_000_000
DAY_S = 86_400
NOW_US = 1_750_000_000_000_000


@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY_S), st.floats(0.1, 3.0)), max_size=60),
    st.integers(0, 3 * DAY_S),
)
def test_what_a_window_holds_is_never_counted_too_low(
    charges: list[tuple[int, float]], asked_s: int
) -> None:
    budget, spent = Budget(limit=10.0, window_s=DAY_S), Spent()
    truth = 0.0
    coarse = 0.0
    for at_s, units in sorted(charges):
        if at_s <= asked_s:
            charge(spent, budget, units, 1.0, None, NOW_US + at_s * SECOND_US)
            truth += units * (at_s > asked_s - DAY_S)
            coarse += units * (at_s > asked_s - DAY_S * (1 + 2 / PARTS))
    found = used(spent, budget, NOW_US + asked_s * SECOND_US)
    assert truth - 1e-9 <= found <= coarse + 1e-9


def test_a_stock_is_used_up_and_has_no_price_without_an_end() -> None:
    budget, spent = Budget(limit=3.0, unit="takeups"), Spent()
    experience = Experience(experience_id="x", budgets=[budget])
    for number in range(3):
        assert exhausted({0: used(spent, budget, NOW_US)}, experience) == ""
        charge(spent, budget, 1.0, 1.0, None, NOW_US + number)
    assert "3 takeups is used up" in exhausted({0: used(spent, budget, NOW_US)}, experience)
    assert price_of(spent, budget, None, NOW_US) == 0.0
    charge(spent, budget, -1.0, 0.0, None, NOW_US)
    assert exhausted({0: used(spent, budget, NOW_US)}, experience) == ""


def test_the_price_rises_with_use_and_falls_with_time() -> None:
    budget, spent = Budget(limit=100.0, window_s=DAY_S), Spent()
    prices = []
    for number in range(30):
        charge(spent, budget, 1.0, 2.0, None, NOW_US + number * SECOND_US)
        prices.append(spent.price)
    assert prices == sorted(prices)
    # A 24th of the budget ahead: twice the usual is asked for.
    assert prices[4] == pytest.approx(2.0 * 5 / (100 / 24), rel=0.01)
    later = price_of(spent, budget, None, NOW_US + DAY_S // 4 * SECOND_US)
    assert later < prices[-1]
    assert price_of(spent, budget, None, NOW_US + DAY_S * SECOND_US) == 0.0


def test_units_of_an_exposure() -> None:
    experience = Experience(experience_id="x", cost=0.3)
    assert units_of(Budget(limit=1.0), experience, 0.1) == 1.0
    assert units_of(Budget(limit=1.0, unit="takeups"), experience, 0.1) == 0.1
    assert units_of(Budget(limit=1.0, unit="cost"), experience, 0.1) == 0.3


def played(worths: np.ndarray, budget: Budget, *, priced: bool, ends_us: int | None) -> float:
    """The money that a stream of chances, one a second, brings under a budget."""
    spent, total = Spent(), 0.0
    for number, worth in enumerate(worths.tolist()):
        now_us = NOW_US + number * SECOND_US
        price = price_of(spent, budget, ends_us, now_us) if priced else 0.0
        if used(spent, budget, now_us) + 1.0 <= budget.limit and worth > price:
            charge(spent, budget, 1.0, worth, ends_us, now_us)
            total += worth
    assert used(spent, budget, NOW_US + len(worths) * SECOND_US) <= budget.limit
    return total


@pytest.mark.parametrize("share", [0.05, 0.2])
@pytest.mark.parametrize("rolling", [True, False])
def test_the_price_spends_a_budget_where_it_brings_most(share: float, rolling: bool) -> None:
    """Beside first come, first served, and what hindsight could have done with as many."""
    chances = 6000
    worths = np.random.default_rng(3).lognormal(0.0, 1.0, chances)
    limit = share * chances
    window_s = chances if rolling else 0
    budget = Budget(limit=limit, window_s=window_s)
    ends_us = None if rolling else NOW_US + chances * SECOND_US
    priced = played(worths, budget, priced=True, ends_us=ends_us)
    first_come = played(worths, budget, priced=False, ends_us=ends_us)
    best = float(np.sort(worths)[-int(limit) :].sum())
    assert priced > 1.5 * first_come
    assert priced > 0.8 * best
