"""A month of a shop with three live journeys on a virtual clock: visits, baskets, orders, consents; a minute a step.

Each person belongs to a time of the day, so that a step's people are known without looking at everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eachwise.adapters.channels import Nowhere
from eachwise.adapters.clocks import SettableClock
from eachwise.bootstrap import Engine
from eachwise.contracts.delivery import Letter, Receipt
from eachwise.flow.drive import run
from eachwise.settings import LifetimeSettings, Settings, StoreSettings

SEED = 5
START_US = 1_790_000_000_000_000
MINUTE_US, DAY_US = 60_000_000, 86_400_000_000
STEP_MINUTES, BATCH = 15, 500
CAP, CAP_S, GAP_S = 3, 7 * 86_400, 6 * 3_600
# Of the people: who consents at first, who visits on a day, and of a visit what it comes to.
CONSENTING, VISITING, BASKET, ORDER, WITHDRAWS = 0.6, 0.08, 0.4, 0.5, 0.01
# Of mails: those that are clicked.
CLICKING = 0.4

SETTINGS = Settings(
    store=StoreSettings(synchronous="OFF", checkpoint_interval_s=3_600.0),
    lifetime=LifetimeSettings(interval_s=0.0),
)
DEFINITIONS = f"""
contact:
  caps: [{{count: {CAP}, window_s: {CAP_S}}}]
  gaps: {{any: {GAP_S}}}
  quiet_hours: "22:00-08:00"
placements:
  - {{placement_id: mail, channel: email, purpose: marketing}}
experiences:
  - {{experience_id: basket, placements: [mail], value: 9, content: {{subject: Your basket, text: Still there}}}}
  - {{experience_id: hello, placements: [mail], value: 7, content: {{subject: Hello, text: Look around}}}}
  - {{experience_id: missed, placements: [mail], value: 8, content: {{subject: Hello again, text: New things}}}}
"""
JOURNEYS = """
journeys:
  - journey_id: basket
    entry: {event: Checkout Started, key: order_id}
    reentry: always
    holdout: 10%
    steps:
      - {id: order, wait_for: {event: Order Completed, key: order_id, within: 2h}, then: bought, else: nudge}
      - {id: nudge, send: {placement: mail, experience: basket, within: 1d, send_time: now}}
      - {id: bought, exit: over}
  - journey_id: welcome
    entry: {event: Signed Up}
    goal: {event: Order Completed}
    steps:
      - {id: rest, wait: 1d}
      - {id: hello, decide: {placement: mail, experiences: [hello]}}
      - {id: note, emit: Welcomed}
  - journey_id: back
    entry: {schedule: "mon 09:00", when: "days_since_last_seen >= 10"}
    reentry: {after: 14d}
    steps:
      - {id: miss, send: {placement: mail, experience: missed, within: 2d}}
"""


@dataclass(slots=True)
class Told:
    """What was sent in, and what went out: (person, microseconds) of each mail."""

    events: int = 0
    checkouts: int = 0
    sign_ups: int = 0
    mails: list[tuple[str, int]] = field(default_factory=list)
    # Decisions whose mails nobody has clicked yet, by person.
    unanswered: list[tuple[int, str]] = field(default_factory=list)
    # Who consents at last, and when the others withdrew.
    consenting: set[int] = field(default_factory=set)
    withdrawn_us: dict[int, int] = field(default_factory=dict)


class _Mails(Nowhere):
    """Notes who was written to when."""

    def __init__(self, told: Told, clock: SettableClock) -> None:
        super().__init__("email")
        self._told, self._clock = told, clock

    def send(self, letter: Letter) -> Receipt:
        """Take one."""
        person = letter.address.partition("@")[0]
        self._told.mails.append((person, self._clock.now_us()))
        self._told.unanswered.append((int(person[1:]), letter.message_id.removeprefix("m-")))
        return Receipt(outcome="sent")


class Month:
    """People, and what they do in each step of each day: the same for the same seed."""

    def __init__(self, people: int, told: Told) -> None:
        self._people = people
        self._told = told
        self._draw = np.random.default_rng(SEED)
        self._orders = 0

    def sign_ups(self) -> Iterator[dict[str, Any]]:
        """Everybody signs up in the first days; most consent."""
        consents = self._draw.random(self._people) < CONSENTING
        for person in range(self._people):
            traits: dict[str, Any] = {"email": f"p{person}@shop.example"}
            if consents[person]:
                traits["marketing_opt_in"] = True
                self._told.consenting.add(person)
            yield {"type": "identify", "userId": f"p{person}", "traits": traits}

    def step(self, day: int, step: int, steps: int, now_us: int) -> Iterator[dict[str, Any]]:
        """What happens within one step of a day."""
        mailed, self._told.unanswered = self._told.unanswered, []
        for person, decision_id in mailed:
            if self._draw.random() < CLICKING:
                yield _track(person, "Email Link Clicked", decision_id=decision_id)
        for person in range(step, self._people, steps):
            chance = self._draw.random(4)
            if day == person % 10:
                self._told.sign_ups += 1
                yield _track(person, "Signed Up")
            if chance[0] > VISITING:
                continue
            yield _track(person, "Product Viewed", product_id=f"i{person % 50}")
            if chance[3] < WITHDRAWS and person in self._told.consenting:
                self._told.consenting.discard(person)
                self._told.withdrawn_us[person] = now_us
                yield _track(person, "Consent Withdrawn", purposes=["marketing"])
            if chance[1] < BASKET:
                self._orders += 1
                self._told.checkouts += 1
                yield _track(person, "Checkout Started", order_id=f"o{self._orders}", value=30)
                if chance[2] < ORDER:
                    order = {"order_id": f"o{self._orders}", "total": 30}
                    yield _track(person, "Order Completed", **order)


def live(people: int, days: int, clock: SettableClock, engine: Engine, told: Told) -> None:
    """Let the days pass."""
    month = Month(people, told)
    engine.define(DEFINITIONS)
    _send(engine, month.sign_ups(), told)
    engine.put_journeys(JOURNEYS)
    steps = 24 * 60 // STEP_MINUTES
    for day in range(days):
        for step in range(steps):
            now_us = START_US + day * DAY_US + (step + 1) * STEP_MINUTES * MINUTE_US
            clock.set(now_us)
            _send(engine, month.step(day, step, steps, now_us), told)
            engine.tick()
            run(engine.core.delivery.dispatching.drain())


def opened(clock: SettableClock, told: Told) -> Engine:
    """An engine in memory whose mails are noted and go nowhere."""
    return Engine.open(clock=clock, settings=SETTINGS, channels={"email": _Mails(told, clock)})


def _send(engine: Engine, events: Iterator[dict[str, Any]], told: Told) -> None:
    waiting = list(events)
    told.events += len(waiting)
    for start in range(0, len(waiting), BATCH):
        engine.send(waiting[start : start + BATCH])


def _track(person: int, event: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "userId": f"p{person}", "event": event, "properties": properties}
