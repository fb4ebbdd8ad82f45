"""What a model of taste is: fitted once from everyone's engagements, scored for one person at a time.

A model contributes *features*: numbers for each item that a linear blend weighs and adds. The same ``score`` serves a
request, fills the validation data that the blend is fitted on, and ranks in the proofs, so that nothing can differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What a fit is given besides the engagements.

    ``catalog`` describes the items (an item of the engagements may be missing from it); ``memory_bytes_max`` is what
    one model may take at its peak; ``say`` reports progress in a line.
    """

    catalog: CatalogIndex
    memory_bytes_max: int
    seed: int
    say: Callable[[str], None]


class DoesNotApply(Exception):
    """A model has nothing to learn from these data, or would not fit into memory; the text says which, with figures."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The items that are scored: all N rows of the model, or C candidates among them, ascending.

    ``place`` (N,) is each row's place among the candidates, −1 elsewhere.
    """

    count: int
    rows: Ints | None = None
    place: Ints | None = None

    @classmethod
    def of(cls, count: int, rows: Ints | None) -> Frame:
        """A frame of these distinct ascending rows, or of all (None)."""
        if rows is None:
            return cls(count)
        place = np.full(count, -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        return cls(count, rows, place)

    @property
    def size(self) -> int:
        """How many items are scored: N, or C."""
        return self.count if self.rows is None else len(self.rows)

    def take(self, of_all: Floats) -> Floats:
        """An array over all rows (N, …), at the frame's items (C, …)."""
        return of_all if self.rows is None else of_all[self.rows]

    def add_up(self, rows: Ints, weights: Floats) -> Floats:
        """Σ of ``weights`` at ``rows`` (repeats add), at the frame's items; shape (C,)."""
        if self.place is not None:
            places = self.place[rows]
            kept = places >= 0
            rows, weights = places[kept], weights[kept]
        sums: Floats = np.bincount(rows, weights=weights, minlength=self.size).astype(np.float64)
        return sums


Fit = Callable[[Interactions, Fitting], Parts]
Score = Callable[[Parts, History, Frame], Floats]
Reach = Callable[[Parts, History], Ints]
Explain = Callable[[Parts, History, int], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: one file, one line in the registry, and the common checks must pass.

    features: names of the columns that ``score`` gives, in order, as ``model.feature``
    fit:      engagements → named arrays, little-endian float32/int32 where they are large. Raises ``DoesNotApply``.
              Heavy libraries are imported inside, so that serving never loads them.
    score:    (F, C) finite numbers, 0 where the model knows nothing; a pure function of its arguments
    reach:    rows (any order, repeats allowed) that the model would bring in as candidates for this person
    explain:  the row of the item in the history that speaks most for a row, if one does
    """

    name: str
    features: tuple[str, ...]
    fit: Fit
    score: Score
    reach: Reach | None = None
    explain: Explain | None = None
