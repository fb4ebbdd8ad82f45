"""What is kept in memory between requests, each part built over the ones before it."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

from eachwise.contracts.arrays import TasteModel
from eachwise.contracts.ports import Clock, Store
from eachwise.contracts.taste import TrainedModel
from eachwise.flow.budgets import Budgets
from eachwise.flow.catalogue import Catalogue, Shelf
from eachwise.flow.consents import Consents
from eachwise.flow.histories import Histories
from eachwise.flow.ingest import Ingest
from eachwise.flow.learn import Learning
from eachwise.flow.lifetime import Lifetime
from eachwise.flow.noticing import Noticing
from eachwise.flow.people import People
from eachwise.flow.relations import Relations
from eachwise.flow.searches import Searches
from eachwise.flow.sendtime import SendTimes
from eachwise.flow.taste import Tasting
from eachwise.flow.trained import MODEL as TRAINED
from eachwise.flow.trained import Trained
from eachwise.flow.warm import warm
from eachwise.identity import Directory
from eachwise.settings import Settings


class State:
    """People, who is who, the catalogue, the models, and the flow that keeps them in step with the log."""

    def __init__(
        self, *, store: Store, clock: Clock, settings: Settings, executor: Executor
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self.people = People(store, settings.affinity, settings.store.individuals_in_memory_max)
        self.directory = Directory(store.identity, settings.identity)
        self.catalogue = Catalogue(store, executor)
        self.tasting = Tasting(
            store=store, clock=clock, settings=settings, catalogue=self.catalogue, executor=executor
        )
        self.trained = Trained(
            store=store,
            clock=clock,
            settings=settings,
            catalogue=self.catalogue,
            tasting=self.tasting,
            executor=executor,
        )
        self.budgets = Budgets(store, clock, self.catalogue)
        self.learning = Learning(
            store=store,
            clock=clock,
            settings=settings,
            catalogue=self.catalogue,
            people=self.people,
            budgets=self.budgets,
            executor=executor,
        )
        self.lifetime = Lifetime(
            store=store,
            clock=clock,
            settings=settings,
            directory=self.directory,
            executor=executor,
        )
        self.searches = Searches(store=store, clock=clock)
        self.send_times = SendTimes(
            store=store,
            clock=clock,
            settings=settings,
            people=self.people,
            catalogue=self.catalogue,
        )
        self.noticing = Noticing(store, self.people, settings.stage)
        self.ingest = self._ingest()
        self.relations = self._relations(executor)
        self.consents = self._consents(executor)
        self.catalogue.prepare = lambda shelf: self._warm(shelf=shelf)
        self.tasting.prepare = lambda model: self._warm(taste=model)
        self.trained.prepare = lambda model: self._warm(trained=model)

    def _ingest(self) -> Ingest:
        """What takes events in, and keeps all that was built before it in step."""
        return Ingest(
            store=self._store,
            clock=self._clock,
            settings=self._settings,
            people=self.people,
            directory=self.directory,
            catalogue=self.catalogue,
            tasting=self.tasting,
            learning=self.learning,
            searches=self.searches,
            send_times=self.send_times,
            trained=self.trained,
            noticing=self.noticing,
        )

    def _relations(self, executor: Executor) -> Relations:
        """What asks how people moved: it keeps nothing."""
        return Relations(
            store=self._store,
            clock=self._clock,
            settings=self._settings,
            people=self.people,
            directory=self.directory,
            catalogue=self.catalogue,
            tasting=self.tasting,
            ingest=self.ingest,
            executor=executor,
        )

    def _consents(self, executor: Executor) -> Consents:
        """What asks what people said about being reached: it keeps nothing."""
        histories = Histories(
            store=self._store, people=self.people, directory=self.directory, executor=executor
        )
        return Consents(
            settings=self._settings,
            people=self.people,
            catalogue=self.catalogue,
            histories=histories,
        )

    def _warm(
        self,
        shelf: Shelf | None = None,
        taste: TasteModel | None = None,
        trained: TrainedModel | None = None,
    ) -> None:
        """Prepare what comes next beside what is in use."""
        warm(
            shelf or self.catalogue.shelf,
            self.catalogue.offers,
            taste or self.tasting.model,
            trained or self.trained.model,
            self._settings,
            self._clock.now_us(),
        )

    def status(self) -> dict[str, Any]:
        """Counts and versions, for health pages and operators."""
        propensity = self.learning.propensity
        return {
            "counts": self._store.counts(),
            "applied_sequence": self.ingest.applied_sequence,
            "pending_events": self._store.pending(),
            "catalog_version": self.catalogue.version,
            "definitions_version": self.catalogue.offers.definitions.version,
            "models": {
                "taste": self.tasting.model.version,
                "propensity": propensity.model.version,
                "trained": self.trained.version,
                "lifetime": self.lifetime.version,
            },
            "model_published_at_us": {
                "taste": self.tasting.published_at_us,
                "propensity": propensity.published_at_us,
            },
            "damaged_models": {TRAINED: self.trained.damaged} if self.trained.damaged else {},
            "outcomes": self.learning.status(),
            "propensity": propensity.status(),
            "now_us": self._clock.now_us(),
        }
