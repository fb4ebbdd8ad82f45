"""ε-greedy: the best candidate, and with probability ε any that may be explored. The yardstick."""

from __future__ import annotations

from eachwise.contracts.arrays import Bools, Floats
from eachwise.decide.policies.base import explored, shared_wins
from eachwise.settings import DecideSettings


def epsilon_greedy(
    priorities: Floats, sampled: Floats, explorable: Bools, settings: DecideSettings
) -> Floats:
    """p = (1 − ε)·[best, shared among ties] + ε / K over the explorable K. ``sampled`` is not used."""
    return explored(shared_wins(priorities), explorable, settings.epsilon)
