"""Who begins a journey: what begins it, whether a person may, from whom it is withheld, and the new instance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eachwise.contracts.journey import Entry, Happened, Instance, Journey, Share, WaitFor
from eachwise.journeys.scope import Knows, key_of, named, rule_of
from eachwise.maths.hashing import stable_hash
from eachwise.maths.times import iso
from eachwise.maths.words import fold_name

_HASHES = 2.0**63


class Entered(NamedTuple):
    """What an event begins: by which entry, and for which key."""

    entry: Entry
    key: str


def new_instance(
    journey: Journey,
    individual_id: str,
    key: str,
    now_us: int,
    facts: Mapping[str, Any],
    source: str,
) -> Instance:
    """An instance before its first step, to be given ``Begin``.

    ``source`` is what began it: a message's id, a schedule's slot, a request's id. The instance's id is a stable hash
    of journey, person, key and source, so that the same entry seen twice makes the same instance. ``facts``: what
    rules read, such as ``{"event": properties}``.
    """
    parts = (journey.journey_id, individual_id, key, source)
    # Two 63-bit hashes: an id that met another's would overwrite it.
    halves = (stable_hash(f"journey instance {half}", *parts) for half in (0, 1))
    return Instance(
        instance_id="".join(f"{half:016x}" for half in halves),
        journey_id=journey.journey_id,
        version=journey.version,
        individual_id=individual_id,
        key=key,
        arm="holdout" if withheld(journey, individual_id) else "treated",
        status="active",
        step="",
        path=0,
        entered_at_us=now_us,
        moved_at_us=now_us,
        wake_at_us=max(1, now_us),
        facts=dict(facts),
        arriving=True,
        entered=journey.version,
    )


def entered_by(journey: Journey, happened: Happened, knows: Knows) -> Entered | None:
    """The first entry that an event (or the stage that it raised the person to) fulfils, with the key; None: none.

    Where the entry names a key and the event has none, nothing begins. ``may_enter`` is asked after this.
    """
    name = fold_name(happened.event)
    for entry in journey.entries:
        by_event = bool(entry.event) and fold_name(entry.event) == name
        if not by_event and not (entry.stage and entry.stage == happened.stage):
            continue
        key = key_of(happened.properties, entry.key) if entry.key else ""
        if entry.key and not key:
            continue
        if not entry_holds(entry, happened.properties, knows):
            return Entered(entry, key)
    return None


def entry_holds(entry: Entry, properties: Mapping[str, Any], knows: Knows) -> str:
    """ "" where the entry's ``when`` holds of the person and these properties of what begins it, else why not."""
    if not entry.when:
        return ""
    key = key_of(properties, entry.key) if entry.key else ""
    return rule_of(entry.when).unmet(named(knows, properties, key=key))


def may_enter(journey: Journey, earlier: Sequence[Instance], key: str, now_us: int) -> str:
    """ "" where the person may begin it now, else why not, in words.

    ``earlier``: the person's instances, of this journey or any. Never are two of one key live at a time. ``once`` and
    ``after`` count all keys together.
    """
    if journey.paused:
        return "the journey is paused"
    mine = [each for each in earlier if each.journey_id == journey.journey_id]
    live = [each for each in mine if each.status == "active"]
    if any(each.key == key for each in live):
        return "is in it already" + (f" with key {key!r}" if key else "")
    if journey.reentry == "always" or not mine:
        return ""
    if journey.reentry == "once":
        return "was in it before, and may enter once"
    if live:
        return "is in it already with another key"
    free_us = max(each.ended_at_us for each in mine) + journey.reentry_after_s * 1_000_000
    return f"was in it before, and may enter again from {iso(free_us)}" if now_us < free_us else ""


def withheld(journey: Journey, individual_id: str) -> bool:
    """Whether the journey is withheld from this person: a stable hash of both, the same at every version."""
    drawn = stable_hash("journey holdout", journey.journey_id, individual_id) / _HASHES
    return drawn < journey.holdout


def share_of(journey_id: str, step_id: str, individual_id: str, shares: Sequence[Share]) -> str:
    """The step where a split sends this person: always the same, and independent of the holdout and other splits."""
    drawn = stable_hash("journey split", journey_id, step_id, individual_id) / _HASHES
    reached = 0.0
    for share in shares:
        reached += share.share
        if drawn < reached:
            return share.then
    return shares[-1].then


def names_of(journey: Journey) -> frozenset[str]:
    """The folded names of the events that entries, goal, exits and waits of a journey know."""
    named = [each.event for each in journey.entries] + [each.event for each in journey.exits]
    named += [journey.goal.event] if journey.goal else []
    named += [step.do.event for step in journey.steps if isinstance(step.do, WaitFor)]
    return frozenset(fold_name(name) for name in named if name)


def hears_all(journey: Journey) -> bool:
    """Whether any event of a person who is in it can matter: some exit is a rule without an event."""
    return any(not each.event for each in journey.exits)
