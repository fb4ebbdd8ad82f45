"""Search from the person's side: relevance first, taste within bounds, and nothing that must not be shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eachwise import Engine
from eachwise.adapters.clocks import SettableClock
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.search import SearchResponse
from eachwise.flow.drive import Flow
from eachwise.settings import parse_settings
from tests.flow.shop import START_US, furnish, view


def ids(found: SearchResponse) -> list[str]:
    """The results, best first."""
    return [hit.item_id for hit in found.results]


def avoid(engine: Engine, user: str, category: str) -> None:
    """The person says so."""
    engine.track(
        user,
        "Preference Declared",
        {"attribute": "category", "value": category, "preference": "dislike"},
    )


def dinner(engine: Engine) -> None:
    """Dishes that answer ``dinner`` alike."""
    engine.put_items(
        [
            {
                "item_id": f"dinner-{category}",
                "title": f"{category.title()} dinner",
                "attributes": {"category": category},
            }
            for category in ("beef", "fish", "tofu", "cake")
        ]
    )


# -- relevance and taste -------------------------------------------------------------------------


def test_without_a_person_the_order_is_the_texts(engine: Engine) -> None:
    found = engine.search("fish 3")
    assert ids(found)[0] == "fish-3"
    assert (found.total, found.individual_id, found.fallback) == (1, None, "")
    assert found.results[0].relevance == found.results[0].score == 2.0
    assert found.results[0].taste == 0.0
    assert {hit.taste for hit in engine.search("fish", "a-stranger").results} == {0.0}


def test_the_same_query_is_answered_in_each_persons_order(engine: Engine) -> None:
    dinner(engine)
    for number in range(5):
        view(engine, "f", f"fish-{number}")
        view(engine, "t", f"tofu-{number}")
    fish, tofu = engine.search("dinner", "f"), engine.search("dinner", "t")
    assert ids(fish)[0] == "dinner-fish"
    assert ids(tofu)[0] == "dinner-tofu"
    assert sorted(ids(fish)) == sorted(ids(tofu))
    assert (fish.individual_id, tofu.individual_id) == ("user:f", "user:t")
    best = fish.results[0]
    assert 0.0 < best.taste <= 0.2
    assert best.score == best.relevance + best.taste
    assert best.reasons[0] == "dinner in the title"
    assert any("fish" in each for each in best.reasons[1:])


def test_taste_lifts_nothing_above_what_was_asked_for(engine: Engine) -> None:
    engine.put_items(
        [
            {"item_id": "named", "title": "Harissa", "attributes": {"category": "beef"}},
            {
                "item_id": "mentions",
                "title": "Tofu",
                "attributes": {"category": "tofu"},
                "description": "Good with harissa",
            },
        ]
    )
    for number in range(5):
        view(engine, "t", f"tofu-{number}", f"tofu-{number}")
    assert ids(engine.search("harissa", "t")) == ["named", "mentions"]
    with_oil = engine.search("harissa oil", "t")
    assert with_oil.fallback == "related"
    assert ids(with_oil)[0] == "named"


def test_whoever_refused_personalisation_gets_the_texts_order(engine: Engine) -> None:
    dinner(engine)
    view(engine, "f", *(f"fish-{number}" for number in range(5)))
    assert ids(engine.search("dinner", "f"))[0] == "dinner-fish"
    engine.track("f", "Consent Withdrawn", {"purpose": "personalization"})
    assert engine.search("dinner", "f").results[0].taste == 0.0
    avoid(engine, "f", "beef")
    assert "dinner-beef" not in ids(engine.search("dinner", "f"))


# -- what must not be shown ----------------------------------------------------------------------

QUERIES = ["beef", "beef 2", "bef 1", "dinner", "meat", "beef xyzzy", "xyzzy", "beef-1"]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("where", [{}, {"category": "beef"}, {"category": "nothing"}])
def test_conflicts_and_hides_hold_on_every_path(
    engine: Engine, query: str, where: dict[str, str | list[str]]
) -> None:
    dinner(engine)
    avoid(engine, "v", "beef")
    engine.track("v", "Item Hidden", {"item_id": "cake-1"})
    for token in pages(engine, query, "v", where=where):
        assert not [each for each in token if "beef" in each or each == "cake-1"]


def pages(engine: Engine, query: str, user: str | None = None, **more: Any) -> list[list[str]]:
    """Every page of a search."""
    found, cursor = [], None
    while True:
        answer = engine.search(query, user, count=4, cursor=cursor, **more)
        found.append(ids(answer))
        cursor = answer.cursor
        if cursor is None:
            return found


def test_what_is_withheld_is_counted_and_what_is_like_it_is_shown(engine: Engine) -> None:
    avoid(engine, "v", "fish")
    found = engine.search("fish", "v")
    assert (found.total, found.withheld) == (0, {"conflict": 5})
    assert "“fish”" in found.message
    engine.track("h", "Item Hidden", {"item_id": "fish-1"})
    hidden = engine.search("fish", "h")
    assert (hidden.total, hidden.withheld) == (4, {"hidden": 1})


@pytest.mark.parametrize("change", [{"available": False}, {"expires_at": "2020-01-01"}])
def test_what_cannot_be_had_is_not_shown_but_what_is_like_it(
    engine: Engine, change: dict[str, Any]
) -> None:
    fish = {"title": "Grilled mackerel", "attributes": {"category": "fish", "diet": "fish"}}
    engine.put_items([{"item_id": "mackerel", **fish, **change}])
    found = engine.search("mackerel")
    assert (found.total, found.withheld, found.fallback) == (0, {"unavailable": 1}, "related")
    assert {each.split("-")[0] for each in ids(found)} == {"fish"}
    assert "cannot be shown" in found.message


def test_an_item_expires_between_two_searches(engine: Engine, clock: SettableClock) -> None:
    engine.put_items(
        [{"item_id": "sole", "title": "Dover sole", "expires_at": "2026-09-21T20:00:00Z"}]
    )
    assert engine.search("sole").total == 1
    clock.advance(seconds=30 * 86_400)
    assert engine.search("sole").total == 0


# -- where nothing answers -----------------------------------------------------------------------


def test_a_query_that_nothing_answers_says_so(engine: Engine) -> None:
    view(engine, "t", *(f"tofu-{number}" for number in range(5)))
    for number in range(9):
        view(engine, f"other-{number}", "cake-4")
    nobody, somebody = engine.search("xyzzy"), engine.search("xyzzy", "t")
    for found in (nobody, somebody):
        assert (found.total, found.fallback) == (0, "popular")
        assert found.message.startswith("nothing matches “xyzzy”")
        assert {hit.relevance for hit in found.results} == {0.0}
    assert "what suits this person" in somebody.message
    assert somebody.results[0].taste > somebody.results[-1].taste
    assert ids(somebody)[0].startswith("tofu")
    assert len(nobody.results) == 20


def test_filters_that_leave_nothing_are_taken_off_and_it_says_so(engine: Engine) -> None:
    found = engine.search("fish", where={"category": ["beef"]})
    assert (found.total, found.fallback) == (0, "related")
    assert "filters" in found.message
    assert {each.split("-")[0] for each in ids(found)} == {"fish"}
    # What else could have been chosen is in the facet.
    assert found.facets == {"category": {"fish": 5}}


def test_some_of_the_words_are_better_than_none(engine: Engine) -> None:
    found = engine.search("fish lasagne")
    assert (found.total, found.fallback) == (0, "related")
    assert {each.split("-")[0] for each in ids(found)} == {"fish"}
    assert found.message.endswith("this matches some of it")


def test_a_mistake_is_read_and_said(engine: Engine) -> None:
    found = engine.search("fihs")
    assert (found.total, found.fallback, found.corrections) == (5, "", {"fihs": "fish"})
    assert found.message == "“fihs” was read as “fish”"
    assert found.results[0].reasons == ["fish in the title"]
    assert ids(engine.search("fihs 2")) == ["fish-2"]


def test_an_empty_shop_finds_nothing(tmp_path: Path) -> None:
    with Engine.open() as engine:
        found = engine.search("fish", "u")
        assert (found.results, found.total, found.cursor) == ([], 0, None)
        assert engine.suggest("fi").suggestions == []


# -- filters and facets --------------------------------------------------------------------------


def test_facets_count_all_matches_and_leave_the_choice_open(engine: Engine) -> None:
    dinner(engine)
    found = engine.search("dinner", count=1)
    assert found.facets == {"category": {"beef": 1, "cake": 1, "fish": 1, "tofu": 1}}
    narrowed = engine.search("dinner", where={"category": ["fish", "tofu"]}, count=1)
    assert narrowed.total == 2
    assert narrowed.facets == found.facets
    avoid(engine, "v", "beef")
    assert "beef" not in engine.search("dinner", "v").facets["category"]


# -- pages ---------------------------------------------------------------------------------------


def test_pages_are_one_list_in_parts(engine: Engine) -> None:
    view(engine, "f", "fish-1", "fish-2")
    for query, user in (("fish", "f"), ("fish", None), ("xyzzy", "f"), ("beef meat", None)):
        whole = ids(engine.search(query, user, count=100))
        parts = pages(engine, query, user)
        assert [each for page in parts for each in page] == whole
        assert [len(page) for page in parts[:-1]] == [4] * (len(parts) - 1)
    first = engine.search("fish", count=2)
    second = engine.search("fish", count=2, cursor=first.cursor)
    assert first.search_id == second.search_id
    assert [hit.position for hit in second.results] == [2, 3]
    assert second.total == first.total


def test_with_many_matches_only_those_that_may_matter_are_scored(
    clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eachwise.flow.search.SCORED_MAX", 3)
    few = parse_settings({"recommend": {"score_all_max": 4}})
    with Engine.open(clock=clock, settings=few) as engine:
        furnish(engine)
        dinner(engine)
        view(engine, "f", *(f"fish-{number}" for number in range(5)))
        assert ids(engine.search("dinner", "f"))[0] == "dinner-fish"
        whole = ids(engine.search("fish", "f", count=100))
        assert len(whole) == len(set(whole)) == 6
        assert [each for page in pages(engine, "fish", "f") for each in page] == whole


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9)),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("view"), st.integers(0, 9)),
    ),
    max_size=6,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CHANGES, min_size=4, max_size=4))
def test_nothing_comes_twice_or_is_left_out_while_the_catalogue_changes(
    changes: list[list[tuple[str, int]]],
) -> None:
    with Engine.open(clock=SettableClock(START_US)) as engine:

        def put(number: int, words: str) -> None:
            engine.put_items([{"item_id": f"i{number}", "title": f"Fish {words}"}])

        for number in range(10):
            put(number, str(number))
        touched: set[str] = set()
        seen: list[str] = []
        cursor = None
        for page in changes:
            found = engine.search("fish", "u", count=3, cursor=cursor)
            seen += ids(found)
            cursor = found.cursor
            for kind, number in page:
                if kind == "put":
                    put(number, f"anew {len(seen)}")
                elif kind == "remove":
                    engine.remove_items([f"i{number}"])
                    touched.add(f"i{number}")
                else:
                    view(engine, "u", f"i{number}")
            if cursor is None:
                break
        assert len(seen) == len(set(seen))
        if cursor is None or len(changes) * 3 >= 10:
            assert {f"i{number}" for number in range(10)} - touched <= set(seen)


@pytest.mark.parametrize(
    "other", [{"query": "beef"}, {"where": {"category": "fish"}}, {"cursor": "nonsense"}]
)
def test_a_page_belongs_to_its_search(engine: Engine, other: dict[str, Any]) -> None:
    cursor = engine.search("fish", count=1).cursor
    again: dict[str, Any] = {"query": "fish", "count": 1, "cursor": cursor}
    with pytest.raises(InvalidInput) as raised:
        engine.search(**again | other)
    assert raised.value.field == "cursor"
    assert engine.search("FISH ", "u", count=1, cursor=cursor).results


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"query": " "}, "q"),
        ({"query": "x" * 1000}, "q"),
        ({"query": "fish", "count": 0}, "count"),
        ({"query": "fish", "count": 101}, "count"),
        ({"query": "fish", "where": {"": "x"}}, "where."),
        ({"query": "fish", "individual_id": "42"}, "individual_id"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_its_place(
    engine: Engine, wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        engine.search(**wrong)
    assert raised.value.field == field


# -- the index follows the catalogue -------------------------------------------------------------


def test_a_change_is_found_at_once(engine: Engine) -> None:
    assert engine.search("halibut").total == 0
    engine.put_items([{"item_id": "new", "title": "Halibut"}])
    assert ids(engine.search("halibut")) == ["new"]
    engine.put_items([{"item_id": "new", "title": "Turbot"}])
    assert engine.search("halibut").total == 0
    assert ids(engine.search("turbot")) == ["new"]
    engine.remove_items(["new"])
    assert engine.search("turbot").total == 0


# -- searches teach ------------------------------------------------------------------------------


def asks(engine: Engine, user: str, query: str) -> None:
    """The person's page tells of a search."""
    assert engine.track(user, "Products Searched", {"query": query}).accepted == 1


