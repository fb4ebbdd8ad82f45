"""Journeys and where people stand in them."""

from __future__ import annotations

import msgspec

from eachwise.adapters.sqlite.reading import Tables
from eachwise.contracts.journey import Instance, Journey, Status
from eachwise.contracts.ports import InstanceCount

_instance = msgspec.msgpack.Decoder(Instance).decode
_journey = msgspec.msgpack.Decoder(Journey).decode


class JourneyTables(Tables):
    """The part of the store that journeys read."""

    def journeys(self) -> list[Journey]:
        """Every version of every journey, by id and version."""
        return [_journey(row[0]) for row in self._rows("journeys")]

    def instance(self, instance_id: str) -> Instance | None:
        """One instance, or None."""
        body = self._one("instance", instance_id)
        return None if body is None else _instance(body)

    def instances_of(
        self, individual_id: str, *, live: bool = False, journey_id: str | None = None
    ) -> list[Instance]:
        """A person's instances, or only those that are live, or of one journey, by (entered_at_us, instance_id)."""
        query = "instances_live_of" if live else "instances_of"
        return [_instance(row[0]) for row in self._rows(query, individual_id, journey_id)]

    def instances_due(self, now_us: int, limit: int) -> list[Instance]:
        """Live instances whose timer is due, by (wake_at_us, instance_id)."""
        return [_instance(row[0]) for row in self._rows("instances_due", now_us, limit)]

    def next_wake_us(self) -> int | None:
        """When the next timer of a live instance is due, or None."""
        wake_at_us: int | None = self._one("instances_next_wake")
        return wake_at_us

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
        rows = self._rows("instances_at", journey_id, after, status, step, limit)
        return [_instance(row[0]) for row in rows]

    def instance_counts(self, journey_id: str) -> list[InstanceCount]:
        """How many instances of a journey stand where, by (version, arm, status, step)."""
        return [
            InstanceCount(version=version, arm=arm, status=status, step=step, count=count)
            for version, arm, status, step, count in self._rows("instance_counts", journey_id)
        ]
