"""Journeys in memory, and where people stand in them."""

from __future__ import annotations

from collections import Counter, defaultdict
from heapq import nsmallest
from itertools import islice

from eachwise.adapters.memory.guarded import Guarded
from eachwise.adapters.memory.timetable import Timetable
from eachwise.contracts.journey import Instance, Journey, Status
from eachwise.contracts.ports import Commit, InstanceCount


class MemoryJourneys(Guarded):
    """The part of the store that journeys read."""

    def __init__(self) -> None:
        self._journeys: dict[tuple[str, int], Journey] = {}
        self._instances: dict[str, Instance] = {}
        self._instances_by_individual: defaultdict[str, set[str]] = defaultdict(set)
        self._live_by_individual: defaultdict[str, set[str]] = defaultdict(set)
        self._timers = Timetable()
        super().__init__()

    def _put_journeys(self, commit: Commit) -> None:
        self._journeys.update({(one.journey_id, one.version): one for one in commit.journeys})
        for instance_id, instance in commit.instances.items():
            self._forget_instance(instance_id)
            if instance is None:
                continue
            self._instances[instance_id] = instance
            self._instances_by_individual[instance.individual_id].add(instance_id)
            if instance.status != "active":
                continue
            self._live_by_individual[instance.individual_id].add(instance_id)
            if instance.wake_at_us > 0:
                self._timers.put(instance_id, instance.wake_at_us)

    def _forget_instance(self, instance_id: str) -> None:
        before = self._instances.pop(instance_id, None)
        if before is None:
            return
        for by_individual in (self._instances_by_individual, self._live_by_individual):
            mine = by_individual[before.individual_id]
            mine.discard(instance_id)
            if not mine:
                del by_individual[before.individual_id]
        self._timers.drop(instance_id)

    def _prune_instances(self, before_us: int) -> None:
        """Drop ended instances that moved last before a time, but neither the newest of a person, journey and key, nor
        a person's first of a journey."""
        first: dict[tuple[str, str], Instance] = {}
        for one in sorted(self._instances.values(), key=_by_entry):
            first.setdefault((one.individual_id, one.journey_id), one)
        ended = [one for one in self._instances.values() if one.status != "active"]
        ended.sort(key=lambda one: (one.moved_at_us, one.instance_id))
        newest = {(one.individual_id, one.journey_id, one.key): one.instance_id for one in ended}
        kept = {*newest.values(), *(one.instance_id for one in first.values())}
        for one in ended:
            if one.moved_at_us < before_us and one.instance_id not in kept:
                self._forget_instance(one.instance_id)

    def journeys(self) -> list[Journey]:
        """Every version of every journey, by id and version."""
        with self._lock:
            self._refuse_if_closed()
            return [self._journeys[place] for place in sorted(self._journeys)]

    def instance(self, instance_id: str) -> Instance | None:
        """One instance, or None."""
        self._refuse_if_closed()
        return self._instances.get(instance_id)

    def instances_of(
        self, individual_id: str, *, live: bool = False, journey_id: str | None = None
    ) -> list[Instance]:
        """A person's instances, or only those that are live, or of one journey, by (entered_at_us, instance_id)."""
        by_individual = self._live_by_individual if live else self._instances_by_individual
        with self._lock:
            self._refuse_if_closed()
            mine = (self._instances[one] for one in by_individual.get(individual_id, ()))
            wanted = [one for one in mine if journey_id in (None, one.journey_id)]
            return sorted(wanted, key=_by_entry)

    def instances_due(self, now_us: int, limit: int) -> list[Instance]:
        """Live instances whose timer is due, by (wake_at_us, instance_id)."""
        with self._lock:
            self._refuse_if_closed()
            return [self._instances[one] for one in islice(self._timers.until(now_us), limit)]

    def next_wake_us(self) -> int | None:
        """When the next timer of a live instance is due, or None."""
        with self._lock:
            self._refuse_if_closed()
            return self._timers.next_us()

    def instances_at(
        self,
        journey_id: str,
        *,
        status: Status | None = None,
        step: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[Instance]:
        """Instances of a journey by instance id, after one; only those of this status, at this step."""
        with self._lock:
            self._refuse_if_closed()
            wanted = (
                one
                for one in self._instances.values()
                if one.journey_id == journey_id
                and one.instance_id > after
                and (status is None or one.status == status)
                and (step is None or one.step == step)
            )
            return nsmallest(limit, wanted, key=lambda one: one.instance_id)

    def instance_counts(self, journey_id: str) -> list[InstanceCount]:
        """How many instances of a journey stand where, by (version, arm, status, step)."""
        with self._lock:
            self._refuse_if_closed()
            counted = Counter(
                (one.version, one.arm, one.status, one.step if one.status == "active" else "")
                for one in self._instances.values()
                if one.journey_id == journey_id
            )
        return [
            InstanceCount(version=version, arm=arm, status=status, step=step, count=count)
            for (version, arm, status, step), count in sorted(counted.items())
        ]

    def _live_instances(self) -> int:
        return sum(one.status == "active" for one in self._instances.values())


def _by_entry(instance: Instance) -> tuple[int, str]:
    return instance.entered_at_us, instance.instance_id
