"""Why did this (not) show? A person's decisions, newest first, and what became of one experience in each."""

from __future__ import annotations

from concurrent.futures import Executor
from heapq import merge
from itertools import islice

from eachwise.contracts.decision import (
    DecisionPage,
    DecisionRecord,
    DecisionView,
    PersonalExplanation,
    Standing,
)
from eachwise.contracts.errors import CannotReplay, InvalidInput, NotFound
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.ports import Store
from eachwise.decide import (
    Public,
    Situation,
    decide_safely,
    personal,
    standing_elsewhere,
    standing_of,
    standing_recorded,
)
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.people import People
from eachwise.flow.read import Reading, state_of
from eachwise.flow.replay import Replaying
from eachwise.identity import Directory
from eachwise.maths.times import iso

LIMIT_DEFAULT = 10
LIMIT_MAX = 100
_PAGE = 100
# Of decisions for other placements, so many are looked through for one answer; the next one goes on.
_LOOKED_AT_MAX = 2_000
_KINDS = ("user", "anon", "email", "device")


class Asking:
    """Reads the log of decisions, and makes a decision again where its record does not say enough."""

    def __init__(
        self,
        *,
        store: Store,
        people: People,
        directory: Directory,
        catalogue: Catalogue,
        reading: Reading,
        replaying: Replaying,
        executor: Executor,
    ) -> None:
        self._store = store
        self._people = people
        self._directory = directory
        self._catalogue = catalogue
        self._reading = reading
        self._replaying = replaying
        self._executor = executor

    def why(
        self,
        individual_id: str,
        experience_id: str | None = None,
        *,
        placement_id: str | None = None,
        limit: int = LIMIT_DEFAULT,
        before: str | None = None,
    ) -> Flow[DecisionPage]:
        """A person's newest decisions; with an experience, what became of it in each and what it would have needed.

        ``placement_id`` keeps those for one placement; ``before`` is a decision: only older ones. Decisions that were
        made for the person under another id, before the ids were known to be one person's, are among them.
        Raises ``NotFound`` for an individual of whom nothing is known, ``InvalidInput`` for a wrong limit or decision.
        """
        if not 1 <= limit <= LIMIT_MAX:
            raise InvalidInput(f"limit: must be from 1 to {LIMIT_MAX}", field="limit")
        if before is not None and self._store.decision(before) is None:
            raise InvalidInput(f"before: there is no decision {before!r}", field="before")
        person = self._person(individual_id)
        records, older = self._records(self._names(person), placement_id, limit, before)
        views = []
        for record in records:
            asked = None
            if experience_id is not None:
                asked = yield from self._standing(record, experience_id)
            views.append(_view(record, asked))
        return DecisionPage(individual_id=person, decisions=views, before=older)

    def personal(self, decision_id: str) -> PersonalExplanation:
        """A decision in words for the person whom it was made for. Raises ``NotFound``."""
        record = self._reading.decision(decision_id)
        state = state_of(record)
        try:
            offers = self._catalogue.offers_at(record.inputs.definitions_version)
        except CannotReplay:
            offers = self._catalogue.offers
        experience = offers.definitions.experiences.get(record.experience_id)
        placement = offers.definitions.placements.get(record.inputs.placement_id)
        index = self._catalogue.shelf.index
        public = Public(
            title=experience.title if experience else "",
            placement=placement.title if placement else "",
            titles={
                each.item_id: index.items[index.row_of[each.item_id]].title
                for each in state.recents
                if each.item_id in index.row_of
            },
            values_of=self._reading.values_at(record),
        )
        return personal(record, state, public)

    def _person(self, individual_id: str) -> str:
        """Who is meant: typed, or as it was sent. Someone who was only ever decided for is known too."""
        candidates = [individual_id] if ":" in individual_id else []
        candidates += [f"{kind}:{individual_id}" for kind in _KINDS]
        resolved = [self._directory.resolve(each) for each in candidates]
        for each in resolved:
            if self._people.find(each) is not None:
                return each
        for each in resolved:
            if self._store.decisions_of(each, 1):
                return each
        raise NotFound(
            f"no individual {individual_id!r}; ids look like user:42, anon:abc or email:a@b.example"
        )

    def _names(self, person: str) -> list[str]:
        """The ids under which decisions may have been made for a person."""
        state = self._people.find(person)
        known = set() if state is None else set(state.identifiers)
        for part in self._directory.parts(person):
            known |= {part.left, part.right}
        same = {each for each in known if self._directory.resolve(each) == person}
        return sorted(same | {person})

    def _records(
        self, names: list[str], placement_id: str | None, limit: int, before: str | None
    ) -> tuple[list[DecisionRecord], str | None]:
        """The newest records of a placement (None: of any), and after which decision to go on."""
        found: list[DecisionRecord] = []
        for _ in range(_LOOKED_AT_MAX // _PAGE):
            lists = [self._store.decisions_of(name, _PAGE, before) for name in names]
            newest = merge(*lists, key=lambda record: -record.inputs.now_us)
            page = list(islice(newest, _PAGE))
            if not page:
                return found, None
            for record in page:
                if placement_id is not None and record.inputs.placement_id != placement_id:
                    continue
                if len(found) == limit:
                    return found, found[-1].decision_id
                found.append(record)
            before = page[-1].decision_id
        return found, before

    def _standing(self, record: DecisionRecord, experience_id: str) -> Flow[Standing]:
        """What became of an experience, with the versions that the decision was made with where they are kept."""
        inputs = record.inputs
        try:
            offers = self._catalogue.offers_at(inputs.definitions_version)
            experience = offers.definitions.experiences.get(experience_id)
            if experience_id != SILENCE and (
                experience is None or inputs.placement_id not in experience.placements
            ):
                where = None if experience is None else experience.placements
                return standing_elsewhere(record, experience_id, where)
            situation = self._replaying.situation(inputs)
        except CannotReplay as error:
            return standing_recorded(record, experience_id, error.message)
        # Some tens of decisions: not between two requests.
        found: Standing = yield self._executor.submit(_stood, situation, record, experience_id)
        return found


def _stood(situation: Situation, record: DecisionRecord, experience_id: str) -> Standing:
    return standing_of(situation, decide_safely(situation), record, experience_id)


def _view(record: DecisionRecord, asked: Standing | None) -> DecisionView:
    return DecisionView(
        decision_id=record.decision_id,
        at=iso(record.inputs.now_us),
        placement_id=record.inputs.placement_id,
        experience_id=record.experience_id,
        probability=record.probability,
        candidates=record.candidates,
        filters=record.filters,
        reasons=record.reasons,
        explored=record.explored,
        failed=record.failed,
        asked=asked,
    )
