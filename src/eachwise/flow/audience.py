"""For whom an item matters: everyone is looked at, the most promising are scored in full, and all are accounted for.

The first look (``flow.crowd``) runs over all stored states in pages on the executor: memory is bounded by whom it
keeps. Who it keeps is scored by ``rank`` itself, restricted to the item: audiences and people's own lists agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from concurrent.futures import Executor
from dataclasses import replace
from typing import get_args

import msgspec
import numpy as np

from eachwise.contracts.arrays import Ints
from eachwise.contracts.audience import (
    MEMBERS_MAX,
    Audience,
    AudienceRequest,
    Member,
    Occasion,
)
from eachwise.contracts.catalog import Repeats
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.individual import Individual, Recent
from eachwise.contracts.ports import Clock, Store
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.crowd import AT_FIRST_LOOK, BELOW, CONFLICT, OUTRANKED, Question, Sieve
from eachwise.flow.drive import Flow, idle
from eachwise.flow.engaged import Met, met
from eachwise.flow.ingest import Ingest
from eachwise.flow.lens import Lens
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import Trained
from eachwise.individual import ENGAGED
from eachwise.maths.decay import MICROSECONDS
from eachwise.recommend import (
    ACTION_WEIGHTS,
    PURCHASE,
    PersonTaste,
    rank,
    top,
)
from eachwise.recommend.repetition import spent
from eachwise.settings import Settings

# States that are read at a time: some twenty milliseconds' work, so that others' work on the executor comes between.
PAGE_PEOPLE = 500
# Of those who are scored in full, at a time.
SLICE_PEOPLE = 50
# So many are scored in full: for each member asked ten, and never less.
DEPTH, SCORED_MIN = 10, 2_000
# Items that are asked what they say of the item: all of a catalogue up to this size.
SAYING_MAX = 2_000
# What says less than this, in log units, says nothing.
_PULL_MIN = 0.01
# An engagement so long ago was in an earlier visit.
EARLIER_US = 86_400 * MICROSECONDS
_VIEWED, _ADDED = frozenset({"view", "click"}), "add"
_decode = msgspec.msgpack.Decoder(Individual).decode


class Audiences:
    """Answers "for whom does this item matter?"."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        ingest: Ingest,
        catalogue: Catalogue,
        tasting: Tasting,
        trained: Trained,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._ingest = ingest
        self._catalogue = catalogue
        self._tasting = tasting
        self._trained = trained
        self._executor = executor

    def find(
        self, request: AudienceRequest, between: Callable[[], Flow[None]] = idle
    ) -> Flow[Audience]:
        """The individuals for whom an item matters, best first, as of now; ``between`` is called after each page.

        Raises ``InvalidInput`` naming the field at fault, ``NotFound`` for an item that the catalogue does not have.
        """
        _check(request)
        self._catalogue.item(request.item_id)
        # What is in memory only would not be met.
        yield from self._ingest.checkpoint()
        lens = self._lens(self._catalogue.shelf.index.row_of[request.item_id])
        lens, question = yield self._executor.submit(_prepared, lens, request)
        sieve = Sieve(question)
        after: int | None = 0
        while after is not None:
            after = yield self._executor.submit(self._look, sieve, after)
            yield from between()
        members: list[Member] = []
        kept = sieve.kept()
        at_first_look = {reason: sieve.left_out[reason] for reason in AT_FIRST_LOOK}
        for start in range(0, len(kept), SLICE_PEOPLE):
            some = kept[start : start + SLICE_PEOPLE]
            members += yield self._executor.submit(self._score, some, lens, sieve)
            yield from between()
        left_out = dict(sieve.left_out)
        enough = [one for one in members if one.score >= request.min_score]
        enough.sort(key=lambda one: (-one.score, one.individual_id))
        best = enough[: request.limit]
        left_out[BELOW] += len(members) - len(enough)
        left_out[OUTRANKED] += len(enough) - len(best)
        explained: list[Member] = []
        for start in range(0, len(best), SLICE_PEOPLE):
            part = best[start : start + SLICE_PEOPLE]
            explained += yield self._executor.submit(self._explain, part, lens)
        return Audience(
            item_id=request.item_id,
            reason=request.reason,
            considered=sieve.considered,
            scored=len(members),
            members=explained,
            left_out=left_out,
            at_first_look=at_first_look,
        )

    def engaged(self, item_ids: Set[str], after: int) -> Flow[tuple[list[Met], int | None]]:
        """Of the next page of everyone after a number, who engaged with any of some items and with which.

        Returns the number to go on after, too; None at the end. Nothing is scored: it takes one scan for all items.
        """
        if not after:
            # What is in memory only would not be met.
            yield from self._ingest.checkpoint()
        found: tuple[list[Met], int | None] = yield self._executor.submit(
            self._meet, item_ids, self._lens(0), after
        )
        return found

    def _meet(self, item_ids: Set[str], lens: Lens, after: int) -> tuple[list[Met], int | None]:
        page = self._store.individuals(after, PAGE_PEOPLE)
        found = [one for stored in page if (one := met(stored, item_ids, lens)) is not None]
        return found, page[-1].number if len(page) == PAGE_PEOPLE else None

    def _lens(self, row: int) -> Lens:
        """An item as of now."""
        shelf = self._catalogue.shelf
        return Lens(
            only=np.array([row]),
            shelf=shelf,
            expected=shelf.expected(self._tasting.model),
            taste=self._tasting.model,
            trained=self._trained.model,
            settings=self._settings,
            now_us=self._clock.now_us(),
        )

    def _look(self, sieve: Sieve, after: int) -> int | None:
        """Take the next page in; the number to go on after, None at the end."""
        page = self._store.individuals(after, PAGE_PEOPLE)
        sieve.take(page)
        return page[-1].number if len(page) == PAGE_PEOPLE else None

    def _score(self, individual_ids: list[str], lens: Lens, sieve: Sieve) -> list[Member]:
        """Score these in full; who is no longer there is no longer counted."""
        found = []
        for individual_id in individual_ids:
            stored = self._store.individual(individual_id)
            if stored is None:
                sieve.considered -= 1
                continue
            state = _decode(stored)
            person = lens.person(state)
            # The first look tells a conflict by each value alone; here by all that is known of the person.
            if lens.conflicts(person):
                sieve.left_out[CONFLICT] += 1
                continue
            met = {
                recent.action
                for recent in state.recents
                if recent.item_id == lens.index.item_ids[lens.row]
            }
            found.append(
                Member(
                    individual_id=individual_id,
                    score=lens.score(person),
                    viewed=not met.isdisjoint(_VIEWED),
                    added=_ADDED in met,
                    bought=PURCHASE in met,
                )
            )
        return found

    def _explain(self, members: list[Member], lens: Lens) -> list[Member]:
        """The same members, with why."""
        found = []
        for one in members:
            stored = self._store.individual(one.individual_id)
            state = Individual() if stored is None else _decode(stored)
            why = lens.reasons(lens.person(state))
            found.append(msgspec.structs.replace(one, reasons=why))
        return found


