"""Decisions out: decide the placements of a page, log the records, then answer."""

from __future__ import annotations

from collections.abc import Callable

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
from eachwise.flow.asked import check_decide, in_order, individual_of
from eachwise.flow.budgets import Budgets
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.learn import Learning, people_of
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
                self.pages.reserve(record, now_us)

    def decide(self, request: DecideRequest) -> Flow[DecideResponse]:
        """Decide for every placement asked; the answer is given once its records are durable.

        Raises ``InvalidInput`` for a request without identity or placements, or whose ``request_id`` was used for
        other placements; ``NotFound`` for an unknown placement.
        """
        check_decide(request)
        individual_id = individual_of(request, self._directory, self._clock.now_us())
        if request.request_id is not None:
            made = self._store.decisions_of_request(individual_id, request.request_id)
            if made:
                again = [self.answer(record) for record in in_order(request, made)]
                return DecideResponse(individual_id=individual_id, decisions=again)
        for placement_id in request.placements:
            self._catalogue.offers.placement(placement_id)
        records, new = self.pages.decide(request, individual_id)
        if new:
            yield from self.log(new)
        if self.picked is not None and len(new) < len(records):
            yield from self.picked(individual_id, records)
        return DecideResponse(
            individual_id=individual_id, decisions=[self.answer(record) for record in records]
        )

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
            for record in records:
                self._people.release(record.individual_id, record.decision_id)
            self._budgets.refused(records)
            raise
        for record, known in zip(records, people, strict=True):
            self._used.update(record.inputs.models.items())
            self._learning.expect(record, known)
            self.pages.explorations.note(record)

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
