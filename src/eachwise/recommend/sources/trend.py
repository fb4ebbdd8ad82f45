"""What everyone engages with, and lately more than before."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, TasteModel
from eachwise.recommend.popularity import popularity
from eachwise.recommend.views import Alignment, PersonTaste

# Popular: above e times the geometric mean share. Rising: above e^½ times its own usual share.
_POPULAR = 1.0
_RISING = 0.5


def score(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, alignment: Alignment
) -> Floats:
    """log p + ½·log(q / p), less its mean; shape (N,). The same for everyone."""
    return popularity(model, alignment)


def explain(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, alignment: Alignment, row: int
) -> str | None:
    """``popular now`` where the recent share rises, ``popular`` where it is high."""
    at = alignment.model_row[row]
    if at < 0:
        return None
    if popularity(model, alignment)[row] < _POPULAR:
        return None
    rising = np.log(model.recent[at] / model.popularity[at]) >= _RISING
    return "popular now, and rising" if rising else "popular now"
