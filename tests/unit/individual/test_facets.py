"""What a value is compared with."""

from __future__ import annotations

import numpy as np
import pytest

from eachwise.catalog import build_index
from eachwise.contracts.catalog import Item
from eachwise.individual import facets_of, multiples
from eachwise.individual.facets import Facets

VALUES = ("diet=meat", "diet=vegan", "genre=noir", "genre=western", "new=yes")


def counted(facets: Facets, masses: list[float], whole: float) -> list[float]:
    """Items with each value's facet, of one kind of mass."""
    found: list[float] = facets.items(np.array([masses]), np.array([whole]))[0].tolist()
    return found


def test_shares_are_taken_among_items_with_the_facet() -> None:
    facets = facets_of(VALUES, np.array([0.3, 0.1, 0.2, 0.4, 0.25]))
    assert facets.shares == pytest.approx([0.75, 0.25, 1 / 3, 2 / 3, 0.25])


def test_several_values_of_a_facet_make_one_item() -> None:
    facets = facets_of(VALUES[2:4], np.array([0.4, 0.8]), {"genre": 1.2})
    # Everything has a genre, and 1.2 of them.
    assert facets.shares == pytest.approx([0.4, 0.8])
    assert counted(facets, [6.0, 6.0], 20.0) == pytest.approx([10.0, 10.0])


def test_a_value_never_has_more_items_than_its_facet_and_the_facet_no_more_than_all() -> None:
    facets = facets_of(VALUES, np.full(5, 0.2), {"genre": 2.0})
    assert counted(facets, [0.0, 0.0, 4.0, 0.0, 1.0], 5.0) == pytest.approx([0, 0, 4, 4, 5])
    assert counted(facets, [9.0, 9.0, 0.0, 0.0, 0.0], 5.0)[0] == 5.0


def test_a_share_is_never_certain() -> None:
    facets = facets_of(("a=1", "a=2"), np.array([1.0, 0.0]))
    assert facets.shares == pytest.approx([1.0 - 1e-4, 1e-4])
    assert counted(facets_of((), np.zeros(0)), [], 3.0) == []


def test_the_catalogue_says_how_many_values_an_item_has() -> None:
    items = [
        Item(item_id="a", attributes={"genre": ["noir", "western"], "diet": "meat"}),
        Item(item_id="b", attributes={"genre": "noir"}),
        Item(item_id="c", attributes={}),
    ]
    assert multiples(build_index(items, 1)) == {"diet": 1.0, "genre": 1.5}
    assert multiples(build_index([], 1)) == {}
