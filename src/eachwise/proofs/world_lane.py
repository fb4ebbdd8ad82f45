"""Others play a recording: every policy with the engine's own learner, and whoever else can choose and learn.

The people, the visits, the luck, the filters and what is known of tastes are the recording's; choosing, learning and
fatigue are each player's own. No store and no events, so a decision costs a fraction of the engine's. What this leaves
out is that a player's own sends would teach it a little about tastes: the engine's default policy is played both ways,
and the proof says how near they come.

All players go through the world together, a day at a time, since what a day's decisions are made from is the same for
all of them. Nobody learns within a day, so a day's decisions for different people are made at once; a person's second
visit of the day comes after the first, whose exposure it feels.

n = decisions made at once, K = experiences in the layout's order, F = moving features.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.learning import Outcome
from eachwise.decide.features import ALL_FATIGUE_HALF_LIFE_S, EXPERIENCE_FATIGUE_HALF_LIFE_S
from eachwise.decide.layout import Layout
from eachwise.maths.hashing import stable_hash
from eachwise.proofs.world_record import Recording
from eachwise.proofs.world_stream import DAY_S, World
from eachwise.worlds import SILENCE

DAY_US: Final = round(DAY_S * 1e6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Decisions to make at once: of one day, no person twice.

    number: (n,) their numbers in the world; person, now_us: (n,); seeds: n of them
    passed: (n, K) what may be chosen; moving: (n, K, F) and recent: (n, K) with the player's own fatigue
    """

    number: Ints
    person: Ints
    now_us: Ints
    seeds: list[int]
    passed: Bools
    moving: Floats
    recent: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One experience that a player has shown: the decision's number, the layout's row, with what probability.

    moving: (F,) the row's features at that moment; came: what came of it
    """

    number: int
    row: int
    probability: float
    moving: Floats
    came: frozenset[Outcome]


class Player(Protocol):
    """Whoever chooses."""

    def choose(self, turns: Turns) -> tuple[Ints, Floats]:
        """((n,), (n,)): the layout's rows that are shown, ``SILENCE`` for none, and with what probabilities."""
        ...


class Learning(Protocol):
    """How players learn."""

    def learn(self, shown: Mapping[str, Sequence[Shown]]) -> None:
        """What came of all that each player has shown in a day, in the order of time; the next day is decided with it.

        Whoever has shown nothing is left out.
        """
        ...


def replay(
    world: World, recording: Recording, players: Mapping[str, Player], learning: Learning
) -> tuple[dict[str, Ints], dict[str, float]]:
    """What each player chooses at each decision (D,), the world's index, ``SILENCE`` for none; and the seconds that
    choosing took.
    """
    seats = {name: _Seat(world, recording, player) for name, player in players.items()}
    spent: dict[str, float] = defaultdict(float)
    for part in days(world.t):
        day = _Day.of(world, recording, part)
        shown = {}
        for name, seat in seats.items():
            began = time.perf_counter()
            shown[name] = seat.play(day)
            spent[name] += time.perf_counter() - began
        learning.learn({name: each for name, each in shown.items() if each})
    return {name: seat.choice for name, seat in seats.items()}, spent


def days(t: Floats) -> Iterator[slice]:
    """The decisions at times ``t`` (D,), ascending seconds, in runs that each end a day after their first."""
    first = 0
    while first < len(t):
        end = int(t.searchsorted(t[first] + DAY_S))
        yield slice(first, end)
        first = end


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """The decisions of a day as everybody meets them. ``rounds``: their places, each person's first visits first."""

    part: slice
    seeds: list[int]
    moving: Floats
    rounds: list[Ints]

    @classmethod
    def of(cls, world: World, recording: Recording, part: slice) -> _Day:
        person = world.person[part]
        met: dict[int, int] = defaultdict(int)
        turn = np.zeros(len(person), dtype=np.int64)
        for place, who in enumerate(person.tolist()):
            turn[place] = met[who]
            met[who] += 1
        numbers = range(part.start, part.stop)
        return cls(
            part=part,
            seeds=[
                stable_hash(world.scenario.seed, who, number)
                for who, number in zip(person.tolist(), numbers, strict=True)
            ],
            moving=recording.moving[part].astype(np.float64),
            rounds=[np.flatnonzero(turn == each) for each in range(int(turn.max()) + 1)],
        )


