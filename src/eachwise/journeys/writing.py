"""Journeys → plain data that ``journeys_from`` reads back to the same journeys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from eachwise.contracts.journey import (
    Branch,
    Call,
    Decide,
    Do,
    Emit,
    Entry,
    Exit,
    Goal,
    Journey,
    Leave,
    Send,
    Split,
    Step,
    Update,
    Wait,
    WaitFor,
    WaitUntil,
)
from eachwise.journeys.words import duration_text, moment_text


def journeys_as_json(journeys: Iterable[Journey]) -> dict[str, Any]:
    """``{"journeys": […]}`` as people write it: durations as ``1d12h``, times as ``mon 09:00``, defaults left out."""
    return {"journeys": [_journey(each) for each in journeys]}


def _journey(journey: Journey) -> dict[str, Any]:
    entries = [_entry(each) for each in journey.entries]
    return _given(
        journey_id=journey.journey_id,
        version=journey.version,
        title=journey.title,
        paused=journey.paused,
        goal=_goal(journey.goal) if journey.goal else None,
        entry=entries[0] if len(entries) == 1 else entries,
        reentry=_reentry(journey),
        holdout=journey.holdout,
        exits=[_exit(each) for each in journey.exits],
        on_edit=_on_edit(journey),
        steps=[_step(each) for each in journey.steps],
    )


def _given(**values: Any) -> dict[str, Any]:
    """The values that say something."""
    return {name: value for name, value in values.items() if value}


def _goal(goal: Goal) -> dict[str, Any]:
    within = "" if goal.within_s == Goal().within_s else duration_text(goal.within_s)
    return _given(event=goal.event, stage=goal.stage, when=goal.when, within=within)


def _exit(way: Exit) -> dict[str, Any]:
    return _given(event=way.event, when=way.when, reason=way.reason)


def _entry(entry: Entry) -> dict[str, Any]:
    default = Entry()
    schedule = entry.schedule
    return _given(
        event=entry.event,
        stage=entry.stage,
        schedule=schedule
        and {"at": moment_text(schedule.at, schedule.weekdays), "timezone": schedule.timezone},
        catalog=entry.catalog,
        api=entry.api,
        key=entry.key,
        when=entry.when,
        people_max=entry.people_max if entry.people_max != default.people_max else 0,
    ) | ({"drop_min": entry.drop_min} if entry.drop_min != default.drop_min else {})


def _reentry(journey: Journey) -> Any:
    if journey.reentry == "after":
        return {"after": duration_text(journey.reentry_after_s)}
    return "" if journey.reentry == "once" else journey.reentry


def _on_edit(journey: Journey) -> Any:
    if journey.on_edit == "finish":
        return ""
    return {"move": dict(journey.moves)} if journey.moves else "move"


def _step(step: Step) -> dict[str, Any]:
    kind, value = _do(step.do)
    ways = _given(then=step.then, **{"else": step.otherwise})
    return {"id": step.step_id, kind: value, **ways}


def _do(do: Do) -> tuple[str, Any]:
    match do:
        case Decide():
            experiences = list(do.experiences)
            return "decide", _given(placement=do.placement, experiences=experiences) | _slot(do)
        case Send():
            asked = {"placement": do.placement, "experience": do.experience}
            return "send", asked | _slot(do)
        case Wait():
            return "wait", duration_text(do.seconds)
        case WaitUntil():
            return "wait_until", moment_text(do.at, do.weekdays)
        case WaitFor():
            within = duration_text(do.within_s)
            return "wait_for", _given(event=do.event, within=within, key=do.key, when=do.when)
        case Branch():
            return "branch", [{"when": each.when, "then": each.then} for each in do.cases]
        case Split():
            return "split", [{"share": each.share, "then": each.then} for each in do.shares]
        case Update():
            return "update", dict(do.traits)
        case Call():
            return "webhook", _given(url=do.url, body=dict(do.body))
        case Emit():
            return "emit", _given(event=do.event, properties=dict(do.properties))
        case Leave():
            return "exit", do.reason
        case _:
            assert_never(do)


def _slot(do: Decide | Send) -> dict[str, Any]:
    return {"within": duration_text(do.within_s), "send_time": do.send_time}
