"""One person's engagements as the models see them: newest first, as many as an individual's state keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats
from eachwise.contracts.individual import RECENTS_MAX
from eachwise.contracts.taste import History, Interactions

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
) -> History:
    """The history at ``now_s`` of engagements that came before, oldest first; (L,) each, the newest 50 are kept."""
    begin = max(0, len(rows) - RECENTS_MAX)
    ages = np.maximum(now_s - at_s[begin:][::-1], 0.0)
    pauses = np.flatnonzero(np.diff(ages, prepend=0.0) > SESSION_GAP_S)
    return History(
        rows=rows[begin:][::-1].astype(np.int64),
        weights=weights[begin:][::-1].astype(np.float64),
        ages_s=ages,
        bought=bought[begin:][::-1],
        session=int(pauses[0]) if len(pauses) else len(ages),
        carried=carried,
        taste=taste,
    )


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
        data.rows[span], data.weights[span], data.at_s[span], data.bought[span], now_s
    )
