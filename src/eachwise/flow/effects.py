"""What a journey changed: everyone who entered it, treated or withheld, and what the log says became of them.

Goal, money, stages and disconnects are counted from the log within the goal's time after a person's first entry, for
both arms alike: whether the instance had ended, and what the engine did, is not asked. Whose time is not over is left
out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from eachwise.contracts.errors import NotFound
from eachwise.contracts.events import Action, LoggedEvent, Meaning
from eachwise.contracts.journey import Goal, Instance, Journey
from eachwise.contracts.ports import Clock, Store
from eachwise.contracts.relations import JourneyEffect
from eachwise.flow.catalogue import Catalogue
from eachwise.flow.contrasts import LEVEL, Became, effect_of
from eachwise.flow.drive import Flow
from eachwise.flow.histories import RESOLVED, Histories, sampled
from eachwise.flow.knowing import Known
from eachwise.flow.knowing import lookup_of as known_lookup
from eachwise.flow.lives import Walk
from eachwise.flow.noticing import name_of
from eachwise.flow.standings import RUNG, standing_at, standings
from eachwise.flow.taste import Tasting
from eachwise.individual.value import kept_orders
from eachwise.journeys import Knows, holds, lookup_of
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.times import iso
from eachwise.maths.words import fold_name
from eachwise.settings import Settings

_PAGE = 1_000
# A journey without a goal: what happened is counted for as long as goals have by default.
_NO_GOAL = Goal()
AGAINST = {
    Action.UNSUBSCRIBE: "unsubscribed",
    Action.HIDE: "hid",
    Action.COMPLAIN: "complained",
}


@dataclass(slots=True)
class _Entrant:
    """One person in a journey: the first instance, which decides the arm, and all instances together."""

    first: Instance
    arms: set[str] = field(default_factory=set)
    instance_ids: set[str] = field(default_factory=set)
    contacts: int = 0

    def take(self, instance: Instance) -> None:
        """One more instance of the person."""
        self.arms.add(instance.arm)
        self.instance_ids.add(instance.instance_id)
        self.contacts += instance.contacts
        if (instance.entered_at_us, instance.instance_id) < (
            self.first.entered_at_us,
            self.first.instance_id,
        ):
            self.first = instance


class Effects:
    """Answers ``GET /v1/journeys/{id}/effect``."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: Settings,
        catalogue: Catalogue,
        tasting: Tasting,
        histories: Histories,
        executor: Executor,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._catalogue = catalogue
        self._tasting = tasting
        self._histories = histories
        self._executor = executor

    def effect(self, journey_id: str) -> Flow[JourneyEffect]:
        """What the journey changed until now. Raises ``NotFound``."""
        every: list[Journey] = yield self._executor.submit(self._store.journeys)
        versions = {each.version: each for each in every if each.journey_id == journey_id}
        if not versions:
            raise NotFound(f"no journey {journey_id!r}")
        now_us = self._clock.now_us()
        entrants = yield from self._entrants(journey_id)
        people = sampled(entrants, self._settings.relations.people_max)
        left_out: dict[int, Counter[str]] = {version: Counter() for version in versions}
        asked: dict[str, tuple[_Entrant, Journey]] = {}
        for person in people:
            entrant = entrants[person]
            first = entrant.first
            journey = versions.get(first.entered or first.version)
            if journey is None:
                # Of a version that is not kept nothing is known, not even whom it was withheld from.
                left_out.setdefault(0, Counter())["their version is not kept"] += 1
            elif first.entered_at_us + _window_us(journey) > now_us:
                left_out[journey.version]["the goal's time is not over"] += 1
            else:
                asked[person] = entrant, journey

        def told(person: str, logged: list[LoggedEvent]) -> Became:
            return self._became(*asked[person], logged, now_us)

        became = yield from self._histories.each(list(asked), told)
        found: JourneyEffect = yield self._executor.submit(
            _found, journey_id, versions, became, left_out, len(entrants), len(people), now_us
        )
        return found

    def _entrants(self, journey_id: str) -> Flow[dict[str, _Entrant]]:
        """Everyone who has an instance of the journey, by today's identities."""
        found: dict[str, _Entrant] = {}
        after = ""
        while True:
            page: list[Instance] = yield self._executor.submit(self._page, journey_id, after)
            for place, instance in enumerate(page):
                if place % RESOLVED == RESOLVED - 1:
                    yield from self._histories.breathe()
                person = self._histories.person_of(instance.individual_id)
                entrant = found.setdefault(person, _Entrant(instance))
                entrant.take(instance)
            if len(page) < _PAGE:
                return found
            after = page[-1].instance_id

    def _page(self, journey_id: str, after: str) -> list[Instance]:
        return self._store.instances_at(journey_id, after=after, limit=_PAGE)

    def _became(
        self, entrant: _Entrant, journey: Journey, logged: Sequence[LoggedEvent], now_us: int
    ) -> Became:
        """What became of one person; on the executor."""
        first = entrant.first
        end_us = first.entered_at_us + _window_us(journey)
        watch = _Reached(self, first, journey.goal, end_us)
        # A goal's rule may ask for tastes; nothing else here hangs on them.
        tasted = journey.goal is not None and bool(journey.goal.when)
        walk = Walk(self._settings, self._catalogue.values_of if tasted else None)
        # What the journey's own steps logged is neither the person's doing nor a goal reached.
        theirs = [each for each in logged if _source(each) not in entrant.instance_ids]
        found = standings(theirs, now_us, self._settings, walk=walk, seen=watch.seen)
        before, after = standing_at(found, first.entered_at_us), standing_at(found, end_us)
        orders = [
            order.amount - refunded
            for order, refunded in kept_orders(walk.state)
            if first.entered_at_us < order.occurred_at_us <= end_us
        ]
        rungs = [RUNG[each.stage] if each else 0 for each in (before, after)]
        return Became(
            version=journey.version,
            withheld=first.arm == "holdout",
            crossed=len(entrant.arms) > 1,
            share=journey.holdout,
            reached=watch.reached,
            before=rungs[0],
            after=rungs[1],
            orders=len(orders),
            money=sum(orders),
            against=watch.against,
            instances=len(entrant.instance_ids),
            contacts=entrant.contacts,
        )

    def known(self, walk: Walk, at_us: int) -> Knows:
        """What rules may ask of a person as the events so far tell."""
        known = Known(walk.state, at_us, self._settings, self._catalogue, self._tasting)
        return Knows(lookup=known_lookup(known), local=known.local)


