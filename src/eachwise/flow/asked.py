"""Whom a request names: checked, and resolved to an individual."""

from __future__ import annotations

from typing import Protocol

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Event
from eachwise.identity import NOBODY, Directory, is_typed


class Asked(Protocol):
    """A request that names a person; one of the three is required."""

    @property
    def user_id(self) -> str | None:
        """As it was sent."""
        ...

    @property
    def anonymous_id(self) -> str | None:
        """As it was sent."""
        ...

    @property
    def individual_id(self) -> str | None:
        """Typed, like ``user:42``."""
        ...


def check_named(asked: Asked) -> None:
    """Raises ``InvalidInput`` for a request that names nobody, or whose ``individual_id`` is not typed."""
    if not (asked.individual_id or asked.user_id or asked.anonymous_id):
        raise InvalidInput(
            "one of userId, anonymousId or individual_id is required", field="userId"
        )
    if asked.individual_id and not is_typed(asked.individual_id):
        raise InvalidInput(
            f"individual_id: {asked.individual_id!r} must be typed, like user:42 or anon:abc; "
            "an id as it was sent goes into userId or anonymousId",
            field="individual_id",
        )


def individual_of(asked: Asked, directory: Directory, now_us: int) -> str:
    """The individual whom a request means now. Raises ``InvalidInput`` for ids that name nobody."""
    if asked.individual_id:
        return directory.resolve(asked.individual_id)
    event = Event(
        message_id="",
        kind="track",
        occurred_at_us=now_us,
        received_at_us=now_us,
        user_id=asked.user_id,
        anonymous_id=asked.anonymous_id,
    )
    person = directory.person_of(event)
    if person == NOBODY:
        field = "userId" if asked.user_id else "anonymousId"
        sent = asked.user_id or asked.anonymous_id
        raise InvalidInput(f"{field}: {sent!r} names nobody (a blocked value)", field=field)
    return person
