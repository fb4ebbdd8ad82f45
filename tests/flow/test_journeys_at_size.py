"""What journeys cost where much has changed, or much has ended: one scan, and others have their turn in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.journey import Leave
from eachwise.contracts.ports import Store
from eachwise.flow import audience, occasions, orchestrate
from eachwise.flow.drive import Flow
from eachwise.flow.entering import catalog_changes
from eachwise.settings import DecideSettings, Settings
from tests.flow.programme import DAY_S, HOUR_S, consenting, later, outbox, put, standing
from tests.flow.shop import ITEMS, START_US, furnish, view

CHEAPER = """
journeys:
  - journey_id: cheaper
    entry: {catalog: price_drop, key: item_id}
    reentry: always
    steps: [{id: w, wait: 1d}]
"""
FRESH = """
journeys:
  - journey_id: fresh
    entry: {catalog: new_item, key: item_id}
    reentry: always
    steps: [{id: w, wait: 1d}]
"""
LOOKED = """
journeys:
  - journey_id: looked
    entry: {event: Product Viewed, key: product_id}
    reentry: always
    steps: [{id: end, exit: over}]
"""


def sale(engine: Engine) -> None:
    engine.put_items([{**each, "price": each["price"] / 2} for each in ITEMS])


def keys(engine: Engine, user: str, journey_id: str = "cheaper") -> list[str]:
    every = standing(engine, f"user:{user}")
    return sorted(each.key for each in every if each.journey_id == journey_id)


def work(engine: Engine) -> None:
    engine._run(engine.core.programme.work())


def steps(flow: Flow[Any]) -> Iterator[None]:
    """A flow, a wait at a time."""
    future = next(flow)
    while True:
        yield
        try:
            future = flow.send(future.result(timeout=9))
        except StopIteration:
            return


def test_a_sale_on_everything_takes_one_scan(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, CHEAPER)
    view(engine, "u1", "fish-1", "beef-2")
    view(engine, "u2", "beef-2")
    engine.identify("u3", {})
    engine.tick()
    store, looks = engine.core._store, []
    scan = store.individuals

    def individuals(after: int = 0, limit: int = 1000) -> Any:
        looks.append(after)
        return scan(after, limit)

    def find(*_: Any) -> Any:
        raise AssertionError("nobody has to be scored")

    monkeypatch.setattr(store, "individuals", individuals)
    monkeypatch.setattr(engine.core.audiences, "find", find)
    sale(engine)
    engine.tick()
    assert looks == [0]
    assert keys(engine, "u1") == ["beef-2", "fish-1"]
    assert keys(engine, "u2") == ["beef-2"]
    assert keys(engine, "u3") == []


def test_a_sale_passes_by_who_hid_the_item_or_is_against_it(engine: Engine) -> None:
    put(engine, CHEAPER)
    for user in ("u1", "u2", "u3"):
        view(engine, user, "fish-1", "beef-2")
    engine.track("u1", "Item Hidden", {"product_id": "fish-1"})
    engine.track(
        "u2",
        "Preference Declared",
        {"attribute": "category", "value": "beef", "preference": "dislike"},
    )
    engine.tick()
    sale(engine)
    engine.tick()
    assert keys(engine, "u1") == ["beef-2"]
    assert keys(engine, "u2") == ["fish-1"]
    assert keys(engine, "u3") == ["beef-2", "fish-1"]


def test_events_are_reacted_to_while_everybody_is_looked_at(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, CHEAPER + LOOKED.removeprefix("\njourneys:\n"))
    for number in range(6):
        view(engine, f"u{number}", "fish-1")
    engine.tick()
    monkeypatch.setattr(audience, "PAGE_PEOPLE", 1)
    fish = next(each for each in ITEMS if each["item_id"] == "fish-1")
    engine.put_items([{**fish, "price": 1.0}])
    came, reacted = False, 0
    for _ in steps(engine.core.programme.work()):
        if not came and keys(engine, "u1"):
            came = True
            view(engine, "late", "beef-2")
        reacted += came and bool(keys(engine, "late", "looked"))
    assert reacted > 1, "long before everybody was looked at"
    assert [keys(engine, f"u{number}") for number in range(6)] == [["fish-1"]] * 6


def new_items(*names: str) -> list[dict[str, Any]]:
    return [
        {"item_id": name, "title": name, "attributes": {"category": "fish"}, "price": 5.0}
        for name in names
    ]


@pytest.fixture
def fond_of_fish(engine: Engine) -> Engine:
    """One person who likes fish, and journeys for new items."""
    put(engine, FRESH)
    view(engine, "u1", *(f"fish-{number}" for number in range(5)))
    for number in range(3):
        view(engine, f"o{number}", "beef-1", "cake-1", "tofu-1")
    engine.tick()
    return engine


def test_new_items_take_turns_with_timers(
    fond_of_fish: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = fond_of_fish
    monkeypatch.setattr(occasions, "TURN_US", 0)
    engine.put_items(new_items("n1", "n2", "n3"))
    for expected in (["n1"], ["n1", "n2"], ["n1", "n2", "n3"], ["n1", "n2", "n3"]):
        work(engine)
        assert keys(engine, "u1", "fresh") == expected


def test_what_is_paused_meanwhile_begins_no_more(
    fond_of_fish: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = fond_of_fish
    monkeypatch.setattr(occasions, "TURN_US", 0)
    engine.put_items(new_items("n1", "n2"))
    work(engine)
    put(engine, FRESH + "    paused: true\n")
    later(engine, engine.clock, HOUR_S)  # type: ignore[arg-type]
    assert keys(engine, "u1", "fresh") == ["n1"]


def test_a_new_item_that_is_gone_again_is_passed_by(
    fond_of_fish: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = fond_of_fish
    monkeypatch.setattr(occasions, "TURN_US", 0)
    engine.put_items(new_items("n1", "n2", "n3"))
    work(engine)
    engine._run(engine.core.remove_items(["n2"]))
    for _ in range(3):
        work(engine)
    assert keys(engine, "u1", "fresh") == ["n1", "n3"]


def test_after_a_stop_the_new_items_are_gone_through_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SettableClock(START_US)
    with Engine.open(tmp_path / "store", clock=clock) as engine:
        engine.put_items(ITEMS)
        put(engine, FRESH)
        view(engine, "u1", *(f"fish-{number}" for number in range(5)))
        view(engine, "o1", "beef-1", "cake-1", "tofu-1")
        engine.tick()
        with monkeypatch.context() as patched:
            patched.setattr(occasions, "TURN_US", 0)
            engine.put_items(new_items("n1", "n2"))
            work(engine)
        assert keys(engine, "u1", "fresh") == ["n1"]
    with Engine.open(tmp_path / "store", clock=clock) as engine:
        engine.tick()
        assert keys(engine, "u1", "fresh") == ["n1", "n2"]


def test_what_did_not_change_is_no_occasion() -> None:
    bread, salt = (Item(item_id=each, title=each, price=2.0) for each in ("bread", "salt"))
    renamed = Item(item_id="salt", title="sea salt", price=2.0)
    before = {"bread": bread, "salt": salt}
    assert not list(catalog_changes(before, {"bread": bread, "salt": renamed}, 0.0))


class Asked:
    """Stands before a store and counts the instances that are read of people."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = 0
        whole = store.instances_of

        def instances_of(*args: Any, **named: Any) -> Any:
            found = whole(*args, **named)
            self.read += len(found)
            return found

        monkeypatch.setattr(store, "instances_of", instances_of)


