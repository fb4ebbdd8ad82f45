"""What changed since a message was put into the outbox stops it: its placement, its channel, its journey."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Message, Receipt
from eachwise.flow.drive import run
from eachwise.settings import DecideSettings, DeliverySettings, Settings
from tests.flow.shop import START_US
from tests.support.sending import DEFINITIONS, Scripted, furnish, put, state_of, subscribe

LATER = Receipt(outcome="retry", reason="busy")
HOUR_S = 3_600
JOURNEY = """
journeys:
  - journey_id: basket
    entry: {event: Checkout Started}
    goal: {event: Order Completed}
    exits: [{event: Cart Cleared}]
    steps:
      - {id: hi, send: {placement: PLACEMENT, experience: hello, within: 2d, send_time: now}}
"""
WAITING = JOURNEY + "      - {id: wait, wait: 5d}\n"


@pytest.fixture
def mail() -> Scripted:
    return Scripted("email")


@pytest.fixture
def engine(clock: SettableClock, mail: Scripted) -> Iterator[Engine]:
    # Nothing is left to chance: what is asked for goes out.
    settings = Settings(
        delivery=DeliverySettings(public_url="https://x.example"),
        decide=DecideSettings(explorations_per_day=0),
    )
    sure = msgspec.json.decode(msgspec.json.encode(DEFINITIONS))
    sure["experiences"][0] |= {"value": 1_000_000.0, "lever": 10.0}
    with Engine.open(clock=clock, settings=settings, channels={"email": mail}) as opened:
        furnish(opened)
        opened.define(sure)
        subscribe(opened, "ann")
        yield opened


def drain(engine: Engine) -> None:
    run(engine.core.delivery.dispatching.drain())


def take(engine: Engine) -> list[str]:
    return [each for each, _ in run(engine.core.delivery.streams.take("user:ann"))]


def redefine(engine: Engine, change: Callable[[dict[str, list[dict[str, object]]]], None]) -> None:
    definitions = msgspec.json.decode(msgspec.json.encode(DEFINITIONS))
    change(definitions)
    engine.define(definitions)


def without(placement: str) -> Callable[[dict[str, list[dict[str, object]]]], None]:
    def change(definitions: dict[str, list[dict[str, object]]]) -> None:
        kept = [each for each in definitions["placements"] if each["placement_id"] != placement]
        definitions["placements"] = kept
        names = [each["placement_id"] for each in kept]
        definitions["experiences"][0]["placements"] = names

    return change


def on(placement: str, channel: str) -> Callable[[dict[str, list[dict[str, object]]]], None]:
    def change(definitions: dict[str, list[dict[str, object]]]) -> None:
        for each in definitions["placements"]:
            if each["placement_id"] == placement:
                each["channel"] = channel

    return change


def test_a_mail_whose_placement_is_gone_is_held_and_says_so(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    message = put(engine.core, "ann", due_at_us=START_US + 60_000_000)
    redefine(engine, without("mail"))
    clock.advance(seconds=61)
    drain(engine)
    view = engine.message(message.message_id)
    assert (view.state, view.reason) == ("held", "placement mail is not defined")
    assert mail.letters == []


def test_a_stream_goes_on_where_the_placement_of_one_message_is_gone(
    engine: Engine, clock: SettableClock
) -> None:
    def with_bar(definitions: dict[str, list[dict[str, object]]]) -> None:
        definitions["placements"].append({"placement_id": "bar", "channel": "app"})
        definitions["experiences"][0]["placements"] = ["hero", "bar", "mail"]

    redefine(engine, with_bar)
    gone = put(engine.core, "ann", "bar")
    clock.advance(seconds=1)
    there = put(engine.core, "ann", "hero")
    redefine(engine, without("bar"))
    assert take(engine) == [there.message_id]
    assert state_of(engine, gone) == "pending"


def test_what_was_decided_for_one_channel_goes_out_on_no_other(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    message = put(engine.core, "ann", due_at_us=START_US + 60_000_000)
    page = put(engine.core, "ann", "hero")
    redefine(engine, on("mail", "push"))
    engine.track("ann", "Unsubscribed", {"channel": "email"})
    clock.advance(seconds=61)
    drain(engine)
    view = engine.message(message.message_id)
    assert (view.state, view.reason) == ("held", "placement mail is on push now")
    assert mail.letters == []
    redefine(engine, on("hero", "app"))
    assert take(engine) == []
    redefine(engine, on("hero", "web"))
    assert take(engine) == [page.message_id]


def asked(engine: Engine, placement: str, document: str = WAITING) -> Message:
    """The message that a journey's step comes to."""
    engine.put_journeys(document.replace("PLACEMENT", placement))
    engine.track("ann", "Checkout Started")
    engine.tick()
    (message,) = engine.core._store.messages()
    return message


@pytest.mark.parametrize(
    ("event", "status"), [("Order Completed", "goal"), ("Cart Cleared", "exited")]
)
def test_a_mail_of_a_journey_that_is_over_is_not_sent_any_more(
    engine: Engine, clock: SettableClock, mail: Scripted, event: str, status: str
) -> None:
    mail.answers = [LATER]
    message = asked(engine, "mail")
    drain(engine)
    assert (state_of(engine, message), len(mail.letters)) == ("pending", 1)
    clock.advance(seconds=5)
    engine.track("ann", event)
    engine.tick()
    clock.advance(seconds=HOUR_S)
    drain(engine)
    view = engine.message(message.message_id)
    assert (view.state, view.reason) == ("held", f"its journey ended: {status}")
    assert len(mail.letters) == 1


def test_a_message_for_a_page_is_not_shown_after_the_goal(
    engine: Engine, clock: SettableClock
) -> None:
    message = asked(engine, "hero")
    engine.track("ann", "Order Completed")
    engine.tick()
    assert take(engine) == []
    answered = engine.decide("ann", placements=["hero"]).decisions[0]
    assert answered.decision_id != message.decision_id
    clock.advance(seconds=2 * 86_400 + 1)
    engine.tick()
    assert state_of(engine, message) == "held"


def test_what_the_last_step_of_a_journey_asked_for_is_sent(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    mail.answers = [LATER]
    message = asked(engine, "mail", JOURNEY)
    drain(engine)
    (instance,) = engine.core.programme.of_person("user:ann")
    assert instance.status == "completed"
    clock.advance(seconds=HOUR_S)
    drain(engine)
    assert state_of(engine, message) == "sent"


def test_a_receipt_goes_out_whatever_ended(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    mail.answers = [LATER]
    message = asked(engine, "receipt")
    drain(engine)
    engine.track("ann", "Order Completed")
    engine.tick()
    clock.advance(seconds=HOUR_S)
    drain(engine)
    assert state_of(engine, message) == "sent"
