"""Lists on request, untrained: what a person never wanted is not among the first ten, whatever is popular."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eachwise import Engine
from tests.stories.doors import DOORS, Door
from tests.stories.shop import (
    DAY_US,
    DIETS,
    FILMS,
    MUSIC,
    NOW_US,
    items_of,
    opened,
    public,
    takes,
    to,
)

SLATE = 10
EVENING_S = 86_400


@pytest.fixture(scope="module")
def cinema() -> Iterator[Engine]:
    """Films of eight genres, of which people at large watch rom-coms most by far."""
    with opened(items_of("genre", FILMS, "film")) as engine:
        shares = dict.fromkeys((f"film-{genre}" for genre in FILMS), 10)
        public(engine, shares | {"film-rom-com": 150})
        yield engine


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Callable[[Engine], Door]:
    """Each way to ask."""
    return DOORS[str(request.param)]


def about(answer: dict[str, Any], name: str) -> list[str]:
    """What a list is about, best first."""
    return [str(item["attributes"][name]) for item in answer["items"]]


@pytest.mark.parametrize("gap_s", [60, EVENING_S])
def test_six_horror_films_and_no_romance(
    cinema: Engine, door: Callable[[Engine], Door], gap_s: int
) -> None:
    user = f"ada-{gap_s}"
    takes(cinema, user, "film-horror", 6, NOW_US, gap_s=gap_s)
    genres = about(door(cinema)(user, count=SLATE), "genre")
    assert len(genres) == SLATE
    assert genres[0] == "horror"
    assert "rom-com" not in genres
    assert genres.count("horror") >= 8


def test_six_horror_films_of_someone_who_loved_comedies(
    cinema: Engine, door: Callable[[Engine], Door]
) -> None:
    eve, ask = f"eve-{door.__name__}", door(cinema)
    takes(cinema, eve, "film-rom-com", 60, NOW_US - 90 * DAY_US, gap_s=3600)
    before = about(ask(eve, count=SLATE), "genre")
    assert before.count("rom-com") >= 8
    takes(cinema, eve, "film-horror", 6, NOW_US)
    now = about(ask(eve, count=SLATE), "genre")
    assert now[:6] == ["horror"] * 6
    assert now.count("rom-com") <= 1
    # A day later the mood has gone, and the taste of years is back.
    to(cinema, NOW_US + DAY_US)
    later = about(ask(eve, count=SLATE), "genre")
    assert later.count("rom-com") >= 4


def test_a_library_of_speed_metal_gets_its_own_mix_and_no_pop(
    door: Callable[[Engine], Door],
) -> None:
    with opened(items_of("style", MUSIC, "song")) as engine:
        shares = {f"song-{style}": 15 for style in MUSIC}
        public(engine, shares | {"song-pop": 150})
        takes(engine, "lemmy", "song-thrash", 20, NOW_US - 2 * DAY_US, gap_s=600)
        takes(engine, "lemmy", "song-speed-metal", 80, NOW_US - DAY_US, gap_s=600)
        to(engine, NOW_US)
        ask = door(engine)
        for wishes in ({}, {"calibration": 0.0}, {"repeats": "never"}):
            styles = about(ask("lemmy", count=SLATE, **wishes), "style")
            assert "pop" not in styles
        styles = about(ask("lemmy", count=SLATE), "style")
        assert styles.count("speed-metal") + styles.count("thrash") == SLATE
        assert 6 <= styles.count("speed-metal") <= 9


def test_a_vegan_sees_no_steak(door: Callable[[Engine], Door]) -> None:
    with opened(items_of("diet", DIETS, "recipe")) as engine:
        public(engine, {"recipe-meat": 60} | {f"recipe-{diet}": 20 for diet in DIETS[:3]})
        takes(engine, "new", "recipe-vegan", 12, NOW_US - DAY_US, gap_s=600)
        takes(engine, "old", "recipe-vegan", 70, NOW_US - DAY_US, gap_s=600)
        to(engine, NOW_US)
        ask = door(engine)
        assert "meat" not in about(ask("new", count=SLATE), "diet")
        # A firm aversion is held on every page, down to the last.
        seen: list[str] = []
        cursor: str | None = None
        while cursor is not None or not seen:
            page = ask("old", count=SLATE, cursor=cursor)
            seen += about(page, "diet")
            cursor = page["cursor"]
        assert "meat" not in seen
        assert set(seen) == set(DIETS) - {"meat"}
