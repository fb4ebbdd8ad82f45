"""Models that know a drawn shop: the live counts, and a trained blend fitted without choosing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from eachwise.bench.crowd import Shop
from eachwise.catalog import build_index, parse_items
from eachwise.contracts.arrays import CatalogIndex
from eachwise.contracts.learning import ModelVersion
from eachwise.contracts.taste import Interactions, Parts, TrainedModel
from eachwise.recommend import MODELS, WINDOW, TasteStatistics, grow, nothing
from eachwise.recommend.models.base import DoesNotApply, Fitting
from eachwise.settings import RecommendSettings

MEMORY_BYTES = 2 << 30


def taught(data: Interactions, shop: Shop, people: int, last: ModelVersion | None) -> ModelVersion:
    """A version of the live counts, as if the first so many people's engagements had just come in."""
    statistics = TasteStatistics()
    for begin, end in zip(data.indptr[:people].tolist(), data.indptr[1:].tolist(), strict=False):
        previous: deque[str] = deque(maxlen=WINDOW)
        for row, at_s in zip(
            data.rows[begin:end].tolist(), data.at_s[begin:end].tolist(), strict=True
        ):
            item_id = data.item_ids[row]
            statistics.observe(list(previous), item_id, at_s)
            previous.appendleft(item_id)
    now_s, version = time.time(), last.version + 1 if last else 1
    body = grow(
        nothing(),
        statistics.counted(),
        shop.masses(data.rows[: int(data.indptr[min(people, data.people)])]),
        data.item_ids,
        version=version,
        neighbours_max=RecommendSettings().neighbours_max,
        now_s=now_s,
        whole=True,
    )
    return ModelVersion(
        model="taste", version=version, base=0, created_at_us=int(now_s * 1e6), body=body
    )


def index_of(lines: bytes, version: int = 1) -> CatalogIndex:
    """The catalogue of an upload."""
    return build_index(parse_items(lines)[0], version)


def fitted(
    data: Interactions, catalog: CatalogIndex, names: tuple[str, ...], say: Callable[[str], None]
) -> TrainedModel:
    """These models fitted on everything, all weighing the same: for cost, not for quality."""
    parts: dict[str, Parts] = {}
    memo = Fitting(catalog=catalog, memory_bytes_max=MEMORY_BYTES, seed=0, say=say)
    for name in names:
        try:
            parts[name] = MODELS[name].fit(data, memo)
        except DoesNotApply as reason:
            say(f"  {name} does not apply: {reason}")
    features = [feature for name in parts for feature in MODELS[name].features]
    return TrainedModel(
        version=1,
        item_ids=data.item_ids,
        row_of={item_id: row for row, item_id in enumerate(data.item_ids)},
        parts=parts,
        blend=dict.fromkeys(features, 1.0 / max(len(features), 1)),
        report={"summary": ["fitted for a benchmark"]},
    )
