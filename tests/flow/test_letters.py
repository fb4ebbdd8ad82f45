"""What of a letter depends on the settings, and what follows where its address is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Receipt
from eachwise.contracts.errors import InvalidInput
from eachwise.flow.drive import run
from eachwise.settings import DeliverySettings, Settings
from tests.flow.shop import START_US
from tests.support.sending import DEFINITIONS, Scripted, contact, furnish, put, subscribe

HOUR_S = 3_600
DAY_US = 86_400_000_000
QUIET: dict[str, Any] = {**DEFINITIONS, "contact": {"quiet_hours": "22:00-08:00"}}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_US)


@contextmanager
def shop(clock: SettableClock, channel: Scripted, **delivery: Any) -> Iterator[Engine]:
    settings = Settings(delivery=DeliverySettings(**delivery))
    with Engine.open(settings=settings, clock=clock, channels={channel.name: channel}) as engine:
        furnish(engine)
        subscribe(engine, "ann")
        yield engine


def drain(engine: Engine) -> None:
    run(engine.core.delivery.dispatching.drain())


@pytest.mark.parametrize("placement", ["text", "mail"])
def test_what_cannot_be_left_is_not_sent(clock: SettableClock, placement: str) -> None:
    channel = Scripted({"text": "sms", "mail": "email"}[placement])
    with shop(clock, channel) as engine:
        message = put(engine.core, "ann", placement)
        drain(engine)
        view = engine.message(message.message_id)
        assert (view.state, "unsubscribe_url" in view.reason) == ("dead", True)
        assert channel.letters == []
        with pytest.raises(InvalidInput, match="unsubscribe_url"):
            engine.preview("hello", placement, "user:ann")


@pytest.mark.parametrize(
    ("delivery", "leave", "post"),
    [
        ({"public_url": "https://x.example"}, "<https://x.example/u/TOKEN>", True),
        # RFC 8058 wants https; RFC 2369 does not.
        ({"public_url": "http://x.example"}, "<http://x.example/u/TOKEN>", False),
        ({"unsubscribe_mailto": "no@x.example"}, "<mailto:no@x.example>", False),
        (
            {"public_url": "https://x.example", "unsubscribe_mailto": "no@x.example"},
            "<https://x.example/u/TOKEN>, <mailto:no@x.example>",
            True,
        ),
        ({}, None, False),
    ],
)
def test_headers_for_leaving(
    clock: SettableClock, delivery: dict[str, str], leave: str | None, post: bool
) -> None:
    mail = Scripted("email")
    with shop(clock, mail, **delivery) as engine:
        plain = {"experience_id": "hello", "placements": ["mail"], "title": "Hello"}
        said = {**DEFINITIONS, "experiences": [plain | {"content": {"text": "Hi"}}]}
        engine.define(said)
        put(engine.core, "ann")
        drain(engine)
        headers = dict(mail.letters[0].headers)
    found = headers.pop("List-Unsubscribe", None)
    if found is not None and "/u/" in found:
        token = found.partition("/u/")[2].partition(">")[0]
        found = found.replace(token, "TOKEN")
    assert found == leave
    assert headers == ({"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"} if post else {})


def test_a_number_that_does_not_exist_gets_no_more(clock: SettableClock) -> None:
    sms = Scripted("sms", Receipt(outcome="gone", reason="no such number"))
    with shop(clock, sms, public_url="https://x.example") as engine:
        put(engine.core, "ann", "text")
        drain(engine)
        record = contact(engine.core, "user:ann", "text", "hello")
        assert record.experience_id == "silence"
        assert "takes nothing any more" in record.filtered[0].reason
        subscribe(engine, "ann", phone="+49456")
        put(engine.core, "ann", "text")
        drain(engine)
        assert [each.address for each in sms.letters] == ["+49123", "+49456"]


def test_what_is_sent_after_all_waits_for_the_end_of_quiet_hours(clock: SettableClock) -> None:
    mail = Scripted("email", Receipt(outcome="unknown", reason="lost"))
    with shop(clock, mail, public_url="https://x.example") as engine:
        engine.define(QUIET)
        message = put(engine.core, "ann", expires_at_us=START_US + DAY_US)
        drain(engine)
        assert engine.message(message.message_id).state == "unknown"
        clock.advance(seconds=9 * HOUR_S)  # 23:13
        engine.resend(message.message_id)
        drain(engine)
        view = engine.message(message.message_id)
        assert (view.state, view.due_at[11:16], len(mail.letters)) == ("pending", "08:00", 1)
        clock.advance(seconds=9 * HOUR_S)
        drain(engine)
        assert (engine.message(message.message_id).state, len(mail.letters)) == ("sent", 2)


def test_what_is_sent_after_all_is_wanted_for_a_day(clock: SettableClock) -> None:
    mail = Scripted("email", Receipt(outcome="refused", reason="no"))
    with shop(clock, mail, public_url="https://x.example") as engine:
        message = put(engine.core, "ann", expires_at_us=START_US + DAY_US)
        drain(engine)
        clock.advance(seconds=90 * HOUR_S)
        assert engine.resend(message.message_id).expires_at == "2026-09-26T08:13:20.000Z"
        # What never was over is not: calls and events.
        other = put(engine.core, "ann", "mail")
        engine.discard(other.message_id)
        assert engine.resend(other.message_id).expires_at is None