class _Reached:
    """Watches one person's events in the goal's time."""

    def __init__(self, effects: Effects, first: Instance, goal: Goal | None, end_us: int) -> None:
        self._effects = effects
        self._first = first
        self._goal = goal or _NO_GOAL
        self._event = fold_name(self._goal.event)
        self._end_us = end_us
        self.reached = False
        self.against: Counter[str] = Counter()

    def seen(
        self, walk: Walk, entry: LoggedEvent, meaning: Meaning, before: int, after: int
    ) -> None:
        """One event, and the rungs before and after it."""
        event = entry.event
        if not self._first.entered_at_us < event.occurred_at_us <= self._end_us:
            return
        if meaning.action in AGAINST:
            self.against[AGAINST[meaning.action]] += 1
        if self.reached:
            return
        goal = self._goal
        by_event = bool(goal.event) and name_of(event) == self._event
        # As the journey itself has it: a rise to the goal's stage, or beyond it.
        by_stage = bool(goal.stage) and after > before and after >= RUNG[goal.stage]
        if by_event or by_stage:
            knows = self._effects.known(walk, event.occurred_at_us)
            said = event.properties or event.traits
            self.reached = holds(goal.when, lookup_of(self._first, knows, said))


def _source(entry: LoggedEvent) -> str:
    """The instance whose step logged an event (``contracts.journey.Log``); of others' events no instance's id."""
    return entry.event.message_id.rpartition(":")[0]


def _window_us(journey: Journey) -> int:
    return (journey.goal or _NO_GOAL).within_s * MICROSECONDS


def _found(
    journey_id: str,
    versions: Mapping[int, Journey],
    became: Sequence[Became],
    left_out: Mapping[int, Counter[str]],
    people: int,
    read: int,
    now_us: int,
) -> JourneyEffect:
    total: Counter[str] = Counter()
    for some in left_out.values():
        total += some
    return JourneyEffect(
        journey_id=journey_id,
        at=iso(now_us),
        people=people,
        read=read,
        level=LEVEL,
        total=effect_of(0, became, total, any(each.goal for each in versions.values())),
        versions=[
            effect_of(
                version,
                [each for each in became if each.version == version],
                left_out[version],
                journey.goal is not None,
            )
            for version, journey in sorted(versions.items())
        ],
    )
