"""A slate for one person: the best items, held to the person's mix, diverse, with a fair trial for what is new.

Greedily from the best of the ranking (C candidates), each slot takes the item of highest

    (1 − λ) · score − λ · m · KL(p ‖ q̃) − δ · max_j sim(i, j)

(``calibration`` and ``diversity`` explain the terms); then the slate is ordered by score, because the mix does not
depend on the order and what is looked at first does. Nothing but the last draw is random.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.recommendation import Slot
from eachwise.maths.best import best
from eachwise.maths.decay import MICROSECONDS
from eachwise.maths.draws import sample
from eachwise.recommend.bound import Bound
from eachwise.recommend.calibration import Calibrator, Facets, Mix
from eachwise.recommend.diversity import PENALTY_MAX, Likeness, Measure, entries_of, spread

# Candidates for each slot: from 10 on nothing more is gained (docs/discussions/measured.md); long slates take less.
DEPTH, DEPTH_LONG, POOL_USUAL = 10, 3, 300
# What a tilt of 1 adds to the most popular item, in log units: a bound, so that taste stays.
TILT_MAX = 2.0
# An item is new for so long after its publication.
NEW_S = 14 * 86_400.0
# One with less than this part of the usual item's engagement has had no trial either.
_UNTRIED = 0.1
# How many new items may be drawn for a slot: the best of them by score.
TRIALS_MAX = 20
# Nothing is known of any of them, so what tells them apart is the person's taste: none far below the best of them.
_TRIAL_RANGE = 1.0
# What the seed is used for; the decision itself uses 1 and 2. Permanent: a change alters every replay.
_TRIAL_STREAM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a slate is to be: strengths from 0 to 1.

    calibration: λ, how much the person's mix counts against the scores
    diversity:   δ in units of 2 log units
    trial:       probability that one slot goes to a new item
    run_max:     at most so many in a row share a value of ``run_attributes``; 0: no limit
    """

    calibration: float
    diversity: float
    trial: float
    run_max: int
    run_attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """A catalogue with what slates need of it, prepared once a version."""

    catalog: CatalogIndex
    facets: Facets
    likeness: Likeness


def slate(
    stock: Stock, rows: Ints, scores: Floats, mix: Mix, wishes: Wishes, count: int
) -> list[Slot]:
    """At most ``count`` of ``rows`` (ascending), by ``scores`` (N,); deterministic, best first."""
    pool = rows[best(scores[rows], pool_size(count))]
    strength = wishes.calibration * mix.trust
    if strength <= 0.0 and wishes.diversity <= 0.0:
        chosen = list(range(min(count, len(pool))))
    else:
        chosen = _greedy(stock, pool, scores[pool], mix, strength, wishes.diversity, count)
    if wishes.run_max > 0 and wishes.run_attributes:
        runs = _runs(stock.catalog, pool[chosen], wishes.run_attributes)
        chosen = spread(chosen, dict(zip(chosen, runs, strict=True)), wishes.run_max)
    return [Slot(int(pool[place]), float(scores[pool[place]])) for place in chosen]


def pool_size(count: int) -> int:
    """How many candidates compete for ``count`` slots."""
    return max(min(DEPTH * count, POOL_USUAL), DEPTH_LONG * count)


def _greedy(
    stock: Stock,
    pool: Ints,
    scores: Floats,
    mix: Mix,
    strength: float,
    diversity: float,
    count: int,
) -> list[int]:
    """Places in the pool of the chosen items, in the order of their scores."""
    indptr, columns = entries_of(stock.catalog, pool)
    calibrator = Calibrator(mix, indptr, columns, count) if strength else None
    # A slate of one repeats nothing.
    measure = Measure(stock.likeness, pool, indptr, columns) if diversity and count > 1 else None
    relevance = (1.0 - strength) * scores
    penalty = diversity * PENALTY_MAX
    nearest = np.zeros(len(pool))
    chosen: list[int] = []
    for _ in range(min(count, len(pool))):
        worth = relevance - penalty * nearest if measure else relevance
        if calibrator:
            worth = worth - (strength * (calibrator.items + 1.0)) * calibrator.miss()
        taken = int(worth.argmax())
        chosen.append(taken)
        if len(chosen) == count:
            break
        relevance[taken] = -np.inf
        if calibrator:
            calibrator.take(taken)
        if measure:
            np.maximum(nearest, measure.with_candidate(taken), out=nearest)
    # The pool is in the order of its scores.
    return sorted(chosen)


