"""Others play a recording: every policy with the engine's own learner, and whoever else can choose and learn.

The people, the visits, the luck, the filters and what is known of tastes are the recording's; choosing, learning and
fatigue are each player's own. No store and no events, so a decision costs a fraction of the engine's. What this leaves
out is that a player's own sends would teach it a little about tastes: the engine's default policy is played both ways,
and the proof says how near they come.

K = experiences in the layout's order, F = moving features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, Floats, Ints
from eachwise.contracts.learning import Exposure, Outcome
from eachwise.decide import Situation, with_model
from eachwise.decide.decider import compete
from eachwise.decide.features import (
    ALL_FATIGUE_HALF_LIFE_S,
    EXPERIENCE_FATIGUE_HALF_LIFE_S,
    named,
)
from eachwise.decide.layout import Layout
from eachwise.learn import PRIORS, Learner
from eachwise.maths.draws import sample
from eachwise.maths.hashing import stable_hash
from eachwise.proofs.world_record import Recording
from eachwise.proofs.world_stream import DAY_S, World
from eachwise.settings import Settings
from eachwise.worlds import SILENCE

DAY_US: Final = round(DAY_S * 1e6)
# Not one of the streams of ``decide.decider``: these choices are not the engine's.
_CHOICE_STREAM: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One decision to make.

    rows: (k,) the experiences that may be chosen, in ascending order; moving: (K, F) and recent: (K,) of all of them,
    with the player's own fatigue
    """

    person: int
    now_us: int
    seed: int
    rows: Ints
    moving: Floats
    recent: Floats


class Player(Protocol):
    """Whoever chooses and learns."""

    def choose(self, turn: Turn) -> tuple[int, float]:
        """The layout's row that is shown, ``SILENCE`` for none, and with what probability."""
        ...

    def learn(self, turn: Turn, row: int, probability: float, came: frozenset[Outcome]) -> None:
        """What came of showing a row."""
        ...

    def publish(self, now_us: int) -> None:
        """From now on decide with all that was learnt: for everybody once a simulated day, as the engine."""
        ...


def replay(world: World, recording: Recording, player: Player) -> Ints:
    """The experience that a player chooses at each decision (D,), the world's index, ``SILENCE`` for none."""
    layout, truth = recording.layout, world.truth
    fatigue = Fatigue(world.scenario.people, layout)
    choice = np.full(len(world.t), SILENCE, dtype=np.int64)
    published_us, learnt = -DAY_US, False
    for number, (person, t) in enumerate(zip(world.person.tolist(), world.t.tolist(), strict=True)):
        now_us = round(t * 1e6)
        if learnt and now_us - published_us >= DAY_US:
            player.publish(now_us)
            published_us, learnt = now_us, False
        moving = recording.moving[number].astype(np.float64)
        turn = Turn(
            person=person,
            now_us=now_us,
            seed=stable_hash(world.scenario.seed, person, number),
            rows=np.flatnonzero(recording.passed[number]),
            moving=moving,
            recent=fatigue.felt(person, t, moving),
        )
        row, probability = player.choose(turn)
        if row == SILENCE:
            continue
        choice[number] = shown = recording.world_of[row]
        fatigue.add(person, row)
        came: dict[Outcome, bool] = {
            "takeup": bool(truth.clicked[number, shown]),
            "purchase": bool(truth.purchased[number, shown]),
            "hide": bool(truth.hidden[number, shown]),
            "unsubscribe": bool(truth.unsubscribed[number, shown]),
        }
        outcomes = frozenset(outcome for outcome, happened in came.items() if happened)
        player.learn(turn, row, probability, outcomes)
        learnt = True
    return choice


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

    def felt(self, person: int, t: float, moving: Floats) -> Floats:
        """Write the features of fatigue at ``t`` into ``moving`` (K, F); returns each one's recent exposures (K,)."""
        age_s = t - self._at_s[person]
        self._at_s[person] = t
        self._recent[person] *= math.exp2(-age_s / EXPERIENCE_FATIGUE_HALF_LIFE_S)
        self._all[person] *= math.exp2(-age_s / ALL_FATIGUE_HALF_LIFE_S)
        recent: Floats = self._recent[person].copy()
        moving[:, self._columns[0]] = np.log1p(recent)
        moving[:, self._columns[1]] = math.log1p(self._all[person])
        return recent

    def add(self, person: int, row: int) -> None:
        """An exposure at the moment last asked about."""
        self._recent[person, row] += 1.0
        self._all[person] += 1.0


class EnginePlayer:
    """The engine's own scores, policies and learner."""

    def __init__(self, layout: Layout, settings: Settings) -> None:
        self._layout = layout
        self._settings = settings
        self._learner = Learner(settings.learn)
        self._explored: dict[int, list[int]] = {}
        self._nobody = AffinityVectors(**dict.fromkeys(_AFFINITIES, np.zeros(0)))
        self._plan = with_model(layout, self._learner.propensity_model(0), PRIORS)

    def choose(self, turn: Turn) -> tuple[int, float]:
        """As ``decide`` does once the filters have spoken."""
        if not len(turn.rows):
            return SILENCE, 1.0
        explored = [at for at in self._explored.get(turn.person, ()) if at > turn.now_us - DAY_US]
        situation = Situation(
            now_us=turn.now_us,
            plan=self._plan,
            affinity=self._nobody,
            showable=np.zeros(0, dtype=bool),
            scores=np.zeros(0),
            settings=self._settings.decide,
            seed=turn.seed,
            consent=(True, ""),
            explored=len(explored),
        )
        field = compete(situation, turn.rows, turn.moving, turn.recent)
        drawn = sample(field.probabilities, turn.seed, _CHOICE_STREAM)
        if field.priorities[drawn] < field.priorities.max():
            self._explored[turn.person] = [*explored, turn.now_us]
        row = SILENCE if drawn == len(turn.rows) else int(turn.rows[drawn])
        return row, float(field.probabilities[drawn])

    def learn(self, turn: Turn, row: int, probability: float, came: frozenset[Outcome]) -> None:
        """Into every head of the learner."""
        exposure = Exposure(
            decision_id="",
            experience_id=self._layout.experiences[row].experience_id,
            probability=probability,
            features=named(self._layout, row, turn.moving[row]),
            outcomes=came,
        )
        self._learner.learn([exposure])

    def publish(self, now_us: int) -> None:
        """The learner's next version decides."""
        _, model = self._learner.publish(self._learner.version + 1, now_us)
        self._plan = with_model(self._layout, model, PRIORS)


_AFFINITIES: Final = ("general", "general_sd", "moment", "moment_sd", "evidence", "declared")
