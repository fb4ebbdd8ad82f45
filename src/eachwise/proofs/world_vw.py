"""Vowpal Wabbit beside the engine: contextual bandits with the same features, filters, delays and luck.

One action a candidate, its namespace holding the features that the engine's learner reads (``decide.features.named``);
cost = −1 for a click, 0 for none; probabilities are Vowpal Wabbit's own (``--cb_explore_adf``), and what is learnt of a
day is learnt at its end, as the engine's. Its settings are the best of those tried in worlds 1 to 6, and not of those
reported.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.errors import MissingExtra
from eachwise.contracts.learning import Outcome
from eachwise.decide.layout import Layout
from eachwise.maths.draws import sample
from eachwise.proofs.world_lane import Turn

MODULE: Final = "vowpalwabbit"
# Arm → how it explores.
EXPLORATIONS: Final[Mapping[str, str]] = {
    "reference:vw_squarecb": "--squarecb --gamma_scale 1000",
    "reference:vw_epsilon": "--epsilon 0.02",
    "reference:vw_bag": "--bag 8",
}
_ALWAYS: Final = "--cb_explore_adf --quiet --random_seed 1"
_STREAM: Final = 4


def installed() -> bool:
    """Whether it can be played."""
    return importlib.util.find_spec(MODULE) is not None


class VowpalWabbit:
    """A player (``proofs.world_lane``) that knows nothing before the first click."""

    def __init__(self, layout: Layout, exploration: str) -> None:
        """``exploration``: its command line's. Raises ``MissingExtra`` where it is not installed."""
        if not installed():
            raise MissingExtra("Vowpal Wabbit is not installed: pip install 'eachwise[bench]'")
        module: Any = importlib.import_module(MODULE)
        self._model = module.Workspace(f"{_ALWAYS} {exploration}")
        self._number: dict[str, int] = {}
        self._fixed = [self._features(features) for features in layout.fixed_by_row]
        self._moving = " ".join(f"{self._numbered(name)}:%.4g" for name in layout.moving)
        self._shown: list[str] = []
        self._learnt: list[list[str]] = []

    def choose(self, turn: Turn) -> tuple[int, float]:
        """Drawn from its own probabilities; it is never silent."""
        rows = turn.rows.tolist()
        if not rows:
            return -1, 1.0
        self._shown = [
            f"|f {self._fixed[row]} {self._moving % tuple(turn.moving[row].tolist())}"
            for row in rows
        ]
        found: Floats = np.array(self._model.predict(self._shown), dtype=np.float64)
        drawn = sample(found, turn.seed, _STREAM)
        return rows[drawn], float(found[drawn] / found.sum())

    def learn(self, turn: Turn, row: int, probability: float, came: frozenset[Outcome]) -> None:
        """Keep the example until the day is over."""
        place = turn.rows.tolist().index(row)
        cost = -1 if "takeup" in came else 0
        self._shown[place] = f"0:{cost}:{probability:.6g} {self._shown[place]}"
        self._learnt.append(self._shown)

    def publish(self, now_us: int) -> None:
        """Learn the examples of the day."""
        for example in self._learnt:
            self._model.learn(example)
        self._learnt.clear()

    def _features(self, features: Mapping[str, float]) -> str:
        return " ".join(f"{self._numbered(name)}:{value:g}" for name, value in features.items())

    def _numbered(self, name: str) -> int:
        """A feature's own number: no two share a weight, as names that are hashed may."""
        return self._number.setdefault(name, len(self._number) + 1)
