"""Recorded ways through a journey: what happened, what was looked up, what came of it; run again, it must be the same.

As JSON Lines: the journey and the instance as it began on the first line, then a line for each trigger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from eachwise.contracts.journey import Instance, Journey, Moved, Trigger
from eachwise.journeys.scope import Knows
from eachwise.journeys.stepping import step
from eachwise.maths.zones import zone_named
from eachwise.rules import Path

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder(order="deterministic").encode


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trigger: the names that the step looked up with their values, the person's zone if it asked, and the result.

    ``zone`` is "" where the step did not ask for the person's clock, None where that is not known.
    """

    trigger: Trigger
    looked_up: list[tuple[Path, Any]] = []
    zone: str | None = ""
    moved: Moved


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An instance of a journey from its beginning on."""

    journey: Journey
    instance: Instance
    told: list[Told] = []


class _Begun(msgspec.Struct, frozen=True, kw_only=True):
    journey: Journey
    instance: Instance


def record(
    journey: Journey,
    instance: Instance,
    triggers: Iterable[Trigger],
    knows: Callable[[Trigger], Knows],
) -> Recorded:
    """Take an instance through triggers in their order, and record what each did. ``knows``: what is known at one."""
    told: list[Told] = []
    at = instance
    for trigger in triggers:
        asked: dict[Path, Any] = {}
        zones: list[str | None] = []
        moved = step(journey, at, trigger, _noted(knows(trigger), asked, zones))
        zone = zones[0] if zones else ""
        looked_up = sorted(asked.items())
        told.append(Told(trigger=trigger, looked_up=looked_up, zone=zone, moved=moved))
        at = moved.instance
    return Recorded(journey=journey, instance=instance, told=told)


def replay(recorded: Recorded) -> list[str]:
    """Run a recorded way again; what came out otherwise than recorded, in words: empty where all is the same."""
    differences: list[str] = []
    at = recorded.instance
    for number, told in enumerate(recorded.told, start=1):
        moved = step(recorded.journey, at, told.trigger, _known(told))
        if moved != told.moved:
            differences.append(f"trigger {number}: {moved} instead of {told.moved}")
        at = told.moved.instance
    return differences


def to_lines(recorded: Recorded) -> str:
    """JSON Lines."""
    begun = _Begun(journey=recorded.journey, instance=recorded.instance)
    return "".join(_encode(each).decode() + "\n" for each in (begun, *recorded.told))


def from_lines(text: str) -> Recorded:
    """What ``to_lines`` wrote. Raises ``msgspec.ValidationError`` or ``msgspec.DecodeError`` for anything else."""
    first, *others = text.splitlines()
    begun = msgspec.json.decode(first, type=_Begun)
    told = [msgspec.json.decode(line, type=Told) for line in others]
    return Recorded(journey=begun.journey, instance=begun.instance, told=told)


def _noted(knows: Knows, asked: dict[Path, Any], zones: list[str | None]) -> Knows:
    """The same knowledge, with a note of what is asked of it."""

    def lookup(path: Path) -> object:
        asked[path] = knows.lookup(path)
        return asked[path]

    def local(now_us: int) -> datetime | None:
        moment = knows.local(now_us)
        zones.append(None if moment is None else str(moment.tzinfo))
        return moment

    return Knows(lookup=lookup, local=local)


def _known(told: Told) -> Knows:
    """What was known at a recorded trigger."""
    values = dict(told.looked_up)

    def local(now_us: int) -> datetime | None:
        zone = zone_named(told.zone) if told.zone else None
        moment = _EPOCH + timedelta(microseconds=now_us)
        return None if zone is None else moment.astimezone(zone)

    return Knows(lookup=values.get, local=local)
