"""A repeated request, a visit and a bound stay what they are: on whole pages, over a login, and after a restart."""

from __future__ import annotations

from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.decision import Decided, DecideRequest, DecideResponse
from eachwise.contracts.errors import InvalidInput, StoreError
from eachwise.flow.drive import Flow
from eachwise.settings import parse_settings
from tests.flow.shop import answer
from tests.support.sending import DEFINITIONS, put, subscribe
from tests.support.sending import furnish as furnish_for_messages

DAY_S = 86_400


def define(engine: Engine, *experiences: dict[str, Any], **placement: Any) -> None:
    """Two heroes, ``left`` and ``right``, kept for half an hour; offers go into both where they do not say."""
    engine.define(
        {
            "placements": [
                {"placement_id": "left", "sticky_s": 1800, **placement},
                {"placement_id": "right", "sticky_s": 1800, **placement},
                *({"placement_id": f"other-{number}"} for number in range(11)),
            ],
            "experiences": [
                {"value": 100.0, "placements": ["left", "right"], **each} for each in experiences
            ],
        }
    )


def shown(engine: Engine, placement_id: str, **who: str) -> Decided:
    """The next decision for a placement that is not silence, for new people until there is one."""
    for number in count():
        named: dict[str, Any] = {name: f"{value}{number}" for name, value in who.items()}
        (decided,) = engine.decide(placements=[placement_id], **named).decisions
        if not decided.is_silence:
            return decided
    raise AssertionError


def ids(response: DecideResponse) -> list[str]:
    return [each.decision_id for each in response.decisions]


def user_of(engine: Engine, decided: Decided) -> str:
    return engine.decision(decided.decision_id).individual_id.partition(":")[2]


# -- requests that are repeated ---------------------------------------------------------------------------


def test_a_page_with_a_kept_decision_is_repeated_whole(
    engine: Engine, clock: SettableClock
) -> None:
    define(engine, {"experience_id": "x", "placements": ["left"]})
    kept = shown(engine, "left", user_id="u")
    user = user_of(engine, kept)
    first = engine.decide(user, placements=["left", "other-1"], request_id="r")
    assert first.decisions[0].decision_id == kept.decision_id
    new = engine.decision(first.decisions[1].decision_id)
    assert new.beside == [kept.decision_id]
    clock.advance(seconds=7200)
    assert engine.decide(user, placements=["left", "other-1"], request_id="r") == first
    turned = engine.decide(user, placements=["other-1", "left"], request_id="r")
    assert ids(turned) == ids(first)[::-1]
    with pytest.raises(InvalidInput, match="other placements"):
        engine.decide(user, placements=["other-1"], request_id="r")


def test_a_page_of_nothing_but_kept_decisions_is_repeated(
    engine: Engine, clock: SettableClock
) -> None:
    define(engine, {"experience_id": "x"})
    kept = shown(engine, "left", user_id="u")
    user = user_of(engine, kept)
    first = engine.decide(user, placements=["left"], request_id="r")
    assert ids(first) == [kept.decision_id]
    clock.advance(seconds=7200)
    assert engine.decide(user, placements=["left"], request_id="r") == first
    assert ids(engine.decide(user, placements=["left"], request_id="s")) != ids(first)


def test_a_message_whose_answer_got_lost_is_answered_again(clock: SettableClock) -> None:
    with Engine.open(clock=clock) as engine:
        furnish_for_messages(engine)
        subscribe(engine, "ann")
        message = put(engine.core, "ann", "hero")
        clock.advance(seconds=5)
        first = engine.decide("ann", placements=["hero"], request_id="r")
        assert ids(first) == [message.decision_id]
        assert engine.decide("ann", placements=["hero"], request_id="r") == first
        assert engine.message(message.message_id).state == "picked"


def both(first: Flow[DecideResponse], second: Flow[DecideResponse]) -> list[DecideResponse]:
    """Two flows at once: the second begins while the first waits for the disk."""
    begun = [(flow, next(flow)) for flow in (first, second)]
    found: list[DecideResponse] = []
    for flow, waits_for in begun:
        written = waits_for
        try:
            while True:
                written = flow.send(written.result())
        except StopIteration as stop:
            found.append(stop.value)
    return found


def test_a_repetition_while_the_first_is_being_written_waits_for_it(engine: Engine) -> None:
    define(engine, {"experience_id": "x"})
    request = DecideRequest(placements=["left", "right"], user_id="u", request_id="r")
    before = engine.core._store.counts()["decisions"]
    first, second = both(engine.core.decide(request), engine.core.decide(request))
    assert first == second
    assert engine.core._store.counts()["decisions"] == before + 2
    assert engine.decide("u", placements=["left", "right"], request_id="r") == first


