"""The engine's core: every flow, wired to one store, one clock and one set of settings.

Each method is a flow (a generator; see ``flow.drive``) or a plain read. One thread at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from eachwise.contracts.catalog import CatalogReceipt, Item
from eachwise.contracts.decision import (
    DecideRequest,
    DecideResponse,
    DecisionRecord,
    Explanation,
    Replay,
)
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.events import UNMERGED, BatchResult, Event, Rejection, StoredRejection
from eachwise.contracts.experience import Definitions
from eachwise.contracts.individual import Individual, Profile
from eachwise.contracts.ports import Clock, ImportKind, ImportProgress, Store
from eachwise.contracts.search import SearchIndex
from eachwise.contracts.training import ModelView
from eachwise.decide import Situation
from eachwise.events import check_names, parse_batch
from eachwise.flow.audience import Audiences
from eachwise.flow.batch import Batching
from eachwise.flow.decide import Deciding
from eachwise.flow.delivery import Delivery, Outward
from eachwise.flow.disown import NotMe, not_me_event
from eachwise.flow.drive import Flow
from eachwise.flow.imports import Importing
from eachwise.flow.policies import Estimating
from eachwise.flow.programme import Programme
from eachwise.flow.read import Reading
from eachwise.flow.recommend import Recommending
from eachwise.flow.search import Searching
from eachwise.flow.state import State
from eachwise.flow.trained import only_trained
from eachwise.flow.training import Extracting
from eachwise.flow.upkeep import Upkeep
from eachwise.flow.why import Asking
from eachwise.identity import is_typed
from eachwise.learn import MODEL as PROPENSITY
from eachwise.maths.hashing import stable_hash
from eachwise.recommend import check_actions
from eachwise.settings import Settings


class Core:
    """Builds the flows over one store. ``open`` must be driven once before anything else."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        executor: Executor,
        search_index: SearchIndex,
        outward: Outward | None = None,
    ) -> None:
        check_names(settings.events)
        check_actions(settings.recommend.action_weights)
        self._store = store
        self._clock = clock
        self._executor = executor
        self.settings = settings
        state = self._state = State(store=store, clock=clock, settings=settings, executor=executor)
        self.people = state.people
        self.catalogue = state.catalogue
        self.trained = state.trained
        self._directory = state.directory
        self._tasting = state.tasting
        self._learning = state.learning
        self.budgets = state.budgets
        self.lifetime = state.lifetime
        self.relations = state.relations
        self.consents = state.consents
        self._searches = state.searches
        self._ingest = state.ingest
        self._importing = Importing(
            store=store,
            clock=clock,
            settings=settings,
            ingest=self._ingest,
            catalogue=self.catalogue,
            learning=self._learning,
            executor=executor,
        )
        self._wire_deciding()
        self._wire_taste(search_index)
        self.asking = Asking(
            store=store,
            people=self.people,
            directory=self._directory,
            catalogue=self.catalogue,
            reading=self._reading,
            replaying=self.deciding.replaying,
            executor=self._executor,
        )
        self._wire_delivery(outward or Outward())
        self._unnamed = 0

    def _wire_delivery(self, outward: Outward) -> None:
        """Build what goes on over time, and what reaches people."""
        self.programme = Programme(
            store=self._store,
            clock=self._clock,
            settings=self.settings,
            state=self._state,
            deciding=self.deciding,
            audiences=self.audiences,
            executor=self._executor,
        )
        self.delivery = Delivery(
            store=self._store,
            clock=self._clock,
            settings=self.settings,
            state=self._state,
            deciding=self.deciding,
            recommending=self.recommending,
            reading=self._reading,
            outward=outward,
        )
        self.programme.orchestrating.posted = self.delivery.expect
        self._upkeep = Upkeep(
            store=self._store,
            clock=self._clock,
            settings=self.settings,
            state=self._state,
            programme=self.programme,
            delivery=self.delivery,
            executor=self._executor,
        )

    def _wire_deciding(self) -> None:
        """Build the flows that decide, and measure; like those by taste, they keep nothing of their own."""
        store, clock, settings = self._store, self._clock, self.settings
        self.extracting = Extracting(
            store=store,
            settings=settings,
            directory=self._directory,
            ingest=self._ingest,
            executor=self._executor,
        )
        self.deciding = Deciding(
            store=store,
            clock=clock,
            settings=settings,
            people=self.people,
            directory=self._directory,
            catalogue=self.catalogue,
            tasting=self._tasting,
            learning=self._learning,
            trained=self.trained,
            history=self._ingest.contacts_between,
            budgets=self.budgets,
            lifetime=self.lifetime,
        )
        self.batching = Batching(
            store=store,
            clock=clock,
            people=self.people,
            catalogue=self.catalogue,
            budgets=self.budgets,
            deciding=self.deciding,
            executor=self._executor,
        )
        self.estimating = Estimating(
            store=store,
            clock=clock,
            settings=settings,
            directory=self._directory,
            catalogue=self.catalogue,
            replaying=self.deciding.replaying,
            executor=self._executor,
        )

    def _wire_taste(self, search_index: SearchIndex) -> None:
        """Build those that answer by taste."""
        store, clock, settings = self._store, self._clock, self.settings
        self.recommending = Recommending(
            clock=clock,
            settings=settings,
            people=self.people,
            directory=self._directory,
            catalogue=self.catalogue,
            tasting=self._tasting,
            trained=self.trained,
        )
        self.audiences = Audiences(
            store=store,
            clock=clock,
            settings=settings,
            ingest=self._ingest,
            catalogue=self.catalogue,
            tasting=self._tasting,
            trained=self.trained,
            executor=self._executor,
        )
        self.searching = Searching(
            clock=clock,
            settings=settings,
            people=self.people,
            directory=self._directory,
            catalogue=self.catalogue,
            tasting=self._tasting,
            trained=self.trained,
            searches=self._searches,
            index=search_index,
        )
        self._reading = Reading(
            store=store,
            clock=clock,
            settings=settings,
            people=self.people,
            directory=self._directory,
            tasting=self._tasting,
            catalogue=self.catalogue,
        )

    def open(self) -> Flow[int]:
        """Catch up with the log after a stop of any kind; returns how many events were folded again."""
        self._learning.restore()
        recovered = yield from self._ingest.recover()
        yield from self.deciding.restore()
        yield from self.delivery.restore()
        return recovered

    def now_us(self) -> int:
        """The clock's microseconds since 1970."""
        return self._clock.now_us()

    # -- events --------------------------------------------------------------------------------------------

    def ingest(
        self, events: Sequence[Event], rejections: Sequence[Rejection] = (), source: str = "api"
    ) -> Flow[BatchResult]:
        """Take parsed events and keep the rejected ones; see ``flow.ingest``."""
        return self._ingest.ingest(events, rejections, source=source)

    def ingest_raw(self, batch: Sequence[object], source: str = "api") -> Flow[BatchResult]:
        """Take raw events in Segment's shape, as they would come in a batch."""
        now_us = self._clock.now_us()
        parsed = parse_batch(
            {"batch": list(batch)},
            received_at_us=now_us,
            settings=self.settings,
            new_id=self.new_id,
        )
        return self._ingest.ingest(parsed.events, parsed.rejections, source=source)

    def new_id(self) -> str:
        """A message id for an event that came without one: unique within this store."""
        self._unnamed += 1
        return (
            f"eachwise-{self._clock.now_us():x}-{self._ingest.applied_sequence:x}-{self._unnamed:x}"
        )

    def unmerge(self, left: str, right: str) -> Flow[dict[str, str]]:
        """Declare two identifiers to be two people, for good; both are refolded from the log.

        Raises ``InvalidInput`` where one is not typed, or where nothing links them: then nothing is logged.
        """
        for field, value in (("left", left), ("right", right)):
            if not is_typed(value):
                raise InvalidInput(
                    f"{field}: {value!r} must be typed, like user:42 or anon:abc", field=field
                )
        if not self._directory.linked(left, right):
            raise InvalidInput(f"left: {left!r} and {right!r} are two people already", field="left")
        now_us = self._clock.now_us()
        event = Event(
            message_id=f"unmerge-{stable_hash(left, right, now_us):x}",
            kind="track",
            name=UNMERGED,
            occurred_at_us=now_us,
            received_at_us=now_us,
            properties={"left": left, "right": right},
        )
        yield from self._ingest.ingest([event])
        return {side: self._directory.resolve(side) for side in (left, right)}

    def not_me(self, individual_id: str, which: NotMe) -> Flow[Profile]:
        """Take events that were somebody else's out of a person's taste; see ``flow.disown``."""
        resolved = self._reading.resolve(individual_id)
        state = self.people.find(resolved) or Individual()
        event = not_me_event(resolved, state, self._directory, which, self._clock.now_us())
        yield from self._ingest.ingest([event])
        return self._reading.profile(resolved)

    def import_rows(
        self,
        digest: str,
        source: str,
        first_row: int,
        rows: Sequence[bytes],
        finished: bool,
        kind: ImportKind = "events",
    ) -> Flow[ImportProgress]:
        """Take consecutive rows of a JSON Lines file; see ``flow.imports``."""
        return self._importing.take(digest, source, first_row, rows, finished, kind)

    def import_progress(self, digest: str) -> ImportProgress:
        """How far a file has been taken."""
        return self._importing.progress(digest)

    def rejections(self, after: int = 0, limit: int = 100) -> list[StoredRejection]:
        """Rejected events in order of receipt."""
        return self._store.rejections(after, limit)

    # -- catalogue and definitions -------------------------------------------------------------------------

    def put_items(self, body: bytes) -> Flow[CatalogReceipt]:
        """Take items as JSON Lines or a JSON list."""
        return self.catalogue.put_items(body)

    def remove_items(self, item_ids: Sequence[str]) -> Flow[CatalogReceipt]:
        """Take items out."""
        return self.catalogue.remove_items(item_ids)

    def item(self, item_id: str) -> Item:
        """One item."""
        return self.catalogue.item(item_id)

    def put_experiences(self, raw: object) -> Flow[Definitions]:
        """Replace all experiences."""
        return self.catalogue.put_experiences(raw)

    def put_placements(self, raw: object) -> Flow[Definitions]:
        """Replace all placements."""
        return self.catalogue.put_placements(raw)

    def put_definitions(self, definitions: Definitions) -> Flow[Definitions]:
        """Replace placements and experiences together, as one version."""
        return self.catalogue.put_definitions(definitions)

    def definitions(self) -> Definitions:
        """The experiences and placements in use."""
        return self.catalogue.offers.definitions

    # -- decisions and people ------------------------------------------------------------------------------

    def decide(self, request: DecideRequest) -> Flow[DecideResponse]:
        """The next best experience for one individual, for each placement asked."""
        return self.deciding.decide(request)

    def replay(self, decision_id: str) -> Replay:
        """Recompute a decision from its record."""
        return self.deciding.replay(self._reading.decision(decision_id))

    def decision(self, decision_id: str) -> DecisionRecord:
        """A decision's record."""
        return self._reading.decision(decision_id)

    def situation(self, decision_id: str) -> Situation:
        """What a decision was made from, with the versions that its record names."""
        return self.deciding.replaying.situation(self._reading.decision(decision_id).inputs)

    def explain(self, decision_id: str) -> Explanation:
        """A decision in words."""
        return self._reading.explain(decision_id)

    def profile(self, individual_id: str) -> Profile:
        """An individual in words and figures."""
        return self._reading.profile(individual_id)

    # -- housekeeping --------------------------------------------------------------------------------------

    def tick(self) -> Flow[None]:
        """What is due by now; see ``flow.upkeep``."""
        return self._upkeep.tick()

    def checkpoint(self) -> Flow[None]:
        """Write what is in memory: states, identities, statistics and models, so that the next start is short."""
        return self._upkeep.checkpoint()

    def rollback(self, name: str, to: int) -> Flow[ModelView]:
        """Publish an older version of ``trained`` or ``propensity`` once more, as the newest; 0: nothing learnt.

        Raises ``InvalidInput`` for another model, ``NotFound`` where that version is not kept.
        """
        if name == PROPENSITY:
            if to < 0:
                raise InvalidInput("to: must be a version, or 0 for nothing learnt", field="to")
            sequence = self._ingest.applied_sequence
            version = yield from self._learning.rollback(to, sequence)
            return self.trained.view(PROPENSITY, version)
        only_trained(name)
        return (yield from self.trained.rollback(to))

    def status(self) -> dict[str, Any]:
        """Counts and versions, for health pages and operators."""
        return self._state.status()
