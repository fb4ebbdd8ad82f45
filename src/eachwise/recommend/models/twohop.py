"""Neighbours of neighbours: items that go with the same items, though hardly anyone took both."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import row_shares, transitions
from eachwise.recommend.tables import (
    Table,
    decayed,
    gather,
    log_evidence,
    pack,
    reached,
    strongest,
    top_of_rows,
)

# docs/discussions/measured.md: the 40 strongest neighbours, 200 of theirs; W9, and the newest item alone.
FIRST, SECOND = 40, 200
_WHOLE = (50, 0.9)


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """√ of the row shares of A·A without its diagonal; A the row shares of K1 + K1ᵀ, its 40 largest of each row."""
    counts = transitions(data, fitting, "near")
    if not counts.nnz:
        raise DoesNotApply("nobody engaged with two items")
    first = top_of_rows(row_shares((counts + counts.T).tocsr(), 1.0, 0.0), FIRST)
    second = (first @ first).tocsr()
    own = np.repeat(np.arange(second.shape[0]), np.diff(second.indptr))
    second.data[second.indices == own] = 0.0
    second.eliminate_zeros()
    second = top_of_rows(second, SECOND)
    return pack("second", row_shares(second, 0.5, 0.0))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """log(1 + S/1e-3) over the history, and over the newest item; (2, C)."""
    found = gather(Table.of(parts, "second"), history, _WHOLE[0])
    return np.stack(
        [
            log_evidence(decayed(found, frame, *_WHOLE)),
            log_evidence(decayed(found, frame, 1, 1.0)),
        ]
    )


def reach(parts: Parts, history: History) -> Ints:
    """What is nearest at two steps."""
    return reached(Table.of(parts, "second"), history, 10, 50)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item of the history that this one is nearest to."""
    return strongest(Table.of(parts, "second"), history, row, *_WHOLE)


MODEL = Model(
    name="twohop",
    features=("twohop.whole", "twohop.last"),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
