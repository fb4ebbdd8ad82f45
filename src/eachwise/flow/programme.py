"""Everything that goes on over time: journeys, the slots they ask for, and the outbox. What the shell calls on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any

from eachwise.contracts.errors import NotFound
from eachwise.contracts.journey import EnterRequest, InstanceView, JourneyView
from eachwise.contracts.ports import Clock, Store
from eachwise.flow.asked import check_kept, check_named, individual_of
from eachwise.flow.audience import Audiences
from eachwise.flow.decide import Deciding
from eachwise.flow.drive import Flow
from eachwise.flow.entering import Entering
from eachwise.flow.histories import resolve
from eachwise.flow.journeys import Journeys, view_of
from eachwise.flow.knowing import Knowing
from eachwise.flow.noticing import Noticed
from eachwise.flow.orchestrate import Orchestrating
from eachwise.flow.slots import Slots
from eachwise.flow.state import State
from eachwise.maths.hashing import stable_hash
from eachwise.settings import Settings


class Programme:
    """The journeys and their engine, wired over the state."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        state: State,
        deciding: Deciding,
        audiences: Audiences,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._people = state.people
        self._directory = state.directory
        self._noticing = state.noticing
        self.journeys = Journeys(store, state.catalogue, state.noticing)
        knowing = Knowing(
            people=state.people,
            settings=settings,
            catalogue=state.catalogue,
            tasting=state.tasting,
        )
        self.entering = Entering(
            store=store,
            directory=state.directory,
            journeys=self.journeys,
            knowing=knowing,
            late_s=settings.journeys.entry_late_s,
        )
        self.orchestrating = Orchestrating(
            store=store,
            clock=clock,
            directory=state.directory,
            catalogue=state.catalogue,
            noticing=state.noticing,
            journeys=self.journeys,
            knowing=knowing,
            entering=self.entering,
            slots=Slots(catalogue=state.catalogue, deciding=deciding, send_times=state.send_times),
            deciding=deciding,
            audiences=audiences,
            executor=executor,
            catch_up_s=settings.journeys.catch_up_s,
        )

    def on_noticed(self, wake: Callable[[], None]) -> None:
        """A server begins: ``wake`` is called whenever there is something to take in, so that ``work`` need not wait
        for its turn. What fell due while no server ran waits for the events that were kept from it."""
        self._noticing.wake = wake
        self.orchestrating.catch_up()

    def work(self) -> Flow[int]:
        """Do what is due by now."""
        return self.orchestrating.work()

    def put(self, document: str | bytes) -> Flow[list[JourneyView]]:
        """Take journeys in; see ``Journeys.put``. Answers those of the document as they are now in use."""
        taken = yield from self.journeys.put(document)
        return [self.journeys.view(each.journey_id) for each in taken]

    def begin(self, journey_id: str, request: EnterRequest) -> Flow[InstanceView]:
        """``enter`` for whom a request names. Raises ``InvalidInput`` where it names nobody."""
        check_named(request)
        return self.enter(
            journey_id,
            individual_of(request, self._directory, self._clock.now_us()),
            key=request.key,
            properties=request.properties,
            request_id=request.request_id,
        )

    def enter(
        self,
        journey_id: str,
        individual_id: str,
        *,
        key: str = "",
        properties: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> Flow[InstanceView]:
        """Begin a journey for one person by hand; answered once it is durable. Asked again with its id, it is the same.

        Raises ``NotFound`` for an unknown journey or person, ``InvalidInput`` where its rules do not allow it or what
        is given cannot be kept. What raises does not begin later either.
        """
        check_kept(properties=properties, key=key, request_id=request_id)
        journey = self.journeys.journey(journey_id)
        person = self._directory.resolve(individual_id)
        if self._people.find(person) is None:
            raise NotFound(f"no individual {individual_id!r}; ids look like user:42 or anon:abc")
        now_us = self._clock.now_us()
        noticed = Noticed(
            0,
            person,
            now_us,
            now_us,
            message_id=request_id or f"{stable_hash(journey_id, person, key, now_us):x}",
            properties=dict(properties or {}),
            journey_id=journey.journey_id,
            key=key,
        )
        waiting = self._noticing.asked(noticed)
        try:
            yield from self.work()
        except Exception as error:
            # If it was not taken in by then, it must not begin behind the back of a caller who was told so.
            self._noticing.refused([noticed], error)
        instance_id: str = yield waiting
        found = self._store.instance(instance_id)
        assert found is not None
        return view_of(found)

    def of_person(self, individual_id: str) -> list[InstanceView]:
        """Where a person stands in journeys, in the order of entry. Raises ``NotFound``."""
        person = resolve(individual_id, self._directory, self._people)
        return [view_of(each) for each in self._store.instances_of(person)]
