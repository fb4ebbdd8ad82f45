"""Journeys, people and clocks for the tests of journeys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from eachwise.contracts.experience import Experience, Placement
from eachwise.contracts.journey import Begin, Instance, Journey, Moved
from eachwise.journeys import Knows, new_instance, parse_journeys, step
from eachwise.maths.zones import zone_named
from eachwise.rules import Path

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
# Monday 2026-11-23, 08:00 UTC.
START_US = int(datetime(2026, 11, 23, 8, tzinfo=UTC).timestamp()) * 1_000_000
PLACEMENTS = {
    "mail": Placement(placement_id="mail", channel="email"),
    "push": Placement(placement_id="push", channel="push"),
    "hero": Placement(placement_id="hero"),
}
EXPERIENCES = {
    "welcome": Experience(experience_id="welcome", placements=["mail", "push"]),
    "spring": Experience(experience_id="spring", placements=["mail", "hero"]),
}
BASKET = """\
journeys:
  - journey_id: abandoned_basket
    title: A basket was left
    goal: {event: Order Completed, within: 7d}
    entry: {event: Checkout Started, key: order_id, when: "event.value >= 20"}
    reentry: always
    holdout: 10%
    exits: [{event: Basket Emptied}]
    steps:
      - {id: order, wait_for: {event: Cart Viewed, key: order_id, within: 1h}, then: done, else: nudge}
      - {id: nudge, decide: {placement: mail, within: 2d, send_time: now}, else: done}
      - {id: done, exit: recovered}
"""


def parsed(text: str) -> Journey:
    """The one journey of a document."""
    (journey,) = parse_journeys(text, placements=PLACEMENTS, experiences=EXPERIENCES).values()
    return journey


def with_steps(steps: str, *, more: str = "") -> Journey:
    """A journey of these steps, one a line, that a Checkout Started with an order_id begins."""
    listed = "".join(f"      - {line.strip()}\n" for line in steps.strip().splitlines())
    return parsed(
        "journeys:\n  - journey_id: trial\n    entry: {event: Checkout Started, key: order_id}\n"
        f"{more}    steps:\n{listed}"
    )


def knows(zone: str | None = "UTC", names: Mapping[Path, Any] | None = None) -> Knows:
    """A person in a zone (None: not known) of whom these names are known."""
    values = dict(names or {})
    known = zone_named(zone) if zone else None

    def local(now_us: int) -> datetime | None:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_us)
        return moment.astimezone(known) if known else None

    return Knows(lookup=values.get, local=local)


def coming(journey: Journey, *, properties: Mapping[str, Any] | None = None) -> Instance:
    """A person's instance before its first step."""
    event = dict(properties or {"order_id": "o1", "value": 30})
    return new_instance(journey, "anna", "o1", START_US, {"event": event}, "m1")


def begun(journey: Journey, person: Knows | None = None, **more: Any) -> Moved:
    """The same once it has begun."""
    return step(journey, coming(journey, **more), Begin(now_us=START_US), person or knows())
