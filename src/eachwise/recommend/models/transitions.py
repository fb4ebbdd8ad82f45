"""What people went on to after the items that this person engaged with last, beyond what is popular anyway."""

from __future__ import annotations

from eachwise.contracts.arrays import CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.recommend.lifts import lifts, pack_lifts
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import long_shares, transitions
from eachwise.recommend.rows import table_to_catalog, to_catalog
from eachwise.recommend.tables import Table, reached, strongest

# docs/discussions/measured.md, "near"
TAIL = 10
DECAY = 0.7
# Of each of the newest items, so many of those that follow it become candidates.
_REACH = 200


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """excess(K1, T, p) of ``smoothing``, as the live model has it."""
    counts = transitions(data, fitting, "near")
    if not counts.nnz:
        raise DoesNotApply("nobody engaged with two items")
    return pack_lifts("near", counts, long_shares(data))


def renew(parts: Parts, live: TasteModel, catalog: CatalogIndex) -> Parts | None:
    """The live counts, unless the training has seen more."""
    if parts and live.totals.sum() < parts["near.totals"].sum():
        return None
    indptr, indices, weights = table_to_catalog(live, catalog)
    return {
        "near.indptr": indptr,
        "near.indices": indices,
        "near.values": weights,
        "near.totals": to_catalog(live.totals, live, catalog, 0.0),
        "shares": to_catalog(live.popularity, live, catalog, 0.0),
    }


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """log(1 + E / (B √p)) of ``smoothing`` over the ten newest items, and over the newest alone; (2, C)."""
    return lifts(parts, "near", history, frame, ((TAIL, DECAY), (1, 1.0)))


def reach(parts: Parts, history: History) -> Ints:
    """What followed the ten newest items most."""
    return reached(Table.of(parts, "near"), history, TAIL, _REACH)


def explain(parts: Parts, history: History, row: int) -> int | None:
    """The recent item that leads here most strongly."""
    return strongest(Table.of(parts, "near"), history, row, TAIL, DECAY)


MODEL = Model(
    name="transitions",
    features=("transitions.near", "transitions.last"),
    fit=fit,
    score=score,
    reach=reach,
    explain=explain,
    renew=renew,
)
