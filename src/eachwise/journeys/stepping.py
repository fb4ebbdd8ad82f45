"""``step``: where one person stands in a journey, and what happened → where the person stands then, and what to do.

A pure function: the same instance, trigger and knowledge give the same result. A trigger runs an instance on through
steps that take no time until it waits, asks for a contact or ends.

Order of what one trigger does: the contact's answer is noted; the goal; the exits; the step that it stands at.
An instance that has ended never moves again; one that is live always has a timer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

import msgspec

from eachwise.contracts.experience import STAGES
from eachwise.contracts.journey import (
    Answered,
    Asking,
    Begin,
    Branch,
    Call,
    Command,
    Decide,
    Due,
    Emit,
    Goal,
    Happened,
    Instance,
    Journey,
    Leave,
    Log,
    Moved,
    Post,
    Send,
    Split,
    Status,
    Step,
    Trigger,
    Update,
    Wait,
    WaitFor,
    WaitUntil,
)
from eachwise.journeys.entering import share_of
from eachwise.journeys.scope import Knows, holds, key_of, lookup_of, name_of
from eachwise.maths.words import fold_name
from eachwise.rules import Lookup

_SECOND_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK_DAYS = 7
_Pausing = Decide | Send | Wait | WaitUntil | WaitFor
_Acting = Update | Call | Emit


def step(journey: Journey, instance: Instance, trigger: Trigger, knows: Knows) -> Moved:
    """What one trigger makes of an instance. ``journey`` is the version that the instance is on.

    Triggers that do not concern it (a timer before its time, another event, an answer that nobody asked for) leave it
    as it is. Raises only what ``knows`` raises.
    """
    if instance.status != "active":
        return Moved(instance=instance)
    match trigger:
        case Begin():
            return _begin(journey, instance, trigger, knows)
        case Due():
            return _due(journey, instance, trigger, knows)
        case Happened():
            return _happened(journey, instance, trigger, knows)
        case Answered():
            return _answered(journey, instance, trigger, knows)


# -- triggers ----------------------------------------------------------------------------------------------


def _begin(journey: Journey, instance: Instance, trigger: Begin, knows: Knows) -> Moved:
    if instance.step or not instance.arriving:
        return Moved(instance=instance)
    if trigger.withheld:
        held = msgspec.structs.replace(instance, arm="holdout")
        return Moved(instance=_ended(held, "holdout", trigger.now_us))
    instance = msgspec.structs.replace(instance, arm="treated")
    if (left := _left(journey, instance, trigger.now_us, knows)) is not None:
        return Moved(instance=left)
    first = journey.steps[0].step_id if journey.steps else ""
    return _run(journey, instance, first, trigger.now_us, knows)


def _due(journey: Journey, instance: Instance, trigger: Due, knows: Knows) -> Moved:
    now_us = trigger.now_us
    if instance.asking is not None or now_us < instance.wake_at_us:
        return Moved(instance=instance)
    if not instance.step:
        # Its entry was stored and never carried out.
        begin = Begin(now_us=now_us, withheld=instance.arm == "holdout")
        return _begin(journey, instance, begin, knows)
    if (left := _left(journey, instance, now_us, knows)) is not None:
        return Moved(instance=left)
    if instance.arriving:
        return _run(journey, instance, instance.step, now_us, knows)
    here = _step_named(journey, instance.step)
    if here is None:
        return Moved(instance=_lost(journey, instance, instance.step, now_us))
    came = not isinstance(here.do, WaitFor)
    return _run(journey, instance, _next(journey, here, came=came), now_us, knows)


def _happened(journey: Journey, instance: Instance, trigger: Happened, knows: Knows) -> Moved:
    now_us, name = trigger.now_us, fold_name(trigger.event)
    lookup = lookup_of(instance, knows, trigger.properties)
    if journey.goal is not None and _reached(journey.goal, name, trigger.stage, lookup):
        reached = msgspec.structs.replace(instance, goal_at_us=max(1, now_us))
        return Moved(instance=_ended(reached, "goal", now_us))
    if (left := _left(journey, instance, now_us, knows, name, trigger.properties)) is not None:
        return Moved(instance=left)
    if not instance.waiting or instance.waiting != name:
        return Moved(instance=instance)
    here = _step_named(journey, instance.step)
    if here is None or not isinstance(here.do, WaitFor):
        return Moved(instance=_lost(journey, instance, instance.step, now_us))
    wanted = here.do
    # An instance without a key has the same key as nothing.
    if wanted.key and key_of(trigger.properties, wanted.key) != (instance.key or None):
        return Moved(instance=instance)
    if not holds(wanted.when, lookup):
        return Moved(instance=instance)
    return _run(journey, instance, _next(journey, here, came=True), now_us, knows)


def _answered(journey: Journey, instance: Instance, trigger: Answered, knows: Knows) -> Moved:
    if instance.asking is None:
        return Moved(instance=instance)
    sent = trigger.outcome == "sent"
    contact = {
        "outcome": trigger.outcome,
        "experience": trigger.experience_id,
        "reason": trigger.reason,
        "decision": trigger.decision_id,
    }
    instance = msgspec.structs.replace(
        instance,
        asking=None,
        contacts=instance.contacts + sent,
        facts={**instance.facts, "contact": contact},
    )
    if (left := _left(journey, instance, trigger.now_us, knows)) is not None:
        return Moved(instance=left)
    here = _step_named(journey, instance.step)
    if here is None:
        return Moved(instance=_lost(journey, instance, instance.step, trigger.now_us))
    return _run(journey, instance, _next(journey, here, came=sent), trigger.now_us, knows)


# -- goal and exits ----------------------------------------------------------------------------------------


def _reached(goal: Goal, name: str, stage: str, lookup: Lookup) -> bool:
    """Whether what happened is the goal; a stage beyond the goal's reaches it too."""
    by_event = bool(goal.event) and fold_name(goal.event) == name
    by_stage = bool(goal.stage and stage in STAGES) and (
        STAGES.index(stage) >= STAGES.index(goal.stage)
    )
    return (by_event or by_stage) and holds(goal.when, lookup)


