"""What waits holds a place under the caps: however long it waited, no cap is broken when it goes out or is shown.

And what was decided in a round that came to nothing holds none.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.delivery import Message, Receipt
from eachwise.contracts.errors import StoreError
from eachwise.contracts.journey import Answered, Instance, Journey, Moved, Trigger
from eachwise.flow.drive import run
from eachwise.journeys import Knows, step
from eachwise.settings import DecideSettings, DeliverySettings, Settings
from tests.flow.shop import START_US
from tests.support.sending import DEFINITIONS, Scripted, furnish, put, state_of, subscribe

HOUR_S, HOUR_US = 3_600, 3_600_000_000
LATER = Receipt(outcome="retry", reason="busy", retry_after_s=25 * HOUR_S)
# Nothing is left to chance: what is asked for goes out. Attempts are not what is tried here.
SETTINGS = Settings(
    delivery=DeliverySettings(public_url="https://x.example", attempts_max=50),
    decide=DecideSettings(explorations_per_day=0),
)


def once_a_day() -> dict[str, Any]:
    """One mail a day, and one thing a day on pages; three placements there; two things to show."""
    definitions = copy.deepcopy(DEFINITIONS)
    caps = {"caps": [{"count": 1, "window_s": 86_400}]}
    definitions["contact"] = caps
    definitions["placements"][-1] |= caps
    definitions["placements"] += [
        {"placement_id": "bar", "channel": "web", **caps},
        {"placement_id": "foot", "channel": "web", **caps},
    ]
    hello = definitions["experiences"][0] | {"value": 1_000_000.0, "lever": 10.0}
    hello["placements"] = [*hello["placements"], "bar"]
    definitions["experiences"] = [
        hello,
        hello | {"experience_id": "other", "placements": ["foot"]},
    ]
    return definitions


@pytest.fixture
def mail() -> Scripted:
    return Scripted("email")


def opened(path: Path | None, clock: SettableClock, mail: Scripted) -> Engine:
    return Engine.open(path, clock=clock, settings=SETTINGS, channels={"email": mail})


@pytest.fixture
def engine(clock: SettableClock, mail: Scripted) -> Iterator[Engine]:
    with opened(None, clock, mail) as made:
        furnish(made)
        made.define(once_a_day())
        subscribe(made, "ann")
        yield made


def two_that_wait(
    engine: Engine, clock: SettableClock, first: str, second: str
) -> tuple[Message, Message]:
    """Two messages that come due together, the second decided when the first had waited for longer than a day."""
    both_us = START_US + 50 * HOUR_US
    one = put(engine.core, "ann", first, due_at_us=both_us)
    clock.advance(seconds=25 * HOUR_S)
    other = put(engine.core, "ann", second, due_at_us=both_us, expires_at_us=both_us + 90 * HOUR_US)
    clock.advance(seconds=25 * HOUR_S)
    return one, other


def drain(engine: Engine) -> None:
    run(engine.core.delivery.dispatching.drain())


def take(engine: Engine) -> list[str]:
    return [each for each, _ in run(engine.core.delivery.streams.take("user:ann"))]


def test_of_two_that_come_due_together_one_goes_out_and_the_other_a_day_later(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    one, other = two_that_wait(engine, clock, "mail", "mail")
    drain(engine)
    states = {state_of(engine, one), state_of(engine, other)}
    assert (states, len(mail.letters)) == ({"sent", "pending"}, 1)
    clock.advance(seconds=24 * HOUR_S)
    drain(engine)
    assert state_of(engine, one) == state_of(engine, other) == "sent"


def test_two_of_people_who_turn_out_to_be_one_do_not_go_out_together(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    mail.answers = [LATER, LATER]
    subscribe(engine, "eve")
    for user in ("ann", "eve"):
        put(engine.core, user, expires_at_us=START_US + 80 * HOUR_US)
    drain(engine)
    engine.send([{"type": "alias", "userId": "ann", "previousId": "eve"}])
    went = []
    for hour in range(80):
        clock.advance(seconds=HOUR_S)
        before = len(mail.letters)
        drain(engine)
        went += [hour] * (len(mail.letters) - before)
    assert len(went) == 2
    assert went[1] - went[0] >= 24


def test_what_was_tried_holds_its_place_from_the_time_at_which_it_was_tried(
    engine: Engine, clock: SettableClock, mail: Scripted
) -> None:
    mail.answers = [LATER]
    one, other = two_that_wait(engine, clock, "mail", "mail")
    drain(engine)
    # The first was put off by the relay, which may have it all the same: the second keeps its distance to that.
    assert [state_of(engine, each) for each in (one, other)] == ["pending", "pending"]
    assert len(mail.letters) == 1
    clock.advance(seconds=24 * HOUR_S)
    drain(engine)
    assert len(mail.letters) == 2


def test_a_page_gets_one_of_two_that_waited_for_longer_than_a_day(
    engine: Engine, clock: SettableClock
) -> None:
    one, other = two_that_wait(engine, clock, "hero", "bar")
    assert take(engine) == [one.message_id]
    # Taken up it holds its place as any decision until the page reports it ...
    assert take(engine) == []
    engine.track("ann", "Experience Viewed", {"decision_id": one.decision_id})
    clock.advance(seconds=HOUR_S)
    # ... and then it is a contact.
    assert take(engine) == []
    clock.advance(seconds=24 * HOUR_S)
    assert take(engine) == [other.message_id]


def test_what_a_page_takes_up_and_never_shows_is_no_contact(
    engine: Engine, clock: SettableClock
) -> None:
    one, other = two_that_wait(engine, clock, "hero", "bar")
    assert take(engine) == [one.message_id]
    clock.advance(seconds=301)
    assert engine.core.people.reservations("user:ann", clock.now_us())[0].decision_id == (
        other.decision_id
    )
    assert take(engine) == [other.message_id]


def test_beside_what_waited_a_page_gets_nothing_more_than_the_cap_allows(
    engine: Engine, clock: SettableClock
) -> None:
    one, _ = two_that_wait(engine, clock, "hero", "bar")
    page = engine.decide("ann", placements=["hero", "bar", "foot"]).decisions
    assert page[0].decision_id == one.decision_id
    assert [each.experience_id for each in page] == ["hello", "silence", "silence"]


def test_a_mail_that_may_have_gone_out_counts_from_its_hand_over_also_after_a_restart(
    tmp_path: Path, clock: SettableClock, mail: Scripted
) -> None:
    mail.answers = [Receipt(outcome="unknown", reason="the line broke")]
    path = tmp_path / "store"
    with opened(path, clock, mail) as engine:
        furnish(engine)
        engine.define(once_a_day())
        subscribe(engine, "ann")
        one, other = two_that_wait(engine, clock, "mail", "mail")
        drain(engine)
        assert [state_of(engine, each) for each in (one, other)] == ["unknown", "pending"]
    with opened(path, clock, mail) as engine:
        clock.advance(seconds=20 * HOUR_S)
        drain(engine)
        assert (state_of(engine, other), len(mail.letters)) == ("pending", 1)
        clock.advance(seconds=5 * HOUR_S)
        drain(engine)
        assert (state_of(engine, other), len(mail.letters)) == ("sent", 2)


JOURNEY = """
journeys:
  - journey_id: greeting
    entry: {event: Product Viewed}
    steps:
      - {id: hi, send: {placement: mail, experience: hello, within: 2d, send_time: now}}
