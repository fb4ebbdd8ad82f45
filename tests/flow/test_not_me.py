""" "Not me", gifts and answers through the whole loop: any order of events gives the same person."""

from __future__ import annotations

import random
from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import InvalidInput
from eachwise.flow.disown import NotMe
from eachwise.flow.drive import run
from eachwise.maths.times import iso
from tests.flow.shop import START_US, furnish
from tests.flow.test_events import assert_same, states

HOUR_US = 3_600_000_000


def viewed(number: int, item: str, at_us: int, **ids: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"v{number}",
        "timestamp": iso(at_us),
        "properties": {"product_id": item},
        "context": {"sessionId": f"s{number // 5}"},
        **(ids or {"userId": "nina"}),
    }


def told(name: str, number: int, at_us: int, properties: dict[str, Any]) -> dict[str, Any]:
    return viewed(number, "", at_us) | {
        "event": name,
        "messageId": f"t{number}",
        "properties": properties,
        "context": {},
    }


def life() -> list[dict[str, Any]]:
    """Three days of one person on two devices, with a guest, a gift and a stranger's phone among it."""
    items = ["beef-1", "fish-2", "tofu-3", "cake-4"]
    events = [
        viewed(
            n,
            items[n % 4],
            START_US - (60 - n) * HOUR_US,
            **({"userId": "nina"} if n % 2 else {"anonymousId": "tv"}),
        )
        for n in range(60)
    ]
    products = [{"product_id": "cake-4"}]
    span = {"from": iso(START_US - 30 * HOUR_US), "until": iso(START_US - 20 * HOUR_US)}
    return [
        *events,
        {"type": "identify", "userId": "nina", "anonymousId": "tv", "messageId": "login",
         "timestamp": iso(START_US - 10 * HOUR_US), "traits": {}},
        told(
            "Order Completed",
            1,
            START_US - 5 * HOUR_US,
            {"order_id": "o", "total": 5, "gift": True, "products": products},
        ),
        told("Not Me", 2, START_US - 4 * HOUR_US, span),
        told("Not Me", 3, START_US - 3 * HOUR_US, {"session_id": "s1"}),
        told("Not Me", 4, START_US - 2 * HOUR_US, {"source": "anon:tv", "from": iso(START_US - 9 * HOUR_US)}),
    ]  # fmt: skip


def opened() -> Engine:
    engine = Engine.open(clock=SettableClock(START_US))
    furnish(engine)
    return engine


def test_any_order_of_events_and_exclusions_gives_the_same_person() -> None:
    events = life()
    with opened() as ordered:
        ordered.send(events)
        expected = states(ordered)
    person = expected["user:nina"]
    assert len(person.excluded) == 4
    assert "" in person.affinity
    for seed in range(6):
        mixed = events.copy()
        random.Random(seed).shuffle(mixed)
        with opened() as engine:
            for start in range(0, len(mixed), 7):
                engine.send(mixed[start : start + 7])
            found = states(engine)
            assert_same(found, expected)
            assert found["user:nina"].excluded == person.excluded


def test_what_is_excluded_leaves_the_taste_of_one_who_never_did_it() -> None:
    guests = [viewed(n, "beef-1", START_US - 2 * HOUR_US + n) for n in range(20)]
    own = [viewed(100 + n, "tofu-3", START_US - 40 * HOUR_US + n) for n in range(20)]
    with opened() as alone, opened() as shared:
        alone.send(own)
        shared.send([*own, *guests])
        before = shared.individual("nina")
        assert before.recent_items[0] == "beef-1"
        which = NotMe(since=iso(START_US - 3 * HOUR_US), until=iso(START_US))
        after = run(shared.core.not_me("nina", which))
        mine, theirs = states(alone)["user:nina"], states(shared)["user:nina"]
        assert theirs.affinity == mine.affinity
        assert theirs.recents == mine.recents
        assert theirs.events == mine.events + 21
        assert after.recent_items == ["tofu-3"]


def test_an_answer_tells_of_what_its_experience_is_about(engine: Engine) -> None:
    engine.track("u", "Experience Clicked", {"experience_id": "fish-offer"})
    engine.track("w", "Experience Hidden", {"experience_id": "fish-offer"})
    found = states(engine)
    assert found["user:u"].affinity["category=fish"][1] == pytest.approx(1.0)
    assert found["user:w"].affinity["category=fish"][3] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("which", "field"),
    [
        (NotMe(), "from"),
        (NotMe(since="soon"), "from"),
        (NotMe(since="2026-02-02", until="2026-02-01"), "until"),
    ],
)
def test_a_not_me_that_says_nothing_is_refused(which: NotMe, field: str, engine: Engine) -> None:
    engine.track("u", "Product Viewed", {"product_id": "fish-1"})
    with pytest.raises(InvalidInput) as refused:
        run(engine.core.not_me("u", which))
    assert refused.value.field == field
    assert engine.individual("u").events == 1


def test_a_gift_is_popular_and_follows_from_nothing(engine: Engine) -> None:
    for item in ("beef-1", "beef-2"):
        engine.track("u", "Product Viewed", {"product_id": item})
        engine.clock.advance(seconds=60)  # type: ignore[attr-defined]
    engine.track("u", "Product Added", {"product_id": "cake-1", "gift": True})
    run(engine.core.checkpoint())
    model = engine.core._tasting.model
    cake, beef = model.row_of["cake-1"], model.row_of["beef-1"]
    assert model.popularity[cake] == pytest.approx(model.popularity[beef], rel=0.01)
    after = model.indices[model.indptr[beef] : model.indptr[beef + 1]].tolist()
    assert (cake in after, model.row_of["beef-2"] in after) == (False, True)
