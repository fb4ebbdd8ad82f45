"""What a person said about being reached: the handler of its route, and the route."""

from __future__ import annotations

from eachwise.contracts.consent import ConsentView
from eachwise.flow.drive import arun
from eachwise.service.call import Call
from eachwise.service.route import Route


async def consent(call: Call) -> ConsentView:
    """A person's consent."""
    return await arun(call.core.consents.of(call.path("id")))


# Before ``/v1/individuals/{id:path}``, which takes all that follows.
OF_A_PERSON = Route(
    method="GET",
    path="/v1/individuals/{id:path}/consent",
    handler=consent,
    key="secret",
    summary="Read what a person said about being reached, when, and what follows",
    response=ConsentView,
)
