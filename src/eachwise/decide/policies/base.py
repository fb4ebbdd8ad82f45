"""What every policy is: a pure function from scored candidates to a distribution. It never draws; one helper does."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.settings import DecideSettings


class Policy(Protocol):
    """The distribution over K candidates, silence among them with priority 0. Shape (K,), sums to 1, K ≥ 1.

    priorities: (K,) expected priorities, money
    sampled:    (M, K) priorities under M joint draws of the model
    explorable: (K,) which candidates may be shown for the sake of learning; at least one

    Equal candidates get equal probabilities, and the order of candidates does not matter.
    """

    def __call__(
        self, priorities: Floats, sampled: Floats, explorable: Bools, settings: DecideSettings
    ) -> Floats:
        """The probability of each candidate."""
        ...


def shared_wins(priorities: Floats) -> Floats:
    """Each row's best candidates, its one win shared evenly among equals; same shape, rows sum to 1."""
    wins = priorities == priorities.max(axis=-1, keepdims=True)
    return np.asarray(wins / wins.sum(axis=-1, keepdims=True))


def explored(exploited: Floats, explorable: Bools, share: float) -> Floats:
    """(1 − share) · exploited + share / (number of explorable candidates) for each of those."""
    return np.asarray((1.0 - share) * exploited + (share / explorable.sum()) * explorable)
