"""What a round takes: each channel by itself, as much as can begin at once, in its time; own events in one go."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Channel, Letter, Message, Receipt
from eachwise.contracts.errors import StoreError
from eachwise.contracts.ports import Commit
from eachwise.flow.dispatch import EVENTS_A_ROUND
from eachwise.flow.drive import run
from eachwise.settings import DeliverySettings, Settings
from tests.flow.shop import START_US
from tests.support.sending import Scripted, furnish, post, put, state_of, subscribe

HOUR_S = 3_600


class Hanging(Scripted):
    """A receiver that answers nobody until ``go``."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.go = threading.Event()
        self.began = threading.Semaphore(0)

    def send(self, letter: Letter) -> Receipt:
        self.began.release()
        assert self.go.wait(30)
        return super().send(letter)


@contextmanager
def shop(*channels: Channel, clock: SettableClock, **delivery: Any) -> Iterator[Engine]:
    settings = Settings(delivery=DeliverySettings(public_url="https://x.example", **delivery))
    by_name = {channel.name: channel for channel in channels}
    with Engine.open(settings=settings, clock=clock, channels=by_name) as engine:
        furnish(engine)
        subscribe(engine, "ann")
        try:
            yield engine
        finally:
            for channel in channels:
                if isinstance(channel, Hanging):
                    channel.go.set()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_US)


def work(engine: Engine) -> int:
    return run(engine.core.delivery.work())


def drain(engine: Engine) -> int:
    return run(engine.core.delivery.dispatching.drain())


def event(engine: Engine, name: str, **fields: Any) -> Message:
    """An event that a journey's step emits."""
    given: dict[str, Any] = {"individual_id": "user:ann", "body": {"event": "Reminded"}} | fields
    now_us = engine.core.now_us()
    made = Message(
        message_id=name, channel="event", created_at_us=now_us, due_at_us=now_us, **given
    )
    return post(engine.core, made)


# -- in its time -------------------------------------------------------------------------------------------


def test_what_is_to_be_tried_again_after_its_time_is_held_at_once(clock: SettableClock) -> None:
    busy = Receipt(outcome="retry", reason="429", retry_after_s=6 * HOUR_S)
    hook = Scripted("webhook", busy, deduplicates=True)
    with shop(hook, clock=clock) as engine:
        message = put(engine.core, "ann", "hook", expires_at_us=START_US + HOUR_S * 1_000_000)
        drain(engine)
        view = engine.message(message.message_id)
        reason = "its time is over before it could be tried again: 429"
        assert (view.state, view.reason) == ("held", reason)
        assert engine.core.people.reservations("user:ann", clock.now_us()) == []
        clock.advance(seconds=7 * HOUR_S)
        drain(engine)
        assert len(hook.letters) == 1


def test_a_second_try_has_no_grace(clock: SettableClock) -> None:
    soon = Receipt(outcome="retry", reason="busy", retry_after_s=50)
    mail = Scripted("email", soon)
    with shop(mail, clock=clock, retry_base_s=1.0) as engine:
        message = put(engine.core, "ann", expires_at_us=START_US + 60_000_000)
        drain(engine)
        assert state_of(engine, message) == "pending"
        clock.advance(seconds=61)
        drain(engine)
        assert (state_of(engine, message), len(mail.letters)) == ("held", 1)


