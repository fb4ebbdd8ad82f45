"""Thompson sampling (Thompson 1933) with computed probabilities: how often each candidate wins among M joint draws.

A single draw has no known probability; the frequencies over M draws are a distribution that is known exactly, and the
action is drawn from that.
"""

from __future__ import annotations

from eachwise.contracts.arrays import Bools, Floats
from eachwise.decide.policies.base import explored, shared_wins
from eachwise.settings import DecideSettings


def thompson(
    priorities: Floats, sampled: Floats, explorable: Bools, settings: DecideSettings
) -> Floats:
    """p = (1 − floor)·(wins / M) + floor / K over the explorable K; a draw's win is shared among ties."""
    return explored(
        shared_wins(sampled).sum(axis=0) / len(sampled), explorable, settings.probability_floor
    )
