"""A trained model, the live counts and a catalogue put together: whatever a request need not compute again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.taste import Parts, TrainedModel
from eachwise.recommend.models import trend
from eachwise.recommend.models.base import Model
from eachwise.recommend.registry import MODELS
from eachwise.recommend.rows import rows_in
from eachwise.settings import RecommendSettings

# Nothing was trained: the models that need no training, weighed by the settings.
UNTRAINED: Final = TrainedModel(version=0, item_ids=(), row_of={}, parts={}, blend={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One model of the blend; ``renewed``: its rows are the catalogue's, else the trained model's."""

    model: Model
    parts: Parts
    weights: Floats
    renewed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What serves together.

    trained_row: (N,) each catalogue row's row in the trained model, −1 where that does not know the item
    known:       (N,) whether it does; all_known, ascending: shortcuts where they are all, or in the same order
    trend:       (N,) what is popular and rising, for the order of what nobody scored and for what is new
    """

    trained: TrainedModel
    live: TasteModel
    catalog: CatalogIndex
    placed: tuple[Placed, ...]
    trained_row: Ints
    known: Bools
    same: bool
    ascending: bool
    trend: Floats

    def of(self, renewed: bool) -> Iterator[Placed]:
        """The models whose rows are the catalogue's, or the trained model's."""
        return (one for one in self.placed if one.renewed == renewed)


# The sets bound last: a version and its successor, decisions and their replays. By identity, so shops never meet.
_KEPT: deque[tuple[RecommendSettings, Bound]] = deque(maxlen=4)


def bind(
    trained: TrainedModel, live: TasteModel, catalog: CatalogIndex, settings: RecommendSettings
) -> Bound:
    """What these serve together; remembered for the sets seen last. Raises ``InvalidInput`` for an unknown model."""
    for kept_settings, one in tuple(_KEPT):
        same = one.trained is trained and one.live is live and one.catalog is catalog
        if same and (kept_settings is settings or kept_settings == settings):
            return one
    bound = _bound(trained, live, catalog, settings)
    _KEPT.appendleft((settings, bound))
    return bound


def default_blend(settings: RecommendSettings) -> dict[str, float]:
    """The weights before the first training."""
    return {
        "transitions.near": settings.transition_weight,
        "affinity.taste": settings.affinity_weight,
        "trend.popular": settings.trend_weight,
        "trend.rising": settings.trend_weight / 2.0,
    }


def _bound(
    trained: TrainedModel, live: TasteModel, catalog: CatalogIndex, settings: RecommendSettings
) -> Bound:
    blend = trained.blend if trained.version else default_blend(settings)
    placed = []
    for name in dict.fromkeys(feature.partition(".")[0] for feature in blend):
        model = MODELS.get(name)
        if model is None:
            raise InvalidInput(f"trained model: there is no model {name!r} here", field="model")
        weights = np.array([blend.get(feature, 0.0) for feature in model.features])
        if not weights.any():
            continue
        fitted = trained.parts.get(name, {})
        parts = model.renew(fitted, live, catalog) if model.renew else None
        if parts is not None or fitted:
            placed.append(
                Placed(
                    model=model,
                    parts=fitted if parts is None else parts,
                    weights=weights,
                    renewed=parts is not None,
                )
            )
    same = trained.item_ids == catalog.item_ids
    rows = np.arange(len(catalog.item_ids)) if same else rows_in(catalog.item_ids, trained.row_of)
    known = rows >= 0
    return Bound(
        trained=trained,
        live=live,
        catalog=catalog,
        placed=tuple(placed),
        trained_row=rows,
        known=known,
        same=same,
        ascending=bool((np.diff(rows[known]) > 0).all()),
        trend=_trend(trained, live, catalog, rows),
    )


def _trend(
    trained: TrainedModel, live: TasteModel, catalog: CatalogIndex, trained_row: Ints
) -> Floats:
    """log q, q the recent share, less its mean: by the live counts, or by the training where there are none; (N,)."""
    fitted = trained.parts.get(trend.MODEL.name)
    if fitted is None or len(live.popularity):
        return np.asarray(trend.of_live(live, catalog)["shares"].sum(axis=0))
    shares: Floats = fitted["shares"].sum(axis=0)
    return np.where(trained_row >= 0, shares[trained_row], shares.min(initial=0.0))
