"""Search: what answers a text, in this person's order; and what is shown instead where nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eachwise.catalog.facets import attribute_spans, narrowed
from eachwise.catalog.items import attributes_fault
from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.ports import Clock
from eachwise.contracts.search import (
    Fallback,
    Found,
    SearchHit,
    SearchIndex,
    SearchRequest,
    SearchResponse,
    SuggestResponse,
)
from eachwise.flow.asked import check_named, individual_of
from eachwise.flow.catalogue import Catalogue, Shelf
from eachwise.flow.drive import Flow
from eachwise.flow.people import People
from eachwise.flow.searches import Searches
from eachwise.flow.slates import stock_of
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import Trained
from eachwise.flow.viewer import Admission, Viewer
from eachwise.identity import Directory
from eachwise.maths.best import best
from eachwise.maths.hashing import stable_hash
from eachwise.maths.text import words
from eachwise.recommend import Ranking, alike, cursor, rank, reasons
from eachwise.recommend.cursor import Cursor, Hashes
from eachwise.recommend.search import in_order, stems_asked, taste_term, text_reasons
from eachwise.settings import Settings

QUERY_CHARS_MAX = 256
COUNT_MAX = 100
SUGGESTIONS_MAX = 20
# Above so many matches the models score candidates among them, and not each.
SCORED_MAX = 5000
# Items like those that match and may not be shown: so many, the most alike.
ALIKE_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What goes out, before it is ordered: rows (M,) and how well each answers."""

    rows: Ints
    relevance: Floats
    fallback: Fallback = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One search with everything that its answer depends on; ``where``: attribute → values."""

    request: SearchRequest
    where: Mapping[str, list[str]]
    individual_id: str | None
    shelf: Shelf
    viewer: Viewer
    admission: Admission
    found: Found
    stems: list[str]
    at: Cursor


class Searching:
    """Answers searches, and suggests how to go on typing. Asking changes nothing: the client sends the event."""

    def __init__(
        self,
        *,
        clock: Clock,
        settings: Settings,
        people: People,
        directory: Directory,
        catalogue: Catalogue,
        tasting: Tasting,
        trained: Trained,
        searches: Searches,
        index: SearchIndex,
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._catalogue = catalogue
        self._tasting = tasting
        self._trained = trained
        self._searches = searches
        self._index = index
        self._asked = 0

    def search(self, request: SearchRequest) -> Flow[SearchResponse]:
        """The next page of what answers a text. Raises ``InvalidInput`` naming the field at fault."""
        _check(request)
        now_us = self._clock.now_us()
        individual_id = None
        if request.user_id or request.anonymous_id or request.individual_id:
            check_named(request)
            individual_id = individual_of(request, self._directory, now_us)
        at = self._cursor(request, individual_id, now_us)
        shelf = self._catalogue.shelf
        self._index.follow(shelf.index)
        found = yield self._index.find(request.query)
        state = None if individual_id is None else self._people.find(individual_id)
        expected = shelf.expected(self._tasting.model)
        reference = shelf.reference(self._tasting.model)
        viewer = Viewer.of(state, shelf, expected, now_us, self._settings, reference)
        asked = _Asked(
            request=request,
            where=_filters(request),
            individual_id=individual_id,
            shelf=shelf,
            viewer=viewer,
            admission=viewer.admits(shelf, self._settings),
            found=found,
            stems=stems_asked(request.query, found.corrections),
            at=at,
        )
        return self._answered(asked)

    def suggest(self, text: str, count: int) -> Flow[SuggestResponse]:
        """At most ``count`` ways to go on typing a text; the same for everyone."""
        if len(text) > QUERY_CHARS_MAX:
            raise InvalidInput(f"q: has {len(text)} letters; at most {QUERY_CHARS_MAX}", field="q")
        if not 1 <= count <= SUGGESTIONS_MAX:
            raise InvalidInput(f"count: must be from 1 to {SUGGESTIONS_MAX}", field="count")
        past = self._searches.past.beginning(text, self._settings.search.suggest_people_min)
        self._index.follow(self._catalogue.shelf.index)
        found = yield self._index.suggest(text, past, count)
        return SuggestResponse(suggestions=found)

    # -- one answer ----------------------------------------------------------------------------------------

    def _answered(self, asked: _Asked) -> SearchResponse:
        shelf, found = asked.shelf, asked.found
        matching = found.rows if found.complete else found.rows[:0]
        shown = matching[asked.admission.allowed[matching]]
        kept, facets = narrowed(
            shelf.index, shown, asked.where, shelf.once("spans", attribute_spans)
        )
        total = int(kept.sum())
        if total:
            relevance = found.relevance[np.searchsorted(found.rows, shown[kept])]
            answer = _Answer(rows=shown[kept], relevance=relevance)
        else:
            answer = self._instead(asked, shown)
        hits, token = self._page(asked, answer)
        return SearchResponse(
            search_id=f"s-{asked.at.seed:016x}",
            query=asked.request.query,
            individual_id=asked.individual_id,
            results=hits,
            total=total,
            facets=facets,
            corrections=dict(found.corrections),
            withheld=_withheld(asked.admission, matching),
            fallback=answer.fallback,
            message=answer.message or _read_as(found.corrections),
            cursor=token,
        )

    def _instead(self, asked: _Asked, shown: Ints) -> _Answer:
        """What is shown where nothing answers: the nearest thing there is, and why it is that."""
        found, allowed, query = asked.found, asked.admission.allowed, asked.request.query
        if len(shown):
            relevance = found.relevance[np.searchsorted(found.rows, shown)]
            message = f"nothing that matches “{query}” fits the filters; this is without them"
            return _Answer(rows=shown, relevance=relevance, fallback="related", message=message)
        within = self._filtered(asked, allowed)
        if found.complete:
            like = self._alike(asked, within)
            if len(like.rows):
                return like
        else:
            partly = np.flatnonzero(within[found.rows])
            if len(partly):
                return _Answer(
                    rows=found.rows[partly],
                    relevance=found.relevance[partly],
                    fallback="related",
                    message=f"nothing matches all of “{query}”; this matches some of it",
                )
        rows = np.flatnonzero(within)
        chosen = "what suits this person" if asked.viewer.personal else "what is popular"
        why = "may be shown that matches" if found.complete else "matches"
        return _Answer(
            rows=rows,
            relevance=np.zeros(len(rows)),
            fallback="popular",
            message=f"nothing {why} “{query}”; this is {chosen}",
        )

    def _filtered(self, asked: _Asked, allowed: Bools) -> Bools:
        """What may be shown (N,), narrowed to the filters where they leave anything."""
        if not asked.where:
            return allowed
        rows = np.flatnonzero(allowed)
        spans = asked.shelf.once("spans", attribute_spans)
        kept, _ = narrowed(asked.shelf.index, rows, asked.where, spans)
        if not kept.any():
            return allowed
        within = np.zeros_like(allowed)
        within[rows[kept]] = True
        return within

    def _alike(self, asked: _Asked, within: Bools) -> _Answer:
        """What is like the best match, which may not be shown."""
        row = int(asked.found.rows[int(asked.found.relevance.argmax())])
        likeness = stock_of(asked.shelf, self._settings.recommend).likeness
        rows = np.flatnonzero(within)
        like = alike(likeness, asked.shelf.index, row, rows)
        chosen = np.sort(best(like, ALIKE_MAX))
        chosen = chosen[like[chosen] > 0.0]
        message = f"what matches “{asked.request.query}” cannot be shown; this is like it"
        return _Answer(
            rows=rows[chosen], relevance=like[chosen], fallback="related", message=message
        )

    # -- order and pages -----------------------------------------------------------------------------------

    def _page(self, asked: _Asked, answer: _Answer) -> tuple[list[SearchHit], str | None]:
        """The results that are next, and the token of those after them."""
        shelf, rows = asked.shelf, answer.rows
        delivered = cursor.delivered(asked.at, shelf.once("hashes", _hashes)[rows])
        ranking = self._ranking(asked, rows)
        scores = ranking.scores[rows]
        weight = self._settings.search.taste_weight_max if asked.viewer.personal else 0.0
        taste = taste_term(scores, weight)
        order = in_order(answer.relevance, taste, scores)
        left = order[~delivered[order]]
        chosen = left[: asked.request.count].tolist()
        before = len(asked.at.hashes)
        hits = [
            self._hit(asked, answer, ranking, before + position, place, float(taste[place]))
            for position, place in enumerate(chosen)
        ]
        if len(left) <= len(chosen) or before + len(chosen) >= cursor.DELIVERED_MAX:
            return hits, None
        versions = self._catalogue.version, self._tasting.model.version
        after = cursor.advanced(asked.at, [hit.item_id for hit in hits], *versions)
        return hits, cursor.encode(after, self._bound_to(asked.request))

    def _ranking(self, asked: _Asked, rows: Ints) -> Ranking:
        """The models' scores of these rows; of many only those that are likely to matter are scored in full."""
        within = None
        if len(rows) > SCORED_MAX:
            within = np.zeros(len(asked.shelf.index.items), dtype=bool)
            within[rows] = True
        return rank(
            asked.viewer.taste,
            self._tasting.model,
            asked.shelf.index,
            self._settings.recommend,
            self._trained.model,
            within=within,
            only=rows if within is None else None,
        )

    def _hit(
        self, asked: _Asked, answer: _Answer, ranking: Ranking, position: int, place: int,
        taste: float,
    ) -> SearchHit:  # fmt: skip
        row, index = int(answer.rows[place]), asked.shelf.index
        item, relevance = index.items[row], float(answer.relevance[place])
        why = text_reasons(item, asked.request.query, asked.stems)
        if asked.viewer.personal or answer.fallback:
            why += reasons(ranking, row, asked.viewer.taste, index)
        return SearchHit(
            item_id=item.item_id,
            position=position,
            score=relevance + taste,
            relevance=relevance,
            taste=taste,
            title=item.title,
            url=item.url,
            image_url=item.image_url,
            price=item.price,
            currency=item.currency,
            attributes=item.attributes,
            reasons=why,
        )

    def _cursor(self, request: SearchRequest, individual_id: str | None, now_us: int) -> Cursor:
        versions = self._catalogue.version, self._tasting.model.version
        if request.cursor is not None:
            try:
                return cursor.decode(request.cursor, self._bound_to(request), *versions)
            except InvalidInput:
                raise InvalidInput(
                    "cursor: it is of no page of this search (the query and the filters must be the same); "
                    "leave it out to begin anew",
                    field="cursor",
                ) from None
        self._asked += 1
        seed = stable_hash("search", individual_id or "", now_us, self._asked)
        return cursor.first(seed, *versions)

    def _bound_to(self, request: SearchRequest) -> str:
        """What a page's token is signed with: the project, the query and the filters."""
        where = [f"{name}={sorted(values)}" for name, values in sorted(_filters(request).items())]
        return "\x1f".join([self._settings.project_id, "search", *words(request.query), *where])


