"""Pairwise probability matching: as often as a candidate beats the leader, in closed form.

Thompson sampling against one rival: the draws tell only how uncertain each difference to the leader is, and the normal
law does the rest. So probabilities are smooth in the scores, where the frequencies of a few draws are steps, and no
candidate with a chance is left out because no draw favoured it.
"""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.decide.policies.base import Scored, gaps, mixed, within
from eachwise.settings import DecideSettings

# 2 Φ(−z) ≈ exp(−(.7743 z + .3783 z²)) for z ≥ 0, within .0023 (Tsay et al. 2013, their erf at z / √2).
_LINEAR = 1.0950081470333 / 2.0**0.5
_SQUARE = 0.75651138383854 / 2.0
# Standard deviations behind the leader: beyond them nothing is left of a chance.
_HOPELESS = 60.0
_TINY = 1e-300


def pairwise_matching(scored: Scored, settings: DecideSettings) -> Floats:
    """p ∝ 2·P(beats the leader) = 2 Φ(−gap / s), then the floor over the explorable.

    s² is the mean square over the draws of (sampled difference to the leader − expected difference); the leader is
    the best by expectation, several equals their mean. ``thompson_scale`` scales s, as it scales the draws: weights
    (2·P)^b at scale 1 are nearly those at scale 1/√b, so that no exponent is needed.
    """
    gap = gaps(scored.priorities)
    sampled = within(scored.sampled)
    leader = sampled[:, gap == 0.0]
    off = sampled - (leader if leader.shape[1] == 1 else leader.mean(axis=1, keepdims=True))
    off += gap
    off *= off
    spread = np.sqrt(off.sum(axis=0) / len(off))
    behind = gap / (np.maximum(spread, gap / _HOPELESS) + _TINY)
    chances = np.exp(-behind * (_LINEAR + _SQUARE * behind))
    return mixed(chances / chances.sum(), scored.explorable, settings.probability_floor)
