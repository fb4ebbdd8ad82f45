"""What comes late or under another name moves journeys as if it had come in order, and each keeps its own moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.journey import Journey
from eachwise.journeys import withheld
from tests.flow.programme import BASKET, DAY_S, HOUR_S, consenting, later, outbox, put, standing
from tests.flow.shop import DEFINITIONS, START_US, view

WEEKLY = """
journeys:
  - journey_id: weekly
    entry: {schedule: "09:00"}
    steps:
      - {id: told, emit: Weekly Told}
"""
WELCOME = """
journeys:
  - journey_id: welcome
    entry: {event: Signed Up}
    goal: {event: Order Completed}
    steps:
      - {id: looks, wait_for: {event: Product Viewed, within: 9d}, then: w, else: w}
      - {id: w, wait: 9d}
"""
TWO_AND_A_RECEIPT = """
journeys:
  - journey_id: promo
    entry: {event: Went}
    steps:
      - {id: hi, send: {placement: mail, experience: fish-offer, within: 3d, send_time: best}}
  - journey_id: better
    entry: {event: Ran}
    steps:
      - {id: hi, send: {placement: mail, experience: beef-offer, within: 3d, send_time: now}}
  - journey_id: paid
    entry: {event: Paid}
    steps:
      - {id: hi, send: {placement: receipt, experience: slip, send_time: now}}
"""


def at(seconds: float) -> str:
    """So long after the start, as a sender's timestamp."""
    return (datetime.fromtimestamp(START_US / 1e6, UTC) + timedelta(seconds=seconds)).isoformat()


def statuses(engine: Engine, person: str) -> list[tuple[str, str, str]]:
    return sorted((each.key, each.step, each.status) for each in standing(engine, person))


def with_receipts(fish: float, beef: float) -> dict[str, Any]:
    worth = {"fish-offer": fish, "beef-offer": beef}
    return {
        **DEFINITIONS,
        "placements": [
            *DEFINITIONS["placements"],
            {"placement_id": "receipt", "channel": "email", "transactional": True},
        ],
        "experiences": [
            {**each, "value": worth.get(each["experience_id"], 5.0), "lever": 10.0}
            for each in DEFINITIONS["experiences"]
        ]
        + [{"experience_id": "slip", "placements": ["receipt"]}],
    }


# -- two people turn out to be one -------------------------------------------------------------------------


def test_a_merge_is_noticed_whatever_began_the_journey(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, WEEKLY)
    engine.track(None, "Product Viewed", {"product_id": "fish-1"}, anonymousId="a1")
    engine.tick()
    later(engine, clock, 2)
    later(engine, clock, DAY_S)
    (began,) = standing(engine, "anon:a1")
    engine.identify("u1", anonymousId="a1")
    for _ in range(2):
        later(engine, clock, DAY_S)
    # Once is once, under whatever name.
    assert [each.instance_id for each in standing(engine, "user:u1")] == [began.instance_id]


def test_of_whom_it_is_withheld_no_other_name_is_contacted(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, BASKET.replace("reentry: always", "reentry: always\n    holdout: 50%"))
    journey: Journey = engine.core.programme.journeys.newest["basket"]
    user = next(f"u{n}" for n in range(99) if withheld(journey, f"user:u{n}"))
    browser = next(f"a{n}" for n in range(99) if not withheld(journey, f"anon:a{n}"))
    consenting(engine, user)
    engine.track(user, "Checkout Started", {"order_id": "A", "value": 30})
    engine.tick()
    later(engine, clock, 60)
    engine.track(None, "Checkout Started", {"order_id": "B", "value": 30}, anonymousId=browser)
    engine.tick()
    engine.identify(user, anonymousId=browser)
    later(engine, clock, HOUR_S + 1)
    assert [each.status for each in standing(engine, f"user:{user}")] == ["holdout", "merged"]
    assert not outbox(engine)


# -- late and out of order ---------------------------------------------------------------------------------


