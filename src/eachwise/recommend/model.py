"""Statistics → an immutable taste model, all at once; ``increments`` makes the same version by version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from eachwise.contracts.arrays import Floats, Ints, TasteModel
from eachwise.recommend.smoothing import excess
from eachwise.recommend.statistics import TasteStatistics, shares

# Weights lie on this grid, of which two bytes carry one exactly: see ``increments``.
_GRID = 65535.0


def solve(
    statistics: TasteStatistics,
    *,
    version: int,
    item_ids: Iterable[str],
    expected: Mapping[str, float],
    neighbours_max: int,
    now_s: float,
) -> TasteModel:
    """The model over these items (N) at ``now_s``; what was counted of other items is left out.

    weights[i, j] = excess(K_ij, T_i, popularity_j) of ``smoothing``, K the distance-discounted transitions: the largest
    ``neighbours_max`` of each row (0: all), ties by item order, on a grid of 1/65535. totals_i = T_i = Σ_j K_ij.
    popularity_i = (m_i + ½) / Σ(m + ½), m the long masses. recent_i ∝ popularity_i · (r_i + 5) /
    (R·popularity_i + 5), r the recent masses and R their sum. ``expected`` is passed through.
    """
    ids = tuple(item_ids)
    row_of = {item_id: row for row, item_id in enumerate(ids)}
    rows = np.array([row_of.get(item_id, -1) for item_id in statistics.item_ids], dtype=np.int64)
    popularity, recent = _shares(statistics, rows, len(ids), now_s)
    totals, indptr, indices, weights = _transitions(statistics, rows, popularity, neighbours_max)
    return TasteModel(
        version=version,
        item_ids=ids,
        row_of=row_of,
        indptr=indptr,
        indices=indices,
        weights=weights,
        totals=totals,
        popularity=popularity,
        recent=recent,
        expected=dict(expected),
    )


def _transitions(
    statistics: TasteStatistics, rows: Ints, popularity: Floats, neighbours_max: int
) -> tuple[Floats, Ints, Ints, Floats]:
    """Totals (N,), and CSR of what the transitions between the model's items have beyond popularity."""
    count = len(popularity)
    earlier, later, masses = statistics.transitions()
    earlier, later = rows[earlier], rows[later]
    kept = (earlier >= 0) & (later >= 0)
    earlier, later, masses = earlier[kept], later[kept], masses[kept]
    totals = np.bincount(earlier, weights=masses, minlength=count).astype(np.float64)
    steps = np.rint(excess(masses, totals[earlier], popularity[later]) * _GRID)
    kept = steps > 0
    earlier, later, steps = earlier[kept], later[kept], steps[kept]
    if neighbours_max and len(earlier):
        order = np.lexsort((later, -steps, earlier))
        lengths = np.bincount(earlier, minlength=count)
        places = np.arange(len(order)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        order = order[places < neighbours_max]
        earlier, later, steps = earlier[order], later[order], steps[order]
    order = np.argsort(earlier * count + later, kind="stable")
    indptr = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(earlier, minlength=count), out=indptr[1:])
    return totals, indptr, later[order], steps[order] / _GRID


def _shares(
    statistics: TasteStatistics, rows: Ints, count: int, now_s: float
) -> tuple[Floats, Floats]:
    """Popularity and its recent version, both of shape (N,) and of sum 1."""
    known = rows >= 0
    long, recent = np.zeros(count), np.zeros(count)
    long_masses, recent_masses = statistics.engagement(now_s)
    long[rows[known]] = long_masses[known]
    recent[rows[known]] = recent_masses[known]
    return shares(long, recent)
