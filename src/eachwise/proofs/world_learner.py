"""The engine's learner for several players at once: the same posteriors, each player's own, updated side by side.

``learn.Learner`` learns an exposure in some 200 µs, most of it Python around short arrays. Here the n-th exposures
of all players' days are learnt together, with the formulas of ``maths.bayes`` for the head that is explored and those
of ``maths.diagonal`` for the others. A test holds both to the same figures.

A = players, F = features of the layout, fixed and moving, H = heads whose weights are independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, PropensityHead, PropensityModel
from eachwise.contracts.learning import OUTCOMES, Outcome
from eachwise.decide import Plan, with_model
from eachwise.decide.layout import Layout
from eachwise.learn import PRIORS
from eachwise.learn.heads import DRAWS, FULL, GIVEN
from eachwise.maths.bayes import (
    CURVATURE_MIN,
    FORGET_EVERY_UPDATES,
    PROBIT_SCALE,
    gaussian_draws,
)
from eachwise.maths.hashing import stable_hash
from eachwise.proofs.world_lane import Shown
from eachwise.settings import LearnSettings

_PLAIN: Final[tuple[Outcome, ...]] = tuple(each for each in OUTCOMES if each not in FULL)
_TAKEUP: Final[Outcome] = "takeup"


class JointLearner:
    """What each of several players has learnt, and the plan that each decides with."""

    def __init__(self, layout: Layout, players: Sequence[str], settings: LearnSettings) -> None:
        self._layout = layout
        self._place = {name: place for place, name in enumerate(players)}
        self._names = (*layout.fixed, *layout.moving)
        self._index = {name: column for column, name in enumerate(self._names)}
        self._half_life = settings.forgetting_half_life_updates
        self._fixed = np.zeros((len(layout.experiences), len(self._names)))
        for row, features in enumerate(layout.fixed_by_row):
            for name, value in features.items():
                self._fixed[row, self._index[name]] = value
        count = len(players)
        believed = np.array([PRIORS[_TAKEUP](name) for name in self._names])
        self._mean = np.tile(believed[:, 0], (count, 1))
        self._ceiling = believed[:, 1] ** 2
        self._covariance = np.tile(np.diag(self._ceiling), (count, 1, 1))
        plain = np.array([[PRIORS[outcome](name) for name in self._names] for outcome in _PLAIN])
        self._plain_mean = np.tile(plain[:, :, 0], (count, 1, 1))
        self._plain_ceiling = plain[:, :, 1] ** 2
        self._plain_variance = np.tile(self._plain_ceiling, (count, 1, 1))
        # How often each head was updated: the one that is explored first.
        self._updates = np.zeros((count, 1 + len(_PLAIN)), dtype=np.int64)
        self._version = 0
        self._plans = dict(enumerate(self._published()))

    def plan(self, player: str) -> Plan:
        """What a player decides with."""
        return self._plans[self._place[player]]

    def learn(self, shown: Mapping[str, Sequence[Shown]]) -> None:
        """What came of a day of each player, in the order of time; the next versions then decide."""
        count = len(self._place)
        for turn in range(max((len(each) for each in shown.values()), default=0)):
            # A player who has nothing left to learn has features 0, which change nothing.
            features = np.zeros((count, len(self._names)))
            told = np.zeros((count, 1 + len(_PLAIN)))
            asked = np.zeros((count, 1 + len(_PLAIN)), dtype=bool)
            for name, each in shown.items():
                if turn < len(each):
                    place, one = self._place[name], each[turn]
                    features[place] = self._fixed[one.row]
                    features[place, len(self._layout.fixed) :] = one.moving
                    for head, outcome in enumerate((_TAKEUP, *_PLAIN)):
                        asked[place, head] = GIVEN.get(outcome) in (None, *one.came)
                        told[place, head] = outcome in one.came
            self._take(features, told[:, 0])
            self._take_plain(features, told[:, 1:], asked[:, 1:])
            self._updates += asked
            if self._half_life > 0.0:
                self._forget(asked & (self._updates % FORGET_EVERY_UPDATES == 0))
        self._version += 1
        self._plans = dict(enumerate(self._published()))

    def posterior(self, player: str, outcome: Outcome) -> tuple[Floats, Floats]:
        """Mean (F,) and covariance, (F, F) or the variances (F,), over the layout's fixed and moving features."""
        place = self._place[player]
        if outcome in FULL:
            return self._mean[place], self._covariance[place]
        head = _PLAIN.index(outcome)
        return self._plain_mean[place, head], self._plain_variance[place, head]

    def _take(self, x: Floats, told: Floats) -> None:
        """One Laplace step of each player's take-up head; x (A, F), told (A,)."""
        gain = np.matmul(self._covariance, x[:, :, None])[:, :, 0]
        mean, variance = (self._mean * x).sum(axis=1), (gain * x).sum(axis=1)
        probability, curvature, shrink = _step(mean, np.maximum(variance, 0.0))
        self._mean += gain * ((told - probability) * shrink)[:, None]
        gain *= np.sqrt(curvature * shrink)[:, None]
        self._covariance -= gain[:, :, None] * gain[:, None, :]

    def _take_plain(self, x: Floats, told: Floats, asked: Bools) -> None:
        """The same of the heads with independent weights, where they are asked; told and asked (A, H)."""
        gain = self._plain_variance * x[:, None, :]
        mean = (self._plain_mean * x[:, None, :]).sum(axis=2)
        variance = (gain * x[:, None, :]).sum(axis=2)
        probability, curvature, shrink = _step(mean, variance)
        self._plain_mean += gain * (asked * (told - probability) * shrink)[:, :, None]
        self._plain_variance -= gain * gain * (asked * curvature * shrink)[:, :, None]

    def _forget(self, due: Bools) -> None:
        """Widen the heads that are due (A, 1 + H), as ``maths.bayes`` and ``maths.diagonal`` do."""
        grown = 2.0 ** (FORGET_EVERY_UPDATES / self._half_life)
        for place, head in np.argwhere(due).tolist():
            if head:
                variance, most = (
                    self._plain_variance[place, head - 1],
                    self._plain_ceiling[head - 1],
                )
                np.minimum(variance * grown, np.maximum(most, variance), out=variance)
                continue
            covariance = self._covariance[place]
            room = np.maximum(self._ceiling / covariance.diagonal(), 1.0)
            scale = np.sqrt(np.minimum(grown, room))
            covariance *= scale[:, None] * scale

    def _published(self) -> list[Plan]:
        """Each player's plan under what was learnt so far."""
        return [
            with_model(self._layout, self._model(place), PRIORS)
            for place in range(len(self._place))
        ]

    def _model(self, place: int) -> PropensityModel:
        seed = stable_hash(f"propensity {_TAKEUP}", self._version)
        covariance = self._covariance[place].copy()
        heads = {
            _TAKEUP: PropensityHead(
                mean=self._mean[place].copy(),
                covariance=covariance,
                draws=gaussian_draws(covariance, DRAWS, seed),
            )
        }
        for head, outcome in enumerate(_PLAIN):
            heads[outcome] = PropensityHead(
                mean=self._plain_mean[place, head].copy(),
                covariance=self._plain_variance[place, head].copy(),
                draws=np.zeros((0, len(self._names))),
            )
        return PropensityModel(
            version=self._version,
            names=self._names,
            heads=heads,
            index=self._index,
            updates=int(self._updates[place, 0]),
        )


def _step(mean: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """p = σ(m / √(1 + π/8 · s²)), h = max(p(1 − p), 1e-4) and 1 / (1 + h s²)."""
    probability = 1.0 / (1.0 + np.exp(-mean / np.sqrt(1.0 + PROBIT_SCALE * variance)))
    curvature = np.maximum(probability * (1.0 - probability), CURVATURE_MIN)
    return probability, curvature, 1.0 / (1.0 + curvature * variance)