def test_history_moves_nothing_that_began_after_it(engine: Engine, clock: SettableClock) -> None:
    put(engine, WELCOME)
    engine.track("u1", "Signed Up")
    engine.tick()
    later(engine, clock, 3 * DAY_S)
    engine.track("u1", "Order Completed", {"order_id": "old"}, timestamp="2026-01-01T00:00:00Z")
    engine.track("u1", "Product Viewed", {"product_id": "x"}, timestamp="2026-01-01T00:00:00Z")
    engine.tick()
    assert statuses(engine, "user:u1") == [("", "looks", "active")]
    # As late, and yet what the journey was for.
    engine.track("u1", "Order Completed", {"order_id": "new"}, timestamp=at(HOUR_S))
    engine.tick()
    assert statuses(engine, "user:u1") == [("", "looks", "goal")]


@pytest.mark.parametrize("user", ["u1", None])
def test_an_event_that_overtook_the_one_that_begins_is_met(
    engine: Engine, clock: SettableClock, user: str | None
) -> None:
    document = BASKET.replace("    goal: {event: Order Completed, within: 7d}\n", "")
    put(engine, document)
    consenting(engine, "u1")
    engine.identify("u1", anonymousId="a1")
    clock.advance(seconds=60)
    engine.track("u1", "Order Completed", {"order_id": "A", "total": 30}, timestamp=at(20))
    engine.track("u1", "Order Completed", {"order_id": "C", "total": 30}, timestamp=at(5))
    engine.tick()
    for order in "ABC":
        started = {"order_id": order, "value": 30}
        engine.track(user, "Checkout Started", started, timestamp=at(10), anonymousId="a1")
    engine.tick()
    # A was ordered meanwhile; B never was; C before its checkout began.
    assert statuses(engine, "user:u1") == [
        ("A", "done", "completed"),
        ("B", "order", "active"),
        ("C", "order", "active"),
    ]
    later(engine, clock, HOUR_S + 1)
    assert len(outbox(engine)) == 1


def test_a_goal_that_overtook_its_journey_ends_it(engine: Engine, clock: SettableClock) -> None:
    put(engine, WELCOME)
    clock.advance(seconds=60)
    engine.track("u1", "Order Completed", {"order_id": "A", "total": 30}, timestamp=at(20))
    engine.tick()
    engine.track("u1", "Signed Up", timestamp=at(10))
    engine.tick()
    assert [each.status for each in standing(engine, "user:u1")] == ["goal"]


def test_what_comes_in_order_asks_the_log_nothing(
    engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, BASKET)
    engine.tick()
    store = engine.core.programme.entering._store
    asked = Mock(wraps=store.events_of)
    monkeypatch.setattr(store, "events_of", asked)
    engine.track("u1", "Checkout Started", {"order_id": "A", "value": 30})
    engine.tick()
    assert [each.key for each in standing(engine, "user:u1")] == ["A"]
    assert not asked.called


# -- moments -----------------------------------------------------------------------------------------------


def test_a_receipt_is_no_moment_for_what_waits_for_its_own(
    engine: Engine, clock: SettableClock
) -> None:
    engine.define(with_receipts(fish=1e6, beef=1e6))
    put(engine, TWO_AND_A_RECEIPT)
    consenting(engine, "u1")
    engine.track("u1", "Went")
    engine.tick()
    (waits,) = standing(engine, "user:u1")
    assert waits.wake_at is not None
    later(engine, clock, 60)
    engine.track("u1", "Paid")
    engine.tick()
    assert [each.experience_id for each in outbox(engine)] == ["slip"]
    assert standing(engine, "user:u1")[0] == waits
    later(engine, clock, 2 * DAY_S)
    assert [each.experience_id for each in outbox(engine)] == ["slip", "fish-offer"]


