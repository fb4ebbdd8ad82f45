"""EASE over a recency-decayed history: which items go with which, whatever their order.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019. Its closed form is kept; its input is not: the
person's history enters decayed by recency, which doubles its NDCG on MovieLens-1M (docs/discussions/measured.md).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.linear import Dense, Engaged, by_neighbours, engaged, packed, way
from eachwise.recommend.tables import Table, decayed, gather, reached, strongest

TAILS: Final = ((20, 0.8), (50, 0.96))
# λ = 20 √(1 + mean of XᵀX's diagonal): 325 on MovieLens-1M and 71 on Amazon Beauty, both near their best.
RIDGE_SCALE = 20.0
_BLOCK_ROWS = 1024
_REACH: Final = (20, 50)  # of each of the newest 20 items, the 50 that go best with it


def gram(found: Engaged, people: int, items: int, *, dense: bool) -> Any:
    """XᵀX (N, N), float32: X[u, i] = 1 where person u engaged with item i. A sum over people: shards add up."""
    from scipy.sparse import csr_array  # noqa: PLC0415 — fitting only: serving never loads it

    ones = np.ones(len(found.rows), np.float32)
    matrix = csr_array((ones, (found.person, found.rows)), shape=(people, items))
    matrix.data[:] = 1.0  # repeats were added up
    by_item = matrix.T.tocsr()
    if not dense:
        return (by_item @ matrix).tocsr()
    total = np.empty((items, items), np.float32)
    for start in range(0, items, _BLOCK_ROWS):
        block = by_item[start : start + _BLOCK_ROWS]
        total[start : start + _BLOCK_ROWS] = (block @ matrix).toarray()
    return total


def solve(total: Any, ridge: float) -> Any:
    """B = −P / diag(P) with zero diagonal, P = (XᵀX + λI)⁻¹; a dense ``total`` is overwritten.

    A sparse one is solved by neighbours: column j regresses x_j on the others, which is the same B where all are taken.
    """
    if isinstance(total, np.ndarray):
        return _inverted(total, ridge)
    others = total.copy()
    others.setdiag(0.0)
    others.eliminate_zeros()
    return by_neighbours(total, others, ridge)


def _inverted(total: Dense, ridge: float) -> Dense:
    from scipy.linalg import lapack  # noqa: PLC0415 — fitting only: serving never loads it

    total[np.diag_indices_from(total)] += np.float32(ridge)
    # LAPACK takes columns: the transpose of a symmetric array in rows is itself, without a copy.
    factor, failed = lapack.spotrf(total.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise DoesNotApply(f"XᵀX + {ridge:g} I is not positive definite")
    upper: Dense = lapack.spotri(factor, lower=1, overwrite_c=1)[0].T
    for start in range(0, len(upper), _BLOCK_ROWS):
        end = start + _BLOCK_ROWS
        square = np.triu(upper[start:end, start:end])
        upper[start:end, start:end] = square + np.triu(square, 1).T
        upper[end:, start:end] = upper[start:end, end:].T
    upper /= -np.diag(upper).copy()
    np.fill_diagonal(upper, 0.0)
    return upper


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """The largest entries of each row of B. Raises ``DoesNotApply``, ``MissingExtra`` without scipy."""
    items, lengths = len(data.item_ids), np.diff(data.indptr)
    chosen = way("ease", items, int((lengths**2).sum()), 1, fitting)
    total = gram(engaged(data, chosen.step), data.people, items, dense=chosen.dense)
    level = RIDGE_SCALE * float(np.sqrt(1.0 + total.diagonal().mean()))
    return packed("ease", solve(total, level))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """D(B, 1, 20, .8) and D(B, 1, 50, .96), D(B, 1, T, γ) = Σ_{k=1..T} w_k γ^(k−1) B[x_k, ·]; (2, C)."""
    found = gather(Table.of(parts, "ease"), history, TAILS[-1][0])
    return np.stack([decayed(found, frame, tail, decay) for tail, decay in TAILS])


def reach(parts: Parts, history: History) -> Ints:
    """What goes best with the newest items."""
    return reached(Table.of(parts, "ease"), history, *_REACH)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item of the history that speaks most for this one."""
    return strongest(Table.of(parts, "ease"), history, row, *TAILS[0])


MODEL: Final = Model(
    name="ease",
    features=("ease.recent", "ease.long"),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
