"""Moves between stages: counts that add up and merge, rates with people as their units, times until a rise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import Between
from eachwise.maths.intervals import wilson
from eachwise.measure import (
    UNSEEN,
    Path,
    TransitionStatistic,
    all_transitions,
    count_transitions,
    merge_transitions,
    no_transitions,
    period_transitions,
    rung_times,
)

STAGES = ("new", "known", "engaged")
PERIODS = 3


def path(stood: list[int], waits: list[tuple[int, float, bool]] | None = None) -> Path:
    lapsed = np.array([stage == 0 for stage in stood])
    return Path(stood=np.array(stood, dtype=np.int64), lapsed=lapsed, waits=waits or [])


@st.composite
def paths(draw: st.DrawFn) -> Path:
    """One who is seen from some boundary on."""
    unseen = draw(st.integers(0, PERIODS + 1))
    rest = PERIODS + 1 - unseen
    stages = draw(st.lists(st.integers(0, 2), min_size=rest, max_size=rest))
    wait = st.tuples(st.integers(0, 2), st.integers(0, 9).map(float), st.booleans())
    return path([UNSEEN] * unseen + stages, draw(st.lists(wait, max_size=2)))


def same(left: TransitionStatistic, right: TransitionStatistic) -> bool:
    arrays = ("counts", "stood", "lapsed", "squares", "own", "people", "movers")
    return (left.waits, left.persons) == (right.waits, right.persons) and all(
        np.array_equal(getattr(left, name), getattr(right, name)) for name in arrays
    )


@given(st.lists(paths(), max_size=12))
def test_counts_sum_up(some: list[Path]) -> None:
    found = count_transitions(STAGES, PERIODS, some)
    assert found.persons == len(some)
    for k in range(PERIODS):
        # Whoever stood somewhere at the start stands somewhere at the end, and so do those who came.
        assert np.array_equal(found.counts[k, :-1].sum(axis=1), found.stood[k])
        assert np.array_equal(found.counts[k].sum(axis=0), found.stood[k + 1])
    for each in all_transitions(found):
        assert 0 < each.people <= each.count <= each.of
        assert 0.0 <= each.rate.low <= each.rate.mean <= each.rate.high <= 1.0
        in_periods = [
            one
            for k in range(PERIODS)
            for one in period_transitions(found, k)
            if (one.before, one.after) == (each.before, each.after)
        ]
        assert sum(one.count for one in in_periods) == each.count
    leaving: dict[str, float] = {}
    for each in all_transitions(found):
        leaving[each.before] = leaving.get(each.before, 0.0) + each.rate.mean
    assert list(leaving.values()) == pytest.approx([1.0] * len(leaving))


@given(st.lists(paths(), max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_they_merge_like_one(some: list[Path], cut: int, other: int) -> None:
    first, last = sorted((cut, other))
    one, two, three = (
        count_transitions(STAGES, PERIODS, part)
        for part in (some[:first], some[first:last], some[last:])
    )
    whole = count_transitions(STAGES, PERIODS, some)
    assert same(merge_transitions(merge_transitions(one, two), three), whole)
    assert same(merge_transitions(three, merge_transitions(two, one)), whole)
    assert same(merge_transitions(whole, no_transitions(STAGES, PERIODS)), whole)


def test_known_moves_by_hand() -> None:
    found = count_transitions(
        STAGES,
        PERIODS,
        [
            path([0, 1, 1, 2]),
            path([0, 0, 0, 0]),
            path([UNSEEN, UNSEEN, 1, 0]),
        ],
    )
    assert found.stood.tolist() == [[2, 0, 0], [1, 1, 0], [1, 2, 0], [2, 0, 1]]
    assert found.lapsed.tolist() == [2, 1, 1, 2]
    assert found.counts[:, -1].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    told = {(each.before, each.after): each for each in all_transitions(found)}
    assert {key: (each.count, each.of, each.people) for key, each in told.items()} == {
        ("new", "new"): (3, 4, 1),
        ("new", "known"): (1, 4, 1),
        ("known", "known"): (1, 3, 1),
        ("known", "engaged"): (1, 3, 1),
        ("known", "new"): (1, 3, 1),
    }
    first = period_transitions(found, 0)
    by_hand = wilson(1, 2)
    assert by_hand is not None
    assert [each.rate for each in first] == [Between(0.5, by_hand.low, by_hand.high)] * 2


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(InvalidInput, match="K periods"):
        count_transitions(STAGES, PERIODS, [path([0, 1])])
    with pytest.raises(InvalidInput, match="numbered"):
        count_transitions(STAGES, PERIODS, [path([0, 1, 2, 3])])
    for stages, periods in (((), 1), (("new", "new"), 1), (STAGES, 0)):
        with pytest.raises(InvalidInput, match="stages"):
            no_transitions(stages, periods)
    with pytest.raises(InvalidInput, match="of the same"):
        merge_transitions(no_transitions(STAGES, 1), no_transitions(STAGES, 2))


def test_rates_of_people_who_keep_their_habits_hold_the_truth() -> None:
    """Half of the people move with 60 %, half with 10 %: taking periods as the units would miss far more often."""
    generator = np.random.default_rng(7)
    hits = 0
    for _ in range(200):
        moves = np.where(generator.random(60) < 0.5, 0.6, 0.1)
        stood = (generator.random((60, 13)) < moves[:, None]).astype(np.int64)
        # Stages 0 and 1; from either, 1 follows with the person's own probability.
        found = count_transitions(STAGES, 12, [path(row.tolist()) for row in stood])
        (each,) = [e for e in all_transitions(found) if (e.before, e.after) == ("new", "known")]
        # Of periods that begin at 0: E[(1 − m)·m] / E[1 − m].
        truth = (0.4 * 0.6 + 0.9 * 0.1) / (0.4 + 0.9)
        hits += each.rate.low <= truth <= each.rate.high
    assert hits / 200 >= 0.92


def test_times_until_a_rise() -> None:
    rising = [path([0, 0, 1, 1], [(0, float(days), True)]) for days in (1, 2, 3, 50)]
    staying = [path([0, 0, 0, 0], [(0, 40.0, False)])]
    found = rung_times(count_transitions(STAGES, PERIODS, [*rising, *staying]))
    assert [each.stage for each in found] == ["new"]
    assert (found[0].people, found[0].rose) == (5, 4)
    assert found[0].median_days == 3.0
    assert found[0].low_days == 1.0
    assert found[0].risen_30d is not None
    assert found[0].risen_30d.mean == pytest.approx(0.6)
