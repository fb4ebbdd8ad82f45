"""Softmax (Boltzmann exploration, Sutton 1990): the nearer to the best, the more often, whatever the model doubts."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.decide.policies.base import Scored, gaps, mixed, shared_wins
from eachwise.settings import DecideSettings

# The temperature where none is set, in mean gaps behind the best: a candidate at the mean gap has e^-20 of the best's.
_RELATIVE_TEMPERATURE = 0.05
# e^-800 is 0.
_NOTHING = 800.0


def softmax(scored: Scored, settings: DecideSettings) -> Floats:
    """p ∝ exp(−gap / T) over the best and the explorable, then the floor over the explorable.

    T is ``softmax_temperature`` in money; where that is 0, .05 of the mean gap behind the best, so that the unit of
    money does not matter.
    """
    gap = gaps(scored.priorities)
    competing = scored.explorable | (gap == 0.0)
    gap = np.where(competing, gap, 0.0)
    mean = float(gap.sum()) / np.count_nonzero(competing)
    temperature = settings.softmax_temperature or _RELATIVE_TEMPERATURE * mean
    if temperature == 0.0:
        shares = shared_wins(scored.priorities)
    else:
        weights = competing * np.exp(-np.minimum(gap, _NOTHING * temperature) / temperature)
        shares = weights / weights.sum()
    return mixed(shares, scored.explorable, settings.probability_floor)