def _filters(request: SearchRequest) -> dict[str, list[str]]:
    """The filters, each with its values as a list."""
    return {
        name: [values] if isinstance(values, str) else values
        for name, values in request.where.items()
    }


def _hashes(index: CatalogIndex) -> Hashes:
    return cursor.item_hashes(index.item_ids)


def _withheld(admission: Admission, matching: Ints) -> dict[str, int]:
    """Why matching items are not shown → how many; only what there is."""
    available = admission.available[matching]
    suiting, allowed = admission.suiting[matching], admission.allowed[matching]
    counts = {
        "unavailable": int((~available).sum()),
        "conflict": int((available & ~suiting).sum()),
        "hidden": int((suiting & ~allowed).sum()),
    }
    return {why: count for why, count in counts.items() if count}


def _read_as(corrections: Mapping[str, str]) -> str:
    """How a query was read, in words; empty where as it was written."""
    return ", ".join(f"“{word}” was read as “{read}”" for word, read in corrections.items())


def _check(request: SearchRequest) -> None:
    if not request.query.strip():
        raise InvalidInput("q: what to search for is missing", field="q")
    if len(request.query) > QUERY_CHARS_MAX:
        raise InvalidInput(
            f"q: has {len(request.query)} letters; at most {QUERY_CHARS_MAX}", field="q"
        )
    if not 1 <= request.count <= COUNT_MAX:
        raise InvalidInput(f"count: must be from 1 to {COUNT_MAX}", field="count")
    fault = attributes_fault(request.where)
    if fault is not None:
        path = ".".join(("where", *map(str, fault[0])))
        raise InvalidInput(f"{path}: {fault[1]}", field=path)
