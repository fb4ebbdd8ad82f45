"""Where the items of one list stand in another: models, the live counts and the catalogue each have their own order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints, TasteModel


def rows_in(item_ids: tuple[str, ...], row_of: Mapping[str, int]) -> Ints:
    """Each item's row elsewhere, −1 where it is not; (N,)."""
    return np.array([row_of.get(item_id, -1) for item_id in item_ids], dtype=np.int64)


def to_catalog(of_live: Floats, live: TasteModel, catalog: CatalogIndex, missing: float) -> Floats:
    """An array over the live model's rows, over the catalogue's; ``missing`` where the model lacks an item."""
    if live.item_ids == catalog.item_ids:
        return of_live
    found = np.full(len(catalog.item_ids), missing)
    if len(of_live):
        rows = rows_in(catalog.item_ids, live.row_of)
        known = rows >= 0
        found[known] = of_live[rows[known]]
    return found


def table_to_catalog(
    live: TasteModel, catalog: CatalogIndex
) -> tuple[Ints, NDArray[np.int32], NDArray[Any]]:
    """The live transitions over the catalogue's rows: indptr, indices ascending in a row, weights."""
    if live.item_ids == catalog.item_ids:
        return live.indptr, live.indices.astype(np.int32), live.weights.astype(np.float32)
    rows = rows_in(live.item_ids, catalog.row_of)
    origins = np.repeat(rows, np.diff(live.indptr))
    columns = rows[live.indices]
    kept = (origins >= 0) & (columns >= 0)
    origins, columns, weights = origins[kept], columns[kept], live.weights[kept]
    count = len(catalog.item_ids)
    order = np.argsort(origins * count + columns, kind="stable")
    indptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(origins, minlength=count), out=indptr[1:])
    return indptr, columns[order].astype(np.int32), weights[order].astype(np.float32)
