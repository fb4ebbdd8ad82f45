"""Repetition in a world where coffee is bought again every three weeks, a freezer never, and tea as coffee is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.catalog import build_index
from eachwise.contracts.catalog import Item
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.models import repeats
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame
from eachwise.recommend.models.repeats import repeat_rates

DAY_S = 86400.0
ITEM_IDS = ("coffee", "espresso", "fridge", "freezer", "tea")
COFFEE, ESPRESSO, FRIDGE, FREEZER, TEA = range(5)
KIND = {
    "coffee": "drinks",
    "espresso": "drinks",
    "fridge": "appliances",
    "freezer": "appliances",
    "tea": "drinks",
}
CATALOG = build_index(
    [Item(item_id=name, attributes={"category": KIND[name], "brand": "any"}) for name in ITEM_IDS],
    version=1,
)
FRAME = Frame(len(ITEM_IDS))


def fitting() -> Fitting:
    said: list[str] = []
    return Fitting(catalog=CATALOG, memory_bytes_max=1 << 30, seed=0, say=said.append)


def world(people: int = 200, days: float = 180.0, bought: bool = True) -> Interactions:
    """All buy coffee or espresso every 21 days, give or take three, and once a fridge or a freezer; tea is new."""
    generator = np.random.default_rng(5)
    indptr, rows, times = [0], list[int](), list[float]()
    for person in range(people):
        at = generator.uniform(0.0, 21.0)
        own = [(generator.uniform(0.0, days), FRIDGE + person % 2)]
        while at < days:
            own.append((at, COFFEE + person % 2))
            at += max(1.0, generator.normal(21.0, 3.0))
        if person == 0:
            own.append((days - 1.0, TEA))
        own.sort()
        times += [day * DAY_S for day, _ in own]
        rows += [row for _, row in own]
        indptr.append(len(rows))
    return Interactions(
        item_ids=ITEM_IDS,
        indptr=np.array(indptr),
        rows=np.array(rows, dtype=np.int32),
        at_s=np.array(times),
        weights=np.ones(len(rows), dtype=np.float32),
        bought=np.full(len(rows), bought),
    )


@pytest.fixture(scope="module")
def parts() -> Parts:
    return repeats.fit(world(), fitting())


def person(*had: tuple[int, float], session: int = 0, bought: bool = True) -> History:
    """Someone who engaged with (item, days ago), newest first."""
    return History(
        rows=np.array([row for row, _ in had], dtype=np.int64),
        weights=np.ones(len(had)),
        ages_s=np.array([days * DAY_S for _, days in had]),
        bought=np.full(len(had), bought),
        session=session,
    )


def due(parts: Parts, row: int, days: float) -> float:
    """How due an item is, so many days after it was bought once."""
    return float(repeats.score(parts, person((row, days)), FRAME)[0, row])


def test_coffee_is_bought_again_a_freezer_is_not_and_tea_is_like_coffee(parts: Parts) -> None:
    rates = repeat_rates(parts)
    assert rates[COFFEE] > 0.9
    assert rates[FREEZER] < 0.05
    # One customer bought tea, a day ago: its category speaks for it.
    assert rates[TEA] > 0.6
    assert parts["gaps"][TEA] == pytest.approx(math.log(21.0), abs=0.2)
    assert math.exp(parts["gaps"][COFFEE]) == pytest.approx(21.0, rel=0.05)


def test_an_item_that_few_had_yet_is_as_its_category_is() -> None:
    data = world()
    few = repeats.fit(data, fitting())
    alone = repeats.fit(
        data,
        Fitting(catalog=build_index([], version=1), memory_bytes_max=1 << 30, seed=0, say=print),
    )
    whole = repeat_rates(alone)[TEA]
    assert repeat_rates(few)[TEA] > whole + 0.1
    assert repeat_rates(few)[FREEZER] < repeat_rates(alone)[FREEZER]


def test_coffee_is_due_after_three_weeks_and_not_on_the_next_day(parts: Parts) -> None:
    at = [due(parts, COFFEE, days) for days in (0.01, 1.0, 10.0, 21.0)]
    assert at == sorted(at)
    assert at[0] < 0.01
    assert at[3] > at[1] + 3.0
    assert due(parts, FREEZER, 21.0) < at[3] - 3.0


def test_the_hazard_is_that_of_a_mixture_cure_model(parts: Parts) -> None:
    spread = float(parts["whole"][1])
    for days, returns, gaps_sum in ((5.0, 0.0, 0.0), (25.0, 3.0, 3.0 * math.log(10.0))):
        found = repeats.hazard(
            parts,
            np.array([COFFEE]),
            np.array([days]),
            np.array([returns]),
            np.array([gaps_sum]),
        )[0]
        chance = (4.0 * float(parts["rates"][COFFEE]) + returns) / (4.0 + returns)
        middle = (2.0 * float(parts["gaps"][COFFEE]) + gaps_sum) / (2.0 + returns)
        z = (math.log(days) - middle) / spread
        density = math.exp(-z * z / 2) / (math.sqrt(2 * math.pi) * spread * days)
        still = 1.0 - chance * 0.5 * math.erfc(-z / math.sqrt(2))
        assert found == pytest.approx(chance * density / still, rel=1e-6)


def test_someone_who_comes_every_ten_days_is_due_after_ten(parts: Parts) -> None:
    quick = person(*[(COFFEE, 10.0 * number) for number in range(1, 8)])
    slow = person((COFFEE, 10.0))
    assert repeats.score(parts, quick, FRAME)[0, COFFEE] > due(parts, COFFEE, 10.0)
    assert repeats.score(parts, slow, FRAME)[0, COFFEE] == due(parts, COFFEE, 10.0)


def test_what_was_just_bought_is_not_due_however_often_it_was_bought_before(parts: Parts) -> None:
    history = person((COFFEE, 0.005), (COFFEE, 21.0), (COFFEE, 42.0), session=1)
    found = repeats.score(parts, history, FRAME)
    assert found[0, COFFEE] < 0.01
    assert found[1, COFFEE] == 1.0
    assert found[2, COFFEE] == pytest.approx(math.log(3.0))


def test_the_other_features_count_earlier_visits_only(parts: Parts) -> None:
    found = repeats.score(parts, person((TEA, 0.001), (COFFEE, 30.0), session=1), FRAME)
    assert np.flatnonzero(found[1]).tolist() == [COFFEE]
    gap = math.exp(float(parts["whole"][0]))
    assert found[3, COFFEE] == pytest.approx(math.log1p(10.0 * 2.0 ** (-30.0 / gap)))
    assert not repeats.score(parts, person((TEA, 0.001), session=1), FRAME).any()
    assert not repeats.score(parts, person(), FRAME).any()


def test_where_purchases_are_known_a_look_makes_nothing_due(parts: Parts) -> None:
    found = repeats.score(parts, person((COFFEE, 21.0), bought=False), FRAME)
    assert found[0, COFFEE] == 0.0
    assert found[1, COFFEE] == 1.0


def test_without_purchases_engagements_in_another_visit_count() -> None:
    parts = repeats.fit(world(bought=False), fitting())
    assert repeat_rates(parts)[COFFEE] > 0.9
    assert repeats.score(parts, person((COFFEE, 21.0), bought=False), FRAME)[0, COFFEE] > 1.0


def test_what_was_not_watched_long_enough_does_not_count_as_never(parts: Parts) -> None:
    """In 30 days few of those who will be back were back; the rate knows that they had no time."""
    short = repeats.fit(world(days=30.0), fitting())
    assert repeat_rates(short)[COFFEE] > 0.75


def test_a_return_cancels_nothing_and_is_no_purchase() -> None:
    data = world()
    weights = np.where(data.rows == COFFEE, -1.0, 1.0).astype(np.float32)
    refused = Interactions(
        item_ids=data.item_ids,
        indptr=data.indptr,
        rows=data.rows,
        at_s=data.at_s,
        weights=weights,
        bought=data.bought,
    )
    assert repeat_rates(repeats.fit(refused, fitting()))[ESPRESSO] > 0.9
    found = repeats.fit(refused, fitting())
    # Nobody's coffee counts: it is as its category is, and no surer.
    assert repeat_rates(found)[COFFEE] < repeat_rates(found)[ESPRESSO]


def test_reasons_are_the_item_itself(parts: Parts) -> None:
    history = person((TEA, 0.001), (COFFEE, 30.0), session=1)
    assert repeats.explain(parts, history, COFFEE) == COFFEE
    assert repeats.explain(parts, history, TEA) is None
    assert set(repeats.reach(parts, history).tolist()) == {COFFEE, TEA}


def test_where_nobody_comes_back_it_does_not_apply() -> None:
    data = world(people=10, days=15.0)
    with pytest.raises(DoesNotApply, match="returns in another visit"):
        repeats.fit(data, fitting())


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 400.0), st.booleans()), max_size=12),
    st.integers(0, 12),
)
def test_scores_are_finite_and_a_frame_scores_as_the_whole(
    had: list[tuple[int, float, bool]], session: int
) -> None:
    had.sort(key=lambda one: one[1])
    history = person(*[(row, days) for row, days, _ in had], session=min(session, len(had)))
    history.bought[:] = [bought for *_, bought in had]
    whole = repeats.score(PARTS, history, FRAME)
    assert np.isfinite(whole).all()
    rows = np.array([1, 3])
    np.testing.assert_array_equal(repeats.score(PARTS, history, Frame.of(5, rows)), whole[:, rows])


PARTS = repeats.fit(world(), fitting())
