"""What the engine knew at each of its decisions in a world: what other policies and learners then decide from.

The engine plays the world once, from events. Of every decision these are kept: who passed the filters, the features of
each experience, and the person's affinities. Whoever plays the recording decides about the same people, with the same
knowledge of their tastes, and differs by what is learnt and how it is explored.

D = decisions, K = experiences in the layout's order, F = moving features, V = the world's attribute values,
H = the outcomes that people in the world answer with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from eachwise.bootstrap import Engine
from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.decision import Decided, Inputs
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.learning import Outcome
from eachwise.decide import Choice
from eachwise.decide.constraints import Evidence, apply_filters
from eachwise.decide.decider import features_of
from eachwise.decide.exposures import counted, exposures
from eachwise.decide.items import screen
from eachwise.decide.layout import Layout
from eachwise.decide.plan import FullHead, Plan
from eachwise.decide.propensity import plain_scores, score
from eachwise.decide.situation import Situation
from eachwise.flow.compose import Look, Versions, situation_of
from eachwise.proofs.world_play import play
from eachwise.proofs.world_stream import World
from eachwise.settings import Settings
from eachwise.worlds import SILENCE

# What people in the world do about an experience; nobody merely closes one.
ANSWERED: Final[tuple[Outcome, ...]] = ("takeup", "purchase", "hide", "unsubscribe")
# Single precision: 25,000 decisions have 17 million features.
Halves = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One world as the engine saw it.

    world_of:     (K,) the world's index of each experience of the layout
    moving:       (D, K, F) features; those of fatigue are of the engine's own sends
    passed:       (D, K) whether it passed the filters
    general:      (D, V) affinities, log-odds; 0 of a value that no item carries
    predicted:    (D, H) what the engine predicted of what it showed: P(outcome) in the order of ``ANSWERED``; NaN of
                  silence
    """

    layout: Layout
    world_of: Ints
    moving: Halves
    passed: Bools
    general: Halves
    predicted: Floats


class Recorder:
    """Watches an engine play a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._moving: list[Halves] = []
        self._passed: list[Bools] = []
        self._affinity: list[Halves] = []
        self._predicted: list[Floats] = []
        self._layout: Layout | None = None
        self._situation: Situation | None = None
        # Decisions since the plan changed: their numbers and the rows that were shown.
        self._plan: Plan | None = None
        self._shown: list[tuple[int, int]] = []

    def begin(self, engine: Engine) -> None:
        """See from now on what each decision is made from. It changes nothing about it."""
        pages = engine.core.deciding.pages
        inner = pages.choosing

        def watched(looked: Look, inputs: Inputs, versions: Versions, plan: Plan) -> Choice:
            self._situation = situation_of(looked, inputs, versions, plan)
            return inner(looked, inputs, versions, plan)

        pages.choosing = watched

    def keep(self, engine: Engine, decided: Decided) -> None:
        """Note the decision just made. Raises ``InvalidInput`` where none was seen."""
        situation = self._situation
        if situation is None:
            raise InvalidInput(f"decision {decided.decision_id} was not seen", field="decisions")
        layout = self._layout = situation.plan.layout
        moving, passed = _seen(situation)
        mask = np.zeros(len(layout.experiences), dtype=bool)
        mask[passed] = True
        self._moving.append(moving.astype(np.float32))
        self._passed.append(mask)
        self._affinity.append(self._of_world(situation))
        self._predicted.append(np.full(len(ANSWERED), np.nan))
        if situation.plan is not self._plan:
            self._predict()
            self._plan = situation.plan
        row = layout.row_of.get(decided.experience_id)
        if row is not None:
            self._shown.append((len(self._predicted) - 1, row))

    def _predict(self) -> None:
        """What the version in use until now predicted of what was shown with it, all at once."""
        if self._plan is None or not self._shown:
            return
        number, row = np.array(self._shown).T
        moving = np.stack([self._moving[each][at] for each, at in self._shown])
        found = predictions(self._plan, row, moving.astype(np.float64)).T
        for each, predicted in zip(number.tolist(), found, strict=True):
            self._predicted[each] = predicted
        self._shown.clear()

    def recording(self) -> Recording:
        """All that was noted."""
        layout = self._layout
        if layout is None:
            raise InvalidInput("nothing was decided", field="decisions")
        self._predict()
        return Recording(
            layout=layout,
            world_of=np.array(
                [
                    self._world.shop.experience_index(each.experience_id)
                    for each in layout.experiences
                ]
            ),
            moving=np.stack(self._moving),
            passed=np.stack(self._passed),
            general=np.stack(self._affinity),
            predicted=np.stack(self._predicted),
        )

    def _of_world(self, situation: Situation) -> Halves:
        """(V,): the affinities for the world's values."""
        column_of = situation.plan.layout.catalog.value_of
        names = self._world.shop.values
        found = np.zeros(len(names), dtype=np.float32)
        places = [place for place, name in enumerate(names) if name in column_of]
        columns = [column_of[names[place]] for place in places]
        found[places] = situation.affinity.general[columns]
        return found


def believed_against(world: World, recording: Recording, choice: Ints) -> Bools:
    """(D,): whether a choice runs against the person by what the engine knows at that person's last visit.

    What the filters bar by then, since it conflicts with an aversion that has become firm, or since the person hid it:
    the engine's own estimate of what it should not have sent, which needs no truth.
    """
    last = np.zeros(world.scenario.people, dtype=np.int64)
    last[world.person] = np.arange(len(choice))
    row_of = np.argsort(recording.world_of)
    allowed = recording.passed[last[world.person], row_of[np.maximum(choice, 0)]]
    return np.asarray(~allowed & (choice != SILENCE))


def predictions(plan: Plan, rows: Ints, moving: Floats) -> Floats:
    """(H, R): P(outcome) of rows of the layout, which may repeat, with their moving features (R, F)."""
    others = plain_scores(plan.others, rows, moving)
    takeup = score(of_rows(plan.takeup, rows), moving).probability
    found = {"takeup": takeup} | {name: others[at] for name, at in plan.others.rows.items()}
    return np.stack([found[outcome] for outcome in ANSWERED])


def of_rows(head: FullHead, rows: Ints) -> FullHead:
    """The head over rows of its own (R,), which may repeat: for scores, since its draws stay as they are."""
    return replace(
        head,
        fixed_mean=head.fixed_mean[rows],
        fixed_variance=head.fixed_variance[rows],
        cross=head.cross[rows],
    )


def _seen(situation: Situation) -> tuple[Floats, Ints]:
    """The features of every experience, and which rows passed the filters."""
    shown, confirmed = exposures(situation.contacts)
    every = counted(shown, situation.earlier, situation.reservations, confirmed, situation.now_us)
    screened = screen(situation)
    passed, _, _ = apply_filters(Evidence(situation=situation, shown=every, screen=screened))
    moving, _ = features_of(situation, shown, screened)
    return moving, passed


def record(world: World, settings: Settings) -> tuple[Ints, Recording]:
    """Let the engine play a world; its choices (D,) and what it knew."""
    recorder = Recorder(world)
    choice = play(world, settings, begin=recorder.begin, keep=recorder.keep)
    return choice, recorder.recording()
