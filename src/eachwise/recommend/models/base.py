"""What a model of taste is: fitted once from everyone's engagements, scored for one person at a time.

A model contributes *features*: numbers for each item that a linear blend weighs and adds. The same ``score`` serves a
request, fills the validation data that the blend is fitted on, and ranks in the proofs, so that nothing can differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.taste import History, Interactions, Parts

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What a fit is given besides the engagements.

    ``catalog`` describes the items (an item of the engagements may be missing from it); ``memory_bytes_max`` is what
    one model may take at its peak; ``say`` reports progress in a line. ``earlier`` holds the model's own parts from a
    fit on fewer of these engagements, to start from, where there was one. A fit that takes long keeps its progress in
    the folder ``work`` and goes on from there; it ends soon after ``minutes_max``.
    """

    catalog: CatalogIndex
    memory_bytes_max: int
    seed: int
    say: Callable[[str], None]
    earlier: Parts | None = None
    work: Path | None = None
    minutes_max: float = 60.0
    memo: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """What several models derive of the same engagements, computed by the first that asks."""
        if name not in self.memo:
            self.memo[name] = compute()
        found: T = self.memo[name]
        return found


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

    def add_up(self, rows: NDArray[np.integer], weights: NDArray[np.floating]) -> Floats:
        """Σ of ``weights`` at ``rows`` (repeats add), at the frame's items; shape (C,)."""
        if self.place is None:
            sums = np.bincount(rows, weights=weights, minlength=self.size)
        else:
            # What is no candidate adds up at the first place, which is left out: quicker than to pick what counts.
            sums = np.bincount(self.place[rows] + 1, weights=weights, minlength=self.size + 1)[1:]
        return sums.astype(np.float64, copy=False)


Fit = Callable[[Interactions, Fitting], Parts]
Score = Callable[[Parts, History, Frame], Floats]
Reach = Callable[[Parts, History], Ints]
Explain = Callable[[Parts, History, int], int | None]
Renew = Callable[[Parts, TasteModel, CatalogIndex], Parts | None]
Tell = Callable[[Parts, int, CatalogIndex, AffinityVectors], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: one file, one line in the registry, and the common checks must pass.

    features: names of the columns that ``score`` gives, in order, as ``model.feature``
    fit:      engagements → named arrays, little-endian float32/int32 where they are large. Raises ``DoesNotApply``.
              Heavy libraries are imported inside, so that serving never loads them.
    score:    (F, C) finite numbers, 0 where the model knows nothing; a pure function of its arguments
    reach:    rows (any order, repeats allowed) that the model would bring in as candidates for this person
    explain:  the row of the item in the history that speaks most for a row, if one does
    renew:    the fitted parts (none before the first training), the live counts, the catalogue → parts over the
              catalogue's rows, so that new items and the last minutes count; None: the fitted ones know more
    tell:     a row's reason in words, where that is no item of the history; the row is the catalogue's after ``renew``
    """

    name: str
    features: tuple[str, ...]
    fit: Fit
    score: Score
    reach: Reach | None = None
    explain: Explain | None = None
    renew: Renew | None = None
    tell: Tell | None = None
