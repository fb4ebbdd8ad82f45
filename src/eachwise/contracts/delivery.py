"""Messages on their way to people: the outbox, what a channel answers, and the port that channels are.

A message is written in the same transaction as the journey's state and the decision that chose it; it is rendered when
it is sent. ``message_id`` is its idempotency key: receivers that keep it get everything once.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

# pending   waits for its time or for a worker
# claimed   a worker holds it until ``claimed_until_us``; nothing has gone out
# sending   it is being handed over: after a crash here, nobody knows whether it went out
# sent      the receiver took it
# picked    a page took it up (web, app)
# unknown   a crash fell into the hand-over of a channel that cannot deduplicate: held, shown, not sent again by itself
# held      at the time of sending the contact policy stood against it; ``reason`` says what
# dead      given up after all attempts, or refused for good; ``reason`` says why
# discarded an operator took it out
MessageState = Literal[
    "pending", "claimed", "sending", "sent", "picked", "unknown", "held", "dead", "discarded"
]
OPEN: frozenset[MessageState] = frozenset({"pending", "claimed", "sending", "unknown"})

# Channels of the engine's own, beside those that reach people: a webhook step's call, an event to log.
CALL, EVENT = "call", "event"


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the outbox.

    channel:       ``email``, ``push``, ``sms``, ``webhook``, ``web``, ``app``; or ``call``, ``event``
    body:          of ``call``: url and body; of ``event``: what is logged; else what the template may read besides
    due_at_us:     not before
    expires_at_us: not after (0: whenever)
    """

    message_id: str
    individual_id: str
    channel: str
    created_at_us: int
    due_at_us: int
    state: MessageState = "pending"
    placement_id: str = ""
    experience_id: str = ""
    decision_id: str = ""
    journey_id: str = ""
    instance_id: str = ""
    step: str = ""
    expires_at_us: int = 0
    transactional: bool = False
    body: dict[str, Any] = {}
    attempts: int = 0
    claimed_by: str = ""
    claimed_until_us: int = 0
    sent_at_us: int = 0
    address: str = ""
    reason: str = ""
    provider_id: str = ""


class MessageView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message, readable. ``address`` names only the services of push subscriptions, whose rest is a secret."""

    message_id: str
    individual_id: str
    channel: str
    state: str
    created_at: str
    due_at: str
    placement_id: str = ""
    experience_id: str = ""
    decision_id: str = ""
    journey_id: str = ""
    instance_id: str = ""
    step: str = ""
    expires_at: str | None = None
    sent_at: str | None = None
    transactional: bool = False
    attempts: int = 0
    address: str = ""
    reason: str = ""
    provider_id: str = ""


class PreviewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/preview``: what a real person would get of an experience in a placement, now."""

    experience_id: str
    placement_id: str
    individual: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it would go out. ``unreachable``: why it could not; "" where it could."""

    individual_id: str
    channel: str
    address: str
    unreachable: str
    parts: dict[str, str]
    payload: dict[str, Any]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered message as a channel gets it. ``address``: e-mail address, URL, or push subscriptions as JSON: a
    list of ``id``, ``endpoint`` and ``keys``, one for each of the person's browsers, newest first.

    ``headers`` are a mail's extra headers (List-Unsubscribe …); ``parts`` what the channel's template has by name
    (``subject``, ``text``, ``html`` of a mail; ``title``, ``body``, ``url`` of a push); ``payload`` a webhook's body.
    """

    message_id: str
    channel: str
    address: str
    parts: dict[str, str] = {}
    headers: dict[str, str] = {}
    payload: dict[str, Any] = {}
    made_at_us: int = 0


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel answers. ``retry``: later may do; ``refused``: never; ``gone``: the address does not exist.

    ``unknown``: the connection broke at the moment of the hand-over; it may have gone out. ``gone``, whatever the
    outcome: which of several addresses do not exist, by their ``id``, and why.
    """

    outcome: Literal["sent", "retry", "refused", "gone", "unknown"]
    reason: str = ""
    provider_id: str = ""
    retry_after_s: float = 0.0
    gone: dict[str, str] = {}


class Channel(Protocol):
    """A way to a person. One file, one line in the registry (``adapters.channels``)."""

    @property
    def name(self) -> str:
        """The channel's name, as placements say it."""
        ...

    @property
    def deduplicates(self) -> bool:
        """Whether the receiver keeps the message id, so that sending again after a crash does no harm."""
        ...

    def send(self, letter: Letter) -> Receipt:
        """Hand it over and wait for the answer; called from a worker thread. Never raises for what a receiver does."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