def test_a_repetition_decides_itself_where_the_first_could_not_be_written(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    define(engine, {"experience_id": "x"})
    request = DecideRequest(placements=["left"], user_id="u", request_id="r")
    first, second = engine.core.decide(request), engine.core.decide(request)
    with monkeypatch.context() as patched:
        patched.setattr(engine.core._store, "commit", lambda _: Future[None]())
        next(first)
    under_way = next(second)
    assert not under_way.cancel(), "who gives up waiting must not take it from the others"
    with pytest.raises(StoreError):
        first.throw(StoreError("the disk is full"))
    assert under_way.done()
    assert len(both(second, engine.core.decide(request))[0].decisions) == 1
    assert engine.core._store.counts()["decisions"] == 1


def test_a_repetition_after_a_login_is_one(engine: Engine, clock: SettableClock) -> None:
    define(engine, {"experience_id": "x"}, sticky_s=0)
    first = engine.decide(anonymous_id="a", placements=["left"], request_id="r")
    clock.advance(seconds=1)
    engine.identify("u", {}, anonymousId="a")
    clock.advance(seconds=1)
    again = engine.decide("u", anonymous_id="a", placements=["left"], request_id="r")
    assert ids(again) == ids(first)
    assert again.individual_id == "user:u"
    somebody = engine.decide("v", placements=["left"], request_id="r")
    assert ids(somebody) != ids(first)


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("context", {"context": {"cart": 2**64}}),
        ("context", {"context": {"query": "\ud800"}}),
        ("request_id", {"request_id": "\ud800"}),
    ],
)
def test_what_no_record_can_hold_is_refused_before_anything_is_decided(
    engine: Engine, field: str, asked: dict[str, Any]
) -> None:
    define(engine, {"experience_id": "x"})
    before = engine.core._store.counts()["decisions"]
    with pytest.raises(InvalidInput) as caught:
        engine.decide("u", placements=["left"], **asked)
    assert caught.value.field == field
    assert engine.core._store.counts()["decisions"] == before
    assert engine.core.people.reservations("user:u", engine.clock.now_us()) == []


# -- visits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", ["", "offers"])
def test_what_two_placements_kept_is_not_twice_on_their_page(engine: Engine, group: str) -> None:
    """Each alone was shown the same offer, or one of the same group; together the first asked for has it."""
    offers = [{"experience_id": "x", "placements": ["left"]}]
    offers += [{"experience_id": "y", "placements": ["right"]}] if group else []
    offers = [{**each, "group": group} for each in offers] if group else [{"experience_id": "x"}]
    define(engine, *offers)
    met = 0
    for number in range(30):
        user = f"u{number}"
        (left,) = engine.decide(user, placements=["left"]).decisions
        (right,) = engine.decide(user, placements=["right"]).decisions
        if left.is_silence or right.is_silence:
            continue
        met += 1
        page = engine.decide(user, placements=["right", "left"]).decisions
        assert page[0] == right
        assert page[1].is_silence
        record = engine.decision(page[1].decision_id)
        assert record.inputs.taken == [right.experience_id]
        assert engine.replay(record.decision_id).exact
    assert met


def test_what_journeys_put_up_is_not_twice_on_a_page_either(clock: SettableClock) -> None:
    with Engine.open(clock=clock) as engine:
        furnish_for_messages(engine)
        placements = [*DEFINITIONS["placements"], {"placement_id": "bar", "channel": "web"}]
        (hello,) = DEFINITIONS["experiences"]
        everywhere = [*hello["placements"], "bar"]
        engine.define(
            {"placements": placements, "experiences": [{**hello, "placements": everywhere}]}
        )
        subscribe(engine, "ann")
        hero, bar = put(engine.core, "ann", "hero"), put(engine.core, "ann", "bar")
        page = engine.decide("ann", placements=["bar", "hero"]).decisions
        assert page[0].decision_id == bar.decision_id
        assert page[1].is_silence
        assert engine.message(hero.message_id).state == "pending"
        (later,) = engine.decide("ann", placements=["hero"]).decisions
        assert later.decision_id == hero.decision_id


def test_a_login_does_not_end_a_visit(engine: Engine, clock: SettableClock) -> None:
    define(engine, *({"experience_id": f"x{number}"} for number in range(6)))
    engine.track(None, "Product Viewed", {"product_id": "p"}, anonymousId="a")
    (first,) = engine.decide(anonymous_id="a", placements=["left"]).decisions
    clock.advance(seconds=1)
    engine.identify("u", {}, anonymousId="a")
    clock.advance(seconds=1)
    assert engine.decide("u", anonymous_id="a", placements=["left"]).decisions == [first]
    # Who does not name the anonymous id may answer without it: that answer would be nobody's.
    (other,) = engine.decide("u", placements=["left"]).decisions
    assert other.decision_id != first.decision_id


def test_who_takes_the_device_over_does_not_get_what_was_kept_for_somebody_else(
    engine: Engine, clock: SettableClock
) -> None:
    define(engine, {"experience_id": "x"})
    (first,) = engine.decide(anonymous_id="a", placements=["left"]).decisions
    for user in ("u", "v"):
        clock.advance(seconds=1)
        engine.identify(user, {}, anonymousId="a")
    clock.advance(seconds=1)
    (other,) = engine.decide("v", anonymous_id="a", placements=["left"]).decisions
    assert other.decision_id != first.decision_id


