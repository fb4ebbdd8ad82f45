"""Tastes, told as stories."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest

from eachwise.contracts.events import Action, Event, Line, Meaning
from eachwise.contracts.individual import ANY_VALUE, Affinity, Individual
from eachwise.individual import Population, affinities, affinity_vectors, fold
from eachwise.settings import AffinitySettings

NOW_US = 1_700_000_000_000_000
SETTINGS = AffinitySettings()
POPULATION = {
    "diet=meat": 0.3,
    "diet=fish": 0.09,
    "genre=metal": 0.1,
    "genre=kids": 0.05,
    "rare=one": 5e-4,
}


def does(
    state: Individual,
    item: str,
    action: Action = Action.VIEW,
    *,
    times: int = 1,
    at_us: int = NOW_US,
    weight: float = 1.0,
    preferences: dict[str, int] | None = None,
) -> None:
    """Fold the same deed some times; an item's id says its values, ``a=1,b=2``."""
    for _ in range(times):
        event = Event(
            message_id=f"m{state.events}-{item}-{action}",
            kind="track",
            occurred_at_us=at_us,
            received_at_us=at_us,
        )
        lines = (Line(item),) if item else ()
        meaning = Meaning(action=action, weight=weight, lines=lines, preferences=preferences or {})
        fold(state, event, meaning, lambda item_id: tuple(item_id.split(",")), SETTINGS)


def taste(state: Individual, value: str, *, moment: bool = False, now_us: int = NOW_US) -> Affinity:
    """One value's affinity."""
    found = affinities(state, POPULATION, now_us, SETTINGS, moment=moment)
    return next(affinity for affinity in found if affinity.value == value)


def test_a_reader_of_forty_recipes_without_meat_avoids_meat() -> None:
    state = Individual()
    does(state, "diet=other", times=40)
    meat = taste(state, "diet=meat")
    # α = 9 of 30 prior items: log(9/61) − log(.3/.7), by hand.
    assert meat.log_odds == pytest.approx(log(9 / 61) - log(0.3 / 0.7))
    assert meat.sd == pytest.approx(sqrt(1 / 9 + 1 / 61))
    assert meat.z < -2.9
    assert meat.words == "Avoids diet=meat: 0 of 40 recent items, expected about 12"


def test_thin_evidence_does_not_shout() -> None:
    state = Individual()
    does(state, "diet=other", times=3)
    meat = taste(state, "diet=meat")
    assert -0.5 < meat.z < 0.0
    assert meat.words.startswith("Too little to tell about diet=meat: 0 of 3 recent items")
    does(state, "rare=one")
    rare = taste(state, "rare=one")
    assert rare.log_odds == pytest.approx(log(2), abs=0.01)
    assert rare.z < 1.1


def test_a_value_without_a_reference_is_left_out_unless_declared() -> None:
    state = Individual()
    does(state, "new=1", times=20)
    assert affinities(state, {}, NOW_US, SETTINGS) == []
    does(state, "", Action.DECLARE, preferences={"new=2": 1})
    assert [a.value for a in affinities(state, {}, NOW_US, SETTINGS)] == ["new=2"]


def test_no_evidence_is_no_taste() -> None:
    assert [
        a.log_odds for a in affinities(Individual(), POPULATION, NOW_US, SETTINGS)
    ] == pytest.approx([0.0] * 5)
    assert (
        taste(Individual(), "diet=fish").words == "Too little to tell about diet=fish: no items yet"
    )


def test_what_was_turned_down_is_no_item_engaged_with() -> None:
    state = Individual()
    does(state, "diet=other", times=40)
    does(state, "diet=meat", Action.HIDE)
    meat = taste(state, "diet=meat")
    assert (meat.evidence, meat.against) == pytest.approx((50.0, 10.0))
    assert meat.words.endswith(": 0 of 40 recent items, expected about 12, and turned down")
    assert taste(state, "diet=meat", moment=True).words.endswith(
        "40 recent items, expected about 12"
    )
    hidden = Individual()
    does(hidden, "diet=meat", Action.HIDE)
    assert taste(hidden, "diet=meat").words.endswith(": no items yet, and turned down")


def test_a_fish_eater_in_words() -> None:
    state = Individual()
    does(state, "diet=fish", times=14)
    does(state, "diet=other", times=8)
    assert (
        taste(state, "diet=fish").words
        == "Strongly prefers diet=fish: 14 of 22 recent items, others 9 %"
    )


def test_a_gift_does_not_make_a_metal_fan_a_child() -> None:
    state = Individual()
    does(state, "genre=metal", times=40)
    does(state, "genre=rock", times=9)
    does(state, "genre=kids", Action.PURCHASE)
    metal, kids = taste(state, "genre=metal"), taste(state, "genre=kids")
    assert metal.share == pytest.approx(0.8)
    assert metal.z > 6
    assert abs(kids.z) < 1


