"""Search: what is asked, what is found, and the port of the index that finds it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints

# "" : what was found answers the query. "related", "popular": nothing does, and this is shown instead.
Fallback = Literal["", "related", "popular"]
SuggestionKind = Literal["query", "value", "word"]


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /v1/search``. Without a person the order is plain relevance.

    where:  attribute → value or values; an item must carry one of the values of each attribute
    cursor: of the page before; the query and the filters must be as they were then
    """

    query: str
    user_id: str | None = None
    anonymous_id: str | None = None
    individual_id: str | None = None
    count: int = 20
    where: dict[str, str | list[str]] = {}
    cursor: str | None = None


class SearchHit(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the answer. ``score`` = ``relevance`` + ``taste``.

    ``relevance`` is the text's: from 0 to 1, or 2 where the title, or the id, is the query. ``taste`` is the person's:
    from 0 to ``search.taste_weight_max``; 0 without a person. ``position`` counts from 0 over all pages.
    """

    item_id: str
    position: int
    score: float
    relevance: float
    taste: float
    title: str = ""
    url: str | None = None
    image_url: str | None = None
    price: float | None = None
    currency: str | None = None
    attributes: dict[str, str | list[str]] = {}
    reasons: list[str] = []


class SearchResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a search.

    search_id:   names this search on all of its pages; for the events that the client sends
    total:       how many items answer the query and may be shown to this person; 0 in a fall-back
    facets:      attribute → value → how many of those items carry it; a filtered attribute is counted as if it were not
    corrections: word of the query → how it was read
    withheld:    why matching items are not shown → how many
    fallback:    what is shown instead where nothing answers, and ``message`` says so in words
    cursor:      for the next page (None: there is none)
    """

    search_id: str
    query: str
    individual_id: str | None
    results: list[SearchHit]
    total: int
    facets: dict[str, dict[str, int]] = {}
    corrections: dict[str, str] = {}
    withheld: dict[str, int] = {}
    fallback: Fallback = ""
    message: str = ""
    cursor: str | None = None


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """One way to go on typing. ``items``: how many items it finds.

    ``query``: people have asked for it; ``value``: an attribute's value; ``word``: a word of titles.
    """

    text: str
    kind: SuggestionKind
    items: int


class SuggestResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``GET /v1/search/suggest``, best first."""

    suggestions: list[Suggestion]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an index found of a text, whoever asks.

    rows:        (M,) rows of the catalogue that it follows, ascending
    relevance:   (M,) how well each answers: in (0, 1), or 2 where the title, or the id, is the text
    complete:    whether every word is answered; else ``rows`` answer some of the words only
    corrections: word of the text → the word it was taken for
    """

    rows: Ints
    relevance: Floats
    complete: bool
    corrections: Mapping[str, str] = field(default_factory=dict)


class SearchIndex(Protocol):
    """Finds items by their texts. Derived of the catalogue and never a second truth: it can be thrown away.

    Its work is done elsewhere than in the caller's thread; calls take effect in their order.
    """

    def follow(self, catalog: CatalogIndex) -> None:
        """From the next question on, answer for this catalogue; only what differs is read again."""
        ...

    def find(self, text: str) -> Future[Found]:
        """The items that answer a text."""
        ...

    def suggest(self, text: str, past: Mapping[str, float], count: int) -> Future[list[Suggestion]]:
        """At most ``count`` ways to go on; ``past``: queries that others have asked → how often."""
        ...

    def close(self) -> None:
        """Give everything back; what is under way is ended."""
        ...
