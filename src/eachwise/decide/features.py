"""The moving features of every candidate of a decision, as one matrix (see ``names`` for what each one is)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, Floats
from eachwise.contracts.decision import Exposed
from eachwise.decide.layout import Layout

AFFINITY_MAX = 3.0
EXPERIENCE_FATIGUE_HALF_LIFE_S = 3 * 86400.0
ALL_FATIGUE_HALF_LIFE_S = 86400.0
_MICROSECONDS = 1_000_000
_DAY_S = 86400
# The rank of an item is taken among at most so many of the catalogue (evenly spread by row).
_RANKED_MAX = 2048


def moving_features(
    layout: Layout,
    *,
    now_us: int,
    affinity: AffinityVectors,
    engagement: float,
    exposed: Sequence[Exposed],
    best_scores: Floats,
    showable_scores: Floats,
) -> tuple[Floats, Floats]:
    """((K, D), (K,)): the moving features, and each experience's recent exposures (half-life 3 days).

    ``best_scores`` (K,): the best score among the items each experience may show (−inf: none, or no items at all);
    ``showable_scores``: the scores of everything that could be shown to this person.
    """
    columns = layout.moving_index
    # Filled and read by column: a column's entries lie together.
    matrix = np.zeros((len(layout.moving), len(layout.experiences)))
    _fill_affinity(matrix, layout, affinity)
    recent, everything = _fatigue(layout, exposed, now_us)
    shown = recent.nonzero()[0]
    matrix[columns["fatigue:experience"], shown] = np.log1p(recent[shown])
    matrix[columns["fatigue:all"]] = math.log1p(everything)
    matrix[columns["engagement"]] = engagement / 50.0 - 1.0
    matrix[columns["items"]] = rank_share(best_scores, showable_scores)
    angle = 2.0 * math.pi * (now_us // _MICROSECONDS % _DAY_S) / _DAY_S
    entries = matrix.reshape(-1)
    entries[layout.hour_places[0]] = math.sin(angle)
    entries[layout.hour_places[1]] = math.cos(angle)
    return matrix.T, recent


def rank_share(best: Floats, scores: Floats) -> Floats:
    """1 − ln(rank) / ln(n) of each ``best`` (K,) among ``scores``; 1 = nothing is better, 0 = last or nothing to
    show.

    Among more than 2,048 scores an evenly spread part stands for all: the rank is then of that part.
    """
    step = max(1, -(-len(scores) // _RANKED_MAX))
    ordered = scores[::step].copy()
    ordered.sort()
    count = len(ordered)
    if count == 0:
        return np.zeros(len(best))
    rank = (count + 1) - ordered.searchsorted(best, side="right")
    share = np.log(rank)
    share /= -math.log(max(count, 2))
    share += 1.0
    share[best == -np.inf] = 0.0
    return np.maximum(share, 0.0)


def named(layout: Layout, row: int, moving: Floats) -> dict[str, float]:
    """The features of one candidate by name, zeros left out: what the learner will read."""
    found = {
        name: value for name, value in zip(layout.moving, moving.tolist(), strict=True) if value
    }
    return {**layout.fixed_by_row[row], **found}


def _fill_affinity(matrix: Floats, layout: Layout, affinity: AffinityVectors) -> None:
    """match:NAME, moment and aversion, from the values each experience is about; ``matrix`` (D, K)."""
    about = layout.about
    if not len(about.column):
        return
    general = _clipped(affinity.general)[about.column]
    general *= about.facet_weight
    entries = matrix.reshape(-1)
    # Mostly an experience names one value of a facet: then there is nothing to add up.
    single = len(about.facet_start) == len(general)
    entries[about.facet_place] = general if single else np.add.reduceat(general, about.facet_start)
    columns = layout.moving_index
    moment = _clipped(affinity.moment)[about.column]
    moment *= about.weight
    matrix[columns["moment"], about.owner] = np.add.reduceat(moment, about.owner_start)
    firm = np.minimum(_clipped(affinity.general + affinity.general_sd), 0.0)
    worst = np.minimum.reduceat(firm[about.column], about.owner_start)
    matrix[columns["aversion"], about.owner] = worst


def _clipped(affinities: Floats) -> Floats:
    """Cut at ±3."""
    return np.asarray(np.maximum(np.minimum(affinities, AFFINITY_MAX), -AFFINITY_MAX))


def _fatigue(layout: Layout, exposed: Sequence[Exposed], now_us: int) -> tuple[Floats, float]:
    """Decayed exposures of each experience (K,), and of everything."""
    recent = np.zeros(len(layout.experiences))
    everything = 0.0
    for exposure in exposed:
        age_s = max(now_us - exposure.at_us, 0) / _MICROSECONDS
        everything += math.exp2(-age_s / ALL_FATIGUE_HALF_LIFE_S)
        row = layout.row_of.get(exposure.experience_id)
        if row is not None:
            recent[row] += math.exp2(-age_s / EXPERIENCE_FATIGUE_HALF_LIFE_S)
    return recent, everything
