"""What people expect of a house that knows them, told as stories through the public engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from eachwise import Engine
from tests.stories.shop import (
    DAY_US,
    DIETS,
    FILMS,
    MUSIC,
    NOW_US,
    OF_EACH,
    THINGS,
    items_of,
    kinds,
    opened,
    public,
    seen,
    shown,
    takes,
    to,
)


@pytest.fixture(scope="module")
def cinema() -> Iterator[Engine]:
    """Films of eight genres, of which people at large watch rom-coms most."""
    with opened(items_of("genre", FILMS, "film")) as engine:
        shares = dict.fromkeys((f"film-{genre}" for genre in FILMS), 20)
        public(engine, shares | {"film-rom-com": 60})
        yield engine


@pytest.fixture(scope="module")
def kitchen() -> Iterator[Engine]:
    """Recipes and products that share their diets; three in ten of what people take has meat."""
    recipes = items_of("diet", DIETS, "recipe")
    products = items_of("diet", DIETS, "product")
    with opened(recipes + products) as engine:
        parts = {"vegan": 3, "vegetarian": 7, "fish": 4, "meat": 6}
        shares = {
            f"{kind}-{diet}": 10 * n for kind in ("recipe", "product") for diet, n in parts.items()
        }
        public(engine, shares)
        yield engine


def test_six_horror_films_want_no_rom_com_now_and_last_years_comedies_come_back(
    cinema: Engine,
) -> None:
    takes(cinema, "ada", "film-rom-com", 60, NOW_US - 90 * DAY_US, gap_s=3600)
    before = kinds(shown(cinema, "ada"), "genre")
    assert before.count("rom-com") >= 4
    takes(cinema, "ada", "film-horror", 6, NOW_US)
    now = kinds(shown(cinema, "ada"), "genre")
    assert now[0] == "horror"
    assert "rom-com" not in now[:4]
    assert now.count("horror") > now.count("rom-com")
    # Half an hour halves the moment; after a day nothing of it is left.
    to(cinema, NOW_US + DAY_US)
    later = kinds(shown(cinema, "ada"), "genre")
    assert later.count("rom-com") > now.count("rom-com")
    profile = cinema.individual("ada")
    assert "genre=rom-com" in {liking.value for liking in profile.likes}


def test_a_library_of_speed_metal_wants_no_pop() -> None:
    with opened(items_of("style", MUSIC, "song")) as engine:
        public(
            engine, {"song-pop": 90} | {f"song-{style}": 15 for style in MUSIC if style != "pop"}
        )
        takes(engine, "lemmy", "song-thrash", 20, NOW_US - 2 * DAY_US, gap_s=600)
        takes(engine, "lemmy", "song-speed-metal", 80, NOW_US - DAY_US, gap_s=600)
        to(engine, NOW_US)
        styles = kinds(shown(engine, "lemmy"), "style")
        assert "pop" not in styles
        assert styles.count("speed-metal") >= 5
        lines = engine.individual("lemmy").summary
        assert any(
            line.startswith("Strongly prefers style=speed-metal: 79 of 99") for line in lines
        )
        assert any("void" in line and "style=pop" in line for line in lines)


def test_a_reader_of_plant_based_recipes_gets_no_steak_and_the_words_say_why(
    kitchen: Engine,
) -> None:
    for day in range(10):
        takes(kitchen, "vera", "recipe-vegan", 6, NOW_US - day * DAY_US)
    decided = shown(kitchen, "vera")
    assert "meat" not in kinds(decided, "diet")
    profile = kitchen.individual("vera")
    meat = next(one for one in profile.dislikes if one.value == "diet=meat")
    assert "of 58 recent items, expected about" in meat.words
    assert meat.share == 0.0
    assert meat.log_odds + 1.96 * meat.sd < -0.5


def test_what_is_read_moves_what_is_sold(kitchen: Engine) -> None:
    takes(kitchen, "nina", "recipe-vegan", 40, NOW_US)
    profile = kitchen.individual("nina")
    found = {one.value: one.log_odds for one in (*profile.likes, *profile.dislikes)}
    assert found["diet=vegan"] > 0.0 > found["diet=meat"]
    every = shown(kitchen, "nina", count=112).items
    diets = [str(item.attributes["diet"]) for item in every if "product" in item.item_id]
    assert diets[:OF_EACH] == ["vegan"] * OF_EACH
    assert "meat" not in diets[: 2 * OF_EACH]


def test_who_only_watches_films_has_not_turned_down_meat() -> None:
    with opened(items_of("diet", DIETS, "recipe") + items_of("genre", FILMS, "film")) as engine:
        shares = dict.fromkeys((f"film-{genre}" for genre in FILMS), 10)
        public(
            engine,
            shares | {"recipe-meat": 40} | dict.fromkeys(("recipe-fish", "recipe-vegan"), 20),
        )
        takes(engine, "ada", "film-noir", 60, NOW_US)
        profile = engine.individual("ada")
        assert "genre=noir" in {one.value for one in profile.likes}
        assert not [one.value for one in profile.dislikes if one.value.startswith("diet=")]


def test_a_gift_is_no_taste() -> None:
    with opened(items_of("type", THINGS, "thing")) as engine:
        public(engine, {f"thing-{thing}": 25 for thing in THINGS})
        takes(engine, "lemmy", "thing-amplifiers", 30, NOW_US - 5 * DAY_US, gap_s=600)
        before = engine.individual("lemmy")
        at_us = NOW_US - DAY_US
        # Looked for, compared, then bought as a present: all of it in one evening.
        takes(engine, "lemmy", "thing-nappies", OF_EACH, at_us)
        order = seen("lemmy", "thing-nappies-0", at_us + 1, "Order Completed")
        order["properties"] = {
            "order_id": "baby-shower",
            "total": 30,
            "gift": True,
            "products": [{"product_id": f"thing-nappies-{n}"} for n in range(OF_EACH)],
        }
        engine.send([order])
        to(engine, NOW_US)
        profile = engine.individual("lemmy")
        assert (profile.orders.count, profile.orders.revenue) == (1, 30.0)
        assert "type=nappies" not in {one.value for one in (*profile.likes, *profile.now)}
        assert profile.recent_items == before.recent_items
        assert "nappies" not in kinds(shown(engine, "lemmy"), "type")[:4]


def test_one_unmarked_gift_does_not_turn_the_shop_into_nappies() -> None:
    with opened(items_of("type", THINGS, "thing")) as engine:
        public(engine, {f"thing-{thing}": 25 for thing in THINGS})
        takes(engine, "lemmy", "thing-amplifiers", 40, NOW_US - 5 * DAY_US, gap_s=600)
        takes(engine, "lemmy", "thing-nappies", 1, NOW_US - DAY_US)
        to(engine, NOW_US)
        types = kinds(shown(engine, "lemmy"), "type")
        assert types.count("amplifiers") > types.count("nappies")
        assert "type=nappies" not in {one.value for one in engine.individual("lemmy").likes}


def test_a_guest_on_the_same_device_is_taken_out_again() -> None:
    with opened(items_of("style", MUSIC, "song")) as engine:
        public(engine, dict.fromkeys((f"song-{style}" for style in MUSIC), 25))
        takes(engine, "lemmy", "song-speed-metal", 30, NOW_US - 3 * DAY_US, gap_s=600)
        alone = engine.individual("lemmy")
        takes(engine, "lemmy", "song-pop", 30, NOW_US - DAY_US)
        to(engine, NOW_US)
        assert "style=pop" in {one.value for one in engine.individual("lemmy").likes}
        told = {
            "from": "2000-01-01T00:00:00Z",
            "item_ids": [f"song-pop-{n}" for n in range(OF_EACH)],
        }
        engine.track("lemmy", "Not Me", told)
        after = engine.individual("lemmy")
        assert after.recent_items == alone.recent_items
        assert "style=pop" not in {one.value for one in (*after.likes, *after.now)}
        assert after.events == alone.events + 31  # what happened, happened


@pytest.mark.parametrize("items", [0, 1, 3])
def test_a_newcomer_is_not_shouted_at(kitchen: Engine, items: int) -> None:
    to(kitchen, NOW_US)
    user = f"new-{items}"
    kitchen.identify(user, {})
    if items:
        takes(kitchen, user, "recipe-vegan", items, NOW_US)
    profile = kitchen.individual(user)
    assert profile.likes == [] == profile.dislikes
    assert any("too little to tell a taste" in line for line in profile.summary)
    assert len(shown(kitchen, user).items) == 8


def test_the_landing_page_leans_the_first_list_a_little(kitchen: Engine) -> None:
    to(kitchen, NOW_US)
    for user in ("plain", "landed"):
        kitchen.identify(user, {})
    plain = shown(kitchen, "plain")
    landed = shown(kitchen, "landed", context={"page": {"path": "/fish/recipes"}})
    assert kinds(landed, "diet").count("fish") > kinds(plain, "diet").count("fish")
    assert kitchen.replay(landed.decision_id).agrees
    # Nothing is kept of it: a page is not a deed.
    assert kitchen.individual("landed").now == []


def test_not_for_me_and_declared_tastes_hold(kitchen: Engine) -> None:
    to(kitchen, NOW_US)
    kitchen.track("otto", "Not for me", {"product_id": "product-fish-1"})
    kitchen.identify("otto", {"dislikes": ["diet=meat"], "likes": ["diet=vegetarian"]})
    decided = shown(kitchen, "otto")
    assert "meat" not in kinds(decided, "diet")
    assert "product-fish-1" not in {item.item_id for item in decided.items}
    profile = kitchen.individual("otto")
    assert [one.value for one in profile.likes] == ["diet=vegetarian"]
    assert [one.words.split(":")[0] for one in profile.dislikes] == ["Says to avoid diet=meat"]
