"""Decisions for everybody: handlers of their routes."""

from __future__ import annotations

import msgspec

from eachwise.contracts.batch import PAGE_MAX, Batch, BatchPage, BatchRequest
from eachwise.flow.drive import arun
from eachwise.service.call import Call
from eachwise.service.handlers import decoded

_MOST = 10**15
_PAGE_USUAL = 100

_request = msgspec.json.Decoder(BatchRequest)


async def begin(call: Call) -> Batch:
    """Begin a batch, or find it begun."""
    return await arun(call.core.batching.begin(decoded(await call.body(), _request)))


async def page(call: Call) -> BatchPage:
    """Decide for the next people of a batch."""
    after = call.integer("after", 0, low=0, high=_MOST)
    limit = call.integer("limit", _PAGE_USUAL, low=1, high=PAGE_MAX)
    return await arun(call.core.batching.page(call.path("batch_id"), after, limit))