def test_a_search_that_names_a_value_is_a_taste(engine: Engine) -> None:
    for number in range(4):
        asks(engine, "s", "Vegan please")
        view(engine, f"other-{number}", "beef-1", "cake-1", "tofu-1", "fish-1")
    engine.tick()
    taught = engine.core.people.find("user:s")
    assert taught is not None
    assert set(taught.affinity) == {"", "diet=vegan"}
    dinner(engine)
    asks(engine, "s", "tofu")
    assert ids(engine.search("dinner", "s"))[0] == "dinner-tofu"
    asks(engine, "n", "something nobody sells")
    unmoved = engine.core.people.find("user:n")
    assert unmoved is not None
    assert unmoved.affinity == {}


def test_asking_leaves_no_trace(engine: Engine) -> None:
    view(engine, "u", "fish-1")
    before = engine.status()["counts"]
    engine.search("fish", "u")
    engine.suggest("fi")
    assert engine.status()["counts"] == before


def past(engine: Engine, text: str) -> list[str]:
    """The past queries that are suggested."""
    return [each.text for each in engine.suggest(text).suggestions if each.kind == "query"]


def test_what_several_people_asked_is_suggested_to_others(engine: Engine) -> None:
    for _ in range(3):
        asks(engine, "a", "Fish 1")
    asks(engine, "b", "fish 1")
    assert past(engine, "fi") == []
    asks(engine, "c", "fish 1")
    assert past(engine, "fi") == ["fish 1"]
    assert "fish" in [each.text for each in engine.suggest("fi").suggestions]
    for user in "abc":
        asks(engine, user, "fish that nobody sells")
    assert past(engine, "fi") == ["fish 1"]
    assert len(engine.suggest("fi", count=1).suggestions) == 1


