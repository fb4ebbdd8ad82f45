"""The bounds of exploration, around any policy and inside the recorded probability.

They bind what is shown for the sake of learning, never what is best: an experience of ``risk: hard`` is not explored,
and a person is not experimented with all day.
"""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.decide.policies.base import Policy, Scored, shared_wins
from eachwise.settings import DecideSettings


def bounded(
    policy: Policy, scored: Scored, hard: Bools, explored: int, settings: DecideSettings
) -> Floats:
    """The policy's distribution within the bounds, (K,): the exact probabilities to draw with and to record.

    hard:     (K,) candidates that are never shown for the sake of learning; silence is none
    explored: how often within the last day this person was shown something that was not the best by expectation

    With ``explored`` ≥ ``explorations_per_day`` it is the best by expectation, shared among ties. Else the policy
    chooses among the others and those hard ones that are best by expectation; these get no minimum, and equals among
    the best share what the best have together. So a hard candidate never has more than without any exploration.
    """
    if explored >= settings.explorations_per_day:
        return shared_wins(scored.priorities)
    if not hard.any():
        return policy(scored, settings)
    best = scored.priorities == scored.priorities.max()
    kept = np.flatnonzero(best | ~hard)
    found = np.zeros(len(hard))
    found[kept] = policy(
        Scored(
            priorities=scored.priorities[kept],
            sampled=scored.sampled[:, kept],
            explorable=(scored.explorable & ~hard)[kept],
            updates=scored.updates,
        ),
        settings,
    )
    if (best & hard).any():
        found[best] = found[best].mean()
    return found
