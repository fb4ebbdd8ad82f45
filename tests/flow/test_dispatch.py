"""The outbox at work: one send each, the policy at the last moment, retries, leases, places under the caps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Channel, Letter, Message, Receipt
from eachwise.contracts.errors import InvalidInput, NotFound
from eachwise.deliver import after, backoff_s
from eachwise.flow.drive import run
from eachwise.settings import DeliverySettings, Settings
from tests.flow.shop import START_US
from tests.support.sending import (
    DEFINITIONS,
    Scripted,
    contact,
    furnish,
    post,
    put,
    state_of,
    subscribe,
)

SENT = Receipt(outcome="sent", provider_id="p1")
LATER = Receipt(outcome="retry", reason="busy")


@contextmanager
def shop(
    *channels: Channel, path: Path | None = None, clock: SettableClock, **delivery: Any
) -> Iterator[Engine]:
    settings = Settings(delivery=DeliverySettings(public_url="https://x.example", **delivery))
    by_name = {channel.name: channel for channel in channels}
    with Engine.open(path, settings=settings, clock=clock, channels=by_name) as engine:
        if not engine.core.definitions().placements:
            furnish(engine)
            subscribe(engine, "ann")
        yield engine


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_US)


def drain(engine: Engine) -> int:
    return run(engine.core.delivery.dispatching.drain())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_each_message_is_sent_once_whatever_the_rounds(
    kind: str, tmp_path: Path, clock: SettableClock
) -> None:
    mail = Scripted("email")
    path = tmp_path / "store" if kind == "sqlite" else None
    with shop(mail, path=path, clock=clock) as engine:
        messages = []
        for number in range(20):
            subscribe(engine, f"u{number}")
            messages.append(put(engine.core, f"u{number}"))
        drain(engine)
        drain(engine)
        assert sorted(each.message_id for each in mail.letters) == sorted(
            each.message_id for each in messages
        )
        view = engine.message(messages[0].message_id)
        assert (view.state, view.attempts, view.provider_id) == ("sent", 1, "")
        assert not engine.core.delivery.dispatching._handed


def test_a_tick_sends_and_an_idle_round_asks_the_store_nothing(
    clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        drain(engine)
        store = engine.core._store
        asked: list[int] = []
        claim = store.claim_messages

        def counted(*given: Any) -> Any:
            asked.append(1)
            return claim(*given)

        monkeypatch.setattr(store, "claim_messages", counted)
        for _ in range(10):
            engine.tick()
        assert asked == []
        put(engine.core, "ann")
        engine.tick()
        drain(engine)
        assert (len(asked), len(mail.letters)) == (1, 1)


def test_what_is_not_due_waits_and_what_is_over_is_held(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        later = put(engine.core, "ann", due_at_us=START_US + 60_000_000)
        drain(engine)
        assert state_of(engine, later) == "pending"
        clock.advance(seconds=60)
        drain(engine)
        assert state_of(engine, later) == "sent"
        over = put(engine.core, "ann", expires_at_us=clock.now_us() + 1_000_000)
        clock.advance(seconds=3600)
        drain(engine)
        view = engine.message(over.message_id)
        assert (view.state, "time was over" in view.reason) == ("held", True)


def test_without_a_channel_an_address_or_a_decision_it_is_held_and_says_why(
    clock: SettableClock,
) -> None:
    with shop(Scripted("sms"), clock=clock) as engine:
        mail = put(engine.core, "ann")
        subscribe(engine, "bob", phone="")
        text = put(engine.core, "bob", "text")
        bare = post(
            engine.core,
            Message(
                message_id="bare",
                individual_id="user:ann",
                channel="sms",
                created_at_us=START_US,
                due_at_us=START_US,
            ),
        )
        drain(engine)
        reasons = [engine.message(each.message_id).reason for each in (mail, text, bare)]
        assert reasons == [
            "no channel email is configured (settings: delivery)",
            "no phone is known",
            "no decision stands behind it",
        ]
        assert {each.state for each in engine.outbox()} == {"held"}


def test_the_policy_is_asked_at_the_moment_of_sending(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        message = put(engine.core, "ann", due_at_us=START_US + 60_000_000)
        engine.track("ann", "Unsubscribed", {"channel": "email"})
        clock.advance(seconds=61)
        drain(engine)
        view = engine.message(message.message_id)
        assert (view.state, mail.letters) == ("held", [])
        assert view.reason.startswith("consent: ")


def test_an_unsubscription_between_the_mark_and_the_hand_over_counts(
    clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        message = put(engine.core, "ann")
        flow = engine.core.delivery.dispatching.work()
        future = next(flow)
        while True:
            value = future.result()
            if engine.core._store.message(message.message_id).state == "sending":  # type: ignore[union-attr]
                engine.track("ann", "Unsubscribed", {"channel": "email"})
            try:
                future = flow.send(value)
            except StopIteration:
                break
        assert (state_of(engine, message), mail.letters) == ("held", [])


def test_quiet_hours_at_the_moment_of_sending_put_it_off_within_its_time(
    clock: SettableClock,
) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        day_us = 86_400 * 1_000_000
        message = put(engine.core, "ann", expires_at_us=START_US + day_us)
        quiet = msgspec.to_builtins(DEFINITIONS)
        # START_US is 2026-09-21 13:33 UTC.
        quiet["placements"][0]["quiet_hours"] = "13:00-15:00"
        engine.define(quiet)
        drain(engine)
        view = engine.message(message.message_id)
        assert (view.state, mail.letters) == ("pending", [])
        assert view.due_at.endswith("T15:00:00.000Z")
        clock.advance(seconds=2 * 3600)
        drain(engine)
        assert state_of(engine, message) == "sent"


def test_an_open_message_holds_its_place_under_the_caps_until_it_is_settled(
    tmp_path: Path, clock: SettableClock
) -> None:
    capped = msgspec.to_builtins(DEFINITIONS)
    capped["placements"][0]["caps"] = [{"count": 1, "window_s": 86_400}]
    mail = Scripted("email", Receipt(outcome="unknown", reason="lost"))
    with shop(mail, path=tmp_path / "store", clock=clock) as engine:
        engine.define(capped)
        message = put(engine.core, "ann")
        drain(engine)
        assert state_of(engine, message) == "unknown"
        # Far beyond the placement's own reservation.
        clock.advance(seconds=3 * 3600)
        assert contact(engine.core, "user:ann", "mail").experience_id == "silence"
    with shop(mail, path=tmp_path / "store", clock=clock) as engine:
        assert contact(engine.core, "user:ann", "mail").experience_id == "silence"
        engine.discard(message.message_id)
        assert contact(engine.core, "user:ann", "mail").experience_id == "hello"


def test_a_mail_that_cannot_be_rendered_is_dead_with_its_reason(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        broken = msgspec.to_builtins(DEFINITIONS)
        content = broken["experiences"][0]["content"]
        content["text"] = (
            "{% for a in items %}{{ a.title | truncate(-1, true, items) }}{% endfor %}"
        )
        engine.define(broken)
        message = put(engine.core, "ann")
        drain(engine)
        view = engine.message(message.message_id)
        assert (view.state, mail.letters) == ("dead", [])
        assert view.reason.startswith("text: ")


def test_items_are_those_of_the_moment_of_sending(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        put(engine.core, "ann", due_at_us=START_US + 60_000_000)
        engine.remove_items(["i0", "i1"])
        clock.advance(seconds=61)
        drain(engine)
        text = mail.letters[0].parts["text"]
        assert "Item 2" in text
        assert "Item 0" not in text


def test_retries_wait_and_end(clock: SettableClock) -> None:
    mail = Scripted("email", *[LATER] * 9)
    with shop(mail, clock=clock, attempts_max=3) as engine:
        message = put(engine.core, "ann")
        for attempt in range(1, 4):
            drain(engine)
            assert len(mail.letters) == attempt
            drain(engine)
            assert len(mail.letters) == attempt
            clock.advance(seconds=3600)
        view = engine.message(message.message_id)
        assert (view.state, view.attempts) == ("dead", 3)
        assert engine.core.people.reservations("user:ann", clock.now_us()) == []


def test_a_channel_that_raises_leaves_the_message_unknown(clock: SettableClock) -> None:
    class Broken(Scripted):
        def send(self, letter: Letter) -> Receipt:
            raise RuntimeError("bug")

    with shop(Broken("email"), clock=clock) as engine:
        message = put(engine.core, "ann")
        drain(engine)
        view = engine.message(message.message_id)
        assert (view.state, view.reason) == ("unknown", "the channel failed: bug")


def test_a_slow_send_holds_up_no_round_and_keeps_its_lease(
    tmp_path: Path, clock: SettableClock
) -> None:
    reached, answer = threading.Event(), threading.Event()

    class Slow(Scripted):
        def send(self, letter: Letter) -> Receipt:
            reached.set()
            assert answer.wait(30)
            return SENT

    with shop(Slow("email"), path=tmp_path / "store", clock=clock, lease_s=60.0) as engine:
        dispatching = engine.core.delivery.dispatching
        message = put(engine.core, "ann")
        run(dispatching.work())
        assert reached.wait(30)
        for _ in range(5):
            clock.advance(seconds=50)
            run(dispatching.work())
            assert (state_of(engine, message), len(dispatching._handed)) == ("sending", 1)
            stored = engine.core._store.message(message.message_id)
            assert stored is not None
            assert stored.claimed_until_us > clock.now_us()
        answer.set()
        drain(engine)
        assert state_of(engine, message) == "sent"


def test_events_of_journeys_are_logged_once_under_the_messages_id(clock: SettableClock) -> None:
    with shop(clock=clock) as engine:
        for number, body in enumerate(
            (
                {"event": "Reminded", "properties": {"n": 1}},
                {"event": "", "traits": {"tier": "gold"}},
            )
        ):
            post(
                engine.core,
                Message(
                    message_id=f"effect-{number}",
                    individual_id="user:ann",
                    channel="event",
                    created_at_us=START_US,
                    due_at_us=START_US,
                    body=body,
                ),
            )
        drain(engine)
        logged = engine.core._store.event("effect-0")
        assert logged is not None
        assert (logged.event.name, logged.event.user_id) == ("Reminded", "ann")
        assert engine.individual("user:ann").traits["tier"] == "gold"
        assert {each.state for each in engine.outbox()} == {"sent"}


def test_a_message_of_somebody_merged_goes_to_who_they_are_now(clock: SettableClock) -> None:
    hook = Scripted("webhook", deduplicates=True)
    with shop(hook, clock=clock) as engine:
        given = {"purpose": "marketing"}
        engine.track(None, "Consent Given", given, anonymousId="a1")
        record = contact(engine.core, "anon:a1", "hook", "hello")
        message = Message(
            message_id="m-1",
            individual_id="anon:a1",
            channel="webhook",
            created_at_us=START_US,
            due_at_us=START_US + 1,
            placement_id="hook",
            experience_id="hello",
            decision_id=record.decision_id,
        )
        post(engine.core, message, record)
        clock.advance(seconds=1)
        engine.identify("eve", {"marketing_opt_in": True}, anonymousId="a1")
        clock.advance(seconds=1)
        drain(engine)
        assert [each.address for each in hook.letters] == ["user:eve"]
        contacts = engine.individual("user:eve").contacts
        assert [each.decision_id for each in contacts] == [record.decision_id]
        assert engine.core.people.reservations("user:eve", clock.now_us()) == []
        # The learner hears of it too: it comes under the id for which it was decided.
        logged = engine.core._store.outcomes_of(record.decision_id)
        assert [each.event.anonymous_id for each in logged] == ["a1"]


def test_whoever_is_known_by_an_address_alone_can_be_reported_on(clock: SettableClock) -> None:
    mail = Scripted("email")
    with shop(mail, clock=clock) as engine:
        given = {"email": "Eve@example.com", "marketing_opt_in": True}
        engine.identify(None, given, anonymousId="a1")
        assert engine.core._directory.resolve("anon:a1") == "email:eve@example.com"
        # The device is somebody else's by now: nothing but the address leads to her.
        clock.advance(seconds=1)
        engine.identify("max", {}, anonymousId="a1")
        clock.advance(seconds=1)
        record = contact(engine.core, "email:eve@example.com", "mail", "hello")
        message = Message(
            message_id="m-1",
            individual_id="email:eve@example.com",
            channel="email",
            created_at_us=clock.now_us(),
            due_at_us=clock.now_us(),
            placement_id="mail",
            experience_id="hello",
            decision_id=record.decision_id,
        )
        post(engine.core, message, record)
        drain(engine)
        link = mail.letters[0].headers["List-Unsubscribe"].strip("<>").rpartition("/")[2]
        clock.advance(seconds=1)
        run(engine.core.delivery.returns.unsubscribe(link))
        contacts = engine.individual("email:eve@example.com").contacts
        assert [each.action for each in contacts] == ["unsubscribe", "expose"]
        again = contact(engine.core, "email:eve@example.com", "mail", "hello")
        assert again.experience_id == "silence"


def test_operators_are_told_what_cannot_be_done(clock: SettableClock) -> None:
    with shop(Scripted("email"), clock=clock) as engine:
        message = put(engine.core, "ann")
        with pytest.raises(InvalidInput, match="is pending"):
            engine.resend(message.message_id)
        assert engine.discard(message.message_id).state == "discarded"
        with pytest.raises(InvalidInput, match="is discarded"):
            engine.discard(message.message_id)
        assert engine.resend(message.message_id).state in ("pending", "sending", "sent")
        drain(engine)
        assert state_of(engine, message) == "sent"
        with pytest.raises(NotFound):
            engine.discard("nothing")


MESSAGE = Message(
    message_id="m", individual_id="user:a", channel="email", created_at_us=0, due_at_us=0
)


@rounds(max_examples=200)
@given(
    attempts=st.integers(1, 10_000),
    base_s=st.floats(0.01, 1e5),
    most_s=st.floats(0.01, 1e6),
    name=st.text(max_size=20),
)
def test_backoff_stays_within_half_and_whole_and_is_the_same_again(
    attempts: int, base_s: float, most_s: float, name: str
) -> None:
    settings = DeliverySettings(retry_base_s=base_s, retry_max_s=most_s)
    message = msgspec.structs.replace(MESSAGE, attempts=attempts, message_id=name)
    wait_s = backoff_s(message, settings)
    whole = min(most_s, base_s * 2.0 ** min(attempts - 1, 40))
    assert whole / 2 <= wait_s <= whole
    assert wait_s == backoff_s(message, settings)


@given(
    outcome=st.sampled_from(["sent", "retry", "refused", "gone", "unknown"]),
    attempts=st.integers(1, 12),
    resend=st.booleans(),
)
def test_no_message_is_tried_for_ever_and_unknown_is_not_resent_unless_it_is_said(
    outcome: Any, attempts: int, resend: bool
) -> None:
    settings = DeliverySettings(attempts_max=8, resend_unknown=resend)
    message = msgspec.structs.replace(MESSAGE, attempts=attempts, state="sending")
    found = after(message, Receipt(outcome=outcome, reason="r"), 10, settings)
    assert found.state != "sending"
    if found.state == "pending":
        assert attempts < 8
        assert found.due_at_us > 10
        assert outcome == "retry" or (outcome == "unknown" and resend)
    if outcome == "unknown" and not resend:
        assert found.state == "unknown"
