"""The loop from the event's side: stream, import, restart and refold all give the same individuals."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.cli.importing import take_file
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.individual import Individual
from eachwise.flow.drive import run
from eachwise.maths.times import iso
from eachwise.settings import parse_settings
from tests.flow.shop import START_US, furnish

PEOPLE = 30
# Fields of a state that are equal to the bit, whatever the order of events.
EXACT = (
    *("counts", "days", "recents", "contacts", "orders", "hidden", "declared", "consent"),
    *("traits", "identifiers", "first_seen_us", "last_seen_us", "events"),
)


def history(seed: int, count: int) -> list[dict[str, Any]]:
    """Anonymous browsing, logins, orders and tastes of a few people on a few devices, in time order."""
    chance = random.Random(seed)
    events: list[dict[str, Any]] = []
    for number in range(count):
        person = chance.randrange(PEOPLE)
        device = f"device-{person}-{chance.randrange(2)}"
        event: dict[str, Any] = {
            "messageId": f"m{number:06d}",
            "timestamp": iso(START_US - (count - number) * 60_000_000),
            "anonymousId": device,
        }
        kind = chance.random()
        if kind < 0.1:
            event |= {"type": "identify", "userId": f"u{person}", "traits": {"plan": number % 3}}
        elif kind < 0.2:
            event |= {
                "type": "track",
                "event": "Order Completed",
                "userId": f"u{person}",
                "properties": {
                    "order_id": f"o{number}",
                    "total": 10.5,
                    "products": [{"product_id": f"cake-{number % 5}", "price": 10.5}],
                },
            }
        else:
            item = chance.choice(["beef", "fish", "tofu", "cake"]) + f"-{chance.randrange(5)}"
            event |= {
                "type": "track",
                "event": "Product Viewed",
                "properties": {"product_id": item},
            }
        events.append(event)
    return events


def states(engine: Engine) -> dict[str, Individual]:
    """Every individual of the store, after a checkpoint."""
    run(engine.core.checkpoint())
    found = {}
    for individual_id in engine.core._store.individual_ids(limit=10_000):
        stored = engine.core._store.individual(individual_id)
        assert stored is not None
        found[individual_id] = msgspec.msgpack.decode(stored, type=Individual)
    return found


def assert_same(left: dict[str, Individual], right: dict[str, Individual]) -> None:
    """Equal for sets, counts and recents; decayed sums to 1e-9 relative."""
    assert left.keys() == right.keys()
    for individual_id, one in left.items():
        other = right[individual_id]
        assert one.affinity.keys() == other.affinity.keys()
        for value, entry in one.affinity.items():
            assert entry == pytest.approx(other.affinity[value], rel=1e-9, abs=1e-300)
        assert one.activity == pytest.approx(other.activity, rel=1e-9)
        for field in [
            "counts",
            "days",
            "recents",
            "contacts",
            "orders",
            "hidden",
            "declared",
            "consent",
            "traits",
            "identifiers",
            "first_seen_us",
            "last_seen_us",
            "events",
        ]:
            assert getattr(one, field) == getattr(other, field), (individual_id, field)


def furnished(path: Path | None = None) -> Engine:
    engine = Engine.open(path, clock=SettableClock(START_US))
    furnish(engine)
    return engine


def test_any_order_any_batches_with_duplicates_give_the_same_individuals() -> None:
    events = history(seed=1, count=3000)
    with furnished() as ordered:
        ordered.send(events)
        expected = states(ordered)
    for seed in (2, 3):
        chance = random.Random(seed)
        shuffled = events + chance.sample(events, len(events) // 20)
        chance.shuffle(shuffled)
        with furnished() as engine:
            duplicates = 0
            while shuffled:
                size = chance.randint(1, 150)
                duplicates += engine.send(shuffled[:size]).duplicates
                del shuffled[:size]
            assert duplicates == len(events) // 20
            assert engine.status()["counts"]["events"] == len(events)
            assert_same(states(engine), expected)


def test_an_import_gives_the_same_states_as_the_stream_and_resumes(tmp_path: Path) -> None:
    events = history(seed=4, count=1200)
    file = tmp_path / "history.jsonl"
    lines = [msgspec.json.encode(event) for event in events]
    lines.insert(500, b"{not json")
    lines.insert(700, b'{"type":"track","event":"x"}')
    file.write_bytes(b"\n".join(lines) + b"\n")
    with furnished() as stream:
        stream.send(events)
        expected = states(stream)
    store = tmp_path / "store"
    with furnished(store) as engine:
        # Stop in the middle, and start again in another process's place.
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        engine.import_rows(digest, "history.jsonl#" + digest[:12], 0, lines[:333], False)
    with Engine.open(store, clock=SettableClock(START_US)) as engine:
        progress = take_file(engine, file, quiet=True)
        assert (progress.accepted, progress.rejected) == (len(events), 2)
        assert progress.finished
        assert take_file(engine, file, quiet=True) == progress
        rejected = engine.rejections()
        assert [r.index for r in rejected] == [500, 700]
        assert all(r.reason for r in rejected)
        assert_same(states(engine), expected)


def test_a_row_without_a_message_id_is_taken_once(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    row = {"type": "track", "event": "Product Viewed", "userId": "u"}
    row["properties"] = {"product_id": "fish-0"}  # type: ignore[assignment]
    file.write_bytes((msgspec.json.encode(row) + b"\n") * 3)
    with furnished() as engine:
        take_file(engine, file, quiet=True)
        assert engine.individual("u").events == 3
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        engine.import_rows(digest, "again", 0, file.read_bytes().splitlines(), True)
        assert engine.individual("u").events == 3


def test_a_crash_between_checkpoints_loses_nothing(tmp_path: Path) -> None:
    events = history(seed=5, count=800)
    with furnished() as whole:
        whole.send(events)
        expected = states(whole)
    store = tmp_path / "store"
    engine = furnished(store)
    engine.send(events[:500])
    engine.tick()
    engine.send(events[500:])
    # The process dies here: no checkpoint, no close of the core.
    engine.core._store.close()
    engine.core._store = None  # type: ignore[assignment]
    lock_free = tmp_path / "copy"
    lock_free.mkdir()
    for part in store.iterdir():
        if part.name.startswith("eachwise.sqlite"):
            (lock_free / part.name).write_bytes(part.read_bytes())
    with Engine.open(lock_free, clock=SettableClock(START_US)) as again:
        assert_same(states(again), expected)


def test_merging_carries_everything_and_unmerging_gives_both_back() -> None:
    with furnished() as engine:
        for item in ("fish-0", "fish-1"):
            engine.track(None, "Product Viewed", {"product_id": item}, anonymousId="phone")
        engine.track("u", "Product Viewed", {"product_id": "cake-0"})
        assert engine.individual("u").events == 1
        engine.identify("u", {"email": "u@shop.example"}, anonymousId="phone")
        merged = engine.individual("u")
        assert merged.events == 4
        assert engine.individual("anon:phone").individual_id == merged.individual_id
        assert engine.individual("email:u@shop.example").individual_id == merged.individual_id
        engine.unmerge("user:u", "anon:phone")
        assert engine.individual("anon:phone").events == 2
        assert engine.individual("u").events == 2


def test_a_shared_device_does_not_fuse_two_people() -> None:
    def at(minute: int) -> str:
        return iso(START_US + minute * 60_000_000)

    with furnished() as engine:
        tablet: dict[str, Any] = {"anonymousId": "tablet"}
        view = "Product Viewed"
        engine.track(None, view, {"product_id": "fish-0"}, timestamp=at(-50), **tablet)
        engine.identify("ann", timestamp=at(-40), **tablet)
        engine.track(None, view, {"product_id": "fish-1"}, timestamp=at(-30), **tablet)
        engine.identify("bob", timestamp=at(-20), **tablet)
        engine.track(None, view, {"product_id": "beef-0"}, timestamp=at(-10), **tablet)
        assert set(engine.individual("ann").recent_items) == {"fish-0", "fish-1"}
        assert set(engine.individual("bob").recent_items) == {"beef-0"}
        # A late login changes whose events those were.
        engine.identify("cia", timestamp=at(-35), **tablet)
        assert set(engine.individual("ann").recent_items) == {"fish-0"}
        assert set(engine.individual("cia").recent_items) == {"fish-1"}


def test_what_was_learnt_before_a_crash_is_not_learnt_again(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    store = tmp_path / "store"
    with Engine.open(store, clock=clock) as engine:
        furnish(engine)
        (decided,) = engine.decide("u", placements=["hero"]).decisions
        named = {"decision_id": decided.decision_id}
        engine.track("u", "Experience Viewed", named)
    # The exposure is learnt and published; its click comes after the restart.
    with Engine.open(store, clock=clock) as engine:
        assert engine.status()["outcomes"] == {"learnt": 1, "waiting": 1}
        before = engine.core._learning.propensity.model
        engine.track("u", "Experience Clicked", named)
        clock.advance(seconds=2)
        engine.tick()
        after = engine.core._learning.propensity.model
        assert engine.status()["outcomes"]["learnt"] == 1
        assert after.version == before.version + 1
        bias = after.index["bias"]
        assert after.heads["takeup"].mean[bias] > before.heads["takeup"].mean[bias]
        clock.advance(seconds=100)
        engine.tick()
        assert engine.status()["outcomes"] == {"learnt": 1, "waiting": 0}


def test_two_people_already_are_not_parted() -> None:
    def logged(engine: Engine) -> int:
        return int(engine.status()["counts"]["events"])

    with furnished() as engine:
        engine.track(None, "Product Viewed", {"product_id": "fish-0"}, anonymousId="phone")
        engine.identify("u", {"email": "u@shop.example"})
        before = logged(engine)
        for left, right in (
            ("user:u", "anon:phone"),
            ("anon:phone", "email:u@shop.example"),
            ("user:u", "user:nobody"),
        ):
            with pytest.raises(InvalidInput, match="two people already"):
                engine.unmerge(left, right)
        with pytest.raises(InvalidInput, match=r"right: '.*' must be typed"):
            engine.unmerge("user:u", "phone")
        assert logged(engine) == before
        assert engine.unmerge("user:u", "email:u@shop.example")["user:u"] == "user:u"
        assert logged(engine) == before + 1


def test_an_earlier_owner_of_a_shared_device_can_be_parted_from_it() -> None:
    with furnished() as engine:
        for minutes, user in ((40, "ann"), (20, "bob")):
            at = iso(START_US - minutes * 60_000_000)
            engine.identify(user, anonymousId="tablet", timestamp=at)
        assert engine.unmerge("user:ann", "anon:tablet")["anon:tablet"] == "user:bob"
        with pytest.raises(InvalidInput, match="two people already"):
            engine.unmerge("user:ann", "anon:tablet")


def test_an_event_whose_sender_went_away_is_folded_all_the_same() -> None:
    with furnished() as engine:
        event = {"type": "track", "event": "Product Viewed", "userId": "u", "properties": {}}
        abandoned = engine.core.ingest_raw([event])
        next(abandoned)  # handed to the store; the request ends before its answer
        abandoned.close()
        engine.tick()
        assert engine.individual("u").events == 1


def test_memory_for_one_person_gives_the_same_individuals(tmp_path: Path) -> None:
    events = history(seed=6, count=600)
    with furnished() as roomy:
        roomy.send(events)
        expected = states(roomy)
    settings = parse_settings({"store": {"individuals_in_memory_max": 1}})
    with Engine.open(tmp_path, settings=settings, clock=SettableClock(START_US)) as engine:
        furnish(engine)
        for start in range(0, len(events), 40):
            engine.send(events[start : start + 40])
            run(engine.core._ingest.checkpoint())
        assert_same(states(engine), expected)
