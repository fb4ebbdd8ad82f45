"""Which items are worth scoring where there are too many: what the models reach, what tastes name, popular, new."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints
from eachwise.contracts.taste import History
from eachwise.maths.best import best
from eachwise.recommend.bound import Bound
from eachwise.recommend.views import Read

# Popular, rising and new items that everyone's candidates have.
_TRENDING = 200
_NEWEST = 100
# The strongest tastes, and of each so many of its most popular items.
_TASTES = 8
_EACH_TASTE = 100
# With fewer candidates than this within the caller's mask, its most popular items fill up.
_WITHIN_MIN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """What candidates read of a bound set: prepared once.

    trending: (≤ 200,) by the trend; newest: rows by publication, newest first; of_value: value's column → its ≤ 100
    most popular items; catalog_row: (M,) each trained row's row in the catalogue, −1 where the item is gone; standing:
    (N,) from −2 to −1 by the trend, the order of what nobody scored
    """

    trending: Ints
    newest: Ints
    published_us: Ints
    starts: Ints
    items: Ints
    catalog_row: Ints
    standing: Floats

    def of_value(self, column: int) -> Ints:
        """The most popular items that carry a value, best first."""
        begin = int(self.starts[column])
        return self.items[begin : min(int(self.starts[column + 1]), begin + _EACH_TASTE)]


_KEPT: deque[tuple[Bound, Shelves]] = deque(maxlen=4)


def shelves(bound: Bound) -> Shelves:
    """The shelves of a bound set; remembered for the sets seen last."""
    for known, found in tuple(_KEPT):
        if known is bound:
            return found
    catalog = bound.catalog
    by_trend = np.argsort(-bound.trend, kind="stable")
    starts, items = _by_value(catalog, by_trend)
    newest = np.argsort(-catalog.published_us, kind="stable")
    found = Shelves(
        trending=by_trend[:_TRENDING],
        newest=newest,
        published_us=catalog.published_us[newest],
        starts=starts,
        items=items,
        catalog_row=_catalog_rows(bound),
        standing=_standing(bound.trend),
    )
    _KEPT.appendleft((bound, found))
    return found


def _by_value(catalog: CatalogIndex, order: Ints) -> tuple[Ints, Ints]:
    """The catalogue's CSR turned round: of each value its items, in this order of the items; starts (V + 1,)."""
    lengths = np.diff(catalog.indptr)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    owner = np.repeat(np.arange(len(lengths)), lengths)
    columns = catalog.indices
    sort = np.argsort(columns * max(len(order), 1) + place[owner], kind="stable")
    starts = np.zeros(len(catalog.values) + 1, dtype=np.int64)
    np.cumsum(np.bincount(columns, minlength=len(catalog.values)), out=starts[1:])
    return starts, owner[sort]


def candidates(
    bound: Bound,
    who: Read,
    histories: dict[bool, History],
    within: Bools | None,
    now_us: int,
    score_all_max: int,
) -> Ints:
    """Distinct ascending rows of the catalogue."""
    if within is not None and np.count_nonzero(within) <= score_all_max:
        return np.flatnonzero(within)
    at = shelves(bound)
    begin = int(np.searchsorted(-at.published_us, -now_us, side="left"))
    found = [at.trending, at.newest[begin : begin + _NEWEST]]
    found += [at.of_value(column) for column in _tastes(who.taste)]
    for placed in bound.placed:
        if placed.model.reach is not None:
            rows = placed.model.reach(placed.parts, histories[placed.renewed])
            found.append(rows if placed.renewed else at.catalog_row[rows])
    marked = np.zeros(len(bound.catalog.item_ids), dtype=np.bool_)
    rows = np.concatenate(found)
    marked[rows[rows >= 0]] = True
    if within is not None:
        marked &= within
        lacking = _WITHIN_MIN - int(np.count_nonzero(marked))
        if lacking > 0:
            others = np.flatnonzero(within & ~marked)
            marked[others[best(bound.trend[others], lacking)]] = True
    return marked.nonzero()[0]


def _tastes(taste: Floats) -> list[int]:
    """The columns of the strongest positive tastes."""
    return [column for column in best(taste, _TASTES).tolist() if taste[column] > 0.0]


def _catalog_rows(bound: Bound) -> Ints:
    """Each trained row's row in the catalogue, −1 where the item is gone; (M,)."""
    found = np.full(len(bound.trained.item_ids), -1, dtype=np.int64)
    known = np.flatnonzero(bound.known)
    found[bound.trained_row[known]] = known
    return found


def baseline(bound: Bound, rows: Ints, scores: Floats) -> Floats:
    """Scores (N,): the candidates' own; all others below them by the trend, at most one unit apart."""
    found: Floats = shelves(bound).standing + float(scores.min(initial=0.0))
    found[rows] = scores
    return found


def _standing(trend: Floats) -> Floats:
    """(trend − max) / (max − min) − 1; −1 where all are alike."""
    spread = float(np.ptp(trend)) if len(trend) else 0.0
    if spread <= 0.0:
        return np.full(len(trend), -1.0)
    return np.asarray((trend - trend.max()) / spread - 1.0)
