"""All sources in one score, the best of it, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints, TasteModel
from eachwise.recommend.registry import SOURCES
from eachwise.recommend.views import Alignment, PersonTaste, align
from eachwise.settings import RecommendSettings

REASONS_MAX = 3
# A contribution below this, in log units, is no reason to name.
_REASON_MIN = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Scores of the catalogue's rows (N,), the sum of what each source contributed."""

    scores: Floats
    contributions: dict[str, Floats]
    model: TasteModel
    alignment: Alignment


def rank(
    person: PersonTaste, model: TasteModel, catalog: CatalogIndex, weights: RecommendSettings
) -> Ranking:
    """score = Σ over the sources of weight · source, a linear blend in log units; shape (N,).

    A source of weight 0 is not computed. Nothing is filtered: ``top`` takes the mask of what may be
    shown.
    """
    alignment = align(model, catalog)
    scores = np.zeros(len(catalog.item_ids))
    contributions: dict[str, Floats] = {}
    for name, source in SOURCES.items():
        weight = source.weight(weights)
        if weight:
            contribution = weight * source.score(person, model, catalog, alignment)
            contributions[name] = contribution
            scores += contribution
    return Ranking(scores=scores, contributions=contributions, model=model, alignment=alignment)


def top(ranking: Ranking, mask: Bools, count: int) -> Ints:
    """The rows of the highest scores under the mask, best first; ties go to the lower row."""
    rows = np.flatnonzero(mask)
    scores = ranking.scores[rows]
    if 0 < count < len(rows):
        least = np.partition(scores, len(rows) - count)[len(rows) - count]
        rows = rows[scores >= least]
        scores = ranking.scores[rows]
    return rows[np.argsort(-scores, kind="stable")[: max(count, 0)]]


def reasons(ranking: Ranking, row: int, person: PersonTaste, catalog: CatalogIndex) -> list[str]:
    """Why an item stands where it stands, in words, the strongest source first; three at most."""
    found: list[str] = []
    pulls = {name: float(one[row]) for name, one in ranking.contributions.items()}
    for name in sorted(pulls, key=lambda name: -pulls[name]):
        if pulls[name] < _REASON_MIN or len(found) == REASONS_MAX:
            break
        words = SOURCES[name].explain(person, ranking.model, catalog, ranking.alignment, row)
        if words and words not in found:
            found.append(words)
    return found
