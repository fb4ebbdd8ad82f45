"""Who begins a journey: entries, re-entry, the holdout, and ids that come out the same."""

from typing import Any

import msgspec
import pytest

from eachwise.contracts.journey import Happened, Instance, Journey, Share, Status
from eachwise.journeys import (
    entered_by,
    entry_holds,
    hears_all,
    key_of,
    may_enter,
    names_of,
    new_instance,
    share_of,
    withheld,
)
from tests.unit.journeys.material import BASKET, START_US, coming, knows, parsed, with_steps

PEOPLE = [f"user:{number}" for number in range(4000)]


def entries(entry: str) -> Journey:
    return parsed(
        f"journeys:\n  - journey_id: trial\n    entry: {entry}\n    steps: [{{wait: 1h}}]\n"
    )


def did(event: str, stage: str = "", **properties: Any) -> Happened:
    return Happened(now_us=START_US, event=event, properties=properties, stage=stage)


# -- what begins it ----------------------------------------------------------------------------------------


def test_an_event_begins_it_for_its_key() -> None:
    journey = parsed(BASKET)
    found = entered_by(journey, did("checkout_started", order_id=7, value=20), knows())
    assert found is not None
    assert (found.key, found.entry) == ("7", journey.entries[0])


@pytest.mark.parametrize(
    "happened",
    [
        did("Checkout Completed", order_id=7, value=20),
        did("Checkout Started", order_id=7, value=19),
        did("Checkout Started", order_id=7),
        # Without its key nothing tells one instance from another.
        did("Checkout Started", value=20),
        did("Checkout Started", order_id="", value=20),
    ],
)
def test_what_does_not_begin_it(happened: Happened) -> None:
    assert entered_by(parsed(BASKET), happened, knows()) is None


def test_the_first_entry_that_holds_begins_it() -> None:
    journey = entries("[{event: Viewed, when: lapsed}, {stage: known}, {event: viewed, key: item}]")
    lapsed = knows(names={("lapsed",): True})
    for happened, person, place in (
        (did("Viewed", item="a"), lapsed, 0),
        (did("Viewed", stage="known", item="a"), knows(), 1),
        (did("Viewed", stage="engaged", item="a"), knows(), 2),
    ):
        found = entered_by(journey, happened, person)
        assert found is not None
        assert found.entry == journey.entries[place]
    assert entered_by(journey, did("", stage=""), knows()) is None


def test_schedules_catalogue_and_api_are_no_events() -> None:
    journey = entries("[{schedule: '09:00'}, {catalog: new_item}, {api: true}]")
    assert entered_by(journey, did("", stage=""), lapsed := knows()) is None
    assert entered_by(journey, did("api"), lapsed) is None


def test_why_an_entry_does_not_hold_is_said() -> None:
    (entry,) = entries(
        "{event: Viewed, key: item, when: 'event.price > 5 and key == \"a\"'}"
    ).entries
    assert entry_holds(entry, {"item": "a", "price": 6}, knows()) == ""
    assert entry_holds(entry, {"item": "a", "price": 4}, knows()) == "event.price is 4, not above 5"
    assert entry_holds(entry, {"item": "b", "price": 6}, knows()) == "key is 'b', not 'a'"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        *(("o1", "o1"), (7, "7"), (7.0, "7"), (7.5, "7.5"), (True, "true"), (False, "false")),
        *((None, ""), ("", ""), ([1], ""), ({"a": 1}, "")),
        *(("x" * 256, "x" * 256), ("x" * 257, "")),
    ],
)
def test_what_a_key_is(value: object, key: str) -> None:
    assert key_of({"order": {"id": value}}, "order.id") == key


@pytest.mark.parametrize("name", ["id", "order", "order.id.more", "order.no"])
def test_a_property_that_is_not_there_is_no_key(name: str) -> None:
    assert key_of({"order": {"id": "o1"}}, name) == ""


def test_the_names_that_matter() -> None:
    journey = with_steps(
        "{wait_for: {event: Cart Viewed, within: 1h}}\n{emit: {event: Told}}",
        more="    goal: {event: Order_Completed}\n    exits: [{event: Left}, {event: left}]\n",
    )
    assert names_of(journey) == {"checkout started", "order completed", "left", "cart viewed"}
    assert not hears_all(journey)
    assert hears_all(with_steps("{wait: 1h}", more="    exits: [{when: lapsed}]\n"))


# -- re-entry ----------------------------------------------------------------------------------------------


