"""Mail through a real SMTP server: what arrives, what a strict parser says of it, and what stops the next one."""

from __future__ import annotations

import email.policy
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Message
from eachwise.flow.drive import run
from tests.flow.shop import START_US
from tests.support.sending import (
    Relay,
    contact,
    furnish,
    mailing,
    put,
    relaying,
    state_of,
    subscribe,
)

STRICT = email.policy.strict.clone(linesep="\r\n")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_US)


@pytest.fixture
def relay() -> Iterator[tuple[Relay, int]]:
    with relaying() as started:
        yield started


@pytest.fixture
def engine(relay: tuple[Relay, int], clock: SettableClock) -> Iterator[Engine]:
    with Engine.open(settings=mailing(relay[1]), clock=clock) as opened:
        furnish(opened)
        subscribe(opened, "ann", first_name="Änn")
        yield opened


def send(engine: Engine, *messages: Message) -> None:
    run(engine.core.delivery.dispatching.drain())


def parsed(relay: Relay, place: int = -1) -> EmailMessage:
    content = relay.mails[place].content
    assert isinstance(content, bytes)
    mail = message_from_bytes(content, policy=STRICT)
    assert isinstance(mail, EmailMessage)
    for part in mail.walk():
        assert part.defects == []
        for value in part.values():
            assert value.defects == ()
    return mail


