"""A relationship through time, cut into periods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.measure import Timeline, count_stages

PAUL = Timeline(
    stages=[(100, "new"), (250, "customer"), (410, "repeat")],
    earned=[(250, 5.0), (300, 1.0), (410, 7.0)],
)


def test_stages_hold_until_the_next() -> None:
    assert [PAUL.stage_at(at) for at in (0, 100, 249, 250, 409, 9999)] == [
        *("new", "new", "new", "customer", "customer", "repeat")
    ]


def test_a_life_in_periods() -> None:
    assert PAUL.periods(450, 100) == (["new", "new", "customer", "customer"], [0.0, 6.0, 0.0])
    assert PAUL.periods(150, 100) == (["new"], [])
    assert count_stages(("new", "customer"), [PAUL.periods(450, 100)]).counts.sum() == 3


def test_an_order_at_first_sight_is_of_the_first_period() -> None:
    found = Timeline(stages=[(0, "customer")], earned=[(0, 3.0), (100, 4.0)])
    assert found.periods(200, 100) == (["customer"] * 3, [7.0, 0.0])


def test_what_follows_a_decision() -> None:
    assert PAUL.followed(200, 450, 100) == ("new", "customer", 6.0)
    assert PAUL.followed(250, 450, 100) == ("customer", "customer", 1.0)
    assert PAUL.followed(400, 450, 100) is None


@given(st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 9)), max_size=20), st.integers(1, 300))
def test_periods_lose_no_money(orders: list[tuple[int, float]], period: int) -> None:
    found = Timeline(stages=[(0, "new")], earned=sorted(orders))
    _, earned = found.periods(1000, period)
    counted = 1000 // period * period
    assert sum(earned) == pytest.approx(sum(money for at, money in orders if at <= counted))


def test_what_has_no_beginning_or_order_is_an_error() -> None:
    with pytest.raises(InvalidInput):
        Timeline(stages=[])
    with pytest.raises(InvalidInput):
        Timeline(stages=[(2, "a"), (1, "b")])
    with pytest.raises(InvalidInput):
        Timeline(stages=[(0, "a")], earned=[(2, 1.0), (1, 1.0)])
    with pytest.raises(InvalidInput):
        PAUL.periods(1000, 0)
