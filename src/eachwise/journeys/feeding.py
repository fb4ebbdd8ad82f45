"""Journeys that feed each other: what one logs begins another, and so round, all at one moment and for ever.

An event that a step logs can move journeys on: it begins one, or ends a wait for it. Each such way, with what the
steps after it log before the next wait, is a ``Beat``. Beats can follow each other without end only where those that
happen but so often at one moment are not among them, which are those that

* begin a journey that a person may begin once, or again only after a time, or that is paused;
* hear what no other logs;
* end a wait to which no other leads;
* begin a journey that afterwards stands at a wait, where it cannot begin once more.

They are taken out until none is left to take out, since each may have kept others in. By induction a beat that is
taken out happens so often only; each that is left is fed by another that is left, and so they go round. Rules count
only where what a step logs shows that they never hold. A stage is no beat: it rises four times at most, and falls in
time. What somebody else sends (a webhook's receiver) is not seen here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from eachwise.contracts.experience import Placement
from eachwise.contracts.journey import Journey, Step, WaitFor
from eachwise.documents import Document, Path
from eachwise.journeys.foreseen import Foreseen, ever_new, foreseen_of, may_have_key, may_hold
from eachwise.journeys.way import TAKES_TIME, ways_on
from eachwise.maths.words import fold_name

ROOT = "journeys"


@dataclass(frozen=True, slots=True)
class Beside:
    """What journeys of a document are put beside: the newest versions in use, and what a delivery logs, by channel."""

    journeys: Mapping[str, Journey] = field(default_factory=dict)
    delivered: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """An event that a step logs; ``rests``: the waits that may come next after it, "" the journey's end."""

    place: int
    event: Foreseen
    rests: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Beat:
    """A way in which an event moves a journey on at once.

    step:      the wait that it ends; "" where it begins the journey
    name:      the event's folded name; ``key`` and ``when`` are those of the entry or the wait
    logs:      what the steps after it log before the next wait
    rests:     the waits that may come next, "" the journey's end
    """

    journey: Journey
    step: str
    name: str
    key: str
    when: str
    logs: tuple[Logged, ...]
    rests: frozenset[str]

    def hears(self, event: Foreseen) -> bool:
        """Whether such an event may move the journey so."""
        return (
            event.name == self.name
            and may_have_key(event.properties, self.key)
            and may_hold(self.when, event.properties)
        )


def check_feeding(
    put: Mapping[str, Journey],
    beside: Beside,
    placements: Mapping[str, Placement],
    document: Document,
) -> None:
    """Raises ``InvalidInput`` where journeys as ``put``, in the document's order, would feed each other for ever.

    A circle that was there before, among others alone, stands in nobody's way.
    """
    left = endless({**beside.journeys, **put}, placements, beside.delivered)
    if not left:
        return
    before = endless(beside.journeys, placements, beside.delivered)
    known = {(beat.journey.journey_id, beat.step) for beat in before}
    begins = [beat for beat in left if beat.journey.journey_id in put]
    begins += [beat for beat in left if (beat.journey.journey_id, beat.step) not in known]
    for beat in begins:
        circle = _circle(beat, left)
        if circle:
            raise document.fault(_path(put, circle[0]), _words(circle))


def endless(
    journeys: Mapping[str, Journey],
    placements: Mapping[str, Placement],
    delivered: Mapping[str, str],
) -> list[Beat]:
    """The beats that may follow each other without end at one moment; empty where all ends."""
    left = _beats(journeys.values(), placements, delivered)
    while True:
        logged: dict[str, list[Foreseen]] = {}
        for beat in left:
            for one in beat.logs:
                logged.setdefault(one.event.name, []).append(one.event)
        kept = [beat for beat in left if _again_and_again(beat, left, logged)]
        if len(kept) == len(left):
            return kept
        left = kept


# -- beats -------------------------------------------------------------------------------------------------


def _beats(
    journeys: Iterable[Journey],
    placements: Mapping[str, Placement],
    delivered: Mapping[str, str],
) -> list[Beat]:
    found: list[Beat] = []
    for journey in journeys:
        logged = [
            foreseen_of(journey.journey_id, step, placements, delivered) for step in journey.steps
        ]
        ways = _Ways(journey.steps, logged)
        first = journey.steps[0].step_id
        for entry in journey.entries:
            if entry.event:
                logs, rests = ways.after([first])
                name = fold_name(entry.event)
                found.append(Beat(journey, "", name, entry.key, entry.when, logs, rests))
        for place, step in enumerate(journey.steps):
            do = step.do
            if isinstance(do, WaitFor):
                logs, rests = ways.after(ways_on(journey.steps, place)[:1])
                name = fold_name(do.event)
                found.append(Beat(journey, step.step_id, name, do.key, do.when, logs, rests))
    return found


