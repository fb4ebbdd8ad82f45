"""Journeys from the event to the outbox: keys, goals, slots, merges, holdouts, schedules, the catalogue, versions."""

from __future__ import annotations

from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.contracts.journey import InstanceView
from tests.flow.programme import (
    BASKET,
    DAY_S,
    HOUR_S,
    consenting,
    later,
    outbox,
    put,
    standing,
)
from tests.flow.shop import DEFINITIONS, ITEMS, view


def test_a_basket_left_alone_is_written_about_once(engine: Engine, clock: SettableClock) -> None:
    put(engine, BASKET)
    consenting(engine, "u1")
    engine.track("u1", "Checkout Started", {"order_id": "A", "value": 30})
    engine.track("u1", "Checkout Started", {"order_id": "B", "value": 40})
    engine.track("u1", "Checkout Started", {"order_id": "C", "value": 4})
    engine.tick()
    assert [(each.key, each.step) for each in standing(engine, "user:u1")] == [
        ("A", "order"),
        ("B", "order"),
    ]
    assert not outbox(engine)
    later(engine, clock, HOUR_S + 1)
    # Both want the same mail in the same slot: it is one message.
    (mail,) = outbox(engine)
    assert (mail.experience_id, mail.individual_id) == ("fish-offer", "user:u1")
    assert {each.status for each in standing(engine, "user:u1")} == {"completed"}
    told = [each.body["properties"] for each in outbox(engine, "event")]
    assert sorted(each["order"] for each in told) == ["A", "B"]
    record = engine.decision(mail.decision_id)
    assert record.inputs.only == ["fish-offer"]
    assert engine.replay(mail.decision_id).exact
    later(engine, clock, DAY_S)
    assert len(outbox(engine)) == 1


def test_only_the_same_key_ends_the_wait(engine: Engine, clock: SettableClock) -> None:
    document = BASKET.replace("    goal: {event: Order Completed, within: 7d}\n", "")
    put(engine, document)
    consenting(engine, "u1")
    for order in ("A", "B"):
        engine.track("u1", "Checkout Started", {"order_id": order, "value": 30})
    engine.track("u1", "Order Completed", {"order_id": "B", "total": 30})
    engine.tick()
    assert [(each.key, each.status) for each in standing(engine, "user:u1")] == [
        ("A", "active"),
        ("B", "completed"),
    ]
    later(engine, clock, HOUR_S + 1)
    assert len(outbox(engine)) == 1


def test_the_goal_ends_it_at_once(engine: Engine, clock: SettableClock) -> None:
    put(engine, BASKET)
    consenting(engine, "u1")
    engine.track("u1", "Checkout Started", {"order_id": "A", "value": 30})
    engine.tick()
    engine.track("u1", "Order Completed", {"order_id": "other", "total": 3})
    engine.tick()
    (instance,) = standing(engine, "user:u1")
    assert instance.status == "goal"
    later(engine, clock, 2 * DAY_S)
    assert not outbox(engine)


def test_without_consent_nothing_is_sent_and_the_reason_is_kept(
    engine: Engine, clock: SettableClock
) -> None:
    put(engine, BASKET)
    engine.identify("u1", {"email": "u1@example.com"})
    engine.track("u1", "Checkout Started", {"order_id": "A", "value": 30})
    later(engine, clock, 0)
    later(engine, clock, HOUR_S + 1)
    assert not outbox(engine)
    stored = engine.core._store.instance(standing(engine, "user:u1")[0].instance_id)
    assert stored is not None
    assert stored.facts["contact"]["outcome"] == "held"
    assert "consent" in stored.facts["contact"]["reason"]


