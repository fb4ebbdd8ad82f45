"""Recorded journeys (tests/golden/journeys) are run again and must give the same instances and commands.

A trace is the promise to those who are in a journey when the engine is updated. It is written once, by
``python -m tests.unit.journeys.test_recorded NAME`` for a way that ``WAYS`` describes, and changes only on purpose.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from eachwise.contracts.journey import Answered, Begin, Due, Happened, Journey, Trigger
from eachwise.journeys import Knows, Recorded, from_lines, record, replay, to_lines
from tests.unit.journeys.material import (
    BASKET,
    DAY_US,
    HOUR_US,
    START_US,
    coming,
    knows,
    parsed,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "journeys"
WELCOME = """\
journeys:
  - journey_id: welcome
    title: From new to known
    goal: {stage: known, within: 14d}
    entry: {event: Signed Up}
    exits: [{when: lapsed, reason: gone}]
    steps:
      - {id: hello, send: {placement: mail, experience: welcome, within: 1d, send_time: now}}
      - {id: told, update: {welcomed: true, source: {from: event.source}}}
      - {id: morning, wait_until: "09:00"}
      - {id: taste, branch: [{when: 'affinity["category=fish"].z > 2', then: fish}], else: halves}
      - {id: fish, decide: {placement: mail, experiences: [spring], within: 2d}, then: tell, else: tell}
      - {id: halves, split: [{share: 50%, then: nudge}, {share: 50%, then: tell}]}
      - {id: nudge, decide: {placement: push, within: 12h}}
      - {id: tell, webhook: {url: "https://shop.example/welcomed", body: {why: {from: contact.reason}}}}
      - {id: log, emit: {event: Welcome Finished, properties: {contact: {from: contact.outcome}}}}
"""
LOOKED = """\
journeys:
  - journey_id: looked_twice
    goal: {event: Order Completed}
    entry: {event: Product Viewed, key: product_id}
    reentry: {after: 30d}
    steps:
      - id: again
        wait_for: {event: Product Viewed, key: product_id, within: 3d, when: event.seconds > 10}
        then: ask
        else: leave
      - {id: ask, decide: {placement: hero, experiences: [spring], within: 6h}, then: rest, else: rest}
      - {id: rest, wait: 1d12h, then: again}
      - {id: leave, exit: lost interest}
"""


def at(hours: float) -> int:
    return START_US + int(hours * HOUR_US)


def sent(hours: float, experience: str = "spring") -> Answered:
    return Answered(
        now_us=at(hours), outcome="sent", experience_id=experience, decision_id=f"d{hours:g}"
    )


def basket_way() -> tuple[Journey, list[Trigger]]:
    """A basket is left; another order is looked at; the mail is put off, sent; twice told; then bought."""
    order = {"order_id": "o1", "value": 30}
    return parsed(BASKET), [
        Begin(now_us=at(0)),
        Happened(now_us=at(0.2), event="Cart Viewed", properties={"order_id": "o2"}),
        Due(now_us=at(0.9)),
        Due(now_us=at(1)),
        Due(now_us=at(1)),
        Happened(now_us=at(3), event="product viewed", properties={"product_id": "p1"}),
        Happened(now_us=at(4), event="Order Completed", properties=order),
        sent(4.1),
        Due(now_us=at(49)),
    ]


def welcome_way() -> tuple[Journey, list[Trigger]]:
    """Held for want of consent; on at nine on a clock in New York; a fish lover; the decision is silence."""
    return parsed(WELCOME), [
        Begin(now_us=at(0)),
        Answered(now_us=at(24), outcome="held", reason="consent", experience_id="welcome"),
        Answered(now_us=at(24), outcome="sent"),
        Due(now_us=at(29)),
        Due(now_us=at(30)),
        Happened(now_us=at(31), event="Product Viewed", stage="new"),
        Answered(now_us=at(40), outcome="silence", decision_id="d2"),
    ]


def looked_way() -> tuple[Journey, list[Trigger]]:
    """A second look, an offer on the page, again round the circle, and nothing more."""
    look = {"product_id": "o1", "seconds": 11}
    return parsed(LOOKED), [
        Begin(now_us=at(0)),
        Happened(
            now_us=at(1), event="Product Viewed", properties={"product_id": "o1", "seconds": 4}
        ),
        Happened(now_us=at(2), event="product_viewed", properties=look),
        sent(2.5),
        Happened(now_us=at(3), event="Product Viewed", properties=look),
        # A clock that was set back.
        Due(now_us=START_US - DAY_US),
        Due(now_us=at(60)),
        Due(now_us=at(200)),
        Happened(now_us=at(201), event="Order Completed"),
    ]


WAYS: dict[str, tuple[Callable[[], tuple[Journey, list[Trigger]]], str]] = {
    "abandoned_basket": (basket_way, "Europe/Berlin"),
    "welcome": (welcome_way, "America/New_York"),
    "looked_twice": (looked_way, "UTC"),
}


def walked(name: str) -> Recorded:
    """The way, taken now."""
    way, zone = WAYS[name]
    journey, triggers = way()
    person: Knows = knows(
        zone, {("affinity", "category=fish", "z"): 3.1, ("lapsed",): False, ("stage",): "new"}
    )
    begins = coming(journey, properties={"order_id": "o1", "value": 30, "source": "friend"})
    return record(journey, begins, triggers, lambda _: person)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
def test_a_recorded_journey_replays_to_the_same(path: Path) -> None:
    assert replay(from_lines(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("name", sorted(WAYS))
def test_every_way_is_recorded_as_it_is_described(name: str) -> None:
    recorded = from_lines((GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8"))
    assert recorded == walked(name)


def test_what_the_recorded_people_were_given() -> None:
    ends = {
        name: (told[-1].moved.instance.status, told[-1].moved.instance.path)
        for name in WAYS
        if (told := walked(name).told)
    }
    assert ends == {
        "abandoned_basket": ("goal", 2),
        "welcome": ("completed", 7),
        "looked_twice": ("completed", 5),
    }


def test_a_change_shows() -> None:
    recorded = walked("abandoned_basket")
    told = recorded.told[3]
    other = msgspec.structs.replace(
        told, moved=msgspec.structs.replace(told.moved, instance=recorded.instance)
    )
    changed = msgspec.structs.replace(recorded, told=[*recorded.told[:3], other])
    (difference,) = replay(changed)
    assert difference.startswith("trigger 4: Moved(instance=Instance(instance_id=")


if __name__ == "__main__":
    (GOLDEN / f"{sys.argv[1]}.jsonl").write_text(to_lines(walked(sys.argv[1])), encoding="utf-8")
