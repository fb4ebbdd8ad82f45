"""Inverse gap weighting (Foster & Rakhlin 2020, SquareCB): a candidate's probability falls with its gap to the best.

Exploration that regression alone pays for: no posterior is needed, and regret is bounded by the model's error.
"""

from __future__ import annotations

import math

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.decide.policies.base import Scored, gaps, mixed, shared_wins
from eachwise.settings import DecideSettings


def inverse_gap_weighting(scored: Scored, settings: DecideSettings) -> Floats:
    """p_k = 1 / (K + γ·gap_k / mean gap) for those behind the best, which share the rest; then the floor.

    K counts the best and the explorable; others get nothing. γ = ``gap_weight`` · √t, where t are the exposures that
    the model has learnt from. Gaps are in units of their mean, so that the unit of money does not matter: rewards of a
    few percent leave a γ made for rewards of 0 to 1 with hardly more than chance.
    """
    gap = gaps(scored.priorities)
    best = gap == 0.0
    competing = scored.explorable | best
    gap = np.where(competing, gap, 0.0)
    count = np.count_nonzero(competing)
    mean = float(gap.sum()) / count
    if mean == 0.0:
        shares = shared_wins(scored.priorities)
    else:
        weight = settings.gap_weight * math.sqrt(max(scored.updates, 1))
        shares = competing / (count + weight * (gap / mean))
        shares[best] = 0.0
        shares[best] = (1.0 - float(shares.sum())) / np.count_nonzero(best)
    return mixed(shares, scored.explorable, settings.probability_floor)
