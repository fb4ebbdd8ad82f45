"""Search and suggestions: the handlers of their routes."""

from __future__ import annotations

from eachwise.catalog.facets import filters_of
from eachwise.contracts.search import SearchRequest, SearchResponse, SuggestResponse
from eachwise.flow.drive import arun
from eachwise.flow.search import COUNT_MAX, SUGGESTIONS_MAX
from eachwise.service.call import Call


async def search(call: Call) -> SearchResponse:
    """What answers a text, page by page."""
    request = SearchRequest(
        query=call.text("q"),
        user_id=call.text("userId") or None,
        anonymous_id=call.text("anonymousId") or None,
        individual_id=call.text("individual_id") or None,
        count=call.integer("count", 20, low=1, high=COUNT_MAX),
        where={**filters_of(call.texts("where"))},
        cursor=call.text("cursor") or None,
    )
    return await arun(call.core.searching.search(request))


async def suggest(call: Call) -> SuggestResponse:
    """How a text that is being typed may go on."""
    count = call.integer("count", 8, low=1, high=SUGGESTIONS_MAX)
    return await arun(call.core.searching.suggest(call.text("q"), count))
