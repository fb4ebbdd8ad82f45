"""Journeys over HTTP: put them, see who stands where, and begin one by hand; handlers of their routes."""

from __future__ import annotations

from typing import get_args

import msgspec

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.journey import EnterRequest, InstanceView, JourneyView, Status
from eachwise.flow.drive import arun
from eachwise.service.call import Call
from eachwise.service.handlers import decoded

PEOPLE_MAX = 1000
STATUSES: tuple[Status, ...] = get_args(Status)


class EnterBody(EnterRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request as a body holds it: beside the key, no field that nobody would read."""

    write_key: object = msgspec.field(default=None, name="writeKey")


_enter_request = msgspec.json.Decoder(EnterBody)


async def put_journeys(call: Call) -> list[JourneyView]:
    """Take journeys in, as YAML or JSON; those that changed get their next version."""
    return await arun(call.core.programme.put(await call.body()))


async def list_journeys(call: Call) -> list[JourneyView]:
    """Every journey with its counts."""
    return call.core.programme.journeys.views()


async def get_journey(call: Call) -> JourneyView:
    """One journey with its counts."""
    return call.core.programme.journeys.view(call.path("id"))


async def people(call: Call) -> list[InstanceView]:
    """Who stands where in a journey."""
    return call.core.programme.journeys.people(
        call.path("id"),
        step=call.text("step") or None,
        status=_status(call.text("status")),
        after=call.text("after"),
        limit=call.integer("limit", 100, low=1, high=PEOPLE_MAX),
    )


async def enter(call: Call) -> InstanceView:
    """Begin a journey for one person."""
    request = decoded(await call.body(), _enter_request)
    return await arun(call.core.programme.begin(call.path("id"), request))


async def of_person(call: Call) -> list[InstanceView]:
    """Where one person stands in journeys."""
    return call.core.programme.of_person(call.path("id"))


def _status(sent: str) -> Status | None:
    if not sent:
        return None
    for status in STATUSES:
        if sent == status:
            return status
    raise InvalidInput(
        f"status must be one of {', '.join(STATUSES)}, not {sent[:30]!r}", field="status"
    )
