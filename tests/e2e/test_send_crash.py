"""Kill -9 while a message is being handed over: a mail is held as unknown, a webhook comes once by its key."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.flow.drive import run
from tests.e2e.sending_child import settings_of
from tests.flow.shop import START_US
from tests.support.sending import receiving, relaying

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0


def killed_while_sending(store: Path, kind: str, where: str, reached: threading.Event) -> str:
    """The id of the message that was in the hand-over."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.sending_child", str(store), kind, where],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        message_id = child.stdout.readline().strip()
        assert reached.wait(WAIT_S), "the child never sent"
        return message_id
    finally:
        child.kill()
        child.wait(timeout=30)
        if child.stdout is not None:
            child.stdout.close()


@pytest.mark.parametrize("resend", [False, True])
def test_a_mail_in_the_hand_over_is_unknown_and_not_sent_again_by_itself(
    tmp_path: Path, resend: bool
) -> None:
    reached, answer = threading.Event(), threading.Event()

    def slow(_: object) -> str:
        reached.set()
        answer.wait(WAIT_S)
        return "250 taken"

    store, clock = tmp_path / "store", SettableClock(START_US)
    with relaying() as (relay, port):
        relay.after = slow
        message_id = killed_while_sending(store, "mail", str(port), reached)
        answer.set()
        relay.after = lambda _: "250 taken"
        settings = settings_of("mail", str(port), resend_unknown=resend)
        with Engine.open(store, settings=settings, clock=clock) as engine:
            outbox, dispatching = engine.core.delivery.outbox, engine.core.delivery.dispatching
            # It counts under the caps: it may well have gone out.
            held = engine.core.people.reservations("user:ann", clock.now_us())
            assert [each.decision_id for each in held] == [message_id.removeprefix("m-")]
            clock.advance(seconds=3600)
            run(dispatching.drain())
            if resend:
                assert outbox.show(message_id).state == "sent"
                assert len(relay.mails) == 2
                return
            view = outbox.show(message_id)
            assert (view.state, view.attempts) == ("unknown", 1)
            assert "stopped" in view.reason
            assert len(relay.mails) == 1
            assert [each.message_id for each in outbox.list("unknown")] == [message_id]
            run(outbox.resend(message_id))
            run(dispatching.drain())
            assert outbox.show(message_id).state == "sent"
            assert len(relay.mails) == 2
            assert len(engine.individual("user:ann").contacts) == 1


def test_a_webhook_in_the_hand_over_comes_again_with_the_same_key(tmp_path: Path) -> None:
    reached, answer = threading.Event(), threading.Event()

    def behave(number: int, _key: str) -> tuple[int, dict[str, str]]:
        if number == 1:
            reached.set()
            answer.wait(WAIT_S)
        return 200, {}

    store, clock = tmp_path / "store", SettableClock(START_US)
    with receiving(behave) as (taken, url):
        message_id = killed_while_sending(store, "hook", url, reached)
        answer.set()
        with Engine.open(store, settings=settings_of("hook", url), clock=clock) as engine:
            run(engine.core.delivery.dispatching.drain())
            assert engine.core.delivery.outbox.show(message_id).state == "sent"
        assert len(taken.requests) == 2
        assert set(taken.kept) == {message_id}
