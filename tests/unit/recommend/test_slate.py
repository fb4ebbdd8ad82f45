"""Slates: the best without wishes, calibrated, diverse, without long runs, with an honest trial for what is new."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.contracts.arrays import Floats
from eachwise.maths.best import best
from eachwise.recommend import Wishes, divergence, new_items, slate, with_trial
from eachwise.recommend.calibration import counted
from eachwise.recommend.diversity import alike, entries_of, likeness_of, spread
from eachwise.recommend.slate import NEW_S, TRIALS_MAX, pool_size, standing_of
from tests.unit.recommend.shelf import PLAIN, catalog_of, genres, mix, stock_of, values_at

METAL_AND_POP = genres(("jazz", 20), ("metal", 40), ("pop", 40))
LIBRARY = {"genre=metal": 80.0, "genre=jazz": 20.0}


def wishes(calibration: float = 0.0, diversity: float = 0.0, run_max: int = 0) -> Wishes:
    return Wishes(
        calibration=calibration,
        diversity=diversity,
        trial=0.0,
        run_max=run_max,
        run_attributes=("brand", "genre"),
    )


def scores_of(jazz: float, metal: float, pop: float) -> Floats:
    """Scores by genre, falling slowly within one so that no two are equal."""
    level = np.repeat([jazz, metal, pop], [20, 40, 40])
    return np.asarray(level - np.arange(100) * 1e-3)


@given(
    st.lists(st.floats(-5, 5), min_size=100, max_size=100),
    st.sets(st.integers(0, 99)),
    st.integers(1, 30),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 3),
)
def test_a_slate_is_distinct_allowed_and_as_long_as_can_be(
    scores: list[float],
    allowed: set[int],
    count: int,
    calibration: float,
    diversity: float,
    run_max: int,
) -> None:
    stock = stock_of(METAL_AND_POP)
    rows = np.array(sorted(allowed), dtype=np.int64)
    of_all = np.array(scores)
    wanted = wishes(calibration, diversity, run_max)
    slots = slate(stock, rows, of_all, mix(stock, LIBRARY), wanted, count)
    shown = [slot.row for slot in slots]
    assert len(set(shown)) == len(shown) == min(count, len(rows))
    assert set(shown) <= allowed
    assert all(slot.score == scores[slot.row] for slot in slots)
    assert all(slot.deterministic and slot.probability == 1.0 for slot in slots)
    if run_max == 0:
        assert [slot.score for slot in slots] == sorted((s.score for s in slots), reverse=True)
    if calibration == diversity == run_max == 0:
        assert shown == rows[best(of_all[rows], count)].tolist()
    assert slots == slate(stock, rows, of_all, mix(stock, LIBRARY), wanted, count)


def test_eighty_per_cent_metal_stays_about_eighty_per_cent_metal() -> None:
    stock = stock_of(METAL_AND_POP)
    everything = np.arange(100)
    # Metal is a little ahead of jazz throughout: alone by score the slate would hold nothing else.
    scores = scores_of(jazz=1.0, metal=1.2, pop=0.5)
    plain = slate(stock, everything, scores, mix(stock, LIBRARY), PLAIN, 10)
    assert Counter(values_at(METAL_AND_POP, [slot.row for slot in plain])) == {"genre=metal": 10}
    slots = slate(stock, everything, scores, mix(stock, LIBRARY), wishes(0.4), 10)
    found = Counter(values_at(METAL_AND_POP, [slot.row for slot in slots]))
    assert found == {"genre=metal": 8, "genre=jazz": 2}
    long = slate(stock, everything, scores, mix(stock, LIBRARY), wishes(0.4), 25)
    found = Counter(values_at(METAL_AND_POP, [slot.row for slot in long]))
    assert found["genre=metal"] in (20, 21)
    assert found["genre=pop"] == 0


def test_calibration_waits_for_evidence() -> None:
    stock = stock_of(METAL_AND_POP)
    scores = scores_of(jazz=1.0, metal=1.7, pop=0.5)
    genres_shown = []
    for part in (1.0, 0.01):
        masses = {value: mass * part for value, mass in LIBRARY.items()}
        slots = slate(stock, np.arange(100), scores, mix(stock, masses), wishes(0.4), 10)
        genres_shown.append(set(values_at(METAL_AND_POP, [slot.row for slot in slots])))
    assert genres_shown == [{"genre=metal", "genre=jazz"}, {"genre=metal"}]


def test_what_was_shown_lately_is_made_up_for() -> None:
    stock = stock_of(METAL_AND_POP)
    scores = scores_of(jazz=1.0, metal=1.2, pop=0.5)
    held = mix(stock, LIBRARY, shown={"genre=metal": 20.0})
    slots = slate(stock, np.arange(100), scores, held, wishes(0.4), 10)
    found = Counter(values_at(METAL_AND_POP, [slot.row for slot in slots]))
    # Twenty were metal: of thirty, six should be jazz.
    assert found["genre=jazz"] in (5, 6)


@given(st.lists(st.floats(-2, 2), min_size=100, max_size=100), st.integers(2, 20))
def test_a_stronger_calibration_never_misses_the_mix_by_much_more(
    scores: list[float], count: int
) -> None:
    stock = stock_of(METAL_AND_POP)
    held = mix(stock, LIBRARY)

    def miss(strength: float) -> float:
        wanted = wishes(strength)
        slots = slate(stock, np.arange(100), np.array(scores), held, wanted, count)
        rows = np.array([slot.row for slot in slots])
        _, columns = entries_of(METAL_AND_POP, rows)
        return divergence(held, counted(held.facets, columns))

    # Greedy, and rounded to whole items: what is gained is not always kept to the last.
    assert miss(0.9) <= miss(0.0) + 0.1


def test_variants_of_one_product_do_not_crowd_the_slate() -> None:
    catalog = catalog_of(
        *({"genre": "metal", "band": f"band {number}"} for number in range(6)),
        *({"genre": "metal", "band": "band 0"} for _ in range(4)),
    )
    stock = stock_of(catalog)
    scores = np.array([1.0, 0.7, 0.7, 0.7, 0.7, 0.7, 0.95, 0.95, 0.95, 0.95])
    plain = slate(stock, np.arange(10), scores, mix(stock, {}), PLAIN, 4)
    assert [slot.row for slot in plain] == [0, 6, 7, 8]
    diverse = slate(stock, np.arange(10), scores, mix(stock, {}), wishes(diversity=0.5), 4)
    assert [slot.row for slot in diverse] == [0, 1, 2, 3]


def test_likeness() -> None:
    catalog = catalog_of(
        {"genre": "metal", "band": "x"},
        {"genre": "metal", "band": "x"},
        {"genre": "metal", "band": "y"},
        {"genre": "pop", "band": "z"},
        {},
    )
    likeness = likeness_of(catalog)
    found = alike(likeness, catalog, 0, np.arange(5))
    assert found[0] == found[1] == pytest.approx(0.5)
    # The band is rarer than the genre, so sharing only the genre says less than half.
    both, genre = np.log(5 / 3) + np.log(5 / 2), np.log(5 / 3)
    assert found[2] == pytest.approx(0.5 * genre / (both + np.log(5)))
    assert found[3] == 0.0
    assert found[4] == 0.0
    assert alike(likeness, catalog, 4, np.arange(5)).tolist() == [0.0] * 5


def test_items_of_one_group_are_fully_alike() -> None:
    red, blue = ({"color": color, "item_group_id": "shirt"} for color in ("red", "blue"))
    catalog = catalog_of(red, blue, {"color": "red"})
    found = alike(likeness_of(catalog), catalog, 0, np.arange(3))
    assert found[:2].tolist() == [1.0, 1.0]
    assert 0.0 < found[2] < 0.5


@given(st.lists(st.sampled_from(["", "a", "b"]), max_size=12), st.integers(1, 3))
def test_runs_end_wherever_something_else_is_left(brands: list[str], run_max: int) -> None:
    order = list(range(len(brands)))
    runs = [frozenset({brand} - {""}) for brand in brands]
    found = spread(order, dict(enumerate(runs)), run_max)
    assert sorted(found) == order
    length = 0
    for place, one in enumerate(found):
        same = place > 0 and runs[one] and runs[one] == runs[found[place - 1]]
        length = length + 1 if same else 1
        if length > run_max:
            assert all(runs[later] == runs[one] for later in found[place:])


def test_no_more_than_so_many_of_a_brand_in_a_row() -> None:
    catalog = catalog_of(*({"brand": "a" if number < 6 else "b"} for number in range(8)))
    stock = stock_of(catalog)
    scores = -np.arange(8.0)
    slots = slate(stock, np.arange(8), scores, mix(stock, {}), wishes(run_max=3), 8)
    assert [slot.row for slot in slots] == [0, 1, 2, 6, 3, 4, 5, 7]


# -- what is new ---------------------------------------------------------------------------------


def test_the_trial_is_drawn_as_often_as_the_slot_says() -> None:
    scores = np.array([3.0, 2.0, 1.0, 0.5, 0.0, -0.5, -9.0])
    new = np.array([False, False, True, False, True, True, True])
    stock = stock_of(catalog_of(*({} for _ in range(7))))
    slots = slate(stock, np.arange(7), scores, mix(stock, {}), PLAIN, 3)
    said: dict[int, float] = {}
    drawn: Counter[int] = Counter()
    draws = 4000
    for seed in range(draws):
        found = with_trial(slots, np.arange(7), scores, new, 0.25, seed)
        assert [found[0], found[2]] == [slots[0], slots[2]]
        assert not found[1].deterministic
        assert said.setdefault(found[1].row, found[1].probability) == found[1].probability
        drawn[found[1].row] += 1
    # Row 2 is new and in the slate already, row 6 is far from this person's taste.
    assert set(said) == {1, 4, 5}
    assert said[1] == 0.75
    assert said[4] / said[5] == pytest.approx(np.exp(0.5))
    assert sum(said.values()) == pytest.approx(1.0, abs=1e-9)
    for row, probability in said.items():
        spread_of = 4.0 * np.sqrt(probability * (1 - probability) / draws)
        assert drawn[row] / draws == pytest.approx(probability, abs=spread_of + 1e-9)


def test_without_anything_new_nothing_is_drawn() -> None:
    scores = np.arange(5.0)
    stock = stock_of(catalog_of(*({} for _ in range(5))))
    slots = slate(stock, np.arange(5), scores, mix(stock, {}), PLAIN, 2)
    none, shown = np.zeros(5, dtype=bool), np.array([False, False, False, True, True])
    assert with_trial(slots, np.arange(5), scores, none, 1.0, 7) == slots
    assert with_trial(slots, np.arange(5), scores, shown, 1.0, 7) == slots
    assert with_trial(slots, np.arange(5), scores, ~none, 0.0, 7) == slots
    assert with_trial([], np.arange(5), scores, ~none, 1.0, 7) == []
    # Nothing that may not be shown is tried.
    assert with_trial(slots, np.array([3, 4]), scores, ~none[3:], 1.0, 7) == slots


def test_only_the_best_of_many_new_items_are_tried() -> None:
    scores = np.concatenate([[9.0, 8.0], -np.arange(100.0) / 1000.0])
    stock = stock_of(catalog_of(*({} for _ in range(102))))
    slots = slate(stock, np.arange(102), scores, mix(stock, {}), PLAIN, 2)
    new = scores < 5.0
    tried = {
        with_trial(slots, np.arange(102), scores, new, 1.0, seed)[1].row for seed in range(400)
    }
    assert tried == set(range(2, 2 + TRIALS_MAX))


def test_new_is_what_was_published_lately_or_never_tried() -> None:
    now_us = 1_790_000_000_000_000
    catalog = catalog_of({}, {}, published_at="2026-09-20T00:00:00Z")
    both, none = np.arange(2), np.zeros(2, dtype=bool)
    assert new_items(catalog, both, none, now_us).all()
    late_us = now_us + int(NEW_S) * 1_000_000
    assert not new_items(catalog, both, none, late_us).any()
    assert not new_items(catalog, both, none, now_us - 30 * 86_400_000_000).any()
    undated, untried = catalog_of({}, {}), np.array([True, False])
    assert new_items(undated, both, untried, now_us).tolist() == [True, False]
    assert new_items(undated, both[1:], untried, now_us).tolist() == [False]


def test_standing_is_bounded_and_follows_popularity() -> None:
    shares = np.array([0.5, 0.2, 0.1, 0.1, 0.09, 0.009, 0.001])
    found = standing_of(np.log(shares))
    assert (np.abs(found.tilt) < 1.0).all()
    assert (np.diff(found.tilt) <= 0.0).all()
    assert found.untried.tolist() == [False] * 5 + [True, True]
    # A shop where nobody did anything: nothing is popular, and nothing is behind the others.
    flat = standing_of(np.log(np.full(4, 0.25)))
    assert flat.tilt.tolist() == [0.0] * 4
    assert not flat.untried.any()
    assert len(standing_of(np.zeros(0)).tilt) == 0


def test_the_pool_is_deep_for_short_slates_and_bounded_for_long_ones() -> None:
    assert [pool_size(count) for count in (1, 10, 30, 50, 200)] == [10, 100, 300, 300, 600]
