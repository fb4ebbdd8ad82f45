"""Every candidate source by name: one file and one line here; the common checks find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from eachwise.contracts.arrays import CatalogIndex, Floats, TasteModel
from eachwise.recommend.sources import affinity, fresh, transitions, trend
from eachwise.recommend.views import Alignment, PersonTaste
from eachwise.settings import RecommendSettings

Score = Callable[[PersonTaste, TasteModel, CatalogIndex, Alignment], Floats]
Explain = Callable[[PersonTaste, TasteModel, CatalogIndex, Alignment, int], str | None]


@dataclass(frozen=True, slots=True)
class Source:
    """One source: a score (N,) in natural log units, its reason in words, its weight.

    A score is 0 where a source knows nothing. Log units are the common scale: a score says how much
    likelier an item is for what the source knows. To standardise each request instead would blow
    thin evidence up to full size.
    """

    score: Score
    explain: Explain
    weight: Callable[[RecommendSettings], float]


SOURCES: Final[dict[str, Source]] = {
    "transitions": Source(transitions.score, transitions.explain, lambda s: s.transition_weight),
    "affinity": Source(affinity.score, affinity.explain, lambda s: s.affinity_weight),
    "trend": Source(trend.score, trend.explain, lambda s: s.trend_weight),
    "fresh": Source(fresh.score, fresh.explain, lambda s: s.trend_weight),
}
