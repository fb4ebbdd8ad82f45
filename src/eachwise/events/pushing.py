"""What events say of web push: where a browser can be reached, and that it cannot any more."""

from __future__ import annotations

import re
from typing import Any

from eachwise.contracts.events import Event
from eachwise.contracts.individual import PUSH_TRAIT
from eachwise.maths.hashing import short_hash
from eachwise.maths.words import fold_name

SUBSCRIBED = "push subscribed"
UNSUBSCRIBED = "push unsubscribed"
BOUNCED = "push notification bounced"
# Of an endpoint or a key: push services' endpoints have 150 to 700 characters, keys 87 and 22.
PART_CHARS_MAX = 2048
_ID = re.compile("[0-9a-f]{12}")


def push_traits(event: Event) -> dict[str, Any]:
    """The trait that an event writes, one for each browser: ``push_subscription:ID``, ID = ``short_hash(endpoint)``.

    Of ``Push Subscribed`` the ``PushSubscription.toJSON()`` in ``subscription``. None once that one was given up, or
    bounced for good; an event of these that names none writes None to ``push_subscription``: all older ones are void.
    Nothing of any other event, or of half a subscription.
    """
    name = fold_name(event.name)
    properties = event.properties
    if name == SUBSCRIBED:
        sent = properties.get("subscription")
        if not isinstance(sent, dict) or not isinstance(keys := sent.get("keys"), dict):
            return {}
        parts = (sent.get("endpoint"), keys.get("p256dh"), keys.get("auth"))
        if not all(isinstance(part, str) and 0 < len(part) <= PART_CHARS_MAX for part in parts):
            return {}
        endpoint, p256dh, auth = parts
        whole = {"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth}}
        return {f"{PUSH_TRAIT}:{short_hash(str(endpoint))}": whole}
    if name == UNSUBSCRIBED or (name == BOUNCED and properties.get("permanent") is True):
        named = _named(properties)
        return {f"{PUSH_TRAIT}:{named}" if named else PUSH_TRAIT: None}
    return {}


def gives_up_one(event: Event) -> bool:
    """Whether a person gives up one browser, and no more than that: the channel stays open to the others."""
    return fold_name(event.name) == UNSUBSCRIBED and bool(_named(event.properties))


def _named(properties: dict[str, Any]) -> str:
    """The id of the subscription that an event names by ``subscription``, ``endpoint`` or its id; "" for none."""
    sent = properties.get("subscription")
    whole = sent.get("endpoint") if isinstance(sent, dict) else sent
    for endpoint in (whole, properties.get("endpoint")):
        if isinstance(endpoint, str) and endpoint:
            return short_hash(endpoint)
    told = properties.get("subscription_id")
    return told if isinstance(told, str) and _ID.fullmatch(told) else ""
