"""Figures on hand-made outcomes, intervals that hold what they promise, verdicts that say what is so."""

from dataclasses import replace

import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.proofs.report import Estimate
from eachwise.proofs.world_metrics import (
    APART,
    KNOWN,
    all_figures,
    later_half,
    rate,
    ratio,
    regret,
    verdict,
)
from eachwise.proofs.world_stream import Outcomes


def made(person: list[int], **columns: list[float]) -> Outcomes:
    """Outcomes of sends in one world; what is not given did not happen."""
    n = len(person)

    def bools(name: str, default: int = 0) -> np.ndarray:
        return np.array(columns.get(name, [default] * n), dtype=bool)

    return Outcomes(
        seed=np.ones(n, dtype=np.int64),
        person=np.array(person),
        sent=bools("sent", 1),
        clicked=bools("clicked"),
        purchased=bools("purchased"),
        hidden=bools("hidden"),
        conflicting=bools("conflicting"),
        value=np.array(columns.get("value", [0.0] * n)),
        expected=np.array(columns.get("expected", [0.0] * n)),
        believed=np.array(columns.get("believed", [np.nan] * n)),
    )


def test_a_ratio_is_of_sums_and_its_error_of_clusters() -> None:
    # Three people with sums a = 2, 1, 0 and b = 3, 1, 2: R = 1/2, e = 0.5, 0.5, −1.
    found = ratio([1, 1, 0, 1, 0], [1, 1, 1, 1, 2], np.array([7, 7, 7, 8, 9]))
    se = np.sqrt(3 / 2 * 1.5 / 36)
    assert found.value == pytest.approx(0.5)
    assert found.high - found.value == pytest.approx(4.302652729911275 * se)  # t(2) at 0.975
    assert found.value - found.low == pytest.approx(found.high - found.value)


def test_no_interval_without_clusters_or_base() -> None:
    with pytest.raises(InvalidInput):
        ratio([1, 0], [1, 1], np.array([5, 5]))
    with pytest.raises(InvalidInput):
        ratio([1, 0], [0, 0], np.array([5, 6]))


def test_what_never_happened_may_still_happen() -> None:
    person = np.array([1, 2, 2])
    found = rate([0, 0, 0], [1, 1, 1], np.array([5, 5, 5]), person)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(
        3.841458820694124 / (2 + 3.841458820694124)
    )  # Wilson, 0 of 2
    assert rate([0, 0, 0], [0, 0, 0], person, person) == Estimate(0.0, 0.0, 1.0)


def test_rates_stay_between_0_and_1() -> None:
    person = np.array([1, 2, 3, 4])
    found = rate([1, 0, 0, 0], [1, 1, 1, 1], person, person)
    assert found.value == 0.25
    assert found.low == 0.0
    assert found.high <= 1.0


def test_figures_of_hand_made_outcomes() -> None:
    person = [1, 1, 2, 2, 3, 3, 4, 4]
    arms = {
        "blanket": made(person, clicked=[1, 0, 0, 0, 0, 1, 0, 0], value=[4, 0, 0, 0, 0, 4, 0, 0]),
        "individual:x": made(
            person,
            sent=[1, 1, 1, 1, 1, 1, 0, 0],
            clicked=[1, 0, 1, 0, 0, 1, 0, 0],
            purchased=[1, 0, 0, 0, 0, 0, 0, 0],
            hidden=[0, 1, 0, 0, 0, 0, 0, 0],
            conflicting=[0, 1, 0, 1, 0, 0, 0, 0],
            value=[8, -2, 0, 0, 0, 4, 0, 0],
        ),
        "oracle": made(person, value=[8, 0, 4, 0, 0, 4, 0, 4]),
    }
    found = all_figures(arms)["individual:x"]
    assert {name: estimate.value for name, estimate in found.items()} == pytest.approx(
        {
            "click_rate": 3 / 8,
            "value": 10 / 8,
            "disconnect_rate": 2 / 6,
            "hide_rate": 1 / 6,
            "conversion_rate": 1 / 8,
            "silence_rate": 2 / 8,
            "lift": 3 / 2 - 1,
            "oracle_share": 10 / 20,
        }
    )
    for estimate in found.values():
        assert estimate.low <= estimate.value <= estimate.high


def test_shared_luck_cancels_in_what_is_paired() -> None:
    person = list(range(200))
    clicked = [float(each % 7 == 0) for each in person]
    arms = {name: made(person, clicked=clicked, value=clicked) for name in ("blanket", "oracle")}
    found = all_figures(arms)["oracle"]
    assert found["lift"] == Estimate(0.0, 0.0, 0.0)
    assert found["oracle_share"] == Estimate(1.0, 1.0, 1.0)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    # 300 people who click at their own rate, mean .1, and come 1 to 20 times: naive intervals hold 80 % of the time.
    generator = np.random.default_rng(20261122)
    held = 0
    for _ in range(400):
        visits = generator.integers(1, 21, 300)
        own = np.repeat(generator.beta(0.5, 4.5, 300), visits)
        happened = generator.random(len(own)) < own
        found = ratio(happened, np.ones(len(own)), np.repeat(np.arange(300), visits))
        held += found.low <= 0.1 <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_few_worlds_are_enough_where_people_of_a_world_share_its_luck() -> None:
    # 5 worlds with a rate of their own, .1 ± .02, of 400 people each: by person it would hold three times in four.
    generator = np.random.default_rng(20261122)
    world = np.repeat(np.arange(5), 400)
    held = 0
    for _ in range(400):
        happened = generator.random(2000) < np.repeat(generator.normal(0.1, 0.02, 5), 400)
        found = ratio(happened, np.ones(2000), world)
        held += found.low <= 0.1 <= found.high
    assert 0.92 <= held / 400 <= 0.98