def _prepared(lens: Lens, request: AudienceRequest) -> tuple[Lens, Question]:
    """What the first look asks: everything that depends on the item and not on the person."""
    index = lens.index
    nobody = lens.person(Individual())
    lens = replace(lens, nobody=lens.score(nobody))
    columns = index.indices[index.indptr[lens.row] : index.indptr[lens.row + 1]]
    asks = None
    if request.purpose is not None:
        asks = (request.purpose, request.channel or "web")
    question = Question(
        item_id=request.item_id,
        values=tuple(index.values[column] for column in columns.tolist()),
        expected=lens.expected[columns],
        pulls=_pulls(lens, nobody),
        taste_weight=_taste_weight(lens, nobody, columns),
        asks=asks,
        barred=_barring(lens, nobody, request.repeats),
        kept_max=max(SCORED_MIN, DEPTH * request.limit),
        action_weights={**ACTION_WEIGHTS, **lens.settings.recommend.action_weights},
        now_us=lens.now_us,
        settings=lens.settings,
    )
    return lens, question


def _barring(lens: Lens, nobody: PersonTaste, repeats: Repeats) -> frozenset[str]:
    """After which actions the item is not for a person any more."""
    if repeats == "allowed":
        return frozenset()
    if repeats == "never":
        return frozenset({PURCHASE})
    item_id, earlier_us = lens.index.item_ids[lens.row], lens.now_us - EARLIER_US
    found = set()
    for action in ENGAGED:
        recent = Recent(earlier_us, 0, item_id, str(action))
        mask = spent(replace(nobody, recents=(recent,)), lens.trained, lens.index)
        if mask is not None and mask[lens.row]:
            found.add(str(action))
    return frozenset(found)


