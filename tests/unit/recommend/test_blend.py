"""All sources together: what a newcomer gets, what a click changes, what a taste changes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eachwise.catalog import build_index
from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, TasteModel
from eachwise.contracts.catalog import Item
from eachwise.recommend import (
    PersonTaste,
    Ranking,
    TasteStatistics,
    align,
    rank,
    reasons,
    solve,
    top,
)
from eachwise.settings import RecommendSettings

NOW_S = 100 * 86400.0
WEIGHTS = RecommendSettings()
ALL_RECENTS = tuple(f"i{number}" for number in range(6))


def shop() -> tuple[CatalogIndex, TasteModel]:
    """Six items: i0 is popular, i1 → i2 is a habit, even ones are fish and odd ones meat."""
    items = [
        Item(
            item_id=f"i{number}",
            title=f"Item {number}",
            attributes={"category": "meat" if number % 2 else "fish"},
        )
        for number in range(6)
    ]
    statistics = TasteStatistics()
    for _ in range(60):
        statistics.observe([], "i0", NOW_S)
    for _ in range(30):
        statistics.observe(["i1"], "i2", NOW_S)
    for number in range(1, 6):
        statistics.observe([], f"i{number}", NOW_S)
    catalog = build_index(items, version=1)
    model = solve(
        statistics,
        version=1,
        item_ids=catalog.item_ids,
        expected={},
        neighbours_max=0,
        now_s=NOW_S,
    )
    return catalog, model


def person(
    *recents: str, fish: float = 0.0, meat: float = 0.0, declared: float = 0.0, moment: float = 0.0
) -> PersonTaste:
    zero, sd = np.zeros(2), np.full(2, 0.2)
    affinity = AffinityVectors(
        general=np.array([fish, meat]),
        general_sd=sd,
        moment=np.array([moment, 0.0]),
        moment_sd=sd,
        evidence=zero,
        declared=np.array([declared, 0.0]),
    )
    return PersonTaste(recents=recents, affinity=affinity, now_us=int(NOW_S * 1e6))


def best(who: PersonTaste, count: int = 6) -> list[str]:
    catalog, model = shop()
    ranking = rank(who, model, catalog, WEIGHTS)
    return [catalog.item_ids[row] for row in top(ranking, catalog.available, count)]


def test_a_newcomer_gets_what_is_popular() -> None:
    assert best(person())[:2] == ["i0", "i2"]


def test_one_click_changes_the_best() -> None:
    assert best(person("i1"))[0] == "i2"


def test_a_taste_lifts_and_a_distaste_sinks() -> None:
    assert best(person(meat=3.0))[:3] == ["i1", "i3", "i5"]
    assert best(person(fish=-3.0))[-1] == "i4"
    assert set(best(person(fish=-6.0))[3:]) == {"i0", "i2", "i4"}


def test_the_score_is_the_sum_of_its_parts() -> None:
    catalog, model = shop()
    ranking = rank(person("i1", fish=1.0), model, catalog, WEIGHTS)
    assert set(ranking.contributions) == {"transitions", "affinity", "trend", "fresh"}
    np.testing.assert_array_equal(ranking.scores, sum(ranking.contributions.values()))


def test_a_source_without_weight_is_left_out() -> None:
    catalog, model = shop()
    ranking = rank(person(), model, catalog, RecommendSettings(trend_weight=0.0))
    assert set(ranking.contributions) == {"transitions", "affinity"}


def test_reasons_are_words() -> None:
    catalog, model = shop()
    who = person("i1", fish=5.0)
    ranking = rank(who, model, catalog, WEIGHTS)
    assert reasons(ranking, 2, who, catalog) == [
        "because you viewed Item 1",
        "you often choose fish",
        "popular now",
    ]
    liked = person(fish=1.0, declared=1.0)
    ranking = rank(liked, model, catalog, WEIGHTS)
    assert reasons(ranking, 4, liked, catalog) == ["you told us you like fish"]
    now = person(fish=0.1, moment=1.0)
    ranking = rank(now, model, catalog, WEIGHTS)
    assert reasons(ranking, 4, now, catalog) == ["you are looking at fish now"]
    nobody = person()
    ranking = rank(nobody, model, catalog, WEIGHTS)
    assert reasons(ranking, 0, nobody, catalog) == ["popular now"]
    assert reasons(ranking, 5, nobody, catalog) == []


def test_a_new_item_gets_a_fair_look_that_fades() -> None:
    items = [
        Item(item_id="a-known"),
        Item(item_id="b-new", published_at="1970-04-10"),  # one day before now
        Item(item_id="c-later", published_at="1970-04-12"),
        Item(item_id="d-old", published_at="1970-01-01"),
        Item(item_id="e-unknown"),
    ]
    statistics = TasteStatistics()
    for _ in range(50):
        statistics.observe([], "a-known", NOW_S)
    catalog = build_index(items, version=1)
    model = solve(
        statistics,
        version=1,
        item_ids=catalog.item_ids,
        expected={},
        neighbours_max=0,
        now_s=NOW_S,
    )
    zero = np.zeros(0)
    nobody = PersonTaste(
        recents=(),
        affinity=AffinityVectors(
            general=zero, general_sd=zero, moment=zero, moment_sd=zero, evidence=zero, declared=zero
        ),
        now_us=int(NOW_S * 1e6),
    )
    ranking = rank(nobody, model, catalog, WEIGHTS)
    rows = top(ranking, catalog.available, 5)
    assert [catalog.item_ids[row] for row in rows[:2]] == ["a-known", "b-new"]
    assert reasons(ranking, 1, nobody, catalog) == ["new"]
    assert ranking.contributions["fresh"][[0, 2, 4]].tolist() == [0.0, 0.0, 0.0]
    assert 0 <= ranking.contributions["fresh"][3] < 0.001


def test_a_model_of_other_items_meets_the_catalogue() -> None:
    """Items that the model does not know score as the least popular, its own extra ones are passed over."""
    catalog, _ = shop()
    statistics = TasteStatistics()
    for _ in range(9):
        statistics.observe(["i1"], "i5", NOW_S)
        statistics.observe([], "gone", NOW_S)
    statistics.observe([], "i1", NOW_S)
    model = solve(
        statistics,
        version=1,
        item_ids=("gone", "i5", "i1"),
        expected={},
        neighbours_max=0,
        now_s=NOW_S,
    )
    ranking = rank(person("gone", "i1"), model, catalog, WEIGHTS)
    assert top(ranking, catalog.available, 1).tolist() == [5]
    popularity = ranking.contributions["trend"]
    assert popularity[[0, 2, 3, 4]].tolist() == [popularity.min()] * 4
    assert align(model, catalog) is align(model, catalog)


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0]), max_size=12),
    st.integers(0, 14),
    st.data(),
)
def test_top_is_the_stable_sort_under_the_mask(
    scores: list[float], count: int, data: st.DataObject
) -> None:
    flags = data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)))
    catalog, model = shop()
    ranking = Ranking(
        scores=np.array(scores),
        contributions={},
        model=model,
        alignment=align(model, catalog),
    )
    allowed = [row for row, flag in enumerate(flags) if flag]
    wanted = sorted(allowed, key=lambda row: (-scores[row], row))[:count]
    assert top(ranking, np.array(flags, dtype=np.bool_), count).tolist() == wanted
