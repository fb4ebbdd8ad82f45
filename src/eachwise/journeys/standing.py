"""Instances moved by other than their own triggers: put off, taken to a newer version, and when two people are one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eachwise.contracts.journey import (
    Decide,
    Instance,
    Journey,
    Moved,
    Send,
    Step,
    Wait,
    WaitFor,
    WaitUntil,
)
from eachwise.journeys.stepping import asking_of
from eachwise.maths.words import fold_name


def deferred(instance: Instance, wake_at_us: int) -> Instance:
    """A live instance with its timer at another time, such as the slot that the contact policy found."""
    if instance.status != "active":
        return instance
    return msgspec.structs.replace(instance, wake_at_us=max(1, wake_at_us))


def moved(instance: Instance, newer: Journey, now_us: int) -> Moved | None:
    """The instance on a newer version of its journey; None where it finishes its own.

    It stands at the step that ``moves`` names for its step, else at the one of the same id. Where that takes the same
    kind of time as before, it goes on as it was (a timer keeps its time, a contact its end). Any other step begins
    when the timer is next due, which is at once. Where there is no such step, it finishes its own version.
    """
    if instance.status != "active" or newer.on_edit == "finish":
        return None
    if newer.journey_id != instance.journey_id or newer.version <= instance.version:
        return None
    if not instance.step:
        return Moved(instance=msgspec.structs.replace(instance, version=newer.version))
    named = newer.moves.get(instance.step, instance.step)
    target = next((each for each in newer.steps if each.step_id == named), None)
    if target is None:
        return None
    there = msgspec.structs.replace(instance, version=newer.version, step=target.step_id)
    if named == instance.step and (stays := _goes_on(there, target)) is not None:
        return Moved(instance=stays)
    begins = msgspec.structs.replace(
        there, wake_at_us=max(1, now_us), waiting="", asking=None, arriving=True
    )
    return Moved(instance=begins)


def _goes_on(there: Instance, target: Step) -> Instance | None:
    """The instance where the step still waits for the same kind of thing; None where it has to begin anew."""
    do = target.do
    if there.asking is not None:
        if not isinstance(do, Decide | Send):
            return None
        asks = asking_of(do, there.asking.from_us)
        asks = msgspec.structs.replace(asks, until_us=there.asking.until_us)
        return msgspec.structs.replace(there, asking=asks)
    if there.waiting:
        if not isinstance(do, WaitFor):
            return None
        return msgspec.structs.replace(there, waiting=fold_name(do.event))
    return there if isinstance(do, Wait | WaitUntil) else None


def merged(
    kept: Sequence[Instance], gone: Sequence[Instance], target: str, now_us: int
) -> list[Instance]:
    """What to write when two people are one, called ``target``: the instances that change.

    All of ``gone`` become the target's. Of live ones of the same journey and key the one that has come furthest goes
    on (greatest ``path``; then entered earlier; then the smaller id), the others end as ``merged``. Where the
    first instance of a journey's version was withheld, it is the one that counts, and no other goes on. Which of the
    two people is kept makes no difference to who goes on.
    """
    first: dict[tuple[str, int], Instance] = {}
    for each in sorted((*kept, *gone), key=lambda each: (each.entered_at_us, each.instance_id)):
        first.setdefault(_edition(each), each)
    furthest: dict[tuple[str, str], Instance] = {}
    for each in (*kept, *gone):
        if each.status == "active" and first[_edition(each)].arm != "holdout":
            place = (each.journey_id, each.key)
            best = furthest.get(place)
            furthest[place] = each if best is None else min(best, each, key=_order)
    going_on = {each.instance_id for each in furthest.values()}
    written: list[Instance] = []
    for each in (*kept, *gone):
        after = msgspec.structs.replace(each, individual_id=target)
        if each.status == "active" and each.instance_id not in going_on:
            after = msgspec.structs.replace(
                after,
                status="merged",
                moved_at_us=now_us,
                ended_at_us=max(1, now_us),
                wake_at_us=0,
                waiting="",
                asking=None,
                arriving=False,
                reason=_instead(furthest.get((each.journey_id, each.key))),
            )
        if after != each:
            written.append(after)
    return written


def _edition(instance: Instance) -> tuple[str, int]:
    """The journey and the version at which it was entered, whose holdout it is counted by."""
    return instance.journey_id, instance.entered or instance.version


def _instead(goes_on: Instance | None) -> str:
    """Why an instance ended as merged."""
    return "withheld from this person" if goes_on is None else f"{goes_on.instance_id} goes on"


def _order(instance: Instance) -> tuple[int, int, str]:
    """The furthest first."""
    return -instance.path, instance.entered_at_us, instance.instance_id
