"""Decisions out: decide the placements of a page, log the records, then answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

import msgspec

from eachwise.contracts.decision import (
    Decided,
    DecideRequest,
    DecideResponse,
    DecisionRecord,
    Replay,
)
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Clock, Commit, Store
from eachwise.flow.asked import asked_as, check_decide, in_order, individual_of
from eachwise.flow.awaited import people_of
from eachwise.flow.budgets import Budgets
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.learn import Learning
from eachwise.flow.lifetime import Lifetime
from eachwise.flow.pages import Pages
from eachwise.flow.people import People
from eachwise.flow.plans import SETTINGS, Plans
from eachwise.flow.preparing import History
from eachwise.flow.replay import Replaying
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import Trained
from eachwise.identity import Directory
from eachwise.settings import Settings

_encode = msgspec.msgpack.Encoder().encode
# Requests answered with nothing new whose repetition is answered alike: some minutes' worth, for answers that got lost.
_KEPT_MAX = 10_000


class Deciding:
    """Answers "what now, for this person?", and answers it again from the record."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        people: People,
        directory: Directory,
        catalogue: Catalogue,
        tasting: Tasting,
        learning: Learning,
        trained: Trained,
        history: History,
        budgets: Budgets,
        lifetime: Lifetime,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._people = people
        self._directory = directory
        self._catalogue = catalogue
        self._learning = learning
        self._budgets = budgets
        self._used: set[tuple[str, int]] = set()
        # By person and request id: the decisions, all made before, that a request was answered with.
        self._kept: OrderedDict[tuple[str, str], list[str]] = OrderedDict()
        # By person and request id: done once what is decided for a request is written, or could not be.
        self._under_way: dict[tuple[str, str | None], Future[None]] = {}
        # Told of decisions that were answered and not made just now: messages that waited are taken up.
        self.picked: Callable[[str, list[DecisionRecord]], Flow[int]] | None = None
        plans = Plans()
        self.pages = Pages(
            store=store,
            clock=clock,
            settings=settings,
            people=people,
            catalogue=catalogue,
            tasting=tasting,
            learning=learning,
            trained=trained,
            history=history,
            budgets=budgets,
            lifetime=lifetime,
            plans=plans,
            directory=directory,
        )
        self.replaying = Replaying(
            store=store,
            catalogue=catalogue,
            tasting=tasting,
            learning=learning,
            trained=trained,
            plans=plans,
        )

    def restore(self) -> Flow[None]:
        """Publish the settings if they changed, and hold again the places that unconfirmed decisions reserved."""
        body = _encode(self._settings)
        newest = self._store.model(SETTINGS)
        self.pages.settings_version = newest.version if newest else 0
        if newest is None or newest.body != body:
            self.pages.settings_version += 1
            version = ModelVersion(
                model=SETTINGS,
                version=self.pages.settings_version,
                base=0,
                created_at_us=self._clock.now_us(),
                body=body,
            )
            yield self._store.commit(Commit(models=[version]))
        now_us = self._clock.now_us()
        for record, exposed in self._learning.open_decisions():
            if not exposed:
                # Whoever merged since took its held places along.
                person = self.pages.person_of(record)
                self.pages.reserve(msgspec.structs.replace(record, individual_id=person), now_us)

    def decide(self, request: DecideRequest) -> Flow[DecideResponse]:
        """Decide for every placement asked; the answer is given once its records are durable.

        Raises ``InvalidInput`` for a request without identity or placements, or whose ``request_id`` was used for
        other placements; ``NotFound`` for an unknown placement.
        """
        check_decide(request)
        individual_id = individual_of(request, self._directory, self._clock.now_us())
        while (under_way := self._under_way.get((individual_id, request.request_id))) is not None:
            yield under_way
        records, new = self._answered(request, individual_id), list[DecisionRecord]()
        if not records:
            for placement_id in request.placements:
                self._catalogue.offers.placement(placement_id)
            records, new = self.pages.decide(request, individual_id)
            if not new:
                self._keep(request, individual_id, records)
        if new:
            yield from self._once(request, individual_id, new)
        if self.picked is not None and len(new) < len(records):
            yield from self.picked(individual_id, records)
        return DecideResponse(
            individual_id=individual_id, decisions=[self.answer(record) for record in records]
        )

    def _answered(self, request: DecideRequest, individual_id: str) -> list[DecisionRecord]:
        """What the request of this id was answered with before, in the order it asks now; nothing where it is new."""
        if request.request_id is None:
            return []
        made = [
            record
            for name in sorted({individual_id, *asked_as(request)})
            for record in self._store.decisions_of_request(name, request.request_id)
            if self.pages.person_of(record) == individual_id
        ]
        beside = made[0].beside if made else self._kept.get((individual_id, request.request_id), [])
        kept = [record for each in beside if (record := self._store.decision(each)) is not None]
        return in_order(request, [*made, *kept]) if made or kept else []

    def _keep(
        self, request: DecideRequest, individual_id: str, records: list[DecisionRecord]
    ) -> None:
        """Remember what a request was answered with where no record of its own says so."""
        if request.request_id is not None:
            self._kept[individual_id, request.request_id] = [each.decision_id for each in records]
            if len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)

    def _once(
        self, request: DecideRequest, individual_id: str, new: list[DecisionRecord]
    ) -> Flow[None]:
        """Log what a request was decided; whoever repeats it meanwhile waits for that."""
        if request.request_id is None:
            yield from self.log(new)
            return
        key = (individual_id, request.request_id)
        done = self._under_way[key] = Future()
        # It is running: whoever waits for it, and gives up, does not cancel it for the others.
        done.set_running_or_notify_cancel()
        try:
            yield from self.log(new)
        finally:
            del self._under_way[key]
            done.set_result(None)

    def log(self, records: list[DecisionRecord], with_: Commit | None = None) -> Flow[None]:
        """Make the records durable, in one transaction with what else ``with_`` holds, and wait for their outcomes;
        without that their places are free again."""
        people = [people_of(record, self._people.find(record.individual_id)) for record in records]
        commit = with_ if with_ is not None else Commit()
        commit.decisions = [*commit.decisions, *records]
        commit.model_uses = [*commit.model_uses, *self._new_uses(records)]
        commit.statistics = {**commit.statistics, **self._budgets.decided(records)}
        try:
            yield self._store.commit(commit)
        except Exception:
            self.pages.undo(records)
            raise
        for record, known in zip(records, people, strict=True):
            self._used.update(record.inputs.models.items())
            self._learning.expect(record, known)
            self.pages.explorations.note(record)
            self.pages.visits.note(record)

    def _new_uses(self, records: list[DecisionRecord]) -> list[tuple[str, int]]:
        """Model versions that a durable decision refers to for the first time: the store must keep them."""
        uses = {use for record in records for use in record.inputs.models.items()}
        return sorted(use for use in uses - self._used if use[1] > 0)

    def answer(self, record: DecisionRecord) -> Decided:
        """What the caller is told: the record's choice, dressed with what the definitions and catalogue say of it."""
        offers = self._catalogue.offers_at(record.inputs.definitions_version)
        experience = offers.definitions.experiences.get(record.experience_id)
        return Decided(
            decision_id=record.decision_id,
            placement_id=record.inputs.placement_id,
            experience_id=record.experience_id,
            probability=record.probability,
            title=experience.title if experience else "",
            kind=experience.kind if experience else SILENCE,
            content=experience.content if experience else {},
            items=[self._catalogue.dress(item) for item in record.items],
            reasons=record.reasons,
        )

    def replay(self, record: DecisionRecord) -> Replay:
        """Recompute a decision from its record alone. Raises ``CannotReplay`` when an input is no longer kept."""
        return self.replaying.replay(record)
