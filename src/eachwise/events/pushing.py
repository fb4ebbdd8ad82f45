"""What events say of web push: where a browser can be reached, and that it cannot any more."""

from __future__ import annotations

from typing import Any

from eachwise.contracts.events import Event
from eachwise.maths.words import fold_name

SUBSCRIBED = "push subscribed"
TRAIT = "push_subscription"
_GONE = frozenset({"push unsubscribed", "push notification bounced"})


def push_traits(event: Event) -> dict[str, Any]:
    """The trait ``push_subscription``: of ``Push Subscribed`` the browser's ``PushSubscription.toJSON()`` in
    ``subscription``; None once it was given up, or bounced for good. Nothing of any other event, or of half a one.
    """
    name = fold_name(event.name)
    properties = event.properties
    if name == SUBSCRIBED:
        sent = properties.get("subscription")
        if not isinstance(sent, dict) or not isinstance(keys := sent.get("keys"), dict):
            return {}
        parts = (sent.get("endpoint"), keys.get("p256dh"), keys.get("auth"))
        if not all(isinstance(part, str) and part for part in parts):
            return {}
        endpoint, p256dh, auth = parts
        return {TRAIT: {"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth}}}
    if name in _GONE and (
        name != "push notification bounced" or properties.get("permanent") is True
    ):
        return {TRAIT: None}
    return {}
