"""The journeys in use: every version that somebody may still be on, and what each begins with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from typing import NamedTuple

import msgspec

from eachwise.contracts.errors import NotFound
from eachwise.contracts.experience import OUTBOUND_CHANNELS
from eachwise.contracts.journey import (
    Entry,
    Instance,
    InstanceView,
    Journey,
    JourneyView,
    Status,
)
from eachwise.contracts.ports import Commit, Store
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.drive import Flow
from eachwise.flow.noticing import Noticing
from eachwise.flow.reports import DELIVERED, OTHER_DELIVERED
from eachwise.journeys import (
    Beside,
    hears_all,
    journeys_as_json,
    journeys_from,
    names_of,
    parse_journeys,
)
from eachwise.maths.times import iso

# Journeys whose live instances are still to be moved to the newest version.
MOVING = "journeys:moving"
_decode_ids = msgspec.msgpack.Decoder(list[str]).decode
_LISTED_MAX = 1000
# What the delivery of a contact logs, by its channel.
_DELIVERED = {each: DELIVERED.get(each, OTHER_DELIVERED) for each in sorted(OUTBOUND_CHANNELS)}


class Journeys:
    """Journeys by id and version. What is put is validated against the definitions in use."""

    def __init__(self, store: Store, catalogue: Catalogue, noticing: Noticing) -> None:
        self._store = store
        self._catalogue = catalogue
        self._noticing = noticing
        self._versions: dict[tuple[str, int], Journey] = {}
        self.newest: dict[str, Journey] = {}
        self._putting: Future[None] | None = None
        # Whether the journeys listen for versions that nobody may be on any more.
        self._changed = False
        moving = store.statistic(MOVING)
        self.moving: list[str] = [] if moving is None else _decode_ids(moving)
        self._use(store.journeys())

    def at(self, instance: Instance) -> Journey | None:
        """The journey at the version that an instance is on; None where that is not kept."""
        return self._versions.get((instance.journey_id, instance.version))

    def journey(self, journey_id: str) -> Journey:
        """The newest version. Raises ``NotFound``."""
        found = self.newest.get(journey_id)
        if found is None:
            known = ", ".join(sorted(self.newest)) or "none"
            raise NotFound(f"no journey {journey_id!r}; known: {known}")
        return found

    def scheduled(self) -> Iterator[tuple[Journey, int, Entry]]:
        """What the clock begins, paused journeys among them: their moments pass, too."""
        return self._entries(lambda entry: entry.schedule is not None, self.newest.values())

    def of_catalog(self) -> Iterator[tuple[Journey, int, Entry]]:
        """What a change of the catalogue begins."""
        live = [each for each in self.newest.values() if not each.paused]
        return self._entries(lambda entry: bool(entry.catalog), live)

    def put(self, document: str | bytes | object) -> Flow[list[Journey]]:
        """Take journeys in: each that differs from its newest version becomes the next one; others stay as they are.

        ``document`` is YAML or JSON text, or decoded data. Raises ``InvalidInput`` naming line, place and fix: then
        nothing is taken. One document at a time: the next is compared with what this one has become.
        """
        while self._putting is not None:
            yield self._putting
        putting = self._putting = Future()
        try:
            return (yield from self._put(document))
        finally:
            self._putting = None
            putting.set_result(None)

    def _put(self, document: str | bytes | object) -> Flow[list[Journey]]:
        known = self._catalogue.offers.definitions
        placements, experiences = known.placements, known.experiences
        beside = Beside(self.newest, _DELIVERED)
        if isinstance(document, str | bytes):
            parsed = parse_journeys(
                document, placements=placements, experiences=experiences, beside=beside
            )
        else:
            parsed = journeys_from(
                document, placements=placements, experiences=experiences, beside=beside
            )
        changed = []
        for journey_id, journey in parsed.items():
            before = self.newest.get(journey_id)
            version = before.version if before else 0
            if before is None or msgspec.structs.replace(journey, version=version) != before:
                changed.append(msgspec.structs.replace(journey, version=version + 1))
        if changed:
            statistics = _moving_as(self._to_move(changed))
            yield self._store.commit(Commit(journeys=changed, statistics=statistics))
            # Not before: a round in between would find nobody to move to a version that is not in use yet.
            self.moving = self._to_move(changed)
            self._use(changed)
            self._noticing.wake()
        return [self.newest[journey_id] for journey_id in parsed]

    def still_moving(self) -> dict[str, bytes | None]:
        """The statistic that names the journeys whose instances are to be moved."""
        return _moving_as(self.moving)

    def has_moved(self, journey: Journey) -> None:
        """All are moved to this version; to one that came meanwhile they still have to be."""
        if self.newest[journey.journey_id] is journey:
            self.moving = [each for each in self.moving if each != journey.journey_id]
            self._changed = True

    def hear(self) -> None:
        """Listen for what the newest versions know, and of earlier ones those that somebody is on, after a change.

        To be called when no instance is on its way to the store: it might be on an earlier version.
        """
        if not self._changed:
            return
        newest = list(self.newest.values())
        enough = _known_to(newest)
        # Only versions that know more than the newest ones need somebody to be looked for.
        older = {
            place: each
            for place, each in self._versions.items()
            if each.version < self.newest[each.journey_id].version
            and _known_to([*newest, each]) != enough
        }
        live = {
            (journey_id, each.version)
            for journey_id in {journey_id for journey_id, _ in older}
            for each in self._store.instance_counts(journey_id)
            if each.status == "active"
        }
        self._hear([*newest, *(each for place, each in older.items() if place in live)])
        self._changed = False

    def views(self) -> list[JourneyView]:
        """Every journey with its counts, by id."""
        return [self.view(journey_id) for journey_id in sorted(self.newest)]

    def view(self, journey_id: str) -> JourneyView:
        """One journey with its counts. Raises ``NotFound``."""
        journey = self.journey(journey_id)
        statuses: dict[str, int] = {}
        steps: dict[str, int] = {}
        arms: dict[str, dict[str, int]] = {}
        for each in self._store.instance_counts(journey_id):
            statuses[each.status] = statuses.get(each.status, 0) + each.count
            of_arm = arms.setdefault(each.arm, {})
            of_arm[each.status] = of_arm.get(each.status, 0) + each.count
            if each.status == "active":
                steps[each.step] = steps.get(each.step, 0) + each.count
        (written,) = journeys_as_json([journey])["journeys"]
        return JourneyView(
            journey_id=journey_id,
            version=journey.version,
            journey=written,
            statuses=statuses,
            steps=steps,
            arms=arms,
        )

    def people(
        self, journey_id: str, *, step: str | None, status: Status | None, after: str, limit: int
    ) -> list[InstanceView]:
        """Who stands where in a journey, by instance id after one. Raises ``NotFound``."""
        self.journey(journey_id)
        found = self._store.instances_at(
            journey_id,
            status=status,
            step=step,
            after=after,
            limit=min(limit, _LISTED_MAX),
        )
        return [view_of(each) for each in found]

    def _entries(
        self, wanted: Callable[[Entry], bool], journeys: Iterable[Journey]
    ) -> Iterator[tuple[Journey, int, Entry]]:
        for journey in journeys:
            for place, entry in enumerate(journey.entries):
                if wanted(entry):
                    yield journey, place, entry

    def _to_move(self, changed: list[Journey]) -> list[str]:
        """The journeys whose newest version, with these changes, has yet to take those of earlier ones along."""
        after: Mapping[str, Journey] = {**self.newest, **{j.journey_id: j for j in changed}}
        moving = {*self.moving, *(j.journey_id for j in changed if j.version > 1)}
        return sorted(each for each in moving if after[each].on_edit == "move")

    def _use(self, journeys: list[Journey]) -> None:
        for journey in journeys:
            self._versions[journey.journey_id, journey.version] = journey
            newest = self.newest.get(journey.journey_id)
            if newest is None or newest.version <= journey.version:
                self.newest[journey.journey_id] = journey
        # Until it is known who is on which.
        self._hear(self._versions.values())
        self._changed = True

    def _hear(self, heard: Collection[Journey]) -> None:
        known = _known_to(heard)
        self._noticing.journeys = bool(heard)
        self._noticing.names = known.names
        self._noticing.everything = known.everything
        self._noticing.stages = known.stages


class _Known(NamedTuple):
    """What some journeys know: folded names of events, whether any event may matter, and whether stages do."""

    names: frozenset[str]
    everything: bool
    stages: bool


def _known_to(journeys: Collection[Journey]) -> _Known:
    return _Known(
        frozenset().union(*(names_of(each) for each in journeys)),
        any(hears_all(each) for each in journeys),
        any(
            (each.goal is not None and bool(each.goal.stage)) or any(e.stage for e in each.entries)
            for each in journeys
        ),
    )


def _moving_as(moving: list[str]) -> dict[str, bytes | None]:
    return {MOVING: msgspec.msgpack.encode(moving) if moving else None}


def view_of(instance: Instance) -> InstanceView:
    """An instance, readable."""
    return InstanceView(
        instance_id=instance.instance_id,
        journey_id=instance.journey_id,
        version=instance.version,
        individual_id=instance.individual_id,
        key=instance.key,
        arm=instance.arm,
        status=instance.status,
        step=instance.step,
        entered_at=iso(instance.entered_at_us),
        moved_at=iso(instance.moved_at_us),
        wake_at=iso(instance.wake_at_us) if instance.wake_at_us else None,
        waiting=instance.waiting,
        contacts=instance.contacts,
        reason=instance.reason,
    )
