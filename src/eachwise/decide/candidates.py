"""The candidates of a decision in their order, each spelt out only when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from eachwise.contracts.arrays import Floats
from eachwise.contracts.decision import Candidate, Factors
from eachwise.contracts.experience import SILENCE
from eachwise.decide.arbitration import Worth


class Candidates(Sequence[Candidate]):
    """K experiences and silence, by probability, then priority, both descending, then id with silence last.

    A live decision records the ten that lead and never builds the others; a replay reads all.
    """

    __slots__ = ("_ids", "_order", "_priorities", "_probabilities", "_worth")

    def __init__(
        self, ids: Sequence[str], worth: Worth, priorities: Floats, probabilities: Floats
    ) -> None:
        """``ids`` (K,) in id order; ``priorities`` and ``probabilities`` (K + 1,), silence's at the end."""
        self._ids = ids
        self._worth = worth
        self._priorities = priorities
        self._probabilities = probabilities
        places = np.arange(len(priorities))
        self._order: list[int] = np.lexsort((places, -priorities, -probabilities)).tolist()

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> list[Candidate]: ...
    def __getitem__(self, place: int | slice) -> Candidate | list[Candidate]:
        """The candidate (or the run of them) at this place of the order."""
        if isinstance(place, slice):
            return [self._spelt(row) for row in self._order[place]]
        return self._spelt(self._order[place])

    @property
    def regret(self) -> float:
        """What is lost, in money, where the best by expectation cannot be had and the second best can."""
        if len(self._priorities) < 2:
            return 0.0
        second, first = np.partition(self._priorities, -2)[-2:]
        return float(first - second)

    def leading(self, count: int, chosen: str) -> list[Candidate]:
        """The first ``count``, and the chosen one where it is not among them."""
        row = len(self._ids) if chosen == SILENCE else self._ids.index(chosen)
        rows = self._order[:count]
        return [self._spelt(each) for each in (rows if row in rows else [*rows, row])]

    def _spelt(self, row: int) -> Candidate:
        silent = row == len(self._ids)
        return Candidate(
            experience_id=SILENCE if silent else self._ids[row],
            priority=float(self._priorities[row]),
            probability=float(self._probabilities[row]),
            factors=Factors() if silent else self._worth.factors(row),
        )


_NONE = np.zeros(0)
# What is left when no experience passed the filters.
SILENCE_ALONE = Candidates(
    [],
    Worth(
        p_takeup=_NONE,
        p_purchase=_NONE,
        value=_NONE,
        margin=_NONE,
        clv=_NONE,
        lever=_NONE,
        p_disconnect=_NONE,
        kappa=0.0,
        fatigue=_NONE,
        cost=_NONE,
        price=_NONE,
    ),
    np.zeros(1),
    np.ones(1),
)
