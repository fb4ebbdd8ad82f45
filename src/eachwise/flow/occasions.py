"""What the clock and the catalogue begin: schedules that have come, items that came back, got cheaper, or are new."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor

import msgspec

from eachwise.contracts.audience import MEMBERS_MAX, AudienceRequest
from eachwise.contracts.errors import StoreError
from eachwise.contracts.events import LATEST_US
from eachwise.contracts.journey import CatalogChange, Entry, Journey
from eachwise.contracts.ports import Clock, Store
from eachwise.flow.audience import Audiences
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.entering import (
    OCCASIONS,
    Entering,
    Occurrence,
    catalog_changes,
    next_moment_us,
)
from eachwise.flow.journeys import Journeys
from eachwise.flow.round import Round
from eachwise.identity import Directory
from eachwise.maths.decay import MICROSECONDS

_log = logging.getLogger(__name__)

PEOPLE_A_PAGE = 200
# After so many people others may have a turn.
BREATH = 50
# A schedule is no later than this by being in turn, however short ``journeys.entry_late_s`` is.
ROUND_US = 3_600 * MICROSECONDS
# The last moments of schedules that were carried out, by journey, entry and schedule; the catalogue taken in.
SCHEDULES, CATALOG = "journeys:schedules", "journeys:catalog"
_decode_moments = msgspec.msgpack.Decoder(dict[str, int]).decode
_encode = msgspec.msgpack.encode


class Occasions:
    """Begins journeys for whom an occasion concerns, a page of people a transaction."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        directory: Directory,
        catalogue: Catalogue,
        journeys: Journeys,
        entering: Entering,
        audiences: Audiences,
        executor: Executor,
        commit: Callable[[Round], Flow[None]],
        between: Callable[[], Flow[None]],
    ) -> None:
        """``between`` is called after each page."""
        self._store = store
        self._clock = clock
        self._directory = directory
        self._catalogue = catalogue
        self._journeys = journeys
        self._entering = entering
        self._audiences = audiences
        self._executor = executor
        self._commit = commit
        self._between = between
        moments = store.statistic(SCHEDULES)
        self._moments = {} if moments is None else _decode_moments(moments)
        version = store.statistic(CATALOG)
        self._catalog_version = (
            None if version is None else msgspec.msgpack.decode(version, type=int)
        )

    def take_schedules(self) -> Flow[int]:
        """Carry out the schedules whose moment has come; returns how many instances began.

        What came while its journey was paused, or so long ago that it is no occasion any more, has passed.
        """
        done = 0
        for journey, place, entry in list(self._journeys.scheduled()):
            assert entry.schedule is not None
            name = f"{journey.journey_id}:{place}:{entry.schedule}"
            now_us = self._clock.now_us()
            # A moment to come, of a clock that was ahead, would stop the schedule until then.
            if self._moments.get(name, LATEST_US) > now_us:
                yield from self._note_moment(name, now_us)
            moment_us = next_moment_us(entry.schedule, self._moments[name])
            if moment_us > now_us:
                continue
            # Of moments that passed while nothing ran, the last one counts.
            while (following := next_moment_us(entry.schedule, moment_us)) <= now_us:
                moment_us = following
            made_up = moment_us >= now_us - ROUND_US or not self._entering.late(moment_us, now_us)
            if made_up and not journey.paused:
                occurrence = Occurrence(f"{name}@{moment_us}", {})
                done += yield from self._enter_all(journey, entry, occurrence, self._everybody())
            yield from self._note_moment(name, moment_us)
        return done

    def _note_moment(self, name: str, moment_us: int) -> Flow[None]:
        """A schedule is carried out up to a moment."""
        self._moments[name] = moment_us
        round_ = self._begin()
        round_.statistics[SCHEDULES] = _encode(self._moments)
        yield from self._commit(round_)

    def take_catalog(self) -> Flow[int]:
        """Take in what changed in the catalogue since it was last taken in; returns how many instances began."""
        version = self._catalogue.version
        if version == self._catalog_version:
            return 0
        done = 0
        entries = list(self._journeys.of_catalog())
        if entries and self._catalog_version:
            _, items = self._store.catalog(self._catalog_version)
            before = {item.item_id: item for item in items}
            after = {item.item_id: item for item in self._catalogue.shelf.index.items}
            for journey, _, entry in entries:
                for change, item, told in catalog_changes(before, after, entry.drop_min):
                    if change != entry.catalog:
                        continue
                    occurrence = Occurrence(f"{change}:{item.item_id}@{version}", told)
                    people = yield from self._concerned(change, item.item_id, entry)
                    done += yield from self._enter_all(journey, entry, occurrence, iter(people))
        self._catalog_version = version
        round_ = self._begin()
        round_.statistics[CATALOG] = _encode(version)
        yield from self._commit(round_)
        return done

    def _concerned(self, change: CatalogChange, item_id: str, entry: Entry) -> Flow[list[str]]:
        """For whom a change of an item matters: of a new one those whom it suits best, else who engaged with it."""
        new = change == "new_item"
        request = AudienceRequest(
            item_id=item_id,
            reason=OCCASIONS[change],
            limit=min(entry.people_max, MEMBERS_MAX) if new else MEMBERS_MAX,
        )
        audience = yield from self._audiences.find(request)
        return [
            each.individual_id
            for each in audience.members
            if new or each.viewed or each.added or each.bought
        ]

    def _enter_all(
        self, journey: Journey, entry: Entry, occurrence: Occurrence, people: Iterator[str]
    ) -> Flow[int]:
        """Begin a journey for each of some people for whom its rule holds, a page at a time."""
        entered = 0
        page: list[str] = []
        for person in people:
            page.append(person)
            if len(page) == PEOPLE_A_PAGE:
                entered += yield from self._enter_page(journey, entry, occurrence, page)
                page = []
        return entered + (yield from self._enter_page(journey, entry, occurrence, page))

    def _enter_page(
        self, journey: Journey, entry: Entry, occurrence: Occurrence, people: Sequence[str]
    ) -> Flow[int]:
        round_ = self._begin()
        entered = 0
        for place, person in enumerate(people):
            if place % BREATH == BREATH - 1:
                yield self._executor.submit(_nothing)
            try:
                entered += self._entering.on_occasion(round_, journey, entry, person, occurrence)
            except StoreError:
                raise
            except Exception:
                # One person's fault must not stop the journeys of everybody else, at every round again.
                _log.exception("%s passes %s by", journey.journey_id, person)
        yield from self._commit(round_)
        yield from self._between()
        return entered

    def _everybody(self) -> Iterator[str]:
        after = 0
        while page := self._store.individuals(after, PEOPLE_A_PAGE):
            for each in page:
                if self._directory.resolve(each.individual_id) == each.individual_id:
                    yield each.individual_id
            after = page[-1].number

    def _begin(self) -> Round:
        return Round(store=self._store, now_us=self._clock.now_us())


def _nothing() -> None:
    """Take a turn."""
