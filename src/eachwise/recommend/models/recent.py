"""What people went on to lately: transitions that count less the older they are."""

from __future__ import annotations

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.lifts import lifts, pack_lifts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import long_shares, transitions
from eachwise.recommend.tables import Table, reached, strongest

_NEAR = (10, 0.7)


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """K1 with each pair counted exp(−age / .15), age its rank fraction from the newest, beyond popularity."""
    counts = transitions(data, fitting, "recent")
    if not counts.nnz:
        raise DoesNotApply("nobody engaged with two items")
    return pack_lifts("recent", counts, long_shares(data))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """The lift over the ten newest items, and over the newest alone; (2, C)."""
    return lifts(parts, "recent", history, frame, (_NEAR, (1, 1.0)))


def reach(parts: Parts, history: History) -> Ints:
    """What lately followed the newest items most."""
    return reached(Table.of(parts, "recent"), history, 10, 100)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The recent item that leads here most strongly."""
    return strongest(Table.of(parts, "recent"), history, row, *_NEAR)


MODEL = Model(
    name="recent",
    features=("recent.near", "recent.last"),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
)