def _runs(catalog: CatalogIndex, rows: Ints, attributes: tuple[str, ...]) -> list[frozenset[str]]:
    """The values of the run attributes that each row carries."""
    prefixes = tuple(f"{name}=" for name in attributes)
    indptr, columns = entries_of(catalog, rows)
    values = [catalog.values[column] for column in columns.tolist()]
    bounds = indptr.tolist()
    return [
        frozenset(value for value in values[begin:end] if value.startswith(prefixes))
        for begin, end in pairwise(bounds)
    ]


def with_trial(
    slots: list[Slot], rows: Ints, scores: Floats, new: Bools, trial: float, seed: int
) -> list[Slot]:
    """The slate with one draw: its middle slot goes to a new item with probability ``trial``; ``new`` (R,) says which.

    A new item x among ``rows`` that the slate lacks gets the slot with trial · exp(score_x) / Σ exp(score), over the
    20 best of them, none more than 1 below the best; the item that had the slot keeps it with 1 − trial. Whatever was
    drawn, the slot says with which probability. Where nothing new is left there is no draw.
    """
    if not slots or trial <= 0.0:
        return slots
    waiting = rows[new]
    for slot in slots:
        waiting = waiting[waiting != slot.row]
    if not len(waiting):
        return slots
    waiting = waiting[best(scores[waiting], TRIALS_MAX)]
    behind = scores[waiting] - scores[waiting[0]]
    waiting = waiting[behind >= -_TRIAL_RANGE]
    pull = np.exp(behind[: len(waiting)])
    probabilities = np.concatenate([[1.0 - trial], trial * pull / pull.sum()])
    place = len(slots) // 2
    drawn = sample(probabilities, seed, _TRIAL_STREAM)
    row = slots[place].row if drawn == 0 else int(waiting[drawn - 1])
    slots = list(slots)
    slots[place] = Slot(row, float(scores[row]), float(probabilities[drawn]), False)
    return slots


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How popular items are, (N,) each.

    tilt:    from −1 (the long tail) to 1: tanh of the standardised log of the recent share; 0 where all are alike
    untried: hardly any engagement: less than a tenth of the median share
    """

    tilt: Floats
    untried: Bools


_KEPT: deque[tuple[Bound, Standing]] = deque(maxlen=4)


def standing(bound: Bound) -> Standing:
    """The standing of a catalogue's items; remembered for the models and catalogues seen last."""
    for known, found in tuple(_KEPT):
        if known is bound:
            return found
    found = standing_of(bound.trend)
    _KEPT.appendleft((bound, found))
    return found


def standing_of(logs: Floats) -> Standing:
    """The standing of items by the logarithms (N,) of their shares of engagement."""
    sd = float(logs.std()) if len(logs) else 0.0
    if sd <= 0.0:
        return Standing(tilt=np.zeros(len(logs)), untried=np.zeros(len(logs), dtype=bool))
    return Standing(
        tilt=np.asarray(np.tanh((logs - logs.mean()) / sd)),
        untried=np.asarray(logs <= np.median(logs) + math.log(_UNTRIED)),
    )


def new_items(catalog: CatalogIndex, rows: Ints, never_tried: Bools, now_us: int) -> Bools:
    """Which of these rows wait for a fair trial, (R,): published within 14 days, or ``untried`` (N,)."""
    age_us = now_us - catalog.published_us[rows]
    return np.asarray(never_tried[rows] | ((age_us >= 0) & (age_us < NEW_S * MICROSECONDS)))
