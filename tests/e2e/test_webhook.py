"""Webhooks to a real receiver that fails at random: everything arrives once by its key, signed, or is dead."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from eachwise import Engine
from eachwise.adapters.channels.posting import retry_after_s
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Message
from eachwise.flow.drive import run
from eachwise.settings import DeliverySettings, Settings, WebhookSettings
from tests.flow.shop import START_US
from tests.support.sending import furnish, post, put, receiving, state_of, subscribe


@contextmanager
def hooked(url: str, folder: Path, clock: SettableClock, **delivery: object) -> Iterator[Engine]:
    secret = folder / "secret"
    secret.write_text("s3cret\n", encoding="utf-8")
    webhook = WebhookSettings(url=url, sms_url=url + "/sms", secret_file=str(secret), timeout_s=5.0)
    raw = {"webhook": msgspec.to_builtins(webhook), "public_url": "https://x.example"} | delivery
    settings = Settings(delivery=msgspec.convert(raw, DeliverySettings))
    with Engine.open(settings=settings, clock=clock) as engine:
        furnish(engine)
        yield engine


def settle(engine: Engine, clock: SettableClock, rounds: int = 40) -> None:
    """Rounds until nothing is pending any more."""
    for _ in range(rounds):
        run(engine.core.delivery.dispatching.drain())
        if not list(engine.core._store.open_messages()):
            return
        clock.advance(seconds=3600)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_receiver_that_fails_at_random_gets_everything_once_by_key(
    tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    clock = SettableClock(START_US)

    def behave(_number: int, _key: str) -> tuple[int, dict[str, str]] | None:
        answers: list[tuple[int, dict[str, str]] | None] = [
            (200, {}),
            (204, {}),
            (500, {}),
            (503, {"Retry-After": "5"}),
            (429, {"Retry-After": "1"}),
            None,
        ]
        return draw.choice(answers)

    with receiving(behave) as (taken, url), hooked(url, tmp_path, clock, attempts_max=30) as engine:
        messages = []
        for number in range(25):
            subscribe(engine, f"u{number}")
            messages.append(put(engine.core, f"u{number}", "hook"))
        for number in range(15):
            body = {"url": url + "/call", "body": {"n": number}}
            call = Message(
                message_id=f"effect-{number}",
                individual_id="user:u1",
                channel="call",
                created_at_us=START_US,
                due_at_us=START_US,
                body=body,
            )
            messages.append(post(engine.core, call))
        settle(engine, clock)
        assert {state_of(engine, each) for each in messages} == {"sent"}
        assert set(taken.kept) == {each.message_id for each in messages}
        assert len(taken.requests) > len(messages), "nothing was tried twice"
        # The same key always came with the same content.
        for _path, headers, sent in taken.requests:
            kept: object = msgspec.json.decode(taken.kept[headers["Idempotency-Key"]])
            again: object = msgspec.json.decode(sent)
            assert again == kept
        contacts = [engine.individual(f"user:u{number}").contacts for number in range(25)]
        assert all(len(each) == 1 for each in contacts)


def test_requests_are_signed_and_say_what_is_in_the_payload(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    with (
        receiving(lambda _number, _key: (200, {})) as (taken, url),
        hooked(url, tmp_path, clock) as engine,
    ):
        subscribe(engine, "ann")
        put(engine.core, "ann", "text", body={"event": {"order_id": "o-7"}})
        settle(engine, clock)
        path, headers, body = taken.requests[0]
        assert path == "/in/sms"
        at, _, hexed = headers["Eachwise-Signature"].partition(",v1=")
        wanted = hmac.new(b"s3cret", f"{at[2:]}.".encode() + body, hashlib.sha256).hexdigest()
        assert (at, hexed) == (f"t={START_US // 1_000_000}", wanted)
        told = msgspec.json.decode(body)
        assert told["to"] == "+49123"
        assert told["order"] == "o-7"
        assert told["text"].startswith("Hi!")
        assert "s3cret" not in str(engine.status())


def test_a_dead_letter_after_the_last_attempt_and_what_an_operator_may_do(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    broken = True

    def behave(_number: int, _key: str) -> tuple[int, dict[str, str]]:
        return (500, {}) if broken else (200, {})

    with (
        receiving(behave) as (taken, url),
        hooked(url, tmp_path, clock, attempts_max=3) as engine,
    ):
        subscribe(engine, "ann")
        message = put(engine.core, "ann", "hook")
        outbox = engine.core.delivery.outbox
        settle(engine, clock)
        view = outbox.show(message.message_id)
        assert (view.state, view.attempts, len(taken.requests)) == ("dead", 3, 3)
        assert "given up after 3 attempts" in view.reason
        assert engine.core.people.reservations("user:ann", clock.now_us()) == []
        broken = False
        run(outbox.resend(message.message_id))
        settle(engine, clock)
        assert state_of(engine, message) == "sent"


def test_refusals_are_final_and_redirects_are_not_followed(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    answers = {1: (302, {"Location": "/elsewhere"}), 2: (400, {})}
    with (
        receiving(lambda number, _key: answers[number]) as (taken, url),
        hooked(url, tmp_path, clock) as engine,
    ):
        for name in ("ann", "bob"):
            subscribe(engine, name)
            message = put(engine.core, name, "hook")
            settle(engine, clock)
            assert state_of(engine, message) == "dead"
        assert len(taken.requests) == 2


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    clock = SettableClock(START_US)

    def behave(number: int, _key: str) -> tuple[int, dict[str, str]]:
        return (503, {"Retry-After": "7200"}) if number == 1 else (200, {})

    with (
        receiving(behave) as (taken, url),
        hooked(url, tmp_path, clock) as engine,
    ):
        subscribe(engine, "ann")
        put(engine.core, "ann", "hook")
        run(engine.core.delivery.dispatching.drain())
        clock.advance(seconds=7199)
        run(engine.core.delivery.dispatching.drain())
        assert len(taken.requests) == 1
        clock.advance(seconds=2)
        run(engine.core.delivery.dispatching.drain())
        assert len(taken.requests) == 2


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("", 0), ("120", 120), ("junk", 0), ("-5", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 10)],
)
def test_retry_after_in_seconds_or_as_a_date(header: str, wait_s: float) -> None:
    assert retry_after_s(header, 784111767.0) == wait_s
