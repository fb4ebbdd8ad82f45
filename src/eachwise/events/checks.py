"""What makes an event one that can be taken, and the refusal that says why it is not."""

from __future__ import annotations

from typing import cast

from eachwise.contracts.events import UNMERGED, EventKind
from eachwise.events.sent import SentEvent

KINDS = ("identify", "track", "page", "screen", "group", "alias")
ID_LENGTH_MAX = 512
# Logged by the engine on the operator's word: a write key, which ships to browsers, must not.
RESERVED_NAMES = frozenset({UNMERGED})
_ID_BITS_MAX = 1024  # about 308 digits


class Refused(Exception):
    """An event cannot be taken: a stable code, and the reason in words."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def kind_of(sent: str | None) -> EventKind:
    """The kind that ``type`` names, whatever its case."""
    kind = sent if sent in KINDS else (sent or "").strip().lower()
    if kind not in KINDS:
        got = f"is {sent[:50]!r}" if sent else "is missing"
        raise Refused("unknown_type", f"`type` {got}; send one of {', '.join(KINDS)}")
    return cast(EventKind, kind)


def text_id(field: str, value: str | int | float) -> str | None:
    """An id as text; None for a blank one. Numbers become the text a person would write."""
    if not isinstance(value, str):
        number = int(value) if isinstance(value, float) and value.is_integer() else value
        if isinstance(number, int) and number.bit_length() > _ID_BITS_MAX:
            raise Refused("invalid_field", f"`{field}` is too long a number; send it as text")
        value = repr(number)
    elif not value.isprintable() and any(sign < " " or sign == "\x7f" for sign in value):
        raise Refused("invalid_field", f"`{field}` holds a control character; remove it")
    if len(value) > ID_LENGTH_MAX:
        raise Refused(
            "invalid_field",
            f"`{field}` has {len(value)} characters; send at most {ID_LENGTH_MAX}",
        )
    return value if value.strip() else None


def check_identity(
    kind: EventKind,
    user_id: str | None,
    anonymous_id: str | None,
    previous_id: str | None,
    group_id: str | None,
) -> None:
    """Refuse an event that names nobody, or lacks the ids its kind is about."""
    if user_id is None and anonymous_id is None:
        raise Refused("missing_identity", "the event names nobody: send `userId` or `anonymousId`")
    if kind == "alias":
        if user_id is None:
            raise Refused("missing_identity", "an alias needs `userId`, the id to be known by")
        if previous_id is None:
            raise Refused("missing_identity", "an alias needs `previousId`, the id used before")
    elif kind == "group" and group_id is None:
        raise Refused("missing_group", "a group call needs `groupId`")


def name_of(kind: EventKind, sent: SentEvent) -> str:
    """What was done (track), or what was seen (page, screen)."""
    if kind == "track":
        if not sent.event or not sent.event.strip():
            raise Refused(
                "missing_event_name", "a track call needs `event`, the name of what was done"
            )
        if sent.event in RESERVED_NAMES:
            raise Refused(
                "reserved_name", f"`event` {sent.event!r} is the engine's own; choose another name"
            )
        return sent.event
    if kind in ("page", "screen"):
        return sent.name or ""
    return ""
