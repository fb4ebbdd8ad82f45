"""Items for one person, on request: nothing is decided, recorded or reserved by asking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

import msgspec
import numpy as np

from eachwise.catalog import select, showable
from eachwise.catalog.items import attributes_fault
from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.catalog import ItemQuery, Repeats
from eachwise.contracts.decision import ShownItem
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.individual import Individual, Recent
from eachwise.contracts.ports import Clock
from eachwise.contracts.recommendation import RecommendRequest, RecommendResponse, Slot
from eachwise.decide import admitted, by_value, conflicts_of, shown_item
from eachwise.flow.asked import check_named, individual_of
from eachwise.flow.catalogue import Catalogue, Shelf
from eachwise.flow.people import People
from eachwise.flow.slates import Filler, stock_of, wishes_of
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import Trained
from eachwise.identity import Directory
from eachwise.individual import affinity_vectors, consent_allows, viewed_items
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
PURPOSE, CHANNEL = "personalization", "web"
UNKNOWN_PERSON, NO_CONSENT, UNKNOWN_ITEM = "unknown_person", "no_consent", "unknown_item"
# What full likeness to the item of ``similar_to`` adds, in log units, beside what people went on to after it: enough
# to order items that nobody has met yet, and less than a transition that is often taken.
_LIKENESS = 2.0
# "because you viewed X" of the item that others are to be like.
_VIEWED, _GOES_WITH = "because you viewed ", "goes with "


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    """Whom the items are for: ``state`` is what may be used to choose, ``known`` all that is known."""

    individual_id: str
    state: Individual
    known: Individual
    taste: PersonTaste
    expected: Floats
    fallback: str | None


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
        person = self._person(individual_id, shelf, now_us)
        delivered = cursor.delivered(at, shelf.once("hashes", _hashes))
        mask = self._mask(request, person, shelf, now_us) & ~delivered
        ranking, scores, fallback = self._ranked(request, person, shelf, mask)
        fill = Filler(
            state=person.state,
            shelf=shelf,
            expected=person.expected,
            ranking=ranking,
            scores=scores,
            settings=self._settings,
            wishes=self._wishes(request),
            now_us=now_us,
            seed=stable_hash(at.seed, at.page),
            delivered=np.flatnonzero(delivered),
        )
        slots = fill(_competing(ranking, mask, request.count), request.count)
        considered = int(mask.sum())
        return RecommendResponse(
            individual_id=individual_id,
            items=self._shown(slots, ranking, person, shelf.index, request.similar_to),
            considered=considered,
            cursor=self._next(at, [shelf.index.item_ids[each.row] for each in slots], considered),
            fallback=fallback,
        )

    # -- the person ----------------------------------------------------------------------------------------

    def _person(self, individual_id: str, shelf: Shelf, now_us: int) -> _Person:
        known = self._people.find(individual_id) or Individual()
        allowed, _ = consent_allows(known, PURPOSE, CHANNEL, self._settings.consent)
        state = known if allowed else Individual()
        expected = shelf.expected(self._tasting.model)
        index = shelf.index
        affinity = affinity_vectors(
            state,
            index.value_of,
            len(index.values),
            expected,
            now_us,
            self._settings.affinity,
            reference=shelf.reference(self._tasting.model),
        )
        fallback = None
        if not allowed:
            fallback = NO_CONSENT
        elif not state.recents and not any(each.value for each in state.declared.values()):
            fallback = None if state.affinity else UNKNOWN_PERSON
        return _Person(
            individual_id=individual_id,
            state=state,
            known=known,
            taste=PersonTaste.of(state, affinity, now_us),
            expected=expected,
            fallback=fallback,
        )

    def _mask(self, request: RecommendRequest, person: _Person, shelf: Shelf, now_us: int) -> Bools:
        """What may be shown, (N,): whatever else a request wants, nothing comes past this."""
        index = shelf.index
        declared = {value: float(cell.value) for value, cell in person.known.declared.items()}
        conflicts = conflicts_of(
            person.taste.affinity,
            declared,
            index.values,
            self._settings.decide.conflict_upper_bound,
        )
        mask = admitted(
            showable(index, now_us),
            conflicts,
            person.known.hidden,
            index,
            shelf.once("by_value", by_value),
        )
        if request.where or request.exclude:
            mask &= select(index, ItemQuery(where=request.where, exclude=request.exclude))
        barred = None
        if request.repeats == "never":
            barred = mask_of(index, viewed_items(person.known))
        elif request.repeats == "learnt":
            barred = spent(person.taste, self._trained.model, index)
        if barred is not None:
            mask &= ~barred
        here = [request.similar_to, request.context.get("item_id")]
        return mask & ~mask_of(index, [each for each in here if isinstance(each, str)])

    # -- the ranking ---------------------------------------------------------------------------------------

    def _ranked(
        self, request: RecommendRequest, person: _Person, shelf: Shelf, mask: Bools
    ) -> tuple[Ranking, Floats, str | None]:
        """The ranking, the scores (N,) by which items compete, and what the answer falls back to."""
        index, live, trained = shelf.index, self._tasting.model, self._trained.model
        taste, fallback = person.taste, person.fallback
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

    def _shown(
        self,
        slots: list[Slot],
        ranking: Ranking,
        person: _Person,
        index: CatalogIndex,
        similar_to: str | None,
    ) -> list[ShownItem]:
        found = []
        for position, slot in enumerate(slots):
            item = shown_item(index.items[slot.row], position, slot)
            why = reasons(ranking, slot.row, person.taste, index)
            if similar_to is not None:
                why = [each.replace(_VIEWED, _GOES_WITH) for each in why]
            found.append(msgspec.structs.replace(item, reasons=why))
        return found

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
    return replace(taste, recents=(recent,), regrets=(), hidden={}, carried=None)


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
