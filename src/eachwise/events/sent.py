"""What clients send: the wire shapes of Segment's HTTP tracking API, loosely typed."""

from __future__ import annotations

from typing import Any

import msgspec

Sent = str | int | float | None


class SentEvent(msgspec.Struct, kw_only=True, rename="camel", gc=False, omit_defaults=True):
    """One event as sent. A batch needs ``type``; every call one of ``userId`` and ``anonymousId``.

    Ids may be numbers and become text. Times are ISO 8601 of any precision, or an epoch number.
    """

    type: str | None = None
    event: str | None = None
    name: str | None = None
    category: Any = None
    user_id: Sent = None
    anonymous_id: Sent = None
    previous_id: Sent = None
    group_id: Sent = None
    message_id: Sent = None
    timestamp: Sent = None
    original_timestamp: Sent = None
    sent_at: Any = None
    received_at: Any = None
    write_key: Any = None
    properties: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None
    context: dict[str, Any] | None = None


class SentBatch(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A batch as sent: its events, and what holds for each unless the event says otherwise."""

    batch: list[msgspec.Raw]
    context: Any = None
    sent_at: Any = None
    write_key: Any = None
