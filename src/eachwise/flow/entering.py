"""Who begins a journey: by an event, a stage reached, the clock, a change of the catalogue, or by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from eachwise.contracts.audience import Occasion
from eachwise.contracts.catalog import Item
from eachwise.contracts.events import Event
from eachwise.contracts.journey import (
    Begin,
    CatalogChange,
    Entry,
    Happened,
    Instance,
    Journey,
    Schedule,
)
from eachwise.contracts.ports import Store
from eachwise.flow.journeys import Journeys
from eachwise.flow.knowing import Knowing
from eachwise.flow.noticing import Noticed, name_of
from eachwise.flow.round import Round
from eachwise.identity import Directory
from eachwise.journeys import (
    entered_by,
    entry_holds,
    hears_all,
    key_of,
    may_enter,
    names_of,
    new_instance,
    step,
    withheld,
)
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.zones import zone_named

_DAY = timedelta(days=1)
_DAYS_MOST = 15
# How an audience calls what happened to an item.
OCCASIONS: Mapping[CatalogChange, Occasion] = {
    "new_item": "new",
    "back_in_stock": "restock",
    "price_drop": "discount",
}


class Occurrence(NamedTuple):
    """What began an instance. ``source`` tells one from another: a message id, a moment of a schedule, a version of the
    catalogue; rules read ``properties`` as ``event.NAME``; ``entry`` is the one that it fulfils (None: by hand)."""

    source: str
    properties: Mapping[str, Any]
    entry: Entry | None = None


class Entering:
    """Begins instances within a round."""

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        journeys: Journeys,
        knowing: Knowing,
        late_s: float,
    ) -> None:
        self._store = store
        self._directory = directory
        self._journeys = journeys
        self._knowing = knowing
        self._late_us = int(late_s * MICROSECONDS)
        # Told of every instance that begins, and by which entry.
        self.began: Callable[[Instance, Entry | None], None] = _unheard

    def late(self, at_us: int, came_us: int) -> bool:
        """Whether what happened at a time came so late that it is history, which is no occasion for anything."""
        return came_us - at_us > self._late_us

    def noticed(self, round_: Round, noticed: Noticed, happened: Happened) -> None:
        """Begin whatever an event begins, and take what begins through what overtook the event on its way."""
        if self.late(noticed.at_us, noticed.received_at_us):
            return
        occurrence = Occurrence(noticed.message_id, noticed.properties)
        knows = self._knowing.of(noticed.individual_id, round_.now_us)
        overtook: list[Event] | None = None
        for journey in self._journeys.newest.values():
            entered = entered_by(journey, happened, knows)
            if entered is None:
                continue
            begun = occurrence._replace(entry=entered.entry)
            before = round_.mark()
            instance_id, _ = self.begin(round_, journey, noticed.individual_id, entered.key, begun)
            if round_.mark() != before:
                overtook = self._overtook(noticed) if overtook is None else overtook
                self._catch_up(round_, journey, instance_id, overtook)

    def _overtook(self, noticed: Noticed) -> list[Event]:
        """The person's events that happened after this one and came before it, in the order of time."""
        person = self._directory.resolve(noticed.individual_id)
        if self._knowing.person(person, noticed.at_us).last_seen_us <= noticed.at_us:
            return []
        sources = self._directory.sources_of(person)
        found = self._store.events_of(
            user_ids=sources.user_ids,
            anonymous_ids=sources.anonymous_ids,
            device_ids=sources.device_ids,
            after_us=noticed.at_us,
        )
        return [
            each.event
            for each in found
            if each.sequence < noticed.sequence and self._directory.person_of(each.event) == person
        ]

    def _catch_up(
        self, round_: Round, journey: Journey, instance_id: str, events: list[Event]
    ) -> None:
        """Take an instance that has just begun through events that it would have met, had all come in order."""
        names, everything = names_of(journey), hears_all(journey)
        for event in events:
            instance = round_.instances[instance_id]
            name = name_of(event)
            if instance.status != "active" or not (everything or name in names):
                continue
            happened = Happened(
                now_us=round_.now_us,
                event=name,
                properties=event.properties or event.traits,
                message_id=event.message_id,
            )
            knows = self._knowing.of(instance.individual_id, round_.now_us)
            moved = step(journey, instance, happened, knows)
            if moved.instance != instance or moved.commands:
                round_.moved(moved)

    def on_occasion(
        self,
        round_: Round,
        journey: Journey,
        entry: Entry,
        individual_id: str,
        occurrence: Occurrence,
    ) -> bool:
        """Begin one instance where the entry's rule holds for the person; whether it began."""
        knows = self._knowing.of(individual_id, round_.now_us)
        key = key_of(occurrence.properties, entry.key) if entry.key else ""
        if (entry.key and not key) or entry_holds(entry, occurrence.properties, knows):
            return False
        occurrence = occurrence._replace(entry=entry)
        instance_id, _ = self.begin(round_, journey, individual_id, key, occurrence)
        return bool(instance_id)

    def begin(
        self,
        round_: Round,
        journey: Journey,
        individual_id: str,
        key: str,
        occurrence: Occurrence,
    ) -> tuple[str, str]:
        """Begin one instance where the journey's re-entry rule allows: (its id, ""), or ("", why not)."""
        facts = {"event": dict(occurrence.properties)}
        fresh = new_instance(
            journey, individual_id, key, round_.now_us, facts, source=occurrence.source
        )
        if round_.find(fresh.instance_id) is not None:
            return fresh.instance_id, ""
        if journey.reentry == "always":
            # Those that ended do not matter, and there may be thousands of them.
            earlier = round_.of(individual_id)
        else:
            earlier = round_.ever(individual_id, journey.journey_id)
        if reason := may_enter(journey, earlier, key, round_.now_us):
            return "", reason
        begin = Begin(now_us=round_.now_us, withheld=withheld(journey, individual_id))
        moved = step(journey, fresh, begin, self._knowing.of(individual_id, round_.now_us))
        round_.moved(moved)
        self.began(moved.instance, occurrence.entry)
        return moved.instance.instance_id, ""


