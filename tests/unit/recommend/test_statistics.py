"""Taste statistics are a commutative monoid, and count what they say."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.errors import InvalidInput
from eachwise.recommend import WINDOW, TasteStatistics
from eachwise.recommend.statistics import LONG_HALF_LIFE_S, RECENT_HALF_LIFE_S

DAY_S = 86400.0

Plain = dict[tuple[str, str], float]
Observation = tuple[list[str], str, float, float]
IDS = st.sampled_from("abcdef")
OBSERVATIONS = st.lists(
    st.tuples(
        st.lists(IDS, max_size=WINDOW + 2),
        IDS,
        st.floats(0.0, 400 * DAY_S),
        st.floats(0.01, 10.0),
    ),
    max_size=12,
)


def counted(observations: Sequence[Observation]) -> TasteStatistics:
    found = TasteStatistics()
    for previous, item_id, at_s, weight in observations:
        found.observe(previous, item_id, at_s, weight)
    return found


def as_plain(statistics: TasteStatistics) -> Plain:
    """Transitions by pair of ids, and both masses by id and horizon, at one fixed time."""
    ids = statistics.item_ids
    earlier, later, masses = statistics.transitions()
    long, recent = statistics.engagement(400 * DAY_S)
    found = {
        (ids[a], ids[b]): float(mass) for a, b, mass in zip(earlier, later, masses, strict=True)
    }
    for code, item_id in enumerate(ids):
        found[item_id, "long mass"] = float(long[code])
        found[item_id, "recent mass"] = float(recent[code])
    return found


def agree(left: TasteStatistics, right: TasteStatistics) -> None:
    same(as_plain(left), as_plain(right))


def same(left: Plain, right: Plain) -> None:
    assert left.keys() == right.keys()
    for key, value in left.items():
        # pytest.approx, at a hundredth of its cost
        assert abs(value - right[key]) <= max(1e-9 * abs(value), 1e-250), key


def by_hand(observations: Sequence[Observation]) -> Plain:
    found: Plain = {}
    for previous, item_id, at_s, weight in observations:
        for one in {*previous[:WINDOW], item_id}:
            found.setdefault((one, "long mass"), 0.0)
            found.setdefault((one, "recent mass"), 0.0)
        age = 400 * DAY_S - at_s
        found[item_id, "long mass"] += weight * 2 ** (-age / LONG_HALF_LIFE_S)
        found[item_id, "recent mass"] += weight * 2 ** (-age / RECENT_HALF_LIFE_S)
        for distance, one in enumerate(previous[:WINDOW], start=1):
            if one != item_id:
                found[one, item_id] = found.get((one, item_id), 0.0) + weight / distance
    return found


@given(OBSERVATIONS)
def test_it_counts_what_the_formula_says(observations: list[Observation]) -> None:
    same(as_plain(counted(observations)), by_hand(observations))


@given(OBSERVATIONS, OBSERVATIONS)
def test_merge_is_commutative_and_shards_are_the_whole(
    left: list[Observation], right: list[Observation]
) -> None:
    merged = counted(left).merge(counted(right))
    agree(merged, counted(right).merge(counted(left)))
    agree(merged, counted([*left, *right]))
    agree(merged, counted([*right, *left]))


@given(OBSERVATIONS, OBSERVATIONS, OBSERVATIONS)
def test_merge_is_associative(
    a: list[Observation], b: list[Observation], c: list[Observation]
) -> None:
    agree(
        counted(a).merge(counted(b)).merge(counted(c)),
        counted(a).merge(counted(b).merge(counted(c))),
    )


@given(OBSERVATIONS)
def test_the_empty_one_is_the_identity(observations: list[Observation]) -> None:
    found = counted(observations)
    agree(found.merge(TasteStatistics()), found)
    agree(TasteStatistics().merge(found), found)


@given(OBSERVATIONS)
def test_one_by_one_is_as_in_one_batch(observations: list[Observation]) -> None:
    slow = TasteStatistics()
    for previous, item_id, at_s, weight in observations:
        slow.observe(previous, item_id, at_s, weight)
        slow.transitions()  # empties the buffers each time
    agree(slow, counted(observations))


@given(OBSERVATIONS)
def test_bytes_bring_it_back(observations: list[Observation]) -> None:
    found = counted(observations)
    body = found.encode()
    agree(TasteStatistics.decode(body), found)
    assert TasteStatistics.decode(body).encode() == body
    assert found.merge(TasteStatistics()).encode() == body


def test_merge_leaves_both_as_they_were() -> None:
    left, right = counted([(["a"], "b", 1.0, 1.0)]), counted([(["b"], "c", 2.0, 1.0)])
    before = left.encode(), right.encode()
    left.merge(right)
    assert (left.encode(), right.encode()) == before


def test_many_observations_stay_small_and_right() -> None:
    """More than the buffers hold, new items all the time: memory grows with items, not with flushes."""
    generator = np.random.default_rng(1)
    names = [f"item-{number}" for number in range(3000)]
    drawn = generator.integers(0, np.linspace(10, 3000, 30_000).astype(int)).tolist()
    observations: list[Observation] = [
        ([names[one] for one in drawn[max(0, t - 3) : t][::-1]], names[drawn[t]], float(t), 1.0)
        for t in range(len(drawn))
    ]
    found = counted(observations)
    assert len(found._long) < 2 * len(found.item_ids)
    agree(found, counted(observations[:17_000]).merge(counted(observations[17_000:])))
    same(as_plain(found), by_hand(observations))


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_only_a_positive_weight_teaches(weight: float) -> None:
    assert not counted([(["a"], "b", 1.0, weight)]).item_ids


def test_a_time_that_is_none_is_left_out() -> None:
    assert not counted([(["a"], "b", float("nan"), 1.0)]).item_ids


@pytest.mark.parametrize("body", [b"", b"x", b"\x97\x02\x90\xc4\x00\xc4\x00\xc4\x00\xc4\x00\x00"])
def test_other_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="taste statistics"):
        TasteStatistics.decode(body)


def test_beyond_a_bound_the_pairs_go_that_say_least(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "eachwise.recommend.statistics"
    monkeypatch.setattr(f"{module}.PAIRS_MAX", 400)
    monkeypatch.setattr(f"{module}._BUFFER", 64)
    draw = np.random.default_rng(1)
    found = TasteStatistics()
    for number in range(4000):
        first = int(draw.integers(60))
        # Each item leads to its successor far more often than to anything else.
        then = (first + 1) % 60 if draw.random() < 0.5 else int(draw.integers(60))
        found.observe([f"i{first:02}"], f"i{then:02}", float(number))
    earlier, later, masses = found.transitions()
    assert 100 < len(masses) <= 400
    ids = found.item_ids
    pairs = {(ids[a], ids[b]) for a, b in zip(earlier.tolist(), later.tolist(), strict=True)}
    assert {(f"i{number:02}", f"i{(number + 1) % 60:02}") for number in range(60)} <= pairs
