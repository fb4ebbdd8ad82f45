"""One world and its visits, as the engine and every method beside it will meet them: the same people, moments, luck.

D = decisions, E = experiences, P = people. A decision falls at the end of a visit's browsing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec
import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.errors import InvalidInput
from eachwise.maths.times import parse_time_us
from eachwise.worlds import SILENCE, FrozenFoodShop

RawEvent = dict[str, Any]

DAY_S = 86_400.0
# A longer world is a larger shop, and not an older one: about so many decisions a person, or fewer.
DECISIONS_A_PERSON: Final = 25
PEOPLE_MIN: Final = 1000
# The history is packed in parts of so many events.
_EVENTS_AT_ONCE = 500
# Responses to all experiences are asked of the world for so many visits at once.
_VISITS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What is played: a world's seed and size, days of browsing before the first decision, and how many decisions.

    ``people`` 0: one for every 25 decisions, and at least 1,000.
    """

    seed: int
    decisions: int
    people: int = 0
    history_days: float = 60.0

    def __post_init__(self) -> None:
        """Refuse a scenario in which nothing happens."""
        if self.decisions < 2:
            raise InvalidInput("decisions must be at least 2", field="decisions")
        if not self.people:
            people = max(PEOPLE_MIN, self.decisions // DECISIONS_A_PERSON)
            object.__setattr__(self, "people", people)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One visit: who, the visit's number with that person, its events in time order, and when they are over.

    The events are kept as msgpack, a tenth of what they need as dictionaries.
    """

    person: int
    number: int
    packed: bytes
    end_us: int

    @classmethod
    def of(cls, person: int, number: int, events: list[RawEvent]) -> Visit:
        """The visit of these events."""
        packed = msgspec.msgpack.encode(events)
        return cls(person=person, number=number, packed=packed, end_us=time_us(events[-1]))

    @property
    def events(self) -> list[RawEvent]:
        """Its raw events, made anew each time."""
        found: list[RawEvent] = msgspec.msgpack.decode(self.packed)
        return found


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What would come back at each decision from each experience, (D, E).

    money: EUR that it brings. expected: EUR that it brings on average, of all the luck there could be.
    chance: P(click). conflicting: whether it runs against the person's true taste.
    """

    clicked: Bools
    purchased: Bools
    hidden: Bools
    unsubscribed: Bools
    money: Floats
    expected: Floats
    chance: Floats
    conflicting: Bools


@dataclass(frozen=True, kw_only=True)
class World:
    """A shop, the browsing before, the visits that end in a decision each, and the truth about those.

    packed: the history, in parts kept as msgpack
    person, number: (D,) of the visits. t: (D,) Unix seconds of the decisions.
    """

    scenario: Scenario
    shop: FrozenFoodShop
    packed: list[bytes]
    visits: list[Visit]
    person: Ints
    number: Ints
    t: Floats
    truth: Truth

    @property
    def begins_s(self) -> float:
        """When the history ends and visits begin to be decided for, Unix seconds."""
        return begins_s(self.shop, self.scenario)

    @property
    def history(self) -> Iterator[RawEvent]:
        """The browsing before the first decision: raw events in time order, made anew each time."""
        for part in self.packed:
            yield from msgspec.msgpack.decode(part)


def build_world(scenario: Scenario) -> World:
    """The world of a scenario; equal scenarios give equal worlds, number for number."""
    shop = FrozenFoodShop(seed=scenario.seed, people=scenario.people)
    visits = _first_visits(shop, scenario)
    person = np.array([visit.person for visit in visits], dtype=np.int64)
    number = np.array([visit.number for visit in visits], dtype=np.int64)
    t = np.array([visit.end_us for visit in visits]) / 1e6
    return World(
        scenario=scenario,
        shop=shop,
        packed=_history(shop, scenario),
        visits=visits,
        person=person,
        number=number,
        t=t,
        truth=_truth(shop, person, number, t),
    )


def begins_s(shop: FrozenFoodShop, scenario: Scenario) -> float:
    """When the history ends, Unix seconds."""
    return shop.settings.opened_at_s + scenario.history_days * DAY_S


def time_us(event: RawEvent) -> int:
    """When a raw event says it happened, microseconds since 1970-01-01 UTC."""
    return parse_time_us(event["timestamp"])


def person_of(event: RawEvent) -> int:
    """Whose event it is: the world writes it into its message ids, frozen-SEED-PERSON-VISIT-PLACE."""
    return int(event["messageId"].rsplit("-", 3)[1])


def _history(shop: FrozenFoodShop, scenario: Scenario) -> list[bytes]:
    """What happened before the first visit, packed."""
    if scenario.history_days <= 0.0:
        return []
    events = shop.history(shop.settings.opened_at_s, scenario.history_days)
    found = []
    while part := list(islice(events, _EVENTS_AT_ONCE)):
        found.append(msgspec.msgpack.encode(part))
    return found


def _first_visits(shop: FrozenFoodShop, scenario: Scenario) -> list[Visit]:
    """The first visits after the history, in the order in which they end."""
    start, found = begins_s(shop, scenario), list[Visit]()
    while len(found) < scenario.decisions:
        found += _visits_of_day(shop, start)
        start += DAY_S
    found.sort(key=lambda visit: (visit.end_us, visit.person, visit.number))
    return found[: scenario.decisions]


def _visits_of_day(shop: FrozenFoodShop, start: float) -> Iterator[Visit]:
    """The visits that begin in the day after ``start``. The world's message ids tell which events are of one visit."""
    events: dict[str, list[RawEvent]] = {}
    for event in shop.history(start, 1.0):
        events.setdefault(event["messageId"].rpartition("-")[0], []).append(event)
    begun = shop.visits(start, 1.0)
    for person, number in zip(begun.person.tolist(), begun.number.tolist(), strict=True):
        own = events.pop(f"frozen-{shop.settings.seed}-{person}-{number}")
        yield Visit.of(person, number, own)


def _truth(shop: FrozenFoodShop, person: Ints, number: Ints, t: Floats) -> Truth:
    """The world's answers to every experience at every decision."""
    parts = []
    for first in range(0, len(person), _VISITS_AT_ONCE):
        rows = slice(first, first + _VISITS_AT_ONCE)
        parts.append(shop.model.respond_to_all(person[rows], t[rows], number[rows]))
    return Truth(
        clicked=np.concatenate([part.clicked for part in parts]),
        purchased=np.concatenate([part.purchased for part in parts]),
        hidden=np.concatenate([part.hidden for part in parts]),
        unsubscribed=np.concatenate([part.unsubscribed for part in parts]),
        money=np.concatenate([part.value for part in parts]),
        expected=shop.expected_value(person, t),
        chance=shop.click_probability(person, t),
        conflicting=shop.conflict(person, t),
    )


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What came of one method's choices, (D,) each; ``person`` tells people of different worlds apart.

    ``value`` is the money that the truth expects of the choice: one order in a hundred decisions brings 20 EUR, and
    the luck of those orders would hide what was chosen; ``expected`` is the clicks that it expects. ``believed`` is 1
    where the engine itself finds, in the end, that the send ran against the person; NaN of whoever cannot tell.
    """

    seed: Ints
    person: Ints
    sent: Bools
    clicked: Bools
    purchased: Bools
    hidden: Bools
    conflicting: Bools
    value: Floats
    expected: Floats
    believed: Floats

    def part(self, rows: Bools) -> Outcomes:
        """The outcomes of some of the decisions."""
        return Outcomes(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @classmethod
    def join(cls, parts: list[Outcomes]) -> Outcomes:
        """The outcomes in several worlds, one after the other."""
        return cls(
            **{
                name: np.concatenate([getattr(part, name) for part in parts])
                for name in cls.__dataclass_fields__
            }
        )


def outcomes(world: World, choice: Ints, believed: Bools | None = None) -> Outcomes:
    """What choosing these experiences (D,) leads to; ``SILENCE`` sends nothing, and nothing comes back."""
    sent = choice != SILENCE
    rows, columns = np.arange(len(choice)), np.where(sent, choice, 0)
    truth = world.truth

    def of(table: Bools) -> Bools:
        return np.asarray(table[rows, columns] & sent)

    return Outcomes(
        seed=np.full(len(choice), world.scenario.seed),
        person=world.person + world.scenario.seed * world.scenario.people,
        sent=np.asarray(sent),
        clicked=of(truth.clicked),
        purchased=of(truth.purchased),
        hidden=of(truth.hidden),
        conflicting=of(truth.conflicting),
        value=np.where(sent, truth.expected[rows, columns], 0.0),
        expected=np.where(sent, truth.chance[rows, columns], 0.0),
        believed=np.full(len(choice), np.nan)
        if believed is None
        else np.where(sent, believed, 0.0),
    )
