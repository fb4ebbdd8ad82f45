"""How a list is filled for one person: the pieces of ``recommend`` put together, for decisions and requests alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints
from eachwise.contracts.individual import Individual
from eachwise.contracts.recommendation import Slot
from eachwise.flow.catalogue import Shelf
from eachwise.recommend import (
    Mix,
    Ranking,
    Stock,
    Wishes,
    counted,
    entries_of,
    facets_of,
    likeness_of,
    mix_of,
    new_items,
    slate,
    standing,
    tastes_of,
    with_trial,
)
from eachwise.settings import RecommendSettings, Settings


def stock_of(shelf: Shelf, settings: RecommendSettings) -> Stock:
    """A catalogue version with what slates need of it."""
    names = settings.mix_attributes

    def prepare(catalog: CatalogIndex) -> Stock:
        return Stock(
            catalog=catalog, facets=facets_of(catalog, names), likeness=likeness_of(catalog)
        )

    return shelf.once(("stock", names), prepare)


def wishes_of(settings: RecommendSettings) -> Wishes:
    """How slates are to be where nobody says otherwise."""
    return Wishes(
        calibration=settings.calibration,
        diversity=settings.diversity,
        trial=settings.trial_share,
        run_max=settings.run_max,
        run_attributes=settings.run_attributes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Fills lists for one person at one moment: a pure function of its fields, so that a replay fills them alike.

    scores: (N,) by which items compete, the ranking's or tilted; delivered: rows of earlier pages, ascending
    """

    state: Individual
    shelf: Shelf
    ranking: Ranking
    scores: Floats
    settings: Settings
    wishes: Wishes
    now_us: int
    seed: int
    delivered: Ints | None = None

    def __call__(self, rows: Ints, count: int) -> list[Slot]:
        """At most ``count`` of these rows (ascending), best first, with the probability of each."""
        wishes = self.wishes
        stock = stock_of(self.shelf, self.settings.recommend)
        slots = slate(stock, rows, self.scores, self.mix(stock), wishes, count)
        if wishes.trial <= 0.0:
            return slots
        untried = standing(self.ranking.bound).untried
        new = new_items(stock.catalog, rows, untried, self.now_us)
        return with_trial(slots, rows, self.scores, new, wishes.trial, self.seed)

    def mix(self, stock: Stock) -> Mix:
        """The mix that this person's slates are held to, and what it has been given of it."""
        facets, catalog = stock.facets, stock.catalog
        tastes = tastes_of(self.state, facets, self.now_us, self.settings.affinity)
        rows = self.delivered
        if rows is None or not len(rows):
            return mix_of(facets, tastes, np.zeros(len(facets.columns)), 0.0)
        _, columns = entries_of(catalog, rows)
        return mix_of(facets, tastes, counted(facets, columns), float(len(rows)))
