"""A log's last days once more, with journeys that were not live then: the same code decides, and nothing is sent.

The people are folded again from their first event on, so that at every moment they are as they were; the clock goes in
steps of a minute through what happened and what is due. Models are those of today: what the propensity has learnt
since is known, and from what is only simulated nothing is learnt. Nobody answers to a simulated contact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

import msgspec

from eachwise.contracts.events import OWN_LIBRARY, Event
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.ports import Commit, Store
from eachwise.contracts.simulation import Simulation
from eachwise.flow.core import Core
from eachwise.flow.drive import Flow
from eachwise.flow.entering import next_moment_us
from eachwise.flow.simulated import Watching
from eachwise.flow.trained import MODEL as TRAINED
from eachwise.identity import NOBODY, Directory
from eachwise.journeys import parse_journeys
from eachwise.learn import MODEL as PROPENSITY
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.hashing import stable_hash
from eachwise.maths.times import iso

MINUTE_US, HOUR_US, DAY_US = (seconds * MICROSECONDS for seconds in (60, 3_600, 86_400))
PAGE = 500
# Rounds at one moment: an event that a step emits may move another journey, and so on.
_ROUNDS_MAX = 20
_SHARES = 2**32
MODELS = (PROPENSITY, TRAINED)
# An event, and when it is taken to have come.
Came = tuple[int, Event]


def seeds(source: Store) -> Commit:
    """What a simulation begins with: a store's catalogue, definitions and newest models."""
    version, items = source.catalog()
    first = Commit(definitions=source.definitions())
    if version:
        first.items, first.catalog_version = items, version
    for name in MODELS:
        chain: list[ModelVersion] = []
        model = source.model(name)
        while model is not None:
            chain.append(model)
            model = source.model(name, model.base) if model.base else None
        first.models = [*first.models, *reversed(chain)]
    return first


class Simulating:
    """One simulation over a core that has nothing but its seeds."""

    def __init__(
        self,
        core: Core,
        *,
        store: Store,
        source: Store,
        set_clock: Callable[[int], None],
        share: float = 1.0,
    ) -> None:
        """``store``: the core's; ``source``: whose log is read; ``share``: of its people, by stable hash."""
        self._core = core
        self._store = store
        self._source = source
        self._set_clock = set_clock
        self._share = share
        self._late_us = int(core.settings.journeys.entry_late_s * MICROSECONDS)
        self._directory = Directory(source.identity, core.settings.identity)
        self._people: set[str] = set()
        self.watching = Watching()

    def run(self, document: str | bytes, days: float) -> Flow[Simulation]:
        """The log's last days with the document's journeys. Raises ``InvalidInput`` as putting the document would."""
        definitions = self._core.definitions()
        parsed = parse_journeys(
            document, placements=definitions.placements, experiences=definitions.experiences
        )
        own = frozenset(parsed)
        until_us = max((came for came, _ in self._events(own)), default=0)
        since_us = until_us - int(days * DAY_US)
        later = yield from self._take_earlier(own, since_us)
        self._set_clock(since_us)
        yield from self._core.checkpoint()
        yield from self._core.programme.journeys.put(document)
        self._core.programme.entering.began = self.watching.began
        yield from self._go_through(later, since_us, until_us)
        views = [self._core.programme.journeys.view(each) for each in sorted(own)]
        return Simulation(
            since=iso(since_us),
            until=iso(until_us),
            events=len(later),
            people=len(self._people),
            share=self._share,
            journeys=[self.watching.journey(each) for each in views],
            contacts=self.watching.contacts,
        )

    def _take_earlier(self, own: frozenset[str], since_us: int) -> Flow[list[Came]]:
        """Fold what came before the time; returns what came in it, in order."""
        later: list[Came] = []
        page: list[Event] = []
        for came_us, event in self._events(own):
            if came_us >= since_us:
                later.append((came_us, event))
                continue
            page.append(event)
            if len(page) == PAGE:
                yield from self._take(page)
                page = []
        yield from self._take(page)
        later.sort(key=itemgetter(0))
        return later

    def _take(self, events: Sequence[Event]) -> Flow[None]:
        if events:
            self._set_clock(max(each.received_at_us for each in events))
            yield from self._core.ingest(events)

    def _go_through(self, later: Sequence[Came], since_us: int, until_us: int) -> Flow[None]:
        """Minute by minute through what happened, what is due, when schedules strike, and every full hour."""
        now_us, place, day = since_us, 0, since_us // DAY_US
        while now_us < until_us:
            moments = [until_us, (now_us // HOUR_US + 1) * HOUR_US]
            if place < len(later):
                moments.append((later[place][0] // MINUTE_US + 1) * MINUTE_US)
            wake_us = self._store.next_wake_us()
            if wake_us is not None:
                moments.append(wake_us)
            moments += [
                next_moment_us(entry.schedule, now_us)
                for _, _, entry in self._core.programme.journeys.scheduled()
                if entry.schedule is not None
            ]
            now_us = max(now_us + 1, min(moments))
            end = place
            while end < len(later) and later[end][0] <= now_us:
                end += 1
            self._set_clock(now_us)
            for start in range(place, end, PAGE):
                events = [event for _, event in later[start : min(start + PAGE, end)]]
                yield from self._core.ingest(events)
            place = end
            yield from self._settle()
            if now_us // DAY_US != day:
                day = now_us // DAY_US
                yield from self._core.checkpoint()

    def _settle(self) -> Flow[None]:
        """Everything that is due at this moment, and what it brings about."""
        for _ in range(_ROUNDS_MAX):
            done = yield from self._core.programme.work()
            done += yield from self._core.delivery.dispatching.drain()
            if not done:
                return

    def _events(self, own: frozenset[str]) -> Iterator[Came]:
        """The log of the people who are looked at, without what these journeys themselves have done in it.

        What came long after it happened, an imported history, is taken as if it had come when it happened.
        """
        after = 0
        while entries := self._source.events_after(after, PAGE):
            after = entries[-1].sequence
            for entry in entries:
                event = entry.event
                person = self._directory.person_of(event)
                if person == NOBODY or not self._looked_at(person) or self._own(event, own):
                    continue
                self._people.add(person)
                came_us = event.received_at_us
                if came_us - event.occurred_at_us > self._late_us:
                    came_us = event.occurred_at_us
                    event = msgspec.structs.replace(event, received_at_us=came_us)
                yield came_us, event

    def _looked_at(self, person: str) -> bool:
        return stable_hash("simulation", person) % _SHARES < self._share * _SHARES

    def _own(self, event: Event, own: frozenset[str]) -> bool:
        """Whether a journey of the document, as it is live already, brought this event about."""
        if event.properties.get("outbox_id") and event.properties.get("journey_id") in own:
            return True
        library = event.context.get("library")
        if not isinstance(library, dict) or library.get("name") != OWN_LIBRARY:
            return False
        message = self._source.message(event.message_id)
        return message is not None and message.journey_id in own
