"""All sources together: what a newcomer gets, what a click changes, what a taste changes."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eachwise.catalog import build_index
from eachwise.contracts.arrays import AffinityVectors, CatalogIndex, TasteModel
from eachwise.contracts.catalog import Item
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.individual import Individual, Recent
from eachwise.recommend import (
    PersonTaste,
    TasteStatistics,
    check_actions,
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
    return PersonTaste(recents=viewed(*recents), affinity=affinity, now_us=int(NOW_S * 1e6))


def viewed(*item_ids: str, action: str = "view") -> tuple[Recent, ...]:
    """Recents, the newest first, a minute apart."""
    return tuple(
        Recent(int((NOW_S - 60 * place) * 1e6), place, item_id, action)
        for place, item_id in enumerate(item_ids, start=1)
    )


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
    np.testing.assert_allclose(ranking.scores, sum(ranking.contributions.values()), atol=1e-12)
    for row in range(6):
        pulls = ranking.pulls(row)
        assert pulls == {
            name: pytest.approx(float(ranking.contributions[name][row])) for name in pulls
        }


def test_a_source_without_weight_is_left_out() -> None:
    catalog, model = shop()
    ranking = rank(person(), model, catalog, RecommendSettings(trend_weight=0.0))
    assert set(ranking.contributions) == {"transitions", "affinity", "fresh"}


def test_reasons_are_words() -> None:
    catalog, model = shop()
    who = person("i1", fish=2.0)
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
    assert (
        top(rank(nobody, model, build_index([], 2), WEIGHTS), np.zeros(0, np.bool_), 5).tolist()
        == []
    )
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


def test_where_nothing_is_known_the_newest_comes_first_and_equals_keep_their_order() -> None:
    items = [Item(item_id=f"i{number:02d}") for number in range(30)]
    items[7] = Item(item_id="i07", published_at="1970-04-01")
    items[9] = Item(item_id="i09", published_at="1970-04-05")
    catalog = build_index(items, version=1)
    unborn = solve(
        TasteStatistics(), version=0, item_ids=(), expected={}, neighbours_max=0, now_s=NOW_S
    )
    known = solve(
        TasteStatistics(),
        version=1,
        item_ids=catalog.item_ids,
        expected={},
        neighbours_max=0,
        now_s=NOW_S,
    )
    nobody = PersonTaste.of(Individual(), no_affinity(0), int(NOW_S * 1e6))
    for model in (unborn, known):
        rows = top(rank(nobody, model, catalog, WEIGHTS), catalog.available, 30).tolist()
        assert rows == [9, 7, *(row for row in range(30) if row not in (7, 9))]


def no_affinity(size: int) -> AffinityVectors:
    zero = np.zeros(size)
    return AffinityVectors(
        general=zero, general_sd=zero, moment=zero, moment_sd=zero, evidence=zero, declared=zero
    )


def test_one_lone_transition_does_not_shout_down_a_taste() -> None:
    """In a shop with little traffic one visitor's way counts, and a clear taste counts for more."""
    items = [
        Item(item_id=f"i{number}", attributes={"diet": "meat" if number % 2 else "vegan"})
        for number in range(8)
    ]
    catalog = build_index(items, version=1)
    statistics = TasteStatistics()
    for number in range(8):
        for _ in range(25):
            statistics.observe([], f"i{number}", NOW_S)
    statistics.observe(["i0"], "i1", NOW_S)
    model = solve(
        statistics,
        version=1,
        item_ids=catalog.item_ids,
        expected={"diet=meat": 0.5, "diet=vegan": 0.5},
        neighbours_max=0,
        now_s=NOW_S,
    )
    column = catalog.value_of["diet=vegan"]
    affinity = no_affinity(2)
    liked = np.zeros(2)
    liked[column], liked[1 - column] = 1.5, -1.5
    vegan = PersonTaste(
        recents=viewed("i0"),
        affinity=dataclasses.replace(affinity, general=liked),
        now_us=int(NOW_S * 1e6),
    )
    nobody = PersonTaste(recents=viewed("i0"), affinity=affinity, now_us=int(NOW_S * 1e6))
    assert top(rank(nobody, model, catalog, WEIGHTS), catalog.available, 1).tolist() == [1]
    assert 1 not in top(rank(vegan, model, catalog, WEIGHTS), catalog.available, 4).tolist()


def test_what_speaks_against_an_item_takes_its_followers_down() -> None:
    catalog, model = shop()
    for hidden in (
        PersonTaste(
            recents=viewed("i1"),
            affinity=no_affinity(2),
            now_us=int(NOW_S * 1e6),
            hidden={"i1": int((NOW_S - 10) * 1e6)},
        ),
        PersonTaste(
            recents=viewed("x", "i1"),
            regrets=viewed("i1", action="refund"),
            affinity=no_affinity(2),
            now_us=int(NOW_S * 1e6),
        ),
    ):
        contributions = rank(hidden, model, catalog, WEIGHTS).contributions
        assert contributions["transitions"].tolist() == [0.0] * 6
    louder = RecommendSettings(action_weights={"hide": 0.0, "refund": 0.0})
    assert rank(hidden, model, catalog, louder).contributions["transitions"][2] > 0.0


def test_a_state_is_read_newest_first_with_its_hides() -> None:
    state = Individual(
        recents=[Recent(1, 0, "a", "view"), Recent(2, 0, "b", "purchase")],
        hidden={"item:c": 3, "experience:d": 4},
        regrets=[Recent(1, 0, "e", "bounce"), Recent(3, 0, "f", "refund")],
    )
    person = PersonTaste.of(state, no_affinity(0), 5)
    assert [recent.item_id for recent in person.recents] == ["b", "a"]
    assert [regret.item_id for regret in person.regrets] == ["f", "e"]
    assert person.hidden == {"c": 3}


def test_a_weight_of_an_unknown_action_is_refused() -> None:
    check_actions({"hide": -2.0, "bounce": 0.0})
    with pytest.raises(InvalidInput, match=r"no action 'bounced'; known: .*bounce"):
        check_actions({"bounced": -1.0})


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
    scored = rank(person(), model, catalog, WEIGHTS)
    ranking = dataclasses.replace(scored, scores=np.array(scores))
    allowed = [row for row, flag in enumerate(flags) if flag]
    wanted = sorted(allowed, key=lambda row: (-scores[row], row))[:count]
    assert top(ranking, np.array(flags, dtype=np.bool_), count).tolist() == wanted