def earlier(
    key: str = "o1", status: Status = "completed", ended_at_us: int = 50, journey_id: str = "trial"
) -> Instance:
    instance = coming(with_steps("{wait: 1h}"))
    live = status == "active"
    return msgspec.structs.replace(
        instance,
        journey_id=journey_id,
        key=key,
        status=status,
        ended_at_us=0 if live else ended_at_us,
    )


@pytest.mark.parametrize(
    ("reentry", "before", "key", "reason"),
    [
        ("once", [], "o1", ""),
        ("once", [earlier()], "o1", "was in it before, and may enter once"),
        ("once", [earlier()], "o2", "was in it before, and may enter once"),
        ("once", [earlier(status="holdout")], "o1", "was in it before, and may enter once"),
        ("once", [earlier(status="active")], "o1", "is in it already with key 'o1'"),
        ("once", [earlier(journey_id="other")], "o1", ""),
        ("always", [earlier()], "o1", ""),
        ("always", [earlier(status="active")], "o2", ""),
        ("always", [earlier(status="active")], "o1", "is in it already with key 'o1'"),
        ("always", [earlier(key="", status="active")], "", "is in it already"),
        ("{after: 50s}", [earlier()], "o1", ""),
        ("{after: 50s}", [earlier(status="active")], "o2", "is in it already with another key"),
        (
            "{after: 51s}",
            [earlier(), earlier(ended_at_us=-30_000_000)],
            "o2",
            "was in it before, and may enter again from 1970-01-01T00:00:51.000Z",
        ),
    ],
)
def test_who_may_enter_again(reentry: str, before: list[Instance], key: str, reason: str) -> None:
    journey = with_steps("{wait: 1h}", more=f"    reentry: {reentry}\n")
    assert may_enter(journey, before, key, 50 * 1_000_000 + 50) == reason


def test_nobody_enters_a_paused_journey() -> None:
    paused = with_steps("{wait: 1h}", more="    paused: true\n")
    assert may_enter(paused, [], "", START_US) == "the journey is paused"


# -- hashes ------------------------------------------------------------------------------------------------


def test_the_same_entry_makes_the_same_instance() -> None:
    journey = parsed(BASKET)

    def made(person: str, key: str, source: str, now_us: int = START_US) -> str:
        return new_instance(journey, person, key, now_us, {}, source).instance_id

    first = made("p", "k", "m")
    assert first == made("p", "k", "m", START_US + 5)
    # Permanent: instances that are stored were named so.
    assert first == "3823b76d9627a64678c5cddeab918042"
    assert len({first, made("q", "k", "m"), made("p", "l", "m"), made("p", "k", "n")}) == 4


def test_a_new_instance_is_live_and_due_at_once() -> None:
    instance = coming(parsed(BASKET))
    assert (instance.status, instance.step, instance.path) == ("active", "", 0)
    assert instance.wake_at_us == instance.entered_at_us == START_US
    assert instance.arriving


def test_the_holdout_is_the_share_that_was_said_and_permanent() -> None:
    journey = parsed(BASKET)
    out = {person for person in PEOPLE if withheld(journey, person)}
    # 4,000 draws of 0.1: a standard deviation of 19.
    assert abs(len(out) - 400) < 95
    wider = msgspec.structs.replace(journey, version=9, holdout=0.2, title="again")
    assert out <= {person for person in PEOPLE if withheld(wider, person)}
    for person in PEOPLE[:200]:
        instance = new_instance(journey, person, "k", START_US, {}, "m")
        assert instance.arm == ("holdout" if person in out else "treated")


def test_splits_and_holdouts_of_two_journeys_are_independent() -> None:
    one = msgspec.structs.replace(parsed(BASKET), holdout=0.5)
    other = msgspec.structs.replace(one, journey_id="other")
    shares = (Share(then="a", share=0.5), Share(then="b", share=0.5))
    ways = {
        "holdout": [withheld(one, person) for person in PEOPLE],
        "other": [withheld(other, person) for person in PEOPLE],
        "split": [share_of("trial", "s", person, shares) == "a" for person in PEOPLE],
        "next": [share_of("trial", "t", person, shares) == "a" for person in PEOPLE],
    }
    names = list(ways)
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            alike = sum(x == y for x, y in zip(ways[first], ways[second], strict=True))
            # 4,000 draws of one half: a standard deviation of 32.
            assert abs(alike - 2000) < 160, (first, second)


def test_shares_that_fall_short_by_rounding_send_the_rest_to_the_last() -> None:
    shares = (Share(then="a", share=0.0), Share(then="b", share=1e-9))
    assert {share_of("trial", "s", person, shares) for person in PEOPLE[:50]} == {"b"}