def _left(
    journey: Journey,
    instance: Instance,
    now_us: int,
    knows: Knows,
    name: str = "",
    properties: Mapping[str, Any] | None = None,
) -> Instance | None:
    """The instance as it leaves by the first exit that holds; None where it stays."""
    lookup = lookup_of(instance, knows, properties)
    for way in journey.exits:
        if way.event and fold_name(way.event) != name:
            continue
        if holds(way.when, lookup):
            return _ended(instance, "exited", now_us, way.reason or way.event or way.when)
    return None


def _lost(journey: Journey, instance: Instance, step_id: str, now_us: int) -> Instance:
    """Its step is not one of the journey's: it was given another version than its own."""
    reason = f"step {step_id!r} is not in version {journey.version}"
    return _ended(instance, "exited", now_us, reason)


def _ended(instance: Instance, status: Status, now_us: int, reason: str = "") -> Instance:
    return msgspec.structs.replace(
        instance,
        status=status,
        moved_at_us=now_us,
        ended_at_us=max(1, now_us),
        wake_at_us=0,
        waiting="",
        asking=None,
        arriving=False,
        reason=reason,
    )


# -- steps -------------------------------------------------------------------------------------------------


def _run(journey: Journey, instance: Instance, step_id: str, now_us: int, knows: Knows) -> Moved:
    """Begin this step and all that follow it at once; "" is the journey's end."""
    commands: list[Command] = []
    at = msgspec.structs.replace(
        instance, waiting="", asking=None, arriving=False, moved_at_us=now_us
    )
    while step_id:
        here = _step_named(journey, step_id)
        if here is None:
            return Moved(instance=_lost(journey, at, step_id, now_us), commands=tuple(commands))
        at = msgspec.structs.replace(at, step=step_id, path=at.path + 1)
        do = here.do
        match do:
            case Leave():
                ended = _ended(at, "completed", now_us, do.reason)
                return Moved(instance=ended, commands=tuple(commands))
            case Decide() | Send() | Wait() | WaitUntil() | WaitFor():
                rests = _resting(at, do, now_us, knows)
                return Moved(instance=rests, commands=tuple(commands))
            case Update() | Call() | Emit():
                commands.append(_command(at, do, lookup_of(at, knows)))
                step_id = _next(journey, here, came=True)
            case Branch():
                lookup = lookup_of(at, knows)
                ways = (case.then for case in do.cases if holds(case.when, lookup))
                step_id = next(ways, "") or _next(journey, here, came=False)
            case Split():
                step_id = share_of(journey.journey_id, step_id, at.individual_id, do.shares)
            case _:
                assert_never(do)
    return Moved(instance=_ended(at, "completed", now_us), commands=tuple(commands))


