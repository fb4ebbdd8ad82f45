"""The name under which an event of the engine's own belongs to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eachwise.contracts.events import OWN_LIBRARY, Event, EventKind
from eachwise.contracts.individual import Individual
from eachwise.identity import Directory
from eachwise.maths.hashing import stable_hash

_KINDS = ("user", "anon", "device", "email")


def event_of(
    individual_id: str,
    state: Individual,
    directory: Directory,
    *,
    message_id: str,
    name: str,
    now_us: int,
    properties: Mapping[str, Any] | None = None,
    traits: Mapping[str, Any] | None = None,
    known_as: str = "",
) -> Event | None:
    """A track event (an identify where there are ``traits``) that is this person's, under an id that leads to them.

    ``individual_id`` is canonical. Of whom nothing but an e-mail address is known, an anonymous id of ours that states
    the address stands for them. ``known_as``: the id that is tried first, so that an answer to a decision comes under the
    one that it was made for. None where nothing at all leads to them.
    """
    said: EventKind = "identify" if traits else "track"
    for identifier in (known_as, individual_id, *sorted(state.identifiers, key=_rank)):
        kind, _, value = identifier.partition(":")
        if kind not in _KINDS or directory.resolve(identifier) != individual_id:
            continue
        context: dict[str, Any] = {"library": {"name": OWN_LIBRARY}}
        if kind == "device":
            context["device"] = {"id": value}
        elif kind == "email":
            context["traits"] = {"email": value}
        anonymous_id = value if kind == "anon" else None
        if kind == "email":
            anonymous_id = f"eachwise-{stable_hash(value):x}"
        return Event(
            message_id=message_id,
            kind=said,
            name="" if traits else name,
            occurred_at_us=now_us,
            received_at_us=now_us,
            user_id=value if kind == "user" else None,
            anonymous_id=anonymous_id,
            properties=dict(properties or {}),
            traits=dict(traits or {}),
            context=context,
        )
    return None


def _rank(identifier: str) -> tuple[int, str]:
    kind = identifier.partition(":")[0]
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), identifier)