def test_who_loses_a_slot_before_its_moment_keeps_the_moment(
    engine: Engine, clock: SettableClock
) -> None:
    engine.define(with_receipts(fish=1.0, beef=1e6))
    put(engine, TWO_AND_A_RECEIPT)
    people = [f"u{number}" for number in range(4)]
    consenting(engine, *people)
    for user in people:
        engine.track(user, "Went")
    engine.tick()
    before = {user: standing(engine, f"user:{user}")[0] for user in people}
    later(engine, clock, 60)
    for user in people:
        engine.track(user, "Ran")
    engine.tick()
    won = {each.individual_id for each in outbox(engine) if each.experience_id == "beef-offer"}
    assert won
    for person in won:
        waits = standing(engine, person)[0]
        assert (waits.journey_id, waits.status) == ("promo", "active")
        assert waits == before[person.removeprefix("user:")]
        # It was among the choices all the same: nobody wins by having come first.
        (mail,) = (each for each in outbox(engine) if each.individual_id == person)
        assert engine.decision(mail.decision_id).inputs.only == ["beef-offer", "fish-offer"]


def test_a_schedule_of_a_paused_journey_passes(engine: Engine, clock: SettableClock) -> None:
    put(engine, WEEKLY)
    view(engine, "u1", "fish-1")
    engine.tick()
    put(engine, WEEKLY.replace("entry:", "paused: true\n    entry:"))
    later(engine, clock, 1.1 * DAY_S)
    put(engine, WEEKLY)
    engine.tick()
    assert not outbox(engine, "event")
    later(engine, clock, DAY_S)
    assert len(outbox(engine, "event")) == 1


@pytest.mark.parametrize(("away_days", "made_up"), [(7.2, True), (8.5, False)])
def test_a_moment_that_was_missed_long_ago_is_none(
    engine: Engine, clock: SettableClock, away_days: float, made_up: bool
) -> None:
    # It begins on a Monday afternoon.
    put(engine, WEEKLY.replace('"09:00"', '"mon 09:00"'))
    view(engine, "u1", "fish-1")
    engine.tick()
    later(engine, clock, away_days * DAY_S)
    assert bool(outbox(engine, "event")) == made_up


def test_a_clock_that_was_ahead_for_a_moment_stops_no_schedule(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, WEEKLY.replace("steps:", "reentry: always\n    steps:"))
    view(engine, "u1", "fish-1")
    engine.tick()
    right = clock.now_us()
    clock.set(right + 365 * DAY_S * 1_000_000)
    engine.tick()
    clock.set(right)
    later(engine, clock, 2)
    before = len(outbox(engine, "event"))
    for _ in range(3):
        later(engine, clock, DAY_S)
    assert len(outbox(engine, "event")) == before + 3


def test_waits_that_were_over_while_the_server_was_away_wait_for_what_was_kept_from_it(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, BASKET)
    consenting(engine, "u1")
    for order in "AB":
        engine.track("u1", "Checkout Started", {"order_id": order, "value": 30})
    engine.tick()
    clock.advance(seconds=2 * HOUR_S)
    engine.core.programme.on_noticed(lambda: None)
    engine.tick()
    assert {each.status for each in standing(engine, "user:u1")} == {"active"}
    later(engine, clock, 1)
    engine.track("u1", "Order Completed", {"order_id": "A"}, timestamp=at(HOUR_S / 2))
    engine.tick()
    assert {each.status for each in standing(engine, "user:u1")} == {"goal"}
    assert not outbox(engine)


def test_a_wait_that_was_over_while_the_server_was_away_goes_on_soon(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, BASKET)
    consenting(engine, "u1")
    engine.track("u1", "Checkout Started", {"order_id": "A", "value": 30})
    engine.tick()
    clock.advance(seconds=2 * HOUR_S)
    engine.core.programme.on_noticed(lambda: None)
    later(engine, clock, 119)
    assert not outbox(engine)
    later(engine, clock, 2)
    assert len(outbox(engine)) == 1


def test_after_a_short_stop_nothing_is_put_off(engine: Engine, clock: SettableClock) -> None:
    put(engine, BASKET)
    consenting(engine, "u1")
    engine.track("u1", "Checkout Started", {"order_id": "A", "value": 30})
    engine.tick()
    clock.advance(seconds=HOUR_S + 100)
    engine.core.programme.on_noticed(lambda: None)
    engine.tick()
    assert len(outbox(engine)) == 1
