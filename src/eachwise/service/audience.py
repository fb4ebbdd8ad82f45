"""For whom an item matters: the handler of its route."""

from __future__ import annotations

import msgspec

from eachwise.contracts.audience import Audience, AudienceRequest
from eachwise.flow.drive import arun
from eachwise.service.call import Call
from eachwise.service.handlers import decoded


class AudienceBody(AudienceRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request as a body holds it: beside the key, no field that nobody would read."""

    write_key: object = msgspec.field(default=None, name="writeKey")


_request = msgspec.json.Decoder(AudienceBody)


async def audience(call: Call) -> Audience:
    """The individuals for whom an item matters."""
    return await arun(call.core.audiences.find(decoded(await call.body(), _request)))
