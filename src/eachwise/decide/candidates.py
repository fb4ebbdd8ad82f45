"""The candidates of a decision in their order, each spelt out only when it is asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import overload

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.decision import Candidate, Factors
from eachwise.contracts.experience import SILENCE
from eachwise.decide.arbitration import Worth
from eachwise.maths.best import best

# So few are ordered altogether sooner than the first of them are picked out.
_FEW = 500


class Candidates(Sequence[Candidate]):
    """K experiences and silence, by probability, then priority, both descending, then id with silence last.

    A live decision records the ten that lead and never builds the others; a replay reads all.
    """

    __slots__ = ("_all", "_ids", "_priorities", "_probabilities", "_worth")

    def __init__(
        self, ids: Sequence[str], worth: Worth, priorities: Floats, probabilities: Floats
    ) -> None:
        """``ids`` (K,) in id order; ``priorities`` and ``probabilities`` (K + 1,), silence's at the end."""
        self._ids = ids
        self._worth = worth
        self._priorities = priorities
        self._probabilities = probabilities
        self._all: list[int] | None = None

    def __len__(self) -> int:
        return len(self._priorities)

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

    @property
    def best(self) -> str:
        """The best by expectation; of several the first in id order, silence last."""
        return self._name(int(np.argmax(self._priorities)))

    def behind(self, experience_id: str) -> float | None:
        """The money that one is short of the best by expectation (0: it is the best); None where it is no candidate."""
        ahead = self.ahead(experience_id)
        return None if ahead is None else max(0.0, -ahead)

    def ahead(self, experience_id: str) -> float | None:
        """The money that one is ahead of the best of the others, below 0 where it is behind; None where it is none."""
        row = self._row(experience_id)
        if row is None:
            return None
        others = np.delete(self._priorities, row)
        return float(self._priorities[row] - others.max(initial=-np.inf))

    def named(self, experience_id: str) -> Candidate | None:
        """One candidate; None where it is none."""
        row = self._row(experience_id)
        return None if row is None else self._spelt(row)

    def leading(self, count: int, chosen: str) -> list[Candidate]:
        """The first ``count``, and the chosen one and silence where they are not among them.

        Silence is what everything else is measured against: its probability is in every record.
        """
        silence = len(self._ids)
        own = silence if chosen == SILENCE else bisect_left(self._ids, chosen)
        rows = self._first(count)
        rows += [each for each in dict.fromkeys((own, silence)) if each not in rows]
        return [self._spelt(each) for each in rows]

    @property
    def _order(self) -> list[int]:
        """Every row, in order."""
        if self._all is None:
            self._all = self._sorted(np.arange(len(self._priorities)))
        return self._all

    def _first(self, count: int) -> list[int]:
        """The first rows in order, without ordering the rest: of equals in probability those of most priority."""
        probabilities = self._probabilities
        if len(probabilities) <= max(count, _FEW):
            return self._order[:count]
        threshold = np.partition(probabilities, -count)[-count]
        above = np.flatnonzero(probabilities > threshold)
        equal = np.flatnonzero(probabilities == threshold)
        rest = equal[best(self._priorities[equal], count - len(above))]
        return [*self._sorted(above), *rest.tolist()]

    def _sorted(self, rows: Ints) -> list[int]:
        keys = (rows, -self._priorities[rows], -self._probabilities[rows])
        order: Ints = rows[np.lexsort(keys)]
        found: list[int] = order.tolist()
        return found

    def _row(self, experience_id: str) -> int | None:
        if experience_id == SILENCE:
            return len(self._ids)
        place = bisect_left(self._ids, experience_id)
        here = place < len(self._ids) and self._ids[place] == experience_id
        return place if here else None

    def _name(self, row: int) -> str:
        return SILENCE if row == len(self._ids) else self._ids[row]

    def _spelt(self, row: int) -> Candidate:
        silent = row == len(self._ids)
        return Candidate(
            experience_id=self._name(row),
            priority=self._priorities.item(row),
            probability=self._probabilities.item(row),
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
