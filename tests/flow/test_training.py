"""What training reads: the same engagements as the states hold, whoever turned out to be whom, however it was read."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.adapters.extract import Extract
from eachwise.cli.training import owners_of, pull
from eachwise.contracts.errors import StoreError
from eachwise.contracts.individual import Individual
from eachwise.contracts.taste import Interactions
from eachwise.contracts.training import Sender, Tenure
from eachwise.flow.training import interactions_of
from eachwise.settings import parse_settings
from tests.flow.shop import START_US, furnish, view
from tests.flow.test_events import history, states


def quiet(_: str) -> None:
    """Nobody listens."""


def extracted(engine: Engine, folder: Path, **options: Any) -> Interactions:
    """Read everything that is new into a folder, and make interactions of it."""
    extract = Extract(folder)
    pull(engine, extract, quiet)
    found = extract.read()
    return interactions_of(found, owners_of(engine, found), **options)


def lives(data: Interactions) -> list[list[tuple[str, float]]]:
    """Each person's engagements as (item, time), oldest first; the people in any order."""
    return sorted(
        [
            (data.item_ids[row], at_s)
            for row, at_s in zip(
                data.rows[begin:end].tolist(), data.at_s[begin:end].tolist(), strict=True
            )
        ]
        for begin, end in zip(data.indptr[:-1], data.indptr[1:], strict=True)
    )


