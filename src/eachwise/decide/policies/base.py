"""What every policy is: a pure function from scored candidates to a distribution. It never draws; one helper does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from eachwise.contracts.arrays import Bools, Floats
from eachwise.settings import DecideSettings

# Beyond any money, and its square is still a number: what is further out counts as this far.
_FAR: Final = 1e150


@dataclass(frozen=True, slots=True)
class Scored:
    """What a policy reads of the K candidates of a decision, silence among them with priority 0; K ≥ 1.

    priorities: (K,) expected priorities, money
    sampled:    (M, K) priorities under M joint draws of the model, its spread scaled by ``thompson_scale``
    explorable: (K,) which candidates may be shown for the sake of learning; at least one
    updates:    how many exposures the model has learnt from
    """

    priorities: Floats
    sampled: Floats
    explorable: Bools
    updates: int = 0


class Policy(Protocol):
    """The distribution over the K candidates. Shape (K,), sums to 1.

    Equal candidates get equal probabilities, and the order of candidates does not matter. Each explorable candidate
    keeps a minimum. Neither the unit of money nor infinite priorities matter.
    """

    def __call__(self, scored: Scored, settings: DecideSettings) -> Floats:
        """The probability of each candidate."""
        ...


def shared_wins(priorities: Floats) -> Floats:
    """Each row's best candidates, its one win shared evenly among equals; same shape, rows sum to 1."""
    wins = priorities == priorities.max(axis=-1, keepdims=True)
    return np.asarray(wins / wins.sum(axis=-1, keepdims=True))


def win_rates(sampled: Floats) -> Floats:
    """(K,): the share of the M draws that each candidate wins; a draw's win is shared evenly among equals."""
    wins = sampled == sampled.max(axis=1, keepdims=True)
    worth = 1.0 / wins.sum(axis=1)
    # Not by BLAS, whose threads may add in another order.
    return np.asarray(np.einsum("m,mk->k", worth, wins)) / len(sampled)


def mixed(exploited: Floats, explorable: Bools, share: float) -> Floats:
    """(1 − share) · exploited + share / (number of explorable candidates) for each of those."""
    return np.asarray(
        (1.0 - share) * exploited + (share / np.count_nonzero(explorable)) * explorable
    )


def gaps(priorities: Floats) -> Floats:
    """How far each candidate is behind the best, ≥ 0, the same shape; finite, with priorities cut at ±1e150."""
    best = priorities.max()
    if priorities.min() >= -_FAR and best <= _FAR:
        return np.asarray(best - priorities)
    held = within(priorities)
    return np.asarray(held.max() - held)


def within(priorities: Floats) -> Floats:
    """Priorities cut at ±1e150, so that their differences and squares are finite; as they are where none is beyond."""
    if priorities.min() >= -_FAR and priorities.max() <= _FAR:
        return priorities
    return np.asarray(np.minimum(np.maximum(priorities, -_FAR), _FAR))
