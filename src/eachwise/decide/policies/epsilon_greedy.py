"""ε-greedy: the best candidate, and with probability ε any that may be explored. The yardstick."""

from __future__ import annotations

from eachwise.contracts.arrays import Floats
from eachwise.decide.policies.base import Scored, mixed, shared_wins
from eachwise.settings import DecideSettings


def epsilon_greedy(scored: Scored, settings: DecideSettings) -> Floats:
    """p = (1 − ε)·[best, shared among ties] + ε / K over the explorable K."""
    return mixed(shared_wins(scored.priorities), scored.explorable, settings.epsilon)
