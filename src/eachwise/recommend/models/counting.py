"""What several fits count of everyone's engagements: transitions by distance, shares. Not a model. Fitting only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eachwise.contracts.arrays import Bools, Floats, Ints
from eachwise.contracts.taste import Interactions
from eachwise.recommend.models.base import DoesNotApply, Fitting
from eachwise.recommend.statistics import LONG_HALF_LIFE_S, RECENT_HALF_LIFE_S, shares

# K1 = Σ_{d=1..10} C_d / d and KW = K1 + C_{11..20}/15 + C_{21..40}/30: docs/discussions/measured.md.
NEAR: tuple[float, ...] = tuple(1.0 / d for d in range(1, 11))
WIDE: tuple[float, ...] = (*NEAR, *[1.0 / 15.0] * 10, *[1.0 / 30.0] * 20)
# Mass beside a row's own when it is normalised, so that one transition alone counts √½ and not 1.
ROW_PRIOR = 1.0

_PAIRS_MAX = 8_000_000  # pairs counted at a time; bounds the scratch memory to about 300 MB
_DENSE_CELLS_MAX = (
    50_000_000  # N² up to which pairs are counted in a dense array, which needs no sort
)


def owners(data: Interactions) -> Ints:
    """Whose each engagement is; (E,)."""
    return np.repeat(np.arange(data.people), np.diff(data.indptr))


def transitions(data: Interactions, fitting: Fitting, kind: str) -> Any:
    """Distance-discounted transition counts K (N, N), CSR float32; ``kind`` is "near", "wide" or "recent".

    K[i, j] = Σ_d discount_d · C_d[i, j], C_d counting j exactly d engagements after i; an item is never its own
    successor. In "recent" each pair counts exp(−age/.15), age being its rank fraction from the newest.
    """
    return fitting.once(f"transitions.{kind}", lambda: _transitions(data, fitting, kind))


def _transitions(data: Interactions, fitting: Fitting, kind: str) -> Any:
    speaks = data.weights > 0
    rows, owner = data.rows[speaks].astype(np.int64), owners(data)[speaks]
    masses = data.weights[speaks].astype(np.float64)
    if kind == "recent":
        masses = masses * recency(data.at_s[speaks])
    discounts = WIDE if kind == "wide" else NEAR
    return count_pairs(rows, owner, masses, len(data.item_ids), discounts, fitting)


def recency(at_s: Floats, scale: float = 0.15) -> Floats:
    """exp(−age / scale), age each engagement's rank fraction from the newest, equal times sharing theirs; (E,)."""
    newer = len(at_s) - np.searchsorted(np.sort(at_s), at_s, side="right")
    return np.asarray(np.exp(-newer / max(len(at_s), 1) / scale))


def count_pairs(
    rows: Ints,
    owner: Ints,
    masses: Floats,
    count: int,
    discounts: Sequence[float],
    fitting: Fitting,
) -> Any:
    """Σ over distances d and pairs of one owner of ``discounts[d − 1]`` · mass of the later; CSR (N, N) float32."""
    from scipy.sparse import coo_array, csr_array  # noqa: PLC0415 — fitting only: serving never loads it

    pairs = sum(max(len(rows) - d, 0) for d in range(1, len(discounts) + 1))
    if 16 * min(pairs, count * count) > fitting.memory_bytes_max:
        raise DoesNotApply(f"up to {pairs:,} pairs of items would not fit into memory")
    dense = count * count <= _DENSE_CELLS_MAX
    total: Any = np.zeros(count * count) if dense else csr_array((count, count), dtype=np.float64)
    for keys, weights in _chunks(rows, owner, masses, count, discounts):
        if dense:
            total += np.bincount(keys, weights=weights, minlength=count * count)
        else:
            pair = (keys // count, keys % count)
            total = total + coo_array((weights, pair), shape=(count, count)).tocsr()
    whole = csr_array(total.reshape(count, count)) if dense else total
    return whole.astype(np.float32)


def _chunks(rows: Ints, owner: Ints, masses: Floats, count: int, discounts: Sequence[float]) -> Any:
    keys, weights, waiting = [], [], 0
    for distance, discount in enumerate(discounts, start=1):
        same = owner[distance:] == owner[:-distance]
        earlier, later = rows[:-distance][same], rows[distance:][same]
        apart = earlier != later
        keys.append(earlier[apart] * count + later[apart])
        weights.append(masses[distance:][same][apart] * discount)
        waiting += len(keys[-1])
        if waiting >= _PAIRS_MAX:
            yield np.concatenate(keys), np.concatenate(weights)
            keys, weights, waiting = [], [], 0
    if keys:
        yield np.concatenate(keys), np.concatenate(weights)


def row_shares(matrix: Any, power: float = 0.5, prior: float = ROW_PRIOR) -> Any:
    """(K_ij / (Σ_j K_ij + prior))^power, CSR float32."""
    found = matrix.copy()
    totals = np.asarray(matrix.sum(axis=1)).ravel() + prior
    found.data = (found.data / np.repeat(totals, np.diff(found.indptr))) ** power
    return found.astype(np.float32)


def shares_of(data: Interactions, counted: Bools) -> Floats:
    """Each item's share of the engagements counted, with Laplace's half an engagement each; (N,)."""
    counts = np.bincount(data.rows[counted], minlength=len(data.item_ids)) + 0.5
    return np.asarray(counts / counts.sum())


def decayed_masses(data: Interactions, half_life_s: float) -> Floats:
    """Each item's engagement mass at the newest engagement's time, each halved every ``half_life_s``; (N,)."""
    newest_s = data.at_s.max() if len(data.at_s) else 0.0
    masses = np.maximum(data.weights, 0.0) * np.exp2((data.at_s - newest_s) / half_life_s)
    found = np.bincount(data.rows, weights=masses, minlength=len(data.item_ids))
    return np.asarray(found, dtype=np.float64)


def long_shares(data: Interactions) -> Floats:
    """Each item's share of engagement as the live model has it; (N,)."""
    return shares(decayed_masses(data, LONG_HALF_LIFE_S), decayed_masses(data, RECENT_HALF_LIFE_S))[
        0
    ]
