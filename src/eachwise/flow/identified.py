"""The name under which an event of the engine's own belongs to a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eachwise.contracts.events import Event, EventKind
from eachwise.contracts.individual import Individual
from eachwise.identity import Directory
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.hashing import stable_hash

_KINDS = ("user", "anon", "device")
_EMAIL = "email:"


def events_of(
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
) -> list[Event]:
    """A track event (an identify where there are ``traits``) that is this person's, under an id that leads to them.

    ``individual_id`` is canonical. ``known_as`` is the id that is tried first, so that an answer to a decision comes
    under the one that it was made for. Of whom nothing but an e-mail address is known, an anonymous id of ours stands
    for them, and an event before says whose it is. Empty where nothing at all leads to them.
    """
    known = sorted(state.identifiers)
    names = [known_as, individual_id, *sorted(known, key=_rank)]
    found = next((each for each in names if _leads(each, individual_id, directory)), "")
    first: list[Event] = []
    if not found:
        addresses = [each for each in (individual_id, *known) if each.startswith(_EMAIL)]
        ours = [each for each in addresses if directory.resolve(each) == individual_id]
        if not ours:
            return []
        found = f"anon:eachwise-{stable_hash(ours[0]):x}"
        first = [_login(found, ours[0].removeprefix(_EMAIL), now_us)]
    said: EventKind = "identify" if traits else "track"
    event = Event(
        message_id=message_id,
        kind=said,
        name="" if traits else name,
        occurred_at_us=now_us,
        received_at_us=now_us,
        properties=dict(properties or {}),
        traits=dict(traits or {}),
        **_sent_as(found),
    )
    return [*first, event]


def _leads(identifier: str, individual_id: str, directory: Directory) -> bool:
    """Whether events under this id are the person's."""
    kind = identifier.partition(":")[0]
    return kind in _KINDS and directory.resolve(identifier) == individual_id


def _sent_as(identifier: str) -> dict[str, Any]:
    """The fields of an event that name an id."""
    kind, _, value = identifier.partition(":")
    if kind == "user":
        return {"user_id": value}
    return {"anonymous_id": value} if kind == "anon" else {"context": {"device": {"id": value}}}


def _login(anonymous: str, address: str, now_us: int) -> Event:
    """Says once that an anonymous id of ours is this address's; before the event that needs it."""
    return Event(
        message_id=f"{anonymous.removeprefix('anon:')}-login",
        kind="identify",
        occurred_at_us=now_us - MICROSECONDS,
        received_at_us=now_us,
        traits={"email": address},
        **_sent_as(anonymous),
    )


def _rank(identifier: str) -> tuple[int, str]:
    kind = identifier.partition(":")[0]
    return (_KINDS.index(kind) if kind in _KINDS else len(_KINDS), identifier)