def test_of_two_journeys_in_one_slot_the_better_for_the_person_is_sent(
    engine: Engine, clock: SettableClock
) -> None:
    capped = {
        **DEFINITIONS,
        "placements": [
            {**each, "caps": [{"count": 1, "window_s": DAY_S}]}
            if each["placement_id"] == "mail"
            else each
            for each in DEFINITIONS["placements"]
        ],
        "experiences": [
            {**each, "value": 50.0 if each["experience_id"] == "fish-offer" else 0.5}
            for each in DEFINITIONS["experiences"]
        ],
    }
    engine.define(capped)
    first = {
        "journey_id": "first",
        "entry": {"event": "Checkout Started"},
        "steps": [
            {
                "id": "a",
                "send": {"placement": "mail", "experience": "cake-offer", "send_time": "now"},
            }
        ],
    }
    second = {
        "journey_id": "second",
        "entry": {"event": "Checkout Started"},
        "steps": [
            {
                "id": "a",
                "send": {"placement": "mail", "experience": "fish-offer", "send_time": "now"},
            }
        ],
    }
    put(engine, {"journeys": [first, second]})
    people = [f"u{number}" for number in range(12)]
    consenting(engine, *people)
    for user in people:
        engine.track(user, "Checkout Started", {"value": 30})
    engine.tick()
    sent = outbox(engine)
    # One message a person, chosen by worth and not by which journey asked first.
    assert len({each.individual_id for each in sent}) == len(sent)
    better = sum(each.experience_id == "fish-offer" for each in sent)
    assert better > 0.7 * len(sent) > 5
    assert all(engine.decision(each.decision_id).candidates == 3 for each in sent)


def test_when_two_people_are_one_the_furthest_goes_on(engine: Engine, clock: SettableClock) -> None:
    put(
        engine,
        {
            "journeys": [
                {
                    "journey_id": "j",
                    "entry": {"event": "Product Viewed"},
                    "steps": [
                        {"id": "one", "wait": "1h"},
                        {"id": "two", "wait": "10h"},
                        {"id": "three", "exit": "end"},
                    ],
                }
            ]
        },
    )
    view(engine, "u1", "fish-1")
    engine.tick()
    later(engine, clock, HOUR_S + 1)
    engine.send(
        [
            {
                "type": "track",
                "anonymousId": "a1",
                "event": "Product Viewed",
                "properties": {"product_id": "fish-2"},
            }
        ]
    )
    engine.tick()
    assert [each.step for each in standing(engine, "anon:a1")] == ["one"]
    engine.send([{"type": "identify", "anonymousId": "a1", "userId": "u1"}])
    engine.tick()
    found = standing(engine, "user:u1")
    assert {each.individual_id for each in found} == {"user:u1"}
    assert [(each.step, each.status) for each in found if each.status == "active"] == [
        ("two", "active")
    ]
    assert [each.status for each in found if each.status != "active"] == ["merged"]
    later(engine, clock, 10 * HOUR_S)
    assert {each.status for each in standing(engine, "user:u1")} == {"merged", "completed"}


def test_a_holdout_is_for_good_and_gets_nothing(engine: Engine, clock: SettableClock) -> None:
    put(engine, BASKET.replace("reentry: always", "reentry: always\n    holdout: 50%"))
    people = [f"u{number}" for number in range(40)]
    consenting(engine, *people)
    for order in ("A", "B"):
        for user in people:
            engine.track(user, "Checkout Started", {"order_id": order, "value": 30})
    engine.tick()
    arms = {user: {each.arm for each in standing(engine, f"user:{user}")} for user in people}
    assert all(len(arm) == 1 for arm in arms.values())
    held = {f"user:{user}" for user, arm in arms.items() if arm == {"holdout"}}
    assert 8 <= len(held) <= 32
    later(engine, clock, HOUR_S + 1)
    assert outbox(engine)
    assert held.isdisjoint(each.individual_id for each in outbox(engine))


def test_a_stage_reached_begins_and_ends_journeys(engine: Engine, clock: SettableClock) -> None:
    put(
        engine,
        {
            "journeys": [
                {
                    "journey_id": "welcome",
                    "entry": {"stage": "known"},
                    "goal": {"stage": "customer"},
                    "steps": [{"id": "w", "wait": "30d"}],
                }
            ]
        },
    )
    engine.send(
        [
            {
                "type": "track",
                "anonymousId": "a1",
                "event": "Product Viewed",
                "properties": {"product_id": "fish-2"},
            }
        ]
    )
    engine.tick()
    assert not standing(engine, "anon:a1")
    engine.send([{"type": "identify", "anonymousId": "a1", "userId": "u1"}])
    engine.tick()
    assert [each.status for each in standing(engine, "user:u1")] == ["active"]
    engine.identify("u1", {"plan": "free"})
    engine.tick()
    assert len(standing(engine, "user:u1")) == 1
    engine.track("u1", "Order Completed", {"order_id": "o", "total": 20})
    engine.tick()
    assert [each.status for each in standing(engine, "user:u1")] == ["goal"]


