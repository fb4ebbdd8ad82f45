"""Session neighbours: the paper's formula beside plain loops, and the laws of what is counted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eachwise.catalog import build_index
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.models import sessions
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame
from eachwise.recommend.models.sessions import Visits, merge, newest, visits_of

ITEMS = 12
Person = Sequence[tuple[float, int]]


def interactions(people: Sequence[Person], count: int = ITEMS) -> Interactions:
    """Each person's (time, item) in order; a negative item is one that the engagement speaks against."""
    lengths = [len(person) for person in people]
    rows = np.array([row for person in people for _, row in person], dtype=np.int32)
    return Interactions(
        item_ids=tuple(f"i{row:02d}" for row in range(count)),
        indptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rows=np.abs(rows),
        at_s=np.array([at_s for person in people for at_s, _ in person], dtype=np.float64),
        weights=np.where(rows < 0, -1.0, 1.0).astype(np.float32),
        bought=np.zeros(len(rows), dtype=np.bool_),
    )


def fitting(memory_bytes_max: int = 1 << 30) -> Fitting:
    said: list[str] = []
    return Fitting(
        catalog=build_index([], version=1),
        memory_bytes_max=memory_bytes_max,
        seed=0,
        say=said.append,
    )


def visit(*rows: int, session: int | None = None) -> History:
    """A history, newest first, of which the newest ``session`` are the visit; None: all."""
    return History(
        rows=np.array(rows, dtype=np.int64),
        weights=np.ones(len(rows)),
        ages_s=np.arange(len(rows), dtype=np.float64),
        bought=np.zeros(len(rows), dtype=np.bool_),
        session=len(rows) if session is None else session,
    )


def as_lists(visits: Visits) -> list[tuple[float, tuple[int, ...]]]:
    spans = zip(visits.indptr[:-1].tolist(), visits.indptr[1:].tolist(), strict=True)
    held = [tuple(visits.rows[begin:end].tolist()) for begin, end in spans]
    return list(zip(visits.ends_s.tolist(), held, strict=True))


def test_a_pause_of_more_than_half_an_hour_divides_visits_and_a_visit_of_one_item_is_none() -> None:
    data = interactions(
        [
            [(0.0, 1), (10.0, 2), (1810.0, 3), (3611.0, 4), (3612.0, 5)],
            [(5000.0, 7), (5001.0, 7)],
            [(100.0, 8), (101.0, -9), (102.0, 6)],
        ]
    )
    assert as_lists(visits_of(data)) == [(102.0, (8, 6)), (1810.0, (1, 2, 3)), (3612.0, (4, 5))]


def test_a_visit_holds_each_item_once_where_it_came_last() -> None:
    data = interactions([[(0.0, 1), (1.0, 2), (2.0, 1), (3.0, 3)]])
    assert as_lists(visits_of(data)) == [(3.0, (2, 1, 3))]


def test_a_very_long_visit_keeps_its_newest_fifty() -> None:
    data = interactions([[(float(place), place) for place in range(80)]], count=80)
    assert as_lists(visits_of(data)) == [(79.0, tuple(range(30, 80)))]


PEOPLE = st.lists(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, ITEMS - 1)), min_size=1, max_size=8),
    max_size=8,
)


def shard(people: list[list[tuple[int, int]]]) -> Visits:
    """The visits of people whose engagements lie at multiples of ten minutes."""
    return visits_of(
        interactions([[(600.0 * at, row) for at, row in sorted(one)] for one in people])
    )


def same(one: Visits, other: Visits) -> bool:
    return as_lists(one) == as_lists(other)


@settings(max_examples=40)
@given(PEOPLE, PEOPLE, PEOPLE)
def test_visits_merge_in_any_order_and_shards_give_the_whole(
    a: list[list[tuple[int, int]]],
    b: list[list[tuple[int, int]]],
    c: list[list[tuple[int, int]]],
) -> None:
    one, two, three = shard(a), shard(b), shard(c)
    assert same(merge(one, two), merge(two, one))
    assert same(merge(merge(one, two), three), merge(one, merge(two, three)))
    assert same(merge(one, shard([])), one)
    assert same(merge(merge(one, two), three), shard([*a, *b, *c]))


@settings(max_examples=40)
@given(PEOPLE, PEOPLE, st.integers(1, 3))
def test_shards_may_be_cut_to_their_newest_before_they_merge(
    a: list[list[tuple[int, int]]], b: list[list[tuple[int, int]]], most: int
) -> None:
    one, two = shard(a), shard(b)
    early = merge(newest(one, ITEMS, most), newest(two, ITEMS, most))
    assert same(newest(early, ITEMS, most), newest(merge(one, two), ITEMS, most))


def test_each_item_keeps_its_newest_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "NEWEST", 2)
    data = interactions([[(5000.0 * number, 0), (5000.0 * number + 1, 1)] for number in range(5)])
    parts = sessions.fit(data, fitting())
    lists = np.split(parts["visits"], parts["indptr"][1:-1])
    assert [one.tolist() for one in lists[:3]] == [[4, 3], [4, 3], []]