def next_moment_us(schedule: Schedule, after_us: int) -> int:
    """The first moment of a schedule after a time, microseconds; one that the clocks skip comes when they resume."""
    zone = zone_named(schedule.timezone) or UTC
    start = datetime.fromtimestamp(after_us / MICROSECONDS, zone)
    for days in range(_DAYS_MOST):
        day = (start + days * _DAY).date()
        if schedule.weekdays and day.weekday() not in schedule.weekdays:
            continue
        hour, minute = divmod(schedule.at, 60)
        moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
        at_us = int(moment.timestamp()) * MICROSECONDS
        if at_us > after_us:
            return at_us
    raise AssertionError("a schedule comes at least once a week")


def catalog_changes(
    before: Mapping[str, Item], after: Mapping[str, Item], drop_min: float
) -> Iterator[tuple[CatalogChange, Item, dict[str, Any]]]:
    """What became of items between two versions: (change, item, the properties that rules read)."""
    for item_id, item in after.items():
        old = before.get(item_id)
        if item == old:
            continue
        told: dict[str, Any] = {
            "item_id": item_id,
            "title": item.title,
            "price": item.price,
            **item.attributes,
        }
        if old is None:
            if item.available:
                yield "new_item", item, told
        elif not old.available and item.available:
            yield "back_in_stock", item, told
        if (
            old is not None
            and item.available
            and old.price
            and item.price is not None
            and item.price < old.price
            and item.price <= old.price * (1.0 - drop_min)
        ):
            yield "price_drop", item, {**told, "price_before": old.price}


def _unheard(_instance: Instance, _entry: Entry | None) -> None:
    """Nobody listens."""
