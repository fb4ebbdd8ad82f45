"""Rules, quiet hours and caps of groups from the events to the record, and back again in the replay."""

from __future__ import annotations

from typing import Any

import pytest

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.decision import DecisionRecord
from eachwise.contracts.errors import InvalidInput
from tests.flow.shop import answer, view


def define(engine: Engine, placement: dict[str, Any] | None = None, **fish: Any) -> None:
    """One offer with these fields, worth any risk, on the web and in the app."""
    both = [
        {"placement_id": "hero", **(placement or {})},
        {"placement_id": "app", "channel": "app"},
    ]
    offer = {"experience_id": "fish", "placements": ["hero", "app"], "value": 1e6, "lever": 10.0}
    engine.define({"placements": both, "experiences": [{**offer, **fish}]})


def decided(engine: Engine, user: str, placement: str = "hero", **context: Any) -> DecisionRecord:
    """The record of a decision, which replays to the bit."""
    (made,) = engine.decide(user, placements=[placement], context=context).decisions
    assert engine.replay(made.decision_id).exact
    return engine.decision(made.decision_id)


def why(record: DecisionRecord) -> str:
    """Why the offer is not among the candidates; empty when it is."""
    assert record.failed == ""
    return "".join(f"{each.filter}: {each.reason}" for each in record.filtered)


@pytest.mark.parametrize(
    ("when", "before", "after"),
    [
        ('trait.country == "DE"', "trait.country is unknown", ""),
        ("orders.count >= 1 and orders.revenue > 10", "orders.count is 0, not at least 1", ""),
        ("days_since_last_order < 1", "days_since_last_order is unknown", ""),
        ("days_since_last_seen < 1", "days_since_last_seen is unknown", ""),
        ('affinity["category=fish"].z > 0', "", ""),
        ('item.price >= 4 and item.attributes.category == "fish"', "item.price is unknown", None),
    ],
)
def test_a_rule_asks_what_the_events_said(
    engine: Engine, when: str, before: str, after: str | None
) -> None:
    define(engine, eligibility={"when": when})
    first = why(decided(engine, "u"))
    assert before in first
    view(engine, "u", "fish-0", "fish-1", "fish-2")
    engine.identify("u", {"country": "DE"})
    engine.track("u", "Order Completed", {"order_id": "o", "revenue": 12.0})
    found = decided(engine, "u", item_id="fish-1")
    assert why(found) == (after or "")


def test_a_rule_that_cannot_be_read_is_refused_with_its_place(engine: Engine) -> None:
    with pytest.raises(InvalidInput) as refused:
        define(engine, eligibility={"when": "orders.cuont > 1"})
    assert refused.value.field == "experiences[0].eligibility.when"
    assert "of 'fish': column 1: unknown name `orders.cuont`" in refused.value.message


def test_quiet_hours_are_the_persons(engine: Engine, clock: SettableClock) -> None:
    # The shop's clock stands at 14:13 UTC.
    define(engine, {"quiet_hours": "22:00-08:00"})
    assert why(decided(engine, "u")) == ""
    tokyo = "quiet_hours: quiet hours 22:00-08:00: it is 23:13 in Asia/Tokyo"
    engine.identify("u", {"timezone": "Asia/Tokyo"})
    assert why(decided(engine, "u")) == tokyo
    assert why(decided(engine, "v", timezone="Asia/Tokyo")) == tokyo
    assert why(decided(engine, "v", timezone="Europe/Berlin")) == ""
    assert why(decided(engine, "u", "app")) == ""
    clock.advance(seconds=10 * 3600)
    assert why(decided(engine, "u")) == ""


def test_a_cap_of_the_person_counts_every_channel(engine: Engine, clock: SettableClock) -> None:
    define(engine, caps=[{"count": 1, "window_s": 3600, "of": "person"}])
    shown = decided(engine, "u", "app")
    assert shown.experience_id == "fish"
    answer(engine, "u", shown.decision_id, "Viewed")
    assert why(decided(engine, "u")) == "frequency: anything: shown 1 times within 1 hour, cap 1"
    clock.advance(seconds=3600)
    assert why(decided(engine, "u")) == ""
