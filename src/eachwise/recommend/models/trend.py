"""What everyone engages with, and lately more than before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.taste import History, Interactions, Parts
from eachwise.maths.best import best
from eachwise.recommend.models.base import DoesNotApply, Fitting, Frame, Model
from eachwise.recommend.models.counting import decayed_masses, transitions
from eachwise.recommend.rows import to_catalog
from eachwise.recommend.statistics import LONG_HALF_LIFE_S, RECENT_HALF_LIFE_S, shares

# Popular: above e times the geometric mean share. Rising: above e^½ times its own usual share.
_POPULAR = 1.0
_RISING = 0.5
_REACH = 200


def fit(data: Interactions, fitting: Fitting) -> Parts:
    """Log shares on both horizons, by the masses that the live counts would hold at the newest engagement."""
    if not (data.weights > 0).any():
        raise DoesNotApply("nobody engaged with anything")
    popular, recent = shares(
        decayed_masses(data, LONG_HALF_LIFE_S), decayed_masses(data, RECENT_HALF_LIFE_S)
    )
    pairs = transitions(data, fitting, "near").sum()
    return {**_parts(popular, recent), "pairs": np.array(float(pairs))}


def renew(parts: Parts, live: TasteModel, catalog: CatalogIndex) -> Parts | None:
    """The live shares, unless the training has seen more; an item that they lack counts as the least popular one."""
    if parts and live.totals.sum() < parts["pairs"]:
        return None
    return of_live(live, catalog)


def of_live(live: TasteModel, catalog: CatalogIndex) -> dict[str, NDArray[Any]]:
    """The live shares over the catalogue's rows."""
    if not len(live.popularity):
        none = np.zeros((2, len(catalog.item_ids)))
        return {"shares": none, "head": np.arange(min(_REACH, none.shape[1]))}
    return _parts(
        to_catalog(live.popularity, live, catalog, float(live.popularity.min())),
        to_catalog(live.recent, live, catalog, float(live.recent.min())),
    )


def _parts(popular: Floats, recent: Floats) -> dict[str, NDArray[Any]]:
    """log p and log(q / p), each less its mean over the items. Rounded: equal shares must rank as equal."""
    found = np.stack([np.log(popular), np.log(recent / popular)])
    if found.shape[1]:
        found -= found.mean(axis=1, keepdims=True)
    found = np.round(found, 9)
    return {"shares": found, "head": _head(found)}


def _head(shares: Floats) -> Ints:
    """The most popular and the fastest rising: the same for everyone, so it is found once."""
    leading = [best(shares[0], _REACH), best(shares.sum(axis=0), _REACH)]
    return np.unique(np.concatenate(leading))


def score(parts: Parts, history: History, frame: Frame) -> Floats:
    """log p and log(q / p), p the usual and q the recent share; the same for everyone; (2, C)."""
    found: Floats = parts["shares"]
    return found if frame.rows is None else found[:, frame.rows]


def reach(parts: Parts, history: History) -> Ints:
    """The most popular and the fastest rising."""
    head: Ints | None = parts.get("head")
    # Models that were trained before it was kept lack it.
    return _head(parts["shares"]) if head is None else head


def tell(parts: Parts, row: int, catalog: CatalogIndex, affinity: AffinityVectors) -> str | None:
    """``popular now`` where the share is high, ``and rising`` where the recent share rises."""
    popular, rising = parts["shares"][:, row]
    if popular + rising / 2.0 < _POPULAR:
        return None
    return "popular now, and rising" if rising >= _RISING else "popular now"


MODEL = Model(
    name="trend",
    features=("trend.popular", "trend.rising"),
    fit=fit,
    score=score,
    reach=reach,
    renew=renew,
    tell=tell,
)
