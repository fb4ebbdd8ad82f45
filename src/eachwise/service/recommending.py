"""Items for one individual: the handler of its route."""

from __future__ import annotations

import msgspec

from eachwise.contracts.recommendation import RecommendRequest, RecommendResponse
from eachwise.service.call import Call
from eachwise.service.handlers import decoded


class RecommendBody(RecommendRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request as a body holds it: beside the key, no field that nobody would read."""

    write_key: object = msgspec.field(default=None, name="writeKey")


_recommend_request = msgspec.json.Decoder(RecommendBody)


async def recommend(call: Call) -> RecommendResponse:
    """The next page of items for one individual."""
    return call.core.recommending.recommend(decoded(await call.body(), _recommend_request))
