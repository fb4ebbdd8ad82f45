"""What a value is compared with: the items that have its facet at all.

Whoever watched forty films has not turned down beef forty times: of ``category=beef`` only items with a category tell
anything. So shares, evidence and what was shown are taken among items that have the value's facet. A facet with one
value only (a flag) stands for itself: whoever lacks it says so, and it is compared with all items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints

# Reference shares stay within [1e-4, 1 − 1e-4]: nothing is held impossible, or certain, before it is seen.
SHARE_MIN = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """V values and the facets that they belong to, F of them; the last number, F, means "of all items".

    count:    F
    of:       (V,) the facet of each value
    multiple: (F + 1,) how many values of the facet an item has that has any
    expected: (V,) the population's share among all items
    shares:   (V,) the population's share among items with the facet
    order, starts, groups: values in the order of their facets, where each facet begins there, and which it is
    """

    count: int
    of: Ints
    multiple: Floats
    expected: Floats
    shares: Floats
    order: Ints
    starts: Ints
    groups: Ints

    def items(self, masses: Floats, whole: Floats) -> Floats:
        """Items with each value's facet, (H, V), from the masses of the values (H, V) and of all items (H,).

        Σ of the facet's masses over ``multiple``, at least the largest of them, at most all items. H: kinds of mass.
        """
        found = np.empty((len(masses), self.count + 1))
        if len(self.order):
            sorted_by_facet = masses[:, self.order]
            sums = np.add.reduceat(sorted_by_facet, self.starts, axis=1)
            sums /= self.multiple[self.groups]
            most = np.maximum.reduceat(sorted_by_facet, self.starts, axis=1)
            found[:, self.groups] = np.maximum(sums, most)
        found[:, self.count] = whole
        return np.minimum(found[:, self.of], whole[:, None])


def facets_of(
    values: Sequence[str], expected: Floats, multiple: Mapping[str, float] | None = None
) -> Facets:
    """The facets of these values; ``multiple``: facet → values an item has of it (1 where it is not named)."""
    names = [value.partition("=")[0] for value in values]
    sizes: dict[str, int] = {}
    for name in names:
        sizes[name] = sizes.get(name, 0) + 1
    place = {name: number for number, name in enumerate(n for n in sizes if sizes[n] > 1)}
    count = len(place)
    of = np.array([place.get(name, count) for name in names], dtype=np.int64)
    several = np.ones(count + 1)
    for name, number in place.items():
        several[number] = max(1.0, (multiple or {}).get(name, 1.0))
    sums = np.bincount(of, weights=expected, minlength=count + 1)
    sums[count] = 0.0
    scale = np.where(sums > 0.0, several / np.maximum(sums, 1e-300), 1.0)
    shares = np.where(of < count, expected * scale[of], expected)
    order = np.argsort(of, kind="stable")
    groups, starts = np.unique(of[order], return_index=True)
    return Facets(
        count=count,
        of=of,
        multiple=several,
        expected=expected,
        shares=np.clip(shares, SHARE_MIN, 1.0 - SHARE_MIN),
        order=order,
        starts=starts.astype(np.int64),
        groups=groups,
    )


def multiples(catalog: CatalogIndex) -> dict[str, float]:
    """Facet → how many of its values an item has that has any, over the catalogue."""
    owner = np.repeat(np.arange(len(catalog.items)), np.diff(catalog.indptr))
    names = [value.partition("=")[0] for value in catalog.values]
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    facet = np.array([place[name] for name in names], dtype=np.int64)
    if not len(owner):
        return {}
    each = facet[catalog.indices]
    having = np.unique(owner * len(place) + each) % len(place)
    mentions = np.bincount(each, minlength=len(place))
    items = np.maximum(np.bincount(having, minlength=len(place)), 1)
    return {name: float(mentions[number] / items[number]) for name, number in place.items()}
