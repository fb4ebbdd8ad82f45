"""The engine's own scores and policies as a player of a recording: many decisions at once.

What one decision reads of the model, ``decide.decider.compete`` works out for one person; here the same functions get
n people's candidates one after the other, n · K of them. A test holds the two together.

n = decisions made at once, K = experiences in the layout's order, F = moving features, M = joint draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.decide import Plan
from eachwise.decide.arbitration import Worth, disconnect, priorities
from eachwise.decide.layout import Layout
from eachwise.decide.policies import SAMPLING, Scored, bounded, policy_named
from eachwise.decide.propensity import logit, plain_scores, score, sigmoid
from eachwise.maths.draws import choose, sample
from eachwise.proofs.world_lane import DAY_US, Turns
from eachwise.proofs.world_learner import JointLearner
from eachwise.proofs.world_record import of_rows
from eachwise.settings import DecideSettings, Settings
from eachwise.worlds import SILENCE

# Not those of ``decide.decider``: these draws are not the engine's.
_DRAWS_STREAM: Final = 5
_CHOICE_STREAM: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Competition:
    """n decisions over K experiences and silence, which is the last: priorities (n, K + 1), what may be explored
    (n, K + 1), and priorities under joint draws (M, n, K + 1), M = 0 where the policy asks for none.
    """

    priorities: Floats
    explorable: Bools
    sampled: Floats


class EnginePlayer:
    """Chooses as ``decide`` does once the filters have spoken."""

    def __init__(
        self, name: str, learner: JointLearner, layout: Layout, settings: Settings
    ) -> None:
        """``name``: under which the learner knows it."""
        self._name = name
        self._learner = learner
        self._hard = np.append(layout.hard, False)
        self._settings = settings.decide
        self._policy = policy_named(settings.decide.policy)
        self._explored: dict[int, list[int]] = {}

    def choose(self, turns: Turns) -> tuple[Ints, Floats]:
        """Drawn from the policy's probabilities, each decision by its own seed."""
        plan = self._learner.plan(self._name)
        field = competition(plan, turns, self._settings)
        rows = np.full(len(turns.seeds), SILENCE, dtype=np.int64)
        probabilities = np.ones(len(turns.seeds))
        competing = np.pad(turns.passed, ((0, 0), (0, 1)), constant_values=True)
        for place, seed in enumerate(turns.seeds):
            own = competing[place].nonzero()[0]
            found = self._probabilities(plan, field, place, own, turns)
            drawn = sample(found, seed, _CHOICE_STREAM)
            expected = field.priorities[place, own]
            if expected[drawn] < expected.max():
                self._explored.setdefault(int(turns.person[place]), []).append(
                    int(turns.now_us[place])
                )
            rows[place] = SILENCE if drawn == len(own) - 1 else own[drawn]
            probabilities[place] = found[drawn]
        return rows, probabilities

    def _probabilities(
        self, plan: Plan, field: Competition, place: int, own: Ints, turns: Turns
    ) -> Floats:
        """The policy's, within the bounds of exploration, over ``own`` (k,): rows that passed, and silence."""
        since_us = int(turns.now_us[place]) - DAY_US
        explored = self._explored.get(int(turns.person[place]), ())
        scored = Scored(
            priorities=field.priorities[place, own],
            sampled=field.sampled[:, place, own],
            explorable=field.explorable[place, own],
            updates=plan.updates,
        )
        count = sum(at_us > since_us for at_us in explored)
        return bounded(self._policy, scored, self._hard[own], count, self._settings)


def competition(plan: Plan, turns: Turns, settings: DecideSettings) -> Competition:
    """What n decisions are made from under one version of the model. Without costs, prices and lifetime values, which
    a simulated shop has none of.
    """
    layout, count = plan.layout, len(turns.seeds)
    size = len(layout.experiences)
    flat = turns.moving.reshape(count * size, -1)
    rows = np.tile(np.arange(size), count)
    takeup = score(of_rows(plan.takeup, rows), flat).probability.reshape(count, size)
    worth = _worth(plan, turns, rows, flat, takeup, settings)
    explorable = np.ones((count, size + 1), dtype=bool)
    explorable[:, :-1] = worth.gain(takeup) >= worth.p_disconnect
    sampled = np.zeros((0, count, size + 1))
    if settings.policy in SAMPLING:
        drawn = _sampled(plan, turns, logit(takeup), settings)
        sampled = priorities(worth, drawn)
    return Competition(priorities=priorities(worth, takeup), explorable=explorable, sampled=sampled)


def _worth(
    plan: Plan, turns: Turns, rows: Ints, flat: Floats, takeup: Floats, settings: DecideSettings
) -> Worth:
    """The factors, (n, K) each; ``p_disconnect`` in money already, times each decision's κ."""
    layout, heads = plan.layout, plan.others
    shape = takeup.shape
    found = plain_scores(heads, rows, flat).reshape(-1, *shape)
    purchase = found[heads.rows["purchase"]]
    harm = disconnect(
        found[heads.rows["hide"]],
        found[heads.rows["unsubscribe"]],
        found[heads.rows["dismiss"]],
        settings.dismiss_share,
    )
    # κ is in units of what a take-up of the candidates brings on average: those that passed.
    brings = np.where(turns.passed, layout.value + purchase * layout.margin, 0.0).sum(axis=1)
    kappa = settings.kappa * brings / np.maximum(turns.passed.sum(axis=1), 1)
    nothing = np.zeros(shape)
    return Worth(
        p_takeup=takeup,
        p_purchase=purchase,
        value=layout.value,
        margin=layout.margin,
        clv=nothing,
        lever=layout.lever,
        p_disconnect=kappa[:, None] * harm,
        kappa=1.0,
        fatigue=settings.fatigue_cost * turns.recent,
        cost=layout.cost,
        price=nothing,
    )


def _sampled(plan: Plan, turns: Turns, centre: Floats, settings: DecideSettings) -> Floats:
    """(M, n, K): P(take-up) under M joint draws that each decision's seed picks, as ``decide.propensity.sampled``."""
    head = plan.takeup
    chosen = np.array(
        [_chosen(len(head.fixed_draws), settings.thompson_draws, seed) for seed in turns.seeds]
    )
    logits = head.moving_draws[chosen] @ turns.moving.transpose(0, 2, 1)
    logits += head.fixed_draws[chosen]
    logits -= logits.mean(axis=2, keepdims=True)
    logits *= settings.thompson_scale
    logits += centre[:, None, :]
    return sigmoid(logits.transpose(1, 0, 2))


@lru_cache(maxsize=4096)
def _chosen(population: int, count: int, seed: int) -> list[int]:
    """The draws that a seed picks; players of one day ask for the same ones, one after the other."""
    return choose(population, count, seed, _DRAWS_STREAM)
