"""A fair look for what is new: nobody has had the time to find it."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints, TasteModel
from eachwise.maths.decay import MICROSECONDS
from eachwise.recommend.popularity import popularity
from eachwise.recommend.views import Alignment, PersonTaste

# After a week half of the allowance is gone: by then a shop's visitors have come by about once.
HALF_LIFE_S = 7 * 86400.0


def score(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, alignment: Alignment
) -> Floats:
    """−min(popularity, 0) · 2^(−age / 7 d), shape (N,): a newborn item counts as average.

    Nothing is added before an item's publication, where that is unknown, and after ten half-lives.
    """
    found = np.zeros(len(catalog.item_ids))
    rows = _new_rows(person, catalog)
    if len(rows):
        age_s = (person.now_us - catalog.published_us[rows]) / MICROSECONDS
        lacking = -np.minimum(popularity(model, alignment)[rows], 0.0)
        found[rows] = lacking * np.exp2(-age_s / HALF_LIFE_S)
    return found


def explain(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, alignment: Alignment, row: int
) -> str | None:
    """``new`` in the item's first week."""
    age_us = person.now_us - int(catalog.published_us[row])
    return "new" if 0 <= age_us < HALF_LIFE_S * MICROSECONDS else None


def _new_rows(person: PersonTaste, catalog: CatalogIndex) -> Ints:
    """Rows published within ten half-lives: later, less than a thousandth is left."""
    earliest_us = person.now_us - int(10 * HALF_LIFE_S * MICROSECONDS)
    published_us = catalog.published_us
    return np.flatnonzero((published_us > earliest_us) & (published_us <= person.now_us))