def test_the_clock_begins_a_journey_for_those_whom_it_concerns(
    engine: Engine, clock: SettableClock
) -> None:
    put(
        engine,
        {
            "journeys": [
                {
                    "journey_id": "due",
                    "entry": {"schedule": {"at": "09:00"}, "when": "orders.due >= 0.9"},
                    "reentry": {"after": "7d"},
                    "steps": [{"id": "w", "wait": "1h"}],
                }
            ]
        },
    )
    for number in range(2):
        engine.track("u1", "Order Completed", {"order_id": f"o{number}", "total": 20})
        engine.track("u2", "Order Completed", {"order_id": f"p{number}", "total": 20})
        later(engine, clock, (10 - 2 * number) * DAY_S)
    engine.track("u2", "Order Completed", {"order_id": "p9", "total": 20})
    engine.tick()
    assert not standing(engine, "user:u1")
    later(engine, clock, 1.5 * DAY_S)
    assert [each.journey_id for each in standing(engine, "user:u1")] == ["due"]
    assert not standing(engine, "user:u2")
    later(engine, clock, DAY_S)
    assert len(standing(engine, "user:u1")) == 1


def test_a_price_that_drops_is_for_those_who_looked(engine: Engine, clock: SettableClock) -> None:
    put(
        engine,
        {
            "journeys": [
                {
                    "journey_id": "cheaper",
                    "entry": {"catalog": "price_drop", "drop_min": 0.2, "key": "item_id"},
                    "reentry": "always",
                    "steps": [{"id": "w", "wait": "1h"}],
                }
            ]
        },
    )
    view(engine, "u1", "fish-1")
    view(engine, "u2", "beef-1")
    engine.tick()
    fish = next(each for each in ITEMS if each["item_id"] == "fish-1")
    engine.put_items([{**fish, "price": fish["price"] * 0.9}])
    engine.tick()
    assert not standing(engine, "user:u1")
    engine.put_items([{**fish, "price": fish["price"] * 0.5}])
    engine.tick()
    assert [each.key for each in standing(engine, "user:u1")] == ["fish-1"]
    assert not standing(engine, "user:u2")


def test_people_finish_the_version_that_they_began_unless_moved(
    engine: Engine, clock: SettableClock
) -> None:
    def journey(**more: Any) -> dict[str, Any]:
        steps = more.pop("steps")
        return {
            "journeys": [
                {"journey_id": "j", "entry": {"event": "Product Viewed"}, "steps": steps, **more}
            ]
        }

    put(engine, journey(steps=[{"id": "a", "wait": "1d"}, {"id": "b", "exit": "first"}]))
    view(engine, "u1", "fish-1")
    engine.tick()
    put(engine, journey(steps=[{"id": "c", "wait": "2d"}, {"id": "d", "exit": "second"}]))
    view(engine, "u2", "fish-1")
    engine.tick()
    assert [each.version for each in standing(engine, "user:u1")] == [1]
    assert [each.version for each in standing(engine, "user:u2")] == [2]
    put(
        engine,
        journey(
            steps=[{"id": "e", "wait": "3d"}, {"id": "f", "exit": "third"}],
            on_edit={"move": {"c": "e", "a": "e"}},
        ),
    )
    engine.tick()
    assert [each.version for each in standing(engine, "user:u1")] == [3]
    assert [each.version for each in standing(engine, "user:u2")] == [3]
    later(engine, clock, 3 * DAY_S + 5)
    assert {each.reason for user in ("u1", "u2") for each in standing(engine, f"user:{user}")} == {
        "third"
    }


def test_entering_by_hand_answers_what_became_of_it(engine: Engine, clock: SettableClock) -> None:
    put(engine, BASKET)
    consenting(engine, "u1")

    def enter(journey_id: str, person: str, **more: Any) -> InstanceView:
        return engine._run(engine.core.programme.enter(journey_id, person, **more))

    with pytest.raises(NotFound, match="nothing"):
        enter("nothing", "user:u1")
    with pytest.raises(NotFound, match="nobody"):
        enter("basket", "user:nobody")
    began = enter("basket", "user:u1", key="A", request_id="r1")
    assert (began.status, began.key) == ("active", "A")
    assert enter("basket", "user:u1", key="A", request_id="r1") == began
    with pytest.raises(InvalidInput, match="in it already"):
        enter("basket", "user:u1", key="A", request_id="r2")