def test_how_many_people_it_takes_is_a_setting(clock: SettableClock) -> None:
    with Engine.open(
        clock=clock, settings=parse_settings({"search": {"suggest_people_min": 1}})
    ) as one:
        furnish(one)
        asks(one, "a", "fish 2")
        assert past(one, "fi") == ["fish 2"]


@pytest.mark.parametrize("clean", [True, False])
def test_past_queries_survive_a_stop_of_any_kind(
    tmp_path: Path, clock: SettableClock, clean: bool
) -> None:
    opened = Engine.open(tmp_path, clock=clock)
    furnish(opened)
    for user in "ab":
        asks(opened, user, "fish 2")
    clock.advance(seconds=301)
    opened.tick()
    asks(opened, "c", "fish 2")
    if clean:
        opened.close()
    else:
        # What a killed process leaves: all that is durable, no checkpoint, no statistics.
        crash(opened)
    with Engine.open(tmp_path, clock=clock) as engine:
        assert past(engine, "fi") == ["fish 2"]
        queries = engine.core.searching._searches.past
        assert queries.masses["fish 2"] == pytest.approx(3.0, rel=1e-3)
        assert len(queries.people["fish 2"]) == 3


def crash(engine: Engine) -> None:
    """Forget an engine without its farewell."""

    def nothing() -> Flow[None]:
        yield from ()

    engine.core.checkpoint = nothing  # type: ignore[method-assign]
    engine.close()


def test_a_log_that_goes_on_without_searches_is_not_read_again(
    tmp_path: Path, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eachwise.flow.counting.LAG_EVENTS_MAX", 3)
    with Engine.open(tmp_path, clock=clock) as engine:
        furnish(engine)
        view(engine, "u", "fish-1", "fish-2", "fish-3", "fish-4")
        clock.advance(seconds=301)
        engine.tick()
        assert engine.core.searching._searches.sequence == 4
