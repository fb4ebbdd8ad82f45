"""A house of films, music, recipes and things, and how people are told about in it."""

from __future__ import annotations

from typing import Any

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.decision import Decided
from eachwise.maths.times import iso

NOW_US = 1_790_000_000_000_000
DAY_US = 86_400_000_000
# Kind → its items are told by these attributes, so many of each.
FILMS = ("horror", "rom-com", "thriller", "drama", "documentary", "western", "animation", "noir")
MUSIC = ("speed-metal", "thrash", "pop", "jazz", "folk", "techno")
DIETS = ("vegan", "vegetarian", "fish", "meat")
THINGS = ("nappies", "amplifiers", "guitars", "shirts", "posters", "books")
OF_EACH = 14

DEFINITIONS: dict[str, Any] = {
    "placements": [{"placement_id": "rail", "channel": "web", "count": 8}],
    "experiences": [
        {
            "experience_id": "for-you",
            "kind": "list",
            "title": "For you",
            "placements": ["rail"],
            "items": {"count": 8},
            "value": 1.0,
        }
    ],
}


def items_of(name: str, values: tuple[str, ...], kind: str) -> list[dict[str, Any]]:
    """Items of every value of one attribute. What kind of thing an item is, is no taste: only its id says it."""
    return [
        {
            "item_id": f"{kind}-{value}-{number}",
            "title": f"{kind} {value} {number}",
            "attributes": {name: value},
        }
        for value in values
        for number in range(OF_EACH)
    ]


def opened(items: list[dict[str, Any]]) -> Engine:
    """An engine in memory whose clock the story sets, with these items."""
    engine = Engine.open(clock=SettableClock(NOW_US - 400 * DAY_US))
    assert engine.put_items(items).success
    engine.define(DEFINITIONS)
    return engine


# How many people each of the shares below stands for.
PUBLIC = 4


def public(engine: Engine, shares: dict[str, int], days_ago: int = 120) -> None:
    """People at large, one item each: the prefix of an item's id → how many of a small sample take one."""
    at_us = NOW_US - days_ago * DAY_US
    events = [
        seen(f"public-{prefix}-{number}", f"{prefix}-{number % OF_EACH}", at_us + number)
        for prefix, count in shares.items()
        for number in range(PUBLIC * count)
    ]
    to(engine, at_us + DAY_US)
    assert engine.send(events).accepted == len(events)
    # What the population does is published from time to time; then it is.
    to(engine, at_us + 2 * DAY_US)
    engine.tick()


def seen(user: str, item: str, at_us: int, name: str = "Product Viewed") -> dict[str, Any]:
    """One item looked at (watched, heard, read), as an event."""
    return {
        "type": "track",
        "event": name,
        "messageId": f"{user}-{item}-{at_us}",
        "timestamp": iso(at_us),
        "userId": user,
        "properties": {"product_id": item},
    }


def to(engine: Engine, at_us: int) -> None:
    """Set the clock."""
    engine.clock.set(at_us)  # type: ignore[attr-defined]


def takes(engine: Engine, user: str, prefix: str, count: int, at_us: int, gap_s: int = 60) -> None:
    """A person takes so many items of a kind, the last one at this time."""
    gap_us = gap_s * 1_000_000
    to(engine, at_us)
    engine.send(
        [
            seen(user, f"{prefix}-{number % OF_EACH}", at_us - (count - number - 1) * gap_us)
            for number in range(count)
        ]
    )


def shown(engine: Engine, user: str, **more: Any) -> Decided:
    """The list that a person gets now; it is drawn, so ask until it is not silence."""
    for _ in range(200):
        decided = engine.decide(user, placements=["rail"], **more).decisions[0]
        if not decided.is_silence:
            return decided
    raise AssertionError("nothing was ever shown")


def kinds(decided: Decided, name: str) -> list[str]:
    """What a list is about, best first."""
    return [str(item.attributes.get(name, "")) for item in decided.items]