class _Seat:
    """One player at one recording, and what the player has chosen so far."""

    def __init__(self, world: World, recording: Recording, player: Player) -> None:
        self._world = world
        self._recording = recording
        self._player = player
        self._fatigue = Fatigue(world.scenario.people, recording.layout)
        self.choice = np.full(len(world.t), SILENCE, dtype=np.int64)

    def play(self, day: _Day) -> list[Shown]:
        """Decide a day's visits; what was shown, in the order of time."""
        shown = [each for places in day.rounds for each in self._round(day, places)]
        return sorted(shown, key=lambda each: each.number)

    def _round(self, day: _Day, places: Ints) -> list[Shown]:
        """Decide for different people; what was shown to them."""
        number = places + day.part.start
        person, t = self._world.person[number], self._world.t[number]
        moving = day.moving[places]
        turns = Turns(
            number=number,
            person=person,
            now_us=np.rint(t * 1e6).astype(np.int64),
            seeds=[day.seeds[place] for place in places.tolist()],
            passed=self._recording.passed[number],
            moving=moving,
            recent=self._fatigue.felt(person, t, moving),
        )
        rows, probabilities = self._player.choose(turns)
        sent = np.flatnonzero(rows != SILENCE)
        self._fatigue.add(person[sent], rows[sent])
        self.choice[number[sent]] = self._recording.world_of[rows[sent]]
        return [
            Shown(
                number=int(number[each]),
                row=int(rows[each]),
                probability=float(probabilities[each]),
                moving=moving[each, rows[each]],
                came=self._came(int(number[each])),
            )
            for each in sent.tolist()
        ]

    def _came(self, number: int) -> frozenset[Outcome]:
        """What the person does about what this player showed."""
        truth, shown = self._world.truth, self.choice[number]
        tables: dict[Outcome, Bools] = {
            "takeup": truth.clicked,
            "purchase": truth.purchased,
            "hide": truth.hidden,
            "unsubscribe": truth.unsubscribed,
        }
        return frozenset(outcome for outcome, table in tables.items() if table[number, shown])


class Fatigue:
    """What each person was shown lately, decayed as ``decide.features`` counts it."""

    def __init__(self, people: int, layout: Layout) -> None:
        self._recent = np.zeros((people, len(layout.experiences)))
        self._all = np.zeros(people)
        self._at_s = np.zeros(people)
        self._columns = (
            layout.moving_index["fatigue:experience"],
            layout.moving_index["fatigue:all"],
        )

    def felt(self, person: Ints, t: Floats, moving: Floats) -> Floats:
        """Write the features of fatigue of different people (n,) at ``t`` (n,) into ``moving`` (n, K, F); returns
        each experience's recent exposures (n, K).
        """
        age_s = t - self._at_s[person]
        self._at_s[person] = t
        self._recent[person] *= np.exp2(-age_s / EXPERIENCE_FATIGUE_HALF_LIFE_S)[:, None]
        self._all[person] *= np.exp2(-age_s / ALL_FATIGUE_HALF_LIFE_S)
        recent: Floats = self._recent[person]
        moving[:, :, self._columns[0]] = np.log1p(recent)
        moving[:, :, self._columns[1]] = np.log1p(self._all[person])[:, None]
        return recent

    def add(self, person: Ints, row: Ints) -> None:
        """Exposures of different people to these rows, at the moments last asked about."""
        self._recent[person, row] += 1.0
        self._all[person] += 1.0
