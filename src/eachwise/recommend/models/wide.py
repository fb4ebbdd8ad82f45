"""What people came to within forty engagements: the wide window, over the whole history."""

from __future__ import annotations

from eachwise.contracts.arrays import Floats, Ints
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.lifts import lifts, pack_lifts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import long_shares, transitions
from eachwise.recommend.tables import Table, reached, strongest

TAIL = 50
DECAY = 0.93  # docs/discussions/measured.md, "wide"


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """KW beyond popularity."""
    counts = transitions(data, fitting, "wide")
    if not counts.nnz:
        raise DoesNotApply("nobody engaged with two items")
    return pack_lifts("wide", counts, long_shares(data))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """The lift over up to fifty engagements; (1, C)."""
    return lifts(parts, "wide", history, frame, ((TAIL, DECAY),))


def reach(parts: Parts, history: History) -> Ints:
    """What came after the newest items most."""
    return reached(Table.of(parts, "wide"), history, 10, 100)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The item of the history that leads here most strongly."""
    return strongest(Table.of(parts, "wide"), history, row, TAIL, DECAY)


MODEL = Model(
    name="wide", features=("wide.whole",), fit=fit, score=score, reach=reach, explain=explain
)
