"""How much more, or less, this person engages with what an item is about than everyone does."""

from __future__ import annotations

import numpy as np

from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.maths.words import value_words
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model

# Spread τ of true tastes, in log-odds: an estimate counts by its reliability τ²/(τ² + sd²).
SPREAD = 1.0
# Where only a history is known: the prior of the affinities themselves, and the floor of a share.
_PRIOR_MASS = 30.0
_SHARE_MIN = 1e-4


def taste_of(affinity: AffinityVectors) -> Floats:
    """Both horizons' log-odds, each shrunk by its reliability, and added; (V,)."""
    return _shrunk(affinity.general, affinity.general_sd) + _shrunk(
        affinity.moment, affinity.moment_sd
    )


def _shrunk(log_odds: Floats, sd: Floats) -> Floats:
    return np.asarray(log_odds / (1.0 + (sd / SPREAD) ** 2))


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """Which values the data's items carry, and the share of engagement that goes to each value."""
    catalog = fitting.catalog
    rows = [catalog.row_of.get(item_id, -1) for item_id in data.item_ids]
    spans = [
        catalog.indices[catalog.indptr[row] : catalog.indptr[row + 1]] if row >= 0 else _NONE
        for row in rows
    ]
    lengths = np.array([len(span) for span in spans], dtype=np.int64)
    if not lengths.sum():
        raise DoesNotApply("no item has an attribute")
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices = np.concatenate(spans)
    counts = np.bincount(
        data.rows, weights=np.maximum(data.weights, 0.0), minlength=len(data.item_ids)
    )
    masses = np.bincount(indices, weights=np.repeat(counts, lengths), minlength=len(catalog.values))
    return _parts(indptr, indices, masses / max(counts.sum(), 1.0))


_NONE = np.zeros(0, dtype=np.int64)


def _parts(indptr: Ints, indices: Ints, expected: Floats) -> Parts:
    owner = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return {
        "indptr": indptr,
        "indices": indices.astype(np.int32),
        "owner": owner.astype(np.int32),
        "expected": np.clip(expected, _SHARE_MIN, 1.0 - _SHARE_MIN),
    }


def renew(parts: Parts, live: TasteModel, catalog: CatalogIndex) -> Parts:
    """The catalogue's own values, and the population's share of each."""
    shares = np.array([live.expected.get(value, 0.0) for value in catalog.values])
    return _parts(catalog.indptr, catalog.indices, shares)


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """Σ over the item's values of the person's taste for each, in log-odds; (1, C)."""
    taste = _taste_of_history(parts, history) if history.taste is None else history.taste
    if not taste.any():
        return np.zeros((1, frame.size))
    if frame.rows is None:
        pulls = taste[parts["indices"]]
        found = np.bincount(parts["owner"], weights=pulls, minlength=frame.count)
        return found[None, :].astype(np.float64, copy=False)
    starts, ends = parts["indptr"][frame.rows], parts["indptr"][frame.rows + 1]
    lengths = ends - starts
    reached = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    owner = np.repeat(np.arange(frame.size), lengths)
    pulls = taste[parts["indices"][reached]]
    return np.bincount(owner, weights=pulls, minlength=frame.size)[None, :].astype(np.float64)


def _taste_of_history(parts: Parts, history: History) -> Floats:
    """The log-odds of the share of the person's items that carry a value, as ``individual.affinity`` has it; (V,).

    The general horizon is the whole history, the moment is the visit that goes on.
    """
    expected = parts["expected"]
    total = np.zeros(len(expected))
    for upto in (len(history.rows), history.session):
        weights = np.maximum(history.weights[:upto], 0.0)
        if not weights.any():
            continue
        rows = history.rows[:upto]
        spans = [
            parts["indices"][start:end]
            for start, end in zip(
                parts["indptr"][rows].tolist(), parts["indptr"][rows + 1].tolist(), strict=True
            )
        ]
        lengths = [len(span) for span in spans]
        have = np.bincount(
            np.concatenate(spans), weights=np.repeat(weights, lengths), minlength=len(expected)
        )
        prior = np.maximum(_PRIOR_MASS, 1.0 / np.minimum(expected, 1.0 - expected))
        with_value = have + prior * expected
        without = weights.sum() - have + prior * (1.0 - expected)
        log_odds = np.log(with_value * (1.0 - expected) / (without * expected))
        total += _shrunk(log_odds, np.sqrt(1.0 / with_value + 1.0 / without))
    return total


def tell(parts: Parts, row: int, catalog: CatalogIndex, affinity: AffinityVectors) -> str | None:
    """``you often choose fish``: the item's value that speaks for it most."""
    columns = catalog.indices[catalog.indptr[row] : catalog.indptr[row + 1]]
    taste = _shrunk(affinity.general[columns], affinity.general_sd[columns])
    taste = taste + _shrunk(affinity.moment[columns], affinity.moment_sd[columns])
    if not len(columns) or taste.max() <= 0.0:
        return None
    column = columns[int(taste.argmax())]
    words = value_words(catalog.values[column])
    if affinity.declared[column] > 0:
        return f"you told us you like {words}"
    if affinity.moment[column] > affinity.general[column]:
        return f"you are looking at {words} now"
    return f"you often choose {words}"


MODEL = Model(
    name="affinity",
    features=("affinity.taste",),
    fit=fit,
    score=score,
    renew=renew,
    tell=tell,
)