def test_imported_history_begins_nothing(engine: Engine, clock: SettableClock) -> None:
    put(engine, BASKET)
    engine.track(
        "u1", "Checkout Started", {"order_id": "A", "value": 30}, timestamp="2026-08-01T00:00:00Z"
    )
    engine.tick()
    assert not standing(engine, "user:u1")


def test_a_fault_with_one_person_holds_nobody_else_up(
    engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, BASKET)
    consenting(engine, "u1", "u2")
    for user in ("u1", "u2"):
        engine.track(user, "Checkout Started", {"order_id": "A", "value": 30})
    engine.tick()
    slots = engine.core.programme.orchestrating._slots
    whole = slots.decide

    def decide(individual_id: str, *rest: Any) -> Any:
        if individual_id == "user:u1":
            raise RuntimeError("broken")
        return whole(individual_id, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(slots, "decide", decide)
        later(engine, clock, HOUR_S + 1)
    assert [each.individual_id for each in outbox(engine)] == ["user:u2"]
    assert [each.status for each in standing(engine, "user:u1")] == ["active"]
    later(engine, clock, HOUR_S + 1)
    assert {each.individual_id for each in outbox(engine)} == {"user:u1", "user:u2"}


def test_an_event_that_cannot_be_taken_in_holds_nobody_up(
    engine: Engine, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, BASKET)
    entering = engine.core.programme.orchestrating._entering
    whole = entering.noticed

    def noticed(round_: Any, one: Any, happened: Any) -> None:
        if one.individual_id == "user:u1":
            raise RuntimeError("broken")
        whole(round_, one, happened)

    with monkeypatch.context() as patched:
        patched.setattr(entering, "noticed", noticed)
        for user in ("u1", "u2"):
            engine.track(user, "Checkout Started", {"order_id": "A", "value": 30})
        engine.tick()
    assert not standing(engine, "user:u1")
    assert [each.status for each in standing(engine, "user:u2")] == ["active"]


def test_journeys_that_would_feed_each_other_for_ever_are_refused(
    engine: Engine, clock: SettableClock
) -> None:
    def between(journey_id: str, hears: str, *steps: dict[str, Any]) -> dict[str, Any]:
        return {
            "journey_id": journey_id,
            "entry": {"event": hears},
            "reentry": "always",
            "steps": list(steps),
        }

    hello, again = ({"emit": name} for name in ("Welcomed", "Signed Up"))
    put(engine, {"journeys": [between("welcome", "Signed Up", hello)]})
    with pytest.raises(InvalidInput, match="journeys basket → welcome → basket feed each other"):
        put(engine, {"journeys": [between("basket", "Welcomed", again)]})
    # Nor does a delivery ask for the next mail.
    mail = {"send": {"placement": "mail", "experience": "fish-offer", "send_time": "now"}}
    with pytest.raises(InvalidInput, match="journey mails feeds itself"):
        put(engine, {"journeys": [between("mails", "Email Delivered", mail)]})
    assert [each.journey_id for each in engine.core.programme.journeys.views()] == ["welcome"]
    put(engine, {"journeys": [between("basket", "Welcomed", {"wait": "1h"}, again)]})
    engine.identify("u1", {"email": "u1@example.com"})
    engine.track("u1", "Signed Up")
    for _ in range(5):
        engine.tick()
    assert {each.journey_id: each.status for each in standing(engine, "user:u1")} == {
        "welcome": "completed",
        "basket": "active",
    }
    # A round an hour.
    later(engine, clock, HOUR_S + 1)
    for _ in range(5):
        engine.tick()
    assert len(standing(engine, "user:u1")) == 4
    # The newest version counts, not the one before it.
    put(engine, {"journeys": [between("basket", "Welcomed", hello | {"emit": "Basket Seen"})]})
    put(engine, {"journeys": [between("later", "Basket Seen", {"wait": "1h"}, again)]})
