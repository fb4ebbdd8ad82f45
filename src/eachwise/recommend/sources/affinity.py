"""How much more, or less, this person engages with what an item is about than everyone does."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, Floats, TasteModel
from eachwise.maths.words import value_words
from eachwise.recommend.views import Alignment, PersonTaste

# Spread τ of true tastes, in log-odds: an estimate counts by its reliability τ²/(τ² + sd²).
SPREAD = 1.0


def score(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, alignment: Alignment
) -> Floats:
    """Σ over the item's values of both horizons' log-odds, each times its reliability; (N,)."""
    taste = _taste(person.affinity)
    pulls = taste[catalog.indices]
    total = np.bincount(alignment.value_row, weights=pulls, minlength=len(catalog.item_ids))
    return total.astype(np.float64, copy=False)


def explain(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, alignment: Alignment, row: int
) -> str | None:
    """``you often choose fish``: the item's value that speaks for it most."""
    columns = catalog.indices[catalog.indptr[row] : catalog.indptr[row + 1]]
    affinity = person.affinity
    taste = _taste(affinity)[columns]
    if not len(columns) or taste.max() <= 0:
        return None
    column = columns[int(taste.argmax())]
    words = value_words(catalog.values[column])
    if affinity.declared[column] > 0:
        return f"you told us you like {words}"
    if affinity.moment[column] > affinity.general[column]:
        return f"you are looking at {words} now"
    return f"you often choose {words}"


def _taste(affinity: AffinityVectors) -> Floats:
    """Both horizons, each shrunk by its reliability and added; shape (V,)."""
    return _shrunk(affinity.general, affinity.general_sd) + _shrunk(
        affinity.moment, affinity.moment_sd
    )


def _shrunk(log_odds: Floats, sd: Floats) -> Floats:
    return log_odds / (1.0 + (sd / SPREAD) ** 2)
