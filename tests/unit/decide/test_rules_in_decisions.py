"""Rules of eligibility inside a decision: what each name stands for, and that nothing opens by accident."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from eachwise.contracts.experience import Eligibility, Experience
from eachwise.contracts.individual import OrderSummary
from eachwise.decide import Choice, decide
from eachwise.rules import ELIGIBILITY
from eachwise.rules.scope import ONE, SOME
from eachwise.settings import DecideSettings
from tests.unit.decide.making import (
    DAY_US,
    NOW_US,
    experiences_of,
    indifferent,
    plan_of,
    shop,
    situation_of,
)

SHOP = shop()
ORDERS = OrderSummary(
    count=3, revenue=60.0, refunded=5.0, mean_value=20.0, recency_days=10.0, age_days=14.5
)


def ruled(when: str, **fields: Any) -> list[Experience]:
    """Fish with this rule, and fruit without."""
    fish, fruit = experiences_of("fish", "fruit")
    return [msgspec.structs.replace(fish, eligibility=Eligibility(when=when), **fields), fruit]


def decided(when: str, fields: dict[str, Any] | None = None, **changes: Any) -> Choice:
    """The choice of a person with some orders, seen an hour ago; NOW_US is Sunday 2025-06-15 15:06:40 UTC."""
    known = {"orders": ORDERS, "last_seen_us": NOW_US - DAY_US // 4, **changes}
    return decide(situation_of(plan_of(ruled(when, **(fields or {})), SHOP), **known))


def unmet(choice: Choice) -> str:
    """Why fish is not eligible; empty when it is."""
    assert "fruit-week" not in {each.experience_id for each in choice.filtered}
    for each in choice.filtered:
        assert (each.experience_id, each.filter) == ("fish-week", "eligibility")
        return each.reason
    return ""


def liking(log_odds: float) -> Any:
    affinity = indifferent(SHOP)
    column = SHOP.value_of["category=fish"]
    affinity.general[column], affinity.moment[column] = log_odds, 2 * log_odds
    affinity.declared[column] = 1.0
    return affinity


@pytest.mark.parametrize(
    ("when", "changes"),
    [
        ('stage == "repeat"', {"stage": "repeat"}),
        ("lapsed", {"lapsed": True}),
        ("engagement >= 50", {}),
        ('trait.country == "DE"', {"traits": {"country": "DE"}}),
        ('trait.address.city == "Graz"', {"traits": {"address": {"city": "Graz"}}}),
        ('context.page.path == "/"', {"context": {"page": {"path": "/"}}}),
        ("orders.count == 3 and orders.revenue == 60 and orders.refunded == 5", {}),
        ("orders.mean_value == 20", {}),
        ("days_since_last_order == 4.5", {}),
        ("days_since_last_seen == 0.25", {}),
        ('affinity["category=fish"] == 1.5', {"affinity": liking(1.5)}),
        ('affinity["category=fish"].z == 7.5', {"affinity": liking(1.5)}),
        ('affinity["category=fish"].now == 3', {"affinity": liking(1.5)}),
        ('affinity["category=fish"].evidence == 50', {}),
        ('affinity["category=fish"].declared == 1', {"affinity": liking(1.5)}),
        ('hour == 15 and weekday == "sun" and date == "2025-06-15"', {}),
        ('hour == 0 and weekday == "mon"', {"traits": {"timezone": "Asia/Tokyo"}}),
        ("hour == 11", {"settings": DecideSettings(timezone="America/New_York")}),
        ('item.id == "i001"', {"context": {"item_id": "i001"}}),
        ('item.id == "i001"', {"context": {"product_id": "i001"}}),
        ('item.attributes.category == "fish"', {"context": {"item_id": "i001"}}),
        ("item.available", {"context": {"item_id": "i001"}}),
        ("not has(item.price)", {"context": {"item_id": "i001"}}),
        ('experience.id == "fish-week" and experience.kind == "offer"', {}),
        ("experience.value == 1 and experience.margin == 0 and experience.cost == 0", {}),
        ('"fish" in experience.attributes.category', {}),
        ("not has(experience.group)", {}),
        ('placement.id == "hero" and placement.channel == "web"', {}),
        ("", {}),
        ("  ", {}),
    ],
)
def test_names_stand_for_what_is_known(when: str, changes: dict[str, Any]) -> None:
    assert unmet(decided(when, **changes)) == ""


@pytest.mark.parametrize(
    ("when", "changes", "reason"),
    [
        ('trait.country == "DE"', {"traits": {"country": "US"}}, "trait.country is 'US', not 'DE'"),
        ("orders.count > 3", {}, "orders.count is 3, not above 3"),
        ("orders.count >= 0", {"orders": None}, "orders.count is unknown"),
        ("days_since_last_order > 0", {"orders": None}, "days_since_last_order is unknown"),
        ("days_since_last_seen >= 0", {"last_seen_us": 0}, "days_since_last_seen is unknown"),
        (
            "orders.mean_value >= 0",
            {"orders": msgspec.structs.replace(ORDERS, count=0)},
            "orders.mean_value is unknown",
        ),
        ('affinity["category=gold"] > -9', {}, 'affinity["category=gold"] is unknown'),
        ("item.price > 1", {"context": {"item_id": "none"}}, "item.price is unknown"),
        ("item.price > 1", {"context": {"item_id": ["i001"]}}, "item.price is unknown"),
        ("item.available", {"context": {}}, "item.available is unknown"),
        ("hour >= 0", {"context": {"timezone": "Moon"}}, "hour is unknown"),
        ("trait.address.city.zip == 1", {"traits": {"address": {"city": "Graz"}}}, "is unknown"),
        ("trait.age > 18", {"traits": {"age": "18"}}, "the rule cannot be applied: trait.age is"),
        ("trait.age != 18", {"traits": {"age": {}}}, "the rule cannot be applied: trait.age is"),
        ("tait.x == 1", {}, "the rule cannot be read: column 1: unknown name `tait`"),
    ],
)
def test_what_does_not_hold_is_filtered_with_the_reason(
    when: str, changes: dict[str, Any], reason: str
) -> None:
    assert reason in unmet(decided(when, **changes))


def test_the_experiences_own_group_and_money() -> None:
    fields = {"group": "sea", "value": 5.0, "margin": 2.0}
    when = 'experience.group == "sea" and experience.value + experience.margin == 7'
    assert unmet(decided(when, fields)) == ""


def test_an_item_that_is_not_available() -> None:
    showable = np.ones(len(SHOP.items), dtype=bool)
    showable[SHOP.row_of["i001"]] = False
    found = decided("item.available", context={"item_id": "i001"}, showable=showable)
    assert unmet(found) == "item.available is false"


def test_every_name_of_the_scope_can_be_looked_up() -> None:
    """A name that the check knows and the decision does not would fail each decision that asks for it."""
    for pattern in ELIGIBILITY.names:
        first, *rest = pattern
        parts = ['["category=fish"]' if part in (ONE, SOME) else f".{part}" for part in rest]
        name = first + "".join(parts)
        found = decided(f"has({name})", affinity=liking(1.0), context={"item_id": "i001"})
        assert unmet(found) in ("", f"{name} is unknown")


def test_what_else_is_asked_for_comes_first() -> None:
    fish, fruit = ruled("lapsed")
    both = Eligibility(stages=["repeat"], when="lapsed")
    made = plan_of([msgspec.structs.replace(fish, eligibility=both), fruit], SHOP)
    assert unmet(decide(situation_of(made))) == "stage is new, not repeat"
    assert unmet(decide(situation_of(made, stage="repeat"))) == "lapsed is false"


def test_experiences_that_a_rule_cannot_tell_apart_share_its_answer() -> None:
    some = [
        msgspec.structs.replace(each, eligibility=Eligibility(when=when))
        for each, when in zip(
            experiences_of("beef", "fish", "fruit", "pizza"),
            ["lapsed", 'experience.id == "fish-week"', "lapsed", 'experience.id == "fish-week"'],
            strict=True,
        )
    ]
    made = plan_of(some, SHOP)
    assert [each.rows for each in made.layout.ruled] == [(0, 2), (1,), (3,)]
    choice = decide(situation_of(made))
    assert {each.experience_id: each.reason for each in choice.filtered} == {
        "beef-week": "lapsed is false",
        "fruit-week": "lapsed is false",
        "pizza-week": "experience.id is 'pizza-week', not 'fish-week'",
    }
    assert made.layout.guarded == ()


def test_they_are_apart_where_it_tells_them_apart() -> None:
    when = 'experience.value > 1 or "fish" in experience.attributes.category'
    some = [
        msgspec.structs.replace(each, value=value, eligibility=Eligibility(when=when))
        for each, value in zip(
            experiences_of("beef", "fish", "fruit", "pizza"), [1.0, 1.0, 2.0, 1.0], strict=True
        )
    ]
    made = plan_of(some, SHOP)
    assert len(made.layout.ruled) == 4
    choice = decide(situation_of(made))
    assert {each.experience_id for each in choice.filtered} == {"beef-week", "pizza-week"}
    alike = [msgspec.structs.replace(each, attributes={"category": "fish"}) for each in some]
    assert [each.rows for each in plan_of(alike, SHOP).layout.ruled] == [(0, 1, 3), (2,)]
