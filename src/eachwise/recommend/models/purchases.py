"""What goes with all that a person ever bought: a ridge regression of purchases on one another.

The closed form of Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019, on log counts and with a free
diagonal instead of zeros: what is bought often keeps its weight for itself, and the rest says what goes with it. Only
that rest is served, for ``repeats`` says what comes back. Unlike the other linear models it reads the purchases that a
state keeps beyond its newest engagements (measured: docs/discussions/measured.md).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.histories import purchases_of
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import owners
from eachwise.recommend.models.ease import RIDGE_SCALE, solve
from eachwise.recommend.models.linear import packed, way
from eachwise.recommend.tables import Table, decayed, gather, log_evidence, reached, strongest

# Below this much, the log of what speaks for an item is straight.
_FLOOR = 0.01
_REACH: Final = (20, 50)  # of each of the last 20 items bought, the 50 that go best with it


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """The largest entries of W = I − λP without its diagonal, P = (XᵀX + λI)⁻¹, X[u, i] = log(1 + purchases).

    W_ij = B_ij λ P_jj, B being EASE's, and P_jj = 1 / (G_jj + λ − Σ_i G_ij B_ij), G = XᵀX: so both ways of solving for
    B serve. G is a sum over people: shards add up. Raises ``DoesNotApply``, ``MissingExtra`` without scipy.
    """
    counts = data.bought & (data.weights > 0)
    if not counts.any():
        raise DoesNotApply("the engagements say of none that it was a purchase")
    items = len(data.item_ids)
    lengths = np.bincount(owners(data)[counts], minlength=data.people)
    chosen = way("purchases", items, int((lengths.astype(np.float64) ** 2).sum()), 2, fitting)
    gram = _gram(data, counts, chosen.step, dense=chosen.dense)
    own: Floats = np.asarray(gram.diagonal(), dtype=np.float64)
    level = RIDGE_SCALE * float(np.sqrt(1.0 + own.mean()))
    found = solve(gram.copy(), level)
    explained = np.asarray((gram * found).sum(axis=0)).ravel()
    scale = level / np.maximum(own + level - explained, level)
    if chosen.dense:
        return packed("purchases", (found * scale).astype(np.float32))
    scaled = found.tocsr()
    scaled.data = scaled.data * scale[scaled.indices]
    return packed("purchases", scaled)


def _gram(data: Interactions, counts: Any, step: int, *, dense: bool) -> Any:
    """XᵀX (N, N), float32, of every ``step``-th person."""
    from scipy.sparse import csr_array  # noqa: PLC0415 — fitting only: serving never loads it

    person = owners(data)
    kept = counts & (person % step == 0)
    shape = (data.people, len(data.item_ids))
    matrix = csr_array(
        (np.ones(int(kept.sum()), np.float32), (person[kept], data.rows[kept])), shape
    )
    matrix.sum_duplicates()
    matrix.data = np.log1p(matrix.data)
    total = (matrix.T @ matrix).tocsr()
    return total.toarray() if dense else total


def _bought(history: History) -> History:
    """The purchases as a history: each item once, newest first, with log(1 + how often) as its weight."""
    found = purchases_of(history)
    rows, first, number = np.unique(found.rows, return_index=True, return_counts=True)
    order = np.argsort(first)
    return History(
        rows=rows[order],
        weights=np.log1p(number[order].astype(np.float64)),
        ages_s=found.ages_s[first[order]],
        bought=np.ones(len(rows), dtype=np.bool_),
        session=0,
    )


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Two features (2, C) of S = Σ_i x_i W_ij over the items bought: log(1 + max(S, 0)/.01), and S."""
    bought = _bought(history)
    found = gather(Table.of(parts, "purchases"), bought, len(bought.rows))
    sums = decayed(found, frame, len(bought.rows), 1.0)
    return np.stack([log_evidence(sums, _FLOOR), sums])


def reach(parts: Parts, history: History) -> Ints:
    """What goes best with the items bought last."""
    return reached(Table.of(parts, "purchases"), _bought(history), *_REACH)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item bought that speaks most for this one."""
    bought = _bought(history)
    return strongest(Table.of(parts, "purchases"), bought, row, len(bought.rows), 1.0)


MODEL: Final = Model(
    name="purchases",
    features=("purchases.with", "purchases.linear"),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
