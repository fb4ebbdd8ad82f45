"""What people went on to after the items that this person engaged with last."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, TasteModel
from eachwise.recommend.views import Alignment, PersonTaste

# docs/discussions/measured.md, "near": log(1e-3 + Σ_{k=1..10} .7^(k−1) M[x_k, :])
TAIL = 10
DECAY = 0.7
FLOOR = 1e-3


def score(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, alignment: Alignment
) -> Floats:
    """log(1 + S/1e-3), S = Σ_{k=1..10} .7^(k−1) M[x_k, :]; x_1 is newest, M the model; (N,).

    The same as the measured "near" up to a constant; items that the model does not know are passed
    over.
    """
    known = _known(person, model)
    if not known:
        return np.zeros(len(catalog.item_ids))
    spans = [slice(model.indptr[row], model.indptr[row + 1]) for row in known]
    indices = np.concatenate([model.indices[span] for span in spans])
    weights = np.concatenate(
        [model.weights[span] * DECAY**place for place, span in enumerate(spans)]
    )
    reached = np.bincount(indices, weights=weights, minlength=len(model.item_ids))
    return alignment.to_catalog(np.log1p(reached / FLOOR), 0.0)


def explain(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, alignment: Alignment, row: int
) -> str | None:
    """``because you viewed X``: the recent item that leads here most strongly."""
    target = alignment.model_row[row]
    best, found = 0.0, -1
    for place, origin in enumerate(_known(person, model)):
        start, end = model.indptr[origin], model.indptr[origin + 1]
        at = start + np.searchsorted(model.indices[start:end], target)
        if at < end and model.indices[at] == target:
            pull = float(model.weights[at]) * DECAY**place
            if pull > best:
                best, found = pull, origin
    if found < 0:
        return None
    item_id = model.item_ids[found]
    at_row = catalog.row_of.get(item_id)
    title = catalog.items[at_row].title if at_row is not None else ""
    return f"because you viewed {title or item_id}"


def _known(person: PersonTaste, model: TasteModel) -> list[int]:
    """Rows of the newest items that the model knows, newest first."""
    rows: list[int] = []
    for item_id in person.recents:
        row = model.row_of.get(item_id)
        if row is not None:
            rows.append(row)
            if len(rows) == TAIL:
                break
    return rows