def text_of(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


def test_a_mail_arrives_whole_and_passes_a_strict_parser(
    engine: Engine, relay: tuple[Relay, int]
) -> None:
    message = put(engine.core, "ann")
    send(engine)
    server, _ = relay
    assert state_of(engine, message) == "sent"
    assert server.recipients == ["ann@example.com"]
    mail = parsed(server)
    assert mail["Subject"] == "Für Änn"
    assert mail["From"].addresses[0].display_name == "Shöp"
    assert mail["To"].addresses[0].addr_spec == "ann@example.com"
    assert re.fullmatch(r"<m-[\w.-]+@shop\.example>", mail["Message-ID"])
    assert mail["Date"].datetime.timestamp() == START_US / 1e6
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    # RFC 8058: one https address, and the post that takes it.
    assert re.fullmatch(r"<https://shop\.example/e/u/[\w.-]+>", mail["List-Unsubscribe"])
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = text_of(mail, "plain")
    assert "Item" in text
    assert re.search(r"https://shop\.example/e/t/c/[\w.-]+", text)
    html = text_of(mail, "html")
    assert re.search(r'<img src="https://shop\.example/e/t/o/[\w.-]+\.gif"', html)
    # Every line is short enough for any relay, and all is seven-bit.
    raw = server.mails[0].content
    assert isinstance(raw, bytes)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.isascii()


def test_its_delivery_is_an_exposure_once_and_the_learner_hears_of_it(engine: Engine) -> None:
    message = put(engine.core, "ann")
    send(engine)
    send(engine)
    contacts = engine.individual("user:ann").contacts
    assert [(each.action, each.channel, each.decision_id) for each in contacts] == [
        ("expose", "email", message.decision_id)
    ]
    assert engine.core.people.reservations("user:ann", START_US) == []
    assert engine.status()["outcomes"]["waiting"] == 1


def test_a_click_on_unsubscribe_stops_the_very_next_send(
    engine: Engine, relay: tuple[Relay, int], clock: SettableClock
) -> None:
    put(engine.core, "ann")
    send(engine)
    url = parsed(relay[0])["List-Unsubscribe"].strip("<>")
    following = put(engine.core, "ann")
    run(engine.core.delivery.returns.unsubscribe(url.rpartition("/")[2]))
    send(engine)
    view = engine.core.delivery.outbox.show(following.message_id)
    assert (view.state, len(relay[0].mails)) == ("held", 1)
    assert "consent" in view.reason
    # What is transactional goes out all the same, and has no such header.
    receipt = put(engine.core, "ann", "receipt", transactional=True)
    send(engine)
    assert state_of(engine, receipt) == "sent"
    assert parsed(relay[0])["List-Unsubscribe"] is None


def test_4xx_waits_and_comes_again_5xx_is_dead_and_550_closes_the_address(
    engine: Engine, relay: tuple[Relay, int], clock: SettableClock
) -> None:
    server, _ = relay
    server.answer = lambda _: "451 4.3.2 later"
    message = put(engine.core, "ann")
    send(engine)
    view = engine.core.delivery.outbox.show(message.message_id)
    assert (view.state, view.attempts) == ("pending", 1)
    assert "451" in view.reason
    server.answer = lambda _: "250 OK"
    send(engine)
    assert state_of(engine, message) == "pending"
    clock.advance(seconds=31)
    send(engine)
    assert state_of(engine, message) == "sent"

    server.answer = lambda _: "554 5.7.1 we do not like you"
    refused = put(engine.core, "ann")
    send(engine)
    assert state_of(engine, refused) == "dead"
    server.answer = lambda _: "550 5.1.1 no such mailbox"
    gone = put(engine.core, "ann")
    send(engine)
    view = engine.core.delivery.outbox.show(gone.message_id)
    assert (view.state, "550" in view.reason) == ("dead", True)
    server.answer = lambda _: "250 OK"
    record = contact(engine.core, "user:ann", "mail", "hello")
    assert record.experience_id == "silence"
    # A new address is a new beginning.
    subscribe(engine, "ann", email="ann2@example.com")
    after = put(engine.core, "ann")
    send(engine)
    assert state_of(engine, after) == "sent"
    assert server.recipients[-1] == "ann2@example.com"


def test_a_relay_that_refuses_the_content_for_now_gets_it_later(
    engine: Engine, relay: tuple[Relay, int], clock: SettableClock
) -> None:
    server, _ = relay

    server.after = lambda _: "421 4.3.0 closing"
    message = put(engine.core, "ann")
    send(engine)
    assert state_of(engine, message) == "pending"
    server.after = lambda envelope: "250 taken"
    clock.advance(seconds=61)
    send(engine)
    assert state_of(engine, message) == "sent"


def test_no_header_can_be_smuggled_in(engine: Engine, relay: tuple[Relay, int]) -> None:
    subscribe(engine, "eve", first_name="x\r\nBcc: victim@example.com\r\n\r\nhello")
    put(engine.core, "eve")
    send(engine)
    mail = parsed(relay[0])
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Für x Bcc: victim@example.com hello"
    subscribe(engine, "eva", email="eva@example.com\r\nRCPT TO:<victim@example.com>")
    message = put(engine.core, "eva")
    send(engine)
    assert state_of(engine, message) == "dead"
    assert server_recipients(relay) == ["eve@example.com"]


def server_recipients(relay: tuple[Relay, int]) -> list[str]:
    return relay[0].recipients


def test_connections_are_used_again_and_opened_anew_when_the_relay_hung_up(
    engine: Engine, relay: tuple[Relay, int]
) -> None:
    for number in range(12):
        subscribe(engine, f"u{number}")
        put(engine.core, f"u{number}")
    send(engine)
    assert len(relay[0].mails) == 12
    peers = {envelope.mail_from for envelope in relay[0].mails}
    assert peers == {"shop@shop.example"}


def test_a_relay_that_dies_with_the_mail_in_its_hands_is_not_given_it_again(
    engine: Engine, relay: tuple[Relay, int], clock: SettableClock
) -> None:
    server, _ = relay
    server.hang_ups = ["mail"]
    message = put(engine.core, "ann")
    send(engine)
    view = engine.core.delivery.outbox.show(message.message_id)
    assert (view.state, view.attempts) == ("unknown", 1)
    assert view.reason.startswith("the connection broke: ")
    assert [each.state for each in engine.core.delivery.outbox.list(state="unknown")] == ["unknown"]
    clock.advance(seconds=86_400)
    send(engine)
    assert (state_of(engine, message), len(server.mails)) == ("unknown", 1)
    # Nothing of it clings to the mails after it.
    subscribe(engine, "bob")
    following = put(engine.core, "bob")
    send(engine)
    assert (state_of(engine, following), len(server.mails)) == ("sent", 2)


def test_it_is_sent_again_where_that_is_wanted(
    relay: tuple[Relay, int], clock: SettableClock
) -> None:
    server, port = relay
    server.hang_ups = ["mail"]
    with Engine.open(settings=mailing(port, resend_unknown=True), clock=clock) as engine:
        furnish(engine)
        subscribe(engine, "ann")
        message = put(engine.core, "ann")
        send(engine)
        assert state_of(engine, message) == "pending"
        clock.advance(seconds=31)
        send(engine)
        assert state_of(engine, message) == "sent"
    # Who got it twice can tell: it is the same mail.
    first, second = (parsed(server, place)["Message-ID"] for place in (0, 1))
    assert first == second


@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA"])
def test_a_relay_that_dies_before_it_had_the_mail_gets_it_later(
    engine: Engine, relay: tuple[Relay, int], clock: SettableClock, where: str
) -> None:
    server, _ = relay
    server.hang_ups = [where]
    message = put(engine.core, "ann")
    send(engine)
    view = engine.core.delivery.outbox.show(message.message_id)
    assert (view.state, view.attempts, len(server.mails)) == ("pending", 1, 0)
    clock.advance(seconds=31)
    send(engine)
    assert (state_of(engine, message), len(server.mails)) == ("sent", 1)


@pytest.mark.parametrize("where", ["MAIL", "RCPT", "DATA"])
def test_a_connection_that_the_relay_closed_meanwhile_costs_no_attempt(
    relay: tuple[Relay, int], clock: SettableClock, where: str
) -> None:
    server, port = relay
    with Engine.open(settings=mailing(port, workers=1), clock=clock) as engine:
        furnish(engine)
        for user, hang_ups in (("ann", []), ("bob", [where])):
            server.hang_ups = hang_ups
            subscribe(engine, user)
            message = put(engine.core, user)
            send(engine)
            assert (state_of(engine, message), server.hang_ups) == ("sent", [])
            assert engine.core.delivery.outbox.show(message.message_id).attempts == 1
        assert [mail.rcpt_tos for mail in server.mails] == [
            ["ann@example.com"],
            ["bob@example.com"],
        ]


def test_a_refusal_stands_though_the_relay_hangs_up_behind_it(
    engine: Engine, relay: tuple[Relay, int]
) -> None:
    server, _ = relay
    server.answer = lambda _: "550 5.1.1 no such mailbox"
    server.hang_ups = ["after RCPT"]
    message = put(engine.core, "ann")
    send(engine)
    view = engine.core.delivery.outbox.show(message.message_id)
    assert (view.state, server.hang_ups) == ("dead", [])
    assert "550" in view.reason


def test_a_mail_refused_at_its_beginning_spoils_none_after_it(
    relay: tuple[Relay, int], clock: SettableClock
) -> None:
    server, port = relay
    server.ready = lambda envelope: (
        "451 4.7.1 greylisted" if "ann@example.com" in envelope.rcpt_tos else ""
    )
    with Engine.open(settings=mailing(port, workers=1), clock=clock) as engine:
        furnish(engine)
        for user, state in (("ann", "pending"), ("bob", "sent")):
            subscribe(engine, user)
            message = put(engine.core, user)
            send(engine)
            assert state_of(engine, message) == state
    assert [mail.rcpt_tos for mail in server.mails] == [["bob@example.com"]]
