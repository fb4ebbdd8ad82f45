"""Gifts, "not me", and lists that are no exposure of ours."""

from __future__ import annotations

from typing import Any

import pytest

from eachwise.contracts.events import Action, Event, Meaning
from eachwise.events import meaning_of
from eachwise.settings import EventSettings

AT_US = 1_790_000_000_000_000
DAY_US = 86_400_000_000


def meant(name: str, properties: dict[str, Any], context: dict[str, Any] | None = None) -> Meaning:
    event = Event(
        message_id="m1",
        kind="track",
        name=name,
        occurred_at_us=AT_US,
        received_at_us=AT_US,
        properties=properties,
        context=context or {},
    )
    return meaning_of(event, EventSettings())


@pytest.mark.parametrize("said", [{"gift": True}, {"is_gift": "yes"}, {"gift_wrap": "stars"}])
def test_an_event_that_says_gift_means_all_of_its_items(said: dict[str, Any]) -> None:
    order = {"products": [{"product_id": "a"}, {"product_id": "b"}], "total": 9}
    for found in (meant("Order Completed", order | said), meant("Order Completed", order, said)):
        assert found.gifts == {"a", "b"}
        assert found.excluded == (
            (AT_US - DAY_US, AT_US, "item:a"),
            (AT_US - DAY_US, AT_US, "item:b"),
        )
        assert found.amount == 9.0


def test_one_product_of_an_order_may_be_the_gift() -> None:
    order = {"products": [{"product_id": "a"}, {"product_id": "b", "gift": True}, "c"]}
    assert meant("Order Completed", order).gifts == {"b"}


@pytest.mark.parametrize("said", [{"gift": False}, {"gift": "no"}, {"is_gift": 0}, {"gift": None}])
def test_a_no_is_no_gift(said: dict[str, Any]) -> None:
    found = meant("Product Added", {"product_id": "a"} | said)
    assert (found.gifts, found.excluded) == (frozenset(), ())


def test_a_list_of_gifts_says_nothing() -> None:
    assert meant("Product List Viewed", {"products": ["a"], "gift": True}).gifts == frozenset()


def test_not_me_without_more_is_the_half_hour_before() -> None:
    found = meant("Not Me", {})
    assert found.action is Action.NOT_ME
    assert found.excluded == ((AT_US - DAY_US // 48, AT_US, ""),)


def test_not_me_names_a_time_or_what_was_done() -> None:
    span = {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    (one,) = meant("Not Me", span).excluded
    assert one[1] - one[0] == DAY_US
    assert one[2] == ""
    both = meant("not_me", span | {"session_id": "s", "decision_ids": ["d1", "d2"]}).excluded
    assert [what for *_, what in both] == ["session:s", "decision:d1", "decision:d2"]
    assert {(start, end) for start, end, _ in both} == {one[:2]}
    assert meant("Not Me", {"source": "anon:tv"}).excluded == (
        (0, AT_US + DAY_US, "source:anon:tv"),
    )


def test_a_time_that_runs_backward_or_cannot_be_read_excludes_nothing_more() -> None:
    assert meant("Not Me", {"from": "2100-01-01"}).excluded == ()
    assert meant("Not Me", {"from": "soon"}).excluded == meant("Not Me", {}).excluded


@pytest.mark.parametrize(
    ("properties", "weight"),
    [
        ({"list_id": "home"}, 1.0),
        ({}, 1.0),
        ({"query": ""}, 1.0),
        ({"list_id": "search:fish"}, 0.0),
        ({"query": "fish"}, 0.0),
        ({"category": "fish"}, 0.0),
        ({"filters": [{"type": "price"}]}, 0.0),
    ],
)
def test_what_a_person_asked_for_is_no_exposure(properties: dict[str, Any], weight: float) -> None:
    found = meant("Product List Viewed", properties | {"products": [{"product_id": "a"}]})
    assert (found.action, found.weight) == (Action.LIST, weight)
