"""Vowpal Wabbit beside the engine: contextual bandits with the same features, filters, delays and luck.

One action a candidate, its namespace holding the features that the engine's learner reads (``decide.features.named``);
cost = −1 for a click, 0 for none; probabilities are Vowpal Wabbit's own (``--cb_explore_adf``), and what is learnt of a
day is learnt at its end, as the engine's. Its settings are the best of those tried in worlds 1 to 6, and not of those
reported.

An action is written as text and parsed once; the parsed example is kept until its label is known. That goes by the
module's C++ binding, since its Python class wraps every action of every example anew, which costs more than predicting.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.errors import MissingExtra
from eachwise.maths.draws import sample
from eachwise.proofs.world_lane import Shown, Turns
from eachwise.proofs.world_record import Recording
from eachwise.worlds import SILENCE

MODULE: Final = "vowpalwabbit"
# The C++ binding that comes with it.
_BINDING: Final = "pylibvw"
# Arm → how it explores: of each family the best of those tried.
EXPLORATIONS: Final[Mapping[str, str]] = {
    "reference:vw_squarecb": "--squarecb --gamma_scale 100",
    "reference:vw_epsilon": "--epsilon 0.02",
    "reference:vw_bag": "--bag 16",
}
# All that was tried: γ scales from 1 to 3,000 in half decades, ε from .02 to .1, bags of 4 to 16.
GRID: Final[Mapping[str, str]] = {
    **{
        f"reference:vw_squarecb_{scale}": f"--squarecb --gamma_scale {scale}"
        for scale in (1, 3, 10, 30, 100, 300, 1000, 3000)
    },
    **{f"reference:vw_epsilon_{each:03d}": f"--epsilon {each / 1000:g}" for each in (20, 50, 100)},
    **{f"reference:vw_bag_{each}": f"--bag {each}" for each in (4, 8, 16)},
}
_FATIGUE: Final = ("fatigue:experience", "fatigue:all")
_ALWAYS: Final = "--cb_explore_adf --quiet --random_seed 1"
_STREAM: Final = 4
# Decisions whose actions are kept as text for the next player: those of a day are many fewer.
_KEPT: Final = 2048


def installed() -> bool:
    """Whether it can be played."""
    return importlib.util.find_spec(MODULE) is not None


class Sentences:
    """Every decision's actions as text, all features but those of fatigue, which are each player's own.

    The players of a recording share it: they come to a day's decisions one after the other.
    """

    def __init__(self, recording: Recording) -> None:
        layout = recording.layout
        numbers: dict[str, int] = {}

        def numbered(name: str) -> int:
            # A feature's own number: no two share a weight, as names that are hashed may.
            return numbers.setdefault(name, len(numbers) + 1)

        self.own = [layout.moving_index[name] for name in _FATIGUE]
        # (K, F): the features that an experience ever has; the rest is 0 and need not be said.
        self._has = np.asarray((recording.moving != 0.0).any(axis=0))
        self._has[:, self.own] = False
        end = " ".join(f"{numbered(name)}:%%.4g" for name in _FATIGUE)
        self._lines = [
            " ".join(
                [
                    "|f",
                    *(_said(numbered(name), value) for name, value in features.items()),
                    *(f"{numbered(layout.moving[each])}:%.4g" for each in np.flatnonzero(has)),
                    end,
                ]
            )
            for features, has in zip(layout.fixed_by_row, self._has, strict=True)
        ]
        self._said: dict[int, str] = {}

    def of(self, number: int, passed: Bools, moving: Floats) -> str:
        """A line for each row that passed (K,), ``%.4g`` in place of its two figures of fatigue; ``moving`` (K, F)."""
        found = self._said.get(number)
        if found is None:
            if len(self._said) >= _KEPT:
                self._said.clear()
            lines = "\n".join([self._lines[row] for row in np.flatnonzero(passed).tolist()])
            values = moving[self._has & passed[:, None]]
            found = self._said[number] = lines % tuple(values.tolist())
        return found


def _said(number: int, value: float) -> str:
    """A feature as text; 1 is what one without a value has."""
    return f"{number}" if value == 1.0 else f"{number}:{value:g}"


class VowpalWabbit:
    """A player (``proofs.world_lane``) that knows nothing before the first click."""

    def __init__(self, sentences: Sentences, exploration: str) -> None:
        """``exploration``: its command line's. Raises ``MissingExtra`` where it is not installed."""
        if not installed():
            raise MissingExtra("Vowpal Wabbit is not installed: pip install 'eachwise[bench]'")
        module: Any = importlib.import_module(MODULE)
        binding: Any = importlib.import_module(_BINDING)
        self._model = module.Workspace(f"{_ALWAYS} {exploration}")
        self._native, self._example = binding.vw, binding.example
        self._label_type = self._model.get_label_type().value
        self._sentences = sentences
        # Decision → its parsed actions and their rows.
        self._open: dict[int, tuple[list[Any], list[int]]] = {}

    def choose(self, turns: Turns) -> tuple[Ints, Floats]:
        """Drawn from its own probabilities; it is never silent."""
        chosen = np.full(len(turns.seeds), SILENCE, dtype=np.int64)
        probabilities = np.ones(len(turns.seeds))
        for place, number in enumerate(turns.number.tolist()):
            rows = np.flatnonzero(turns.passed[place]).tolist()
            if not rows:
                continue
            moving = turns.moving[place]
            text = self._sentences.of(number, turns.passed[place], moving)
            fatigue = moving[rows][:, self._sentences.own]
            actions = self._native._parse(self._model, text % tuple(fatigue.ravel().tolist()))
            self._native.predict_multi(self._model, actions)
            found = np.array(actions[0].get_action_scores(), dtype=np.float64)
            drawn = sample(found, turns.seeds[place], _STREAM)
            chosen[place] = rows[drawn]
            probabilities[place] = found[drawn] / found.sum()
            self._open[number] = actions, rows
        return chosen, probabilities

    def learn(self, shown: Sequence[Shown]) -> None:
        """Learn a day's examples, in the order of time."""
        for each in shown:
            actions, rows = self._open.pop(each.number)
            cost = -1 if "takeup" in each.came else 0
            label = f"0:{cost}:{each.probability:.6g}"
            action = actions[rows.index(each.row)]
            self._example.set_label_string(action, self._model, label, self._label_type)
            self._native.learn_multi(self._model, actions)
            self._native._finish_example_multi_ex(self._model, actions)
