"""The next version of an index from the last one: what did not change is not looked at item by item."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from eachwise.catalog.index import build_index
from eachwise.contracts.arrays import CatalogIndex, Ints
from eachwise.contracts.catalog import Item

T = TypeVar("T")
# Changed items, as a share of all, from which on building anew is no slower.
_ANEW_SHARE = 0.25


def patch_index(
    index: CatalogIndex, changed: Mapping[str, Item | None], version: int
) -> CatalogIndex:
    """What ``build_index`` makes of the same items after these changes; None takes an item out."""
    if len(changed) > _ANEW_SHARE * len(index.items):
        items: dict[str, Item | None] = {item.item_id: item for item in index.items}
        items.update(changed)
        return build_index((item for item in items.values() if item is not None), version)
    kept = np.ones(len(index.items), dtype=np.bool_)
    kept[[index.row_of[item_id] for item_id in changed if item_id in index.row_of]] = False
    rows = np.flatnonzero(kept)
    new = build_index((item for item in changed.values() if item is not None), version)
    order = _merged(index, rows, new)

    def both(old: Ints, fresh: Ints) -> Ints:
        found: Ints = np.concatenate([old[rows], fresh])[order]
        return found

    item_ids = _picked((*index.item_ids, *new.item_ids), rows, len(index.items), order)
    values, indptr, indices = _carried(index, new, rows, order)
    return CatalogIndex(
        version=version,
        items=_picked((*index.items, *new.items), rows, len(index.items), order),
        item_ids=item_ids,
        row_of=dict(zip(item_ids, range(len(item_ids)), strict=True)),
        values=values,
        value_of=dict(zip(values, range(len(values)), strict=True)),
        indptr=indptr,
        indices=indices,
        available=np.concatenate([index.available[rows], new.available])[order],
        from_us=both(index.from_us, new.from_us),
        until_us=both(index.until_us, new.until_us),
        published_us=both(index.published_us, new.published_us),
    )


def _merged(index: CatalogIndex, rows: Ints, new: CatalogIndex) -> Ints:
    """The order by id of the old rows that stay, followed by the new rows."""
    # Where a new id would stand among all old ones, less those before it that go.
    among_all = [bisect_left(index.item_ids, item_id) for item_id in new.item_ids]
    places = np.searchsorted(rows, among_all)
    found: Ints = np.insert(np.arange(len(rows)), places, len(rows) + np.arange(len(places)))
    return found


def _picked(of_all: tuple[T, ...], rows: Ints, count: int, order: Ints) -> tuple[T, ...]:
    """Entries of the old rows that stay (of ``count``), followed by the new ones, in order."""
    at = np.concatenate([rows, np.arange(count, len(of_all))])[order]
    return tuple(map(of_all.__getitem__, at.tolist()))


def _carried(
    index: CatalogIndex, new: CatalogIndex, rows: Ints, order: Ints
) -> tuple[tuple[str, ...], Ints, Ints]:
    """The values that are still carried, sorted, and the CSR item → value over them."""
    unknown = [value for value in new.values if value not in index.value_of]
    values = sorted((*index.values, *unknown)) if unknown else list(index.values)
    column = {value: place for place, value in enumerate(values)}
    old_columns = np.array([column[value] for value in index.values], dtype=np.int64)
    new_columns = np.array([column[value] for value in new.values], dtype=np.int64)
    flat = np.concatenate([old_columns[index.indices], new_columns[new.indices]])
    starts = np.concatenate([index.indptr[rows], len(index.indices) + new.indptr[:-1]])[order]
    lengths = np.concatenate([np.diff(index.indptr)[rows], np.diff(new.indptr)])[order]
    indptr = np.zeros(len(order) + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    # Entry k of the result lies at its row's start, so many places on as it is from its row's first.
    indices = flat[np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], lengths)]
    used = np.bincount(indices, minlength=len(values)) > 0
    if not used.all():
        values = [value for value, carried in zip(values, used.tolist(), strict=True) if carried]
        indices = (np.cumsum(used) - 1)[indices]
    return tuple(values), indptr, indices
