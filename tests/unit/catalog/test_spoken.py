"""Values as people say them."""

from __future__ import annotations

import pytest

from eachwise.catalog.spoken import said_in, spoken_values

SPOKEN = spoken_values(
    [
        *("category=fish", "category=ice-cream", "category=cream", "diet=fish", "diet=vegan"),
        *("brand=Crème de la Crème", "size=42", "size=m", "color=sky_blue"),
        "about=a sentence that nobody would ever type",
    ]
)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("fish", ("category=fish", "diet=fish")),
        ("Vegan ICE CREAMS please", ("diet=vegan", "category=ice-cream")),
        ("cream of fish fish", ("category=cream", "category=fish", "diet=fish")),
        ("creme de la creme", ("brand=Crème de la Crème",)),
        ("sky blue 42 m", ("color=sky_blue",)),
        ("a sentence that nobody would ever type", ()),
        ("", ()),
    ],
)
def test_what_a_query_names(query: str, wanted: tuple[str, ...]) -> None:
    assert said_in(query, SPOKEN) == wanted
