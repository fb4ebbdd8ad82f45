"""How alike two items are, and slates that do not say the same thing twice.

Maximal marginal relevance (Carbonell & Goldstein 1998): each slot loses δ · max_j sim(i, j) over the items j above it.
Variants of one product count fully alike; items with the same attributes half:

    sim(i, j) = 1 in one group, else ½ Σ_{v in both} idf_v / Σ_{v in either} idf_v,    idf_v = log(N / n_v)

so that a shared brand says more than a shared diet. N = items, C = candidates, V = values, E = entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints

# What two variants of one product cost each other at full diversity, in log units: e² times less likely a choice.
PENALTY_MAX = 2.0
_ALIKE = 0.5
_HAIR = 1e-12
# Items with the same text here are variants of one product (the name is Google Merchant's).
GROUP = "item_group_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What tells items apart, prepared once a version.

    rarity: (V,) idf of each value; group: (N,) number of the item's group, −1 without one
    """

    rarity: Floats
    group: Ints


def likeness_of(catalog: CatalogIndex) -> Likeness:
    """The rarity of a catalogue's values, and the groups of its items (``extra.item_group_id``, or an attribute)."""
    counts = np.bincount(catalog.indices, minlength=len(catalog.values))
    numbers: dict[str, int] = {}
    group = np.full(len(catalog.items), -1, dtype=np.int64)
    for row, item in enumerate(catalog.items):
        named = item.extra.get(GROUP) or item.attributes.get(GROUP)
        if isinstance(named, str):
            group[row] = numbers.setdefault(named, len(numbers))
    rarity = np.log(max(len(catalog.items), 1) / np.maximum(counts, 1))
    return Likeness(rarity=rarity, group=group)


def entries_of(catalog: CatalogIndex, rows: Ints) -> tuple[Ints, Ints]:
    """The values that rows (C,) carry, as CSR: where each one's begin (C + 1,), and their columns (E,)."""
    begins = catalog.indptr[rows]
    lengths = catalog.indptr[rows + 1] - begins
    indptr = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    places = np.arange(indptr[-1]) + np.repeat(begins - indptr[:-1], lengths)
    columns: Ints = catalog.indices[places]
    return indptr, columns


def alike(likeness: Likeness, catalog: CatalogIndex, row: int, rows: Ints) -> Floats:
    """sim of one row with others (C,); 0 with what carries no value."""
    indptr, columns = entries_of(catalog, rows)
    measure = Measure(likeness, rows, indptr, columns)
    own = catalog.indices[catalog.indptr[row] : catalog.indptr[row + 1]]
    return measure.of(own, int(likeness.group[row]))


class Measure:
    """sim between any item and the candidates (C,)."""

    def __init__(self, likeness: Likeness, rows: Ints, indptr: Ints, columns: Ints) -> None:
        """The candidates ``rows`` carry the values ``columns[indptr[i]:indptr[i + 1]]``."""
        self._rarity = likeness.rarity
        self._group = likeness.group[rows]
        self._grouped = bool((self._group >= 0).any())
        self._indptr = indptr
        self._columns = columns
        self._owner = np.repeat(np.arange(len(rows)), indptr[1:] - indptr[:-1])
        self._total = np.bincount(
            self._owner, weights=likeness.rarity[columns], minlength=len(rows)
        )
        self._marked = np.zeros(len(likeness.rarity))

    def of(self, columns: Ints, group: int) -> Floats:
        """sim of an item with these values and this group (−1: none) with every candidate."""
        own = self._rarity[columns]
        self._marked[columns] = own
        shared = np.bincount(
            self._owner, weights=self._marked[self._columns], minlength=len(self._total)
        )
        self._marked[columns] = 0.0
        # What carries no value is like nothing: 0 of a hair.
        found: Floats = _ALIKE * shared / (self._total + (float(own.sum()) + _HAIR) - shared)
        if self._grouped and group >= 0:
            found[self._group == group] = 1.0
        return found

    def with_candidate(self, candidate: int) -> Floats:
        """sim of a candidate with every candidate."""
        span = slice(self._indptr[candidate], self._indptr[candidate + 1])
        return self.of(self._columns[span], int(self._group[candidate]))


def spread(order: Sequence[int], runs: Mapping[int, frozenset[str]], run_max: int) -> list[int]:
    """The places of ``order`` so that no more than ``run_max`` in a row share a value; as it was wherever it can be.

    ``runs`` names for each place the values that must not run on. Where every one left would run on, the first does.
    """
    left, found = list(order), list[int]()
    while left:
        last = [runs[place] for place in found[-run_max:]]
        barred = frozenset.intersection(*last) if len(last) == run_max else frozenset()
        place = next((one for one in left if not barred & runs[one]), left[0])
        left.remove(place)
        found.append(place)
    return found
