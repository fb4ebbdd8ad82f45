"""What an event says is no taste of this person's: "not me", and gifts."""

from __future__ import annotations

from typing import Any

from eachwise.contracts.events import Action, Event, Line
from eachwise.events.reading import lines_of, listed
from eachwise.maths.times import parse_time_us

HOUR_US = 3_600_000_000
# A "not me" that names neither a time nor anything else means the visit that it ends: no gap above half an hour.
VISIT_US = HOUR_US // 2
# What is looked at for a gift, and the order, lie within a day.
GIFT_US = 24 * HOUR_US

_GIFT_KEYS = ("gift", "is_gift", "isGift", "gift_wrap", "gift_wrapped", "giftWrap", "gift_message")
_GIFT = frozenset(_GIFT_KEYS)
_NO = frozenset({"", "0", "false", "no", "none", "null", "off"})
# Actions of choosing; a list that shows a gift says nothing.
_CHOOSING = frozenset(
    {Action.VIEW, Action.ADD, Action.PURCHASE, Action.SHARE, Action.CLICK, Action.REFUND}
)
_NAMED = (
    ("session", ("session_id", "session_ids", "sessionId")),
    ("decision", ("decision_id", "decision_ids")),
    ("message", ("message_id", "message_ids", "messageId")),
    ("item", ("item_id", "item_ids", "product_id", "product_ids")),
    ("source", ("source", "sources")),
)

Excluded = tuple[tuple[int, int, str], ...]


def gifts_of(event: Event, action: Action, lines: tuple[Line, ...]) -> frozenset[str]:
    """Ids of the lines that were chosen for somebody else.

    All of them where the event's properties or context say ``gift`` (``is_gift``, ``gift_wrap``, ``gift_message``),
    else those of its products that say so themselves.
    """
    if action not in _CHOOSING or not lines:
        return frozenset()
    if _says_gift(event.properties) or _says_gift(event.context):
        return frozenset(line.item_id for line in lines)
    products = event.properties.get("products")
    if not isinstance(products, list):
        return frozenset()
    marked = [one for one in products if isinstance(one, dict) and _says_gift(one)]
    return frozenset(line.item_id for one in marked for line in lines_of(one))


def gifts_excluded(event: Event, gifts: frozenset[str]) -> Excluded:
    """The gifts' items in the day up to the event: looking for a present is no taste either."""
    until_us = event.occurred_at_us
    return tuple((until_us - GIFT_US, until_us, f"item:{item_id}") for item_id in sorted(gifts))


def not_me(event: Event) -> Excluded:
    """The events that were somebody else's.

    ``from`` and ``until`` (ISO 8601) bound the time; ``session_id``, ``decision_id``, ``message_id``, ``item_id`` and
    ``source`` (an identifier such as ``anon:tablet``), one or several each, say which events of it. Ids without a time
    hold at any time, a time without ids means all of it, and neither means the half hour up to the event.
    """
    told = event.properties
    at_us = event.occurred_at_us
    from_us, until_us = _time(told.get("from")), _time(told.get("until"))
    named = [
        f"{kind}:{value}"
        for kind, keys in _NAMED
        for key in keys
        for value in listed(told.get(key))
    ]
    if named:
        start_us = 0 if from_us is None else from_us
        # Whatever still comes of a visit that goes on is somebody else's too.
        end_us = at_us + GIFT_US if until_us is None else until_us
        return tuple((start_us, end_us, what) for what in dict.fromkeys(named))
    end_us = at_us if until_us is None else until_us
    start_us = end_us - VISIT_US if from_us is None else from_us
    return ((start_us, end_us, ""),) if start_us <= end_us else ()


def _says_gift(holder: dict[str, Any]) -> bool:
    """Whether a key of ``_GIFT_KEYS`` holds anything but a no."""
    if _GIFT.isdisjoint(holder):
        return False
    said = [holder[key] for key in _GIFT_KEYS if key in holder]
    return any(bool(one) and str(one).strip().lower() not in _NO for one in said)


def _time(value: object) -> int | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return parse_time_us(value)
    except ValueError:
        return None
