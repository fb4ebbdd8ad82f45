"""Messages for pages: taken up by the person's next decision there or by a stream, once, if they still stand."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Message
from eachwise.contracts.errors import StoreError
from eachwise.contracts.ports import Committed
from eachwise.flow.drive import run
from tests.flow.shop import START_US
from tests.support.sending import contact, furnish, put, state_of, subscribe


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_US)


@pytest.fixture
def engine(clock: SettableClock) -> Iterator[Engine]:
    with Engine.open(clock=clock) as opened:
        furnish(opened)
        subscribe(opened, "ann")
        yield opened


def take(engine: Engine, after: str = "") -> list[str]:
    found = run(engine.core.delivery.streams.take("user:ann", after))
    return [message_id for message_id, _ in found]


def test_the_next_decision_of_its_placement_is_the_one_that_waits(
    engine: Engine, clock: SettableClock
) -> None:
    message = put(engine.core, "ann", "hero")
    clock.advance(seconds=5)
    other = engine.decide("bob", placements=["hero"]).decisions[0]
    assert other.decision_id != message.decision_id
    first = engine.decide("ann", placements=["hero"]).decisions[0]
    assert (first.decision_id, first.experience_id) == (message.decision_id, "hello")
    assert engine.message(message.message_id).state == "picked"
    second = engine.decide("ann", placements=["hero"]).decisions[0]
    assert second.decision_id != message.decision_id
    # Its exposure is reported by the page, as of any decision.
    engine.track("ann", "Experience Viewed", {"decision_id": message.decision_id})
    assert len(engine.individual("user:ann").contacts) == 1


def test_what_does_not_stand_any_more_waits_on_and_is_held_when_its_time_is_over(
    engine: Engine, clock: SettableClock
) -> None:
    message = put(engine.core, "ann", "hero", expires_at_us=START_US + 3_600_000_000)
    engine.track("ann", "Experience Hidden", {"experience_id": "hello"})
    answered = engine.decide("ann", placements=["hero"]).decisions[0]
    assert answered.experience_id == "silence"
    assert take(engine) == []
    assert state_of(engine, message) == "pending"
    clock.advance(seconds=3601)
    engine.tick()
    assert state_of(engine, message) == "held"
    assert engine.core.people.reservations("user:ann", clock.now_us()) == []


def test_it_waits_until_it_is_due_and_over_a_restart(tmp_path: Path, clock: SettableClock) -> None:
    path = tmp_path / "store"
    with Engine.open(path, clock=clock) as engine:
        furnish(engine)
        subscribe(engine, "ann")
        message = put(engine.core, "ann", "hero", due_at_us=START_US + 60_000_000)
        assert take(engine) == []
    clock.advance(seconds=60)
    with Engine.open(path, clock=clock) as engine:
        assert take(engine) == [message.message_id]
        assert state_of(engine, message) == "picked"


def test_it_follows_the_person_into_another_id(engine: Engine, clock: SettableClock) -> None:
    record = contact(engine.core, "anon:a1", "hero", "hello")
    engine.track(None, "Signed Up", anonymousId="a1")
    message = Message(
        message_id="m-1",
        individual_id="anon:a1",
        channel="web",
        created_at_us=START_US,
        due_at_us=START_US,
        placement_id="hero",
        experience_id="hello",
        decision_id=record.decision_id,
    )
    from tests.support.sending import post

    post(engine.core, message, record)
    clock.advance(seconds=1)
    engine.identify("ann", {}, anonymousId="a1")
    found = engine.decide("ann", placements=["hero"]).decisions[0]
    assert found.decision_id == record.decision_id


def test_a_stream_takes_each_once_and_hands_the_last_ones_out_again_on_request(
    engine: Engine, clock: SettableClock
) -> None:
    heard: list[int] = []
    streams = engine.core.delivery.streams
    stop = streams.listen("user:ann", lambda: heard.append(1))
    first = put(engine.core, "ann", "hero")
    assert (heard, streams.open) == ([1], 1)
    clock.advance(seconds=1)
    assert take(engine) == [first.message_id]
    assert take(engine) == []
    second = put(engine.core, "ann", "hero")
    assert take(engine) == [second.message_id]
    assert take(engine, first.message_id) == [second.message_id]
    assert take(engine, "unknown") == []
    clock.advance(seconds=121)
    assert take(engine, first.message_id) == []
    stop()
    assert streams.open == 0
    put(engine.core, "ann", "hero")
    assert heard == [1, 1]
    assert streams._handed == {}


def test_a_discarded_message_waits_no_more(engine: Engine) -> None:
    message = put(engine.core, "ann", "hero")
    engine.discard(message.message_id)
    assert take(engine) == []
    found = engine.decide("ann", placements=["hero"]).decisions[0]
    assert found.decision_id != message.decision_id
    engine.resend(message.message_id)
    assert take(engine) == [message.message_id]


def test_a_page_goes_on_hearing_under_the_id_it_had_before_the_login(
    engine: Engine, clock: SettableClock
) -> None:
    heard: list[int] = []
    engine.track(None, "Signed Up", anonymousId="a1")
    streams = engine.core.delivery.streams
    stop = streams.listen(streams.person(None, "a1", None), lambda: heard.append(1))
    clock.advance(seconds=1)
    engine.identify("ann", {}, anonymousId="a1")
    message = put(engine.core, "ann", "hero")
    assert heard == [1]
    assert [each for each, _ in run(streams.take("anon:a1"))] == [message.message_id]
    # It comes back under its new id, and misses nothing.
    assert take(engine, f"at-{START_US}") == [message.message_id]
    stop()
    put(engine.core, "ann", "hero")
    assert heard == [1]


def test_the_first_message_of_a_stream_is_not_lost_with_its_connection(
    engine: Engine, clock: SettableClock
) -> None:
    began = engine.core.delivery.streams.mark()
    clock.advance(seconds=1)
    message = put(engine.core, "ann", "hero")
    assert take(engine) == [message.message_id]
    assert take(engine, began) == [message.message_id]
    clock.advance(seconds=1)
    # It was still there at the next sign of life.
    assert take(engine, engine.core.delivery.streams.mark()) == []
    for odd in ("at-", "at-x", "at-" + "9" * 5000):
        assert take(engine, odd) == []


def test_what_could_not_be_taken_up_durably_waits_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = put(engine.core, "ann", "hero")

    def full(_: object) -> Future[Committed]:
        refused: Future[Committed] = Future()
        refused.set_exception(StoreError("the disk is full"))
        return refused

    with monkeypatch.context() as patched:
        patched.setattr(engine.core._store, "commit", full)
        with pytest.raises(StoreError, match="full"):
            take(engine)
    assert take(engine) == [message.message_id]


def test_the_outbox_of_a_person_has_what_was_made_under_their_earlier_ids(
    engine: Engine, clock: SettableClock
) -> None:
    subscribe(engine, "eve")
    made = []
    for user in ("ann", "eve"):
        made.append(put(engine.core, user, "hero").message_id)
        clock.advance(seconds=1)
    engine.send([{"type": "alias", "userId": "ann", "previousId": "eve"}])
    outbox = engine.core.delivery.outbox
    for name in ("user:ann", "user:eve"):
        assert [each.message_id for each in outbox.list(individual_id=name)] == made[::-1]
        assert len(outbox.list(individual_id=name, limit=1)) == 1
