"""What people engage with before and after an item alike, and what comes before it."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.lifts import lifts, pack_lifts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import long_shares, transitions
from eachwise.recommend.tables import Table, reached, strongest

# docs/discussions/measured.md, W9 and "near"
_WHOLE = (50, 0.9)
_NEAR = (10, 0.7)


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """K1 + K1ᵀ, and K1ᵀ, beyond popularity."""
    counts = transitions(data, fitting, "near")
    if not counts.nnz:
        raise DoesNotApply("nobody engaged with two items")
    shares, reverse = long_shares(data), counts.T.tocsr()
    return {
        **pack_lifts("both", (counts + reverse).tocsr(), shares),
        **pack_lifts("reverse", reverse, shares),
    }


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """The lift of both directions over the history and the newest item; of the reverse over the newest; (3, C)."""
    both = lifts(parts, "both", history, frame, (_WHOLE, (1, 1.0)))
    return np.concatenate([both, lifts(parts, "reverse", history, frame, (_NEAR,))])


def reach(parts: Parts, history: History) -> Ints:
    """What goes with the newest items most."""
    return reached(Table.of(parts, "both"), history, 10, 100)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item of the history that goes with this one most."""
    return strongest(Table.of(parts, "both"), history, row, *_WHOLE)


MODEL = Model(
    name="around",
    features=("around.whole", "around.last", "around.reverse"),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