def by_loops(parts: Parts, own: list[int], most: int) -> tuple[list[float], list[float]]:
    """Both features from the definition, visit by visit."""
    held = [tuple(one.tolist()) for one in np.split(parts["rows"], parts["starts"][1:-1])]
    weighed = []
    for number, rows in enumerate(held):
        shared = [place for place, row in enumerate(own) if row in rows]
        if shared:
            likeness = sum(0.7**place for place in shared)
            weighed.append((likeness, number, own[min(shared)], 0.8 ** min(shared)))
    weighed.sort(key=lambda one: (-round(one[0] * 2**20), -one[1]))
    vmis, near = [0.0] * ITEMS, [0.0] * ITEMS
    for likeness, number, anchor, worth in weighed[:most]:
        middle = held[number].index(anchor)
        for place, row in enumerate(held[number]):
            away = place - middle
            step = 0.7 ** (away - 1) if away > 0 else 0.6 * 0.7 ** (-away - 1) if away else 0.0
            rarity = math.log(len(held) / sum(row in rows for rows in held))
            vmis[row] += likeness * worth * rarity
            near[row] += likeness * worth * rarity * step
    return [math.log1p(one) for one in vmis], [math.log1p(one) for one in near]


@pytest.mark.parametrize("most", [500, 3])
def test_scores_are_the_papers(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(sessions, "NEIGHBOURS", most)
    generator = np.random.default_rng(4)
    people = [
        [(5000.0 * number + step, int(generator.integers(ITEMS))) for step in range(5)]
        for number in range(40)
    ]
    parts = sessions.fit(interactions(people), fitting())
    for _ in range(10):
        history = visit(*generator.integers(ITEMS, size=6).tolist())
        own = list(dict.fromkeys(history.rows.tolist()))
        expected = np.array(by_loops(parts, own, most))
        found = sessions.score(parts, history, Frame(ITEMS))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)
        rows = np.array([1, 4, 5, 11])
        some = sessions.score(parts, history, Frame.of(ITEMS, rows))
        np.testing.assert_array_equal(some, found[:, rows])


def two_shelves() -> Parts:
    """Items 0 … 5 are looked at together, 6 … 11 together, never across."""
    generator = np.random.default_rng(1)
    people = []
    for number in range(200):
        shelf = 6 * (number % 2)
        chosen = generator.choice(6, size=3, replace=False) + shelf
        people.append([(5000.0 * number + step, int(row)) for step, row in enumerate(chosen)])
    return sessions.fit(interactions(people), fitting())


def test_neighbours_come_from_the_same_shelf_only() -> None:
    parts = two_shelves()
    vmis, near = sessions.score(parts, visit(2, 3), Frame(ITEMS))
    assert (vmis[:6] > 0).all()
    assert (vmis[6:] == 0).all()
    assert (near[6:] == 0).all()
    assert set(sessions.reach(parts, visit(2, 3)).tolist()) <= set(range(6))
    assert len(sessions.reach(parts, visit(2, 3))) == 6


def test_only_the_visit_that_goes_on_is_read() -> None:
    parts = two_shelves()
    whole = sessions.score(parts, visit(2), Frame(ITEMS))
    np.testing.assert_array_equal(
        sessions.score(parts, visit(2, 8, session=1), Frame(ITEMS)), whole
    )
    assert not sessions.score(parts, visit(2, session=0), Frame(ITEMS)).any()
    assert sessions.reach(parts, visit(2, session=0)).tolist() == []


def test_what_speaks_against_an_item_finds_no_neighbours() -> None:
    history = visit(2)
    history.weights[0] = -1.0
    assert not sessions.score(two_shelves(), history, Frame(ITEMS)).any()


def test_the_reason_is_an_item_of_the_visit_and_never_the_row_itself() -> None:
    parts = two_shelves()
    assert sessions.explain(parts, visit(2, 3), 4) in {2, 3}
    assert sessions.explain(parts, visit(2, 3), 3) == 2
    assert sessions.explain(parts, visit(2, 3), 2) is None
    assert sessions.explain(parts, visit(2, 3), 8) is None
    assert sessions.explain(parts, visit(2, session=0), 4) is None


def test_where_memory_is_short_the_newest_engagements_are_read() -> None:
    data = interactions([[(5000.0 * number, 0), (5000.0 * number + 1, 1)] for number in range(50)])
    limited = fitting(memory_bytes_max=20 * sessions._FIT_BYTES)
    parts = sessions.fit(data, limited)
    assert len(parts["starts"]) - 1 == 10
    assert parts["visits"][0] == 9


def test_without_a_visit_of_two_items_it_does_not_apply() -> None:
    with pytest.raises(DoesNotApply, match="no visit has two"):
        sessions.fit(interactions([[(0.0, 1)], [(0.0, 2), (9999.0, 3)]]), fitting())