def test_what_was_shown_and_not_taken_up_counts_against() -> None:
    shown, unseen = Individual(), Individual()
    for state in (shown, unseen):
        does(state, "diet=other", times=20)
        does(state, "diet=fish", times=2)
    does(shown, "diet=fish", Action.LIST, times=60)
    does(unseen, "diet=other", Action.LIST, times=60)
    assert taste(shown, "diet=fish").expected > 0.5
    assert taste(shown, "diet=fish").z < -2
    assert taste(unseen, "diet=fish").expected < POPULATION["diet=fish"]
    assert taste(unseen, "diet=fish").z > 0


@pytest.mark.parametrize("action", [Action.HIDE, Action.REMOVE, Action.REFUND])
def test_turning_against_an_item_lowers_its_values(action: Action) -> None:
    state = Individual()
    before = taste(state, "diet=meat").log_odds
    does(state, "diet=meat", action, times=5)
    assert taste(state, "diet=meat").log_odds < before - 0.1
    assert taste(state, "diet=fish").log_odds == pytest.approx(0.0)
    assert ANY_VALUE in state.affinity


def test_what_is_declared_counts_both_ways() -> None:
    state = Individual()
    does(state, "", Action.DECLARE, preferences={"diet=fish": 1, "diet=meat": -1})
    assert taste(state, "diet=fish").z > 1.96
    assert taste(state, "diet=meat").z < -1.5
    assert taste(state, "diet=meat").words.startswith("Says to avoid diet=meat")
    does(state, "", Action.DECLARE, at_us=NOW_US + 1, preferences={"diet=meat": 0})
    assert taste(state, "diet=meat").log_odds == pytest.approx(0.0)


def test_the_moment_passes_and_the_general_taste_stays() -> None:
    state = Individual()
    does(state, "diet=fish", times=10)
    assert taste(state, "diet=fish", moment=True).z > 1.96
    later = NOW_US + 6 * 3600 * 1_000_000
    assert abs(taste(state, "diet=fish", moment=True, now_us=later).z) < 0.1
    assert taste(state, "diet=fish", now_us=later).z > 1.96


def test_a_clock_that_lags_behind_the_person_breaks_nothing() -> None:
    state = Individual()
    does(state, "diet=fish", times=5)
    does(state, "diet=meat", times=5, at_us=NOW_US + 24 * 3600 * 1_000_000)
    for moment in (False, True):
        fish = taste(state, "diet=fish", moment=moment, now_us=0)
        assert np.isfinite([fish.log_odds, fish.sd]).all()
        assert fish.share <= 0.5


def test_vectors_agree_with_the_list() -> None:
    state = Individual()
    does(state, "diet=fish", times=7)
    does(state, "diet=meat,genre=metal", Action.LIST, times=3)
    does(state, "diet=meat", Action.HIDE)
    does(state, "", Action.DECLARE, preferences={"genre=kids": 1})
    later = NOW_US + 10**12
    value_of = {value: column for column, value in enumerate(POPULATION)}
    expected = np.array(list(POPULATION.values()))
    vectors = affinity_vectors(state, value_of, 5, expected, later, SETTINGS)
    for moment, log_odds, sd in (
        (False, vectors.general, vectors.general_sd),
        (True, vectors.moment, vectors.moment_sd),
    ):
        for affinity in affinities(state, POPULATION, later, SETTINGS, moment=moment):
            column = value_of[affinity.value]
            assert log_odds[column] == pytest.approx(affinity.log_odds)
            assert sd[column] == pytest.approx(affinity.sd)
            if not moment:
                assert vectors.evidence[column] == pytest.approx(affinity.evidence)
    assert list(vectors.declared) == [0, 0, 0, 1, 0]


def test_a_catalogue_without_values_has_no_affinities() -> None:
    vectors = affinity_vectors(Individual(), {}, 0, np.zeros(0), NOW_US, SETTINGS)
    assert vectors.general.shape == (0,)


def test_the_population_is_the_share_of_items_that_carry_a_value() -> None:
    population = Population()
    population.observe((), 0.0)
    assert population.shares() == {}
    for n in range(10):
        population.observe(("a=1",) if n < 3 else ("a=2", "b=1"), 1e9)
    assert population.shares() == pytest.approx({"a=1": 0.3, "a=2": 0.7, "b=1": 0.7})
    population.observe(("a=1",), 1e9 + population.half_life_s, 10.0)
    assert population.shares()["a=1"] == pytest.approx((1.5 + 10) / 15)
