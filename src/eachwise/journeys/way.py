"""The ways through a journey: named steps are there, every step can be reached, and no circle takes no time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter

from eachwise.contracts.journey import (
    Branch,
    Emit,
    Journey,
    Leave,
    Split,
    Step,
    Update,
    Wait,
    WaitFor,
    WaitUntil,
)
from eachwise.documents import Path, nearest
from eachwise.journeys.part import Part
from eachwise.maths.words import fold_name

TAKES_TIME = (Wait, WaitUntil, WaitFor)


def check_way(journey: Journey, part: Part) -> None:
    """Raises ``InvalidInput`` where a journey's steps do not fit together; ``part`` is what it was read from."""
    ids = [step.step_id for step in journey.steps]
    for position, step in enumerate(journey.steps):
        for below, target in _targets(step, part, position):
            _check_known(target, ids, part, "steps", position, *below)
    for old, new in journey.moves.items():
        _check_known(new, ids, part, "on_edit", "move", old)
    ways = {
        step.step_id: ways_from(journey.steps, place) for place, step in enumerate(journey.steps)
    }
    _check_reached(ids, ways, part)
    _check_circles(journey, ways, part)
    _check_keys(journey, part)
    _check_echoes(journey, part)


def ways_from(steps: Sequence[Step], place: int) -> list[str]:
    """The steps that may come after the one at this place."""
    return [way for way in ways_on(steps, place) if way]


def ways_on(steps: Sequence[Step], place: int) -> list[str]:
    """The same, with "" where the journey may end after it."""
    step = steps[place]
    after = steps[place + 1].step_id if place + 1 < len(steps) else ""
    match step.do:
        case Leave():
            ways = [""]
        case Split(shares=shares):
            ways = [share.then for share in shares]
        case Branch(cases=cases):
            ways = [case.then for case in cases] + [step.otherwise or step.then or after]
        case _:
            ways = [step.then or after, step.otherwise or step.then or after]
    return list(dict.fromkeys(ways))


def _targets(step: Step, part: Part, position: int) -> Iterator[tuple[Path, str]]:
    """Each step that a step names, with the path of the name."""
    if step.then:
        yield ("then",), step.then
    if step.otherwise:
        yield ("else",), step.otherwise
    if isinstance(step.do, Branch):
        for place, case in enumerate(step.do.cases):
            yield ("branch", place, "then"), case.then
    if isinstance(step.do, Split):
        for place, share in enumerate(step.do.shares):
            yield ("split", place, "then"), share.then


def _check_known(target: str, ids: Collection[str], part: Part, *below: str | int) -> None:
    if target not in ids:
        reason = f"unknown step {target!r}{nearest(target, ids)}; known: {', '.join(ids)}"
        raise part.fault(reason, *below)


def _check_reached(ids: list[str], ways: dict[str, list[str]], part: Part) -> None:
    reached: set[str] = set()
    ahead = [ids[0]]
    while ahead:
        step_id = ahead.pop()
        if step_id not in reached:
            reached.add(step_id)
            ahead += ways[step_id]
    for position, step_id in enumerate(ids):
        if step_id not in reached:
            reason = f"step {step_id!r} is never reached: name it in a then or else, or take it out"
            raise part.fault(reason, "steps", position)


def _check_circles(journey: Journey, ways: dict[str, list[str]], part: Part) -> None:
    """A circle needs a step that takes time; a contact may be answered at once."""
    at_once = {step.step_id for step in journey.steps if not isinstance(step.do, TAKES_TIME)}
    graph = {step_id: [way for way in ways[step_id] if way in at_once] for step_id in at_once}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # The sorter walks from what comes after to what came before.
        circle = list(reversed(error.args[1]))
        ids = [step.step_id for step in journey.steps]
        first = min(circle, key=ids.index)
        begin = circle.index(first)
        turned = [*circle[begin:-1], *circle[:begin], first]
        reason = (
            f"goes round without waiting ({' → '.join(turned)}): put a wait, wait_until or wait_for"
            " into the circle"
        )
        raise part.fault(reason, "steps", ids.index(first)) from None


def _check_keys(journey: Journey, part: Part) -> None:
    """A wait for the same key needs a key to compare with."""
    if any(entry.key or entry.api for entry in journey.entries):
        return
    for position, step in enumerate(journey.steps):
        if isinstance(step.do, WaitFor) and step.do.key:
            reason = "no entry has a key to compare with: add key to the entry"
            raise part.fault(reason, "steps", position, "wait_for", "key")


def _check_echoes(journey: Journey, part: Part) -> None:
    """A step's own event that moves or begins the same journey would go round for ever."""
    heard = {fold_name(step.do.event) for step in journey.steps if isinstance(step.do, WaitFor)}
    if journey.reentry != "once":
        heard |= {fold_name(entry.event) for entry in journey.entries if entry.event}
    for position, step in enumerate(journey.steps):
        kind, name = "", ""
        if isinstance(step.do, Emit):
            kind, name = "emit", fold_name(step.do.event)
        elif isinstance(step.do, Update):
            kind, name = "update", "identify"
        if name and name in heard:
            reason = f"logs {name!r}, which this journey itself waits for or begins with: it would go round for ever"
            raise part.fault(reason, "steps", position, kind)
