"""Journeys in tests of the whole loop: put, looked at, and taken through time."""

from __future__ import annotations

from typing import Any

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Message
from eachwise.contracts.journey import InstanceView

HOUR_S, DAY_S = 3_600, 86_400
BASKET = """
journeys:
  - journey_id: basket
    goal: {event: Order Completed, within: 7d}
    entry: {event: Checkout Started, key: order_id, when: "event.value >= 20"}
    reentry: always
    steps:
      - {id: order, wait_for: {event: Order Completed, key: order_id, within: 1h}, then: done, else: nudge}
      - {id: nudge, send: {placement: mail, experience: fish-offer, within: 2d, send_time: now}}
      - {id: note, emit: {event: Basket Reminded, properties: {order: {from: event.order_id}}}}
      - {id: done, exit: over}
"""


def put(engine: Engine, document: str | dict[str, Any]) -> None:
    engine._run(engine.core.programme.journeys.put(document))


def standing(engine: Engine, person: str) -> list[InstanceView]:
    return engine.core.programme.of_person(person)


def outbox(engine: Engine, channel: str = "email") -> list[Message]:
    found = engine.core._store.messages()
    return [each for each in found if each.channel == channel]


def consenting(engine: Engine, *users: str) -> None:
    for user in users:
        engine.identify(user, {"email": f"{user}@example.com"})
        engine.track(user, "Consent Given", {"purposes": ["marketing"]})


def later(engine: Engine, clock: SettableClock, seconds: float) -> None:
    clock.advance(seconds=seconds)
    engine.tick()
