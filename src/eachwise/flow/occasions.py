"""What the clock and the catalogue begin: schedules that have come, items that came back, got cheaper, or are new."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import islice

import msgspec

from eachwise.contracts.audience import MEMBERS_MAX, AudienceRequest
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import NotFound, StoreError
from eachwise.contracts.events import LATEST_US
from eachwise.contracts.journey import Entry, Journey
from eachwise.contracts.ports import Clock, Store
from eachwise.flow.audience import Audiences
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow, breath
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
# New items are gone through for so long at a time; timers and schedules that are due come before the others.
TURN_US = MICROSECONDS
# A schedule is no later than this by being in turn, however short ``journeys.entry_late_s`` is.
ROUND_US = 3_600 * MICROSECONDS
# The last moments of schedules that were carried out, by journey, entry and schedule; the catalogue taken in.
SCHEDULES, CATALOG = "journeys:schedules", "journeys:catalog"
_decode_moments = msgspec.msgpack.Decoder(dict[str, int]).decode
_encode = msgspec.msgpack.encode


@dataclass(frozen=True, slots=True)
class Beginning:
    """What may begin for somebody."""

    journey: Journey
    entry: Entry
    occurrence: Occurrence


@dataclass(frozen=True, slots=True)
class Change(Beginning):
    """What became of an item."""

    item: Item


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
        # The version that is being taken in, and those of its new items that are still to come.
        self._taking_in: int | None = None
        self._new: deque[Change] = deque()

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
                beginning = Beginning(journey, entry, occurrence)
                done += yield from self._enter_all((beginning, each) for each in self._everybody())
            yield from self._note_moment(name, moment_us)
        return done

    def _note_moment(self, name: str, moment_us: int) -> Flow[None]:
        """A schedule is carried out up to a moment."""
        self._moments[name] = moment_us
        round_ = self._begin()
        round_.statistics[SCHEDULES] = _encode(self._moments)
        yield from self._commit(round_)

    def take_catalog(self) -> Flow[int]:
        """Take in what changed in the catalogue since it was last taken in; returns how many instances began.

        Whom a new item suits has to be scored item by item: what ``TURN_US`` does not suffice for is left to the next
        call. A version is taken in, durably, when all of it is: what a crash cuts off is done again.
        """
        done = 0
        if self._taking_in is None:
            version = self._catalogue.version
            if version == self._catalog_version:
                return 0
            changes = yield from self._changes(version)
            done += yield from self._tell_engaged(changes)
            self._taking_in = version
            self._new = deque(each for each in changes if each.entry.catalog == "new_item")
        until_us = self._clock.now_us() + TURN_US
        while self._new:
            done += yield from self._tell_suited(self._new[0])
            self._new.popleft()
            if self._clock.now_us() >= until_us:
                break
        if not self._new:
            self._catalog_version, self._taking_in = self._taking_in, None
            round_ = self._begin()
            round_.statistics[CATALOG] = _encode(self._catalog_version)
            yield from self._commit(round_)
        return done

    def _changes(self, version: int) -> Flow[list[Change]]:
        """What became of the catalogue since it was last taken in, for whom a journey waits for it."""
        entries = list(self._journeys.of_catalog())
        if not entries or not self._catalog_version:
            return []
        before, after = self._catalog_version, self._catalogue.shelf.index.items

        def compare() -> list[Change]:
            _, items = self._store.catalog(before)
            was = {item.item_id: item for item in items}
            now = {item.item_id: item for item in after}
            return [
                Change(journey, entry, Occurrence(f"{change}:{item.item_id}@{version}", told), item)
                for journey, _, entry in entries
                for change, item, told in catalog_changes(was, now, entry.drop_min)
                if change == entry.catalog
            ]

        found: list[Change] = yield self._executor.submit(compare)
        return found

    def _tell_engaged(self, changes: Sequence[Change]) -> Flow[int]:
        """Items that are back or cheaper, for those who engaged with them: one scan for all items."""
        of_item: dict[str, list[Change]] = {}
        for each in changes:
            if each.entry.catalog != "new_item":
                of_item.setdefault(each.item.item_id, []).append(each)
        done, after = 0, 0 if of_item else None
        while after is not None:
            people, after = yield from self._audiences.engaged(of_item.keys(), after)
            done += yield from self._enter_all(
                (change, one.individual_id)
                for one in people
                if self._directory.resolve(one.individual_id) == one.individual_id
                for item_id in one.item_ids
                for change in of_item[item_id]
            )
            yield from self._between()
        return done

    def _tell_suited(self, change: Change) -> Flow[int]:
        """A new item, for those whom it suits best."""
        request = AudienceRequest(
            item_id=change.item.item_id,
            reason=OCCASIONS["new_item"],
            limit=min(change.entry.people_max, MEMBERS_MAX),
        )
        try:
            audience = yield from self._audiences.find(request, self._between)
        except NotFound:
            # It is gone again.
            return 0
        except StoreError:
            raise
        except Exception:
            # One item's fault must not stop the journeys either.
            _log.exception("%s passes everybody by", change.occurrence.source)
            return 0
        members = audience.members
        return (yield from self._enter_all((change, each.individual_id) for each in members))

    def _enter_all(self, beginnings: Iterable[tuple[Beginning, str]]) -> Flow[int]:
        """Begin journeys, each for a person for whom its rule holds, a page at a time."""
        entered = 0
        left = iter(beginnings)
        while page := list(islice(left, PEOPLE_A_PAGE)):
            entered += yield from self._enter_page(page)
        return entered

    def _enter_page(self, page: Sequence[tuple[Beginning, str]]) -> Flow[int]:
        round_ = self._begin()
        entered = 0
        for place, (beginning, person) in enumerate(page):
            if place % BREATH == BREATH - 1:
                yield from breath(self._executor)
            # As it is now: it may have been paused, or changed, since this began.
            journey = self._journeys.newest[beginning.journey.journey_id]
            if beginning.entry not in journey.entries:
                continue
            try:
                entered += self._entering.on_occasion(
                    round_, journey, beginning.entry, person, beginning.occurrence
                )
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
