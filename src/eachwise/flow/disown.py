""" "Not me": what somebody else did on a person's device is taken out of the person's taste, as an event in the log."""

from __future__ import annotations

from typing import Any

import msgspec

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Event
from eachwise.contracts.individual import Individual
from eachwise.identity import Directory
from eachwise.maths.hashing import stable_hash
from eachwise.maths.times import parse_time_us

NAME = "Not Me"
# The field of ``Event`` that carries an identifier of this type.
_FIELDS = {"user": "user_id", "anon": "anonymous_id"}


class NotMe(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"since": "from"}
):
    """Which events were somebody else's: those of a time, of sessions, decisions, messages, items or sources.

    ``from`` and ``until`` are ISO 8601; ``sources`` are identifiers such as ``anon:tablet``.
    """

    since: str | None = None
    until: str | None = None
    session_ids: list[str] = []
    decision_ids: list[str] = []
    message_ids: list[str] = []
    item_ids: list[str] = []
    sources: list[str] = []


def not_me_event(
    individual_id: str, state: Individual, directory: Directory, which: NotMe, now_us: int
) -> Event:
    """The event that says so. ``individual_id`` is canonical.

    Raises ``InvalidInput`` where neither a time nor an id is given, a time cannot be read, or the person has no user id
    or anonymous id that an event could carry.
    """
    told = _told(which)
    for identifier in (individual_id, *sorted(state.identifiers)):
        kind, _, value = identifier.partition(":")
        if kind in _FIELDS and directory.resolve(identifier) == individual_id:
            return Event(
                message_id=f"not-me-{stable_hash(individual_id, now_us, repr(told)):x}",
                kind="track",
                name=NAME,
                occurred_at_us=now_us,
                received_at_us=now_us,
                properties=told,
                user_id=value if kind == "user" else None,
                anonymous_id=value if kind == "anon" else None,
            )
    raise InvalidInput(
        f"id: {individual_id!r} has no user id or anonymous id that an event could carry",
        field="id",
    )


def _told(which: NotMe) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(which)
    if not told:
        raise InvalidInput(
            "from: say which events were somebody else's, by from and until, or by session_ids, decision_ids, "
            "message_ids, item_ids or sources",
            field="from",
        )
    times = {}
    for field in ("from", "until"):
        if field in told:
            try:
                times[field] = parse_time_us(told[field])
            except ValueError as error:
                raise InvalidInput(f"{field}: {error}", field=field) from None
    if len(times) == 2 and times["from"] > times["until"]:
        raise InvalidInput("until: must not lie before from", field="until")
    return told
