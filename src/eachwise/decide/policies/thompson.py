"""Thompson sampling (Thompson 1933) with computed probabilities: how often each candidate wins among M joint draws.

A single draw has no known probability; the frequencies over M draws are a distribution that is known exactly, and the
action is drawn from that.
"""

from __future__ import annotations

from eachwise.contracts.arrays import Floats
from eachwise.decide.policies.base import Scored, mixed, win_rates
from eachwise.settings import DecideSettings


def thompson(scored: Scored, settings: DecideSettings) -> Floats:
    """p = (1 − floor)·(wins / M) + floor / K over the explorable K; a draw's win is shared among ties."""
    return mixed(win_rates(scored.sampled), scored.explorable, settings.probability_floor)