def test_a_visit_lasts_over_many_other_decisions_and_a_restart(
    tmp_path: Path, clock: SettableClock
) -> None:
    met = set()
    for start in range(3):
        with Engine.open(tmp_path / "store", clock=clock) as engine:
            if not start:
                define(engine, *({"experience_id": f"x{number}"} for number in range(6)))
            for _ in range(2):
                clock.advance(seconds=1)
                met.add(engine.decide("u", placements=["left"]).decisions[0].decision_id)
                engine.decide("u", placements=[f"other-{number}" for number in range(11)])
    assert len(met) == 1


def test_a_longer_visit_looks_further_back(engine: Engine, clock: SettableClock) -> None:
    """What is kept in memory reaches back as far as the shortest visit: the log is asked again."""
    offers = [{"experience_id": f"x{number}", "placements": ["left"]} for number in range(6)]
    define(engine, *offers, sticky_s=0)
    (first,) = engine.decide("u", placements=["left"]).decisions
    clock.advance(seconds=900)
    define(engine, *offers, sticky_s=600)
    engine.decide("u", placements=["right"])
    define(engine, *offers, sticky_s=1800)
    (again,) = engine.decide("u", placements=["left"]).decisions
    assert again.decision_id == first.decision_id


def test_the_last_unit_of_a_budget_stays_with_whom_it_was_decided_for(
    engine: Engine, clock: SettableClock
) -> None:
    budgets = [{"limit": 1, "unit": "exposures"}]
    define(engine, {"experience_id": "x", "budgets": budgets}, reserve_s=60)
    kept = shown(engine, "left", user_id="u")
    user = user_of(engine, kept)
    assert engine.decide(user, placements=["left"]).decisions == [kept]
    assert engine.decide("other", placements=["left"]).decisions[0].is_silence
    answer(engine, user, kept.decision_id, "Viewed")
    clock.advance(seconds=120)
    engine.tick()
    assert engine.decide(user, placements=["left"]).decisions == [kept]


def test_a_unit_that_was_given_back_and_used_by_somebody_else_is_gone(
    engine: Engine, clock: SettableClock
) -> None:
    budgets = [{"limit": 1, "unit": "exposures"}]
    define(engine, {"experience_id": "x", "budgets": budgets}, reserve_s=60)
    kept = shown(engine, "left", user_id="u")
    clock.advance(seconds=120)
    engine.tick()
    shown(engine, "left", user_id="v")
    assert engine.decide(user_of(engine, kept), placements=["left"]).decisions[0].is_silence


def test_a_stock_that_others_took_is_gone_for_a_visit_too(engine: Engine) -> None:
    budgets = [{"limit": 1, "unit": "takeups"}]
    define(engine, {"experience_id": "x", "budgets": budgets})
    first, second = (shown(engine, "left", user_id=name) for name in ("u", "v"))
    for name in ("Viewed", "Clicked"):
        answer(engine, user_of(engine, first), first.decision_id, name)
    assert engine.decide(user_of(engine, first), placements=["left"]).decisions == [first]
    assert engine.decide(user_of(engine, second), placements=["left"]).decisions[0].is_silence


# -- bounds -----------------------------------------------------------------------------------------------


def test_a_held_place_stays_with_the_person_over_a_restart(
    tmp_path: Path, clock: SettableClock
) -> None:
    caps = [{"count": 1, "window_s": DAY_S}]
    with Engine.open(tmp_path / "store", clock=clock) as engine:
        define(engine, {"experience_id": "x", "caps": caps}, sticky_s=0, reserve_s=3600)
        made = shown(engine, "left", anonymous_id="a")
        anonymous = user_of(engine, made)
        clock.advance(seconds=1)
        engine.identify("u", {}, anonymousId=anonymous)
    with Engine.open(tmp_path / "store", clock=clock) as engine:
        clock.advance(seconds=1)
        (held,) = engine.decide("u", placements=["left"]).decisions
        record = engine.decision(held.decision_id)
        assert [each.decision_id for each in record.inputs.reservations] == [made.decision_id]
        assert record.filters["frequency"] == 1
        assert held.is_silence


def test_exploration_is_bounded_over_a_login_and_restarts(
    tmp_path: Path, clock: SettableClock
) -> None:
    settings = parse_settings(
        {"decide": {"policy": "epsilon_greedy", "epsilon": 0.9, "explorations_per_day": 2}}
    )
    explored = 0
    for start in range(3):
        with Engine.open(tmp_path / "store", clock=clock, settings=settings) as engine:
            if not start:
                offers = [{"experience_id": f"x{n}", "value": 100.0 + n} for n in range(6)]
                define(engine, *offers, sticky_s=0)
            for _ in range(60):
                clock.advance(seconds=1)
                named: dict[str, Any] = {"user_id": "u"} if start else {"anonymous_id": "a"}
                (decided,) = engine.decide(placements=["left"], **named).decisions
                explored += engine.decision(decided.decision_id).explored
            if not start:
                clock.advance(seconds=1)
                engine.identify("u", {}, anonymousId="a")
    assert explored == 2