class _Ways:
    """The ways through a journey's steps that take no time."""

    def __init__(self, steps: Sequence[Step], logged: Sequence[Foreseen | None]) -> None:
        self._steps = steps
        self._logged = logged
        self._places = {step.step_id: place for place, step in enumerate(steps)}
        self._rests: dict[int, frozenset[str]] = {}

    def after(self, ahead: list[str]) -> tuple[tuple[Logged, ...], frozenset[str]]:
        """What is logged from these steps on, and where the journey then rests."""
        passed, rests = self._at_once(ahead)
        logs: list[Logged] = []
        for place in sorted(passed):
            event = self._logged[place]
            if event is not None:
                if place not in self._rests:
                    self._rests[place] = self._at_once(ways_on(self._steps, place))[1]
                logs.append(Logged(place, event, self._rests[place]))
        return tuple(logs), rests

    def _at_once(self, ahead: list[str]) -> tuple[set[int], frozenset[str]]:
        """The places of the steps that are passed at once, and where the ways end."""
        passed: set[int] = set()
        rests: set[str] = set()
        ahead = list(ahead)
        while ahead:
            step_id = ahead.pop()
            place = self._places.get(step_id)
            if place is None or isinstance(self._steps[place].do, TAKES_TIME):
                rests.add(step_id)
            elif place not in passed:
                passed.add(place)
                ahead += ways_on(self._steps, place)
        return passed, frozenset(rests)


# -- what goes on ------------------------------------------------------------------------------------------


def _again_and_again(
    beat: Beat, left: Sequence[Beat], logged: Mapping[str, Sequence[Foreseen]]
) -> bool:
    """Whether a beat may happen any number of times at one moment, if those that are left do and log these events."""
    if not any(map(beat.hears, logged.get(beat.name, ()))):
        return False
    journey = beat.journey
    if beat.step:
        return any(beat.step in other.rests for other in left if other.journey is journey)
    if journey.paused or journey.reentry != "always":
        return False
    return not _stays(beat, left, logged)


def _stays(beat: Beat, left: Sequence[Beat], logged: Mapping[str, Sequence[Foreseen]]) -> bool:
    """Whether an instance that has fed others is still live when they come round: of one key there is only one."""
    journey = beat.journey
    ends = [each.event for each in journey.exits]
    if journey.goal is not None and journey.goal.event:
        ends.append(journey.goal.event)
    if any(not event or fold_name(event) in logged for event in ends):
        return False
    # With ever new keys there is ever another instance.
    if beat.key and any(ever_new(one.properties) for some in logged.values() for one in some):
        return False
    passed = {other.step for other in left if other.journey is journey and other.step}
    if passed & beat.rests:
        return False
    fed = [one for one in beat.logs if any(other.hears(one.event) for other in left)]
    # A way that ends at "" leaves nothing live.
    return all(rest and rest not in passed for one in fed for rest in one.rests)


# -- in words ----------------------------------------------------------------------------------------------


def _circle(first: Beat, left: Sequence[Beat]) -> list[tuple[Beat, Logged]]:
    """The shortest way round from a beat to itself: each with what it logs for the next; empty where there is none."""
    came: dict[int, tuple[Beat, Logged]] = {}
    ahead = [first]
    for beat in ahead:
        for logged, other in _fed_by(beat, left):
            if id(other) not in came:
                came[id(other)] = (beat, logged)
                ahead.append(other)
    if id(first) not in came:
        return []
    circle = [came[id(first)]]
    while circle[0][0] is not first:
        circle.insert(0, came[id(circle[0][0])])
    return circle


def _fed_by(beat: Beat, left: Sequence[Beat]) -> Iterator[tuple[Logged, Beat]]:
    for logged in beat.logs:
        for other in left:
            if other.hears(logged.event):
                yield logged, other


def _path(put: Mapping[str, Journey], at: tuple[Beat, Logged]) -> Path:
    """The step that logs, where its journey is of the document."""
    beat, logged = at
    if beat.journey.journey_id not in put:
        return (ROOT,)
    position = list(put).index(beat.journey.journey_id)
    kind = str(beat.journey.steps[logged.place].do.__struct_config__.tag)
    return (ROOT, position, "steps", logged.place, kind)


def _words(circle: Sequence[tuple[Beat, Logged]]) -> str:
    following = [beat for beat, _ in (*circle[1:], circle[0])]
    ids = [beat.journey.journey_id for beat, _ in circle]
    way = " → ".join([*ids, ids[0]])
    many = len(set(ids)) > 1
    whole = f"journeys {way} feed each other" if many else f"journey {ids[0]} feeds itself"
    hops = [
        f"{beat.journey.journey_id} logs {logged.event.name!r}, which {_does(after)}"
        for (beat, logged), after in zip(circle, following, strict=True)
    ]
    fix = "put a wait or wait_until between"
    if any(not beat.step for beat in following):
        fix += ", or let one begin again only after a time, such as reentry: {after: 1h}"
    return f"{whole} without a wait: {'; '.join(hops)}: {fix}"


def _does(beat: Beat) -> str:
    journey_id = beat.journey.journey_id
    return f"ends the wait {beat.step!r} of {journey_id}" if beat.step else f"begins {journey_id}"
