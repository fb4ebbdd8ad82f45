"""Tables of transitions as features: what they say of an item beyond its popularity. The formula is ``smoothing``'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import Floats
from eachwise.contracts.taste import History, Parts
from eachwise.recommend.models.base import Frame
from eachwise.recommend.smoothing import base, excess
from eachwise.recommend.tables import Table, decayed, gather, pack

# A share of 0 would make the logarithm of a share infinite; nothing is known of such an item.
_SHARE_MIN = 1e-12


def pack_lifts(name: str, counts: Any, shares: Floats) -> dict[str, NDArray[Any]]:
    """A table of scipy CSR counts (N, N) beside the items' shares (N,): ``<name>.*``, ``<name>.totals``, ``shares``."""
    totals = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    found = counts.copy()
    own = np.repeat(totals, np.diff(counts.indptr))
    found.data = excess(counts.data, own, shares[counts.indices]).astype(np.float32)
    return {**pack(name, found), f"{name}.totals": totals, "shares": shares}


def lifts(
    parts: Parts, name: str, history: History, frame: Frame, tails: Sequence[tuple[int, float]]
) -> Floats:
    """log(1 + E / (B √p)) over each (tail, decay) of the history; (tails, C)."""
    longest = max(tail for tail, _ in tails)
    found = gather(Table.of(parts, name), history, longest)
    out = np.zeros((len(tails), frame.size))
    if not len(found.columns):
        return out
    shares = frame.take(parts["shares"])
    bases = base(parts[f"{name}.totals"][history.rows[:longest]]) * np.abs(found.weights)
    for line, (tail, decay) in enumerate(tails):
        held = bases[:tail]
        sums = decayed(found, frame, tail, decay)
        some = np.flatnonzero(sums > 0)
        if len(some):
            floor = float((held * decay ** np.arange(len(held))).sum())
            roots = np.sqrt(np.maximum(shares[some], _SHARE_MIN))
            out[line, some] = np.log1p(sums[some] / (floor * roots))
    return out
