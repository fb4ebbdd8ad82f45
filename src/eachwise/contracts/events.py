"""What people do: the logged event, its meaning, and the reason why one was turned away.

Times are whole microseconds since 1970-01-01 UTC (``*_us``) wherever they are stored or compared.
"""

from __future__ import annotations

import enum
from typing import Any, Literal

import msgspec

# A track event of the engine's own: two identifiers are declared to be two people. Clients may not send it.
UNMERGED = "Identity Unmerged"
# Bounds of time that leave nothing out.
EARLIEST_US, LATEST_US = -(2**63), 2**63 - 1

# What ``context.library.name`` of an event says that the engine logged itself in a person's name.
OWN_LIBRARY = "eachwise"

EventKind = Literal["identify", "track", "page", "screen", "group", "alias"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing a person did, validated, in the Segment spec's shape.

    ``occurred_at_us`` is corrected for the sender's clock (``sentAt``) and is what every fold uses;
    ``clamped`` tells that it lay more than the tolerance ahead and was set to the receipt.
    Identity is kept as it was sent; who that is, is worked out from links (``identity/``).
    """

    message_id: str
    kind: EventKind
    occurred_at_us: int
    received_at_us: int
    name: str = ""
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    clamped: bool = False
    properties: dict[str, Any] = {}
    traits: dict[str, Any] = {}
    context: dict[str, Any] = {}


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event with the place it was given in the log (``sequence``, ascending, never reused)."""

    sequence: int
    event: Event


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """Why one event of a batch was not taken. ``body`` is what was sent, cut to a stored limit."""

    index: int
    code: str
    reason: str
    body: bytes = b""


class BatchResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a batch: how many events are durable (``accepted``, duplicates among them) and which are not."""

    success: bool
    accepted: int
    duplicates: int = 0
    rejected: list[RejectedEvent] = []


class RejectedEvent(msgspec.Struct, frozen=True):
    """One rejected event in an answer: its place in the batch, a stable code, and a reason in words."""

    index: int
    code: str
    reason: str


class StoredRejection(msgspec.Struct, frozen=True, kw_only=True):
    """A rejection as it is listed later: with its number and the time of receipt."""

    number: int
    received_at_us: int
    source: str
    index: int
    code: str
    reason: str
    body: str


class Action(enum.StrEnum):
    """What an event means to the engine, whatever it was called."""

    VIEW = "view"
    SEARCH = "search"
    LIST = "list"  # a slate of items was shown: exposure of items, not engagement
    ADD = "add"
    REMOVE = "remove"
    PURCHASE = "purchase"
    REFUND = "refund"
    SHARE = "share"
    EXPOSE = "expose"  # an experience was seen (or a message delivered)
    CLICK = "click"
    DISMISS = "dismiss"
    HIDE = "hide"  # "not for me": of an experience or an item
    BOUNCE = "bounce"  # an item was left within moments
    UNSUBSCRIBE = "unsubscribe"
    COMPLAIN = "complain"
    PAGE = "page"
    IDENTIFY = "identify"
    DECLARE = "declare"  # a preference stated in so many words
    NOT_ME = "not_me"  # what was done then was done by somebody else
    REPORT = (
        "report"  # not the person's act: what became of a message, or what the engine itself logged
    )
    OTHER = "other"


class Line(msgspec.Struct, frozen=True):
    """One item inside an event: how many, and the price of one (None where unknown)."""

    item_id: str
    quantity: float = 1.0
    price: float | None = None


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """An event's meaning: pure function of the event and the settings, never stored.

    ``attributes`` are ``name=value`` strings that the event itself carries (``category``, ``brand``): used for
    items that the catalogue does not know. ``weight`` scales engagement mass. ``amount`` is money of an order or
    refund. ``consent`` and ``preferences`` (value → +1 like, −1 dislike, 0 withdrawn) are what the event declares,
    ``traits`` what a track event tells of the person (a push subscription). ``gifts`` are the items among ``lines``
    that were chosen for somebody else. ``excluded`` are events that are no taste of this person's: (from µs, until µs,
    what) as in ``contracts.individual.Exclusion``.
    """

    action: Action
    weight: float = 0.0
    lines: tuple[Line, ...] = ()
    attributes: tuple[str, ...] = ()
    query: str = ""
    decision_id: str = ""
    experience_id: str = ""
    placement_id: str = ""
    channel: str = ""
    order_id: str = ""
    amount: float = 0.0
    consent: dict[str, bool] = {}
    preferences: dict[str, int] = {}
    traits: dict[str, Any] = {}
    gifts: frozenset[str] = frozenset()
    excluded: tuple[tuple[int, int, str], ...] = ()
