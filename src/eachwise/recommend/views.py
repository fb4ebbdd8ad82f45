"""What every source is given: the person, and how the model's rows meet the catalogue's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, Floats, Ints, TasteModel


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonTaste:
    """One person as the sources see one; ``recents`` are items engaged with, newest first."""

    recents: tuple[str, ...]
    affinity: AffinityVectors
    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """One model beside one catalogue, with what is derived once for the two.

    ``model_row`` (N,): each catalogue row's row in the model, −1 where the model does not know the
    item; ``catalog_row`` (M,): the reverse; ``same``: both list the same items in the same order;
    ``value_row`` (nnz,): the catalogue row of each entry of its CSR.
    """

    model_row: Ints
    catalog_row: Ints
    same: bool
    value_row: Ints
    _memo: dict[str, Floats] = field(default_factory=dict, repr=False)

    def once(self, name: str, compute: Callable[[], Floats]) -> Floats:
        """An array that depends on the model and the catalogue only, computed at its first use."""
        found = self._memo.get(name)
        if found is None:
            found = compute()
            found.setflags(write=False)
            self._memo[name] = found
        return found

    def to_catalog(self, of_model: Floats, missing: float) -> Floats:
        """Reorder an array (M,) over the model's rows to the catalogue's (N,)."""
        if self.same:
            return of_model
        if not len(of_model):
            return np.full(len(self.model_row), missing)
        return np.where(self.model_row >= 0, of_model[self.model_row], missing)


# The pairs seen last; two, for a model and its successor. Keyed by identity, so shops never meet.
_KEPT: deque[tuple[TasteModel, CatalogIndex, Alignment]] = deque(maxlen=2)


def align(model: TasteModel, catalog: CatalogIndex) -> Alignment:
    """How the model's rows meet the catalogue's; remembered for the pairs seen last."""
    for known_model, known_catalog, alignment in tuple(_KEPT):
        if known_model is model and known_catalog is catalog:
            return alignment
    alignment = _aligned(model, catalog)
    _KEPT.appendleft((model, catalog, alignment))
    return alignment


def _aligned(model: TasteModel, catalog: CatalogIndex) -> Alignment:
    same = model.item_ids == catalog.item_ids
    if same:
        model_row = catalog_row = np.arange(len(catalog.item_ids))
    else:
        model_row = _rows(model.row_of, catalog.item_ids)
        catalog_row = _rows(catalog.row_of, model.item_ids)
    lengths = np.diff(catalog.indptr)
    return Alignment(
        model_row=model_row,
        catalog_row=catalog_row,
        same=same,
        value_row=np.repeat(np.arange(len(lengths)), lengths),
    )


def _rows(row_of: dict[str, int], item_ids: tuple[str, ...]) -> Ints:
    return np.array([row_of.get(item_id, -1) for item_id in item_ids], dtype=np.int64)