def engaged(found: dict[str, Individual]) -> list[list[tuple[str, float]]]:
    """The same of states."""
    return sorted(
        [(recent.item_id, recent.occurred_at_us / 1e6) for recent in state.recents]
        for state in found.values()
        if state.recents
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_reads_what_the_states_hold_whatever_came_late(tmp_path: Path, seed: int) -> None:
    # Logins come after, before and between anonymous visits: the same person in the end.
    events = history(seed=seed, count=700)
    chance = random.Random(seed)
    chance.shuffle(events)
    with Engine.open(clock=SettableClock(START_US)) as engine:
        furnish(engine)
        for start in range(0, len(events), 90):
            engine.send(events[start : start + 90])
            extracted(engine, tmp_path / "work")
        data = extracted(engine, tmp_path / "work")
        assert lives(data) == engaged(states(engine))
        assert lives(extracted(engine, tmp_path / "anew")) == lives(data)
    assert list(data.item_ids) == sorted(data.item_ids)
    assert data.bought.sum() == sum(event.get("event") == "Order Completed" for event in events)


def test_pages_of_any_size_are_one_log(engine: Engine, tmp_path: Path) -> None:
    engine.send(history(seed=4, count=300))
    whole = Extract(tmp_path / "whole")
    whole.append(engine.interactions())
    parts = Extract(tmp_path / "parts")
    while parts.sequence < whole.sequence:
        parts.append(engine.interactions(parts.sequence, limit=37))
    one, other = whole.read(), parts.read()
    assert (one.senders, one.items, one.actions) == (other.senders, other.items, other.actions)
    assert np.array_equal(one.rows, other.rows)
    assert whole.rows > 200


def test_a_killed_training_goes_on_where_it_was(engine: Engine, tmp_path: Path) -> None:
    engine.send(history(seed=5, count=300))
    extract = Extract(tmp_path / "work")
    extract.append(engine.interactions(0, limit=100))
    assert extract.sequence == 100
    # What a killed process had begun to write does not count.
    for name in ("rows", "senders.jsonl", "items.jsonl"):
        with (tmp_path / "work" / name).open("ab") as file:
            file.write(b'"half of')
    again = Extract(tmp_path / "work")
    assert again.sequence == 100
    pull(engine, again, quiet)
    fresh = Extract(tmp_path / "fresh")
    pull(engine, fresh, quiet)
    assert np.array_equal(again.read().rows, fresh.read().rows)
    assert again.read().senders == fresh.read().senders


def test_files_that_were_cut_are_refused(engine: Engine, tmp_path: Path) -> None:
    view(engine, "u", "fish-1", "fish-2")
    pull(engine, Extract(tmp_path), quiet)
    (tmp_path / "rows").write_bytes(b"")
    with pytest.raises(StoreError, match="delete it to begin anew"):
        Extract(tmp_path)


def test_other_rules_read_everything_anew(tmp_path: Path) -> None:
    said: list[str] = []
    store, work = tmp_path / "store", tmp_path / "work"
    clock = SettableClock(START_US)
    with Engine.open(store, clock=clock) as engine:
        furnish(engine)
        engine.track("u", "Soup Tasted", {"product_id": "fish-1"})
        view(engine, "u", "fish-2")
        assert lives(extracted(engine, work)) == [[("fish-2", START_US / 1e6 + 1)]]
    settings = parse_settings({"events": {"names": {"Soup Tasted": ["view", 1.0]}}})
    with Engine.open(store, clock=clock, settings=settings) as engine:
        extract = Extract(work)
        pull(engine, extract, said.append)
        found = extract.read()
        data = interactions_of(found, owners_of(engine, found))
    assert len(said) == 1
    assert [item for item, _ in lives(data)[0]] == ["fish-1", "fish-2"]


def test_another_log_is_not_taken_for_the_same(tmp_path: Path) -> None:
    for user in ("u", "v"):
        with Engine.open(clock=SettableClock(START_US)) as engine:
            furnish(engine)
            view(engine, user, "fish-1")
            assert len(lives(extracted(engine, tmp_path))) == 1


def test_actions_weigh_what_the_settings_say(tmp_path: Path) -> None:
    store, work = tmp_path / "store", tmp_path / "work"
    clock = SettableClock(START_US)
    with Engine.open(store, clock=clock) as engine:
        furnish(engine)
        view(engine, "u", "fish-1", "fish-2")
        clock.advance(seconds=1)
        engine.track("u", "Item Hidden", {"product_id": "fish-1"})
        clock.advance(seconds=1)
        engine.track("u", "Product Removed", {"product_id": "fish-2"})
        bought = {"order_id": "o", "products": [{"product_id": "fish-2"}]}
        engine.track("u", "Order Completed", bought)
        data = extracted(engine, work)
    assert data.weights.tolist() == [1.0, 1.0, -1.0, 1.0]
    assert data.bought.tolist() == [False, False, False, True]
    weights = {"hide": -1.5, "purchase": 4.0, "view": 0.0}
    settings = parse_settings({"recommend": {"action_weights": weights}})
    with Engine.open(store, clock=clock, settings=settings) as engine:
        # Nothing is read anew for that.
        assert engine.interactions(Extract(work).sequence).sequence == Extract(work).sequence
        data = extracted(engine, work, listed=["cake-0"])
    assert data.weights.tolist() == [-1.5, 4.0]
    assert data.item_ids == ("cake-0", "fish-1", "fish-2")
    assert data.rows.tolist() == [1, 2]


def test_a_project_without_engagements_has_no_interactions(engine: Engine, tmp_path: Path) -> None:
    assert extracted(engine, tmp_path / "before").people == 0
    engine.identify("u", {"plan": "free"})
    engine.track(None, "Product Viewed", {"product_id": "fish-1"}, anonymousId="guest")
    data = extracted(engine, tmp_path / "after")
    assert (data.people, len(data.rows), data.item_ids) == (0, 0, ())


def test_a_device_changes_hands(engine: Engine, tmp_path: Path) -> None:
    def seen(at_s: int, item: str, **who: Any) -> dict[str, Any]:
        return {
            "type": "track",
            "event": "Product Viewed",
            "timestamp": f"2026-01-01T00:00:{at_s:02}Z",
            "properties": {"product_id": item},
            **who,
        }

    engine.send(
        [
            seen(1, "fish-1", anonymousId="a"),
            seen(2, "fish-2", anonymousId="a", userId="u"),
            seen(3, "fish-3", anonymousId="a"),
            seen(4, "cake-1", anonymousId="a", userId="v"),
            seen(5, "cake-2", anonymousId="a"),
        ]
    )
    found = engine.owners(
        [Sender(anonymous="anon:a"), Sender(user="user:v"), Sender(device="device:new")]
    )
    at_us = [[each.from_us for each in tenure] for tenure in found]
    assert [[each.person for each in tenure] for tenure in found] == [
        ["user:u", "user:v"],
        ["user:v"],
        ["device:new"],
    ]
    assert at_us[0][0] < 0 < at_us[0][1]
    assert [[item for item, _ in life] for life in lives(extracted(engine, tmp_path))] == [
        ["cake-1", "cake-2"],
        ["fish-1", "fish-2", "fish-3"],
    ]


def test_a_page_goes_over_the_wire_as_it_is(engine: Engine) -> None:
    view(engine, "u", "fish-1")
    page = engine.interactions()
    packed = msgspec.msgpack.encode(page)
    assert msgspec.msgpack.decode(packed, type=type(page)) == page
    assert len(packed) < 400
    assert Tenure(1, "p") == msgspec.json.decode(b'[1,"p"]', type=Tenure)
