"""A page is decided together, a visit keeps its choice, and what bounds caps and exploration is counted exactly."""

from __future__ import annotations

from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.decision import DecideResponse
from eachwise.contracts.errors import InvalidInput
from eachwise.settings import parse_settings
from tests.flow.shop import DEFINITIONS, answer, furnish

DAY_S = 86_400


def define(engine: Engine, placement: dict[str, Any], **experience: Any) -> None:
    """The shop's definitions with changes to ``hero`` and to every offer, and a second hero beside it."""
    placements = [
        {**each, **placement} if each["placement_id"] == "hero" else each
        for each in DEFINITIONS["placements"]
    ]
    second = {"placement_id": "side", "channel": "web", "outcome_window_s": 60, "reserve_s": 30}
    offers = [
        {**each, "placements": ["hero", "side"], **experience}
        if each["experience_id"].endswith("-offer")
        else each
        for each in DEFINITIONS["experiences"]
    ]
    engine.define({"placements": [*placements, second], "experiences": offers})


def page(engine: Engine, user: str) -> DecideResponse:
    """Both heroes at once."""
    return engine.decide(user, placements=["hero", "side"])


def test_nothing_is_twice_on_a_page_and_every_decision_replays(engine: Engine) -> None:
    define(engine, {})
    met = set()
    for number in range(40):
        decided = page(engine, f"u{number}").decisions
        assert [each.placement_id for each in decided] == ["hero", "side"]
        first, second = (each.experience_id for each in decided)
        assert first != second or first == "silence"
        met |= {first, second}
        records = [engine.decision(each.decision_id) for each in decided]
        given = [record for record in records if record.inputs.taken]
        assert len(given) <= 1
        for record in given:
            other = next(each for each in records if each is not record)
            assert record.inputs.taken == [other.experience_id]
            assert record.filters["taken"] == 1
        assert all(engine.replay(record.decision_id).exact for record in records)
    assert len(met) >= 4


def test_one_group_appears_once_on_a_page(engine: Engine) -> None:
    define(engine, {}, group="offers")
    for number in range(20):
        chosen = [each.experience_id for each in page(engine, f"u{number}").decisions]
        assert sum(each != "silence" for each in chosen) <= 1


def test_who_loses_most_goes_first(engine: Engine) -> None:
    """The second placement alone has the dear offer's rival; the first can do with either."""
    define(engine, {})
    engine.define(
        {
            "placements": [{"placement_id": "hero"}, {"placement_id": "side"}],
            "experiences": [
                {"experience_id": "dear", "placements": ["hero", "side"], "value": 100.0},
                {"experience_id": "next", "placements": ["hero"], "value": 90.0},
            ],
        }
    )
    better = 0
    for number in range(30):
        hero, side = page(engine, f"u{number}").decisions
        better += (hero.experience_id, side.experience_id) == ("next", "dear")
    assert better >= 20


def test_a_visit_keeps_its_choice_until_it_must_not(engine: Engine, clock: SettableClock) -> None:
    define(engine, {"sticky_s": 600}, caps=[{"count": 1, "window_s": DAY_S}])
    (first,) = engine.decide("u", placements=["hero"]).decisions
    assert not first.is_silence
    answer(engine, "u", first.decision_id, "Viewed")
    clock.advance(seconds=500)
    (again,) = engine.decide("u", placements=["hero"]).decisions
    assert again == first
    assert engine.core._store.counts()["decisions"] == 1
    answer(engine, "u", first.decision_id, "Hidden")
    (after,) = engine.decide("u", placements=["hero"]).decisions
    assert after.experience_id != first.experience_id


def test_a_visit_ends(engine: Engine, clock: SettableClock) -> None:
    define(engine, {"sticky_s": 600})
    (first,) = engine.decide("u", placements=["hero"]).decisions
    clock.advance(seconds=600)
    (later,) = engine.decide("u", placements=["hero"]).decisions
    assert later.decision_id != first.decision_id


def test_caps_count_what_the_state_does_not_reach_back_to(
    engine: Engine, clock: SettableClock
) -> None:
    """64 contacts are kept: more of them push the first exposures out of the state; the log still has them."""
    define(engine, {"caps": [{"count": 60, "window_s": 7 * DAY_S}]}, lever=10.0)
    names = [("Viewed", number) for number in range(59)]
    names += [("Dismissed", number) for number in range(20, 30)]
    for name, number in names:
        clock.advance(seconds=60)
        told = {"experience_id": "tofu-offer", "placement": "hero", "decision_id": f"x{number}"}
        engine.track("u", f"Experience {name}", told)
    (decided,) = engine.decide("u", placements=["hero"]).decisions
    record = engine.decision(decided.decision_id)
    assert record.inputs.earlier is not None
    assert len(record.inputs.earlier) == 69 - 64
    assert not decided.is_silence
    assert engine.replay(decided.decision_id).exact
    answer(engine, "u", decided.decision_id, "Viewed")
    (held,) = engine.decide("u", placements=["hero"]).decisions
    assert held.is_silence
    assert engine.decision(held.decision_id).filters["frequency"] == 4


@pytest.mark.parametrize("bound", [0, 3])
def test_exploration_is_bounded_by_person_and_day(clock: SettableClock, bound: int) -> None:
    settings = parse_settings(
        {"decide": {"policy": "epsilon_greedy", "epsilon": 0.9, "explorations_per_day": bound}}
    )
    with Engine.open(None, clock=clock, settings=settings) as engine:
        furnish(engine)
        explored = 0
        for _ in range(40):
            clock.advance(seconds=60)
            (decided,) = engine.decide("u", placements=["hero"]).decisions
            record = engine.decision(decided.decision_id)
            assert record.inputs.explored == explored
            explored += record.explored
        assert explored == bound
        clock.advance(seconds=DAY_S)
        (decided,) = engine.decide("u", placements=["hero"]).decisions
        assert engine.decision(decided.decision_id).inputs.explored == 0


def test_a_fault_on_the_way_ends_in_silence_that_is_logged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault in the recommender, which the stage of decisions knows nothing of."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no scores today")

    monkeypatch.setattr("eachwise.flow.compose.rank", broken)
    decided = engine.decide("u", placements=["hero", "rail"]).decisions
    assert [each.experience_id for each in decided] == ["silence", "silence"]
    record = engine.decision(decided[0].decision_id)
    assert record.failed == "ZeroDivisionError: no scores today"
    assert record.probability == 1.0
    assert engine.replay(record.decision_id).exact
    monkeypatch.undo()
    assert not engine.replay(record.decision_id).agrees


def test_what_goes_wrong_with_a_figure_of_ours_is_not_told_as_the_callers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise InvalidInput("not positive definite", field="covariance")

    monkeypatch.setattr("eachwise.flow.compose.rank", broken)
    (decided,) = engine.decide("u", placements=["hero"]).decisions
    assert engine.decision(decided.decision_id).failed == "InvalidInput: not positive definite"
    assert engine.replay(decided.decision_id).exact


def test_a_fault_halfway_holds_no_place_and_uses_no_budget(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first placement of the page is decided for, and charged, before the second one fails."""
    define(engine, {}, budgets=[{"limit": 5, "unit": "exposures"}], lever=10.0)

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no page today")

    monkeypatch.setattr("eachwise.flow.pages.Pages._given", broken)
    decided = page(engine, "u").decisions
    assert [engine.decision(each.decision_id).failed for each in decided] == [
        "ZeroDivisionError: no page today"
    ] * 2
    assert engine.core.people.reservations("user:u", engine.clock.now_us()) == []
    assert {each.used for each in engine.budgets()} == {0.0}