"""


def asked_for(engine: Engine, *users: str) -> None:
    """These people's journeys ask for a contact, now."""
    engine.put_journeys(JOURNEY)
    for user in users:
        engine.track(user, "Product Viewed", {"product_id": "i1"})
    run(engine.core.programme.orchestrating._take_noticed())


def test_a_round_that_the_disk_broke_off_leaves_no_place_taken(
    engine: Engine, mail: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe(engine, "eve")
    asked_for(engine, "ann", "eve")
    store, people = engine.core._store, engine.core.people
    read = store.instances_of

    def held() -> list[str]:
        now_us = engine.core.now_us()
        return [who for who in ("user:ann", "user:eve") if people.reservations(who, now_us)]

    def broken(*args: Any, **options: Any) -> list[Instance]:
        if held():
            raise StoreError("the disk is gone")
        return read(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(store, "instances_of", broken)
        with pytest.raises(StoreError, match="gone"):
            run(engine.core.programme.work())
    assert held() == []
    engine.tick()
    drain(engine)
    assert sorted(each.address for each in mail.letters) == ["ann@example.com", "eve@example.com"]


def test_what_a_fault_cut_off_is_done_whole_or_not_at_all(
    engine: Engine, clock: SettableClock, mail: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for(engine, "ann")

    def broken(journey: Journey, instance: Instance, trigger: Trigger, knows: Knows) -> Moved:
        if isinstance(trigger, Answered):
            raise ValueError("a fault of ours")
        return step(journey, instance, trigger, knows)

    with monkeypatch.context() as patched:
        patched.setattr("eachwise.flow.orchestrate.step", broken)
        engine.tick()
        drain(engine)
    assert mail.letters == []
    assert engine.core.people.reservations("user:ann", clock.now_us()) == []
    clock.advance(seconds=HOUR_S)
    engine.tick()
    drain(engine)
    assert len(mail.letters) == 1
