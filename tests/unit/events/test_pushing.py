"""Which browser an event of web push is about."""

from __future__ import annotations

from typing import Any

import pytest

from eachwise.contracts.events import Event
from eachwise.events.meaning import meaning_of
from eachwise.events.pushing import PART_CHARS_MAX, push_traits
from eachwise.individual.consent import stated_by
from eachwise.maths.hashing import short_hash
from eachwise.settings import EventSettings

ENDPOINT = "https://push.example/a"
CELL = f"push_subscription:{short_hash(ENDPOINT)}"
KEYS = {"p256dh": "p", "auth": "a"}
WHOLE = {"endpoint": ENDPOINT, "keys": KEYS}
ALL = {"push_subscription": None}


def event(name: str, **properties: Any) -> Event:
    return Event(
        message_id="m",
        kind="track",
        name=name,
        occurred_at_us=1,
        received_at_us=1,
        user_id="ann",
        properties=properties,
    )


def test_each_subscription_has_a_trait_of_its_own() -> None:
    sent = WHOLE | {"expirationTime": None}
    assert push_traits(event("Push Subscribed", subscription=sent)) == {CELL: WHOLE}
    other = push_traits(event("push_subscribed", subscription=WHOLE | {"endpoint": "x"}))
    assert len(other.keys() | {CELL}) == 2


@pytest.mark.parametrize(
    "sent",
    [
        None,
        ENDPOINT,
        {"endpoint": ENDPOINT},
        WHOLE | {"endpoint": ""},
        WHOLE | {"endpoint": 3},
        WHOLE | {"endpoint": "x" * (PART_CHARS_MAX + 1)},
        WHOLE | {"keys": KEYS | {"auth": None}},
        WHOLE | {"keys": KEYS | {"auth": "x" * (PART_CHARS_MAX + 1)}},
    ],
)
def test_half_a_subscription_and_one_of_a_length_that_none_has_are_none(sent: object) -> None:
    assert push_traits(event("Push Subscribed", subscription=sent)) == {}


def test_a_browsers_id_is_the_same_for_ever() -> None:
    # Stores hold it: another hash would leave nobody's subscriptions where they can be given up.
    assert CELL == "push_subscription:13c8ba7e02ce"


NAMED: list[dict[str, Any]] = [
    {"subscription": WHOLE},
    {"subscription": {"endpoint": ENDPOINT}},
    {"subscription": ENDPOINT},
    {"endpoint": ENDPOINT},
    {"subscription_id": short_hash(ENDPOINT)},
]
NOT_NAMED: list[dict[str, Any]] = [
    {},
    {"subscription": None, "endpoint": ""},
    {"subscription": {}, "endpoint": 3},
    {"subscription_id": "push"},
    {"subscription_id": f"{short_hash(ENDPOINT)}\n"},
]


@pytest.mark.parametrize("properties", NAMED)
def test_what_names_one_browser_ends_that_one_alone(properties: dict[str, Any]) -> None:
    left = event("Push Unsubscribed", **properties)
    assert push_traits(left) == {CELL: None}
    # The channel stays open to the others.
    assert stated_by(meaning_of(left, EventSettings())) == {}
    gone = event("Push Notification Bounced", permanent=True, **properties)
    assert push_traits(gone) == {CELL: None}


@pytest.mark.parametrize("properties", NOT_NAMED)
def test_what_names_none_ends_all(properties: dict[str, Any]) -> None:
    left = event("Push Unsubscribed", **properties)
    assert push_traits(left) == ALL
    assert stated_by(meaning_of(left, EventSettings())) == {"push": False, "channel:push": False}
    assert push_traits(event("Push Notification Bounced", permanent=True, **properties)) == ALL


def test_a_purpose_beside_a_browser_is_left_on_the_channel() -> None:
    left = event("Push Unsubscribed", endpoint=ENDPOINT, purpose="news")
    assert stated_by(meaning_of(left, EventSettings())) == {"channel:push:news": False}


@pytest.mark.parametrize("name", ["Push Notification Bounced", "Email Bounced", "Push Hidden"])
def test_other_events_say_nothing_of_it(name: str) -> None:
    assert push_traits(event(name, subscription=WHOLE, permanent="true")) == {}