def _resting(at: Instance, do: _Pausing, now_us: int, knows: Knows) -> Instance:
    """The instance as it stands at a step that takes time."""
    match do:
        case Wait():
            wake_us = now_us + do.seconds * _SECOND_US
        case WaitUntil():
            wake_us = next_moment(do.at, do.weekdays, now_us, knows)
        case WaitFor():
            at = msgspec.structs.replace(at, waiting=fold_name(do.event))
            wake_us = now_us + do.within_s * _SECOND_US
        case Decide() | Send():
            at = msgspec.structs.replace(at, asking=asking_of(do, now_us))
            wake_us = now_us
        case _:
            assert_never(do)
    return msgspec.structs.replace(at, wake_at_us=max(1, wake_us))


def asking_of(do: Decide | Send, now_us: int) -> Asking:
    """The contact that a step asks for, from now on."""
    experiences = do.experiences if isinstance(do, Decide) else (do.experience,)
    until_us = now_us + do.within_s * _SECOND_US
    return Asking(do.placement, experiences, until_us, now_us, do.send_time)


def _command(at: Instance, do: _Acting, lookup: Lookup) -> Command:
    """What a step has done outside; its id is the same whenever this step of this instance is computed again."""
    effect_id = f"{at.instance_id}:{at.path}"
    match do:
        case Update():
            traits = _filled(do.traits, lookup)
            return Log(effect_id=effect_id, step=at.step, event="identify", traits=traits)
        case Emit():
            properties = _filled(do.properties, lookup)
            return Log(effect_id=effect_id, step=at.step, event=do.event, properties=properties)
        case Call():
            body = {
                "journey_id": at.journey_id,
                "version": at.version,
                "step": at.step,
                "instance_id": at.instance_id,
                "individual_id": at.individual_id,
                "key": at.key,
                "body": _filled(do.body, lookup),
            }
            return Post(effect_id=effect_id, step=at.step, url=do.url, body=body)


def _filled(value: Any, lookup: Lookup) -> Any:
    """A value with each ``{from: NAME}`` in it replaced by what the name stands for, null where it is not known."""
    if isinstance(value, list):
        return [_filled(each, lookup) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"from"}:
        return lookup(name_of(value["from"]))
    return {name: _filled(each, lookup) for name, each in value.items()}


def next_moment(at: int, weekdays: tuple[int, ...], now_us: int, knows: Knows) -> int:
    """When the person's clock next shows ``at`` minutes after midnight on one of the weekdays, in µs; after ``now_us``.

    Where the person's zone is not known: by UTC. A time that a change to summer time skips comes as much later; of one
    that comes twice it is the first.
    """
    local = knows.local(now_us) or _EPOCH + timedelta(microseconds=now_us)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    # Days are added to the wall clock, so that the hour stays where a day has 23 or 25. One more than a week: today's
    # may have passed.
    moments = (midnight + timedelta(days=days, minutes=at) for days in range(_WEEK_DAYS + 1))
    wanted = (each for each in moments if not weekdays or each.weekday() in weekdays)
    times_us = ((each.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1) for each in wanted)
    return min(time_us for time_us in times_us if time_us > now_us)


# -- the way -----------------------------------------------------------------------------------------------


def _step_named(journey: Journey, step_id: str) -> Step | None:
    return next((each for each in journey.steps if each.step_id == step_id), None)


def _next(journey: Journey, here: Step, *, came: bool) -> str:
    """The step after this one, "" where it is the last. ``came``: what was waited or asked for came about."""
    named = here.then if came else here.otherwise or here.then
    if named:
        return named
    place = journey.steps.index(here) + 1
    return journey.steps[place].step_id if place < len(journey.steps) else ""
