"""Top-two Thompson sampling (Russo 2016), with computed probabilities: a leader, or the challenger to one.

It spends more on the question which of the two best is better, and settles it sooner. With w the shares of joint draws
that each candidate wins, a leader i is shown with probability β; else draws are made until another one wins, which is
j with probability w_j / (1 − w_i).
"""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.decide.policies.base import Scored, mixed, win_rates
from eachwise.settings import DecideSettings

# Shares of draws are sums of fractions: this near to 1 no other candidate has won any.
_CERTAIN = 1.0 - 1e-9


def top_two(scored: Scored, settings: DecideSettings) -> Floats:
    """p_k = β·w_k + (1 − β)·w_k · Σ_{i ≠ k} w_i / (1 − w_i), then the floor over the explorable.

    Where one candidate wins every draw there is no challenger, and p = w.
    """
    wins = win_rates(scored.sampled)
    if wins.max() < _CERTAIN:
        odds = wins / (1.0 - wins)
        challenger = wins * (odds.sum() - odds)
        beta = settings.top_two_leader
        wins = beta * wins + (1.0 - beta) * challenger / challenger.sum()
    return mixed(np.asarray(wins), scored.explorable, settings.probability_floor)