def test_an_event_does_not_read_all_that_ended(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = (
        LOOKED.replace("looked", "first").replace("always", "once").replace(", key: product_id", "")
    )
    put(engine, LOOKED + once.removeprefix("\njourneys:\n"))
    for number in range(60):
        engine.track("bot", "Product Viewed", {"product_id": f"p{number}"})
    engine.tick()
    assert len(keys(engine, "bot", "looked")) == 60
    asked = Asked(engine.core._store, monkeypatch)
    engine.track("bot", "Product Viewed", {"product_id": "one more"})
    engine.tick()
    # That of the journey that may be entered once.
    assert asked.read == 1
    assert len(keys(engine, "bot", "looked")) == 61
    assert len(keys(engine, "bot", "first")) == 1


def test_what_ended_is_merged_too(engine: Engine) -> None:
    once = LOOKED.replace("always", "once")
    put(engine, once)
    engine.track(None, "Product Viewed", {"product_id": "p"}, anonymousId="a")
    engine.tick()
    engine.identify("u1", {}, anonymousId="a")
    engine.track("u1", "Product Viewed", {"product_id": "q"})
    engine.tick()
    assert keys(engine, "u1", "looked") == ["p"]


def test_documents_are_taken_in_one_after_another(engine: Engine) -> None:
    put(engine, LOOKED)
    journeys = engine.core.programme.journeys
    flows = [
        steps(journeys.put(LOOKED.replace("exit: over", f"exit: {word}")))
        for word in ("first", "second")
    ]
    for each in flows:
        next(each)
    for each in flows:
        list(each)
    versions = [(each.version, each.steps[0].do) for each in engine.core._store.journeys()]
    assert versions == [(1, Leave("over")), (2, Leave("first")), (3, Leave("second"))]
    assert journeys.newest["looked"].version == 3
    with pytest.raises(InvalidInput):
        put(engine, "journeys: [{}]")
    put(engine, LOOKED)
    assert journeys.newest["looked"].version == 4


def test_only_what_somebody_may_be_on_is_listened_for(engine: Engine, clock: SettableClock) -> None:
    noticing = engine.core.programme._noticing

    def heard() -> tuple[bool, set[str]]:
        return noticing.everything, set(noticing.names)

    vip = """
journeys:
  - journey_id: m
    entry: {event: Go}
    exits: [{when: "trait.vip == true"}]
    steps: [{id: w, wait: 1h}]
"""
    plain = vip.replace('    exits: [{when: "trait.vip == true"}]\n', "").replace("Go", "Come")
    put(engine, vip)
    engine.track("u1", "Go")
    engine.tick()
    put(engine, plain)
    engine.tick()
    assert heard() == (True, {"go", "come"}), "u1 is on the version that hears all"
    engine.identify("u1", {"vip": True})
    engine.tick()
    assert [each.status for each in standing(engine, "user:u1")] == ["exited"]
    put(engine, plain.replace("1h", "2h"))
    engine.tick()
    assert heard() == (False, {"come"})
    later(engine, clock, DAY_S)
    assert heard() == (False, {"come"})


WAVE = """
journeys:
  - journey_id: wave
    entry: {event: Go}
    steps:
      - {id: w, wait: 1h}
      - {id: hi, send: {placement: mail, experience: fish-offer, within: 2d, send_time: now}}
"""


def test_a_wave_of_timers_lets_others_have_a_turn_and_keeps_no_place_when_it_is_given_up(
    clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(decide=DecideSettings(explorations_per_day=0))
    users = [f"u{number}" for number in range(6)]
    with Engine.open(clock=clock, settings=settings) as engine:
        furnish(engine)
        put(engine, WAVE)
        consenting(engine, *users)
        for user in users:
            engine.track(user, "Go")
        engine.tick()
        clock.advance(seconds=HOUR_S + 1)
        # The waits are over, and all want a contact.
        monkeypatch.setattr(orchestrate, "TIMERS_A_ROUND", len(users))
        people = engine.core.people

        def held() -> int:
            now_us = clock.now_us()
            return sum(bool(people.reservations(f"user:{user}", now_us)) for user in users)

        monkeypatch.setattr(orchestrate, "BREATH", 2)
        flow = engine.core.programme.work()
        future = next(flow)
        while not held():
            future = flow.send(future.result(timeout=9))
        assert 0 < held() < len(users), "not all were decided at a stretch"
        flow.close()
        assert not held()
        engine.tick()
        assert len(outbox(engine)) == len(users)