def test_worlds_are_the_clusters_and_of_one_world_its_people() -> None:
    one = made([1, 1, 2, 3], clicked=[1, 0, 0, 1], value=[1, 0, 0, 1])
    apart = replace(one, seed=np.array([1, 1, 1, 2]))
    for arm, cluster in ((one, one.person), (apart, apart.seed)):
        arms = {"blanket": arm, "oracle": arm}
        assert all_figures(arms)["blanket"]["value"] == ratio(arm.value, np.ones(4), cluster)


def test_the_later_half_is_of_each_world() -> None:
    arm = made([1, 2, 3, 4], value=[1.0, 2.0, 3.0, 4.0])
    later = later_half({"blanket": arm}, np.array([0.0, 0.5, 0.0, 0.5]))["blanket"]
    assert later.person.tolist() == [2, 4]
    assert later.value.tolist() == [2.0, 4.0]


def played(clicks: list[int], conflicts: list[int], value: float = 1.0) -> Outcomes:
    """400 sends in each of some worlds: so many clicks and conflicts in each, and this value a decision."""
    n = 400 * len(clicks)
    world = np.repeat(np.arange(len(clicks)), 400)
    place = np.tile(np.arange(400), len(clicks))
    luck = np.tile([-0.1, 0.1], n // 2)
    return replace(
        made(list(range(n))),
        seed=world,
        clicked=place < np.array(clicks)[world],
        conflicting=place < np.array(conflicts)[world],
        value=value + luck + 0.01 * world,
    )


SEGMENTS = {
    "blanket": played([9, 10, 11, 10], [60, 58, 62, 60], 0.5),
    "segment:a": played([10, 11, 10, 12], [40, 44, 40, 42], 0.6),
    "oracle": played([40, 40, 40, 40], [0, 0, 0, 0], 2.0),
}


def test_a_clear_win_is_called_one() -> None:
    said = verdict(
        {**SEGMENTS, "individual:x": played([20, 21, 20, 22], [3, 4, 3, 4])}, "individual:x"
    )
    assert said.startswith(
        "Individuals (individual:x) beat the blanket and every segment in clicks, value and disconnects, with "
        "intervals that do not touch."
    )
    assert "of the oracle's value" in said


@pytest.mark.parametrize(
    ("rival", "words"),
    [
        (
            played([16, 18, 22, 20], [3, 4, 3, 4], 0.6),
            (
                "beside segment:b: value better with intervals that do not touch, clicks better world by world "
                "(paired), though intervals touch, disconnects not shown to be better"
            ),
        ),
        (
            played([30, 31, 30, 32], [1, 1, 1, 1], 3.0),
            "beside segment:b: clicks, value and disconnects worse",
        ),
    ],
)
def test_what_is_not_shown_is_said(rival: Outcomes, words: str) -> None:
    arms = {
        **SEGMENTS,
        "segment:b": rival,
        "individual:x": played([18, 20, 24, 22], [3, 4, 3, 4]),
    }
    said = verdict(arms, "individual:x")
    assert "beat blanket and segment:a in clicks, value and disconnects, with" in said
    assert words in said


def test_regret_is_what_the_oracle_has_more_and_the_mean_of_worlds() -> None:
    person = list(range(8))
    world = np.array([1, 1, 1, 1, 2, 2, 2, 2])
    oracle = replace(made(person, value=[2.0] * 8), seed=world)
    arm = replace(made(person, value=[2, 1, 2, 0, 0, 2, 2, 2]), seed=world)
    found = regret({"blanket": arm, "oracle": oracle})
    assert set(found) == {"decisions", "blanket"}
    last = {decisions: found["blanket"][at] for at, decisions in enumerate(found["decisions"])}
    assert last == {0.0: 0.0, 1.0: 1.0, 2.0: 1.5, 3.0: 1.5, 4.0: 2.5}


def test_what_is_believed_and_what_is_known_stand_beside_the_truth() -> None:
    known = played([22, 22, 22, 22], [0, 0, 0, 0])
    own = played([20, 21, 20, 22], [3, 4, 3, 4])
    known = replace(known, expected=np.full(len(own.sent), 0.10))
    own = replace(
        own, believed=np.full(len(own.sent), 0.01), expected=np.full(len(own.sent), 0.095)
    )
    arms = {**SEGMENTS, KNOWN: known, "individual:x": own}
    found = all_figures(arms)["individual:x"]
    assert found["believed_disconnect_rate"].value == pytest.approx(0.01)
    assert found["known_share"].value == pytest.approx(83 / 88)
    assert found["expected_known_share"].value == pytest.approx(0.95)
    assert "believed_disconnect_rate" not in all_figures(arms)[KNOWN]
    said = verdict(arms, "individual:x")
    assert "94.3%" in said
    assert "(95.0% [95.0%, 95.0%] of those that the truth expects)" in said
    assert f"of the clicks of {KNOWN}" in said
    assert "0.88% of their sends run against the person; by the engine's own estimate 1.00%" in said
    assert "Vowpal" not in said


def test_the_best_rival_and_the_twin_are_named() -> None:
    arms = {
        **SEGMENTS,
        "reference:vw_bag": played([12, 12, 12, 13], [9, 9, 9, 9]),
        "reference:vw_epsilon": played([15, 16, 15, 16], [9, 9, 9, 9]),
        "individual:x": played([20, 21, 20, 22], [3, 4, 3, 4]),
        "individual:again": played([20, 20, 21, 22], [3, 4, 3, 4]),
    }
    said = verdict(arms, "individual:x", twin="individual:again")
    assert "best of Vowpal Wabbit is reference:vw_epsilon with 3.88% clicks" in said
    assert f"(the engine: 5.19%, {APART})" in said
    assert "the same policy has +0.00 [-0.3" in said
