"""A small shop for tests of the whole loop."""

from __future__ import annotations

from typing import Any

from eachwise import Engine

START_US = 1_790_000_000_000_000

ITEMS: list[dict[str, Any]] = [
    {
        "item_id": f"{category}-{number}",
        "title": f"{category.title()} {number}",
        "attributes": {"category": category, "diet": diet},
        "price": 4.0 + number,
        "currency": "EUR",
    }
    for category, diet in (
        ("beef", "meat"),
        ("fish", "fish"),
        ("tofu", "vegan"),
        ("cake", "vegetarian"),
    )
    for number in range(5)
]

DEFINITIONS: dict[str, Any] = {
    "placements": [
        {"placement_id": "hero", "channel": "web", "outcome_window_s": 60, "reserve_s": 30},
        {"placement_id": "rail", "channel": "web", "count": 4},
        {"placement_id": "mail", "channel": "email", "purpose": "marketing"},
    ],
    "experiences": [
        {
            "experience_id": f"{category}-offer",
            "kind": "offer",
            "title": f"Offer: {category}",
            "placements": ["hero", "mail"],
            "attributes": {"category": category},
            "items": {"where": {"category": [category]}, "count": 2},
            "value": 5.0,
        }
        for category in ("beef", "fish", "tofu", "cake")
    ]
    + [
        {
            "experience_id": "for-you",
            "kind": "list",
            "title": "For you",
            "placements": ["rail"],
            "items": {"count": 4},
            "value": 1.0,
        }
    ],
}


def furnish(engine: Engine) -> None:
    """Put the items and the definitions in."""
    assert engine.put_items(ITEMS).success
    engine.define(DEFINITIONS)


def view(engine: Engine, user: str, *items: str, **fields: Any) -> None:
    """The person looks at items, one a second."""
    for item in items:
        engine.clock.advance(seconds=1)  # type: ignore[attr-defined]
        result = engine.track(user, "Product Viewed", {"product_id": item}, **fields)
        assert result.accepted == 1, result


def answer(engine: Engine, user: str, decision_id: str, name: str) -> None:
    """The person answers a decision: ``Viewed``, ``Clicked``, ``Hidden`` …"""
    engine.track(user, f"Experience {name}", {"decision_id": decision_id})
