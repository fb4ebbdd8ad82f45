"""How popular each item is, and is becoming: what several sources read and no person changes."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats, TasteModel
from eachwise.recommend.views import Alignment

# Weight of the trend beside popularity; docs/discussions/measured.md has .468 for "late".
LATE = 0.5


def popularity(model: TasteModel, alignment: Alignment) -> Floats:
    """log p + ½·log(q / p), less its mean; p the long and q the recent share; shape (N,).

    An item that the model does not know counts as its least popular one. Computed once for a model
    and catalogue.
    """
    return alignment.once("popularity", lambda: _popularity(model, alignment))


def _popularity(model: TasteModel, alignment: Alignment) -> Floats:
    if not len(model.popularity):
        return np.zeros(len(alignment.model_row))
    of_model = (1.0 - LATE) * np.log(model.popularity) + LATE * np.log(model.recent)
    found = alignment.to_catalog(of_model, float(of_model.min()))
    return found - found.mean() if len(found) else found.copy()
