"""One person's engagements as the models see them: newest first, as many as an individual's state keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.individual import BOUGHT_MAX, RECENTS_MAX
from eachwise.contracts.taste import History, Interactions, Purchases

SESSION_GAP_S = 1800.0  # a longer pause begins a new visit


def history_of(
    rows: NDArray[np.integer],
    weights: NDArray[np.floating],
    at_s: Floats,
    bought: NDArray[np.bool_],
    now_s: float,
    *,
    taste: Floats | None = None,
    carried: Any = None,
    purchases: Purchases | None = None,
    memo: dict[Any, Any] | None = None,
) -> History:
    """The history at ``now_s`` of engagements that came before, oldest first; (L,) each, the newest 50 are kept."""
    begin = max(0, len(rows) - RECENTS_MAX)
    ages = np.maximum(now_s - at_s[begin:][::-1], 0.0)
    pauses = _pauses(ages)
    return History(
        rows=rows[begin:][::-1].astype(np.int64),
        weights=weights[begin:][::-1].astype(np.float64),
        ages_s=ages,
        bought=bought[begin:][::-1],
        session=int(pauses[0]) if len(pauses) else len(ages),
        carried=carried,
        taste=taste,
        purchases=purchases,
        memo=memo,
    )


def _pauses(ages_s: Floats) -> Ints:
    """Before which engagements, newest first, more than a visit's gap lies."""
    since = ages_s.copy()
    since[1:] -= ages_s[:-1]
    return (since > SESSION_GAP_S).nonzero()[0]


def history_before(data: Interactions, place: int, begin: int) -> History:
    """The history of the person whose engagements begin at ``begin``, just before the moment of the one at ``place``.

    What happened at that very moment is one act (an order's other lines) and no history of it.
    """
    now_s = float(data.at_s[place])
    end = place
    if end > begin and data.at_s[end - 1] == now_s:
        end = begin + int(np.searchsorted(data.at_s[begin:place], now_s))
    span = slice(max(begin, end - RECENTS_MAX), end)
    return history_of(
        data.rows[span],
        data.weights[span],
        data.at_s[span],
        data.bought[span],
        now_s,
        purchases=_bought(data, begin, end, now_s),
    )


def _bought(data: Interactions, begin: int, end: int, now_s: float) -> Purchases:
    """The newest purchases among the engagements from ``begin`` to ``end``, as many as a state keeps."""
    counts = data.bought[begin:end] & (data.weights[begin:end] > 0)
    places = begin + np.flatnonzero(counts)[: -BOUGHT_MAX - 1 : -1]
    return Purchases(
        rows=data.rows[places].astype(np.int64), ages_s=np.maximum(now_s - data.at_s[places], 0.0)
    )


def purchases_of(history: History) -> Purchases:
    """What the person bought: kept apart, or among the newest engagements."""
    if history.purchases is not None:
        return history.purchases
    counts = history.bought & (history.weights > 0)
    return Purchases(rows=history.rows[counts], ages_s=history.ages_s[counts])
