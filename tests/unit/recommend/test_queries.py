"""Past queries: a mergeable count that tells nothing of a single person."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.recommend import queries
from eachwise.recommend.queries import HALF_LIFE_S, PastQueries

DAY_S = 86_400.0
SEARCHES = st.lists(
    st.tuples(
        st.sampled_from(["Fish", "fish ", "Crème brûlée", "creme brulee", "soup", "?"]),
        st.integers(0, 30),
        st.floats(0.0, 4000 * DAY_S),
    ),
    max_size=20,
)


def counted(searches: list[tuple[str, int, float]]) -> PastQueries:
    """The queries after these searches."""
    past = PastQueries()
    for query, person, at_s in searches:
        past.observe(query, person, at_s)
    return past


def same(one: PastQueries, other: PastQueries) -> bool:
    """Whether two counts say the same at the later reference."""
    empty = PastQueries()
    one, other = one.merge(empty), other.merge(empty)
    late = max(one.reference_s, other.reference_s)
    one._move(late)
    other._move(late)
    assert one.masses == pytest.approx(other.masses, rel=1e-9, abs=1e-200)
    return (one.people, one.shown) == (other.people, other.shown)


@given(SEARCHES, st.data())
def test_any_order_in_any_parts_counts_the_same(
    searches: list[tuple[str, int, float]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(searches))
    cut = data.draw(st.integers(0, len(searches)))
    parts = counted(shuffled[:cut]).merge(counted(shuffled[cut:]))
    assert same(parts, counted(searches))
    assert same(parts, counted(shuffled[cut:]).merge(counted(shuffled[:cut])))


@given(SEARCHES)
def test_it_is_stored_exactly(searches: list[tuple[str, int, float]]) -> None:
    past = counted(searches)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(past), type=PastQueries) == past


def test_a_query_is_told_only_when_enough_different_people_asked_it() -> None:
    past = counted([("fish soup", person, 0.0) for person in (1, 1, 1, 2)])
    assert past.beginning("fi", 3) == {}
    past.observe("Fish Soup!", 3, 0.0)
    assert past.beginning("fi", 3) == {"fish soup": pytest.approx(5.0)}
    assert past.beginning("fish soup", 3) == {}
    assert past.beginning("soup", 3) == {}


def test_more_people_than_are_told_apart_are_enough() -> None:
    past = counted([("fish", person, 0.0) for person in range(100)])
    assert past.beginning("f", 50) == {"fish": pytest.approx(100.0)}
    assert len(past.people["fish"]) == queries.PEOPLE_MAX


def test_accents_are_shown_whoever_left_them_out() -> None:
    assert list(counted([("creme", 1, 0.0), ("Crème", 2, 0.0)]).beginning("cr", 1)) == ["crème"]


def test_old_searches_count_less() -> None:
    past = counted([("old", 1, 0.0), ("new", 1, HALF_LIFE_S)])
    assert past.masses["new"] == pytest.approx(2.0 * past.masses["old"])
    later = counted([("old", 1, 0.0), ("new", 1, 100 * HALF_LIFE_S)])
    assert later.masses["old"] < 1e-20


def test_what_nobody_types_twice_is_not_counted() -> None:
    assert counted([("x" * 200, 1, 0.0), ("???", 1, 0.0)]).masses == {}


def test_only_the_most_frequent_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "QUERIES_MAX", 8)
    past = counted([(f"query {number % 20}", 1, 0.0) for number in range(20)] * 2)
    for _ in range(5):
        past.observe("query 3", 2, 0.0)
    assert len(past.masses) <= 10
    assert max(past.masses, key=lambda key: past.masses[key]) == "query 3"
    assert set(past.people) == set(past.shown) == set(past.masses)
    assert len(past.merge(PastQueries()).masses) <= 8