def _pulls(lens: Lens, nobody: PersonTaste) -> Mapping[str, float]:
    """What each item says of this one when it is all that is known of someone: those that say something for it."""
    found = {}
    for row in _saying(lens, nobody).tolist():
        item_id = lens.index.item_ids[row]
        recent = Recent(lens.now_us, 0, item_id, "view")
        pull = lens.score(replace(nobody, recents=(recent,)))
        if pull > _PULL_MIN:
            found[item_id] = pull
    return found


def _saying(lens: Lens, nobody: PersonTaste) -> Ints:
    """The items worth asking: those from which people went on to this one, those it leads to, those like it."""
    index, live = lens.index, lens.taste
    count = len(index.items)
    if count <= SAYING_MAX:
        return np.arange(count)
    itself = Recent(lens.now_us, 0, index.item_ids[lens.row], "view")
    ranking = rank(
        replace(nobody, recents=(itself,)),
        live,
        index,
        lens.settings.recommend,
        lens.trained,
    )
    marked = np.zeros(count, dtype=np.bool_)
    marked[lens.row] = True
    marked[top(ranking, np.ones(count, dtype=np.bool_), SAYING_MAX // 2)] = True
    own = live.row_of.get(index.item_ids[lens.row], -1)
    entries = np.flatnonzero(live.indices == own)
    entries = entries[np.argsort(-live.weights[entries], kind="stable")[: SAYING_MAX // 2]]
    origins = np.searchsorted(live.indptr, entries, side="right") - 1
    rows = [index.row_of.get(live.item_ids[origin], -1) for origin in origins.tolist()]
    marked[[row for row in rows if row >= 0]] = True
    return np.flatnonzero(marked)


def _taste_weight(lens: Lens, nobody: PersonTaste, columns: Ints) -> float:
    """What a log-odds of taste for one of the item's values adds to its score; 0 for an item without any."""
    if not len(columns):
        return 0.0
    general, certain = np.zeros(len(lens.index.values)), nobody.affinity.general_sd.copy()
    general[columns[0]], certain[columns[0]] = 1.0, 0.0
    liking = replace(nobody.affinity, general=general, general_sd=certain)
    return max(0.0, lens.score(replace(nobody, affinity=liking)))


def _check(request: AudienceRequest) -> None:
    if not 1 <= request.limit <= MEMBERS_MAX:
        raise InvalidInput(f"limit: must be from 1 to {MEMBERS_MAX}", field="limit")
    if not np.isfinite(request.min_score):
        raise InvalidInput("min_score: must be a finite number", field="min_score")
    for field, kinds in (("reason", Occasion), ("repeats", Repeats)):
        if getattr(request, field) not in get_args(kinds):
            words = ", ".join(get_args(kinds))
            raise InvalidInput(f"{field}: must be one of {words}", field=field)
    if request.channel is not None and request.purpose is None:
        raise InvalidInput(
            "purpose: name it too, consent to a channel is given for a purpose", field="purpose"
        )
