"""The catalogue as arrays, and masks over its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from eachwise.catalog.items import values_of, values_of_item
from eachwise.contracts.arrays import Bools, CatalogIndex, Ints
from eachwise.contracts.catalog import Item, ItemQuery
from eachwise.maths.times import parse_time_us

ALWAYS_US = -(2**62)
NEVER_US = 2**62


def build_index(items: Iterable[Item], version: int) -> CatalogIndex:
    """Arrays over the items, sorted by id; of items with the same id the last one counts.

    ``from_us`` is −2**62 without a beginning; ``published_us`` is ``from_us`` where an item does
    not say.
    """
    by_id = {item.item_id: item for item in items}
    item_ids = tuple(sorted(by_id))
    ordered = tuple(by_id[item_id] for item_id in item_ids)
    carried = [values_of_item(item) for item in ordered]
    values = tuple(sorted({value for one in carried for value in one}))
    value_of = {value: column for column, value in enumerate(values)}
    indptr = np.zeros(len(ordered) + 1, dtype=np.int64)
    np.cumsum([len(one) for one in carried], out=indptr[1:])
    start = _times([item.available_from for item in ordered], ALWAYS_US)
    published = _times([item.published_at for item in ordered], ALWAYS_US)
    return CatalogIndex(
        version=version,
        items=ordered,
        item_ids=item_ids,
        row_of={item_id: row for row, item_id in enumerate(item_ids)},
        values=values,
        value_of=value_of,
        indptr=indptr,
        indices=np.array([value_of[value] for one in carried for value in one], dtype=np.int64),
        available=np.array([item.available for item in ordered], dtype=np.bool_),
        from_us=start,
        until_us=_times([item.expires_at for item in ordered], NEVER_US),
        published_us=np.where(published == ALWAYS_US, start, published),
    )


def _times(texts: list[str | None], otherwise: int) -> Ints:
    times = [otherwise if text is None else parse_time_us(text) for text in texts]
    return np.array(times, dtype=np.int64)


def showable(index: CatalogIndex, now_us: int) -> Bools:
    """Which rows may be shown now, shape (N,): available and from ≤ now < until."""
    return index.available & (index.from_us <= now_us) & (now_us < index.until_us)


def select(index: CatalogIndex, query: ItemQuery) -> Bools:
    """Which rows a query means, shape (N,): a value of every ``where``, none of any ``exclude``."""
    mask = np.ones(len(index.items), dtype=np.bool_)
    for name, wanted in query.where.items():
        mask &= _carries(index, {name: wanted})
    if query.exclude:
        mask &= ~_carries(index, query.exclude)
    return mask


def _carries(index: CatalogIndex, attributes: Mapping[str, str | list[str]]) -> Bools:
    """Which rows carry at least one of these values, shape (N,)."""
    columns = [index.value_of[value] for value in values_of(attributes) if value in index.value_of]
    meant = np.zeros(len(index.values), dtype=np.bool_)
    meant[columns] = True
    before = np.zeros(len(index.indices) + 1, dtype=np.int64)
    np.cumsum(meant[index.indices], out=before[1:])
    return before[index.indptr[1:]] > before[index.indptr[:-1]]
