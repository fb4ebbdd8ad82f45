"""A trained net's memory of each person, through ingest, decisions, replay, restart, refold and merge."""

from __future__ import annotations

from pathlib import Path

import msgspec

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.individual import Carried, Individual
from eachwise.recommend import encode_trained
from tests.flow.shop import ITEMS, START_US, furnish, view
from tests.unit.recommend.nets import random_parts, trained_of

IDS = tuple(sorted(str(item["item_id"]) for item in ITEMS))
BODY = encode_trained(trained_of(random_parts(len(IDS)), IDS))


def carried(engine: Engine, individual_id: str) -> Carried | None:
    """What the engine carries for a person."""
    state = engine.core.people.find(individual_id)
    assert state is not None
    return state.carried


def decided(engine: Engine, user: str) -> tuple[str, list[str]]:
    """The id of a decision for the list, and its items."""
    (one,) = engine.decide(user, placements=["rail"]).decisions
    return one.decision_id, [item.item_id for item in one.items]


def test_it_is_carried_decides_and_replays(engine: Engine) -> None:
    view(engine, "u", *IDS, *IDS)
    assert carried(engine, "user:u") is None
    engine.publish_trained(BODY)
    view(engine, "u", *IDS, *IDS, *IDS)
    first = carried(engine, "user:u")
    assert first is not None
    assert first.version == 1
    decision_id, _ = decided(engine, "u")
    record = engine.decision(decision_id)
    assert msgspec.msgpack.decode(record.inputs.state, type=Individual).carried == first
    view(engine, "u", *IDS)
    assert carried(engine, "user:u") != first
    assert engine.replay(decision_id).exact


def test_a_restart_changes_no_byte(tmp_path: Path) -> None:
    clock = SettableClock(START_US)
    with Engine.open(tmp_path / "store", clock=clock) as engine:
        furnish(engine)
        engine.publish_trained(BODY)
        view(engine, "u", *IDS, *IDS, *IDS)
        before = carried(engine, "user:u")
        decision_id, _ = decided(engine, "u")
    assert before is not None
    with Engine.open(tmp_path / "store", clock=clock) as engine:
        assert carried(engine, "user:u") == before
        assert engine.replay(decision_id).exact


def test_a_merge_of_two_histories_forgets_it_until_it_is_made_again(engine: Engine) -> None:
    engine.publish_trained(BODY)
    view(engine, "u", *IDS, *IDS, *IDS)
    assert carried(engine, "user:u") is not None
    for item_id in IDS[:3]:
        engine.clock.advance(seconds=1)  # type: ignore[attr-defined]
        engine.track(None, "Product Viewed", {"product_id": item_id}, anonymousId="a")
    engine.identify("u", {}, anonymousId="a")
    assert carried(engine, "user:u") is None
    view(engine, "u", *IDS, *IDS, *IDS)
    assert carried(engine, "user:u") is not None
