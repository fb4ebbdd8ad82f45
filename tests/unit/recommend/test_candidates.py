"""A catalogue too large to score whole: what is scored is scored alike, the rest stands below, masks are filled."""

from __future__ import annotations

import numpy as np
import pytest

from eachwise.catalog import build_index
from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, TasteModel
from eachwise.contracts.catalog import Item
from eachwise.contracts.individual import Recent
from eachwise.recommend import (
    PersonTaste,
    Ranking,
    TasteStatistics,
    rank,
    scores_at,
    solve,
    top,
)
from eachwise.settings import RecommendSettings

NOW_S = 100 * 86_400.0
SIZE = 2_000
ALL = RecommendSettings()
FEW = RecommendSettings(score_all_max=100)


@pytest.fixture(scope="module")
def shop() -> tuple[CatalogIndex, TasteModel]:
    """Two thousand items of twenty kinds; lower numbers are more popular, 1000 → 1500 is a habit, 1999 is new."""
    items = [Item(item_id=f"i{row:04d}", attributes={"kind": str(row % 20)}) for row in range(SIZE)]
    items[-1] = Item(item_id="i1999", published_at="1970-04-10", attributes={"kind": "19"})
    statistics = TasteStatistics()
    for row in range(SIZE):
        for _ in range(1 + (SIZE - row) // 400):
            statistics.observe([], f"i{row:04d}", NOW_S)
    for _ in range(20):
        statistics.observe(["i1000"], "i1500", NOW_S)
    catalog = build_index(items, version=1)
    model = solve(
        statistics,
        version=1,
        item_ids=catalog.item_ids,
        expected=dict.fromkeys(catalog.values, 0.05),
        neighbours_max=0,
        now_s=NOW_S,
    )
    return catalog, model


def person(catalog: CatalogIndex, *recents: str, kind: str = "") -> PersonTaste:
    zero = np.zeros(len(catalog.values))
    taste = zero.copy()
    if kind:
        taste[catalog.value_of[f"kind={kind}"]] = 3.0
    return PersonTaste(
        recents=tuple(
            Recent(int(NOW_S * 1e6) - 1 - place, place, item_id, "view")
            for place, item_id in enumerate(recents)
        ),
        affinity=AffinityVectors(
            general=taste,
            general_sd=zero + 0.1,
            moment=zero,
            moment_sd=zero + 0.1,
            evidence=zero,
            declared=zero,
        ),
        now_us=int(NOW_S * 1e6),
    )


def both(shop: tuple[CatalogIndex, TasteModel], who: PersonTaste) -> tuple[Ranking, Ranking]:
    catalog, model = shop
    return rank(who, model, catalog, ALL), rank(who, model, catalog, FEW)


def test_what_is_scored_is_scored_alike_and_the_rest_stands_below(
    shop: tuple[CatalogIndex, TasteModel],
) -> None:
    whole, few = both(shop, person(shop[0], "i1000", kind="7"))
    assert whole.rows is None
    assert few.rows is not None
    assert len(few.rows) < SIZE / 2
    np.testing.assert_allclose(few.scores[few.rows], whole.scores[few.rows], atol=1e-9)
    others = np.setdiff1d(np.arange(SIZE), few.rows)
    assert np.isfinite(few.scores).all()
    assert few.scores[others].max() < few.scores[few.rows].min()
    order = np.argsort(-few.scores[others], kind="stable")
    assert (np.diff(few.bound.trend[others][order]) <= 0.0).all()


def test_some_rows_alone_are_scored_alike_for_one_person_after_another(
    shop: tuple[CatalogIndex, TasteModel],
) -> None:
    catalog, model = shop
    rows = np.array([3, 1500, 1999])
    for who in (person(catalog), person(catalog, "i1000"), person(catalog, kind="3")):
        whole = rank(who, model, catalog, ALL)
        found = scores_at(who, model, catalog, ALL, None, rows)
        np.testing.assert_allclose(found, whole.scores[rows], atol=1e-9)


def test_habits_tastes_the_popular_and_the_new_are_candidates(
    shop: tuple[CatalogIndex, TasteModel],
) -> None:
    _, few = both(shop, person(shop[0], "i1000", kind="7"))
    assert few.rows is not None
    rows = set(few.rows.tolist())
    assert {0, 1500, 1999, 7, 27} <= rows


def test_the_best_are_the_same(shop: tuple[CatalogIndex, TasteModel]) -> None:
    everything = shop[0].available
    for who in (person(shop[0]), person(shop[0], "i1000"), person(shop[0], kind="13")):
        whole, few = both(shop, who)
        assert top(few, everything, 20).tolist() == top(whole, everything, 20).tolist()


@pytest.mark.parametrize("kinds", [("3",), tuple("0123456789")])
def test_a_list_of_one_shelf_is_filled_as_well(
    shop: tuple[CatalogIndex, TasteModel], kinds: tuple[str, ...]
) -> None:
    """Few enough are all scored; of more, enough are."""
    catalog, model = shop
    within = np.array([item.attributes["kind"] in kinds for item in catalog.items])
    found = rank(person(catalog, "i1000"), model, catalog, FEW, within=within)
    assert found.rows is not None
    assert within[found.rows].all()
    assert len(found.rows) >= min(500, int(within.sum()))


def test_no_reason_is_given_for_what_was_not_scored(
    shop: tuple[CatalogIndex, TasteModel],
) -> None:
    _, few = both(shop, person(shop[0], "i1000"))
    assert few.rows is not None
    other = int(np.setdiff1d(np.arange(SIZE), few.rows)[0])
    assert few.pulls(other) == {}
    assert few.pulls(1500)["transitions"] > 0.0
