"""What the engine predicted at its decisions beside what happened: for each outcome whether its probabilities hold.

A probability is the engine's own, of the experience that it then showed, before anything came of it. Sends are sorted
by it into ten bins of as many each. With n_b of N sends in bin b, p̄_b their mean prediction and ȳ_b the share where the
outcome came, the expected calibration error (Naeini, Cooper & Hauskrecht 2015; bins of equal mass) is

    ECE = Σ n_b / N · |p̄_b − ȳ_b|

Luck alone makes it larger than 0: ``ece_by_chance`` is what it would be on average were every prediction right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.learning import Outcome
from eachwise.learn.heads import GIVEN
from eachwise.maths.intervals import wilson
from eachwise.proofs.report import Bin, Calibration, Estimate
from eachwise.proofs.world_play import ANSWERS_AFTER_US, SECOND_US
from eachwise.proofs.world_record import ANSWERED
from eachwise.proofs.world_stream import World, time_us
from eachwise.settings import LearnSettings
from eachwise.worlds import SILENCE

BINS: Final = 10
_DRAWS: Final = 100
_SEED: Final = 1


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Predictions (N,) and whether the outcome came (N,)."""

    predicted: Floats
    came: Bools

    @classmethod
    def join(cls, parts: list[Answers]) -> Answers:
        """Those of several worlds, one after the other."""
        return cls(
            predicted=np.concatenate([part.predicted for part in parts]),
            came=np.concatenate([part.came for part in parts]),
        )


def answers(world: World, choice: Ints, predicted: Floats) -> dict[Outcome, Answers]:
    """Each outcome's predictions and what came, of the sends where it was asked about; ``predicted`` (D, H).

    A purchase is what the engine takes for one (``learn.attribution``): an order within a week of the click, also of
    who would have ordered anyway.
    """
    truth = world.truth
    sent = np.flatnonzero(choice != SILENCE)
    shown = choice[sent]
    came: dict[Outcome, Bools] = {
        "takeup": truth.clicked[sent, shown],
        "purchase": truth.purchased[sent, shown] | ordered_anyway(world, choice)[sent],
        "hide": truth.hidden[sent, shown],
        "unsubscribe": truth.unsubscribed[sent, shown],
    }
    found = {}
    for column, outcome in enumerate(ANSWERED):
        condition = GIVEN.get(outcome)
        asked = np.ones(len(sent), dtype=bool) if condition is None else came[condition]
        found[outcome] = Answers(
            predicted=predicted[sent[asked], column], came=came[outcome][asked]
        )
    return found


def ordered_anyway(world: World, choice: Ints) -> Bools:
    """(D,): whether an order of the person's ordinary shopping is credited to the decision.

    It is to the person's newest click before it, where that is no older than ``learn.purchase_window_s``.
    """
    window_us = LearnSettings().purchase_window_s * SECOND_US
    clicks: dict[int, tuple[int, int]] = {}
    found = np.zeros(len(choice), dtype=bool)
    for row, visit in enumerate(world.visits):
        newest_us, clicked = clicks.get(visit.person, (0, -1))
        for event in visit.events if clicked >= 0 else ():
            if event.get("event") == "Order Completed":
                found[clicked] |= newest_us <= time_us(event) <= newest_us + window_us
        if choice[row] != SILENCE and world.truth.clicked[row, choice[row]]:
            clicks[visit.person] = visit.end_us + ANSWERS_AFTER_US, row
    return found


def calibrations(parts: list[Mapping[Outcome, Answers]]) -> dict[str, Calibration]:
    """Of each outcome with data, over several worlds."""
    joined = {
        outcome: Answers.join([part[outcome] for part in parts])
        for outcome in ANSWERED
        if any(len(part[outcome].came) for part in parts)
    }
    return {outcome: calibration(each) for outcome, each in joined.items()}


def calibration(found: Answers) -> Calibration:
    """The reliability table of one outcome, and its error. At least one answer is needed."""
    order = np.argsort(found.predicted, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    means = np.array([found.predicted[part].mean() for part in parts])
    counts = np.array([len(part) for part in parts])
    rates = np.array([found.came[part].mean() for part in parts])
    return Calibration(
        count=len(order),
        predicted=float(found.predicted.mean()),
        observed=float(found.came.mean()),
        ece=_error(counts, means, rates),
        ece_by_chance=_by_chance(found.predicted, parts, counts, means),
        bins=[
            Bin(count=int(count), predicted=float(mean), observed=_observed(found.came[part]))
            for part, count, mean in zip(parts, counts, means, strict=True)
        ],
    )


def _error(counts: Ints, means: Floats, rates: Floats) -> float:
    return float((counts * np.abs(means - rates)).sum() / counts.sum())


def _by_chance(predicted: Floats, parts: list[Ints], counts: Ints, means: Floats) -> float:
    """The mean error of outcomes drawn from the predictions themselves."""
    generator = np.random.default_rng(_SEED)
    errors = []
    for _ in range(_DRAWS):
        came = generator.random(len(predicted)) < predicted
        errors.append(_error(counts, means, np.array([came[part].mean() for part in parts])))
    return float(np.mean(errors))


def _observed(came: Bools) -> Estimate:
    """The share where it came, with Wilson's interval."""
    rate, bound = float(came.mean()), wilson(int(came.sum()), len(came))
    return Estimate(rate, bound.low, bound.high) if bound else Estimate(rate, 0.0, 1.0)
