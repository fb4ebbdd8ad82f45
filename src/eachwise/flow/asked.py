"""Whom and what a request names: checked, and resolved to an individual."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from eachwise.contracts.decision import Decided, DecideRequest, DecideResponse, DecisionRecord
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import Event
from eachwise.contracts.experience import SILENCE
from eachwise.identity import NOBODY, Directory, is_typed

PLACEMENTS_MAX = 20
ITEMS_MAX = 200
_encode = msgspec.msgpack.Encoder().encode


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


def check_decide(request: DecideRequest) -> None:
    """Raise ``InvalidInput`` for a request without identity, with too many placements or items, or not to be kept."""
    check_named(request)
    if not 1 <= len(request.placements) <= PLACEMENTS_MAX:
        raise InvalidInput(f"placements: name 1 to {PLACEMENTS_MAX} placements", field="placements")
    if request.count is not None and not 1 <= request.count <= ITEMS_MAX:
        raise InvalidInput(f"count: must be from 1 to {ITEMS_MAX}", field="count")
    check_kept(context=request.context, request_id=request.request_id)


def check_kept(**asked: object) -> None:
    """Raises ``InvalidInput`` where a store could not keep one of these, such as an integer beyond 64 bits."""
    for field, value in asked.items():
        try:
            _encode(value)
        except (OverflowError, RecursionError, TypeError, ValueError) as error:
            raise InvalidInput(f"{field}: cannot be kept ({error})", field=field) from None


def silence_for(request: DecideRequest) -> DecideResponse:
    """The answer where none is known in time: nothing anywhere. Its decisions have no id, since nothing was decided."""
    return DecideResponse(
        individual_id=request.individual_id or "",
        decisions=[
            Decided(
                decision_id="",
                placement_id=placement_id,
                experience_id=SILENCE,
                probability=1.0,
                kind=SILENCE,
                reasons=["nothing is shown: there was no answer in time"],
            )
            for placement_id in request.placements
        ],
    )


def in_order(request: DecideRequest, made: list[DecisionRecord]) -> list[DecisionRecord]:
    """The decisions made for a request, in the order it asks now; they must be for the same placements."""
    known = [record.inputs.placement_id for record in made]
    if sorted(known) != sorted(request.placements):
        raise InvalidInput(
            f"request_id: {request.request_id!r} was used for other placements ({', '.join(known)}); "
            "a new request needs a new one",
            field="request_id",
        )
    left = list(made)
    return [
        left.pop(next(n for n, record in enumerate(left) if record.inputs.placement_id == wanted))
        for wanted in request.placements
    ]


def names_of(individual_id: str, known: Iterable[str], directory: Directory) -> list[str]:
    """The ids under which decisions may have been made for a person, of those that it is ``known`` by."""
    others = {each for each in known if each != individual_id}
    return [individual_id, *sorted(o for o in others if directory.resolve(o) == individual_id)]


def asked_as(request: DecideRequest) -> list[str]:
    """The typed identifiers that a request names."""
    named = [f"user:{request.user_id}"] if request.user_id else []
    named += [f"anon:{request.anonymous_id}"] if request.anonymous_id else []
    return [*named, request.individual_id] if request.individual_id else named
