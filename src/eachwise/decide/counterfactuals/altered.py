"""A situation altered for one experience: over another layout, or with a filter taken off it, all else being equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from eachwise.decide.constraints import HIDDEN_EXPERIENCE, Evidence
from eachwise.decide.exposures import lately
from eachwise.decide.items import screen
from eachwise.decide.situation import Situation

_EVER_US = 2**62


def evidence_of(situation: Situation) -> Evidence:
    """What the filters look at."""
    return Evidence(situation=situation, shown=lately(situation)[1], screen=screen(situation))


def spared(label: str, situation: Situation, row: int) -> Situation:
    """The situation in which this filter lets the experience through, all else being equal."""
    return _SPARED[label](situation, row)


def with_layout(situation: Situation, **changes: Any) -> Situation:
    """The situation over a changed layout."""
    plan = situation.plan
    return replace(situation, plan=replace(plan, layout=replace(plan.layout, **changes)))


def unending(situation: Situation, row: int) -> Situation:
    """The experience neither starts nor ends."""
    layout = situation.plan.layout
    starts, ends = list(layout.starts_us), list(layout.ends_us)
    starts[row], ends[row] = -_EVER_US, _EVER_US
    return with_layout(situation, starts_us=tuple(starts), ends_us=tuple(ends))


def _unguarded(situation: Situation, row: int) -> Situation:
    layout = situation.plan.layout
    ruled = [
        each._replace(rows=tuple(bound for bound in each.rows if bound != row))
        for each in layout.ruled
    ]
    return with_layout(
        situation,
        guarded=tuple(each for each in layout.guarded if each != row),
        ruled=tuple(each for each in ruled if each.rows),
    )


def _uncapped(situation: Situation, row: int) -> Situation:
    caps = situation.plan.layout.caps
    of_rows = {
        what: tuple(each for each in bound if each[0] != row)
        for what, bound in caps.of_rows.items()
    }
    return with_layout(situation, caps=replace(caps, shared=(), of_rows=of_rows))


def _alone(situation: Situation, row: int) -> Situation:
    layout = situation.plan.layout
    own = layout.experiences[row]
    left = [
        each
        for each in situation.taken
        if each != own.experience_id and not (own.group and layout.group_of.get(each) == own.group)
    ]
    return replace(situation, taken=left)


def _unconflicting(situation: Situation, row: int) -> Situation:
    carriers = {
        value: tuple(each for each in rows if each != row)
        for value, rows in situation.plan.layout.carriers.items()
    }
    return with_layout(situation, carriers=carriers)


def _without_items(situation: Situation, row: int) -> Situation:
    """It asks for no items any more, and so needs none."""
    layout = situation.plan.layout
    experiences = list(layout.experiences)
    experiences[row] = msgspec.structs.replace(experiences[row], items=None)
    querying = layout.querying.copy()
    querying[row] = False
    return with_layout(situation, experiences=tuple(experiences), querying=querying)


def _less(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in mapping.items() if each != name}


def _name(situation: Situation, row: int) -> str:
    return situation.plan.layout.experiences[row].experience_id


_SPARED: Mapping[str, Callable[[Situation, int], Situation]] = {
    "asked": lambda situation, row: replace(
        situation, only=[*(situation.only or ()), _name(situation, row)]
    ),
    "schedule": unending,
    "eligibility": _unguarded,
    "consent": lambda situation, _: replace(situation, consent=(True, "")),
    "quiet_hours": lambda situation, _: with_layout(situation, quiet=()),
    "suppression": lambda situation, row: replace(
        situation, hidden=_less(situation.hidden, HIDDEN_EXPERIENCE + _name(situation, row))
    ),
    "frequency": _uncapped,
    "taken": _alone,
    "budget": lambda situation, row: replace(
        situation, exhausted=_less(situation.exhausted, _name(situation, row))
    ),
    "conflict": _unconflicting,
    "no_items": _without_items,
}
