"""A directed next-item ridge: which item comes next, regressed on the decayed history before it (SLIT-like).

Ridge regression of each engagement on what the person did before it, in closed form (docs/discussions/measured.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.linear import (
    Dense,
    Engaged,
    Pairs,
    by_neighbours,
    engaged,
    packed,
    summed,
    way,
)
from eachwise.recommend.tables import Table, decayed, gather, reached, strongest

TAIL, DECAY = 20, 0.85
TARGETS_MAX = 200  # the last positions of each person that are targets
RIDGE = 150.0  # within 1 % of the best on MovieLens-1M (250) and on Amazon Beauty (100)
_REACH: Final = (20, 50)  # of each of the newest 20 items, the 50 that most likely follow it


@dataclass(frozen=True, slots=True)
class Sums:
    """G = Σ z zᵀ and C = Σ z e(x_t)ᵀ, both (N, N) float32, dense or CSR. Sums over people: shards add up."""

    gram: Any
    cross: Any


def merge(one: Sums, other: Sums) -> Sums:
    """The sums over both shards' people."""
    return Sums(one.gram + other.gram, one.cross + other.cross)


def sums(found: Engaged, items: int, *, dense: bool) -> Sums:
    """Over the last 200 positions t of each person: z_t = Σ_{k=1..20} γ^(k−1) e(x_{t−k})."""
    return Sums(
        _added(_gram_pairs(found), items, dense=dense),
        _added(_cross_pairs(found), items, dense=dense),
    )


def _cross_pairs(found: Engaged) -> Iterator[Pairs]:
    """C: x_{t−d} before a target x_t, γ^(d−1)."""
    for distance in range(1, TAIL + 1):
        target = found.at >= np.maximum(distance, found.length - TARGETS_MAX)
        newer = np.flatnonzero(target)
        mass = np.full(len(newer), DECAY ** (distance - 1))
        yield found.rows[newer - distance], found.rows[newer], mass


def _gram_pairs(found: Engaged) -> Iterator[Pairs]:
    """G: no z is formed. Engagements i ≤ j, d = j − i apart, meet in z_t z_tᵀ for each target t = j + 1 + s that sees
    both, with γ^(d + 2s): together γ^d · Σ_s γ^(2s), a geometric sum over s from ``first`` to ``last``.
    """
    square = DECAY * DECAY
    for distance in range(TAIL):
        older = np.flatnonzero(found.at + distance < found.length)
        newer = older + distance
        remaining = found.length[newer] - 2 - found.at[newer]
        first = np.maximum(0, remaining + 1 - TARGETS_MAX)
        last = np.minimum(TAIL - 1 - distance, remaining)
        seen = last >= first
        older, newer, first, last = older[seen], newer[seen], first[seen], last[seen]
        mass = DECAY**distance * (square**first - square ** (last + 1)) / (1.0 - square)
        yield found.rows[older], found.rows[newer], mass
        if distance:
            yield found.rows[newer], found.rows[older], mass


def _added(pairs: Iterator[Pairs], items: int, *, dense: bool) -> Any:
    if not dense:
        return summed(pairs, items)
    total = np.zeros(items * items, np.float32)
    for left, right, mass in pairs:
        np.add.at(total, left * items + right, mass.astype(np.float32))
    return total.reshape(items, items)


def solve(total: Sums, ridge: float) -> Any:
    """B = (G + λI)⁻¹ C; dense sums are overwritten, sparse ones solved by neighbours."""
    if not isinstance(total.gram, np.ndarray):
        return by_neighbours(total.gram, total.cross, ridge)
    return _solved(total.gram, total.cross, ridge)


def _solved(gram: Dense, cross: Dense, ridge: float) -> Dense:
    from scipy.linalg import lapack  # noqa: PLC0415 — fitting only: serving never loads it

    gram[np.diag_indices_from(gram)] += np.float32(ridge)
    # LAPACK takes columns: the transpose of a symmetric array in rows is itself, without a copy.
    factor, failed = lapack.spotrf(gram.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise DoesNotApply(f"G + {ridge:g} I is not positive definite")
    solution: Dense = lapack.spotrs(factor, np.asfortranarray(cross), lower=1, overwrite_b=1)[0]
    return np.ascontiguousarray(solution)


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """The largest entries of each row of B. Raises ``DoesNotApply``, ``MissingExtra`` without scipy."""
    items, lengths = len(data.item_ids), np.diff(data.indptr)
    pairs = int((lengths * np.minimum(lengths, TAIL)).sum())
    chosen = way("ridge", items, 2 * pairs, 2, fitting)
    total = sums(engaged(data, chosen.step), items, dense=chosen.dense)
    return packed("ridge", solve(total, RIDGE))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """D(B, 1, 20, .85) = Σ_{k=1..20} w_k .85^(k−1) B[x_k, ·]; (1, C)."""
    found = gather(Table.of(parts, "ridge"), history, TAIL)
    return decayed(found, frame, TAIL, DECAY)[None, :]


def reach(parts: Parts, history: History) -> Ints:
    """What most likely comes after the newest items."""
    return reached(Table.of(parts, "ridge"), history, *_REACH)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item of the history that speaks most for this one."""
    return strongest(Table.of(parts, "ridge"), history, row, TAIL, DECAY)


MODEL: Final = Model(
    name="ridge",
    features=("ridge.next",),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
