"""Small catalogues and mixes for tests of slates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eachwise.catalog import build_index
from eachwise.contracts.arrays import CatalogIndex, Floats
from eachwise.contracts.catalog import Item
from eachwise.recommend import Mix, Stock, Tastes, Wishes, facets_of, likeness_of, mix_of

PLAIN = Wishes(calibration=0.0, diversity=0.0, trial=0.0, run_max=0, run_attributes=())


def catalog_of(*attributes: Mapping[str, str | list[str]], **fields: Any) -> CatalogIndex:
    """Items ``i000``, ``i001`` … with these attributes; ``fields`` are the same for all."""
    return build_index(
        (
            Item(item_id=f"i{number:03d}", attributes=dict(each), **fields)
            for number, each in enumerate(attributes)
        ),
        version=1,
    )


def genres(*counts: tuple[str, int]) -> CatalogIndex:
    """So many items of each genre, one after the other."""
    return catalog_of(*({"genre": name} for name, count in counts for _ in range(count)))


def stock_of(catalog: CatalogIndex, *names: str) -> Stock:
    """The catalogue with its facets, of these names or chosen by themselves."""
    return Stock(catalog=catalog, facets=facets_of(catalog, names), likeness=likeness_of(catalog))


def mix(stock: Stock, masses: Mapping[str, float], shown: Mapping[str, float] | None = None) -> Mix:
    """A person who engaged with so many items of each value, one value an item, and was shown others."""
    facets, values = stock.facets, stock.catalog.values

    def over(of: Mapping[str, float]) -> Floats:
        return np.array([of.get(values[column], 0.0) for column in facets.columns.tolist()])

    tastes = Tastes(
        general=over(masses),
        moment=np.zeros(len(facets.columns)),
        shown=over(shown or {}),
        any_general=float(sum(masses.values())),
        any_moment=0.0,
        any_shown=float(sum((shown or {}).values())),
    )
    return mix_of(facets, tastes, np.zeros(len(facets.columns)), 0.0)


def values_at(catalog: CatalogIndex, rows: Sequence[int]) -> list[str]:
    """The first value of each row."""
    return [catalog.values[catalog.indices[catalog.indptr[row]]] for row in rows]