def test_what_was_made_at_the_last_moment_gets_its_first_try(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        made = put(engine.core, "ann", expires_at_us=START_US + 1_000_000)
        clock.advance(seconds=299)
        drain(engine)
        assert state_of(engine, made) == "sent"


def test_the_disk_gives_nobody_more_time(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock, retry_base_s=200.0) as engine:
        made = put(engine.core, "ann", expires_at_us=START_US + 1_000_000)
        letters = engine.core.delivery.letters
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(letters, "letter", _failing)
            for _ in range(2):
                drain(engine)
                clock.advance(seconds=200)
        drain(engine)
        assert (state_of(engine, made), mail.letters) == ("held", [])


def _failing(*_: Any) -> Letter:
    raise StoreError("the disk is full")


def test_an_attempt_that_may_have_gone_out_stays_unknown_after_its_time(
    clock: SettableClock,
) -> None:
    lost = Receipt(outcome="unknown", reason="lost")
    with shop(Scripted("email", lost), clock=clock, resend_unknown=True) as engine:
        message = put(engine.core, "ann", expires_at_us=START_US + 1_000_000)
        drain(engine)
        assert state_of(engine, message) == "unknown"


# -- as much as can begin at once --------------------------------------------------------------------------


def test_who_leaves_while_another_mail_takes_long_gets_none(clock: SettableClock) -> None:
    mail = Hanging("email")
    with shop(mail, clock=clock, workers=1) as engine:
        subscribe(engine, "bob")
        messages = {user: put(engine.core, user) for user in ("ann", "bob")}
        work(engine)
        assert mail.began.acquire(timeout=30)
        (waits,) = [user for user, each in messages.items() if state_of(engine, each) == "pending"]
        engine.track(waits, "Unsubscribed", {"channel": "email"})
        clock.advance(seconds=30)
        work(engine)
        mail.go.set()
        drain(engine)
        assert state_of(engine, messages[waits]) == "held"
        assert [each.address for each in mail.letters] != [f"{waits}@example.com"]
        assert len(mail.letters) == 1


def test_a_receiver_that_hangs_holds_up_neither_other_channels_nor_own_events(
    clock: SettableClock,
) -> None:
    mail, hook = Hanging("email"), Scripted("webhook", deduplicates=True)
    with shop(mail, hook, clock=clock, workers=2) as engine:
        for number in range(8):
            subscribe(engine, f"u{number}")
            put(engine.core, f"u{number}")
        work(engine)
        assert len(engine.core.delivery.dispatching._handed) == 2
        called, logged = put(engine.core, "ann", "hook"), event(engine, "e")
        work(engine)
        run(_answered(engine, "webhook"))
        work(engine)
        assert (state_of(engine, called), state_of(engine, logged)) == ("sent", "sent")
        assert mail.letters == []
        mail.go.set()
        drain(engine)
        assert len(mail.letters) == 8


def _answered(engine: Engine, channel: str) -> Any:
    for handed in list(engine.core.delivery.dispatching._handed.values()):
        if handed.message.channel == channel:
            yield handed.answer
    return None


def test_an_answer_asks_for_the_next_round_and_so_does_what_is_left(clock: SettableClock) -> None:
    mail = Hanging("email")
    with shop(mail, clock=clock, workers=1) as engine:
        for number in range(3):
            subscribe(engine, f"u{number}")
            put(engine.core, f"u{number}")
        woken = threading.Semaphore(0)
        engine.core.delivery.on_answered(woken.release)
        mail.go.set()
        for _ in range(3):
            work(engine)
            # Nobody asks again on a tick's turn: each round is asked for by the answer before it.
            assert woken.acquire(timeout=30)
        work(engine)
        assert len(mail.letters) == 3
        assert not woken.acquire(blocking=False)


def test_what_is_held_by_the_policy_frees_the_round_for_the_next(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock, workers=1) as engine:
        message = put(engine.core, "ann")
        subscribe(engine, "bob")
        other = put(engine.core, "bob")
        for user in ("ann", "bob"):
            engine.track(user, "Unsubscribed", {"channel": "email"})
        woken: list[int] = []
        engine.core.delivery.on_answered(lambda: woken.append(1))
        work(engine)
        assert len(woken) == 1
        work(engine)
        assert {state_of(engine, each) for each in (message, other)} == {"held"}


def test_what_comes_in_while_a_claim_is_on_its_way_is_not_forgotten(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        drain(engine)
        put(engine.core, "ann")
        subscribe(engine, "bob")
        late: list[Message] = []
        store = engine.core._store
        claim = store.claim_messages

        def claimed(*given: Any) -> Future[list[Message]]:
            answer = claim(*given)
            if not late:
                late.append(put(engine.core, "bob"))
            return answer

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(store, "claim_messages", claimed)
            drain(engine)
        assert state_of(engine, late[0]) == "sent"


# -- own events --------------------------------------------------------------------------------------------


def test_own_events_are_logged_in_one_go_and_a_full_round_asks_for_another(
    clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shop(clock=clock) as engine:
        drain(engine)
        names = [f"e{number:03d}" for number in range(EVENTS_A_ROUND + 10)]
        for name in names:
            event(engine, name)
        woken: list[int] = []
        engine.core.delivery.on_answered(lambda: woken.append(1))
        commits: list[Commit] = []
        commit = engine.core._store.commit

        def counted(given: Commit) -> Any:
            commits.append(given)
            return commit(given)

        monkeypatch.setattr(engine.core._store, "commit", counted)
        assert work(engine) == EVENTS_A_ROUND
        # Slices of the log, and one for what became of the messages.
        assert (len(commits), len(woken)) == (5, 1)
        assert work(engine) == 10
        assert len(woken) == 1
        assert {each.state for each in engine.outbox(limit=1000)} == {"sent"}
        logged = [engine.core._store.event(name) for name in names]
        assert all(each is not None for each in logged)


def test_one_event_that_cannot_be_logged_holds_up_no_other(
    clock: SettableClock, caplog: pytest.LogCaptureFixture
) -> None:
    with shop(clock=clock) as engine:
        drain(engine)
        made = [
            event(engine, "a"),
            event(engine, "b", body={"event": "Broken", "properties": {1: 2, "bad": 3}}),
            event(engine, "c", individual_id="nobody"),
            event(engine, "d"),
        ]
        reports = engine.core.delivery.dispatching._emitting._reports
        events = reports.events

        def picky(individual_id: str, **given: Any) -> Any:
            if given["name"] == "Broken":
                raise ValueError("no such event")
            return events(individual_id, **given)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(reports, "events", picky)
            drain(engine)
        assert [state_of(engine, each) for each in made] == ["sent", "dead", "dead", "sent"]
        assert engine.message("b").reason == "a fault here: no such event"
        assert "message b cannot be prepared" in caplog.text


def test_own_events_wait_where_the_disk_is_full(clock: SettableClock) -> None:
    with shop(clock=clock) as engine:
        drain(engine)
        made = [event(engine, name) for name in ("a", "b")]
        commit = engine.core._store.commit

        def full(given: Commit) -> Any:
            if not given.events:
                return commit(given)
            refused: Future[Any] = Future()
            refused.set_exception(StoreError("the disk is full"))
            return refused

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(engine.core._store, "commit", full)
            drain(engine)
        assert {state_of(engine, each) for each in made} == {"pending"}
        clock.advance(seconds=31)
        drain(engine)
        assert {state_of(engine, each) for each in made} == {"sent"}
