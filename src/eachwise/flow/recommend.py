"""Items for one person, on request: nothing is decided, recorded or reserved by asking."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import msgspec
import numpy as np

from eachwise.catalog import select
from eachwise.catalog.items import attributes_fault
from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.catalog import ItemQuery, Repeats
from eachwise.contracts.decision import ShownItem
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.individual import Recent
from eachwise.contracts.ports import Clock
from eachwise.contracts.recommendation import RecommendRequest, RecommendResponse, Slot
from eachwise.decide import shown_item
from eachwise.flow.asked import check_named, individual_of
from eachwise.flow.catalogue import Catalogue, Shelf
from eachwise.flow.people import People
from eachwise.flow.slates import Filler, stock_of, wishes_of
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import Trained
from eachwise.flow.viewer import Viewer
from eachwise.identity import Directory
from eachwise.individual import viewed_items
from eachwise.maths.hashing import stable_hash
from eachwise.recommend import (
    PersonTaste,
    Ranking,
    Wishes,
    alike,
    cursor,
    mask_of,
    rank,
    reasons,
    spent,
    standing,
)
from eachwise.recommend.cursor import Cursor
from eachwise.recommend.slate import TILT_MAX, pool_size
from eachwise.settings import Settings

COUNT_MAX = 200
UNKNOWN_PERSON, NO_CONSENT, UNKNOWN_ITEM = "unknown_person", "no_consent", "unknown_item"
# What full likeness to the item of ``similar_to`` adds, in log units, beside what people went on to after it: enough
# to order items that nobody has met yet, and less than a transition that is often taken.
_LIKENESS = 2.0
# "because you viewed X" of the item that others are to be like.
_VIEWED, _GOES_WITH = "because you viewed ", "goes with "


class Recommending:
    """Answers "which items, for this person?", page by page."""

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
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._catalogue = catalogue
        self._tasting = tasting
        self._trained = trained
        self._asked = 0

    def recommend(self, request: RecommendRequest) -> RecommendResponse:
        """The next page of items. Raises ``InvalidInput`` naming the field at fault."""
        _check(request)
        now_us = self._clock.now_us()
        shelf = self._catalogue.shelf
        individual_id = individual_of(request, self._directory, now_us)
        at = self._cursor(request, individual_id, now_us)
        live = self._tasting.model
        viewer = Viewer.of(
            self._people.find(individual_id),
            shelf,
            shelf.expected(live),
            now_us,
            self._settings,
            shelf.reference(live),
        )
        delivered = None
        if at.page:
            delivered = cursor.delivered(at, shelf.once("hashes", _hashes))
        mask = self._mask(request, viewer, shelf, delivered)
        ranking, scores, fallback = self._ranked(request, viewer, shelf, mask)
        fill = Filler(
            state=viewer.used,
            shelf=shelf,
            ranking=ranking,
            scores=scores,
            settings=self._settings,
            wishes=self._wishes(request),
            now_us=now_us,
            seed=stable_hash(at.seed, at.page),
            delivered=None if delivered is None else np.flatnonzero(delivered),
        )
        slots = fill(_competing(ranking, mask, request.count), request.count)
        considered = int(np.count_nonzero(mask))
        return RecommendResponse(
            individual_id=individual_id,
            items=_shown(slots, ranking, viewer.taste, shelf.index, request.similar_to),
            considered=considered,
            cursor=self._next(at, [shelf.index.item_ids[each.row] for each in slots], considered),
            fallback=fallback,
        )

    def _mask(
        self, request: RecommendRequest, viewer: Viewer, shelf: Shelf, delivered: Bools | None
    ) -> Bools:
        """What may be shown, (N,): whatever else a request wants, nothing comes past this."""
        index = shelf.index
        mask = viewer.admits(shelf, self._settings).allowed
        if delivered is not None:
            mask &= ~delivered
        if request.where or request.exclude:
            mask &= select(index, ItemQuery(where=request.where, exclude=request.exclude))
        barred = None
        if request.repeats == "never":
            barred = mask_of(index, viewed_items(viewer.known))
        elif request.repeats == "learnt":
            barred = spent(viewer.taste, self._trained.model, index)
        if barred is not None:
            mask &= ~barred
        for here in (request.similar_to, request.context.get("item_id")):
            if isinstance(here, str) and (row := index.row_of.get(here)) is not None:
                mask[row] = False
        return mask

    # -- the ranking ---------------------------------------------------------------------------------------

    def _ranked(
        self, request: RecommendRequest, viewer: Viewer, shelf: Shelf, mask: Bools
    ) -> tuple[Ranking, Floats, str | None]:
        """The ranking, the scores (N,) by which items compete, and what the answer falls back to."""
        index, live, trained = shelf.index, self._tasting.model, self._trained.model
        taste, fallback = viewer.taste, None
        if not viewer.personal:
            fallback = UNKNOWN_PERSON if viewer.allowed else NO_CONSENT
        item_id = request.similar_to
        row = None if item_id is None else index.row_of.get(item_id)
        if item_id is not None:
            known = row is not None or item_id in live.row_of
            if known or (trained is not None and item_id in trained.row_of):
                taste = _looking_at(item_id, taste)
                fallback = None if fallback == UNKNOWN_PERSON else fallback
            else:
                fallback = fallback or UNKNOWN_ITEM
        ranking = rank(taste, live, index, self._settings.recommend, trained, within=mask)
        scores = ranking.scores
        if row is not None:
            likeness = stock_of(shelf, self._settings.recommend).likeness
            everything = np.arange(len(index.items))
            scores = scores + _LIKENESS * alike(likeness, index, row, everything)
        if request.popularity:
            scores = scores + request.popularity * TILT_MAX * standing(ranking.bound).tilt
        return ranking, scores, fallback

    def _wishes(self, request: RecommendRequest) -> Wishes:
        usual = wishes_of(self._settings.recommend)
        calibration, diversity = request.calibration, request.diversity
        return replace(
            usual,
            calibration=usual.calibration if calibration is None else calibration,
            diversity=usual.diversity if diversity is None else diversity,
        )

    # -- pages ---------------------------------------------------------------------------------------------

    def _cursor(self, request: RecommendRequest, individual_id: str, now_us: int) -> Cursor:
        versions = self._catalogue.version, self._tasting.model.version
        if request.cursor is not None:
            return cursor.decode(request.cursor, self._settings.project_id, *versions)
        self._asked += 1
        return cursor.first(stable_hash(individual_id, now_us, self._asked), *versions)

    def _next(self, at: Cursor, item_ids: list[str], considered: int) -> str | None:
        """The token of the next page; None where nothing is left, or pages end."""
        so_far = len(at.hashes) + len(item_ids)
        if considered <= len(item_ids) or so_far >= cursor.DELIVERED_MAX:
            return None
        versions = self._catalogue.version, self._tasting.model.version
        return cursor.encode(cursor.advanced(at, item_ids, *versions), self._settings.project_id)


def _shown(
    slots: list[Slot],
    ranking: Ranking,
    taste: PersonTaste,
    index: CatalogIndex,
    similar_to: str | None,
) -> list[ShownItem]:
    """The items with why; beside ``similar_to`` what goes with it, and not what was viewed."""
    found = []
    for position, slot in enumerate(slots):
        item = shown_item(index.items[slot.row], position, slot)
        why = reasons(ranking, slot.row, taste, index)
        if similar_to is not None:
            why = [each.replace(_VIEWED, _GOES_WITH) for each in why]
        found.append(msgspec.structs.replace(item, reasons=why))
    return found


def _hashes(index: CatalogIndex) -> cursor.Hashes:
    return cursor.item_hashes(index.item_ids)


def _competing(ranking: Ranking, mask: Bools, count: int) -> Ints:
    """The rows that compete, ascending: where only candidates were scored those, if they are enough."""
    if ranking.rows is not None:
        rows = ranking.rows[mask[ranking.rows]]
        if len(rows) >= pool_size(count):
            return rows
    return np.flatnonzero(mask)


def _looking_at(item_id: str, taste: PersonTaste) -> PersonTaste:
    """The person with one item before them and no history: their tastes order what goes with it."""
    recent = Recent(taste.now_us, 0, item_id, "view")
    return replace(taste, recents=(recent,), regrets=(), bought=(), hidden={}, carried=None)


def _check(request: RecommendRequest) -> None:
    check_named(request)
    if not 1 <= request.count <= COUNT_MAX:
        raise InvalidInput(f"count: must be from 1 to {COUNT_MAX}", field="count")
    for name, low in (("popularity", -1.0), ("diversity", 0.0), ("calibration", 0.0)):
        given = getattr(request, name)
        if given is not None and not low <= given <= 1.0:
            raise InvalidInput(f"{name}: must be from {low:g} to 1", field=name)
    if request.repeats not in get_args(Repeats):
        raise InvalidInput(
            f"repeats: must be one of {', '.join(get_args(Repeats))}", field="repeats"
        )
    for name in ("where", "exclude"):
        attributes = getattr(request, name)
        fault = attributes_fault(attributes)
        if fault is not None:
            path = ".".join((name, *map(str, fault[0])))
            raise InvalidInput(f"{path}: {fault[1]}", field=path)
        for attribute, values in attributes.items():
            if values == []:
                path = f"{name}.{attribute}"
                raise InvalidInput(f"{path}: must name at least one value", field=path)
